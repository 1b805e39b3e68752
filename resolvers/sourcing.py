"""How suppliers' lists and the offers that follow them are answered (back office)."""

import strawberry
from strawberry import Parent

from domain import sourcing, suppliers
from domain.kernel import Money, Page, Prefix, decode_id, page_request
from domain.sourcing import CatalogueRun, FollowedSupplier, SupplierItem, SyncPolicy
from resolvers.context import Info
from resolvers.suppliers import FieldMappingInput


async def supplier_items(
    info: Info,
    supplier_code: str,
    search: str = "",
    mapped: bool | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[SupplierItem]:
    """What a supplier lists, by item."""
    asked = page_request(f"supplierItems {supplier_code} {search} {mapped}", first, after)
    return await sourcing.list_items(
        info.context.actor, asked, supplier_code, search=search, mapped=mapped
    )


async def followed_suppliers(info: Info) -> list[FollowedSupplier]:
    """The suppliers whose lists are followed."""
    return await sourcing.list_followed(info.context.actor)


async def offer_history(
    info: Info, offer_id: strawberry.ID, first: int | None = None, after: str | None = None
) -> Page[suppliers.OfferChange]:
    """What an offer cost, and whether it could be had, newest first."""
    offer = decode_id(Prefix.SUPPLIER_OFFER, offer_id, field=("offerId",))
    asked = page_request(f"offerHistory {offer_id}", first, after)
    return await suppliers.offer_history(info.context.actor, offer, asked)


async def supplier_sync_save(
    info: Info,
    supplier_code: str,
    enabled: bool = True,
    every_seconds: int = 900,
    pause_ms: int = 200,
    tolerance: int = 50,
    settle_seconds: int = 600,
    missing_rate: int = 2_000,
) -> SyncPolicy:
    """Follow a supplier's list, or follow it otherwise."""
    wish = sourcing.SyncWish(
        supplier_code, enabled, every_seconds, pause_ms, tolerance, settle_seconds, missing_rate
    )
    return await sourcing.save_policy(info.context.actor, wish)


async def supplier_sync_start(info: Info, supplier_code: str) -> SyncPolicy:
    """Read a supplier's list now."""
    return await sourcing.start_run(info.context.actor, supplier_code)


async def supplier_sync_accept(info: Info, run_id: strawberry.ID) -> CatalogueRun:
    """Believe a list that lacks much."""
    run = decode_id(Prefix.CATALOGUE_RUN, run_id, field=("runId",))
    return await sourcing.accept_run(info.context.actor, run)


@strawberry.input(description="The variant that an item is for.")
class MapToInput:
    sku: str
    units: int = strawberry.field(default=1, description="So many of the item make one piece.")
    priority: int = 100
    enabled: bool = True
    field_mapping: list[FieldMappingInput] | None = strawberry.field(
        default=None, description="Without: by the same names, or the only one to the only one."
    )


async def supplier_item_map(
    info: Info, item_id: strawberry.ID, map_to: MapToInput
) -> suppliers.SupplierOffer:
    """Make an offer of a listed item."""
    mapping = map_to.field_mapping
    wish = sourcing.MapWish(
        decode_id(Prefix.SUPPLIER_ITEM, item_id, field=("itemId",)),
        map_to.sku,
        map_to.units,
        map_to.priority,
        map_to.enabled,
        None if mapping is None else {each.parameter: each.field for each in mapping},
    )
    return await sourcing.map_item(info.context.actor, wish)


def item_cost(item: Parent[SupplierItem]) -> Money | None:
    """What counts, in the supplier's currency."""
    return None if item.cost is None else Money(item.cost, item.currency)


def told_cost(item: Parent[SupplierItem]) -> Money | None:
    """What its list said last."""
    return None if item.told_cost is None else Money(item.told_cost, item.currency)


async def offers_of_item(item: Parent[SupplierItem], info: Info) -> list[suppliers.SupplierOffer]:
    """The offers that it is for."""
    return await info.context.loaders.offers_of_items.load((item.supplier_id, item.item))


def face_of_item(item: Parent[SupplierItem]) -> Money | None:
    """What is printed on it, in the supplier's currency where it tells no other."""
    return None if item.face_value is None else Money(item.face_value, item.currency)


def new_cost(change: Parent[suppliers.OfferChange]) -> Money:
    """What it cost from then on."""
    return Money(change.new_cost, suppliers.CURRENCY)


def old_cost(change: Parent[suppliers.OfferChange]) -> Money | None:
    """What it had cost."""
    return None if change.old_cost is None else Money(change.old_cost, suppliers.CURRENCY)


def new_fee(change: Parent[suppliers.OfferChange]) -> Money:
    """What it cost beside its price from then on."""
    return Money(change.new_fee, suppliers.CURRENCY)


def new_availability(change: Parent[suppliers.OfferChange]) -> suppliers.Availability:
    """Whether it could be had from then on."""
    return suppliers.Availability(change.new_availability)
