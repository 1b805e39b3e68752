"""A buyer says that cards do not work (row M1): a case for each, and the cards are frozen.

One transaction: the cases, the cards, the order's events, the audit. Order, lines, batches and
cards are locked in this order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain import audit, cards, orders
from domain.aftersale.models import Dispute, DisputeReason, DisputeState
from domain.aftersale.refusals import CardNotDisputable, DisputeTooLate
from domain.aftersale.rules import MAX_CARDS, MAX_TEXT_LETTERS, in_time, is_text, windows
from domain.aftersale.telling import seal_words, tell
from domain.cards import CardState, SoldCard
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    act_as,
    claim_key,
    clock,
    connection,
    crash_point,
    input_hash,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import GuestProof, events

OPERATION = "orderDisputeOpen"
TEXT_PURPOSE = "dispute-text"


@dataclass(frozen=True, slots=True)
class DisputeWish:
    """Which cards of one order, and what is wrong with them."""

    card_ids: tuple[UUID, ...]
    reason: DisputeReason
    text: str = field(repr=False)
    idempotency_key: str

    def check(self) -> None:
        """Refuses no card or too many, a text that cannot be shown, and OTHER without one."""
        fits = 0 < len(set(self.card_ids)) <= MAX_CARDS
        refuse_unless(fits, Invalid(reason="dispute_cards", field=("cardIds",)))
        told = is_text(self.text, MAX_TEXT_LETTERS)
        silent = self.text == "" and self.reason is not DisputeReason.OTHER
        refuse_unless(told or silent, Invalid(reason="dispute_text", field=("text",)))


async def open_disputes(actor: Actor, order_id: UUID, wish: DisputeWish) -> list[Dispute]:
    """Open a case for each of some cards of the caller's own order; the cards are DISPUTED.

    The same key again answers the same cases. Refuses all of it when one card is not of this order
    (NOT_FOUND), is gone or has a case (CARD_NOT_DISPUTABLE), or was had too long ago
    (DISPUTE_TOO_LATE). An order of somebody else sounds like none.
    """
    buyer = actor.require_user()
    async with connection() as conn:
        owner = await conn.fetchval("SELECT buyer_id FROM orders WHERE id = $1", order_id)
    refuse_unless(owner == buyer, NotFound(what="order", field=("orderId",)))
    return await _open(actor, order_id, buyer, wish)


async def open_disputes_by_guest(
    actor: Actor, proof: GuestProof, wish: DisputeWish
) -> list[Dispute]:
    """The same for whoever proves an order by its number and token or password; see there."""
    order = await orders.find_by_guest(actor, proof)
    if order is None:
        raise Refused(NotFound(what="order", field=("number",)))
    return await _open(actor, order.id, order.buyer_id, wish)


async def _open(actor: Actor, order_id: UUID, buyer: UUID, wish: DisputeWish) -> list[Dispute]:
    wish.check()
    ids = sorted(set(wish.card_ids))
    hashed = input_hash([order_id, list(map(str, ids)), wish.reason, wish.text])
    async with transaction() as conn:
        key = wish.idempotency_key
        if await claim_key(conn, buyer, OPERATION, key, hashed, order_id) is None:
            await _write(conn, actor, order_id, ids, wish)
            crash_point("aftersale.written")
    crash_point("aftersale.committed")
    wake_relay()
    return await Dispute.filter(card_id__in=ids).order_by("id")


async def _write(
    conn: Connection, actor: Actor, order_id: UUID, ids: Sequence[UUID], wish: DisputeWish
) -> None:
    order = await orders.lock_order(conn, order_id)
    lines = {line.id for line in order.lines}
    found = await cards.lock_sold(conn, ids)
    own = len(found) == len(ids) and all(card.line_id in lines for card in found)
    refuse_unless(own, NotFound(what="card", field=("cardIds",)))
    moment = clock.now()
    await _refuse_unfit(found, moment)
    await act_as(conn, actor, f"disputed: {wish.reason.value}")
    await cards.mark_disputed(conn, actor, found)
    for card in found:
        dispute = await _create(actor, order_id, card, wish, moment)
        await tell(conn, order, events.DISPUTE_OPENED, dispute)
        details = {"orderId": str(order_id), "cardId": str(card.id), "reason": wish.reason.value}
        await audit.record(conn, actor, "dispute.open", dispute.id, details)


async def _refuse_unfit(found: Sequence[SoldCard], moment: datetime) -> None:
    there = await Dispute.filter(card_id__in=[card.id for card in found])
    told = {dispute.card_id for dispute in there}
    for card in found:
        if card.id in told:
            _refuse(card, "dispute_there")
        if not card.disputable:
            _refuse(card, "dispute_card_gone")
        ends = card.sold_at + windows.dispute
        late = DisputeTooLate(ended_at=ends, field=("cardIds",))
        refuse_unless(in_time(card.sold_at, windows.dispute, moment), late)


def _refuse(card: SoldCard, reason: str) -> None:
    raise Refused(CardNotDisputable(card=card.masked, reason=reason, field=("cardIds",)))


async def _create(
    actor: Actor, order_id: UUID, card: SoldCard, wish: DisputeWish, moment: datetime
) -> Dispute:
    dispute_id = new_id()
    return await Dispute.create(
        id=dispute_id,
        order_id=order_id,
        line_id=card.line_id,
        card_id=card.id,
        reason=wish.reason,
        text_sealed=seal_words(TEXT_PURPOSE, wish.text, dispute_id),
        state=DisputeState.OPEN,
        opened_by=actor.user_id,
        opened_at=moment,
        decide_by=moment + windows.decision,
        card_was=_before(card).value,
        seen_at=card.first_revealed_at,
        looks=card.reveal_count,
    )


def _before(card: SoldCard) -> CardState:
    """Where the card goes when it proves good; an operator may have disputed it before."""
    if card.state in (CardState.SOLD, CardState.REVEALED, CardState.REDEEMED):
        return card.state
    return CardState.SOLD if card.first_revealed_at is None else CardState.REVEALED
