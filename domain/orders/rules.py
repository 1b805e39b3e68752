"""Pure rules of orders: the table of moves, the status that lines add up to, order numbers."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.orders.models import LineStatus, OrderStatus

ORDER_MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PAID: frozenset(
        {
            OrderStatus.DELIVERING,
            OrderStatus.DELIVERED,
            OrderStatus.PARTIALLY_DELIVERED,
            OrderStatus.REFUNDED,
        }
    ),
    OrderStatus.DELIVERING: frozenset(
        {OrderStatus.DELIVERED, OrderStatus.PARTIALLY_DELIVERED, OrderStatus.REFUNDED}
    ),
    OrderStatus.DELIVERED: frozenset(),
    OrderStatus.PARTIALLY_DELIVERED: frozenset(),
    OrderStatus.REFUNDED: frozenset(),
}
LINE_MOVES: dict[LineStatus, frozenset[LineStatus]] = {
    LineStatus.QUEUED: frozenset(
        {LineStatus.DELIVERING, LineStatus.DELIVERED, LineStatus.REFUNDED}
    ),
    LineStatus.DELIVERING: frozenset({LineStatus.DELIVERED, LineStatus.REFUNDED}),
    LineStatus.DELIVERED: frozenset(),
    LineStatus.REFUNDED: frozenset(),
}
OPEN_LINES = frozenset({LineStatus.QUEUED, LineStatus.DELIVERING})
CLOSED_ORDERS = frozenset({status for status, moves in ORDER_MOVES.items() if not moves})
MAX_LINES = 20
# A manual line that nobody has handed over by then is told to the operators, again and again.
MANUAL_DUE = timedelta(hours=24)
POLL_AFTER_MS = 1_000
NUMBER_LETTERS = 10
# Crockford's base 32 without look-alikes; ten random letters are 50 bits: nobody walks them.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_number(moment: datetime) -> str:
    """A human order number: the day, and ten random letters."""
    bits = secrets.randbits(NUMBER_LETTERS * 5)
    letters = (_ALPHABET[bits >> shift & 31] for shift in range(0, NUMBER_LETTERS * 5, 5))
    return f"{moment:%y%m%d}-{''.join(letters)}"


def status_of(lines: Iterable[LineStatus]) -> OrderStatus:
    """What the lines add up to, once somebody works on them."""
    states = set(lines)
    if states & OPEN_LINES:
        return OrderStatus.DELIVERING
    if states == {LineStatus.DELIVERED}:
        return OrderStatus.DELIVERED
    if states == {LineStatus.REFUNDED}:
        return OrderStatus.REFUNDED
    return OrderStatus.PARTIALLY_DELIVERED
