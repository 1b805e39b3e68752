"""What a wish for a refund comes to: which pieces, how much of each, whose commission (row H10).

Everything here runs in the caller's transaction. It locks, in this order, the order, its lines, its
payment and its cards, and writes nothing: a quote and the refund itself are the same plan.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain import cards, commissions, giftcards, identity, orders, payments
from domain.catalog import CARD_KINDS, DeliveryKind
from domain.commissions import Clawback, Returned
from domain.giftcards import Owed
from domain.kernel import Connection, Invalid, Money, NotFound, Refused, is_payable, refuse_unless
from domain.orders import LineStatus, LockedOrder, SoldLine
from domain.payments import Payment
from domain.refunds.models import RefundDestination, RefundReason
from domain.refunds.refusals import LineNotRefundable, OrderNotRefundable, RefundTooLarge
from domain.refunds.rules import cost_of_pieces, price_of_rest, share_of_pieces

_CLAWED_BASE = """
SELECT p.line_id, sum(p.amount)::bigint AS amount FROM refund_parts p
JOIN refunds r ON r.id = p.refund_id AND r.clawback
WHERE p.line_id = ANY($1::uuid[]) GROUP BY p.line_id
"""


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What to give back: some cards, some lines (an amount in units of 1/10000; None: the line with
    its goods), some pieces of lines without cards of their own, or, with none of these, all that is
    left of the order."""

    order_id: UUID
    reason: RefundReason
    destination: RefundDestination
    note: str = ""
    lines: Mapping[UUID, int | None] = field(default_factory=dict)
    card_ids: tuple[UUID, ...] = ()
    pieces: Mapping[UUID, int] = field(default_factory=dict)
    clawback: bool = True


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """What goes back of one line or one card; `owed`: of a gift card, what it still holds."""

    line: SoldLine
    card: cards.OwnedCard | None
    quantity: int
    amount: int
    lost_cost: int
    owed: Owed | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a refund before it is written. `payment`: the money goes back through its channel."""

    order: LockedOrder
    payment: Payment | None
    parts: tuple[PlannedPart, ...]
    clawbacks: tuple[Clawback, ...]

    @property
    def amount(self) -> int:
        """What the buyer gets back."""
        return sum(part.amount for part in self.parts)

    @property
    def lost_cost(self) -> int:
        """What the pieces had cost that nobody sells again."""
        return sum(part.lost_cost for part in self.parts)

    @property
    def destination(self) -> RefundDestination:
        """Where the money goes, whatever was wished."""
        return RefundDestination.CHANNEL if self.payment else RefundDestination.WALLET


@dataclass(slots=True)
class _Course:
    """One line while its parts are worked out."""

    line: SoldLine
    left: int
    pieces_left: int
    parts: list[PlannedPart] = field(default_factory=list)

    @property
    def before(self) -> int:
        return self.line.delivered_quantity - self.pieces_left

    @property
    def by_card(self) -> bool:
        return self.line.delivery_kind in CARD_KINDS


async def plan_refund(conn: Connection, wish: RefundWish) -> Plan:
    """Work out a refund; refuses, never in part, what cannot be refunded.

    ORDER_NOT_REFUNDABLE: unpaid, or nothing is left. LINE_NOT_REFUNDABLE: not delivered yet, a card
    that went back before or is redeemed, a free amount on a gift card, a gift that nothing was paid
    for. REFUND_TOO_LARGE: more than is left of a line. GIFT_CARD_MOVE_NOT_ALLOWED: a used up one.
    NOT_FOUND: not of this order. INVALID: sold over a counter to nobody by name, whose gift cards
    are voided instead.
    """
    order = await orders.lock_order(conn, wish.order_id)
    paid = order.status not in orders.UNPAID
    refuse_unless(paid, OrderNotRefundable(status=order.status.value, field=("orderId",)))
    lines = {line.id: line for line in await orders.sold_lines(conn, order.id)}
    payment = await payments.refundable_payment(conn, order.id)
    courses = await _courses(conn, order, lines, wish)
    parts = tuple(part for course in courses for part in course.parts)
    amount = sum(part.amount for part in parts)
    if parts and not amount and (wish.lines or wish.card_ids or wish.pieces):
        field = ("cardIds",) if wish.card_ids else ("lines",)
        sku = parts[0].line.sku
        raise Refused(LineNotRefundable(sku=sku, reason="refund_nothing_left", field=field))
    refuse_unless(amount > 0, OrderNotRefundable(status=order.status.value, field=("orderId",)))
    by_hand = await giftcards.sold_to_walk_in(conn, order.id)
    refuse_unless(not by_hand, Invalid(reason="refund_walk_in", field=("orderId",)))
    through = await _way_back(conn, order, payment, wish.destination, amount)
    clawbacks = await _clawbacks(conn, courses) if wish.clawback else []
    return Plan(order, through, parts, tuple(clawbacks))


async def _courses(
    conn: Connection, order: LockedOrder, lines: dict[UUID, SoldLine], wish: RefundWish
) -> list[_Course]:
    if wish.card_ids:
        return await _of_cards(conn, lines, wish.card_ids)
    unknown = [each for each in (*wish.lines, *wish.pieces) if each not in lines]
    refuse_unless(not unknown, NotFound(what="order line", field=("lines",)))
    if wish.pieces:
        _refuse_open([lines[each] for each in wish.pieces])
        return [_of_pieces(lines[each], pieces) for each, pieces in wish.pieces.items()]
    free = {line_id: amount for line_id, amount in wish.lines.items() if amount is not None}
    whole = [line_id for line_id, amount in wish.lines.items() if amount is None]
    if not wish.lines:
        open_ones = [line for line in lines.values() if line.status is not LineStatus.DELIVERED]
        _refuse_open([line for line in open_ones if line.status is not LineStatus.REFUNDED])
        whole = [line.id for line in lines.values() if line.pieces_left]
    _refuse_open([lines[each] for each in wish.lines])
    found = [_free_amount(lines[each], amount, order.currency) for each, amount in free.items()]
    return found + await _of_lines(conn, [lines[each] for each in whole])


def _refuse_open(lines: Sequence[SoldLine]) -> None:
    """Only what was delivered is refunded here: what is on its way is first delivered or given up,
    and then its price goes back by itself."""
    refused = [
        LineNotRefundable(
            sku=line.sku,
            reason="refund_went_back"
            if line.status is LineStatus.REFUNDED
            else "refund_not_delivered",
            field=("lines",),
        )
        for line in lines
        if line.status is not LineStatus.DELIVERED
    ]
    if refused:
        raise Refused(*refused)


def _free_amount(line: SoldLine, amount: int, currency: str) -> _Course:
    """Money alone: the buyer keeps the goods."""
    _refuse_stored_value(line)
    refuse_unless(amount > 0, Invalid(reason="refund_amount", field=("lines",)))
    if amount > line.left:
        asked, left = Money(amount, currency), Money(line.left, currency)
        raise Refused(RefundTooLarge(sku=line.sku, requested=asked, left=left, field=("lines",)))
    part = PlannedPart(line, None, 0, amount, 0)
    return _Course(line, line.left - amount, line.pieces_left, [part])


def _of_pieces(line: SoldLine, pieces: int) -> _Course:
    """Pieces that no card stands for: the caller knows that the line has none of its own."""
    went = LineNotRefundable(sku=line.sku, reason="refund_went_back", field=("lines",))
    refuse_unless(0 < pieces <= line.pieces_left, went)
    course = _Course(line, line.left, line.pieces_left)
    _take(course, pieces)
    return course


def _refuse_stored_value(line: SoldLine) -> None:
    """The money of a gift card is on the card: it goes back with it, or there would be two."""
    stored = line.delivery_kind is DeliveryKind.GIFT_CARD
    refusal = LineNotRefundable(sku=line.sku, reason="refund_gift_by_card", field=("lines",))
    refuse_unless(not stored, refusal)


async def _of_lines(conn: Connection, lines: Sequence[SoldLine]) -> list[_Course]:
    """Whole lines: all of their cards that did not go back before, or all of their pieces."""
    courses = {line.id: _Course(line, line.left, line.pieces_left) for line in lines}
    by_card = [course.line.id for course in courses.values() if course.by_card]
    owned: defaultdict[UUID, list[cards.OwnedCard]] = defaultdict(list)
    for card in await cards.lock_owned(conn, by_card):
        owned[card.line_id].append(card)
    await _take_cards(
        conn, courses, [card for each in owned.values() for card in each if not card.gone]
    )
    for course in courses.values():
        if not owned[course.line.id]:  # no card of its own: a top-up, by hand, a shared code
            _take_pieces(course)
        refusal = LineNotRefundable(
            sku=course.line.sku, reason="refund_went_back", field=("lines",)
        )
        refuse_unless(bool(course.parts), refusal)
    return list(courses.values())


async def _of_cards(
    conn: Connection, lines: dict[UUID, SoldLine], card_ids: Sequence[UUID]
) -> list[_Course]:
    found = await cards.lock_owned(conn, list(lines), card_ids)
    if len(found) != len(set(card_ids)):
        raise Refused(NotFound(what="card", field=("cardIds",)))
    wanted = {card.line_id: lines[card.line_id] for card in found}
    courses = {each.id: _Course(each, each.left, each.pieces_left) for each in wanted.values()}
    await _take_cards(conn, courses, found)
    return list(courses.values())


async def _take_cards(
    conn: Connection, courses: dict[UUID, _Course], wanted: Sequence[cards.OwnedCard]
) -> None:
    """Each card's share of what is left of its line; of a gift card, what was paid for its rest."""
    refused = [_refusal_of(courses[card.line_id].line, card) for card in wanted if _is_kept(card)]
    if refused:
        raise Refused(*refused)
    gifts = [card.id for card in wanted if _is_gift(courses[card.line_id])]
    owed = await giftcards.owed_on(conn, gifts) if gifts else {}
    for card in sorted(wanted, key=lambda each: each.unit_number):
        _take(courses[card.line_id], 1, card, owed.get(card.id))


def _take_pieces(course: _Course) -> None:
    if course.pieces_left:
        _take(course, course.pieces_left)


def _take(
    course: _Course, pieces: int, card: cards.OwnedCard | None = None, owed: Owed | None = None
) -> None:
    line = course.line
    if owed is not None:
        amount, lost = price_of_rest(line.unit_price, owed.left, owed.held), 0
    else:
        amount = share_of_pieces(course.left, course.pieces_left, pieces)
        lost = cost_of_pieces(line.cost, line.delivered_quantity, course.before, pieces)
    course.parts.append(PlannedPart(line, card, pieces, amount, lost, owed))
    course.left -= amount
    course.pieces_left -= pieces


def _is_kept(card: cards.OwnedCard) -> bool:
    return card.gone or not card.refundable


def _is_gift(course: _Course) -> bool:
    return course.line.delivery_kind is DeliveryKind.GIFT_CARD


def _refusal_of(line: SoldLine, card: cards.OwnedCard) -> LineNotRefundable:
    reason = "refund_card_went_back" if card.gone else "refund_card_redeemed"
    return LineNotRefundable(sku=line.sku, reason=reason, field=("cardIds",))


async def _way_back(
    conn: Connection,
    order: LockedOrder,
    payment: Payment | None,
    wished: RefundDestination,
    amount: int,
) -> Payment | None:
    """Through the channel it came by, unless the buyer's wallet was wished, or the channel cannot.

    A guest's wallet is bound to a device that may be gone: it is used only where nothing else is.
    """
    if payment is None or not is_payable(amount, order.currency):
        return None
    if wished is RefundDestination.CHANNEL:
        return payment
    buyer = await identity.get_user(order.buyer_id)
    guest = buyer is not None and buyer.role is identity.UserRole.GUEST
    refuse_unless(not guest, Invalid(reason="refund_guest_wallet", field=("destination",)))
    return None


async def _clawbacks(conn: Connection, courses: Sequence[_Course]) -> list[Clawback]:
    """Counted over all refunds that took commission back, this one included."""
    totals = {course.line.id: course.line.total for course in courses if course.line.total}
    going = {course.line.id: sum(part.amount for part in course.parts) for course in courses}
    rows = await conn.fetch(_CLAWED_BASE, list(totals))
    before = {row["line_id"]: row["amount"] for row in rows}
    returned = {
        line_id: Returned(before.get(line_id, 0) + going[line_id], total)
        for line_id, total in totals.items()
    }
    return await commissions.clawbacks_due(conn, returned)
