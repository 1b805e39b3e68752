"""What a line's end does to the books: a sale when it is delivered, a refund when nobody could."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from domain import commissions, ledger, orders, payments, routing
from domain.catalog import DeliveryKind
from domain.kernel import Connection, clock

PARTLY_DELIVERED = "PARTLY_DELIVERED"
# Of a delivered line of an order an amount in units: in the caller's transaction, which has locked
# the order.
GiveBack = Callable[[Connection, UUID, UUID, int], Awaitable[None]]
# The card of a reorder is in the stock now, in the same transaction.
ReplacementCame = Callable[[Connection, UUID], Awaitable[None]]
# Of a supplier and a reference of ours that is no attempt's: whether it is asked about now; None
# when there is no such purchase.
AskSoon = Callable[[Connection, UUID, str], Awaitable[bool | None]]


@dataclass(slots=True)
class Above:
    """What a context above does for this one; set once by the wiring."""

    give_back: GiveBack | None = None
    replacement_came: ReplacementCame | None = None
    # What else is open at suppliers without being an attempt of a line.
    open_elsewhere: routing.CountOpen | None = None
    ask_soon: AskSoon | None = None


above = Above()


async def book_sale(
    conn: Connection,
    line: orders.LockedLine,
    cost: int,
    supplier_id: UUID | None,
    *,
    receipt: str | None = None,
    note: str | None = None,
    lacking: int = 0,
    pieces: int | None = None,
) -> None:
    """Book a delivered line in the caller's transaction: sale, commissions, status, event.

    `cost` in units for all pieces together: owed to the supplier; without one, taken from the own
    stock, or paid by the operator who hands over `note` (mission rows H1, H2; invariants I1, I13).
    What is `lacking` of its price, in units, the caller gives back at once, and the commissions in
    proportion with it. `pieces`: how many came, where fewer than all did.
    """
    total = line.unit_price * line.quantity
    chain, rules = commissions.read_terms(line.terms if line.consumer else None)
    earned = commissions.split(
        unit_price=line.unit_price,
        quantity=line.quantity,
        cost=_cost_of_all(cost + commissions.borne(line.terms), total, lacking),
        chain=chain,
        rules=rules,
        coupon=commissions.coupon_of(line.terms),
        least=commissions.least_of(line.terms),
    )
    partly = lacking or (pieces is not None and pieces < line.quantity)
    why = PARTLY_DELIVERED if partly else None
    told = {"receipt": receipt, "note": note, "lacking": why}
    await orders.line_delivered(conn, line, cost, pieces=pieces, **told)
    if line.delivery_kind is DeliveryKind.GIFT_CARD:
        # A card of money costs its face value; one of uses owes what is paid for it.
        posting = orders.stored_value_posting(
            line_id=line.id,
            number=line.number,
            currency=line.currency,
            total=total,
            owed=cost or total,
        )
    else:
        posting = orders.sale_posting(
            line_id=line.id,
            number=line.number,
            currency=line.currency,
            total=total,
            cost=cost,
            supplier_id=supplier_id,
            by_hand=line.delivery_kind is DeliveryKind.MANUAL,
            commission_legs=commissions.legs_of(earned, line.currency),
        )
    await ledger.post(conn, [posting])
    if earned:
        rows = [(line.id, one) for one in earned]
        await commissions.record_earned(conn, rows, line.currency, clock.now())


def _cost_of_all(cost: int, total: int, lacking: int) -> int:
    """What all of a line would have cost at the cost of the part that came, a little up: what is
    left of the commissions after the rest went back is then within the margin of that part."""
    if not lacking:
        return cost
    margin_of_rounding = commissions.MAX_BENEFICIARIES
    return -(-(cost + margin_of_rounding) * total // (total - lacking))


async def book_refund(conn: Connection, line: orders.LockedLine, failure_code: str) -> None:
    """Give the line's price back, in the caller's transaction (row C5): through the channel that
    the order was paid by, or to the buyer's wallet."""
    await orders.line_refunded(conn, line, failure_code)
    await give_back(conn, line, failure_code)


async def give_back(conn: Connection, line: orders.LockedLine, failure_code: str) -> None:
    """Move the price of a line that is not delivered back to where it came from."""
    total = line.unit_price * line.quantity
    payment = await payments.refundable_payment(conn, line.order_id) if total else None
    if payment is not None:
        wish = payments.RefundWish(payment.id, total, failure_code, line.id)
        await payments.request_refund(conn, payment, wish)
    back = await orders.exchange_back(conn, line.order_id, total, line.id)
    posting = orders.refund_posting(
        line_id=line.id,
        number=line.number,
        currency=line.currency,
        total=total,
        buyer_id=line.buyer_id,
        to_channel=payment is not None,
        to_exchange=back is not None,
    )
    await ledger.post(conn, [posting, *(back or [])])
