"""What a run reads is bounded by its windows, not by history: rows are counted, not seconds."""

import pytest

from domain import cards, ledger, reconciliation
from domain.kernel import connection
from domain.reconciliation import statements
from tests import make
from tests.statements import rows_read

pytestmark = pytest.mark.usefixtures("db")
MANY = """
INSERT INTO transfers (id, kind, reference, currency, note, posted_at)
SELECT uuidv7(), 'gift_card_breakage', gen_random_uuid(), 'CNY', '', now()
FROM generate_series(1, $1);
"""


async def many_transfers(number: int) -> None:
    owed = ledger.account_id(ledger.AccountKind.GIFT_CARD, None, make.CNY)
    revenue = ledger.account_id(ledger.AccountKind.REVENUE, None, make.CNY)
    async with connection() as conn:
        await conn.execute(MANY.replace("$1", str(number)))
        await conn.execute(
            "INSERT INTO entries (transfer_id, account_id, amount)"
            " SELECT t.id, a.id, a.amount FROM transfers t CROSS JOIN"
            " (VALUES ($1::uuid, 1::bigint), ($2::uuid, -1::bigint)) a (id, amount)"
            " WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.transfer_id = t.id)",
            revenue,
            owed,
        )
        await conn.execute("ANALYZE transfers, entries, accounts")
    while await ledger.seal_committed():
        pass
    async with connection() as conn:
        await conn.execute("ANALYZE seals")


async def test_a_window_costs_the_same_after_ten_times_the_history() -> None:
    await make.stock(await make.variant(), 3)
    await many_transfers(2_000)
    few = await rows_read(statements.MONEY_WINDOW, 1_000, 1_200)
    await many_transfers(20_000)
    many = await rows_read(statements.MONEY_WINDOW, 1_000, 1_200)
    late = await rows_read(statements.MONEY_WINDOW, 20_000, 20_200)
    # Link, transfer, two entries, and at most all accounts: of 200 transfers, not of 22,000.
    assert min(few, many, late) >= 800
    assert max(few, many, late) <= 6_000


async def test_moves_of_a_window_are_looked_up_not_searched_for() -> None:
    variant = await make.variant()
    for _ in range(30):
        await make.stock(variant, 3)
    await cards.seal_card_events()
    head = "SELECT max(sequence) FROM card_seals"
    async with connection() as conn:
        await conn.execute("ANALYZE card_events, card_seals, cards")
        last = await conn.fetchval(head)
    few = await rows_read("SELECT * FROM card_moves WHERE link > $1 AND link <= $2", last - 4, last)
    for _ in range(60):
        await make.stock(variant, 3)
    await cards.seal_card_events()
    many = await rows_read(
        "SELECT * FROM card_moves WHERE link > $1 AND link <= $2", last - 4, last
    )
    assert 12 <= few == many


async def test_a_second_run_compares_nothing_twice() -> None:
    await make.stock(await make.variant(), 3)
    await many_transfers(50)
    await cards.seal_card_events()
    assert (await reconciliation.reconcile()).compared > 0
    assert (await reconciliation.reconcile()).compared == 0
