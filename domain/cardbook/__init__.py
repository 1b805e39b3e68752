"""The face of the card book: what is where, by unit. It knows nothing of money accounts."""

from domain.cardbook.queries import (
    Crossing,
    PlaceDay,
    StoreDifference,
    crossings,
    folio_after,
    head_of,
    places_on,
    stock_cost,
    store_differences,
)
from domain.cardbook.rules import OUTSIDE
from domain.cardbook.service import FolioReport, fold_next, verify_folios

__all__ = [
    "OUTSIDE",
    "Crossing",
    "FolioReport",
    "PlaceDay",
    "StoreDifference",
    "crossings",
    "fold_next",
    "folio_after",
    "head_of",
    "places_on",
    "stock_cost",
    "store_differences",
    "verify_folios",
]
