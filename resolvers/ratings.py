"""How ratings are given, read first, shown and counted."""

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import catalog, orders, ratings
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request
from domain.ratings import OwnRating, ProductRating, RatedBy, Rating, RatingState, RatingTag
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info
from resolvers.guests import GuestProofInput, proof_of

SUBJECTS = {
    RatedBy.PRODUCT: Prefix.PRODUCT,
    RatedBy.SUPPLIER: Prefix.SUPPLIER,
    RatedBy.AGENT: Prefix.AGENT,
    RatedBy.SITE: Prefix.SITE,
}


async def order_line_rate(
    info: Info,
    line_id: strawberry.ID,
    stars: int,
    tags: list[RatingTag] | None = None,
    text: str = "",
) -> OwnRating:
    """Rate a line of one's own order, or change that."""
    wish = _wish(line_id, stars, tags, text)
    return await _own(await ratings.rate_line(info.context.actor, wish))


async def order_line_rate_by_guest(
    info: Info,
    guest: GuestProofInput,
    line_id: strawberry.ID,
    stars: int,
    tags: list[RatingTag] | None = None,
    text: str = "",
) -> OwnRating:
    """The same for whoever proves the order."""
    wish = _wish(line_id, stars, tags, text)
    return await _own(await ratings.rate_line(info.context.actor, wish, proof_of(guest)))


async def rating_judge(
    info: Info, rating_id: strawberry.ID, publish: bool, reason: str = ""
) -> Rating:
    """Show or hide the text of a rating."""
    found = decode_id(Prefix.RATING, rating_id, field=("ratingId",))
    return await ratings.judge_text(info.context.actor, found, publish=publish, reason=reason)


async def product_ratings(
    info: Info, product_id: strawberry.ID, first: int | None = None, after: str | None = None
) -> Page[Rating]:
    """What buyers wrote of a product."""
    page = page_request("productRatings", first, after)
    product = decode_id(Prefix.PRODUCT, product_id, field=("productId",))
    return await ratings.list_published(product, page)


async def list_ratings(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    states: list[RatingState] | None = None,
) -> Page[Rating]:
    """Everybody's ratings."""
    page = page_request("ratings", first, after)
    return await ratings.list_ratings(info.context.actor, page, states)


async def rating_figures(
    info: Info, by: RatedBy, since: datetime, until: datetime, after_case: bool | None = None
) -> list[ratings.RatingFigures]:
    """How buyers rate."""
    return await ratings.rating_figures(info.context.actor, by, since, until, after_case)


def rating_of_product(
    product: Parent[catalog.ShownProduct], info: Info
) -> AtOnceOrLater[ProductRating]:
    """How a product is rated, in one statement for a page of them."""
    return info.context.loaders.product_ratings.get(product.id)


def rating_of_line(line: Parent[orders.OrderLine], info: Info) -> AtOnceOrLater[OwnRating | None]:
    """What the buyer of a line says of it."""
    return info.context.loaders.line_ratings.get(line.id)


def own_id(own: Parent[OwnRating]) -> strawberry.ID:
    """Its public id."""
    return strawberry.ID(encode_id(Prefix.RATING, own.given.id))


def own_stars(own: Parent[OwnRating]) -> int:
    """1 to 5."""
    stars: int = own.given.stars
    return stars


def own_tags(own: Parent[OwnRating]) -> list[RatingTag]:
    """What was good, or was not."""
    return _tags(own.given)


def own_text(own: Parent[OwnRating]) -> str:
    """In the buyer's own words."""
    text: str = own.given.text
    return text


def own_state(own: Parent[OwnRating]) -> RatingState:
    """Whether others read the words."""
    return own.given.state


def tags(rating: Parent[Rating]) -> list[RatingTag]:
    """What was good, or was not."""
    return _tags(rating)


def agent_of(rating: Parent[Rating]) -> strawberry.ID | None:
    """The agent nearest to the buyer."""
    return _maybe(Prefix.AGENT, rating.agent_id)


def supplier_of(rating: Parent[Rating]) -> strawberry.ID | None:
    """Who brought the goods."""
    return _maybe(Prefix.SUPPLIER, rating.supplier_id)


def subject_of(figures: Parent[ratings.RatingFigures]) -> strawberry.ID:
    """Of whom the figures are."""
    return strawberry.ID(encode_id(SUBJECTS[figures.by], figures.subject))


async def _own(rating: Rating) -> OwnRating:
    return (await ratings.own_ratings([rating.line_id]))[rating.line_id]


def _wish(
    line_id: strawberry.ID, stars: int, tags: list[RatingTag] | None, text: str
) -> ratings.RatingWish:
    line = decode_id(Prefix.ORDER_LINE, line_id, field=("lineId",))
    return ratings.RatingWish(line, stars, tuple(tags or ()), text)


def _tags(rating: Rating) -> list[RatingTag]:
    return [RatingTag(tag) for tag in rating.tags]


def _maybe(prefix: Prefix, value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(encode_id(prefix, value))
