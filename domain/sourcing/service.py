"""Following suppliers' lists, as operators want it: policies, runs by hand, mapping (row D6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from domain import audit, catalog, suppliers
from domain.kernel import (
    Actor,
    Invalid,
    NotFound,
    Refused,
    clock,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.sourcing.booking import cost_here, follow, put_gone, shop_of
from domain.sourcing.events import tell_changed
from domain.sourcing.models import CatalogueRun, RunState, SupplierItem, SyncPolicy
from domain.sourcing.refusals import FaceDiffers, NothingToFollow, RunOver
from domain.suppliers import (
    CURRENCY,
    Availability,
    OfferWish,
    Supplier,
    SupplierOffer,
    listed_name,
)

WRITE_SCOPE = suppliers.WRITE_SCOPE
LIMITS = {
    "every_seconds": (10, 604_800),
    "pause_ms": (0, 60_000),
    "tolerance": (0, 10_000),
    "settle_seconds": (0, 86_400),
    "missing_rate": (0, 10_000),
}


@dataclass(frozen=True, slots=True)
class SyncWish:
    """How a supplier's list shall be followed; see `SyncPolicy`."""

    supplier_code: str
    enabled: bool = True
    every_seconds: int = 900
    pause_ms: int = 200
    tolerance: int = 50
    settle_seconds: int = 600
    missing_rate: int = 2_000


@dataclass(frozen=True, slots=True)
class MapWish:
    """An item of a supplier's list as an offer for a variant: `units` of it make one piece.

    Without a mapping the supplier's parameters go to our fields of the same names, or the only one
    to the only one.
    """

    item_id: UUID
    sku: str
    units: int = 1
    priority: int = 100
    enabled: bool = True
    field_mapping: Mapping[str, str] | None = None


async def save_policy(actor: Actor, wish: SyncWish) -> SyncPolicy:
    """Follow a supplier's list, or follow it otherwise. Needs `suppliers:write`; audited.

    From then on its list says what its offers cost and whether they are to be had. Refuses an
    unknown supplier, one whose adapter tells nothing of its goods, and numbers out of limits.
    """
    actor.require_scope(WRITE_SCOPE)
    for name, (least, most) in LIMITS.items():
        fits = least <= getattr(wish, name) <= most
        refuse_unless(fits, Invalid(reason="sync_limits", field=(_camel(name),)))
    supplier = await _supplier(wish.supplier_code)
    adapter, to = await suppliers.connection_of(supplier.id)
    capabilities = suppliers.port_of(adapter).capabilities_of(to)
    told = bool(capabilities.catalogue_page) or capabilities.product
    refuse_unless(told, NothingToFollow(supplier=supplier.code, field=("supplierCode",)))
    moment = clock.now()
    async with transaction() as conn:
        found = SyncPolicy.filter(supplier_id=supplier.id).select_for_update()
        policy = await found.first()
        fresh = policy is None
        policy = policy or SyncPolicy(supplier_id=supplier.id)
        values = {name: getattr(wish, name) for name in LIMITS}
        policy.update_from_dict({**values, "enabled": wish.enabled, "updated_at": moment})
        policy.next_at = moment
        await policy.save(force_create=fresh)
        for offer in await SupplierOffer.filter(supplier_id=supplier.id):
            offer.listed_item = listed_name(adapter, offer.item)
            await offer.save(update_fields=["listed_item"])
        details = {"supplier": supplier.code, "enabled": wish.enabled, **values}
        await audit.record(conn, actor, "sync_policy.save", supplier.id, details)
    return policy


async def start_run(actor: Actor, supplier_code: str) -> SyncPolicy:
    """Read a supplier's list now. Needs `suppliers:write`; refuses one that is not followed."""
    actor.require_scope(WRITE_SCOPE)
    supplier = await _supplier(supplier_code)
    async with transaction() as conn:
        policy = await SyncPolicy.filter(supplier_id=supplier.id).select_for_update().first()
        if policy is None or not policy.enabled:
            raise Refused(NotFound(what="sync policy", field=("supplierCode",)))
        policy.next_at = clock.now()
        await policy.save(update_fields=["next_at"])
        await audit.record(conn, actor, "sync.start", supplier.id, {"supplier": supplier.code})
    return policy


async def accept_run(actor: Actor, run_id: UUID) -> CatalogueRun:
    """Believe a list that lacks much: what it lacks is gone. Needs `suppliers:write`; audited.

    Refuses a run that is not doubted, or is no longer the newest of its supplier.
    """
    actor.require_scope(WRITE_SCOPE)
    moment = clock.now()
    async with transaction() as conn:
        run = await CatalogueRun.filter(id=run_id).select_for_update().first()
        if run is None:
            raise Refused(NotFound(what="catalogue run", field=("runId",)))
        newest = await CatalogueRun.filter(supplier_id=run.supplier_id).order_by("-id").first()
        doubted = run.state is RunState.SUSPICIOUS and newest is not None and newest.id == run.id
        refuse_unless(doubted, RunOver(field=("runId",)))
        policy = await SyncPolicy.get(supplier_id=run.supplier_id)
        listed = SupplierItem.filter(supplier_id=run.supplier_id).exclude(
            availability=Availability.GONE
        )
        missing = [row.item for row in await listed if row.seen_run != run.id]
        shop, asked_at = shop_of(policy, None), run.started_at
        changed = await put_gone(conn, shop, missing, moment, asked_at)
        await tell_changed(conn, run.id, run.supplier_id, changed)
        run.state, run.changed = RunState.DONE, run.changed + len(changed)
        run.detail = "accepted"
        await run.save()
        details = {"supplierId": str(run.supplier_id), "missing": len(missing)}
        await audit.record(conn, actor, "sync.accept", run.id, details)
    wake_relay()
    return run


async def convert_again(supplier_id: UUID) -> int:
    """Let the offers of a followed supplier cost what its items cost at the rate of now: somebody
    changed the supplier. Asks nobody; how many offers changed."""
    policy = await SyncPolicy.filter(supplier_id=supplier_id, enabled=True).first()
    if policy is None:
        return 0
    adapter, to = await suppliers.connection_of(supplier_id)
    shop = shop_of(policy, suppliers.port_of(adapter).rate_of(to))
    async with transaction() as conn:
        await SyncPolicy.filter(supplier_id=supplier_id).select_for_update().get()
        changed = await follow(conn, shop, None, clock.now())
        await tell_changed(conn, new_id(), supplier_id, changed)
    wake_relay()
    return len(changed)


async def map_item(actor: Actor, wish: MapWish) -> SupplierOffer:
    """Make an offer of a listed item, at the cost that its list tells. Needs `suppliers:write`.

    Refuses an unknown item or SKU, one without a price, another face value than the variant's, and
    parameters that fit none of our fields.
    """
    actor.require_scope(WRITE_SCOPE)
    item = await SupplierItem.filter(id=wish.item_id).first()
    if item is None:
        raise Refused(NotFound(what="supplier item", field=("itemId",)))
    variant = (await catalog.variants_by_sku([wish.sku])).get(wish.sku)
    if variant is None:
        raise Refused(NotFound(what="variant", field=("mapTo", "sku")))
    face = variant.face_value.units if variant.face_value else None
    theirs = item.face_value
    same = theirs is None or face is None or theirs * wish.units == face
    refuse_unless(same, FaceDiffers(item=item.item, sku=wish.sku, field=("mapTo", "units")))
    supplier = await Supplier.get(id=item.supplier_id)
    adapter, to = await suppliers.connection_of(item.supplier_id)
    rate = suppliers.port_of(adapter).rate_of(to)
    cost = cost_here(item.cost, item.currency, rate)
    if cost is None:
        raise Refused(Invalid(reason="item_cost", field=("itemId",)))
    mapping = wish.field_mapping
    if mapping is None:
        mapping = await _mapping_for(item, variant.type_id)
    offer = await suppliers.save_offer(
        actor,
        OfferWish(
            sku=wish.sku,
            supplier_code=supplier.code,
            item=item.item,
            cost=cost * wish.units,
            currency=CURRENCY,
            priority=wish.priority,
            enabled=wish.enabled,
            field_mapping=mapping,
            units=wish.units,
            follows=True,
        ),
    )
    policy = await SyncPolicy.filter(supplier_id=item.supplier_id).first()
    if policy is not None:
        async with transaction() as conn:
            await follow(conn, shop_of(policy, rate), [item.item], clock.now())
        await offer.refresh_from_db()
    return offer


async def _mapping_for(item: SupplierItem, type_id: UUID) -> dict[str, str]:
    """The supplier's parameters to our fields, where there is only one way."""
    type_ = (await catalog.types_by_id([type_id]))[type_id]
    ours = [row["key"] for row in type_.account_fields]
    theirs = item.account_fields
    if set(theirs) <= set(ours):
        return {} if sorted(theirs) == sorted(ours) else {name: name for name in theirs}
    if len(theirs) == len(ours) == 1:
        return {theirs[0]: ours[0]}
    raise Refused(Invalid(reason="field_mapping", field=("mapTo", "fieldMapping")))


async def _supplier(code: str) -> Supplier:
    supplier = await Supplier.filter(code=code).first()
    if supplier is None:
        raise Refused(NotFound(what="supplier", field=("supplierCode",)))
    return supplier


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
