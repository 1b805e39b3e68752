"""One batch loader a relation, made anew for each request."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from inspect import isawaitable
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from domain import (
    aftersale,
    agents,
    cards,
    catalog,
    checkout,
    giftcards,
    orders,
    pricing,
    refunds,
    routing,
    sites,
    suppliers,
)
from domain.cards import CardCheck, CardQuality, CardQuota, CardWriteOff
from domain.kernel import ANONYMOUS, Actor

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Picked = TypeVar("Picked")
AtOnceOrLater: TypeAlias = Value | Awaitable[Value]


class Batch(Generic[Key, Value]):
    """Loads many keys by one statement, and remembers them for the rest of the request.

    `fetch` gets the keys that are not known yet; a key it does not answer has the value `missing`.
    """

    def __init__(
        self, fetch: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]], missing: Value
    ) -> None:
        self._fetch = fetch
        self._missing = missing
        self._at_hand: dict[Key, Value] = {}

    def get(self, key: Key) -> AtOnceOrLater[Value]:
        """The value itself when it is at hand, else a promise that waits for its batch.

        Twenty promises cost more than the statement behind them: a page fetches first.
        """
        try:
            return self._at_hand[key]
        except KeyError:
            return self._waiting.load(key)

    def get_from(self, key: Key, pick: Callable[[Value], Picked]) -> AtOnceOrLater[Picked]:
        """A part of the value, at once or later, as `get` does."""
        found = self.get(key)
        if not isawaitable(found):
            return pick(found)
        return self._later(found, pick)

    async def load(self, key: Key) -> Value:
        """The value of one key."""
        found = self.get(key)
        return await found if isawaitable(found) else found

    async def load_many(self, keys: Iterable[Key]) -> list[Value]:
        """The values of several keys, in their order."""
        wanted = list(keys)
        await self.fetch(wanted)
        return [self._at_hand[key] for key in wanted]

    async def fetch(self, keys: Iterable[Key]) -> None:
        """Have these keys at hand: one statement for those that are not yet."""
        unknown = [key for key in dict.fromkeys(keys) if key not in self._at_hand]
        if unknown:
            found = await self._fetch(unknown)
            self._at_hand.update((key, found.get(key, self._missing)) for key in unknown)

    def prime(self, key: Key, value: Value) -> None:
        """Tell a value that is known already, such as a row just written."""
        self._at_hand[key] = value

    async def _later(self, found: Awaitable[Value], pick: Callable[[Value], Picked]) -> Picked:
        return pick(await found)

    @cached_property
    def _waiting(self) -> DataLoader[Key, Value]:
        return DataLoader(self.load_many, cache=False)


def there(found: Value | None) -> Value:
    """What a foreign key promises: the row behind an id that the database holds to exist."""
    if found is None:
        raise LookupError("a row that is referred to is missing")
    return found


class Loaders:
    """The loaders of one request, for one caller in one language."""

    def __init__(self, actor: Actor = ANONYMOUS, language: str = "en") -> None:
        self._actor = actor
        self._language = language
        self._tier: str | None = None
        self._tree: list[catalog.ShownCategory] | None = None
        self._attributes: dict[str, catalog.Attribute] | None = None

    async def tier(self) -> str:
        """The price grade of the caller: an agent's own, retail for everybody else."""
        if self._tier is None:
            agent_id = self._actor.agent_id
            self._tier = pricing.RETAIL if agent_id is None else await agents.tier_of(agent_id)
        return self._tier

    async def place(self) -> catalog.Place:
        """Where the caller shops."""
        return catalog.place_of(await sites.get_site(self._actor.site_id))

    async def category_tree(self) -> list[catalog.ShownCategory]:
        """All shelves; read once a request."""
        if self._tree is None:
            self._tree = await catalog.category_tree(self._language)
        return self._tree

    @cached_property
    def categories(self) -> "Batch[UUID, catalog.ShownCategory | None]":
        """Categories by id."""
        return Batch(self._fetch_categories, None)

    @cached_property
    def products(self) -> "Batch[UUID, catalog.ShownProduct | None]":
        """Products by id, whatever their status."""
        return Batch(lambda ids: catalog.products_by_id(ids, self._language), None)

    @cached_property
    def brands(self) -> "Batch[UUID, catalog.Brand | None]":
        """Brands by id."""
        return Batch(catalog.brands_by_id, None)

    async def attributes(self) -> dict[str, catalog.Attribute]:
        """All attributes by key; read once a request."""
        if self._attributes is None:
            self._attributes = await catalog.definitions()
        return self._attributes

    @cached_property
    def translations(self) -> "Batch[UUID, list[catalog.Translation]]":
        """The translations of a thing, for the back office."""
        return Batch(catalog.translations_of, [])

    @cached_property
    def listed_prices(self) -> "Batch[UUID, list[pricing.ListedPrice]]":
        """The prices of a variant on every list, for the back office."""
        return Batch(pricing.listed_prices_of, [])

    @cached_property
    def price_lists(self) -> "Batch[UUID, pricing.PriceList | None]":
        """Price lists by id, for the back office."""
        return Batch(pricing.price_lists_by_id, None)

    @cached_property
    def authorisations(self) -> "Batch[UUID, list[catalog.BrandAuthorisation]]":
        """The documents of a brand, for the back office."""
        return Batch(catalog.authorisations_of, [])

    @cached_property
    def assortment_rules(self) -> "Batch[UUID, list[catalog.AssortmentRule]]":
        """The rules of a site's selection, for the back office."""
        return Batch(catalog.rules_of_sites, [])

    @cached_property
    def variants(self) -> "Batch[UUID, catalog.ShownVariant | None]":
        """Variants by id, whatever their status."""
        return Batch(lambda ids: catalog.variants_by_id(ids, self._language), None)

    @cached_property
    def product_types(self) -> "Batch[UUID, catalog.ProductType | None]":
        """Product types by id, archived or not."""
        return Batch(catalog.types_by_id, None)

    @cached_property
    def variants_of_product(self) -> "Batch[UUID, list[catalog.ShownVariant]]":
        """The active variants of a product."""
        return Batch(lambda ids: catalog.variants_of(ids, self._language), [])

    @cached_property
    def prices(self) -> "Batch[UUID, pricing.UnitPrice | None]":
        """The price of a variant for the caller's tier; None when it has none."""
        return Batch(self._fetch_prices, None)

    @cached_property
    def stock_levels(self) -> "Batch[UUID, catalog.StockLevel]":
        """How well a variant can be delivered."""
        return Batch(self._fetch_stock_levels, catalog.StockLevel.OUT)

    @cached_property
    def variant_files(self) -> "Batch[UUID, list[catalog.Variant]]":
        """All variants of a product whatever their status, for the back office."""
        return Batch(catalog.variant_files_of, [])

    @cached_property
    def reviews(self) -> "Batch[UUID, list[catalog.ListingReview]]":
        """The moves of a product, newest first, for the back office."""
        return Batch(catalog.reviews_of, [])

    @cached_property
    def tier_prices(self) -> "Batch[UUID, list[pricing.TierPrice]]":
        """The own prices of a variant by tier, for the back office."""
        return Batch(pricing.tier_prices_of, [])

    @cached_property
    def offers(self) -> "Batch[UUID, list[suppliers.SupplierOffer]]":
        """The offers of a supplier, for the back office."""
        return Batch(suppliers.offers_of_suppliers, [])

    @cached_property
    def routes(self) -> "Batch[tuple[UUID, int], routing.RoutePlan | None]":
        """The plan of an attempt by its line and number, for the back office."""
        return Batch(routing.plans_of, None)

    @cached_property
    def type_versions(self) -> "Batch[tuple[UUID, int], list[dict[str, Any]]]":
        """The fields that a version of a product type asked for."""
        return Batch(catalog.fields_of_versions, [])

    @cached_property
    def buyers(self) -> "Batch[UUID, UUID | None]":
        """Who bought an order."""
        return Batch(orders.buyers_of, None)

    @cached_property
    def lines(self) -> "Batch[UUID, list[orders.OrderLine]]":
        """The lines of an order."""
        return Batch(orders.lines_of, [])

    @cached_property
    def order_refunds(self) -> "Batch[UUID, list[refunds.ShownRefund]]":
        """What went back of an order's delivered goods."""
        return Batch(refunds.refunds_of_orders, [])

    @cached_property
    def order_disputes(self) -> "Batch[UUID, list[aftersale.Dispute]]":
        """The cases of an order."""
        return Batch(aftersale.disputes_of_orders, [])

    @cached_property
    def dispute_steps(self) -> "Batch[UUID, list[aftersale.DisputeStep]]":
        """The history of a case, for the back office."""
        return Batch(aftersale.steps_of, [])

    @cached_property
    def dispute_claims(self) -> "Batch[UUID, aftersale.SupplierClaim | None]":
        """What the supplier owes in a case, for the back office."""
        return Batch(aftersale.claims_of, None)

    @cached_property
    def refund_parts(self) -> "Batch[UUID, list[refunds.ShownPart]]":
        """What a refund is made of, for the back office."""
        return Batch(refunds.parts_of, [])

    @cached_property
    def refund_clawbacks(self) -> "Batch[UUID, list[refunds.AgentShare]]":
        """What agents gave back with a refund, for the back office."""
        return Batch(refunds.clawbacks_of, [])

    @cached_property
    def cards(self) -> "Batch[UUID, Sequence[cards.Card | checkout.ClaimedCard]]":
        """The cards that an order line delivered, masked."""
        return Batch(cards.cards_of_lines, [])

    @cached_property
    def bundle_parts(self) -> "Batch[UUID, list[catalog.BundlePart]]":
        """What a bundle holds."""
        return Batch(catalog.bundle_parts_of, [])

    @cached_property
    def bundle_levels(self) -> "Batch[UUID, catalog.StockLevel]":
        """How well a bundle can be delivered."""
        return Batch(self._fetch_bundle_levels, catalog.StockLevel.OUT)

    @cached_property
    def gift_programs(self) -> "Batch[UUID, giftcards.GiftCardProgram | None]":
        """The programs of gift cards, by id."""
        return Batch(giftcards.programs_by_id, None)

    @cached_property
    def gift_moves(self) -> "Batch[UUID, list[giftcards.GiftCardMove]]":
        """The moves of a gift card, newest first, for the back office."""
        return Batch(giftcards.moves_of, [])

    @cached_property
    def choosable(self) -> "Batch[UUID, bool]":
        """Whether a buyer may choose the very card of a variant."""
        return Batch(cards.choosable_variants, False)

    @cached_property
    def card_quotas(self) -> "Batch[UUID, list[CardQuota]]":
        """What of a variant is set apart for sites, for the back office."""
        return Batch(cards.quotas_of, [])

    @cached_property
    def batch_quality(self) -> "Batch[UUID, CardQuality]":
        """How good the cards of a batch proved, for the back office."""
        return Batch(cards.quality_of_batches, CardQuality())

    @cached_property
    def supplier_quality(self) -> "Batch[UUID, CardQuality]":
        """How good the cards of a supplier proved, for the back office."""
        return Batch(cards.quality_of_suppliers, CardQuality())

    @cached_property
    def card_checks(self) -> "Batch[UUID, list[CardCheck]]":
        """The checks of a batch, newest first, for the back office."""
        return Batch(cards.checks_of, [])

    @cached_property
    def write_offs(self) -> "Batch[UUID, list[CardWriteOff]]":
        """What of a batch left the stock without a sale, for the back office."""
        return Batch(cards.write_offs_of, [])

    async def _fetch_categories(self, ids: list[UUID]) -> dict[UUID, catalog.ShownCategory]:
        return catalog.flatten(await self.category_tree())

    async def _fetch_prices(self, ids: list[UUID]) -> dict[UUID, pricing.UnitPrice]:
        site = await sites.get_site(self._actor.site_id)
        return await pricing.prices_of(ids, await self.tier(), site.currency, site.id)

    async def _fetch_stock_levels(self, ids: list[UUID]) -> dict[UUID, catalog.StockLevel]:
        own = await cards.stock_of(ids, catalog.LOW_STOCK_CARDS + 1, self._actor.site_id)
        offered = await suppliers.variants_with_offers(ids)
        return {id_: catalog.stock_level(own.get(id_, 0), id_ in offered) for id_ in ids}

    async def _fetch_bundle_levels(self, ids: list[UUID]) -> dict[UUID, catalog.StockLevel]:
        """The worst level of the parts that a bundle is not sold without."""
        needed = {
            bundle: [part for part in parts if part.when_out is not catalog.WhenOut.SKIP]
            for bundle, parts in (await catalog.bundle_parts_of(ids)).items()
        }
        variants = list({part.variant_id for parts in needed.values() for part in parts})
        most = max((part.quantity for parts in needed.values() for part in parts), default=1)
        own = await cards.stock_of(
            variants, (catalog.LOW_STOCK_CARDS + 1) * most, self._actor.site_id
        )
        offered = await suppliers.variants_with_offers(variants)
        return {
            bundle: catalog.bundle_level(
                _level_of(part, own.get(part.variant_id, 0), part.variant_id in offered)
                for part in parts
            )
            for bundle, parts in needed.items()
        }


def _level_of(part: catalog.BundlePart, own: int, offered: bool) -> catalog.StockLevel:
    if not part.for_sale:
        return catalog.StockLevel.OUT
    if part.delivery_kind is catalog.DeliveryKind.MANUAL:
        return catalog.StockLevel.IN_STOCK
    own = own // part.quantity if part.delivery_kind in catalog.CARD_KINDS else 0
    elsewhere = offered and part.delivery_kind is not catalog.DeliveryKind.GIFT_CARD
    return catalog.stock_level(own, elsewhere)
