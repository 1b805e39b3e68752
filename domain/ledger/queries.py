"""Reads of the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.kernel import Money, Page, PageRequest, connection, page_of
from domain.ledger.funds import CLIENT_KINDS
from domain.ledger.models import AccountKind, TransferKind
from domain.ledger.rules import account_id

# A kept balance is read as it stands; any other account is its last checkpoint and what followed.
_BALANCES = """
SELECT a.id, CASE WHEN a.keeps_balance THEN a.balance ELSE coalesce(c.balance, 0) + coalesce(
    (SELECT sum(e.amount) FROM entries e
     WHERE e.account_id = a.id AND e.id > coalesce(c.up_to_entry, 0)), 0
) END AS balance
FROM accounts a
LEFT JOIN LATERAL (
    SELECT up_to_entry, balance FROM checkpoints
    WHERE account_id = a.id ORDER BY up_to_entry DESC LIMIT 1
) c ON true
WHERE a.id = ANY($1::uuid[])
"""
_ENTRIES = """
SELECT e.id, t.kind, e.amount, t.currency, t.posted_at, t.note FROM entries e
JOIN transfers t ON t.id = e.transfer_id
WHERE e.account_id = $1 AND e.id < $2 ORDER BY e.id DESC LIMIT $3
"""
_NEWEST = 2**63 - 1
# As the books stand now, less what moved since a moment: ids of transfers are ordered by time. One
# statement, so one snapshot.
_CLIENT_FUNDS = """
SELECT currency, sum(amount)::bigint AS amount FROM (
    SELECT a.currency, a.balance AS amount FROM accounts a
    WHERE a.kind = ANY($1) AND a.keeps_balance
    UNION ALL
    SELECT a.currency, coalesce(c.balance, 0) + coalesce((SELECT sum(e.amount) FROM entries e
            WHERE e.account_id = a.id AND e.id > coalesce(c.up_to_entry, 0)), 0)
    FROM accounts a
    LEFT JOIN LATERAL (SELECT up_to_entry, balance FROM checkpoints
        WHERE account_id = a.id ORDER BY up_to_entry DESC LIMIT 1) c ON true
    WHERE a.kind = ANY($1) AND NOT a.keeps_balance
    UNION ALL
    SELECT t.currency, -e.amount FROM transfers t JOIN entries e ON e.transfer_id = t.id
    JOIN accounts a ON a.id = e.account_id
    WHERE t.id >= $2 AND t.posted_at >= $3 AND a.kind = ANY($1)
) owned GROUP BY currency
"""
_SLACK = timedelta(minutes=10)  # between a transfer's id and its time


@dataclass(frozen=True, slots=True)
class Wallet:
    """A buyer's wallet as it stands."""

    id: UUID
    owner_id: UUID
    available: Money


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One movement of an account, newest first in lists."""

    id: UUID
    kind: TransferKind
    amount: Money
    at: datetime
    note: str


async def balance_of(account: UUID) -> int:
    """The balance in units; 0 for an account that is not open yet."""
    return (await balances_of([account])).get(account, 0)


async def balances_of(accounts: Sequence[UUID]) -> dict[UUID, int]:
    """The balances in units of those accounts that are open; one statement for all."""
    async with connection() as conn:
        rows = await conn.fetch(_BALANCES, list(accounts))
    return {row["id"]: int(row["balance"]) for row in rows}


async def client_funds_at(moment: datetime) -> dict[str, int]:
    """What buyers owned at a moment that is past, by currency, in units (mission row F4)."""
    floor = UUID(int=int((moment - _SLACK).timestamp() * 1000) << 80)
    kinds = [kind.value for kind in CLIENT_KINDS]
    async with connection() as conn:
        rows = await conn.fetch(_CLIENT_FUNDS, kinds, floor, moment)
    return {row["currency"]: row["amount"] for row in rows}


async def wallet_of(user_id: UUID, currency: str) -> Wallet:
    """A user's wallet in one currency."""
    wallet = account_id(AccountKind.WALLET, user_id, currency)
    return Wallet(wallet, user_id, Money(await balance_of(wallet), currency))


async def entries_of(account: UUID, page: PageRequest) -> Page[AccountEntry]:
    """The movements of an account, newest first."""
    before = int(page.after[0]) if page.after else _NEWEST
    async with connection() as conn:
        rows = await conn.fetch(_ENTRIES, account, before, page.first + 1)
    entries = [
        AccountEntry(
            UUID(int=row["id"]),
            TransferKind(row["kind"]),
            Money(row["amount"], row["currency"]),
            row["posted_at"],
            row["note"],
        )
        for row in rows
    ]
    return page_of(page, entries, lambda entry: (entry.id.int,))
