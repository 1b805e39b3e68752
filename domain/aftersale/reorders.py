"""A replacement that is ordered from a supplier, because none is on the shelf (row M2)."""

from uuid import UUID

from domain import audit, cards, suppliers
from domain.aftersale.decisions import DecisionWish
from domain.aftersale.locking import Case
from domain.aftersale.models import DisputeReorder, ReorderState
from domain.aftersale.refusals import ReplacementOrdered, ReplacementShort
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Refused,
    clock,
    connection,
    new_id,
    refuse_unless,
)

_DUE = "SELECT id FROM dispute_reorders WHERE due_at <= $1 ORDER BY due_at LIMIT $2"


async def due_reorders(limit: int) -> list[UUID]:
    """Replacements that somebody must order, or look at, now."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def refuse_ordered(dispute_id: UUID) -> None:
    """Refuses to decide a case while a replacement for it is on its way: there would be two."""
    running = DisputeReorder.filter(dispute_id=dispute_id, state=ReorderState.RUNNING)
    refuse_unless(not await running.exists(), ReplacementOrdered(field=("disputeId",)))


def check_orderable(case: Case) -> None:
    """Refuses to order what is no card: a top-up or what is handed over may be with its buyer."""
    of_card = case.dispute.card_id is not None
    refuse_unless(of_card, Invalid(reason="dispute_reorder_of_card", field=("fromSupplier",)))


async def order_again(conn: Connection, actor: Actor, case: Case, wish: DecisionWish) -> None:
    """Write down that a replacement is bought, in the caller's transaction, which has locked the
    case and found that it may be replaced and that the shelf is empty. A job buys it.

    Refuses (REPLACEMENT_SHORT) goods that no supplier offers.
    """
    dispute = case.dispute
    assert dispute.card_id is not None, "checked"
    (card,) = await cards.lock_sold(conn, [dispute.card_id])
    line = next(each for each in case.order.lines if each.id == card.line_id)
    offered = await suppliers.candidates_of(card.variant_id)
    if not any(each.enabled and each.active for each in offered):
        raise Refused(ReplacementShort(sku=line.sku, field=("decision",)))
    reorder = await DisputeReorder.create(
        id=new_id(),
        dispute_id=dispute.id,
        state=ReorderState.RUNNING,
        reason=wish.reason.strip(),
        invalid=wish.invalid,
        asked_by=actor.require_user(),
        asked_at=clock.now(),
        due_at=clock.now(),
    )
    details = {"reorder": str(reorder.id), "reason": reorder.reason, "invalid": wish.invalid}
    await audit.record(conn, actor, "dispute.reorder", dispute.id, details)


async def end_reorder(reorder: DisputeReorder, failure: str = "") -> None:
    """It is over: the case has its card, or waits for another decision, and this says why."""
    reorder.state = ReorderState.FAILED if failure else ReorderState.DONE
    reorder.failure, reorder.due_at, reorder.ended_at = failure[:32], None, clock.now()
    await reorder.save(force_update=True)
