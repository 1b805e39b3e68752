"""Pure rules of the way to the shelf: the one table of moves (mission row A7).

The database holds the same table (domain/migrations/0002_guards.py); a test compares them.
"""

from collections.abc import Mapping

from domain.catalog.models import ListingStatus

MAX_REASON_LETTERS = 500

# from, to: the scope that the move needs.
MOVES: Mapping[tuple[ListingStatus, ListingStatus], str] = {
    (ListingStatus.DRAFT, ListingStatus.SUBMITTED): "products:write",
    (ListingStatus.SUBMITTED, ListingStatus.DRAFT): "products:write",
    (ListingStatus.SUBMITTED, ListingStatus.APPROVED): "listings:review",
    (ListingStatus.SUBMITTED, ListingStatus.REJECTED): "listings:review",
    (ListingStatus.REJECTED, ListingStatus.SUBMITTED): "products:write",
    (ListingStatus.APPROVED, ListingStatus.SUBMITTED): "products:write",
    (ListingStatus.APPROVED, ListingStatus.SUSPENDED): "listings:review",
    (ListingStatus.SUSPENDED, ListingStatus.SUBMITTED): "products:write",
}
NEED_REASON = frozenset({ListingStatus.REJECTED, ListingStatus.SUSPENDED})
DECISIONS = frozenset({ListingStatus.APPROVED, *NEED_REASON})

# What buyers see of a product and of a variant: a change of it is reviewed again.
SHOWN_OF_PRODUCT = (
    "slug", "category_id", "brand", "region", "name_zh", "name_en", "description_zh",
    "description_en", "tags",
)  # fmt: skip
SHOWN_OF_VARIANT = (
    "sku", "product_id", "name_zh", "name_en", "type_id", "face_units", "face_currency",
)  # fmt: skip


def differs(
    before: Mapping[str, object], after: Mapping[str, object], shown: tuple[str, ...]
) -> bool:
    """Whether buyers would see a difference between two versions of a row."""
    return any(before[name] != after[name] for name in shown)
