"""Card files on their way into the store: whole or not at all, once, and never in the open."""

import asyncio
import io
import logging
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from domain import cards, ledger
from domain.catalog.models import Variant
from domain.kernel import Actor, Prefix, Refused, clock, connection, encode_id, new_id
from domain.ledger import AccountKind, account_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
CLERK = replace(make.OPERATOR, scopes=frozenset({"cards:write"}))
COST = make.yuan("45.5")


async def run(of: Variant, content: bytes, **changes: Any) -> cards.CardImportReport:
    wish = cards.ImportWish(**{"sku": of.sku, "unit_cost": COST, **changes})
    return await cards.import_cards(CLERK, wish, io.BytesIO(content))


async def refused(of: Variant, content: bytes = b"AAAA-1\n", **changes: Any) -> str:
    with pytest.raises(Refused) as caught:
        await run(of, content, **changes)
    (refusal,) = caught.value.refusals
    return f"{refusal.code} {getattr(refusal, 'reason', '')}".strip()


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def balances() -> tuple[int, int]:
    return (
        await ledger.balance_of(account_id(AccountKind.INVENTORY, None, make.CNY)),
        await ledger.balance_of(account_id(AccountKind.BANK, None, make.CNY)),
    )


async def stored() -> dict[str, int]:
    tables = ("card_batches", "cards", "card_secrets", "transfers", "entries", "outbox_events")
    counts = {table: await value(f"SELECT count(*) FROM {table}") for table in tables}
    audits = "SELECT count(*) FROM audit_entries WHERE action LIKE 'card%'"
    return counts | {"audits": await value(audits)}


def secrets(count: int, start: int = 0) -> list[bytes]:
    return [b"CODE-%08d" % number for number in range(start, start + count)]


async def test_an_import_stores_books_tells_and_is_audited() -> None:
    variant = await make.variant()
    report = await run(variant, b"number,secret\n62001,AAAA-1\n62002,AAAA-2\n", source="market")
    assert (report.accepted, report.duplicates, report.rejected) == (2, 0, 0)
    assert not report.replayed
    assert await balances() == (-2 * COST, 2 * COST)
    assert await cards.stock_of([variant.id], 10) == {variant.id: 2}
    batch = await cards.CardBatch.get(id=report.batch_id)
    assert (batch.source, batch.accepted, batch.imported_by) == ("market", 2, CLERK.user_id)
    async with connection() as conn:
        event = await conn.fetchrow("SELECT * FROM outbox_events WHERE subject = $1", batch.id)
        entry = await conn.fetchrow("SELECT * FROM audit_entries WHERE target = $1", batch.id)
    counts = {"accepted": 2, "duplicates": 0, "rejected": 0}
    batch_id = encode_id(Prefix.CARD_BATCH, batch.id)
    assert (event["type"], event["sequence"]) == ("card_batch.imported", 1)
    assert orjson.loads(event["payload"]) == {"batchId": batch_id, **counts}
    assert (entry["action"], orjson.loads(entry["details"])) == ("card_batch.import", counts)


async def test_what_was_stored_opens_in_the_order_asked_for() -> None:
    variant = await make.variant()
    report = await run(variant, b"number,secret,expires_on\n62001,A-1,2999-12-31\n,A-2,\n")
    first, second = await cards.Card.filter(batch_id=report.batch_id).order_by("id")
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, [second.id, first.id])
    opened = await cards.open_codes(make.OPERATOR, sealed)
    assert opened == [
        cards.OpenedCard(second.id, None, "A-2", None),
        cards.OpenedCard(first.id, "62001", "A-1", date(2999, 12, 31)),
    ]
    assert "A-1" not in repr(opened)
    assert "62001" not in repr(opened)


async def test_bad_rows_and_twins_are_left_out_and_told_by_line() -> None:
    variant = await make.variant()
    await run(variant, b"OLD-1\n")
    content = b"secret,expires_on\nNEW-1,\nold 1,\n,\nNEW-2,soon\nnew1,\nNEW-3,\n"
    report = await run(variant, content)
    assert [(each.line, each.reason) for each in report.problems] == [
        (3, "card_twice_in_store"),
        (4, "card_secret_missing"),
        (5, "date"),
        (6, "card_twice_in_file"),
    ]
    assert (report.accepted, report.duplicates, report.rejected) == (2, 2, 2)
    assert await balances() == (-3 * COST, 3 * COST)


async def test_the_code_of_another_variant_is_no_twin() -> None:
    one, two = await make.variant(), await make.variant()
    assert (await run(one, b"AAAA-1\n")).accepted == 1
    assert (await run(two, b"AAAA-1\n")).accepted == 1


async def test_twins_are_found_across_the_pieces_of_a_long_file() -> None:
    variant = await make.variant()
    lines = [*secrets(5_500), b"code 00000000", *secrets(2, start=5_499)]
    report = await run(variant, b"\n".join(lines))
    assert (report.accepted, report.duplicates) == (5_501, 2)
    told = [(each.line, each.reason) for each in report.problems]
    assert told == [(5_501, "card_twice_in_file"), (5_502, "card_twice_in_file")]


async def test_the_same_file_again_changes_nothing() -> None:
    variant = await make.variant()
    content = b"AAAA-1\nAAAA-2\nAAAA-1\n"
    first = await run(variant, content)
    before = await stored()
    again = await run(variant, content, unit_cost=1)
    assert again.replayed
    assert again.batch_id == first.batch_id
    assert (again.accepted, again.duplicates) == (2, 1)
    assert await stored() == before


async def test_two_imports_of_one_file_at_once_make_one_batch() -> None:
    variant = await make.variant()
    content = b"\n".join(secrets(12_000))
    reports = await asyncio.gather(*(run(variant, content) for _ in range(4)))
    assert sorted(report.replayed for report in reports) == [False, True, True, True]
    assert len({report.batch_id for report in reports}) == 1
    assert {report.accepted for report in reports} == {12_000}
    assert await value("SELECT count(*) FROM cards") == 12_000
    assert await balances() == (-12_000 * COST, 12_000 * COST)


async def test_files_that_overlap_at_once_store_each_code_once() -> None:
    variant = await make.variant()
    codes = secrets(6_000)
    files = [b"\n".join(codes), b"\n".join(reversed(codes))]
    one, two = await asyncio.gather(*(run(variant, content) for content in files))
    assert one.accepted + two.accepted == 6_000
    assert one.duplicates + two.duplicates == 6_000
    assert await value("SELECT count(*) FROM cards") == 6_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("secret\n卡密\n".encode("gb18030"), "not_utf8", id="wrong encoding"),
        pytest.param(b"number,pin\n1,2\n", "card_columns", id="missing column"),
        pytest.param(b"A-1\n" + b"B" * 9_000_000, "line_too_long", id="giant line"),
        pytest.param(b"\n".join([*secrets(4_500), b"\xff"]), "not_utf8", id="fault at the end"),
    ],
)
async def test_a_file_that_cannot_be_read_changes_nothing(content: bytes, expected: str) -> None:
    variant = await make.variant()
    before = await stored()
    assert await refused(variant, content) == f"CARD_FILE_INVALID {expected}"
    assert await stored() == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"sku": "NO-SUCH"}, "NOT_FOUND", id="unknown sku"),
        pytest.param({"unit_cost": -1}, "INVALID card_cost", id="cost below zero"),
        pytest.param({"currency": "USD"}, "INVALID currency", id="another currency"),
        pytest.param({"source": ""}, "INVALID card_source", id="no source"),
        pytest.param({"source": "s" * 65}, "INVALID card_source", id="source too long"),
        pytest.param({"source": "a\0b"}, "INVALID card_source", id="source that cannot be shown"),
        pytest.param({"expires_on": date(2020, 1, 1)}, "INVALID card_expired", id="expired"),
    ],
)
async def test_a_wish_that_cannot_stand_is_refused(changes: dict[str, Any], expected: str) -> None:
    variant = await make.variant()
    assert await refused(variant, **changes) == expected
    assert await value("SELECT count(*) FROM card_batches") == 0


async def test_only_who_may_write_cards_imports_and_undoes() -> None:
    variant = await make.variant(cards=1)
    wish = cards.ImportWish(variant.sku, COST)
    for actor in (Actor(kind=CLERK.kind, user_id=new_id()), await make.buyer(0)):
        with pytest.raises(Refused, match="FORBIDDEN"):
            await cards.import_cards(actor, wish, io.BytesIO(b"A-1\n"))
        with pytest.raises(Refused, match="FORBIDDEN"):
            await cards.undo_batch(actor, new_id())
    assert await value("SELECT count(*) FROM cards") == 1


async def test_progress_tells_the_bytes_that_are_done() -> None:
    variant = await make.variant()
    content = b"\n".join(secrets(12_000))
    heard: list[int] = []
    wish = cards.ImportWish(variant.sku, COST)
    await cards.import_cards(CLERK, wish, io.BytesIO(content), heard.append)
    assert heard == sorted(heard)
    assert len(heard) == 3
    assert heard[-1] == len(content)


async def test_free_cards_book_nothing() -> None:
    variant = await make.variant()
    assert (await run(variant, b"AAAA-1\n", unit_cost=0)).accepted == 1
    assert await balances() == (0, 0)


async def test_of_very_many_problems_the_first_are_told_singly() -> None:
    variant = await make.variant()
    content = b"secret,number\n" + b",1\n" * 1_500
    report = await run(variant, content)
    assert (report.rejected, len(report.problems)) == (1_500, 1_000)
    assert (report.problems[0].line, report.problems[-1].line) == (2, 1_001)


async def test_the_wish_dates_cards_that_have_no_day_of_their_own() -> None:
    variant = await make.variant()
    own, wished = clock.now().date() + timedelta(7), clock.now().date() + timedelta(30)
    content = f"secret,expires_on\nA-1,{own}\nA-2,\n".encode()
    report = await run(variant, content, expires_on=wished)
    found = await cards.Card.filter(batch_id=report.batch_id).order_by("id")
    assert [card.expires_on for card in found] == [own, wished]


async def test_nothing_that_was_written_holds_a_code(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    variant = await make.variant()
    content = (
        b"number,secret\n7700CANARYNUMBER,CANARYSECRET-1\n,CANARYSECRET-1\n,CANARY\x07SECRET\n"
    )
    await run(variant, content)
    await run(variant, content)
    with pytest.raises(Refused) as caught:
        await run(variant, content + b"\xff\n")
    everything = await dump()
    assert variant.sku in everything  # the dump does hold what is in the open
    for canary in ("CANARYNUMBER", "CANARYSECRET", "CANARY"):
        assert canary not in everything
        assert canary.encode().hex() not in everything
    assert "CANARY" not in caplog.text
    assert "CANARY" not in repr(caught.value) + str(caught.value)


async def dump() -> str:
    """Every row of every table as text; bytes as hexadecimal, as pg_dump writes them."""
    async with connection() as conn:
        names = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        parts = [
            await conn.fetchval(
                f"SELECT coalesce(string_agg(t::text, '\n'), '') FROM \"{row['tablename']}\" t"
            )
            for row in names
        ]
    return "\n".join(parts)
