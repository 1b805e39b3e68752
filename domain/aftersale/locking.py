"""A case, locked: its order and lines first, then itself."""

from dataclasses import dataclass
from uuid import UUID

from domain import orders
from domain.aftersale.models import Dispute, DisputeState
from domain.aftersale.moves import may_move
from domain.aftersale.refusals import DisputeMoveNotAllowed
from domain.kernel import Connection, NotFound, Refused, refuse_unless
from domain.orders import LockedOrder


@dataclass(slots=True)
class Case:
    """A dispute and its order, locked by the caller's transaction."""

    dispute: Dispute
    order: LockedOrder


async def lock_case(conn: Connection, dispute_id: UUID) -> Case:
    """Lock a case; refuses an unknown one."""
    order_id = await conn.fetchval("SELECT order_id FROM disputes WHERE id = $1", dispute_id)
    if order_id is None:
        raise Refused(NotFound(what="dispute", field=("disputeId",)))
    order = await orders.lock_order(conn, order_id)
    dispute = await Dispute.filter(id=dispute_id).select_for_update().get()
    return Case(dispute, order)


def refuse_unlisted(dispute: Dispute, target: DisputeState) -> None:
    """Refuses a move that the table does not list."""
    refusal = DisputeMoveNotAllowed(
        source=dispute.state.value, target=target.value, field=("disputeId",)
    )
    refuse_unless(may_move(dispute.state, target), refusal)
