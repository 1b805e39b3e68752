"""Commission that goes back with its sale (money.md part 5, mission row H10, field bug 13).

Of each commission the house takes back, in all, the same share that went back of the line's price:
original x refunded / original total, less what was taken before. The denominator never changes, so
many small refunds take exactly what one large one takes, and never more than was earned. An account
of commissions may fall below zero: later commissions fill it up again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from domain import ledger
from domain.commissions.rules import still_due
from domain.kernel import Connection, clock, new_id

_OF_LINES = """
SELECT c.id, c.order_line_id, c.agent_id, c.amount, coalesce((SELECT sum(b.amount)
    FROM commission_clawbacks b WHERE b.commission_id = c.id), 0)::bigint AS taken
FROM commissions c WHERE c.order_line_id = ANY($1::uuid[]) ORDER BY c.id FOR UPDATE OF c
"""
_INSERT = """
INSERT INTO commission_clawbacks (id, commission_id, refund_id, amount, taken_at)
SELECT id, commission, $3, amount, $4
FROM unnest($1::uuid[], $2::uuid[], $5::bigint[]) AS b (id, commission, amount)
"""


@dataclass(frozen=True, slots=True)
class Returned:
    """How much of a line's price went back by now, and what that price was, in units."""

    amount: int
    total: int


@dataclass(frozen=True, slots=True)
class Clawback:
    """What one agent gives back of one commission, in units."""

    commission_id: UUID
    agent_id: UUID
    amount: int


async def clawbacks_due(conn: Connection, returned: Mapping[UUID, Returned]) -> list[Clawback]:
    """What is to be taken back, by order line, in the transaction that has locked the order."""
    found = []
    for row in await conn.fetch(_OF_LINES, list(returned)):
        line = returned[row["order_line_id"]]
        amount = still_due(row["amount"], row["taken"], line.amount, line.total)
        if amount:
            found.append(Clawback(row["id"], row["agent_id"], amount))
    return found


async def write_clawbacks(conn: Connection, refund_id: UUID, taken: list[Clawback]) -> None:
    """Note what a refund takes back; the caller posts `legs_of_clawbacks` with it."""
    if not taken:
        return
    commissions, amounts = [each.commission_id for each in taken], [each.amount for each in taken]
    ids = [new_id() for _ in taken]
    await conn.execute(_INSERT, ids, commissions, refund_id, clock.now(), amounts)


def legs_of_clawbacks(taken: list[Clawback], currency: str) -> list[tuple[UUID, int]]:
    """The ledger legs: less is owed to each agent, and the house's expense shrinks by as much."""
    total = sum(each.amount for each in taken)
    expense = ledger.account_id(ledger.AccountKind.COMMISSION_EXPENSE, None, currency)
    debits = [
        (ledger.account_id(ledger.AccountKind.COMMISSION, each.agent_id, currency), -each.amount)
        for each in taken
    ]
    return [(expense, total), *debits]
