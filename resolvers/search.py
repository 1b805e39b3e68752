"""How lists of products are asked for: filters, orders, and what the products found share."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import strawberry

from domain import catalog, pricebook, pricing, sites
from domain.kernel import Prefix, decode_id, encode_id, parse_units
from resolvers.context import Info


@strawberry.input(
    name="AttributeFilter",
    description="Products, or variants of them, with one of these values under a key, or with a"
    " number in a range (both ends included).",
)
class AttributeFilterInput:
    key: str
    any_of: list[str] | None = None
    at_least: int | None = None
    at_most: int | None = None


@strawberry.input(
    name="ProductFilter",
    description="All that is given must hold; of a list, one item. At most 5 levels deep, with 100"
    " conditions and 50 items a list.",
)
class ProductFilterInput:
    category: list[strawberry.ID] | None = strawberry.field(
        default=None, description="With the shelves below them."
    )
    brand: list[str] | None = strawberry.field(default=None, description="By their slugs.")
    delivery_kind: list[catalog.DeliveryKind] | None = None
    region: list[str] | None = strawberry.field(
        default=None, description="Where the goods are good."
    )
    tag: list[str] | None = None
    price_from: Decimal | None = strawberry.field(
        default=None, description="Of the cheapest variant, for the caller, in the site's currency."
    )
    price_to: Decimal | None = None
    attributes: list[AttributeFilterInput] | None = None
    all_of: list["ProductFilterInput"] | None = strawberry.field(default=None, name="and")
    any_of: list["ProductFilterInput"] | None = strawberry.field(default=None, name="or")
    none_of: "ProductFilterInput | None" = strawberry.field(default=None, name="not")


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value that products found have, and how many of them."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class AttributeFacet:
    """The values of one attribute."""

    key: str
    label: str
    kind: catalog.AttributeKind
    unit: str
    values: list[FacetValue]


@dataclass(frozen=True, slots=True)
class ProductFacets:
    """What the products found share."""

    total: int
    exact: bool
    categories: list[FacetValue]
    brands: list[FacetValue]
    delivery_kinds: list[FacetValue]
    regions: list[FacetValue]
    tags: list[FacetValue]
    attributes: list[AttributeFacet]


async def product_facets(
    info: Info, query: str | None = None, filter: ProductFilterInput | None = None
) -> ProductFacets:
    """What the products found share, in the caller's language."""
    search = await search_of(info, query, filter, catalog.ProductSort.SHELF)
    found = await catalog.count_facets(search)
    shelves = catalog.flatten(await info.context.loaders.category_tree())
    brands = await catalog.brands_by_slug([each.value for each in found.brands])
    chinese = info.context.language == "zh"

    def brand_label(slug: str) -> str:
        brand = brands[slug]
        return (brand.name_zh if chinese else brand.name_en) or brand.name

    def category(each: catalog.FacetCount) -> FacetValue:
        shelf = shelves[UUID(each.value)]
        return FacetValue(encode_id(Prefix.CATEGORY, shelf.id), shelf.name, each.count)

    return ProductFacets(
        total=found.total,
        exact=found.exact,
        categories=[category(each) for each in found.categories],
        brands=[FacetValue(e.value, brand_label(e.value), e.count) for e in found.brands],
        delivery_kinds=_plain(found.delivery_kinds),
        regions=_plain(found.regions),
        tags=_plain(found.tags),
        attributes=await _attributes(found, chinese),
    )


async def search_of(
    info: Info,
    query: str | None,
    filter: ProductFilterInput | None,
    sort: catalog.ProductSort,
) -> catalog.Search:
    """What is asked for, in the words of the catalogue; refuses malformed ids and amounts."""
    agent_id = info.context.actor.agent_id
    site = await sites.get_site(info.context.actor.site_id)
    prices = pricing.least_prices(pricing.RETAIL, site.currency, site.id)
    if agent_id is not None and await info.context.loaders.tier() != pricing.RETAIL:
        prices = pricebook.least_agent_prices(agent_id, site.currency, site.id)
    return catalog.Search(
        query=query or "",
        wanted=None if filter is None else _filter(filter),
        sort=sort,
        place=catalog.place_of(site),
        prices=prices,
    )


async def _attributes(found: catalog.Facets, chinese: bool) -> list[AttributeFacet]:
    if not found.attributes:
        return []
    return [
        AttributeFacet(
            key=key,
            label=known.name_zh if chinese else known.name_en,
            kind=known.kind,
            unit=known.unit,
            values=_plain(found.attributes[key]),
        )
        for key, known in (await catalog.definitions()).items()
        if key in found.attributes
    ]


def _plain(counts: list[catalog.FacetCount]) -> list[FacetValue]:
    return [FacetValue(each.value, each.value, each.count) for each in counts]


def _filter(given: ProductFilterInput) -> catalog.ProductFilter:
    field = ("filter",)
    return catalog.ProductFilter(
        category=None
        if given.category is None
        else [decode_id(Prefix.CATEGORY, each, field=field) for each in given.category],
        brand=given.brand,
        delivery_kind=given.delivery_kind,
        region=given.region,
        tag=given.tag,
        price_from=_units(given.price_from, "priceFrom"),
        price_to=_units(given.price_to, "priceTo"),
        attributes=None
        if given.attributes is None
        else [
            catalog.AttributeFilter(each.key, each.any_of, each.at_least, each.at_most)
            for each in given.attributes
        ],
        all_of=None if given.all_of is None else [_filter(each) for each in given.all_of],
        any_of=None if given.any_of is None else [_filter(each) for each in given.any_of],
        none_of=None if given.none_of is None else _filter(given.none_of),
    )


def _units(amount: Decimal | None, name: str) -> int | None:
    return None if amount is None else parse_units(amount, field=("filter", name))
