"""One batch loader a relation, made anew for each request."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from domain import (
    aftersale,
    agents,
    cards,
    catalog,
    checkout,
    costs,
    coupons,
    fulfilment,
    giftcards,
    orders,
    papers,
    peers,
    pricebook,
    pricing,
    ratings,
    refunds,
    replenishment,
    routing,
    sites,
    sourcing,
    statements,
    suppliers,
)
from domain.cards import CardCheck, CardQuality, CardQuota, CardWriteOff
from domain.kernel import ANONYMOUS, Actor, Money
from resolvers.agent_loaders import AgentLoaders
from resolvers.batches import Batch
from resolvers.priced import fetch_agent_prices, fetch_floors, fetch_ladders


class Loaders(AgentLoaders):
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
        site = self._actor.site_id
        return Batch(lambda ids: catalog.variants_of(ids, self._language, site), [])

    @cached_property
    def prices(self) -> "Batch[UUID, pricing.UnitPrice | None]":
        """What the caller pays for a variant; None when it has no price."""
        return Batch(self._fetch_prices, None)

    @cached_property
    def agent_prices(self) -> "Batch[tuple[UUID, UUID], pricing.UnitPrice | None]":
        """What an agent pays for a variant here."""
        return Batch(lambda keys: fetch_agent_prices(self._actor, keys), None)

    @cached_property
    def ladders(self) -> "Batch[tuple[UUID, UUID], list[pricebook.LadderStep]]":
        """From how many pieces of a variant on an agent pays less here."""
        return Batch(lambda keys: fetch_ladders(self._actor, keys), [])

    @cached_property
    def floors(self) -> "Batch[tuple[UUID, UUID], pricebook.Floor | None]":
        """Floor and cost of a variant for an agent, for whoever may see them."""
        return Batch(lambda keys: fetch_floors(self._actor, keys), None)

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
    def coupon_uses(self) -> "Batch[UUID, list[coupons.CouponUse]]":
        """What came off orders."""
        return Batch(coupons.uses_of_orders, [])

    @cached_property
    def coupon_batches(self) -> "Batch[UUID, list[coupons.CouponBatch]]":
        """The batches of campaigns."""
        return Batch(coupons.batches_of, [])

    @cached_property
    def campaign_figures(self) -> "Batch[UUID, coupons.Figures | None]":
        """What campaigns did so far."""
        return Batch(coupons.figures_of, None)

    @cached_property
    def campaign_versions(self) -> "Batch[UUID, list[coupons.CampaignVersion]]":
        """What campaigns said before."""
        return Batch(coupons.versions_of, [])

    @cached_property
    def stock_purchases(self) -> "Batch[UUID, list[replenishment.StockPurchase]]":
        """The purchases of proposals."""
        return Batch(replenishment.purchases_of, [])

    @cached_property
    def contract_progress(self) -> "Batch[UUID, replenishment.ContractProgress | None]":
        """How far contracts are fulfilled."""
        return Batch(replenishment.progress_of, None)

    @cached_property
    def contract_terms(self) -> "Batch[UUID, list[suppliers.ContractTerm]]":
        """What contracts say of variants."""
        return Batch(suppliers.terms_of_contracts, [])

    @cached_property
    def offers_of_items(self) -> "Batch[tuple[UUID, str], list[suppliers.SupplierOffer]]":
        """The offers that items of suppliers' lists are for."""
        return Batch(sourcing.offers_of_items, [])

    @cached_property
    def attempts(self) -> "Batch[UUID, fulfilment.FulfilmentAttempt | None]":
        """An attempt by its id, for the back office."""
        return Batch(fulfilment.attempts_by_id, None)

    @cached_property
    def supplier_codes(self) -> "Batch[UUID, str]":
        """The codes of suppliers, for the back office."""
        return Batch(suppliers.codes_of, "")

    @cached_property
    def supply_ends(self) -> "Batch[UUID, list[fulfilment.Resolution]]":
        """How incidents may be ended, for the back office."""
        return Batch(fulfilment.ends_of, [])

    @cached_property
    def supply_steps(self) -> "Batch[UUID, list[fulfilment.SupplyStep]]":
        """What happened to the lines of incidents, for the back office."""
        return Batch(fulfilment.steps_of, [])

    @cached_property
    def supplier_health(self) -> "Batch[UUID, routing.SupplierHealth | None]":
        """How a supplier does, for the back office."""
        return Batch(routing.health_of, None)

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
    def line_owners(self) -> "Batch[UUID, orders.LineOwner | None]":
        """The order of a line and whose it is, for the back office."""
        return Batch(orders.owners_of_lines, None)

    @cached_property
    def lines(self) -> "Batch[UUID, list[orders.OrderLine]]":
        """The lines of an order."""
        return Batch(orders.lines_of, [])

    @cached_property
    def exchanges(self) -> "Batch[UUID, orders.Exchange | None]":
        """What an order costs its buyer in another currency; None: it was paid in the house's."""
        return Batch(orders.exchanges_of, None)

    @cached_property
    def given_back(self) -> "Batch[UUID, Money | None]":
        """What a refund gave back in another currency."""
        return Batch(orders.given_back, None)

    @cached_property
    def ready_pieces(self) -> "Batch[UUID, int]":
        """How many pieces are here for a line, and wait for the rest."""
        return Batch(cards.ready_of_lines, 0)

    @cached_property
    def order_refunds(self) -> "Batch[UUID, list[refunds.ShownRefund]]":
        """What went back of an order's delivered goods."""
        return Batch(refunds.refunds_of_orders, [])

    @cached_property
    def order_disputes(self) -> "Batch[UUID, list[aftersale.Dispute]]":
        """The cases of an order."""
        return Batch(aftersale.disputes_of_orders, [])

    @cached_property
    def evidence(self) -> "Batch[UUID, list[aftersale.Evidence]]":
        """The evidence of a case."""
        return Batch(aftersale.evidence_of, [])

    @cached_property
    def papers(self) -> "Batch[UUID, list[papers.Paper]]":
        """The documents of a case."""
        return Batch(papers.papers_of, [])

    @cached_property
    def dispute_steps(self) -> "Batch[UUID, list[aftersale.DisputeStep]]":
        """The history of a case, for the back office."""
        return Batch(aftersale.steps_of, [])

    @cached_property
    def dispute_claims(self) -> "Batch[UUID, aftersale.SupplierClaim | None]":
        """What the supplier owes in a case, for the back office."""
        return Batch(aftersale.claims_of, None)

    @cached_property
    def dispute_reorders(self) -> "Batch[UUID, aftersale.DisputeReorder | None]":
        """What was ordered from a supplier for a case, for the back office."""
        return Batch(aftersale.reorders_of, None)

    @cached_property
    def product_ratings(self) -> "Batch[UUID, ratings.ProductRating]":
        """How a product is rated."""
        return Batch(ratings.totals_of, ratings.NOTHING)

    @cached_property
    def line_ratings(self) -> "Batch[UUID, ratings.OwnRating | None]":
        """What the buyer of a line says of it."""
        return Batch(ratings.own_ratings, None)

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
    def cost_breakdown(self) -> "Batch[UUID, costs.Breakdown | None]":
        """Where an order's total goes, for the back office."""
        return Batch(lambda ids: costs.breakdowns_of(self._actor, ids), None)

    @cached_property
    def statement_source(self) -> "Batch[UUID, statements.StatementSource | None]":
        """Whose statement a difference is of, for the back office."""
        return Batch(statements.sources_by_id, None)

    @cached_property
    def statement_line(self) -> "Batch[UUID, statements.StatementLine | None]":
        """The line of a difference, for the back office."""
        return Batch(statements.lines_by_id, None)

    @cached_property
    def write_offs(self) -> "Batch[UUID, list[CardWriteOff]]":
        """What of a batch left the stock without a sale, for the back office."""
        return Batch(cards.write_offs_of, [])

    async def _fetch_categories(self, ids: list[UUID]) -> dict[UUID, catalog.ShownCategory]:
        return catalog.flatten(await self.category_tree())

    async def _fetch_prices(self, ids: list[UUID]) -> dict[UUID, pricing.UnitPrice]:
        site = await sites.get_site(self._actor.site_id)
        agent_id = self._actor.agent_id
        if agent_id is None or await self.tier() == pricing.RETAIL:
            return await pricing.prices_of(ids, pricing.RETAIL, site.currency, site.id)
        found = await pricebook.agent_prices_of([agent_id], ids, site.currency, site.id)
        return {variant_id: price for (_, variant_id), price in found.items()}

    async def _fetch_stock_levels(self, ids: list[UUID]) -> dict[UUID, catalog.StockLevel]:
        return await peers.stocked_levels(ids, self._actor.site_id)

    async def _fetch_bundle_levels(self, ids: list[UUID]) -> dict[UUID, catalog.StockLevel]:
        return await peers.bundle_levels(ids, self._actor.site_id)
