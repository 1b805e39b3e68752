"""Pure rules of orders: the table of moves, the status that lines add up to, order numbers."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.orders.models import LineStatus, OrderStatus
from domain.orders.moves import OPEN_LINES

MAX_LINES = 20
# A manual line that nobody has handed over by then is told to the operators, again and again.
MANUAL_DUE = timedelta(hours=24)
# Who polls asks often while something is about to happen, and seldom of an order that waits.
POLL_AFTER_MS, POLL_AT_MOST_MS = 1_000, 30_000
POLL_SHARE_OF_AGE = 20
NUMBER_LETTERS = 10
# Crockford's base 32 without look-alikes; ten random letters are 50 bits: nobody walks them.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_number(moment: datetime) -> str:
    """A human order number: the day, and ten random letters."""
    bits = secrets.randbits(NUMBER_LETTERS * 5)
    letters = (_ALPHABET[bits >> shift & 31] for shift in range(0, NUMBER_LETTERS * 5, 5))
    return f"{moment:%y%m%d}-{''.join(letters)}"


def poll_after_ms(age: timedelta) -> int:
    """When to look again at an open order of this age: a twentieth of it, from 1 s to 30 s."""
    share = int(age.total_seconds() * 1_000) // POLL_SHARE_OF_AGE
    return max(POLL_AFTER_MS, min(share, POLL_AT_MOST_MS))


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
