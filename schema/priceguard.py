"""Price guards, terms of resale and prices that did not cover their cost: for the back office."""

from datetime import datetime

import strawberry

from domain import priceguard
from domain.agents import Tier
from domain.kernel import Prefix
from domain.priceguard import GuardAction, InversionCause
from resolvers import priceguard as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(
    description="What a sale must bring in beyond its cost; the larger of both counts. The guard of"
    " a site and tier comes before that of a site, of a tier, of all."
)
@presents(priceguard.PriceGuard)
class PriceGuard:
    id: strawberry.ID = id_field(Prefix.PRICE_GUARD)
    site_id: strawberry.ID | None = field(resolvers.site_of, description="Null: all sites.")
    tier: Tier | None = field(resolvers.tier_of, description="Null: all tiers.")
    min_margin_rate: int = field(description="Of the cost, in 1/10000.")
    min_margin: Money = field(resolvers.min_margin, description="For one piece.")
    action: GuardAction
    updated_at: datetime


@strawberry.type(
    description="What resale prices may be: of a variant, of a brand's goods, or of all. For"
    " whoever uses the goods (tier `RETAIL`); a discount that is shown is judged for every tier."
)
@presents(priceguard.ResaleTerms)
class ResaleTerms:
    id: strawberry.ID = id_field(Prefix.RESALE_TERMS)
    variant_id: strawberry.ID | None = field(resolvers.variant_of)
    brand_id: strawberry.ID | None = field(resolvers.brand_of)
    min_price: Money | None = field(resolvers.min_price)
    min_face_rate: int | None = field(description="Least share of the face value, in 1/10000.")
    max_discount_rate: int | None = field(description="Largest discount shown, in 1/10000.")
    updated_at: datetime


@strawberry.type(description="A price that did not cover its cost, and what was done.")
@presents(priceguard.PriceInversion)
class PriceInversion:
    id: strawberry.ID = id_field(Prefix.PRICE_INVERSION)
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    sku: str = field(resolvers.sku_of)
    site_id: strawberry.ID | None = field(resolvers.site_of)
    tier: Tier = field(resolvers.tier_of_inversion)
    cause: InversionCause
    action: GuardAction
    price: Money = field(resolvers.price)
    cost: Money = field(resolvers.cost)
    floor: Money = field(resolvers.floor, description="Cost and margin, or the resale price.")
    raised_to: Money | None = field(resolvers.raised_to)
    refused: int = field(description="How many orders or saves, on one day.")
    pieces: int
    prevented: Money = field(resolvers.prevented, description="What these would have lost.")
    opened_at: datetime
    closed_at: datetime | None = field(description="Null: it lasts still.")


@strawberry.type(description="Inversions of one cause that ended in one way.")
@presents(priceguard.InversionSum)
class PriceInversionSum:
    cause: InversionCause
    action: GuardAction
    inversions: int
    variants: int
    refused: int
    pieces: int
    prevented: Money = field(resolvers.sum_prevented)
    open: int


@strawberry.type
class PriceGuardSavePayload:
    guard: PriceGuard | None
    user_errors: list[UserError]


@strawberry.type
class PriceGuardDeletePayload:
    guard: PriceGuard | None
    user_errors: list[UserError]


@strawberry.type
class ResaleTermsSavePayload:
    terms: ResaleTerms | None
    user_errors: list[UserError]


@strawberry.type
class ResaleTermsDeletePayload:
    terms: ResaleTerms | None
    user_errors: list[UserError]


@strawberry.type(description="The least that it may cost.")
@presents(priceguard.PriceBelowFloor)
class PriceBelowFloorError(UserError):
    sku: str
    tier: str
    floor: Money


@strawberry.type
class PriceGuardAdminQuery:
    price_guards: list[PriceGuard] = field(
        resolvers.price_guards, permissions=[Scope("products:read")], size=20
    )
    resale_terms: list[ResaleTerms] = field(
        resolvers.resale_terms, permissions=[Scope("products:read")], size=50
    )
    price_inversions: Connection[PriceInversion] = field(
        resolvers.price_inversions,
        permissions=[Scope("suppliers:read")],
        description="Newest first.",
    )
    price_inversion_report: list[PriceInversionSum] = field(
        resolvers.price_inversion_report,
        permissions=[Scope("suppliers:read")],
        size=9,
        description="What began in a time, by cause and action: which losses were prevented.",
    )


@strawberry.type
class PriceGuardAdminMutation:
    price_guard_save: PriceGuardSavePayload = mutation(
        resolvers.price_guard_save,
        payload=PriceGuardSavePayload,
        entity="guard",
        permissions=[Scope("prices:write")],
        description="Create the guard of a site and a tier, or of all; or change it.",
    )
    price_guard_delete: PriceGuardDeletePayload = mutation(
        resolvers.price_guard_delete,
        payload=PriceGuardDeletePayload,
        entity="guard",
        permissions=[Scope("prices:write")],
        description="Take a guard away; the next wider one counts.",
    )
    resale_terms_save: ResaleTermsSavePayload = mutation(
        resolvers.resale_terms_save,
        payload=ResaleTermsSavePayload,
        entity="terms",
        permissions=[Scope("prices:write")],
        description="Create the terms of a SKU, of a brand, or of all the rest; or change them.",
    )
    resale_terms_delete: ResaleTermsDeletePayload = mutation(
        resolvers.resale_terms_delete,
        payload=ResaleTermsDeletePayload,
        entity="terms",
        permissions=[Scope("prices:write")],
        description="Take terms away; the next wider ones count.",
    )
