"""The books of agents: how far their commissions are released, and what they have of them.

One row for each agent and currency, locked by whoever moves released commission: the sweep, a
refund, a move to the wallet, a payout. So what is read of it stays true until the commit. A sale
does not touch it: that a hundred customers of one agent buy at once costs nobody a wait.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import ledger
from domain.kernel import Connection, new_id
from domain.ledger import AccountKind, account_id

Key = tuple[UUID, str]  # agent, currency
# A book that is not there yet would be no lock.
_OPEN = """
INSERT INTO commission_books (id, agent_id, currency, due_amount, due_lines)
SELECT id, agent, currency, 0, 0
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS wanted (id, agent, currency)
ORDER BY agent, currency ON CONFLICT (agent_id, currency) DO NOTHING
"""
_LOCK = """
SELECT k.agent_id, k.currency, k.released_up_to FROM commission_books k
JOIN unnest($1::uuid[], $2::text[]) AS wanted (agent, currency)
    ON k.agent_id = wanted.agent AND k.currency = wanted.currency
ORDER BY k.agent_id, k.currency FOR UPDATE OF k
"""
_BALANCES = "SELECT id, balance FROM accounts WHERE id = ANY($1::uuid[])"


@dataclass(slots=True)
class Book:
    """One agent's book while its row is locked; amounts in units of 1/10000."""

    agent_id: UUID
    currency: str
    released_up_to: datetime | None
    available: int
    owed: int

    def has_released(self, release_at: datetime) -> bool:
        """Whether a commission with this time is released."""
        return self.released_up_to is not None and release_at <= self.released_up_to

    def credit(self, amount: int) -> list[tuple[UUID, int]]:
        """The legs of so much that comes in: what the agent owes first, the rest is available."""
        offset = min(amount, self.owed)
        self.owed -= offset
        self.available += amount - offset
        return [
            (account_id(AccountKind.COMMISSION_DEBT, self.agent_id, self.currency), offset),
            (self.account, amount - offset),
        ]

    @property
    def account(self) -> UUID:
        """Where what is available stands."""
        return account_id(AccountKind.COMMISSION_AVAILABLE, self.agent_id, self.currency)


async def lock_books(conn: Connection, wanted: Collection[Key]) -> dict[Key, Book]:
    """Lock books, in the order of their agents, and say how they stand."""
    if not wanted:
        return {}
    keys = sorted(wanted, key=lambda key: (key[0].bytes, key[1]))
    agents, currencies = [agent for agent, _ in keys], [currency for _, currency in keys]
    await conn.execute(_OPEN, [new_id() for _ in keys], agents, currencies)
    rows = await conn.fetch(_LOCK, agents, currencies)
    return await with_balances(
        conn,
        [Book(row["agent_id"], row["currency"], row["released_up_to"], 0, 0) for row in rows],
    )


async def with_balances(conn: Connection, books: Collection[Book]) -> dict[Key, Book]:
    """Locked books with what their accounts hold; an account that is not open holds nothing."""
    owed = {
        account_id(AccountKind.COMMISSION_DEBT, book.agent_id, book.currency): book
        for book in books
    }
    there = {book.account: book for book in books}
    for row in await conn.fetch(_BALANCES, [*owed, *there]):
        if row["id"] in there:
            there[row["id"]].available = row["balance"]
        else:
            owed[row["id"]].owed = -row["balance"]
    return {(book.agent_id, book.currency): book for book in books}


async def open_released(conn: Connection, keys: Collection[Key]) -> None:
    """Open the accounts that `Book.credit` writes to, where they are not open yet."""
    kinds = (AccountKind.COMMISSION_AVAILABLE, AccountKind.COMMISSION_DEBT)
    await ledger.open_accounts(conn, [(kind, *key) for key in keys for kind in kinds])
