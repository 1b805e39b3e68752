"""Reading what suppliers show of their goods: what cannot be read is left out, nothing raises."""

from collections.abc import Callable, Iterable
from typing import Any

from adapters.answers import object_of
from adapters.http import Answer
from domain.suppliers.ports import CatalogueItem, Category, Uncertain

PAGE = 100  # items that are asked for at once
MOST_UNITS = 2**50  # beyond any price: garbage


def goods_in(
    rows: Iterable[Any], read: Callable[[dict[str, Any]], CatalogueItem]
) -> tuple[CatalogueItem, ...]:
    """The items that could be read. One without a name, or with a price or stock that is none, is
    left out: to whoever compares lists it is missing, and is not thought gone at once."""
    found: dict[str, CatalogueItem] = {}
    for row in rows:
        try:
            item = read(object_of(row))
        except (ValueError, ArithmeticError):
            continue
        if item.item and (item.cost is None or 0 < item.cost < MOST_UNITS):
            found[item.item] = item
    return tuple(found.values())


def stock_in(value: Any, endless: int | None = None) -> tuple[int | None, bool]:
    """How many there are, None when it is not told, and whether they never end."""
    if value is None:
        return None, False
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("stock")
    if value == endless:
        return None, True
    if not 0 <= value < 2**31:
        raise ValueError("stock")
    return value, False


def no_list(answer: Answer) -> Uncertain:
    """What is known when no list came: nothing, but perhaps that we asked too often."""
    limited = Category.RATE_LIMITED if answer.status == 429 else Category.UNKNOWN
    return Uncertain(limited, f"http_{answer.status}")
