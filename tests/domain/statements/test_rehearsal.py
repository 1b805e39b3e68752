"""A dry run of a statement says what an import would do, and writes nothing (mission row F5).

`tests.statement_files.take` compares each import of the other tests with its dry run; here is what
only a dry run does.
"""

from datetime import timedelta

import pytest
from asyncpg.exceptions import ReadOnlySQLTransactionError

from domain import statements
from domain.kernel import Refused, clock, connection
from domain.statements import Outcome, StatementSource, rehearsal
from tests import make, vendor
from tests.statement_files import Row, at, csv_of, pay, row_of, take, today, yesterday_at_noon
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
WISH = statements.StatementWish("bill.csv")
_TABLES = """
SELECT format('SELECT %L AS name, count(*) AS rows, sum(xmin::text::bigint) AS written FROM %I',
    relname, relname) FROM pg_stat_user_tables ORDER BY relname
"""


async def written() -> list[tuple[object, ...]]:
    """Every table, how many rows it has, and by whom they were written."""
    async with connection() as conn:
        each = [row[0] for row in await conn.fetch(_TABLES)]
        return [tuple(row) for row in await conn.fetch(" UNION ALL ".join(each))]


async def test_nothing_is_written_not_even_a_source_that_is_new() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    yesterday = today() - timedelta(days=1)
    with at(yesterday_at_noon()):
        known, lost = await pay(bank, channel), await pay(bank, channel)
    source = await statements.source_of(statements.Party.CHANNEL, channel.code, keep=False)
    wish = statements.StatementWish("bill.csv", first_day=yesterday, last_day=yesterday)
    dear = row_of(lost, amount=lost.amount + 1)
    strange = Row("strange", make.yuan(9), clock.now())
    before = await written()
    rows = (row_of(known), strange, strange, row_of(known, provider_id="again"))
    found = await statements.rehearse(make.OPERATOR, source, wish, csv_of(*rows))
    told = {(each.code, each.line, each.reference) for each in found.differences}
    assert told == {
        ("payment_unknown_here", 3, "strange"),
        ("payment_unknown_here", 4, "strange"),
        ("payment_twice", 5, known.reference),
        ("payment_missing_there", 0, lost.reference),
    }
    matched = next(each for each in found.sums if each.outcome is Outcome.MATCHED)
    assert (matched.number, matched.theirs, matched.ours) == (1, known.amount, known.amount)
    found = await statements.rehearse(make.OPERATOR, source, wish, csv_of(row_of(known), dear))
    assert [(each.code, each.line) for each in found.differences] == [("payment_differs", 3)]
    assert await written() == before
    assert await StatementSource.all().count() == 0


async def test_what_another_chunk_of_the_file_stands_for_is_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    source = await statements.source_of_channel(channel.code)
    payment = await pay(bank, channel)
    monkeypatch.setattr("domain.statements.importing.CHUNK_LINES", 1)
    row = row_of(payment)
    await take(source, row, row.but(provider_id="V99"), row)
    found = await statements.rehearse(make.OPERATOR, source, WISH, csv_of(row, row, row))
    assert (found.lines, found.fresh) == (3, 1)


async def test_rows_that_cannot_be_read_are_told_by_their_line_and_no_day_is_whole() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    yesterday = today() - timedelta(days=1)
    with at(yesterday_at_noon()):
        await pay(bank, channel)
    source = await statements.source_of_channel(channel.code)
    file = csv_of(Row("strange", 1, clock.now()))
    file.seek(0, 2)
    file.write(b"# the end\r\npayment,x,,V1,much,0.00,CNY,2026-11-26T00:00:00\r\n")
    file.write(b"payment,x,,V1,1.00,0.00,CNY,soon\r\n")
    wish = statements.StatementWish("bill.csv", first_day=yesterday, last_day=yesterday)
    found = await statements.rehearse(make.OPERATOR, source, wish, file)
    assert (found.lines, found.fresh, found.left_out) == (3, 1, 2)
    assert [(each.line, each.reason) for each in found.problems] == [
        (4, "amount_not_a_number"),
        (5, "statement_time"),
    ]
    assert [each.code for each in found.differences] == ["payment_unknown_here"]


async def test_a_dry_run_refuses_what_an_import_refuses_and_what_it_cannot_remember(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel = await vendor.channel(Vendor())
    source = await statements.source_of_channel(channel.code)
    nobody = await make.operator("statements:read")
    with pytest.raises(Refused, match="FORBIDDEN"):
        await statements.rehearse(nobody, source, WISH, csv_of())
    broken = csv_of(Row("a", 1, clock.now()))
    broken.seek(0, 2)
    broken.write(b"\n\xff\xfe")
    with pytest.raises(Refused, match="STATEMENT_FILE_INVALID"):
        await statements.rehearse(make.OPERATOR, source, WISH, broken)
    monkeypatch.setattr(rehearsal, "MAX_LINES", 1)
    two = csv_of(Row("a", 1, clock.now()), Row("b", 1, clock.now()))
    with pytest.raises(Refused) as refused:
        await statements.rehearse(make.OPERATOR, source, WISH, two)
    assert refused.value.refusals[0].reason == "statement_dry_run_too_large"


async def test_the_database_refuses_to_write_in_a_dry_run() -> None:
    async with rehearsal._without_writing() as conn:
        with pytest.raises(ReadOnlySQLTransactionError):
            await conn.execute("DELETE FROM statement_days")
