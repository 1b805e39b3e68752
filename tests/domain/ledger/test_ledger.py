"""The ledger on real PostgreSQL: what it books, and what the database refuses from anybody."""

import asyncio

import asyncpg
import pytest

from domain import ledger
from domain.kernel import Invalid, Money, Refused, connection, new_id, transaction
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
BANK = account_id(AccountKind.BANK, None, make.CNY)
REVENUE = account_id(AccountKind.REVENUE, None, make.CNY)
INVENTORY = account_id(AccountKind.INVENTORY, None, make.CNY)
PREPAYMENT = account_id(AccountKind.PREPAYMENT, None, make.CNY)


async def count(table: str) -> int:
    async with connection() as conn:
        return int(await conn.fetchval(f"SELECT count(*) FROM {table}"))


async def test_top_up_moves_money_once() -> None:
    user = await make.user()
    money = Money(make.yuan(100), make.CNY)
    assert await ledger.top_up(make.OPERATOR, user.id, money, "cash", "key") is False
    assert await ledger.top_up(make.OPERATOR, user.id, money, "cash", "key") is True
    wallet = await ledger.wallet_of(user.id, make.CNY)
    assert wallet.available == money
    assert await ledger.balance_of(BANK) == -money.units
    assert await count("audit_entries") == 1
    assert await count("outbox_events") == 1


async def test_top_up_refuses_a_fraction_of_a_cent_and_changes_nothing() -> None:
    user = await make.user()
    with pytest.raises(Refused) as refused:
        await ledger.top_up(make.OPERATOR, user.id, Money(15, make.CNY), "cash", "key")
    assert isinstance(refused.value.refusals[0], Invalid)
    assert await count("transfers") == 0
    assert await count("idempotency_keys") == 0


async def test_a_posting_that_does_not_sum_to_zero_is_refused_by_the_database() -> None:
    transfer = new_id()
    with pytest.raises(asyncpg.CheckViolationError, match="sum to zero"):  # noqa: PT012
        async with transaction() as conn:
            await conn.execute(
                "INSERT INTO transfers (id, kind, reference, currency, note, posted_at)"
                " VALUES ($1, 'topup', $1, 'CNY', '', now())",
                transfer,
            )
            await conn.execute(
                "INSERT INTO entries (transfer_id, account_id, amount) VALUES ($1, $2, 5)",
                transfer,
                BANK,
            )
    assert await count("transfers") == 0


async def test_entries_cannot_be_added_to_an_earlier_transfer() -> None:
    legs = [(INVENTORY, -5), (BANK, 5)]
    posting = Posting(TransferKind.CARD_PURCHASE, new_id(), make.CNY, legs)
    async with transaction() as conn:
        await ledger.post(conn, [posting])
        transfer = await conn.fetchval("SELECT id FROM transfers")
    with pytest.raises(asyncpg.RestrictViolationError, match="all its entries at once"):
        async with connection() as conn:
            await conn.execute(
                "INSERT INTO entries (transfer_id, account_id, amount)"
                " VALUES ($1, $2, 1), ($1, $3, -1)",
                transfer,
                BANK,
                REVENUE,
            )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET amount = amount + 1",
        "DELETE FROM entries",
        "UPDATE transfers SET note = 'x'",
        "DELETE FROM transfers",
        "UPDATE accounts SET balance = balance + 1 WHERE keeps_balance",
        "DELETE FROM accounts",
        "UPDATE audit_entries SET action = 'x'",
        "DELETE FROM audit_entries",
    ],
)
async def test_history_and_balances_are_refused_to_every_writer(statement: str) -> None:
    await make.buyer()
    with pytest.raises(asyncpg.RestrictViolationError):
        async with connection() as conn:
            await conn.execute(statement)


async def test_a_wallet_is_never_overdrawn_by_a_hundred_at_once() -> None:
    buyer = await make.buyer(make.yuan(10))
    wallet = account_id(AccountKind.WALLET, buyer.user_id, make.CNY)

    async def spend() -> bool:
        posting = Posting(
            TransferKind.PAYMENT,
            new_id(),
            make.CNY,
            [(wallet, -make.yuan(1)), (PREPAYMENT, make.yuan(1))],
        )
        try:
            async with transaction() as conn:
                await ledger.post(conn, [posting])
        except asyncpg.CheckViolationError:
            return False
        return True

    spent = await asyncio.gather(*(spend() for _ in range(100)))
    assert sum(spent) == 10
    assert await ledger.balance_of(wallet) == 0
    assert await ledger.balance_of(PREPAYMENT) == make.yuan(10)


async def test_the_chain_names_an_altered_entry() -> None:
    await make.buyer()
    await make.buyer()
    assert await ledger.seal_committed() == 2
    assert await ledger.seal_committed() == 0
    assert (await ledger.verify()).faults == []
    async with transaction() as conn:
        await conn.execute("ALTER TABLE entries DISABLE TRIGGER entries_append_only")
        victim = await conn.fetchval("SELECT transfer_id FROM entries ORDER BY id LIMIT 1")
        await conn.execute("UPDATE entries SET amount = amount * 2 WHERE transfer_id = $1", victim)
        await conn.execute("ALTER TABLE entries ENABLE TRIGGER entries_append_only")
    report = await ledger.verify()
    assert report.links == 2
    assert report.faults == [f"link 1: transfer {victim} or its entries were altered"]


async def test_two_sealers_at_once_make_one_chain() -> None:
    for _ in range(5):
        await make.buyer()
    added = await asyncio.gather(*(ledger.seal_committed() for _ in range(4)))
    assert sum(added) == 5
    assert (await ledger.verify()).faults == []


async def test_a_checkpoint_changes_no_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.ledger.service.CHECKPOINT_AFTER_ENTRIES", 1)
    monkeypatch.setattr("domain.ledger.service.SETTLE_SECONDS", -1)
    await make.buyer(make.yuan(7))
    await ledger.seal_committed()
    assert await ledger.take_checkpoints() == 1
    await make.buyer(make.yuan(5))
    assert await ledger.balance_of(BANK) == -make.yuan(12)


async def test_checkpoints_of_much_are_taken_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("domain.ledger.service.CHECKPOINT_AFTER_ENTRIES", 2)
    monkeypatch.setattr("domain.ledger.service.SUMMED_AT_ONCE", 2)
    monkeypatch.setattr("domain.ledger.service.ACCOUNTS_AT_ONCE", 1)
    monkeypatch.setattr("domain.ledger.service.SETTLE_SECONDS", -1)
    for _ in range(5):
        await make.buyer(make.yuan(7))
    await ledger.seal_committed()
    assert await ledger.take_checkpoints() == 2  # of the bank's five entries, the last waits
    assert await ledger.take_checkpoints() == 0
    assert await ledger.balance_of(BANK) == -make.yuan(35)
