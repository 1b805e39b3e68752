"""Whose money an account holds, and what the database refuses to do with it (row F4)."""

from itertools import product

import asyncpg
import pytest

from domain import ledger
from domain.kernel import connection, new_id, transaction
from domain.ledger import CLIENT_KINDS, AccountKind, Posting, TransferKind, account_id, use_of
from tests import make

pytestmark = pytest.mark.usefixtures("db")
A = AccountKind
T = TransferKind
OWNED = (A.SUPPLIER, A.SUPPLIER_CLAIM, A.COMMISSION, A.CHANNEL)
SPENT = "client funds pay for nothing"
MISUSED = "has no business"


async def booked(kind: TransferKind, legs: dict[AccountKind, int]) -> None:
    """Post legs on accounts of the platform, and on a wallet that holds 100."""
    user = await make.user()
    wallet = account_id(A.WALLET, user.id, make.CNY)
    opened = [(each, user.id, make.CNY) for each in (*OWNED, A.DEPOSIT)]
    async with transaction() as conn:
        await ledger.open_accounts(conn, opened)
        bank = account_id(A.BANK, None, make.CNY)
        await ledger.post(
            conn, [Posting(T.TOPUP, new_id(), make.CNY, [(wallet, 100), (bank, -100)])]
        )
        owned = {A.WALLET, A.DEPOSIT, *OWNED}
        ids = [
            (account_id(each, user.id if each in owned else None, make.CNY), amount)
            for each, amount in legs.items()
        ]
        await ledger.post(conn, [Posting(kind, new_id(), make.CNY, ids)])


@pytest.mark.parametrize(
    ("kind", "legs"),
    [
        (T.SALE, {A.PREPAYMENT: -9, A.REVENUE: 9, A.COST: -5, A.SUPPLIER: 5}),
        (T.SALE, {A.PREPAYMENT: -8, A.GIFT_CARD: 9, A.COST: -1}),
        (T.SALE, {A.REVENUE: 9, A.PREPAYMENT: -9, A.COMMISSION_EXPENSE: -2, A.COMMISSION: 2}),
        (T.PAYMENT, {A.BANK: -9, A.PREPAYMENT: 9}),
        (T.DELIVERED_REFUND, {A.REVENUE: -9, A.WALLET: 9, A.COST: 5, A.LOSS: -5}),
        (T.DELIVERED_REFUND, {A.GIFT_CARD: -9, A.WALLET: 8, A.COST: 1}),
        (T.GIFT_CARD_VOID, {A.GIFT_CARD: -9, A.BANK: 8, A.COST: 1}),
        (T.GIFT_CARD_BREAKAGE, {A.GIFT_CARD: -9, A.REVENUE: 9}),
        (T.REFUND_SENT, {A.REFUND_DUE: -9, A.CHANNEL: 9}),
    ],
)
async def test_what_the_house_does_passes(kind: TransferKind, legs: dict[AccountKind, int]) -> None:
    await booked(kind, legs)


@pytest.mark.parametrize(
    ("kind", "legs", "why"),
    [
        # A supplier, the stock, an agent or the bank paid with buyers' money.
        (T.SUPPLY, {A.WALLET: -9, A.SUPPLIER: 9}, MISUSED),
        (T.CARD_PURCHASE, {A.PREPAYMENT: -9, A.BANK: 9}, MISUSED),
        (T.SUPPLIER_CLAIM_SETTLED, {A.SUSPENSE: -9, A.SUPPLIER_CLAIM: 9}, MISUSED),
        (T.SALE, {A.WALLET: -9, A.REVENUE: 9}, MISUSED),
        (T.REFUND, {A.PREPAYMENT: -9, A.BANK: 9}, MISUSED),
        (T.REFUND_SENT, {A.GIFT_CARD: -9, A.CHANNEL: 9}, MISUSED),
        (T.TOPUP, {A.WALLET: -9, A.BANK: 9}, MISUSED),
        (T.SALE, {A.DEPOSIT: -9, A.REVENUE: 9}, MISUSED),
        # Each leg is one that the kind may have; together they spend what was not earned.
        (T.SALE, {A.PREPAYMENT: -9, A.BANK: 9}, SPENT),
        (T.SALE, {A.PREPAYMENT: -9, A.SUPPLIER: 9}, SPENT),
        (T.SALE, {A.PREPAYMENT: -9, A.REVENUE: 8, A.COMMISSION: 1}, SPENT),
        (T.DELIVERED_REFUND, {A.GIFT_CARD: -9, A.COMMISSION_EXPENSE: 9}, SPENT),
    ],
)
async def test_client_funds_are_not_spent_on_the_house(
    kind: TransferKind, legs: dict[AccountKind, int], why: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match=why):
        await booked(kind, legs)
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM transfers") == 0


async def test_one_bad_transfer_among_good_ones_is_refused_with_them() -> None:
    prepaid, bank = (account_id(each, None, make.CNY) for each in (A.PREPAYMENT, A.BANK))
    good = Posting(T.PAYMENT, new_id(), make.CNY, [(bank, -50), (prepaid, 50)])
    bad = Posting(T.SALE, new_id(), make.CNY, [(prepaid, -9), (bank, 9)])
    with pytest.raises(asyncpg.CheckViolationError, match=SPENT):
        async with transaction() as conn:
            await ledger.post(conn, [good, bad])
    async with transaction() as conn:
        await ledger.post(conn, [good])


async def test_twin_without_the_guard_the_house_would_spend_them() -> None:
    async with connection() as conn:
        await conn.execute("ALTER TABLE entries DISABLE TRIGGER entries_posted")
    try:
        prepaid, bank = (account_id(each, None, make.CNY) for each in (A.PREPAYMENT, A.BANK))
        async with transaction() as conn:
            bad = Posting(T.SALE, new_id(), make.CNY, [(prepaid, -9), (bank, 9)])
            await ledger.post(conn, [bad])
        assert await ledger.balance_of(bank) == 9
    finally:
        async with connection() as conn:
            await conn.execute("ALTER TABLE entries ENABLE TRIGGER entries_posted")


async def test_the_database_knows_the_same_table() -> None:
    """`funds_use`, which the last `migrate` wrote, and `USES` in `domain/ledger/funds.py`."""
    cases = list(product(TransferKind, AccountKind, (True, False)))
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT funds_use(k, a, u) AS use FROM unnest($1::text[], $2::text[], $3::bool[])"
            " WITH ORDINALITY AS c (k, a, u, n) ORDER BY n",
            [kind.value for kind, _, _ in cases],
            [account.value for _, account, _ in cases],
            [up for _, _, up in cases],
        )
    differing = [
        (kind.value, account.value, "+" if up else "-", use_of(kind, account, up=up), row["use"])
        for (kind, account, up), row in zip(cases, told, strict=True)
        if use_of(kind, account, up=up) != row["use"]
    ]
    assert differing == []


def test_every_account_is_of_one_fund_and_deposits_only_their_own_kinds_touch() -> None:
    assert set(CLIENT_KINDS) == {A.WALLET, A.PREPAYMENT, A.REFUND_DUE, A.SUSPENSE, A.GIFT_CARD}
    touching = {k for k in TransferKind for up in (True, False) if use_of(k, A.DEPOSIT, up=up)}
    assert touching == {
        *(T.DEPOSIT_PAID, T.DEPOSIT_RETURNED),
        *(T.DEPOSIT_DEDUCTED, T.DEPOSIT_RESTORED),
    }
    # No commission comes out of a deposit, and no income.
    for kind in touching:
        assert use_of(kind, A.COMMISSION, up=True) is None
        assert use_of(kind, A.REVENUE, up=True) is None
