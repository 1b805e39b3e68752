"""Jobs: received sealed, worked off once, taken over when their worker dies, cancelled, refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from domain import bulk, cards, invariants
from domain.bulk import JobState, running
from domain.catalog.models import Variant
from domain.kernel import Busy, Refused, clock, connection, new_id, page_request, transaction
from tests import make

pytestmark = pytest.mark.usefixtures("db")
COST = make.yuan(40)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.cards.chunks.CHUNK_LINES", 10)
    monkeypatch.setattr(bulk.times, "beat_seconds", 0.02)


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


def codes(count: int) -> bytes:
    return b"".join(b"CODE-%06d\n" % number for number in range(count))


async def sent(of: Variant, content: bytes, key: str | None = None, **wish: Any) -> bulk.Job:
    wanted = cards.ImportWish(**{"sku": of.sku, "unit_cost": COST, **wish})
    upload = await cards.begin_card_import(make.OPERATOR, wanted)
    for start in range(0, len(content), 100_000):
        await upload.write(content[start : start + 100_000])
    return await upload.finish(key)


async def again(job: bulk.Job) -> bulk.Job:
    return await bulk.get_job(make.OPERATOR, job.id)


async def test_a_job_imports_what_was_sent_and_tells_its_end() -> None:
    variant = await make.variant()
    job = await sent(variant, codes(55), source="market")
    assert (job.state, job.total, job.actor_id) == (JobState.QUEUED, 660, make.OPERATOR.user_id)
    assert await bulk.list_due(10) == [job.id]
    await bulk.run_job(job.id)
    job = await again(job)
    assert (job.state, job.done, job.attempts) == (JobState.SUCCEEDED, 660, 1)
    assert job.result is not None
    assert (job.result["accepted"], job.result["stored"]) == (55, True)
    assert await value("SELECT source FROM card_batches WHERE id = $1", job.subject) == "market"
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT type, payload FROM outbox_events WHERE subject = $1 ORDER BY sequence", job.id
        )
    assert [row["type"] for row in told] == ["job.queued", "job.finished"]
    assert orjson.loads(told[1]["payload"])["state"] == "succeeded"
    assert await value("SELECT count(*) FROM bulk_pieces") == 0
    assert await bulk.list_due(10) == []
    await bulk.run_job(job.id)
    assert (await again(job)).attempts == 1


async def test_the_input_lies_sealed_in_pieces_until_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("domain.bulk.pieces.PIECE_BYTES", 100)
    variant = await make.variant()
    job = await sent(variant, codes(55))
    assert await value("SELECT count(*) FROM bulk_pieces") == 7
    async with connection() as conn:
        rows = await conn.fetch("SELECT sealed FROM bulk_pieces")
    assert not any(b"CODE" in row["sealed"] for row in rows)
    await bulk.run_job(job.id)
    assert (await again(job)).state is JobState.SUCCEEDED
    assert await value("SELECT count(*) FROM cards") == 55


async def test_a_piece_that_was_altered_or_moved_is_not_worked_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("domain.bulk.pieces.PIECE_BYTES", 100)
    monkeypatch.setattr(running, "MAX_ATTEMPTS", 1)
    variant = await make.variant()
    job = await sent(variant, codes(55))
    async with transaction() as conn:
        await conn.execute(
            "UPDATE bulk_pieces p SET sealed = o.sealed FROM bulk_pieces o"
            " WHERE p.number = 1 AND o.number = 2"
        )
    await bulk.run_job(job.id)
    job = await again(job)
    assert (job.state, job.fault) == (JobState.FAILED, {"code": "INTERNAL"})
    assert await value("SELECT count(*) FROM cards") == 0


class Died(BaseException):
    """What a test kills a worker's code with: nothing of the job's own handling sees it."""


async def test_another_worker_takes_over_what_a_dead_one_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variant = await make.variant()
    job = await sent(variant, codes(55))
    chunks = 0

    def dying(point: str) -> None:
        nonlocal chunks
        chunks += 1
        if chunks == 3:
            raise Died

    monkeypatch.setattr("domain.cards.chunks.crash_point", dying)
    with pytest.raises(Died):
        await bulk.run_job(job.id)
    monkeypatch.setattr("domain.cards.chunks.crash_point", lambda point: None)
    assert await value("SELECT count(*) FROM cards") in (10, 20)
    assert await bulk.list_due(10) == []
    await bulk.run_job(job.id)  # its lease is not over
    assert (await again(job)).attempts == 1
    later = clock.now() + timedelta(seconds=bulk.times.lease_seconds + 1)
    with clock.fixed(lambda: later):
        assert await bulk.list_due(10) == [job.id]
        await bulk.run_job(job.id)
    job = await again(job)
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 2)
    assert job.result is not None
    assert (job.result["accepted"], job.result["resumed"]) == (55, True)
    assert [each.name for each in await invariants.find_violations() if each.violations] == []


async def test_a_job_that_kills_its_workers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    job = await sent(await make.variant(), codes(5))
    async with transaction() as conn:
        await conn.execute("UPDATE bulk_jobs SET attempts = 5")
    await bulk.run_job(job.id)
    assert (await again(job)).state is JobState.FAILED


async def test_a_heartbeat_keeps_a_job_and_loses_it_to_whoever_took_it_over() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(work: bulk.Work) -> bulk.Outcome:
        begun.set()
        await go.wait()
        work.progress(1)
        return bulk.Outcome({})

    async with _kind(slow):
        upload = await bulk.begin_upload(make.OPERATOR, "slow", {})
        await upload.write(b"x")
        job = await upload.finish()
        first = asyncio.create_task(bulk.run_job(job.id))
        await begun.wait()
        due = (await again(job)).due_at
        assert due is not None
        await asyncio.sleep(0.1)
        assert ((await again(job)).due_at or due) > due
        async with transaction() as conn:
            await conn.execute("UPDATE bulk_jobs SET attempts = attempts + 1")
        await asyncio.sleep(0.1)
        go.set()
        await first
        assert (await again(job)).state is JobState.RUNNING  # the other one's


async def test_a_job_that_waits_is_cancelled_at_once_and_one_that_runs_at_its_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variant = await make.variant()
    waiting = await sent(variant, codes(15))
    assert (await bulk.cancel_job(make.OPERATOR, waiting.id)).state is JobState.CANCELLED
    await bulk.run_job(waiting.id)
    assert await value("SELECT count(*) FROM cards") == 0
    job = await sent(variant, codes(500))

    async def cancel(progress: Any, done: Any) -> None:
        await bulk.cancel_job(make.OPERATOR, job.id)
        await asyncio.sleep(0.1)
        progress(done.offset)

    monkeypatch.setattr("domain.cards.chunks.tell", cancel)
    await bulk.run_job(job.id)
    assert (await again(job)).state is JobState.CANCELLED
    stored = await value("SELECT count(*) FROM cards")
    assert 0 < stored < 500
    assert await value("SELECT stage FROM card_batches") == "importing"
    assert (await bulk.cancel_job(make.OPERATOR, job.id)).state is JobState.CANCELLED
    monkeypatch.undo()
    resumed = await sent(variant, codes(500))
    await bulk.run_job(resumed.id)
    assert await value("SELECT count(*) FROM cards") == 500


async def test_what_the_domain_refuses_is_told_with_its_line() -> None:
    variant = await make.variant()
    job = await sent(variant, codes(3) + b"\xff\n")
    await bulk.run_job(job.id)
    job = await again(job)
    assert job.state is JobState.FAILED
    assert job.fault == {"code": "CARD_FILE_INVALID", "reason": "not_utf8", "line": 4}
    assert await value("SELECT count(*) FROM cards") == 0


async def test_what_is_only_in_somebodys_way_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def busy(*_: object) -> None:
        raise Refused(Busy())

    job = await sent(await make.variant(), codes(15))
    monkeypatch.setattr("domain.cards.uploaded.import_cards", busy)
    await bulk.run_job(job.id)
    job = await again(job)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert job.due_at is not None
    assert job.due_at > clock.now()


async def test_a_dry_run_by_a_job_keeps_its_problems() -> None:
    variant = await make.variant()
    job = await sent(variant, codes(5) + b"code000001\n----\n", dry_run=True)
    await bulk.run_job(job.id)
    job = await again(job)
    assert job.result is not None
    assert (job.result["accepted"], job.result["stored"]) == (5, False)
    told = [(each.line, each.reason) async for each in bulk.read_problems(*bulk.subjects_of(job))]
    assert told == [(6, "card_twice_in_file"), (7, "card_secret_missing")]
    assert await value("SELECT count(*) FROM card_batches") == 0


async def test_one_key_is_one_job() -> None:
    variant = await make.variant()
    first = await sent(variant, codes(5), key="k-1")
    assert (await sent(variant, codes(5), key="k-1")).id == first.id
    assert await value("SELECT count(*) FROM bulk_jobs") == 1
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await sent(variant, codes(6), key="k-1")


async def test_a_job_is_its_owners_and_whoever_reads_jobs() -> None:
    job = await sent(await make.variant(), codes(5))
    stranger = replace(make.OPERATOR, user_id=new_id(), scopes=frozenset({"cards:write"}))
    owner = replace(stranger, user_id=make.OPERATOR.user_id)
    for work in (bulk.get_job, bulk.cancel_job):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await work(stranger, job.id)
    page = page_request("jobs", None, None)
    assert (await bulk.list_jobs(stranger, page)).rows == []
    assert [each.id for each in (await bulk.list_jobs(owner, page)).rows] == [job.id]
    reader = replace(stranger, scopes=frozenset({"jobs:read"}))
    assert (await bulk.get_job(reader, job.id)).id == job.id
    with pytest.raises(Refused, match="FORBIDDEN"):
        await bulk.cancel_job(reader, job.id)
    assert (await bulk.cancel_job(owner, job.id)).state is JobState.CANCELLED


async def test_an_upload_that_never_ended_is_nobodys_and_forgotten() -> None:
    variant = await make.variant()
    wish = cards.ImportWish(variant.sku, COST)
    upload = await cards.begin_card_import(make.OPERATOR, wish)
    await upload.write(b"x" * 300_000)
    assert (await bulk.list_jobs(make.OPERATOR, page_request("jobs", None, None))).rows == []
    assert await bulk.forget_old_jobs() == 0
    later = clock.now() + timedelta(hours=7)
    with clock.fixed(lambda: later):
        assert await bulk.forget_old_jobs() == 1
    assert await value("SELECT count(*) FROM bulk_pieces") == 0


async def test_the_database_holds_the_states_of_a_job() -> None:
    job = await sent(await make.variant(), codes(5))
    for change in (
        "state = 'gone'",
        "state = 'succeeded'",
        "state = 'failed', finished_at = now(), due_at = NULL",
        "due_at = NULL",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            async with transaction() as conn:
                await conn.execute(f"UPDATE bulk_jobs SET {change}")
    await bulk.cancel_job(make.OPERATOR, job.id)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with transaction() as conn:
            await conn.execute(
                "UPDATE bulk_jobs SET state = 'queued', finished_at = NULL, due_at = now()"
            )


def _kind(work: Any) -> Any:
    @asynccontextmanager
    async def known() -> AsyncIterator[None]:
        bulk.register("slow", work)
        try:
            yield
        finally:
            running._kinds.pop("slow")

    return known()
