"""Reads of refunds: batches for loaders. Who may see an order may see its refunds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.kernel import Connection, Money, connection
from domain.payments import RefundStatus
from domain.refunds.models import RefundDestination, RefundReason
from domain.refunds.planning import Plan

_SHOWN = """
SELECT r.id, r.order_id, r.amount, r.currency, r.reason, r.note, r.destination, r.requested_by,
    r.requested_at, p.status AS through
FROM refunds r LEFT JOIN payment_refunds p ON p.id = r.payment_refund_id
WHERE {which} ORDER BY r.id
"""
_OF_ORDERS = _SHOWN.format(which="r.order_id = ANY($1::uuid[])")
_ONE = _SHOWN.format(which="r.id = $1")
_PARTS = """
SELECT p.refund_id, p.line_id, p.card_id, p.quantity, p.amount, p.lost_cost, p.seen, r.currency
FROM refund_parts p JOIN refunds r ON r.id = p.refund_id
WHERE p.refund_id = ANY($1::uuid[]) ORDER BY p.id
"""
_CLAWED = """
SELECT b.refund_id, c.agent_id, c.currency, sum(b.amount)::bigint AS amount
FROM commission_clawbacks b JOIN commissions c ON c.id = b.commission_id
WHERE b.refund_id = ANY($1::uuid[]) GROUP BY 1, 2, 3 ORDER BY 1, 2
"""


_OF_CARD = """
SELECT p.refund_id, p.amount, p.lost_cost, r.currency
FROM refund_parts p JOIN refunds r ON r.id = p.refund_id WHERE p.card_id = $1
"""


_OF_LINE = """
SELECT p.refund_id, p.amount, p.lost_cost, r.currency
FROM refund_parts p JOIN refunds r ON r.id = p.refund_id
WHERE p.line_id = $1 AND p.card_id IS NULL ORDER BY p.id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class GoodsRefund:
    """What went back for a card, or of a line, and what it had cost; units of 1/10000."""

    refund_id: UUID
    amount: int
    lost_cost: int
    currency: str


class RefundProgress(StrEnum):
    """How far a refund has come."""

    PENDING = "PENDING"  # the channel works on it
    COMPLETED = "COMPLETED"  # the buyer has it


@dataclass(frozen=True, slots=True)
class ShownRefund:
    """A refund as it stands. What the channel refused went to the wallet, and is shown so."""

    id: UUID
    order_id: UUID
    amount: Money
    reason: RefundReason
    note: str
    destination: RefundDestination
    status: RefundProgress
    requested_by: UUID | None
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class ShownPart:
    """What goes back of one line, or of one card of it. `quantity`: pieces that are taken back; 0
    when it is money alone. `seen`: the card's code was shown to its buyer."""

    line_id: UUID
    card_id: UUID | None
    quantity: int
    amount: Money
    lost_cost: Money
    seen: bool


@dataclass(frozen=True, slots=True)
class AgentShare:
    """What one agent gives back with a refund."""

    agent_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class RefundQuote:
    """What a refund would do, worked out to the last unit; nothing of it is done."""

    amount: Money
    destination: RefundDestination
    parts: list[ShownPart]
    clawbacks: list[AgentShare]
    lost_cost: Money


async def refunds_of_orders(order_ids: Sequence[UUID]) -> dict[UUID, list[ShownRefund]]:
    """The refunds of delivered goods of each order, oldest first; one statement for all."""
    found: dict[UUID, list[ShownRefund]] = {order_id: [] for order_id in order_ids}
    async with connection() as conn:
        for row in await conn.fetch(_OF_ORDERS, list(order_ids)):
            found[row["order_id"]].append(_shown(row))
    return found


def quote_of(plan: Plan) -> RefundQuote:
    """A plan, as it is shown before it is done."""
    currency = plan.order.currency
    parts = [
        ShownPart(
            part.line.id,
            part.card.id if part.card else None,
            part.quantity,
            Money(part.amount, currency),
            Money(part.lost_cost, currency),
            part.card is not None and part.card.seen,
        )
        for part in plan.parts
    ]
    by_agent: dict[UUID, int] = {}
    for each in plan.clawbacks:
        by_agent[each.agent_id] = by_agent.get(each.agent_id, 0) + each.amount
    shares = [AgentShare(agent, Money(amount, currency)) for agent, amount in by_agent.items()]
    amount, lost = Money(plan.amount, currency), Money(plan.lost_cost, currency)
    return RefundQuote(amount, plan.destination, parts, shares, lost)


async def get_refund(refund_id: UUID) -> ShownRefund:
    """One refund, which the caller knows to be there."""
    async with connection() as conn:
        return _shown(await conn.fetchrow(_ONE, refund_id))


async def refund_of_card(conn: Connection, card_id: UUID) -> GoodsRefund | None:
    """The refund that a card went back with, in the caller's transaction; None: it did not."""
    row = await conn.fetchrow(_OF_CARD, card_id)
    return GoodsRefund(**row) if row else None


async def refund_of_line(conn: Connection, line_id: UUID) -> GoodsRefund | None:
    """The last refund of a line without cards of its own, in the caller's transaction."""
    row = await conn.fetchrow(_OF_LINE, line_id)
    return GoodsRefund(**row) if row else None


async def parts_of(refund_ids: Sequence[UUID]) -> dict[UUID, list[ShownPart]]:
    """What refunds are made of; one statement for all."""
    found: dict[UUID, list[ShownPart]] = {refund_id: [] for refund_id in refund_ids}
    async with connection() as conn:
        for row in await conn.fetch(_PARTS, list(refund_ids)):
            found[row["refund_id"]].append(
                ShownPart(
                    row["line_id"],
                    row["card_id"],
                    row["quantity"],
                    Money(row["amount"], row["currency"]),
                    Money(row["lost_cost"], row["currency"]),
                    row["seen"],
                )
            )
    return found


async def clawbacks_of(refund_ids: Sequence[UUID]) -> dict[UUID, list[AgentShare]]:
    """What each agent gave back with refunds; one statement for all."""
    found: dict[UUID, list[AgentShare]] = {refund_id: [] for refund_id in refund_ids}
    async with connection() as conn:
        for row in await conn.fetch(_CLAWED, list(refund_ids)):
            share = AgentShare(row["agent_id"], Money(row["amount"], row["currency"]))
            found[row["refund_id"]].append(share)
    return found


def _shown(row: Any) -> ShownRefund:
    through = row["through"] and RefundStatus(row["through"])
    refused = through is RefundStatus.REJECTED
    done = through in (None, RefundStatus.COMPLETED, RefundStatus.REJECTED)
    wallet, kept = RefundDestination.WALLET, RefundDestination(row["destination"])
    return ShownRefund(
        id=row["id"],
        order_id=row["order_id"],
        amount=Money(row["amount"], row["currency"]),
        reason=RefundReason(row["reason"]),
        note=row["note"],
        destination=wallet if refused else kept,
        status=RefundProgress.COMPLETED if done else RefundProgress.PENDING,
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
    )
