"""Pure rules of quotes: how long they last, and which prices one of them locks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.kernel import NotFound, Refused, refuse_unless
from domain.quotes.refusals import QuoteLinesDiffer, QuoteOver, QuoteUsed

VALID_FOR = timedelta(minutes=10)
OPEN_LIMIT = 50  # unused quotes that one buyer may keep: each is a price that may only rise
FIELD = ("quoteId",)


@dataclass(slots=True)
class Times:
    """How long a quote is good; set once by the wiring."""

    valid: timedelta = VALID_FOR


times = Times()


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """One line of a quote: what was asked for, at its unit price in 1/10000."""

    sku: str
    quantity: int
    unit_price: int

    @property
    def total(self) -> int:
        """What the line costs."""
        return self.unit_price * self.quantity

    def plain(self) -> dict[str, object]:
        """As it is kept."""
        return {"sku": self.sku, "quantity": self.quantity, "unitPrice": self.unit_price}


def prices_to_lock(
    quote: Mapping[str, Any] | None, wished: Sequence[tuple[str, int]]
) -> dict[str, int]:
    """Unit prices by sku that a quote, as `QUOTE` reads it, gives to these (sku, quantity).

    Refuses a quote that is not the buyer's at this site, was used, is over, or is for other goods.
    """
    if quote is None:
        raise Refused(NotFound(what="quote", field=FIELD))
    refuse_unless(not quote["used"], QuoteUsed(field=FIELD))
    refuse_unless(not quote["over"], QuoteOver(field=FIELD))
    quoted = {(line["sku"], line["quantity"]): line["unitPrice"] for line in quote["lines"]}
    refuse_unless(quoted.keys() == set(wished), QuoteLinesDiffer(field=FIELD))
    return {sku: int(price) for (sku, _), price in quoted.items()}
