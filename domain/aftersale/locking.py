"""Whose a case is; and a case locked: its order and lines first, then itself."""

from dataclasses import dataclass
from uuid import UUID

from domain import orders
from domain.aftersale.models import Dispute, DisputeState
from domain.aftersale.moves import may_move
from domain.aftersale.refusals import DisputeMoveNotAllowed
from domain.kernel import Actor, Connection, NotFound, Refused, connection, refuse_unless
from domain.orders import GuestProof, LockedOrder

_BUYER = """
SELECT o.id, o.buyer_id FROM disputes d JOIN orders o ON o.id = d.order_id WHERE d.id = $1
"""


@dataclass(slots=True)
class Case:
    """A dispute and its order, locked by the caller's transaction."""

    dispute: Dispute
    order: LockedOrder


async def buyer_of_case(actor: Actor, dispute_id: UUID, proof: GuestProof | None) -> UUID:
    """The buyer of a case, who is the caller, or whom the caller proves to be by `proof`.

    Refuses (NOT_FOUND) a case of somebody else like one that does not exist.
    """
    async with connection() as conn:
        row = await conn.fetchrow(_BUYER, dispute_id)
    if proof is None:
        own = row is not None and row["buyer_id"] == actor.require_user()
    else:
        order = await orders.find_by_guest(actor, proof)
        own = row is not None and order is not None and order.id == row["id"]
    refuse_unless(own, NotFound(what="dispute", field=("disputeId",)))
    buyer: UUID = row["buyer_id"]
    return buyer


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
