"""Running jobs: claimed for a while, kept alive by a heartbeat, taken over when their worker dies.

Whoever holds the newest attempt may write; one that was thought dead and is not finds that out at
its next heartbeat. What a job does must bear being done again from its beginning.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, BinaryIO
from uuid import UUID

import orjson

from domain.bulk.models import JobState
from domain.bulk.pieces import open_input
from domain.bulk.problems import Problem, record_problems
from domain.kernel import (
    Actor,
    ActorKind,
    Connection,
    Event,
    Prefix,
    Refusal,
    Refused,
    WrappedKey,
    clock,
    crash_point,
    encode_id,
    record_events,
    transaction,
    wake_relay,
)

MAX_ATTEMPTS = 5
MAX_AT_ONCE = 2  # of one worker, so that its other jobs keep their share of the processor
FINISHED = "job.finished"
INTERNAL = "INTERNAL"

_CLAIM = """
UPDATE bulk_jobs SET state = 'running', attempts = attempts + 1, due_at = $3,
    started_at = coalesce(started_at, $2)
WHERE id = $1 AND state IN ('queued', 'running') AND due_at <= $2
RETURNING id, kind, wish, actor, total, wrapped_key, key_version, attempts, cancel_asked_at
"""
_BEAT = """
UPDATE bulk_jobs SET due_at = $3, done = greatest(done, $4)
WHERE id = $1 AND state = 'running' AND attempts = $2 RETURNING cancel_asked_at IS NOT NULL
"""
_POSTPONE = """
UPDATE bulk_jobs SET state = 'queued', due_at = $3, attempts = CASE WHEN $4 THEN attempts ELSE
    attempts - 1 END
WHERE id = $1 AND state = 'running' AND attempts = $2
"""
_FINISH = """
UPDATE bulk_jobs SET state = $3::text, due_at = NULL, finished_at = $4, result = $5::jsonb,
    fault = $6::jsonb, subject = $7,
    done = CASE WHEN $3::text = 'succeeded' THEN total ELSE done END
WHERE id = $1 AND state = 'running' AND attempts = $2 RETURNING 1
"""
_FORGET_INPUT = "DELETE FROM bulk_pieces WHERE job_id = $1"
_DUE = """
SELECT id FROM bulk_jobs WHERE due_at <= $1 ORDER BY due_at LIMIT $2
"""

log = logging.getLogger("kameng.bulk")


@dataclass(slots=True)
class Times:
    """How long a silent worker is believed to live, and when a job is tried again."""

    lease_seconds: float = 15.0
    beat_seconds: float = 1.0
    again_seconds: float = 10.0


times = Times()


class JobEnded(Exception):
    """Raised in a job's work: it was cancelled, or another worker has taken it over."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job did: counts and ids to show, what it made, and the rows that were left out."""

    result: Mapping[str, Any]
    subject: UUID | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Work:
    """One attempt at a job, as the code of its kind sees it."""

    job_id: UUID
    wish: dict[str, Any]
    actor: Actor
    input: BinaryIO
    done: int = 0
    ended: bool = False

    def progress(self, done: int) -> None:
        """Note how many bytes of the input are worked off; raises when it is to end here."""
        self.done = done
        if self.ended:
            raise JobEnded


Kind = Callable[[Work], Awaitable[Outcome]]
_kinds: dict[str, Kind] = {}
_at_hand: list[UUID] = []


def register(kind: str, work: Kind) -> None:
    """Say what jobs of a kind do; done by the wiring, as the contexts above are not known here."""
    _kinds[kind] = work


def is_known(kind: str) -> bool:
    """Whether there is such a kind of job."""
    return kind in _kinds


async def list_due(limit: int) -> list[UUID]:
    """Jobs that nobody works at and that are to go on now."""
    async with transaction() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def run_job(job_id: UUID) -> None:
    """Work a job off. Nothing happens when it is not due: finished, or in somebody's hands; nor
    while this worker has enough of them, the sweep sends it again."""
    if len(_at_hand) >= MAX_AT_ONCE:
        return
    _at_hand.append(job_id)
    try:
        await _run(job_id)
    finally:
        _at_hand.remove(job_id)


async def _run(job_id: UUID) -> None:
    moment = clock.now()
    async with transaction() as conn:
        row = await conn.fetchrow(_CLAIM, job_id, moment, moment + _lease())
    if row is None:
        return
    if row["cancel_asked_at"] is not None:
        await _finish(row, JobState.CANCELLED)
        return
    if row["attempts"] > MAX_ATTEMPTS:  # it kills its workers
        await _finish(row, JobState.FAILED, fault={"code": INTERNAL})
        return
    try:
        outcome = await _worked(row)
    except JobEnded:
        await _finish(row, JobState.CANCELLED)  # nothing happens when it was taken over
    except Refused as refused:
        await _refused(row, refused.refusals[0])
    except Exception:
        log.exception("a job failed: job_id=%s kind=%s", job_id, row["kind"])
        await _postpone(row, counts=True)
    else:
        crash_point("bulk.worked")
        await _finish(row, JobState.SUCCEEDED, outcome=outcome)


async def _worked(row: Any) -> Outcome:
    actor = _actor(orjson.loads(row["actor"]))
    wrapped = WrappedKey(row["wrapped_key"], row["key_version"])
    file = await open_input(row["id"], row["total"], wrapped)
    work = Work(row["id"], orjson.loads(row["wish"]), actor, file)
    beating = asyncio.create_task(_beat(row, work))
    try:
        return await _kinds[row["kind"]](work)
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat(row: Any, work: Work) -> None:
    """Tell the others that the job is in good hands, and hear whether it is to end."""
    while True:
        await asyncio.sleep(times.beat_seconds)
        try:
            async with transaction() as conn:
                until = clock.now() + _lease()
                asked = await conn.fetchval(_BEAT, row["id"], row["attempts"], until, work.done)
        except Exception as error:
            log.warning("a heartbeat failed: job_id=%s %s", row["id"], type(error).__name__)
            continue
        if asked is None or asked:  # taken over, or cancelled
            work.ended = True


async def _refused(row: Any, refusal: Refusal) -> None:
    if refusal.retryable and row["attempts"] < MAX_ATTEMPTS:
        await _postpone(row, counts=False)
        return
    fault: dict[str, Any] = {"code": refusal.code}
    for name in ("reason", "line", "file", "what"):
        if hasattr(refusal, name):
            fault[name] = getattr(refusal, name)
    await _finish(row, JobState.FAILED, fault=fault)


async def _postpone(row: Any, *, counts: bool) -> None:
    """Try again in a while; a try that was only in somebody's way does not count."""
    if counts and row["attempts"] >= MAX_ATTEMPTS:
        await _finish(row, JobState.FAILED, fault={"code": INTERNAL})
        return
    again = clock.now() + timedelta(seconds=times.again_seconds)
    async with transaction() as conn:
        await conn.execute(_POSTPONE, row["id"], row["attempts"], again, counts)


async def _finish(
    row: Any,
    state: JobState,
    *,
    outcome: Outcome | None = None,
    fault: Mapping[str, Any] | None = None,
) -> None:
    async with transaction() as conn:
        written = await conn.fetchval(
            _FINISH,
            row["id"],
            row["attempts"],
            state.value,
            clock.now(),
            orjson.dumps(outcome.result).decode() if outcome else None,
            orjson.dumps(fault).decode() if fault else None,
            outcome.subject if outcome else None,
        )
        if not written:
            return  # another worker has it by now
        if outcome is not None:
            await record_problems(conn, row["id"], outcome.problems)
        await tell_finished(conn, row["id"], row["kind"], state)
    wake_relay()


async def tell_finished(conn: Connection, job_id: UUID, kind: str, state: JobState) -> None:
    """The event of a job's end, in the transaction that ends it; its input goes."""
    await conn.execute(_FORGET_INPUT, job_id)
    payload = {"jobId": encode_id(Prefix.JOB, job_id), "kind": kind, "state": state.value}
    await record_events(conn, [Event(FINISHED, job_id, 2, payload)])


def _lease() -> timedelta:
    return timedelta(seconds=times.lease_seconds)


def _actor(told: dict[str, Any]) -> Actor:
    """Who asked, as they were allowed to when they did."""
    return Actor(
        kind=ActorKind(told["kind"]),
        user_id=UUID(told["user_id"]) if told["user_id"] else None,
        scopes=frozenset(told["scopes"]),
        ip=told["ip"],
        request_id=told["request_id"],
    )
