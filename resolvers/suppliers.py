"""How the fields of suppliers, offers and attempts are answered (back office)."""

from dataclasses import dataclass

import strawberry
from strawberry import Parent

from domain import cards, fulfilment, routing, suppliers
from domain.kernel import Invalid, Money, Prefix, decode_id, refuse_unless
from domain.suppliers import SupplierState
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


async def attempt_route(
    attempt: Parent[fulfilment.FulfilmentAttempt], info: Info
) -> routing.RoutePlan | None:
    """The plan that the attempt was made by."""
    return await info.context.loaders.routes.load((attempt.line_id, attempt.number))


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
) -> suppliers.Supplier:
    """Create a supplier, or change the one of this code."""
    named = None if settings is None else {each.name: each.value for each in settings}
    limit = suppliers.RateLimit(pace.calls, pace.seconds) if pace else None
    wish = suppliers.SupplierWish(
        code, name, adapter, base_url, secret, state, priority, named, max_open, limit
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
    )
    return await suppliers.save_offer(info.context.actor, wish)


async def card_quality(supplier: Parent[suppliers.Supplier], info: Info) -> cards.CardQuality:
    """How good the cards of its batches proved."""
    return await info.context.loaders.supplier_quality.load(supplier.id)
