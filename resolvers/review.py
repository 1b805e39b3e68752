"""How the way of a listing to the shelf is answered (back office)."""

from typing import NamedTuple

import strawberry
from strawberry import Parent

from domain import catalog
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request
from resolvers.context import Info


class LiftedBan(NamedTuple):
    """What is told of a ban that stands no more."""

    ban_id: strawberry.ID


async def reviews_of(product: Parent[catalog.Product], info: Info) -> list[catalog.ListingReview]:
    """Every move of a product, newest first."""
    return await info.context.loaders.reviews.load(product.id)


def reviewer_id(review: Parent[catalog.ListingReview]) -> strawberry.ID | None:
    """Who decided it."""
    if review.reviewer_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.USER, review.reviewer_id))


async def listing_move(
    info: Info,
    product_id: strawberry.ID,
    to: catalog.ListingStatus,
    reason: str = "",
    expected_version: int | None = None,
) -> catalog.Product:
    """Submit, approve, reject, suspend or withdraw a product."""
    product = decode_id(Prefix.PRODUCT, product_id, field=("productId",))
    wish = catalog.ListingMove(product, to, reason, expected_version)
    return await catalog.move_listing(info.context.actor, wish)


async def listing_bans(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[catalog.ListingBan]:
    """All bans, oldest first."""
    return await catalog.list_bans(page_request("listingBans", first, after))


def banned_category_id(ban: Parent[catalog.ListingBan]) -> strawberry.ID | None:
    """The category that is banned with all below it."""
    if ban.category_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.CATEGORY, ban.category_id))


async def listing_ban(
    info: Info, reason: str, word: str | None = None, category_id: strawberry.ID | None = None
) -> catalog.ListingBan:
    """Ban a word or a category, and suspend what it hits."""
    category = (
        None
        if category_id is None
        else decode_id(Prefix.CATEGORY, category_id, field=("categoryId",))
    )
    return await catalog.ban(info.context.actor, reason, word=word, category_id=category)


async def listing_ban_lift(info: Info, id: strawberry.ID) -> LiftedBan:
    """Take a ban back."""
    lifted = await catalog.lift_ban(info.context.actor, decode_id(Prefix.LISTING_BAN, id))
    return LiftedBan(strawberry.ID(encode_id(Prefix.LISTING_BAN, lifted)))
