"""How the fields of the catalogue are answered.

A page of products brings along, in one statement each, whatever its items are asked for; see
`asked_below`. Their resolvers then answer at once, which matters more than anything else for the
speed of a page.
"""

from decimal import Decimal
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import agents, catalog, peers, pricing
from domain.kernel import (
    Invalid,
    Money,
    Page,
    Prefix,
    decode_id,
    page_request,
    parse_units,
    refuse_unless,
)
from resolvers.batches import AtOnceOrLater, there
from resolvers.context import Info
from resolvers.lookahead import asked_below
from resolvers.money import MoneyInput, money_of
from resolvers.search import ProductFilterInput, search_of

MOST_SKUS = 100  # that are asked for at once


async def categories(info: Info) -> list[catalog.ShownCategory]:
    """The roots of the tree of shelves."""
    return await info.context.loaders.category_tree()


async def product(
    info: Info, id: strawberry.ID | None = None, slug: str | None = None
) -> catalog.ShownProduct | None:
    """One product, by its id or its slug."""
    product_id = None if id is None else decode_id(Prefix.PRODUCT, id)
    if product_id is None and slug is None:
        return None
    found = await catalog.find_product(
        product_id=product_id,
        slug=slug,
        language=info.context.languages,
        place=await info.context.loaders.place(),
    )
    if found is not None:
        await _bring_along(info, [found])
    return found


async def products(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    query: str | None = None,
    category: strawberry.ID | None = None,
    filter: ProductFilterInput | None = None,
    sort: catalog.ProductSort = catalog.ProductSort.SHELF,
) -> Page[catalog.ShownProduct]:
    """A page of what is on the shelves, of one category and all below it, found by a text."""
    name = "products" if sort is catalog.ProductSort.SHELF else f"products by {sort.value}"
    page = await catalog.list_products(
        page_request(name, first, after),
        category_id=_category_id(category),
        language=info.context.languages,
        search=await search_of(info, query, filter, sort),
    )
    await _bring_along(info, page.rows)
    return page


async def catalog_of_partner(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    skus: list[str] | None = None,
) -> Page[catalog.ShownVariant]:
    """Every variant on sale, or those of some SKUs, by sku, with the partner's own price."""
    asked = page_request("catalog", first, after)
    few = skus is None or len(skus) <= MOST_SKUS
    refuse_unless(few, Invalid(reason="page_size", field=("skus",)))
    place = await info.context.loaders.place()
    page = await catalog.list_variants(asked, info.context.languages, place, skus)
    await _bring_along_of_variants(info, page.rows, asked_below(info))
    return page


async def catalog_push(info: Info) -> peers.CatalogPush:
    """Whether the partner is told what changes."""
    return await peers.push_of(info.context.actor)


async def catalog_item_of_partner(info: Info, sku: str) -> catalog.ShownVariant | None:
    """One variant on sale, with the partner's own price."""
    place = await info.context.loaders.place()
    return await catalog.find_listed_variant(sku, info.context.languages, place)


def category_of(
    product: Parent[catalog.ShownProduct], info: Info
) -> AtOnceOrLater[catalog.ShownCategory]:
    """The shelf of a product."""
    return info.context.loaders.categories.get_from(product.category_id, there)


def variants_of(
    product: Parent[catalog.ShownProduct], info: Info
) -> AtOnceOrLater[list[catalog.ShownVariant]]:
    """What of a product can be bought, in shelf order."""
    return info.context.loaders.variants_of_product.get(product.id)


def product_of(
    variant: Parent[catalog.ShownVariant], info: Info
) -> AtOnceOrLater[catalog.ShownProduct]:
    """The product of a variant."""
    return info.context.loaders.products.get_from(variant.product_id, there)


def price(variant: Parent[catalog.ShownVariant], info: Info) -> AtOnceOrLater[Money | None]:
    """The unit price for the caller's tier; null when it is not for sale."""
    return info.context.loaders.prices.get_from(variant.id, _price)


def compare_at_price(
    variant: Parent[catalog.ShownVariant], info: Info
) -> AtOnceOrLater[Money | None]:
    """The struck-out price beside it."""
    return info.context.loaders.prices.get_from(variant.id, _compare_at)


def stock_level(
    variant: Parent[catalog.ShownVariant], info: Info
) -> AtOnceOrLater[catalog.StockLevel]:
    """How well a variant can be delivered; a hand needs no stock."""
    if variant.delivery_kind is catalog.DeliveryKind.MANUAL:
        return catalog.StockLevel.IN_STOCK
    if variant.delivery_kind is catalog.DeliveryKind.BUNDLE:
        return info.context.loaders.bundle_levels.get(variant.id)
    return info.context.loaders.stock_levels.get(variant.id)


def choosable(variant: Parent[catalog.ShownVariant], info: Info) -> AtOnceOrLater[bool]:
    """Whether a buyer may choose the very card."""
    return info.context.loaders.choosable.get(variant.id)


@strawberry.input(description="The price of one unit for one tier.")
class TierPriceInput:
    tier: agents.Tier
    amount: Decimal
    compare_at: Decimal | None = None


async def product_files(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    status: catalog.ListingStatus | None = None,
) -> Page[catalog.Product]:
    """All products, or those that stand at one status, oldest first (back office)."""
    return await catalog.list_product_files(page_request("productFiles", first, after), status)


async def variant_files_of(product: Parent[catalog.Product], info: Info) -> list[catalog.Variant]:
    """All variants of a product whatever their status (back office)."""
    return await info.context.loaders.variant_files.load(product.id)


async def prices_of(variant: Parent[catalog.Variant], info: Info) -> list[pricing.TierPrice]:
    """The variant's own prices by tier (back office)."""
    return await info.context.loaders.tier_prices.load(variant.id)


def face_value(variant: Parent[catalog.Variant]) -> Money | None:
    """What is printed on the card."""
    return variant.face_value


def tier_amount(price: Parent[pricing.TierPrice]) -> Money:
    """The price of one unit."""
    return Money(price.units, price.currency)


def tier_compare_at(price: Parent[pricing.TierPrice]) -> Money | None:
    """The struck-out price beside it."""
    return None if price.compare_at is None else Money(price.compare_at, price.currency)


async def category_save(
    info: Info,
    slug: str,
    name_zh: str,
    name_en: str,
    parent_slug: str = "",
    position: int = 0,
    id: strawberry.ID | None = None,
) -> catalog.Category:
    """Make a shelf, or change the one of this id (back office)."""
    draft = catalog.CategoryDraft(slug, name_zh, name_en, parent_slug, position)
    category_id = None if id is None else decode_id(Prefix.CATEGORY, id)
    return await catalog.save_category(info.context.actor, draft, category_id=category_id)


async def product_save(
    info: Info,
    slug: str,
    name_zh: str,
    name_en: str,
    category_id: strawberry.ID,
    id: strawberry.ID | None = None,
    expected_version: int | None = None,
    brand: str = "",
    region: str = "",
    description_zh: str = "",
    description_en: str = "",
    tags: list[str] | None = None,
    position: int = 0,
) -> catalog.Product:
    """Create a product as a draft, or replace the one of this id (back office)."""
    draft = catalog.ProductDraft(
        slug=slug,
        name_zh=name_zh,
        name_en=name_en,
        category_id=decode_id(Prefix.CATEGORY, category_id, field=("categoryId",)),
        brand=brand,
        region=region,
        description_zh=description_zh,
        description_en=description_en,
        tags=tuple(tags or ()),
        position=position,
    )
    product_id = None if id is None else decode_id(Prefix.PRODUCT, id)
    return await catalog.save_product(
        info.context.actor, draft, product_id=product_id, expected_version=expected_version
    )


async def variant_save(
    info: Info,
    sku: str,
    product_id: strawberry.ID,
    name_zh: str,
    name_en: str,
    delivery_kind: catalog.DeliveryKind | None = None,
    type_code: str = "",
    id: strawberry.ID | None = None,
    expected_version: int | None = None,
    face_value: MoneyInput | None = None,
    min_quantity: int = 1,
    max_quantity: int = 100,
    position: int = 0,
    status: catalog.VariantStatus = catalog.VariantStatus.DRAFT,
) -> catalog.Variant:
    """Create a variant of a product, or replace the one of this id (back office)."""
    face = None if face_value is None else money_of(face_value, "faceValue")
    draft = catalog.VariantDraft(
        sku=sku,
        product_id=decode_id(Prefix.PRODUCT, product_id, field=("productId",)),
        name_zh=name_zh,
        name_en=name_en,
        delivery_kind=delivery_kind,
        type_code=type_code,
        face_units=face.units if face else None,
        face_currency=face.currency if face else None,
        min_quantity=min_quantity,
        max_quantity=max_quantity,
        position=position,
        status=status,
    )
    variant_id = None if id is None else decode_id(Prefix.VARIANT, id)
    return await catalog.save_variant(
        info.context.actor, draft, variant_id=variant_id, expected_version=expected_version
    )


async def prices_set(
    info: Info,
    variant_id: strawberry.ID,
    prices: list[TierPriceInput],
    list_code: str | None = None,
) -> list[pricing.TierPrice]:
    """Set prices of a variant for some tiers on a list; the others keep theirs (back office)."""
    given = [_tier_price(price, index) for index, price in enumerate(prices)]
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",))
    return await pricing.set_prices(info.context.actor, variant, given, list_code=list_code)


def _category_id(category: strawberry.ID | None) -> UUID | None:
    return None if category is None else decode_id(Prefix.CATEGORY, category, field=("category",))


async def _bring_along(info: Info, shown: list[catalog.ShownProduct]) -> None:
    """Fetch what these products will be asked for, one statement for each relation."""
    loaders, asked = info.context.loaders, asked_below(info)
    for product in shown:
        loaders.products.prime(product.id, product)
    if "rating" in asked:
        await loaders.product_ratings.fetch(product.id for product in shown)
    if "category" in asked:
        await loaders.categories.fetch(product.category_id for product in shown)
    if "variants" in asked:
        found = await loaders.variants_of_product.load_many(product.id for product in shown)
        await _bring_along_of_variants(info, [v for group in found for v in group], asked)


async def _bring_along_of_variants(
    info: Info, shown: list[catalog.ShownVariant], asked: frozenset[str]
) -> None:
    loaders, ids = info.context.loaders, [variant.id for variant in shown]
    if asked & {"price", "compareAtPrice"}:
        await loaders.prices.fetch(ids)
    if "stockLevel" in asked:
        await loaders.stock_levels.fetch(ids)


def _price(found: pricing.UnitPrice | None) -> Money | None:
    return found.price if found else None


def _compare_at(found: pricing.UnitPrice | None) -> Money | None:
    return found.compare_at if found else None


def _tier_price(price: TierPriceInput, index: int) -> pricing.TierPrice:
    place = ("prices", str(index))
    units = parse_units(price.amount, field=(*place, "amount"))
    if price.compare_at is None:
        return pricing.TierPrice(price.tier, units)
    compare_at = parse_units(price.compare_at, field=(*place, "compareAt"))
    return pricing.TierPrice(price.tier, units, compare_at)
