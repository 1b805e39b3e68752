"""Reads of the ledger."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.kernel import Money, Page, PageRequest, connection, page_of
from domain.ledger.models import AccountKind, TransferKind
from domain.ledger.rules import account_id

# A kept balance is read as it stands; any other account is its last checkpoint and what followed.
_BALANCE = """
SELECT CASE WHEN a.keeps_balance THEN a.balance ELSE coalesce(c.balance, 0) + coalesce(
    (SELECT sum(e.amount) FROM entries e
     WHERE e.account_id = a.id AND e.id > coalesce(c.up_to_entry, 0)), 0
) END
FROM accounts a
LEFT JOIN LATERAL (
    SELECT up_to_entry, balance FROM checkpoints
    WHERE account_id = a.id ORDER BY up_to_entry DESC LIMIT 1
) c ON true
WHERE a.id = $1
"""
_ENTRIES = """
SELECT e.id, t.kind, e.amount, t.currency, t.posted_at, t.note FROM entries e
JOIN transfers t ON t.id = e.transfer_id
WHERE e.account_id = $1 AND e.id < $2 ORDER BY e.id DESC LIMIT $3
"""
_NEWEST = 2**63 - 1


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
    async with connection() as conn:
        found = await conn.fetchval(_BALANCE, account)
    return int(found or 0)


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
