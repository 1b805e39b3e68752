"""Suppliers, their offers, and every try to buy from them: for the back office."""

from datetime import datetime

import strawberry

from domain import fulfilment, suppliers
from domain.fulfilment import AttemptStatus
from domain.kernel import Prefix
from domain.suppliers import SupplierState
from resolvers import suppliers as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.quality import CardQuality
from schema.routing import RoutePlan
from schema.scalars import Money, id_field


@strawberry.type(description="How a supplier calls one thing that the buyer fills in.")
@presents(resolvers.FieldMapping)
class FieldMapping:
    parameter: str
    field: str


@strawberry.type(description="What a supplier can deliver for a variant.")
@presents(suppliers.SupplierOffer)
class SupplierOffer:
    id: strawberry.ID = id_field(Prefix.SUPPLIER_OFFER)
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    item: str = field(description="The supplier's own name of it.")
    cost: Money = field(resolvers.offer_cost, description="Of one piece.")
    fee: Money = field(resolvers.offer_fee, description="What a piece costs us beside its price.")
    priority: int = field(description="Smaller is asked first.")
    weight: int = field(description="Its share of the lines under the policy `weighted`.")
    enabled: bool
    field_mapping: list[FieldMapping] = field(
        resolvers.field_mapping_of,
        description="How the supplier calls what the buyer fills in; empty: as we do.",
    )


@strawberry.type(description="One setting of a supplier's connection. No secret.")
@presents(resolvers.SupplierSetting)
class SupplierSetting:
    name: str
    value: str


@strawberry.type(description="An upstream party. Its secret is never shown.")
@presents(suppliers.Supplier)
class Supplier:
    id: strawberry.ID = id_field(Prefix.SUPPLIER)
    code: str
    name: str
    adapter: str
    base_url: str
    state: SupplierState
    priority: int
    max_open: int | None = field(description="At most so many attempts without an outcome.")
    pace_calls: int | None = field(description="At most so many purchases in `paceSeconds`.")
    pace_seconds: int | None
    settings: list[SupplierSetting] = field(
        resolvers.settings_of, description="What its adapter is told besides address and secret."
    )
    callback_url: str = field(
        resolvers.callback_url_of, description="Where the supplier may call us back: tell it so."
    )
    offers: list[SupplierOffer] = field(resolvers.offers, size=50)
    card_quality: CardQuality = field(
        resolvers.card_quality, description="Of all its card batches together."
    )


@strawberry.type(description="One try to buy one line upstream.")
@presents(fulfilment.FulfilmentAttempt)
class FulfilmentAttempt:
    id: strawberry.ID = id_field(Prefix.ATTEMPT)
    line_id: strawberry.ID = id_field(Prefix.ORDER_LINE, "line_id")
    supplier_id: strawberry.ID = id_field(Prefix.SUPPLIER, "supplier_id")
    number: int
    item: str
    reference: str = field(description="Ours, told to the supplier; stable for life.")
    status: AttemptStatus
    category: str | None = field(description="Why it was rejected, or is uncertain.")
    cost: Money | None = field(resolvers.attempt_cost)
    upstream_id: str | None
    queries: int
    parked: bool = field(description="The goods came too late or not whole, and became stock.")
    opened_at: datetime
    finished_at: datetime | None
    route: RoutePlan | None = field(
        resolvers.attempt_route, description="The plan that it was made by."
    )


@strawberry.type
class SupplierSavePayload:
    supplier: Supplier | None
    user_errors: list[UserError]


@strawberry.type
class OfferSavePayload:
    offer: SupplierOffer | None
    user_errors: list[UserError]


@strawberry.type
class SuppliersAdminQuery:
    suppliers: list[Supplier] = field(
        resolvers.all_suppliers, permissions=[Scope("suppliers:read")], size=20
    )
    fulfilment_attempts: list[FulfilmentAttempt] = field(
        resolvers.attempts_of_order,
        permissions=[Scope("suppliers:read")],
        size=5,
        description="Every try to buy an order's lines upstream, oldest first.",
    )


@strawberry.type
class SuppliersAdminMutation:
    supplier_save: SupplierSavePayload = mutation(
        resolvers.supplier_save,
        payload=SupplierSavePayload,
        entity="supplier",
        permissions=[Scope("suppliers:write")],
        description="Create a supplier, or change the one of this code. What is left"
        " out of `secret`, `settings`, `maxOpen` and `pace` stays as it is stored.",
    )
    offer_save: OfferSavePayload = mutation(
        resolvers.offer_save,
        payload=OfferSavePayload,
        entity="offer",
        permissions=[Scope("suppliers:write")],
        description="Create an offer, or change the one of this supplier, SKU and item.",
    )
