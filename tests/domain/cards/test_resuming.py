"""An import is cut off, gone on with, taken back half way, rehearsed: counts and books agree."""

import asyncio
import io
from typing import Any

import asyncpg
import pytest

from domain import bulk, cards, checkout, invariants, ledger
from domain.cards import chunks, store
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import Refused, connection, new_id, transaction
from domain.ledger import AccountKind, account_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
COST = make.yuan(40)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("chunks", "importing", "rehearsal"):
        monkeypatch.setattr(f"domain.cards.{module}.CHUNK_LINES", 10)
    monkeypatch.setattr("domain.cards.undoing.CHUNK_CARDS", 10)


def codes(count: int, start: int = 0) -> list[bytes]:
    return [b"CODE-%06d" % number for number in range(start, start + count)]


async def run(of: Variant, content: bytes, **changes: Any) -> cards.CardImportReport:
    wish = cards.ImportWish(**{"sku": of.sku, "unit_cost": COST, **changes})
    return await cards.import_cards(make.OPERATOR, wish, io.BytesIO(content))


class CutOff(Exception):
    """What a test ends an import with."""


async def cut_off(of: Variant, content: bytes, after_bytes: int, **changes: Any) -> None:
    def stop(done: int) -> None:
        if done >= after_bytes:
            raise CutOff

    wish = cards.ImportWish(**{"sku": of.sku, "unit_cost": COST, **changes})
    with pytest.raises(CutOff):
        await cards.import_cards(make.OPERATOR, wish, io.BytesIO(content), stop)


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def books_agree() -> None:
    """What was paid for cards is what the living ones cost, and every promise holds."""
    stock = await value("SELECT coalesce(sum(unit_cost), 0) FROM cards WHERE state <> 'void'")
    assert await ledger.balance_of(account_id(AccountKind.BANK, None, make.CNY)) == stock
    assert [each.name for each in await invariants.find_violations() if each.violations] == []


async def test_an_import_that_was_cut_off_goes_on_behind_its_last_chunk() -> None:
    variant = await make.variant()
    content = b"secret\n" + b"\n".join(codes(55))
    await cut_off(variant, content, after_bytes=150)
    stage = "SELECT stage || ' ' || accepted FROM card_batches"
    assert await value(stage) == "importing 20"
    await books_agree()
    report = await run(variant, content, unit_cost=1, source="other")
    assert (report.accepted, report.resumed, report.replayed) == (55, True, False)
    assert report.problems == []
    assert await value("SELECT count(DISTINCT unit_cost) FROM cards") == 1  # as it was begun with
    assert await value(stage) == "stored 55"
    assert await value("SELECT count(*) FROM outbox_events WHERE type = 'card_batch.imported'") == 1
    again = await run(variant, content)
    assert (again.replayed, again.accepted) == (True, 55)
    await books_agree()


async def test_every_place_to_be_cut_off_ends_in_the_same_store() -> None:
    content = b"\n".join(codes(35))
    for place in range(0, 35 * 12, 60):
        variant = await make.variant()
        await cut_off(variant, content, after_bytes=place)
        report = await run(variant, content)
        assert (report.accepted, report.duplicates, report.rejected) == (35, 0, 0)
        assert await cards.stock_of([variant.id], 100) == {variant.id: 35}
    await books_agree()


async def test_what_went_on_opens_with_the_key_that_it_began_with() -> None:
    variant = await make.variant()
    content = b"\n".join(codes(25))
    await cut_off(variant, content, after_bytes=100)
    report = await run(variant, content)
    async with connection() as conn:
        ids = await conn.fetch("SELECT id FROM cards WHERE batch_id = $1", report.batch_id)
        sealed = await cards.find_sealed(conn, [row["id"] for row in ids])
    opened = await cards.open_codes(make.OPERATOR, sealed)
    assert sorted(card.secret.encode() for card in opened) == codes(25)


async def test_a_new_data_key_in_between_is_used_from_then_on() -> None:
    variant = await make.variant()
    content = b"\n".join(codes(25))
    await cut_off(variant, content, after_bytes=100)
    batch = await cards.CardBatch.get()
    await cards.rotate_batch(make.OPERATOR, batch.id)
    assert (await run(variant, content)).accepted == 25
    async with connection() as conn:
        ids = await conn.fetch("SELECT id FROM cards")
        sealed = await cards.find_sealed(conn, [row["id"] for row in ids])
    assert len(await cards.open_codes(make.OPERATOR, sealed)) == 25
    assert await value("SELECT min(generation) FROM card_secrets") == 2


async def test_a_data_key_that_is_changed_under_an_import_stops_it() -> None:
    """Codes sealed with a key that the batch forgets would never open again."""
    variant = await make.variant()
    content = b"\n".join(codes(45))

    async def rotate(done: int) -> None:
        batch = await cards.CardBatch.get()
        await cards.rotate_batch(make.OPERATOR, batch.id)

    wish = cards.ImportWish(variant.sku, COST)
    with pytest.raises(Refused, match="BUSY"):
        await cards.import_cards(make.OPERATOR, wish, io.BytesIO(content), rotate)
    assert (await run(variant, content)).accepted == 45
    async with connection() as conn:
        ids = await conn.fetch("SELECT id FROM cards")
        sealed = await cards.find_sealed(conn, [row["id"] for row in ids])
    opened = await cards.open_codes(make.OPERATOR, sealed)
    assert sorted(card.secret.encode() for card in opened) == codes(45)


async def test_a_batch_that_is_released_or_frozen_meanwhile_is_gone_on_with_as_it_is() -> None:
    variant = await make.variant()
    content = b"\n".join(codes(45))
    quarantine = cards.BatchOrigin(quarantine=True)
    await cut_off(variant, content, after_bytes=100, origin=quarantine)
    batch = await cards.CardBatch.get()
    assert await cards.stock_of([variant.id], 100) == {variant.id: 0}
    await cards.release_batch(make.OPERATOR, batch.id)
    await cards.freeze_batch(make.OPERATOR, batch.id, "looked wrong")
    with pytest.raises(Refused, match="CARD_BATCH_FROZEN"):
        await run(variant, content)
    await cards.unfreeze_batch(make.OPERATOR, batch.id, "was right")
    assert (await run(variant, content)).accepted == 45
    assert await cards.stock_of([variant.id], 100) == {variant.id: 45}
    await books_agree()


async def test_the_trace_holds_over_an_import_that_was_cut_off_and_taken_back() -> None:
    variant = await make.variant()
    content = b"\n".join(codes(45))
    await cut_off(variant, content, after_bytes=100)
    report = await run(variant, content)
    assert report.batch_id is not None
    await cards.undo_batch(make.OPERATOR, report.batch_id)
    await cards.seal_card_events()
    assert (await cards.verify_cards()).faults == []


async def test_cards_of_a_stored_chunk_are_for_sale() -> None:
    variant = await make.variant()
    await cut_off(variant, b"\n".join(codes(25)), after_bytes=100)
    buyer = await make.buyer()
    wish = Purchase((LineWish(variant.sku, 10),), str(new_id()))
    await checkout.place_order(buyer, wish)
    assert (await run(variant, b"\n".join(codes(25)))).accepted == 25
    assert await cards.stock_of([variant.id], 100) == {variant.id: 15}


async def test_twins_are_told_with_their_lines_whatever_their_order_and_spelling() -> None:
    variant = await make.variant()
    await run(variant, b"\n".join(codes(30)))
    other = [*reversed(codes(30)), *codes(2, start=100)]
    variants = [line.lower().replace(b"-", b" - ") for line in other] + [b"code000100"]
    report = await run(variant, b"\n".join(variants))
    assert (report.accepted, report.duplicates) == (2, 31)
    told = [(each.line, each.reason) for each in report.problems]
    assert told == [
        *((line, "card_twice_in_store") for line in range(1, 31)),
        (33, "card_twice_in_file"),
    ]
    assert await value("SELECT count(*) FROM bulk_left_out") == 4  # ranges, chunk by chunk
    await books_agree()


async def test_an_import_that_was_cut_off_is_taken_back_and_comes_in_anew() -> None:
    variant = await make.variant()
    content = b"\n".join(codes(45))
    await cut_off(variant, content, after_bytes=300)
    batch = await cards.CardBatch.get()
    report = await cards.undo_batch(make.OPERATOR, batch.id)
    assert (report.voided, report.kept) == (30, 0)
    await books_agree()
    anew = await run(variant, content)
    assert (anew.accepted, anew.resumed, anew.batch_id == batch.id) == (45, False, False)
    await books_agree()


async def test_an_import_ends_when_its_batch_is_taken_back_meanwhile() -> None:
    variant = await make.variant()

    async def undo(done: int) -> None:
        batch = await cards.CardBatch.get()
        await cards.undo_batch(make.OPERATOR, batch.id)

    wish = cards.ImportWish(variant.sku, COST)
    with pytest.raises(Refused) as caught:
        await cards.import_cards(make.OPERATOR, wish, io.BytesIO(b"\n".join(codes(45))), undo)
    assert getattr(caught.value.refusals[0], "reason", "") == "batch_undone_meanwhile"
    assert await cards.stock_of([variant.id], 100) == {variant.id: 0}
    await books_agree()


async def test_an_undo_that_was_cut_off_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = await make.variant()
    batch = (await run(variant, b"\n".join(codes(35)))).batch_id
    assert batch is not None
    turns = 0

    def dying(point: str) -> None:
        nonlocal turns
        turns += 1
        if turns == 3:
            raise CutOff

    monkeypatch.setattr("domain.cards.undoing.crash_point", dying)
    with pytest.raises(CutOff):
        await cards.undo_batch(make.OPERATOR, batch)
    assert await value("SELECT stage || ' ' || voided FROM card_batches") == "undoing 20"
    await books_agree()
    monkeypatch.setattr("domain.cards.undoing.crash_point", lambda point: None)
    report = await cards.undo_batch(make.OPERATOR, batch)
    assert (report.voided, report.kept) == (15, 0)
    details = "SELECT details->>'voided' FROM audit_entries WHERE action = 'card_batch.undo'"
    assert await value(details) == "35"
    assert await value("SELECT count(*) FROM outbox_events WHERE type = 'card_batch.undone'") == 1
    await books_agree()


async def test_the_database_holds_the_stages_of_a_batch() -> None:
    await make.variant(cards=1)
    for change in ("stage = 'gone'", "stage = 'undone'", "undone_at = now()"):
        with pytest.raises(asyncpg.CheckViolationError):
            async with transaction() as conn:
                await conn.execute(f"UPDATE card_batches SET {change}")


async def test_one_file_at_once_by_many_makes_one_batch() -> None:
    variant = await make.variant()
    content = b"\n".join(codes(200))
    reports = await asyncio.gather(*(run(variant, content) for _ in range(4)))
    assert sorted(report.replayed for report in reports) == [False, True, True, True]
    assert await value("SELECT count(*) FROM cards") == 200
    await books_agree()


async def test_two_runs_that_both_believe_to_be_alone_store_each_chunk_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lock's connection may be lost: then the batch's row tells who was slower."""

    async def believes(conn: object, name: str) -> None:
        """No lock is taken."""

    monkeypatch.setattr("domain.cards.importing._locked", believes)
    variant = await make.variant()
    content = b"\n".join(codes(200))
    await cut_off(variant, content, after_bytes=100)
    runs = [run(variant, content) for _ in range(3)]
    ended = await asyncio.gather(*runs, return_exceptions=True)
    told = [str(each) if isinstance(each, Refused) else type(each).__name__ for each in ended]
    assert set(told) <= {"BUSY", "CardImportReport"}
    assert "BUSY" in told  # else nobody was too slow, and this test shows nothing
    assert (await run(variant, content)).accepted == 200
    assert await value("SELECT count(*) FROM cards") == 200
    await books_agree()


def _crossing() -> list[bytes]:
    lines = codes(400)
    return [b"\n".join(lines), b"\n".join(reversed(lines))]


async def test_files_that_share_codes_in_another_order_never_wait_in_a_circle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("chunks", "importing"):
        monkeypatch.setattr(f"domain.cards.{module}.CHUNK_LINES", 5_000)
    for _ in range(5):
        variant = await make.variant()
        one, two = await asyncio.gather(*(run(variant, content) for content in _crossing()))
        assert one.accepted + two.accepted == 400
        assert one.duplicates + two.duplicates == 400


async def test_written_in_the_order_of_their_files_they_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: one order for all writers is what keeps them from the circle."""
    variant = await make.variant()
    monkeypatch.setattr(store, "in_order", lambda rows: rows)
    halves = [codes(200), list(reversed(codes(200)))]
    met = asyncio.Barrier(2)
    insert = chunks.insert_sealed

    async def in_two_steps(conn: Any, batch: Any, made: store.SealedCards) -> Any:
        first, second = made.rows[:100], made.rows[100:]
        found = await insert(conn, batch, store.SealedCards(made.index, first))
        await met.wait()
        return found | await insert(conn, batch, store.SealedCards(made.index, second))

    monkeypatch.setattr(chunks, "insert_sealed", in_two_steps)
    monkeypatch.setattr("domain.cards.chunks.CHUNK_LINES", 5_000)
    monkeypatch.setattr("domain.cards.importing.CHUNK_LINES", 5_000)
    ended = await asyncio.gather(
        *(run(variant, b"\n".join(half)) for half in halves), return_exceptions=True
    )
    assert asyncpg.DeadlockDetectedError in {type(each) for each in ended}


async def test_a_dry_run_tells_what_would_be_and_writes_nothing() -> None:
    variant = await make.variant()
    await run(variant, b"\n".join(codes(3)))
    content = b"\n".join([*codes(25), b"code 000007", b"----", *codes(5, start=50)])
    before = await everything()
    rehearsed = await run(variant, content, dry_run=True)
    assert await everything() == before
    assert (rehearsed.stored, rehearsed.batch_id) == (False, None)
    real = await run(variant, content)
    told = ("accepted", "duplicates", "rejected", "problems")
    assert [getattr(rehearsed, each) for each in told] == [getattr(real, each) for each in told]
    assert (real.accepted, real.duplicates, real.rejected) == (27, 4, 1)


async def test_all_or_nothing_stores_nothing_when_one_row_is_wrong() -> None:
    variant = await make.variant()
    before = await everything()
    content = b"\n".join([*codes(25), b"CODE-000001"])
    refused = await run(variant, content, all_or_nothing=True)
    assert (refused.stored, refused.batch_id) == (False, None)
    assert [(each.line, each.reason) for each in refused.problems] == [(26, "card_twice_in_file")]
    assert await everything() == before
    whole = await run(variant, b"\n".join(codes(25)), all_or_nothing=True)
    assert (whole.stored, whole.accepted) == (True, 25)


async def test_a_file_of_the_mainland_comes_in_when_its_encoding_is_told() -> None:
    variant = await make.variant()
    content = "secret\n卡密甲\n卡密乙\n".encode("gb18030")
    with pytest.raises(Refused, match="CARD_FILE_INVALID"):
        await run(variant, content)
    assert (await run(variant, content, encoding="gb18030")).accepted == 2
    with pytest.raises(Refused) as caught:
        await run(variant, content, encoding="latin-1")
    assert getattr(caught.value.refusals[0], "reason", "") == "encoding"


async def test_very_many_problems_take_little_room() -> None:
    variant = await make.variant()
    report = await run(variant, b"secret,number\n" + b",1\n" * 500)
    assert (report.rejected, len(report.problems)) == (500, 500)
    assert report.batch_id is not None
    assert await value("SELECT count(*) FROM bulk_left_out") == 50
    lines = [each.line async for each in bulk.read_problems(report.batch_id)]
    assert lines == list(range(2, 502))


async def everything() -> dict[str, int]:
    async with connection() as conn:
        names = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0]: await conn.fetchval(f'SELECT count(*) FROM "{row[0]}"') for row in names}
