"""The face of quotes: prices that are locked for a buyer for a while."""

from domain.quotes.models import Quote, QuoteUse
from domain.quotes.refusals import QuoteLinesDiffer, QuoteOver, QuoteUsed, TooManyQuotes
from domain.quotes.rules import OPEN_LIMIT, QuotedLine, Times, prices_to_lock, times
from domain.quotes.service import forget_unused, keep_quote, use_quote
from domain.quotes.statements import QUOTE, USE_QUOTE, USED_ONCE

__all__ = [
    "OPEN_LIMIT",
    "QUOTE",
    "USED_ONCE",
    "USE_QUOTE",
    "Quote",
    "QuoteLinesDiffer",
    "QuoteOver",
    "QuoteUse",
    "QuoteUsed",
    "QuotedLine",
    "Times",
    "TooManyQuotes",
    "forget_unused",
    "keep_quote",
    "prices_to_lock",
    "times",
    "use_quote",
]
