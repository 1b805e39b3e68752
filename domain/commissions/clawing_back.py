"""Commission that goes back with its sale (money.md part 5, mission row H10, field bug 13).

Of each commission the house takes back, in all, the same share that went back of the line's price:
original x refunded / original total, less what was taken before. The denominator never changes, so
many small refunds take exactly what one large one takes, and never more than was earned.

Where it is taken from depends on where it is by now: what is pending gets less; what is available
is debited; of what the agent has taken out already it owes the rest, and later commissions make
that up before anything is available again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import ledger
from domain.commissions.books import Book, lock_books
from domain.commissions.rules import still_due
from domain.kernel import Connection, clock, new_id
from domain.ledger import AccountKind, account_id

_OF_LINES = """
SELECT c.id, c.order_line_id, c.agent_id, c.currency, c.amount, c.release_at, coalesce((
    SELECT sum(b.amount) FROM commission_clawbacks b WHERE b.commission_id = c.id), 0)::bigint
    AS taken
FROM commissions c WHERE c.order_line_id = ANY($1::uuid[]) ORDER BY c.id FOR UPDATE OF c
"""
_INSERT = """
INSERT INTO commission_clawbacks (id, commission_id, refund_id, agent_id, currency, release_at,
    amount, pending, available, owed, taken_at)
SELECT id, commission, $1, agent, currency, release_at, pending + available + owed, pending,
    available, owed, $2
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[], $8::bigint[],
    $9::bigint[], $10::bigint[])
    AS b (id, commission, agent, currency, release_at, pending, available, owed)
"""


@dataclass(frozen=True, slots=True)
class Returned:
    """How much of a line's price went back by now, and what that price was, in units."""

    amount: int
    total: int


@dataclass(frozen=True, slots=True)
class Clawback:
    """What one agent gives back of one commission, in units, and where it is taken from."""

    commission_id: UUID
    agent_id: UUID
    currency: str
    release_at: datetime
    pending: int = 0
    available: int = 0
    owed: int = 0

    @property
    def amount(self) -> int:
        """All of it."""
        return self.pending + self.available + self.owed


async def clawbacks_due(conn: Connection, returned: Mapping[UUID, Returned]) -> list[Clawback]:
    """What is to be taken back, by order line, in the transaction that has locked the order.

    Locks the books of the agents, so that nothing is released or taken out meanwhile.
    """
    due: list[tuple[Any, int]] = []
    for row in await conn.fetch(_OF_LINES, list(returned)):
        line = returned[row["order_line_id"]]
        amount = still_due(row["amount"], row["taken"], line.amount, line.total)
        if amount:
            due.append((row, amount))
    books = await lock_books(conn, {(row["agent_id"], row["currency"]) for row, _ in due})
    return [_taken(row, amount, books[row["agent_id"], row["currency"]]) for row, amount in due]


def _taken(row: Any, amount: int, book: Book) -> Clawback:
    """From where it is; of what was available the book knows less for the next one."""
    head = (row["id"], row["agent_id"], row["currency"], row["release_at"])
    if not book.has_released(row["release_at"]):
        return Clawback(*head, pending=amount)
    there = min(amount, book.available)
    book.available -= there
    return Clawback(*head, available=there, owed=amount - there)


async def write_clawbacks(conn: Connection, refund_id: UUID, taken: list[Clawback]) -> None:
    """Note what a refund takes back; the caller posts `legs_of_clawbacks` with it."""
    if not taken:
        return
    debtors = {(AccountKind.COMMISSION_DEBT, t.agent_id, t.currency) for t in taken if t.owed}
    if debtors:
        await ledger.open_accounts(conn, debtors)
    await conn.execute(
        _INSERT,
        refund_id,
        clock.now(),
        [new_id() for _ in taken],
        [each.commission_id for each in taken],
        [each.agent_id for each in taken],
        [each.currency for each in taken],
        [each.release_at for each in taken],
        [each.pending for each in taken],
        [each.available for each in taken],
        [each.owed for each in taken],
    )


def legs_of_clawbacks(taken: Iterable[Clawback], currency: str) -> list[tuple[UUID, int]]:
    """The ledger legs: less is owed to each agent, and the house's expense shrinks by as much."""
    legs: defaultdict[UUID, int] = defaultdict(int)
    expense = account_id(AccountKind.COMMISSION_EXPENSE, None, currency)
    for each in taken:
        legs[account_id(AccountKind.COMMISSION, each.agent_id, currency)] -= each.pending
        released = account_id(AccountKind.COMMISSION_AVAILABLE, each.agent_id, currency)
        legs[released] -= each.available
        legs[account_id(AccountKind.COMMISSION_DEBT, each.agent_id, currency)] -= each.owed
        legs[expense] += each.amount
    return list(legs.items())
