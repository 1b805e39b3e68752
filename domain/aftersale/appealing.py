"""A buyer does not agree with a rejection: once, and somebody else decides (row M1)."""

from dataclasses import dataclass, field
from uuid import UUID

from domain import audit, cards
from domain.aftersale.locking import buyer_of_case, lock_case, refuse_unlisted
from domain.aftersale.models import Dispute, DisputeState
from domain.aftersale.refusals import CardNotDisputable, DisputeTooLate
from domain.aftersale.rules import MAX_TEXT_LETTERS, windows
from domain.aftersale.telling import seal_words, tell
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Refused,
    act_as,
    claim_key,
    clock,
    crash_point,
    input_hash,
    is_text,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import GuestProof, events

OPERATION = "orderDisputeAppeal"
APPEAL_PURPOSE = "dispute-appeal"


@dataclass(frozen=True, slots=True)
class AppealWish:
    """What a buyer says against a rejection."""

    dispute_id: UUID
    text: str = field(repr=False)
    idempotency_key: str


async def appeal(actor: Actor, wish: AppealWish, proof: GuestProof | None = None) -> Dispute:
    """Ask for a second look at the caller's own rejected case; the card is frozen again.

    The same key again changes nothing. A guest proves the order by `proof`. Refuses a case that is
    not rejected, or was appealed before (DISPUTE_MOVE_NOT_ALLOWED), and one rejected too long ago
    (DISPUTE_TOO_LATE). A case of somebody else sounds like none.
    """
    refuse_unless(
        is_text(wish.text, MAX_TEXT_LETTERS), Invalid(reason="dispute_text", field=("text",))
    )
    buyer = await buyer_of_case(actor, wish.dispute_id, proof)
    hashed = input_hash([str(wish.dispute_id), wish.text])
    async with transaction() as conn:  # whatever becomes of the appeal
        await cards.note_text(conn, actor, wish.text, "dispute")
    async with transaction() as conn:
        key = wish.idempotency_key
        if await claim_key(conn, buyer, OPERATION, key, hashed, wish.dispute_id) is None:
            await _appeal(conn, actor, wish)
            crash_point("aftersale.written")
    crash_point("aftersale.committed")
    wake_relay()
    return await Dispute.get(id=wish.dispute_id)


async def _appeal(conn: Connection, actor: Actor, wish: AppealWish) -> None:
    case = await lock_case(conn, wish.dispute_id)
    dispute, moment = case.dispute, clock.now()
    refuse_unlisted(dispute, DisputeState.APPEALED)
    ends = dispute.appeal_until
    if ends is None or moment > ends:
        raise Refused(DisputeTooLate(ended_at=ends or moment, field=("disputeId",)))
    await act_as(conn, actor, "appealed")
    if dispute.card_id is not None:
        (card,) = await cards.lock_sold(conn, [dispute.card_id])
        gone = CardNotDisputable(card=card.masked, reason="dispute_card_gone", field=("disputeId",))
        refuse_unless(card.disputable, gone)
        await cards.mark_disputed(conn, actor, [card])
    dispute.state, dispute.appealed_at = DisputeState.APPEALED, moment
    dispute.appeal_sealed = seal_words(APPEAL_PURPOSE, wish.text, dispute.id)
    dispute.decide_by = moment + windows.decision
    await dispute.save(force_update=True)
    await tell(conn, case.order, events.DISPUTE_APPEALED, dispute)
    await audit.record(conn, actor, "dispute.appeal", dispute.id, {})
