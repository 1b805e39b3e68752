"""A buyer says that goods are bad or never came (row M1): a case for each; cards are frozen.

One transaction: the cases, the cards, the order's events, the audit. Order, lines, batches and
cards are locked in this order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tortoise.expressions import Q

from domain import audit, cards, orders
from domain.aftersale.lines import Goods, goods_of_lines
from domain.aftersale.models import Dispute, DisputeReason, DisputeState
from domain.aftersale.refusals import CardNotDisputable, DisputeTooLate
from domain.aftersale.rules import MAX_CARDS, MAX_TEXT_LETTERS, in_time, windows
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
    is_text,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import GuestProof, LockedOrder, events

OPERATION = "orderDisputeOpen"
TEXT_PURPOSE = "dispute-text"


@dataclass(frozen=True, slots=True)
class DisputeWish:
    """Which cards of one order, or how many pieces of its lines without cards of their own (None:
    all that are left), and what is wrong with them."""

    card_ids: tuple[UUID, ...]
    reason: DisputeReason
    text: str = field(repr=False)
    idempotency_key: str
    lines: Mapping[UUID, int | None] = field(default_factory=dict)

    def check(self) -> None:
        """Refuses nothing or too much, a card that did not arrive (it is shown, or it is not yet
        delivered), a text that cannot be shown, and OTHER without one."""
        fits = 0 < len(set(self.card_ids)) + len(self.lines) <= MAX_CARDS
        refuse_unless(fits, Invalid(reason="dispute_cards", field=("cardIds",)))
        there = self.reason is not DisputeReason.NOT_ARRIVED or not self.card_ids
        refuse_unless(there, Invalid(reason="dispute_card_arrived", field=("reason",)))
        told = is_text(self.text, MAX_TEXT_LETTERS)
        silent = self.text == "" and self.reason is not DisputeReason.OTHER
        refuse_unless(told or silent, Invalid(reason="dispute_text", field=("text",)))


async def open_disputes(actor: Actor, order_id: UUID, wish: DisputeWish) -> list[Dispute]:
    """Open a case for each of some cards and lines of the caller's own order; cards are DISPUTED.

    The same key again answers the same cases. Refuses all of it when one card or line is not of
    this order (NOT_FOUND), is gone or has a case (CARD_NOT_DISPUTABLE, LINE_NOT_DISPUTABLE), or was
    had too long ago (DISPUTE_TOO_LATE). An order of somebody else sounds like none.
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
    lines = {str(line_id): quantity for line_id, quantity in wish.lines.items()}
    hashed = input_hash([order_id, list(map(str, ids)), lines, wish.reason, wish.text])
    async with transaction() as conn:  # whatever becomes of the case
        await cards.note_text(conn, actor, wish.text, "dispute")
    async with transaction() as conn:
        key = wish.idempotency_key
        if await claim_key(conn, buyer, OPERATION, key, hashed, order_id) is None:
            await _write(conn, actor, order_id, ids, wish)
            crash_point("aftersale.written")
    crash_point("aftersale.committed")
    wake_relay()
    of_lines = Q(line_id__in=list(wish.lines), card_id__isnull=True)
    return await Dispute.filter(Q(card_id__in=ids) | of_lines).order_by("id")


async def _write(
    conn: Connection, actor: Actor, order_id: UUID, ids: Sequence[UUID], wish: DisputeWish
) -> None:
    order, moment = await orders.lock_order(conn, order_id), clock.now()
    goods = await goods_of_lines(conn, order, wish.lines, moment)
    cases = [*await _freeze(conn, actor, order, ids, wish), *map(_of_line, goods)]
    for case in cases:
        dispute = await _create(actor, order_id, case, wish, moment)
        await tell(conn, order, events.DISPUTE_OPENED, dispute)
        what = {"lineId": str(dispute.line_id), "cardId": case.card_id and str(case.card_id)}
        details = {"orderId": str(order_id), **what, "reason": wish.reason.value}
        await audit.record(conn, actor, "dispute.open", dispute.id, details)


async def _freeze(
    conn: Connection, actor: Actor, order: LockedOrder, ids: Sequence[UUID], wish: DisputeWish
) -> "list[_Subject]":
    if not ids:
        return []
    lines = {line.id for line in order.lines}
    found = await cards.lock_sold(conn, ids)
    own = len(found) == len(ids) and all(card.line_id in lines for card in found)
    refuse_unless(own, NotFound(what="card", field=("cardIds",)))
    await _refuse_unfit(found, clock.now())
    await act_as(conn, actor, f"disputed: {wish.reason.value}")
    await cards.mark_disputed(conn, actor, found)
    return [_of_card(card) for card in found]


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


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a case is about, as it was found."""

    line_id: UUID
    card_id: UUID | None
    quantity: int
    card_was: str | None
    seen_at: datetime | None
    looks: int
    attempt_id: UUID | None


def _of_card(card: SoldCard) -> _Subject:
    was, seen = _before(card).value, card.first_revealed_at
    return _Subject(card.line_id, card.id, 1, was, seen, card.reveal_count, card.attempt_id)


def _of_line(goods: Goods) -> _Subject:
    brought = goods.bringing.attempt_id if goods.bringing else None
    return _Subject(goods.line.id, None, goods.quantity, None, goods.seen_at, goods.looks, brought)


async def _create(
    actor: Actor, order_id: UUID, subject: _Subject, wish: DisputeWish, moment: datetime
) -> Dispute:
    dispute_id = new_id()
    return await Dispute.create(
        id=dispute_id,
        order_id=order_id,
        line_id=subject.line_id,
        card_id=subject.card_id,
        quantity=subject.quantity,
        reason=wish.reason,
        text_sealed=seal_words(TEXT_PURPOSE, wish.text, dispute_id),
        state=DisputeState.OPEN,
        opened_by=actor.user_id,
        opened_at=moment,
        decide_by=moment + windows.decision,
        card_was=subject.card_was,
        seen_at=subject.seen_at,
        looks=subject.looks,
        attempt_id=subject.attempt_id,
        ask_at=moment if subject.attempt_id else None,
    )


def _before(card: SoldCard) -> CardState:
    """Where the card goes when it proves good; an operator may have disputed it before."""
    if card.state in (CardState.SOLD, CardState.REVEALED, CardState.REDEEMED):
        return card.state
    return CardState.SOLD if card.first_revealed_at is None else CardState.REVEALED
