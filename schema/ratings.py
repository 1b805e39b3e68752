"""Ratings, as buyers give them, shops show them and the back office reads and counts them."""

from datetime import datetime

import strawberry

from domain import ratings
from domain.kernel import Prefix
from domain.ratings import RatingState, RatingTag
from resolvers import ratings as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field

READ = [Scope("ratings:read")]


@strawberry.type(description="How buyers rate a product.")
@presents(ratings.ProductRating)
class ProductRating:
    count: int
    average: float | None = field(description="1 to 5, to two digits; null of nothing.")


@strawberry.type(description="What a buyer says of a line, as the buyer sees it.")
@presents(ratings.OwnRating)
class OrderRating:
    id: strawberry.ID = field(resolvers.own_id)
    stars: int = field(resolvers.own_stars)
    tags: list[RatingTag] = field(resolvers.own_tags)
    text: str = field(resolvers.own_text)
    state: RatingState = field(resolvers.own_state)
    editable_until: datetime


@strawberry.type(description="What a buyer wrote of a product. Plain text: escape it.")
@presents(ratings.Rating)
class PublishedRating:
    stars: int
    tags: list[RatingTag] = field(resolvers.tags)
    text: str
    rated_at: datetime


@strawberry.type(description="A rating with all that the house knows of it.")
@presents(ratings.Rating)
class RatingFile:
    id: strawberry.ID = id_field(Prefix.RATING)
    order_id: strawberry.ID = id_field(Prefix.ORDER, "order_id")
    line_id: strawberry.ID = id_field(Prefix.ORDER_LINE, "line_id")
    product_id: strawberry.ID = id_field(Prefix.PRODUCT, "product_id")
    site_id: strawberry.ID = id_field(Prefix.SITE, "site_id")
    agent_id: strawberry.ID | None = field(
        resolvers.agent_of, description="The one nearest to the buyer."
    )
    supplier_id: strawberry.ID | None = field(
        resolvers.supplier_of, description="Who brought the goods."
    )
    after_case: bool = field(description="Given, or changed, once a case of the line was decided.")
    stars: int
    tags: list[RatingTag] = field(resolvers.tags)
    text: str = field(description="Plain text: escape it.")
    state: RatingState
    judgement: str = field(description="Why it is shown, or not.")
    rated_at: datetime
    edited_at: datetime | None


@strawberry.type(description="The ratings of one product, supplier, agent or site.")
@presents(ratings.RatingFigures)
class RatingFigures:
    subject_id: strawberry.ID = field(resolvers.subject_of)
    count: int
    average: float | None
    by_stars: list[int] = field(description="How many of one star, of two, to five.")


@strawberry.type
class OrderLineRatePayload:
    rating: OrderRating | None
    user_errors: list[UserError]


@strawberry.type
class RatingJudgePayload:
    rating: RatingFile | None
    user_errors: list[UserError]


@strawberry.type
class RatingQuery:
    product_ratings: Connection[PublishedRating] = field(
        resolvers.product_ratings,
        description="What buyers wrote of a product and somebody has let through, newest first.",
    )


@strawberry.type
class RatingMutation:
    order_line_rate: OrderLineRatePayload = mutation(
        resolvers.order_line_rate,
        payload=OrderLineRatePayload,
        entity="rating",
        permissions=[SignedIn()],
        rate=Rate(RateZone.ORDER_LOOKUP),
        description="Rate a line of one's own order that came, or whose price went back: 1 to 5"
        " `stars`, up to five `tags`, up to 1,000 letters. Once a line; the same again changes it,"
        " until `editableUntil`.",
    )
    order_line_rate_by_guest: OrderLineRatePayload = mutation(
        resolvers.order_line_rate_by_guest,
        payload=OrderLineRatePayload,
        entity="rating",
        rate=Rate(RateZone.GUEST_LOOKUP, account="guest.number"),
        sensitive=True,
        description="`orderLineRate` for whoever proves the order.",
    )


@strawberry.type
class RatingAdminQuery:
    ratings: Connection[RatingFile] = field(
        resolvers.list_ratings,
        permissions=READ,
        description="Ratings, newest first; `states: [PENDING]` are those to be read.",
    )
    rating_figures: list[RatingFigures] = field(
        resolvers.rating_figures,
        permissions=READ,
        cost=50,
        size=20,
        description="Ratings given in a period of at most 366 days, the worst rated first; at most"
        " 100. `afterCase`: only those given once a case was decided, or only the others.",
    )


@strawberry.type
class RatingAdminMutation:
    rating_judge: RatingJudgePayload = mutation(
        resolvers.rating_judge,
        payload=RatingJudgePayload,
        entity="rating",
        permissions=[Scope("ratings:judge")],
        description="Show the text of a rating, or hide it with a `reason`. Its stars always count."
        " Audited.",
    )
