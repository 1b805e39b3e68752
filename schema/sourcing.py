"""What suppliers list of their goods, and offers that follow it: for the back office."""

from datetime import datetime

import strawberry

from domain import sourcing, suppliers
from domain.kernel import Prefix
from domain.sourcing import RunState
from domain.suppliers import Availability, Pushes
from resolvers import sourcing as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field
from schema.suppliers import OfferSavePayload, Supplier, SupplierOffer


@strawberry.type(description="One item of a supplier's list.")
@presents(sourcing.SupplierItem)
class SupplierItem:
    id: strawberry.ID = id_field(Prefix.SUPPLIER_ITEM)
    item: str
    name: str
    cost: Money | None = field(
        resolvers.item_cost, description="What counts, in its currency; null: it is quoted."
    )
    told_cost: Money | None = field(
        resolvers.told_cost, description="What the list said last; small changes count later."
    )
    availability: Availability
    stock: int | None = field(description="Null: not told, which is not zero.")
    unlimited: bool
    min_quantity: int
    max_quantity: int | None
    face_value: Money | None = field(resolvers.face_of_item)
    account_fields: list[str] = field(size=5, description="What a top-up needs.")
    first_seen_at: datetime
    seen_at: datetime
    offers: list[SupplierOffer] = field(
        resolvers.offers_of_item, size=3, description="For which variants; empty: map it."
    )


@strawberry.type(description="One reading of a supplier's list.")
@presents(sourcing.CatalogueRun)
class CatalogueRun:
    id: strawberry.ID = id_field(Prefix.CATALOGUE_RUN)
    state: RunState
    pages: int
    items: int
    changed: int = field(description="Offers whose cost or availability changed.")
    missing: int
    failures: int = field(description="In a row.")
    detail: str
    started_at: datetime
    finished_at: datetime | None


@strawberry.type(description="How a supplier's list is followed. Rates in 1/10000.")
@presents(sourcing.SyncPolicy)
class SyncPolicy:
    enabled: bool
    every_seconds: int
    pause_ms: int = field(description="Between two calls.")
    tolerance: int = field(description="A smaller change of cost must stand before it counts.")
    settle_seconds: int = field(description="For so long.")
    missing_rate: int = field(description="A list that lacks more is not believed.")
    next_at: datetime
    pushes: Pushes = field(description="Whether it tells by itself what changes of its goods.")
    pushed_at: datetime | None = field(description="When it last did.")


@strawberry.type(description="A supplier whose list is followed.")
@presents(sourcing.FollowedSupplier)
class FollowedSupplier:
    supplier: Supplier
    policy: SyncPolicy
    last_run: CatalogueRun | None


@strawberry.type(description="What an offer cost and whether it could be had, and what became.")
@presents(suppliers.OfferChange)
class OfferChange:
    old_cost: Money | None = field(resolvers.old_cost, description="Null: it was new.")
    new_cost: Money = field(resolvers.new_cost)
    new_fee: Money = field(resolvers.new_fee)
    new_availability: Availability = field(resolvers.new_availability)
    at: datetime


@strawberry.type
class SupplierSyncSavePayload:
    policy: SyncPolicy | None
    user_errors: list[UserError]


@strawberry.type
class SupplierSyncStartPayload:
    policy: SyncPolicy | None
    user_errors: list[UserError]


@strawberry.type
class SupplierSyncAcceptPayload:
    run: CatalogueRun | None
    user_errors: list[UserError]


@strawberry.type
class SourcingAdminQuery:
    supplier_items: Connection[SupplierItem] = field(
        resolvers.supplier_items,
        permissions=[Scope("suppliers:read")],
        description="What a supplier lists, by item; `mapped: false`: what no offer is for yet.",
    )
    followed_suppliers: list[FollowedSupplier] = field(
        resolvers.followed_suppliers, permissions=[Scope("suppliers:read")], size=20
    )
    offer_history: Connection[OfferChange] = field(
        resolvers.offer_history,
        permissions=[Scope("suppliers:read")],
        description="Newest first.",
    )


@strawberry.type
class SourcingAdminMutation:
    supplier_sync_save: SupplierSyncSavePayload = mutation(
        resolvers.supplier_sync_save,
        payload=SupplierSyncSavePayload,
        entity="policy",
        permissions=[Scope("suppliers:write")],
        description="Follow a supplier's list: from then on it says what its offers cost, and"
        " whether they are to be had.",
    )
    supplier_sync_start: SupplierSyncStartPayload = mutation(
        resolvers.supplier_sync_start,
        payload=SupplierSyncStartPayload,
        entity="policy",
        permissions=[Scope("suppliers:write")],
        description="Read a followed supplier's list now.",
    )
    supplier_sync_accept: SupplierSyncAcceptPayload = mutation(
        resolvers.supplier_sync_accept,
        payload=SupplierSyncAcceptPayload,
        entity="run",
        permissions=[Scope("suppliers:write")],
        description="Believe a doubted list: what it lacks is gone.",
    )
    supplier_item_map: OfferSavePayload = mutation(
        resolvers.supplier_item_map,
        payload=OfferSavePayload,
        entity="offer",
        permissions=[Scope("suppliers:write")],
        description="Make an offer of a listed item, at the cost that its list tells.",
    )
