"""Giving back what of a line was not delivered, for the context below (mission row C2)."""

from uuid import UUID

from domain.kernel import SYSTEM, Connection
from domain.refunds.models import RefundDestination, RefundReason
from domain.refunds.service import refund_lines


async def refund_undelivered(conn: Connection, order_id: UUID, line_id: UUID, amount: int) -> None:
    """Give back so many units of a line that was just booked as delivered, the way they came, with
    their share of the commissions; in the caller's transaction, which has locked the order."""
    await refund_lines(
        conn,
        SYSTEM,
        order_id,
        {line_id: amount},
        RefundReason.NOT_DELIVERED,
        RefundDestination.CHANNEL,
    )
