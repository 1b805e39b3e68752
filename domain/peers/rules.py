"""Pure rules of telling partners what changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain.catalog import StockLevel

Some = TypeVar("Some")
MOST_ITEMS = 200  # in one message: some 30 KiB


@dataclass(frozen=True, slots=True)
class Terms:
    """At what price a partner gets a variant, and how well; `amount` in units of 1/10000."""

    amount: int | None
    currency: str
    level: StockLevel


def changed(
    before: Mapping[str, Terms], now: Mapping[str, Terms]
) -> tuple[dict[str, Terms], list[str]]:
    """What a partner gets on other terms than before, or for the first time; and what no more."""
    other = {sku: terms for sku, terms in now.items() if before.get(sku) != terms}
    return other, sorted(before.keys() - now.keys())


def in_messages(items: Iterable[Some], most: int = MOST_ITEMS) -> Iterator[Sequence[Some]]:
    """As few messages as hold them all."""
    waiting = list(items)
    for start in range(0, len(waiting), most):
        yield waiting[start : start + most]
