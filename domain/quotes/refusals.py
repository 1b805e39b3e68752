"""Why a quote cannot be kept or used. Nothing has changed when it is refused."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class QuoteOver(Refusal):
    """Its time is over: ask for a new one, which shows the price of now."""

    code: ClassVar[str] = "QUOTE_EXPIRED"


@dataclass(frozen=True, kw_only=True)
class QuoteUsed(Refusal):
    """Another order was placed by it: a quote is good for one."""

    code: ClassVar[str] = "QUOTE_USED"


@dataclass(frozen=True, kw_only=True)
class QuoteLinesDiffer(Refusal):
    """The order is for other goods, or other quantities, than were quoted."""

    code: ClassVar[str] = "QUOTE_LINES_DIFFER"


@dataclass(frozen=True, kw_only=True)
class TooManyQuotes(Refusal):
    """The buyer keeps as many unused quotes as one may; the oldest end by themselves."""

    code: ClassVar[str] = "TOO_MANY_QUOTES"
    retryable: ClassVar[bool] = True
    most: int
