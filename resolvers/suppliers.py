"""How the fields of suppliers, offers and attempts are answered (back office)."""

from dataclasses import dataclass
from typing import Annotated

import strawberry
from strawberry import Parent

from domain import cards, fulfilment, routing, suppliers
from domain.kernel import (
    Invalid,
    Money,
    Page,
    Prefix,
    decode_id,
    encode_id,
    page_request,
    refuse_unless,
)
from domain.suppliers import SupplierState, SupplierTier
from resolvers.batches import there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def all_suppliers(info: Info) -> list[suppliers.Supplier]:
    """All suppliers, first choice first."""
    return await suppliers.list_suppliers(info.context.actor)


async def offers(supplier: Parent[suppliers.Supplier], info: Info) -> list[suppliers.SupplierOffer]:
    """What a supplier offers."""
    return await info.context.loaders.offers.load(supplier.id)


def offer_cost(offer: Parent[suppliers.SupplierOffer]) -> Money:
    """The cost of one piece."""
    return Money(offer.cost, offer.currency)


def offer_fee(offer: Parent[suppliers.SupplierOffer]) -> Money:
    """What one piece costs us beside its price."""
    return Money(offer.fee, offer.currency)


async def attempts_of_order(
    info: Info, order_id: strawberry.ID
) -> list[fulfilment.FulfilmentAttempt]:
    """Every try to buy an order's lines upstream, oldest first."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    return await fulfilment.attempts_of_order(info.context.actor, order)


async def supplier_health(
    supplier: Parent[suppliers.Supplier], info: Info
) -> routing.SupplierHealth:
    """How a supplier does."""
    return there(await info.context.loaders.supplier_health.load(supplier.id))


def health_balance(health: Parent[routing.SupplierHealth]) -> Money | None:
    """What we have left there, as it was told last."""
    return None if health.balance is None else Money(health.balance, suppliers.CURRENCY)


def health_line(health: Parent[routing.SupplierHealth]) -> Money:
    """Below it the balance is low."""
    return Money(health.low_line, suppliers.CURRENCY)


def health_spent(health: Parent[routing.SupplierHealth]) -> Money:
    """What was bought there in a week."""
    return Money(health.spent_in_a_week, suppliers.CURRENCY)


def reading_balance(reading: Parent[routing.SupplierReading]) -> Money | None:
    """What we had left there."""
    return None if reading.balance is None else Money(reading.balance, suppliers.CURRENCY)


async def supplier_readings(
    info: Info, supplier_id: strawberry.ID, first: int | None = None, after: str | None = None
) -> Page[routing.SupplierReading]:
    """What a supplier told each time."""
    page = page_request("supplierReadings", first, after)
    supplier = decode_id(Prefix.SUPPLIER, supplier_id, field=("supplierId",))
    return await routing.list_readings(info.context.actor, page, supplier)


async def supplier_low_balance_set(
    info: Info, supplier_code: str, low_balance: MoneyInput | None = None
) -> suppliers.Supplier:
    """Set below which a supplier's balance is low."""
    line = money_of(low_balance, "lowBalance").units if low_balance else None
    supplier = await routing.set_low_balance(info.context.actor, supplier_code, line)
    return await suppliers.Supplier.get(id=supplier)


async def supplier_callbacks(
    info: Info,
    supplier_id: strawberry.ID | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[fulfilment.SupplierCallback]:
    """What suppliers called back, and what became of it."""
    page = page_request("supplierCallbacks", first, after)
    supplier = None
    if supplier_id is not None:
        supplier = decode_id(Prefix.SUPPLIER, supplier_id, field=("supplierId",))
    return await fulfilment.list_callbacks(info.context.actor, page, supplier)


def callback_attempt_id(callback: Parent[fulfilment.SupplierCallback]) -> strawberry.ID | None:
    """The attempt that a callback is about."""
    if callback.attempt_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.ATTEMPT, callback.attempt_id))


async def attempt_route(
    attempt: Parent[fulfilment.FulfilmentAttempt], info: Info
) -> routing.RoutePlan | None:
    """The plan that the attempt was made by."""
    return await info.context.loaders.routes.load((attempt.line_id, attempt.number))


async def attempt_supplier(attempt: Parent[fulfilment.FulfilmentAttempt], info: Info) -> str:
    """The code of who was asked."""
    return await info.context.loaders.supplier_codes.load(attempt.supplier_id)


def attempt_cost(attempt: Parent[fulfilment.FulfilmentAttempt]) -> Money | None:
    """What the supplier charged for all pieces."""
    return None if attempt.cost is None else Money(attempt.cost, attempt.currency)


@strawberry.input(description="One setting that the adapter asks for, by its name. No secret.")
class SupplierSettingInput:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SupplierSetting:
    """One setting of a supplier's connection."""

    name: str
    value: str


def settings_of(supplier: Parent[suppliers.Supplier]) -> list[SupplierSetting]:
    """The settings of a supplier's connection, by their names."""
    return [SupplierSetting(*pair) for pair in sorted(supplier.settings.items())]


def callback_url_of(supplier: Parent[suppliers.Supplier]) -> str:
    """Where the supplier calls us back."""
    return suppliers.callback_url(supplier.id)


SAME_PARTY = "Whoever is at the new address, dialect or account knows earlier orders."


@strawberry.input(description="At most so many purchases in so many seconds; 0: no bound.")
class PaceInput:
    calls: int
    seconds: int


async def supplier_save(
    info: Info,
    code: str,
    name: str,
    adapter: str,
    base_url: str,
    secret: str | None = None,
    state: SupplierState = SupplierState.ACTIVE,
    priority: int = 100,
    settings: list[SupplierSettingInput] | None = None,
    max_open: int | None = None,
    pace: PaceInput | None = None,
    tier: SupplierTier | None = None,
    same_party: Annotated[bool, strawberry.argument(description=SAME_PARTY)] = False,
) -> suppliers.Supplier:
    """Create a supplier, or change the one of this code."""
    named = None if settings is None else {each.name: each.value for each in settings}
    limit = suppliers.RateLimit(pace.calls, pace.seconds) if pace else None
    wish = suppliers.SupplierWish(
        code,
        name,
        adapter,
        base_url,
        secret,
        state,
        priority,
        named,
        max_open,
        limit,
        tier,
        same_party,
    )
    return await suppliers.save_supplier(info.context.actor, wish)


@strawberry.input(description="How a supplier calls one thing that the buyer fills in.")
class FieldMappingInput:
    parameter: str = strawberry.field(description="The supplier's name of it.")
    field: str = strawberry.field(description="Key of a field of the variant.")


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One entry of an offer's mapping."""

    parameter: str
    field: str


def field_mapping_of(offer: Parent[suppliers.SupplierOffer]) -> list[FieldMapping]:
    """How the supplier calls what the buyer fills in; empty: as we do."""
    return [FieldMapping(*pair) for pair in sorted((offer.field_mapping or {}).items())]


async def offer_save(
    info: Info,
    sku: str,
    supplier_code: str,
    item: str,
    cost: MoneyInput,
    priority: int = 100,
    enabled: bool = True,
    field_mapping: list[FieldMappingInput] | None = None,
    fee: MoneyInput | None = None,
    weight: int | None = None,
    units: int | None = None,
    follows: bool | None = None,
) -> suppliers.SupplierOffer:
    """Create an offer, or change the one of this supplier, SKU and item."""
    money = money_of(cost, "cost")
    beside = money_of(fee, "fee") if fee else None
    same = beside is None or beside.currency == money.currency
    refuse_unless(same, Invalid(reason="currency", field=("fee",)))
    wish = suppliers.OfferWish(
        sku,
        supplier_code,
        item,
        money.units,
        money.currency,
        priority,
        enabled,
        {each.parameter: each.field for each in field_mapping or ()},
        beside.units if beside else None,
        weight,
        units,
        follows,
    )
    return await suppliers.save_offer(info.context.actor, wish)


async def card_quality(supplier: Parent[suppliers.Supplier], info: Info) -> cards.CardQuality:
    """How good the cards of its batches proved."""
    return await info.context.loaders.supplier_quality.load(supplier.id)
