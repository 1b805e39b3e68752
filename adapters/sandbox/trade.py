"""How a sandbox supplier trades: what it books, and what it says, which may be two things."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from adapters.sandbox.book import Book, ChosenFault, OrderEntry
from adapters.sandbox.faults import CALLBACK_FAULTS, Fault

SCALE = 10_000
MAX_QUANTITY = 1_000
GIVEN_BACK = ("refunded", "cancelled")
UNKNOWN_ACCOUNTS_END = "0404"
HTML = "<!doctype html><title>502</title><h1>502 Bad Gateway</h1>"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as it was asked for; the price guard in units of 1/10000."""

    reference: str
    item: str
    quantity: int
    max_unit_cost: int | None  # None: the dialect has no price guard
    valid_until: float | None = None
    account: dict[str, Any] | None = field(default=None, repr=False)
    notify_url: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a supplier says, before its dialect puts it into words.

    `state` is that of an order (completed, partial, accepted, rejected, refunded, cancelled, or one
    that nobody knows), or without an order: `not_found`, `refused` (nothing was done; `error` says
    why), `broken` (an HTML page with this status).
    """

    state: str
    error: str = ""
    order: OrderEntry | None = field(default=None, repr=False)
    status: int = 0
    hold_seconds: float = 0.0
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Booked:
    """An order in a statement: what was taken for it, and what of that was given back."""

    order: OrderEntry
    charged: int
    refunded: int


def statement(
    book: Book, supplier: str, day: date, after: int = 0, most: int | None = None
) -> list[Booked]:
    """The orders of a day (UTC) behind one, oldest first; one more than `most`, when there are. The
    fault `statement_mismatch` spoils the last one of the day."""
    found = [
        Booked(order, order.charged, order.charged if order.state in GIVEN_BACK else 0)
        for order in reversed(book.orders(supplier))
        if order.state != "rejected"
        and order.id > after
        and datetime.fromtimestamp(order.made_at, UTC).date() == day
    ]
    ends = most is None or len(found) <= most
    if found and ends and book.lies_in_statement(supplier):
        found[-1] = replace(found[-1], charged=found[-1].charged + SCALE)
    return found if ends else found[: (most or 0) + 1]


def is_whole(wanted: Wanted) -> bool:
    """Whether this is an order at all."""
    return 1 <= wanted.quantity <= MAX_QUANTITY and 1 <= len(wanted.reference) <= 64


def submit(book: Book, supplier: str, wanted: Wanted) -> Told:
    """Take an order; the same reference again gets the first one's result and buys nothing."""
    first = book.find(supplier, wanted.reference)
    if first is not None:
        book.count_submission(first)
        return replace(shown(first), repeated=True)
    if wanted.valid_until is not None and wanted.valid_until < time.time():
        # The caller counts "not found" as final after this moment, so nothing may begin after it.
        return Told("refused", "expired")
    chosen = book.next_fault(supplier, wanted.item)
    fault = chosen.fault if chosen else None
    if chosen and fault in _NOTHING_DONE:
        return _NOTHING_DONE[fault](chosen)
    order = _order_for(book, supplier, wanted, fault)
    if order.state != "rejected" and fault in _DELIVERED_WRONG:
        _DELIVERED_WRONG[fault](book, order)
    if order.state != "rejected" and fault in _MASKS:
        order.mask, order.mask_left = _MASKS[fault]
    book.make(order)
    return _answer(order, chosen)


def query(book: Book, supplier: str, reference: str) -> Told:
    """What a supplier tells about an order, which for a while may be less than it knows."""
    order = book.find(supplier, reference)
    if order is None:
        return Told("not_found")
    if order.mask and order.mask_left != 0:
        book.unmask_once(order)
        return _masked(order)
    if order.mask == "refunding":
        book.give_back(order, "refunded")
        order = book.find(supplier, reference) or order
    return shown(order)


def cancel(book: Book, supplier: str, reference: str) -> Told:
    """Take an order back that has not been delivered yet, or of which nothing came; what is
    delivered stays delivered."""
    order = book.find(supplier, reference)
    if order is None:
        return Told("not_found")
    nothing = not order.codes and not order.receipt
    waits = order.state == "completed" and (order.mask == "accepted" or nothing)
    if (order.state == "accepted" or waits) and order.mask != "deaf":
        book.give_back(order, "cancelled")
        order = book.find(supplier, reference) or order
    return shown(order)


def shown(order: OrderEntry) -> Told:
    """An order as the supplier tells it when it tells the truth."""
    return Told(order.state, order.error or "", order)


def share_of(order: OrderEntry) -> str:
    """How much of a top-up was made, as a decimal: 0.5000."""
    return f"{Decimal(order.charged) / (order.unit_price * order.quantity):.4f}"


def amount(units: int) -> str:
    """A decimal text with four digits: 123400 -> "12.3400"."""
    return f"{Decimal(units) / SCALE:.4f}"


def units_of(text: Any) -> int:
    """Units of 1/10000 from a decimal text; finer digits are an error."""
    scaled = Decimal(str(text)) * SCALE
    if scaled != scaled.to_integral_value():
        raise ValueError("more than four digits")
    return int(scaled)


def _order_for(book: Book, supplier: str, wanted: Wanted, fault: Fault | None) -> OrderEntry:
    """The order as an honest supplier would book it, or its rejection."""
    known = book.item(supplier, wanted.item)
    price, stock, needed = known or (0, 0, None)
    if fault is Fault.PRICE_CHANGE:
        price = max(price, wanted.max_unit_cost or 0) * 3 // 2
    charged = price * wanted.quantity
    error: str | None = None
    if known is None:
        error = "product_gone"
    elif fault is Fault.STOCK_OUT or 0 <= stock < wanted.quantity:
        error = "out_of_stock"
    elif wanted.max_unit_cost is not None and price > wanted.max_unit_cost:
        error = "price_exceeded"
    elif fault is Fault.INSUFFICIENT_BALANCE or book.balances().get(supplier, 0) < charged:
        error = "insufficient_balance"
    elif needed is not None and not _account_known(needed, wanted.account or {}, fault):
        error = "invalid_account"
    cards = error is None and needed is None
    codes = book.codes_for(supplier, wanted.reference, wanted.quantity) if cards else []
    topped_up = error is None and needed is not None
    return OrderEntry(
        id=0,
        supplier=supplier,
        reference=wanted.reference,
        item=wanted.item,
        quantity=wanted.quantity,
        state="rejected" if error else "completed",
        error=error,
        unit_price=price,
        charged=0 if error else charged,
        codes=codes,
        mask=None,
        mask_left=0,
        submissions=1,
        made_at=time.time(),
        account=wanted.account if topped_up else None,
        receipt=book.receipt_for(supplier, wanted.reference) if topped_up else "",
        notify_url=wanted.notify_url,
        callback=fault.value if fault in CALLBACK_FAULTS else "",
    )


def _account_known(needed: list[str], account: dict[str, Any], fault: Fault | None) -> bool:
    """An account that a supplier could top up: each parameter there, none ending in 0404."""
    values = [str(account.get(name, "")) for name in needed]
    unknown = any(value.endswith(UNKNOWN_ACCOUNTS_END) for value in values)
    return all(values) and not unknown and fault is not Fault.INVALID_ACCOUNT


def _deliver_part(book: Book, order: OrderEntry) -> None:
    """Half of the cards; half of a top-up, whatever its quantity. A single card has no half: it is
    refused."""
    if order.receipt:
        order.charged, order.state = order.charged // 2, "partial"
        return
    pieces = order.quantity // 2
    if not pieces:
        order.state, order.error, order.charged, order.codes = "rejected", "out_of_stock", 0, []
        return
    order.codes = order.codes[:pieces]
    order.charged = order.unit_price * pieces
    order.state = "partial"


def _deliver_short(book: Book, order: OrderEntry) -> None:
    order.codes = order.codes[:-1]


def _deliver_surplus(book: Book, order: OrderEntry) -> None:
    if not order.receipt:
        order.codes = book.codes_for(order.supplier, order.reference, order.quantity + 1)


def _deliver_sold_code(book: Book, order: OrderEntry) -> None:
    if not order.receipt:
        order.codes[0] = book.sold_code(order.supplier, order.item) or order.codes[-1]


def _charge_too_much(book: Book, order: OrderEntry) -> None:
    order.unit_price *= 2
    order.charged *= 2


def _never_deliver(book: Book, order: OrderEntry) -> None:
    order.state, order.codes = "accepted", []


def _answer(order: OrderEntry, chosen: ChosenFault | None) -> Told:
    """What the submission is answered, once the order is in the book."""
    if chosen is None or order.state == "rejected":
        return shown(order)
    if chosen.fault in (Fault.TIMEOUT_AFTER_SUCCESS, Fault.SLOW):
        return replace(shown(order), hold_seconds=chosen.hold_seconds)
    if chosen.fault is Fault.GARBAGE:
        return Told("broken", status=200, order=order)
    if chosen.fault in (Fault.ERROR_BUT_DONE, Fault.NOT_FOUND_TEMPORARILY, Fault.APPEARS_LATE):
        return Told("broken", status=502, order=order)
    if chosen.fault is Fault.REFUND_AFTER_SUCCESS:
        return shown(order)
    return _masked(order) if order.mask else shown(order)


def _masked(order: OrderEntry) -> Told:
    if order.mask == "not_found":
        return Told("not_found")
    return Told("accepted" if order.mask == "refunding" else str(order.mask), order=order)


_NOTHING_DONE: dict[Fault | None, Callable[[ChosenFault], Told]] = {
    Fault.TIMEOUT_BEFORE_ACCEPT: lambda chosen: Told(
        "broken", status=504, hold_seconds=chosen.hold_seconds
    ),
    Fault.ERROR_THEN_OK: lambda chosen: Told("broken", status=503),
    Fault.RATE_LIMITED: lambda chosen: Told("refused", "rate_limited"),
    Fault.AUTH_REVOKED: lambda chosen: Told("refused", "auth"),
    Fault.UNKNOWN_ERROR: lambda chosen: Told("refused", "E7731"),
}
_DELIVERED_WRONG: dict[Fault | None, Callable[[Book, OrderEntry], None]] = {
    Fault.PARTIAL_DELIVERY: _deliver_part,
    Fault.WRONG_COUNT: _deliver_short,
    Fault.SURPLUS: _deliver_surplus,
    Fault.DUPLICATE_CODE: _deliver_sold_code,
    Fault.PRICE_IGNORED: _charge_too_much,
    Fault.NEVER_FINAL: _never_deliver,
}
_MASKS: dict[Fault | None, tuple[str, int]] = {
    Fault.UNKNOWN_STATE: ("state-501", 2),
    Fault.NOT_FOUND_TEMPORARILY: ("not_found", 2),
    Fault.APPEARS_LATE: ("not_found", 8),
    Fault.ASYNC_DELIVERY: ("accepted", 1),
    Fault.REFUND_LATER: ("refunding", 1),
    Fault.REFUND_AFTER_SUCCESS: ("refunding", 0),
    Fault.LOST_CALLBACK: ("accepted", 1),
    Fault.DUPLICATE_CALLBACK: ("accepted", 1),
    Fault.OUT_OF_ORDER_CALLBACK: ("accepted", 1),
    Fault.CONTRADICTORY_CALLBACK: ("accepted", 1),
    Fault.FORGED_CALLBACK: ("accepted", 2),
    Fault.STALE_CALLBACK: ("accepted", 2),
    Fault.REPLAYED_CALLBACK: ("accepted", 1),
    Fault.OTHER_CALLBACK: ("accepted", 2),
}
