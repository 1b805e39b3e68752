"""Lists of products as shoppers ask for them: searched, filtered, sorted, counted.

The plain page, which is read most of all, is one short statement over one index; whatever is asked
for beyond it adds its own words.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from domain.catalog.filters import (
    BELOW,
    PriceView,
    ProductFilter,
    ProductSort,
    asks_for_price,
    check_filter,
    condition_of,
    join_price,
    order_of,
)
from domain.catalog.queries import DEFAULT_LANGUAGE, ShownProduct
from domain.catalog.rules import query_terms, search_terms
from domain.catalog.statements import (
    FACETS,
    MAIN,
    MAX_FACET_PRODUCTS,
    Bound,
    Parts,
    Place,
    on_the_shelf,
    product_columns,
)
from domain.kernel import Invalid, Page, PageRequest, Refused, clock, connection, page_of

_BY_PRICE = (ProductSort.PRICE_ASC, ProductSort.PRICE_DESC)
_SHELF_NAMES = """
SELECT c.id, array_agg(n.name) AS names FROM categories c
CROSS JOIN LATERAL (SELECT c.name_zh UNION ALL SELECT c.name_en
    UNION ALL SELECT t.name FROM translations t WHERE t.entity_id = c.id) AS n (name)
GROUP BY c.id
"""


@dataclass(frozen=True, slots=True)
class Search:
    """What of the shelves is asked for, where, and in which order."""

    query: str = ""
    wanted: ProductFilter | None = None
    sort: ProductSort = ProductSort.SHELF
    place: Place = MAIN
    prices: PriceView | None = None  # needed where prices are asked for


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many of the products found have this value."""

    value: str
    count: int


@dataclass(slots=True)
class Facets:
    """What the products found have in common; of each facet the fifty commonest values.

    `exact` is False when more products were found than are counted.
    """

    total: int = 0
    exact: bool = True
    categories: list[FacetCount] = field(default_factory=list)
    brands: list[FacetCount] = field(default_factory=list)
    delivery_kinds: list[FacetCount] = field(default_factory=list)
    regions: list[FacetCount] = field(default_factory=list)
    tags: list[FacetCount] = field(default_factory=list)
    attributes: dict[str, list[FacetCount]] = field(default_factory=dict)


async def list_products(
    page: PageRequest,
    *,
    query: str = "",
    category_id: UUID | None = None,
    language: str = DEFAULT_LANGUAGE,
    place: Place = MAIN,
    search: Search | None = None,
) -> Page[ShownProduct]:
    """A page of what a place shows (mission rows A1, A11), or of what `search` asks for.

    `query` finds Chinese by characters, and names by their beginnings and by pinyin: 话费, `huafei`
    and `hf` find the same. What names a shelf finds all that stands there. Refuses a query above 64
    letters, a filter that is too large, and a filter or order by price without `search.prices`.
    """
    asked = search or Search(query=query, place=place)
    if category_id is not None:
        own = ProductFilter(category=[category_id])
        both = own if asked.wanted is None else ProductFilter(all_of=[own, asked.wanted])
        asked = replace(asked, wanted=both)
    bound = Bound()
    limit = bound(page.first + 1, "int")
    parts = _parts_of(asked, bound, await _shelves_named(asked.query))
    if parts is None:
        return page_of(page, [], lambda row: ())
    keys, down = order_of(asked.sort, asked.query.strip(), bound)
    if page.after is not None:
        after = [bound(_read(v, kind), kind) for v, (_, kind) in zip(page.after, keys, strict=True)]
        side = "<" if down else ">"
        named = ", ".join(name for name, _ in keys)
        parts.conditions.append(f"({named}) {side} ({', '.join(after)})")
    way = " DESC" if down else ""
    order = ", ".join(name + way for name, _ in keys)
    columns = ", ".join([product_columns(language, bound), *(name for name, _ in keys)])
    statement = (
        f"{parts.before}SELECT {columns} {parts.from_products()} ORDER BY {order} LIMIT {limit}"
    )
    async with connection() as conn:
        rows = await conn.fetch(statement, *bound.values)
    places = {row[0]: tuple(row[-len(keys) :]) for row in rows}
    shown = [ShownProduct(*row[: -len(keys)]) for row in rows]
    return page_of(page, shown, lambda product: places[product.id])


async def count_facets(asked: Search) -> Facets:
    """What the products found have in common, in one statement (mission row A5).

    Counts at most 20,000 products. Refuses what `list_products` refuses.
    """
    bound = Bound()
    parts = _parts_of(asked, bound, await _shelves_named(asked.query))
    if parts is None:
        return Facets()
    before = parts.before or "WITH RECURSIVE nothing AS (SELECT 1) "
    statement = before + FACETS.format(products=parts.from_products())
    async with connection() as conn:
        rows = await conn.fetch(statement, *bound.values)
    return _facets(rows)


async def _shelves_named(query: str) -> list[UUID]:
    """Shelves that a query names: 游戏 finds what stands on 游戏点卡, whatever it is called."""
    terms = set(query_terms(query))
    if not terms:
        return []
    async with connection() as conn:
        shelves = await conn.fetch(_SHELF_NAMES)
    return [shelf["id"] for shelf in shelves if terms <= _terms_of(tuple(shelf["names"]))]


@lru_cache(maxsize=1_000)
def _terms_of(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(search_terms(names))


def _parts_of(asked: Search, bound: Bound, shelves: Collection[UUID]) -> Parts | None:
    """Where and when; None for a query without any letter, which finds nothing."""
    check_filter(asked.wanted)
    parts = on_the_shelf(asked.place, clock.now(), bound)
    if asked.query.strip():
        terms = query_terms(asked.query)
        if not terms:
            return None
        wanted = bound(terms, "text[]")
        found = f"p.search_terms @> {wanted} OR p.search_more @> {wanted}"
        if shelves:
            found += f" OR {BELOW.format(categories=bound(list(shelves), 'uuid[]'))}"
        parts.conditions.append(f"({found})")
    if asked.sort in _BY_PRICE or asks_for_price(asked.wanted):
        if asked.prices is None:
            raise Refused(Invalid(reason="price_unknown", field=("sort",)))
        join_price(asked.prices, parts, bound)
    if asked.wanted is not None:
        parts.conditions.append(condition_of(asked.wanted, bound))
    return parts


def _read(value: Any, kind: str) -> object:
    """A value of a cursor as the database takes it."""
    if kind == "uuid":
        return UUID(value)
    return datetime.fromisoformat(value) if kind == "timestamptz" else value


def _facets(rows: Sequence[Any]) -> Facets:
    found = Facets()
    lists = {
        "category": found.categories,
        "brand": found.brands,
        "kind": found.delivery_kinds,
        "region": found.regions,
        "tag": found.tags,
    }
    for facet, key, value, number in rows:
        if facet == "total":
            found.total, found.exact = number, number < MAX_FACET_PRODUCTS
        elif facet == "attribute":
            found.attributes.setdefault(key, []).append(FacetCount(value, number))
        else:
            lists[facet].append(FacetCount(value, number))
    return found
