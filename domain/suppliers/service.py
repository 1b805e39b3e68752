"""Suppliers and their offers, as operators keep them (mission rows D1, D3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

from domain import audit, catalog, ledger
from domain.catalog import CARD_KINDS
from domain.kernel import (
    Actor,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    seal_small,
    transaction,
    wake_relay,
)
from domain.kernel import Connection as Database
from domain.ledger import AccountKind
from domain.suppliers.models import Supplier, SupplierOffer, SupplierState, SupplierTier
from domain.suppliers.ports import Connection, RateLimit
from domain.suppliers.reaching import SECRET_PURPOSE, connection_in, places
from domain.suppliers.refusals import AdapterUnknown, ConnectionUnusable, SupplierHasOpen
from domain.suppliers.registry import adapter_names, port_of

WRITE_SCOPE = "suppliers:write"
CURRENCY = "CNY"
SAVED = "supplier.saved"
MAX_MAPPED = 12
MAX_SETTINGS, MAX_SETTING_LETTERS = 20, 500
MAX_WEIGHT, MAX_OPEN, MAX_PACE = 10_000, 10_000, 86_400
MAX_UNITS = 100_000


@dataclass(frozen=True, slots=True)
class SupplierWish:
    """A supplier as it shall be. What is None keeps what is stored.

    A `max_open` of 0 takes the bound away, and so does a `pace` of no calls. `same_party`: whoever
    answers at another address or in another dialect knows what was ordered there before.
    """

    code: str
    name: str
    adapter: str
    base_url: str
    secret: str | None = field(default=None, repr=False)
    state: SupplierState = SupplierState.ACTIVE
    priority: int = 100
    settings: Mapping[str, str] | None = None
    max_open: int | None = None
    pace: RateLimit | None = None
    tier: SupplierTier | None = None
    same_party: bool = False


@dataclass(frozen=True, slots=True)
class OfferWish:
    """An offer as it shall be: `cost` in units of 1/10000 of `currency` for one piece.

    A `fee` (units for one piece), `weight`, `units` (so many of the item make one piece, above 1
    for top-ups only) or `follows` (the cost is what the supplier's list says) of None keeps what is
    stored, at first 0, 100, 1 and true.
    """

    sku: str
    supplier_code: str
    item: str
    cost: int
    currency: str = CURRENCY
    priority: int = 100
    enabled: bool = True
    field_mapping: Mapping[str, str] = field(default_factory=dict)
    fee: int | None = None
    weight: int | None = None
    units: int | None = None
    follows: bool | None = None


async def save_supplier(actor: Actor, wish: SupplierWish) -> Supplier:
    """Create a supplier, or change the one of this code. Needs `suppliers:write`; audited.

    Refuses what its adapter could not speak with (SUPPLIER_CONNECTION_UNUSABLE), and another
    address, dialect or account while purchases have no outcome (SUPPLIER_HAS_OPEN_PURCHASES).
    """
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    async with transaction() as conn:
        # Rows that only name a supplier, as those of deliveries do, do not wait for this.
        supplier = await Supplier.filter(code=wish.code).select_for_update(no_key=True).first()
        if supplier is None:
            refuse_unless(
                bool(wish.secret), Invalid(reason="supplier_secret_missing", field=("secret",))
            )
            supplier = Supplier(id=new_id(), code=wish.code, created_at=clock.now(), version=0)
        before = _party_of(supplier) if supplier.version else None
        supplier.name, supplier.adapter, supplier.base_url = wish.name, wish.adapter, wish.base_url
        supplier.state, supplier.priority = wish.state, wish.priority
        if wish.max_open is not None:
            supplier.max_open = wish.max_open or None
        if wish.pace is not None:
            supplier.pace_calls = wish.pace.calls or None
            supplier.pace_seconds = int(wish.pace.seconds) if wish.pace.calls else None
        if wish.settings is not None:
            supplier.settings = dict(wish.settings)
        supplier.tier = wish.tier or supplier.tier
        supplier.version += 1
        if wish.secret is not None:
            supplier.secret_sealed = seal_small(SECRET_PURPOSE, wish.secret, str(supplier.id))
        _refuse_unusable(supplier)
        if before not in (None, _party_of(supplier)) and not wish.same_party:
            await _refuse_with_open(conn, supplier.id)
        await supplier.save(force_create=supplier.version == 1)
        await ledger.open_accounts(conn, [(AccountKind.SUPPLIER, supplier.id, CURRENCY)])
        details: dict[str, object] = {
            "code": wish.code,
            "state": wish.state.value,
            "secret": wish.secret is not None,
        }
        details = {**details, "adapter": wish.adapter, "priority": wish.priority}
        details["settings"], details["tier"] = supplier.settings, supplier.tier.value
        details["maxOpen"] = supplier.max_open
        details["pace"] = [supplier.pace_calls, supplier.pace_seconds]
        await audit.record(conn, actor, "supplier.save", supplier.id, details)
        public = encode_id(Prefix.SUPPLIER, supplier.id)
        told = {"supplierId": public, "code": supplier.code, "version": supplier.version}
        # A subject of its own: events of the supplier itself are counted by its gate.
        await record_events(conn, [Event(SAVED, new_id(), 1, told)])
    wake_relay()
    return supplier


async def save_offer(actor: Actor, wish: OfferWish) -> SupplierOffer:
    """Create an offer, or change the one of this supplier, SKU and item. Audited.

    Needs `suppliers:write`. Refuses an unknown SKU or supplier, and a cost that is not above zero.
    """
    offer, _ = await put_offer(actor, wish)
    return offer


async def put_offer(actor: Actor, wish: OfferWish) -> tuple[SupplierOffer, bool]:
    """`save_offer`, and whether it changed anything: a wish that stands already is no news."""
    actor.require_scope(WRITE_SCOPE)
    refuse_unless(wish.cost > 0, Invalid(reason="offer_cost", field=("cost",)))
    refuse_unless((wish.fee or 0) >= 0, Invalid(reason="offer_fee", field=("fee",)))
    fits = 0 <= (wish.weight or 0) <= MAX_WEIGHT
    refuse_unless(fits, Invalid(reason="offer_weight", field=("weight",)))
    fits = 1 <= (wish.units or 1) <= MAX_UNITS
    refuse_unless(fits, Invalid(reason="offer_units", field=("units",)))
    refuse_unless(wish.currency == CURRENCY, Invalid(reason="currency", field=("cost",)))
    refuse_unless(_fits(wish.item, 96), Invalid(reason="offer_item", field=("item",)))
    variant = (await catalog.variants_by_sku([wish.sku])).get(wish.sku)
    if variant is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    whole = variant.delivery_kind not in CARD_KINDS or (wish.units or 1) == 1
    refuse_unless(whole, Invalid(reason="offer_units", field=("units",)))
    await _check_mapping(wish, variant.type_id)
    async with transaction() as conn:
        supplier = await Supplier.filter(code=wish.supplier_code).first()
        if supplier is None:
            raise Refused(NotFound(what="supplier", field=("supplierCode",)))
        offer, fresh = await SupplierOffer.get_or_create(
            {
                "cost": wish.cost,
                "currency": wish.currency,
                "priority": wish.priority,
                "enabled": wish.enabled,
                "field_mapping": dict(wish.field_mapping) or None,
                "fee": wish.fee or 0,
                "weight": 100 if wish.weight is None else wish.weight,
                "units": wish.units or 1,
                "follows": wish.follows is not False,
                "listed_item": listed_name(supplier.adapter, wish.item),
                "updated_at": clock.now(),
            },
            supplier=supplier,
            variant_id=variant.id,
            item=wish.item,
        )
        if not fresh and not _changed(offer, wish):
            return offer, False
        await offer.save()
        details = {
            "sku": wish.sku,
            "cost": wish.cost,
            "fee": offer.fee,
            "weight": offer.weight,
            "enabled": wish.enabled,
            "units": offer.units,
            "follows": offer.follows,
        }
        await audit.record(conn, actor, "supplier_offer.save", offer.id, details)
    return offer, True


def listed_name(adapter: str, item: str) -> str | None:
    """How the supplier's list calls what an offer calls `item`, where that is another name."""
    name = port_of(adapter).listed_as(item) if adapter in adapter_names() else item
    return None if name == item else name


def _party_of(supplier: Supplier) -> tuple[str, str, str]:
    """Who is asked about what was bought: by which dialect, at which address, of which account."""
    account, name = "", supplier.adapter
    if name in adapter_names():
        account = port_of(name).account_of(_reached(supplier))
    return name, supplier.base_url.rstrip("/"), account


async def _refuse_with_open(conn: Database, supplier_id: UUID) -> None:
    """Nobody else is asked about purchases that were made where this supplier was: they are
    counted while none can begin, so that none is made there and asked about elsewhere."""
    if places.open_purchases is None:
        return
    for hold in places.hold_purchases:
        await hold(conn)
    number = (await places.open_purchases(conn, [supplier_id])).get(supplier_id, 0)
    refuse_unless(number == 0, SupplierHasOpen(open=number, field=("baseUrl",)))


def _reached(supplier: Supplier) -> Connection:
    return connection_in(
        supplier.id, supplier.code, supplier.base_url, supplier.secret_sealed, supplier.settings
    )


def _refuse_unusable(supplier: Supplier) -> None:
    """A connection that cannot be spoken with buys nothing; a paused one need not be right."""
    if supplier.state is SupplierState.PAUSED:
        return
    flaw = port_of(supplier.adapter).flaw_of(_reached(supplier))
    if flaw is not None:
        what = {"adapter": supplier.adapter, "name": flaw.name, "reason": flaw.kind.value}
        raise Refused(ConnectionUnusable(**what, field=("secret",)))


async def _check_mapping(wish: OfferWish, type_id: UUID) -> None:
    """The supplier's names are short texts, ours are keys of fields of the variant's type."""
    type_ = (await catalog.types_by_id([type_id]))[type_id]
    keys = {row["key"] for row in type_.account_fields}
    right = len(wish.field_mapping) <= MAX_MAPPED and all(
        _fits(theirs, 64) and ours in keys for theirs, ours in wish.field_mapping.items()
    )
    refuse_unless(right, Invalid(reason="field_mapping", field=("fieldMapping",)))


def _check(wish: SupplierWish) -> None:
    code_fits = _fits(wish.code, 32) and wish.code.isascii()
    refuse_unless(code_fits, Invalid(reason="supplier_code", field=("code",)))
    refuse_unless(_fits(wish.name, 64), Invalid(reason="name", field=("name",)))
    known = adapter_names()
    refuse_unless(
        wish.adapter in known,
        AdapterUnknown(adapter=wish.adapter[:32], known=known, field=("adapter",)),
    )
    usable = _fits(wish.base_url, 300) and _is_address(wish.base_url)
    refuse_unless(usable, Invalid(reason="supplier_url", field=("baseUrl",)))
    settings = wish.settings or {}
    settings_fit = len(settings) <= MAX_SETTINGS and all(
        _fits(name, 64) and _fits(value, MAX_SETTING_LETTERS) for name, value in settings.items()
    )
    refuse_unless(settings_fit, Invalid(reason="supplier_settings", field=("settings",)))
    fits = 0 <= (wish.max_open or 0) <= MAX_OPEN
    refuse_unless(fits, Invalid(reason="supplier_max_open", field=("maxOpen",)))
    pace = wish.pace
    fits = pace is None or (0 <= pace.calls <= MAX_OPEN and 1 <= pace.seconds <= MAX_PACE)
    refuse_unless(fits, Invalid(reason="supplier_pace", field=("paceCalls",)))


def _fits(text: str, most: int) -> bool:
    """Whether a text is neither empty nor too long, and has letters only that can be shown."""
    return 0 < len(text) <= most and text.isprintable()


def _is_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        _ = address.port  # raises when it is no number that a port may have
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.hostname) and not address.username


def _changed(offer: SupplierOffer, wish: OfferWish) -> bool:
    """Put the wish into the offer; whether that changed anything."""
    after = {
        "cost": wish.cost,
        "fee": offer.fee if wish.fee is None else wish.fee,
        "currency": wish.currency,
        "priority": wish.priority,
        "weight": offer.weight if wish.weight is None else wish.weight,
        "enabled": wish.enabled,
        "field_mapping": dict(wish.field_mapping) or None,
        "units": offer.units if wish.units is None else wish.units,
        "follows": offer.follows if wish.follows is None else wish.follows,
    }
    before = {name: getattr(offer, name) for name in after}
    offer.update_from_dict(after)
    offer.updated_at = clock.now()
    return before != after
