"""Cases of lines without cards of their own: top-ups, what was handed over by hand, shared codes.

There is nothing to freeze and nothing to put back; what may be done twice is asked about first
(row M1). Everything here runs in the caller's transaction, which has locked the order and its case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import cards, fulfilment, ledger, orders, refunds
from domain.aftersale.books import handed_posting
from domain.aftersale.decisions import Decision, DecisionWish
from domain.aftersale.locking import Case
from domain.aftersale.models import CheckResult, Dispute, DisputeReason
from domain.aftersale.recovering import open_claim
from domain.aftersale.refusals import DisputeTooLate, LineNotDisputable, NotSurelyUndelivered
from domain.aftersale.rules import in_time, windows
from domain.aftersale.telling import seal_words
from domain.fulfilment import Bringing
from domain.kernel import Actor, Connection, Invalid, NotFound, Refused, refuse_unless
from domain.orders import LineStatus, LockedOrder, SoldLine
from domain.refunds import RefundReason

HANDED_PURPOSE = "dispute-handed"


@dataclass(frozen=True, slots=True)
class Goods:
    """What a case of a line is about: so many pieces, what brought them, how they were seen."""

    line: SoldLine
    quantity: int
    bringing: Bringing | None
    seen_at: datetime | None
    looks: int


async def goods_of_lines(
    conn: Connection, order: LockedOrder, wanted: Mapping[UUID, int | None], moment: datetime
) -> list[Goods]:
    """The goods of lines that are to be complained about; refuses, never in part, what cannot be.

    `wanted`: how many pieces of each line, None for all that are left. NOT_FOUND: not of this
    order. LINE_NOT_DISPUTABLE: it has cards of its own, is not delivered, went back, or has a case.
    DISPUTE_TOO_LATE, and INVALID for more pieces than are left.
    """
    if not wanted:
        return []
    sold = {line.id: line for line in await orders.sold_lines(conn, order.id)}
    own = all(line_id in sold for line_id in wanted)
    refuse_unless(own, NotFound(what="order line", field=("lines",)))
    ids = list(wanted)
    by_card = await cards.lines_with_cards(conn, ids)
    told = {each.line_id for each in await Dispute.filter(line_id__in=ids, card_id=None)}
    looks = await cards.shared_looks(conn, ids)
    bringing = await fulfilment.bringing_of(conn, ids)
    found: list[Goods] = []
    for line_id, quantity in wanted.items():
        line = sold[line_id]
        _refuse_unfit(line, line_id in by_card, line_id in told, moment)
        pieces = line.pieces_left if quantity is None else quantity
        fits = 0 < pieces <= line.pieces_left
        refuse_unless(fits, Invalid(reason="dispute_quantity", field=("lines",)))
        seen, count = looks.get(line_id, (None, 0))
        found.append(Goods(line, pieces, bringing.get(line_id), seen, count))
    return found


async def decide_line(conn: Connection, actor: Actor, case: Case, wish: DecisionWish) -> None:
    """What a decision does to a line's goods: handed over once more, their money, or nothing."""
    if wish.decision is Decision.REJECT:
        return
    dispute = case.dispute
    sold = await orders.sold_lines(conn, dispute.order_id)
    line = next(each for each in sold if each.id == dispute.line_id)
    bad = wish.invalid
    if bad is None:
        bad = dispute.check_result is CheckResult.INVALID
    if wish.decision is Decision.REPLACE:
        await _hand_over(conn, case, line, wish, surely=bad)
    else:
        await _refund(conn, actor, dispute, line, wish)
    dispute.proved = bad
    bringing = (await fulfilment.bringing_of(conn, [line.id])).get(line.id)
    cost = _cost_of(line, dispute.quantity)
    if bad and bringing is not None and cost:
        await open_claim(conn, dispute, bringing.supplier_id, cost, bringing.currency)


def _refuse_unfit(line: SoldLine, by_card: bool, told: bool, moment: datetime) -> None:
    since = line.delivered_at
    if by_card:
        raise _refusal(line, "dispute_by_card")
    if line.status is LineStatus.REFUNDED or (since and not line.pieces_left):
        raise _refusal(line, "dispute_line_gone")
    if since is None:
        raise _refusal(line, "dispute_line_open")
    if told:
        raise _refusal(line, "dispute_line_there")
    late = DisputeTooLate(ended_at=since + windows.dispute, field=("lines",))
    refuse_unless(in_time(since, windows.dispute, moment), late)


def _refusal(line: SoldLine, reason: str, field: str = "lines") -> Refused:
    return Refused(LineNotDisputable(sku=line.sku, reason=reason, field=(field,)))


async def _hand_over(
    conn: Connection, case: Case, line: SoldLine, wish: DecisionWish, *, surely: bool
) -> None:
    """By hand, and only what surely is not with its buyer: else there would be two."""
    dispute = case.dispute
    if not line.pieces_left:
        raise _refusal(line, "dispute_line_gone", "decision")
    refuse_unless(surely, NotSurelyUndelivered(sku=line.sku, field=("invalid",)))
    refuse_unless(bool(wish.note), Invalid(reason="dispute_note_needed", field=("note",)))
    dispute.handed_sealed = seal_words(HANDED_PURPOSE, wish.note, dispute.id)
    dispute.handed_cost = wish.cost
    if wish.cost:
        await ledger.post(conn, [handed_posting(dispute.id, wish.cost, case.order.currency)])


async def _refund(
    conn: Connection, actor: Actor, dispute: Dispute, line: SoldLine, wish: DecisionWish
) -> None:
    """The pieces' share of their line, given now or before by an operator."""
    if line.pieces_left and line.left:
        pieces = {line.id: min(dispute.quantity, line.pieces_left)}
        made = await refunds.refund_pieces(
            conn,
            actor,
            dispute.order_id,
            pieces,
            _reason_of(dispute.reason),
            wish.destination,
            dispute.decision,
        )
        dispute.refund_id = made.id
        return
    before = await refunds.refund_of_line(conn, line.id)
    if before is None:
        raise _refusal(line, "dispute_line_free", "decision")
    dispute.refund_id = before.refund_id


def _reason_of(reason: DisputeReason) -> RefundReason:
    if reason is DisputeReason.NOT_ARRIVED:
        return RefundReason.NOT_DELIVERED
    return RefundReason(reason.value)


def _cost_of(line: SoldLine, pieces: int) -> int:
    """What so many pieces had cost us, whatever of the line went back before."""
    return refunds.cost_of_pieces(line.cost, line.delivered_quantity, 0, pieces)
