"""Suppliers, their offers, and every try to buy from them: for the back office."""

from datetime import datetime

import strawberry

from domain import fulfilment, routing, suppliers
from domain.fulfilment import AttemptStatus, SupplierCallbackOutcome
from domain.kernel import Prefix
from domain.routing import Demotion, Reach
from domain.suppliers import Availability, SupplierState, SupplierTier
from resolvers import suppliers as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
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
    units: int = field(description="So many of the item make one piece.")
    follows: bool = field(description="Its cost is what the supplier's list says.")
    availability: Availability = field(description="What the supplier's list says of it.")
    stock: int | None = field(description="Pieces; null: not told, which is not zero.")
    field_mapping: list[FieldMapping] = field(
        resolvers.field_mapping_of,
        description="How the supplier calls what the buyer fills in; empty: as we do.",
    )


@strawberry.type(description="One setting of a supplier's connection. No secret.")
@presents(resolvers.SupplierSetting)
class SupplierSetting:
    name: str
    value: str


@strawberry.type(description="How a supplier does. `score` and rates in 1/10000.")
@presents(routing.SupplierHealth)
class SupplierHealth:
    score: int = field(description="Of success, latency, bad cards and time to make good.")
    success: int = field(description="How often it is expected to succeed.")
    latency_ms: int
    invalid_rate: int = field(description="Of its cards that were delivered or checked.")
    refund_hours: int | None = field(description="Until it makes good for a bad card.")
    demoted_at: datetime | None
    demotion: Demotion | None = field(description="Why it is asked after all others; null: not.")
    balance: Money | None = field(resolvers.health_balance)
    balance_at: datetime | None
    balance_low: bool
    low_line: Money = field(
        resolvers.health_line, description="Below it the balance is low: set, or what two days use."
    )
    spent_in_a_week: Money = field(resolvers.health_spent)
    cover_hours: int | None = field(description="How long the balance lasts at that use.")


@strawberry.type(description="What a supplier told when it was asked how it is.")
@presents(routing.SupplierReading)
class SupplierReading:
    at: datetime
    reach: Reach
    took_ms: int
    balance: Money | None = field(resolvers.reading_balance, description="Null: not told.")
    score: int


@strawberry.type(description="An upstream party. Its secret is never shown.")
@presents(suppliers.Supplier)
class Supplier:
    id: strawberry.ID = id_field(Prefix.SUPPLIER)
    code: str
    name: str
    adapter: str
    base_url: str
    state: SupplierState
    tier: SupplierTier
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
    health: SupplierHealth = field(resolvers.supplier_health)
    card_quality: CardQuality = field(
        resolvers.card_quality, description="Of all its card batches together."
    )


@strawberry.type(description="One try to buy one line upstream.")
@presents(fulfilment.FulfilmentAttempt)
class FulfilmentAttempt:
    id: strawberry.ID = id_field(Prefix.ATTEMPT)
    line_id: strawberry.ID = id_field(Prefix.ORDER_LINE, "line_id")
    supplier_id: strawberry.ID = id_field(Prefix.SUPPLIER, "supplier_id")
    supplier_code: str = field(resolvers.attempt_supplier)
    number: int
    item: str
    reference: str = field(description="Ours, told to the supplier; stable for life.")
    status: AttemptStatus
    category: str | None = field(description="Why it was rejected, or is uncertain.")
    cost: Money | None = field(resolvers.attempt_cost)
    upstream_id: str | None
    queries: int
    parked: bool = field(description="The goods came too late or not whole, and became stock.")
    part: bool = field(description="It brought a part of its line; the rest came another way.")
    for_case: bool = field(
        description="It buys a card in a bad one's place, which is stock until its case takes it."
    )
    withheld_since: datetime | None = field(
        description="Since when its supplier says that it is done and shows no goods."
    )
    opened_at: datetime
    finished_at: datetime | None
    route: RoutePlan | None = field(
        resolvers.attempt_route, description="The plan that it was made by."
    )


@strawberry.type(description="What was called back to a supplier's connection. Its body is sealed.")
@presents(fulfilment.SupplierCallback)
class SupplierCallback:
    id: strawberry.ID = id_field(Prefix.SUPPLIER_CALLBACK)
    supplier_id: strawberry.ID = id_field(Prefix.SUPPLIER, "supplier_id")
    attempt_id: strawberry.ID | None = field(resolvers.callback_attempt_id)
    received_at: datetime
    reference: str | None = field(description="The order that it names; `-`: none.")
    outcome: SupplierCallbackOutcome
    why: str = field(description="Why it was not believed; empty otherwise.")


@strawberry.type
class SupplierSavePayload:
    supplier: Supplier | None
    user_errors: list[UserError]


@strawberry.type
class SupplierLowBalanceSetPayload:
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
    supplier_readings: Connection[SupplierReading] = field(
        resolvers.supplier_readings,
        permissions=[Scope("suppliers:read")],
        description="What a supplier told each time it was asked how it is, newest first.",
    )
    supplier_callbacks: Connection[SupplierCallback] = field(
        resolvers.supplier_callbacks,
        permissions=[Scope("suppliers:read")],
        description="What suppliers called back, newest first, and what became of it.",
    )


@strawberry.type
class SuppliersAdminMutation:
    supplier_save: SupplierSavePayload = mutation(
        resolvers.supplier_save,
        payload=SupplierSavePayload,
        entity="supplier",
        permissions=[Scope("suppliers:write")],
        description="Create a supplier, or change the one of this code. What is left"
        " out of `secret`, `settings`, `maxOpen`, `pace` and `tier` stays as it is stored.",
    )
    supplier_low_balance_set: SupplierLowBalanceSetPayload = mutation(
        resolvers.supplier_low_balance_set,
        payload=SupplierLowBalanceSetPayload,
        entity="supplier",
        permissions=[Scope("suppliers:write")],
        description="Below which a supplier's balance is low; null: what two days use.",
    )
    offer_save: OfferSavePayload = mutation(
        resolvers.offer_save,
        payload=OfferSavePayload,
        entity="offer",
        permissions=[Scope("suppliers:write")],
        description="Create an offer, or change the one of this supplier, SKU and item.",
    )
