"""What a shopper may ask a list for: a filter, which is a small tree, and an order.

A filter becomes one SQL condition of words of this house; values travel bound. Its size is limited
before anything is built, so the work grows with what was sent and stops at a hundred conditions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from uuid import UUID

from domain.catalog.models import DeliveryKind
from domain.catalog.statements import MAX_INT, Bound, Parts
from domain.kernel import Invalid, Refused

MAX_DEPTH = 5
MAX_CONDITIONS = 100
MAX_LIST = 50
MAX_TEXT_LETTERS = 96


class ProductSort(StrEnum):
    """In which order a list comes."""

    SHELF = "shelf"
    RELEVANCE = "relevance"
    NEWEST = "newest"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    SALES_DESC = "sales_desc"


@dataclass(frozen=True, slots=True)
class AttributeFilter:
    """Products with one of these values under a key, or with a number in a range (both included).

    The values may be the product's own or those of one of its variants on sale.
    """

    key: str
    any_of: Sequence[str] | None = None
    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """All that is given must hold; of a list, one. Prices in units of 1/10000, the least of a
    product for this buyer. A category means all below it, too."""

    category: Sequence[UUID] | None = None
    brand: Sequence[str] | None = None
    delivery_kind: Sequence[DeliveryKind] | None = None
    region: Sequence[str] | None = None
    tag: Sequence[str] | None = None
    price_from: int | None = None
    price_to: int | None = None
    attributes: Sequence[AttributeFilter] | None = None
    all_of: Sequence["ProductFilter"] | None = None
    any_of: Sequence["ProductFilter"] | None = None
    none_of: "ProductFilter | None" = None


@dataclass(frozen=True, slots=True)
class PriceView:
    """How the least price of the product `p` is read: a statement of one number and its values.

    Prices belong to a context above this one, which hands its statement down. The words `{0}`,
    `{1}` ... of `statement` stand for the values.
    """

    statement: str
    values: tuple[tuple[object, str], ...] = ()


BELOW = """p.category_id IN (WITH RECURSIVE below AS (
    SELECT id FROM categories WHERE id = ANY ({categories})
    UNION SELECT c.id FROM categories c JOIN below b ON c.parent_id = b.id
) SELECT id FROM below)"""
_BRAND = "p.brand_id IN (SELECT id FROM brands WHERE slug = ANY ({slugs}))"
_KIND = """EXISTS (SELECT 1 FROM variants f WHERE f.product_id = p.id AND f.status = 'active'
    AND f.delivery_kind = ANY ({kinds}))"""
_VALUES = """EXISTS (SELECT 1 FROM (
        SELECT p.attributes UNION ALL SELECT f.attributes FROM variants f
        WHERE f.product_id = p.id AND f.status = 'active') AS of (attributes),
    jsonb_array_elements(of.attributes -> {key}) AS each (value) WHERE {holds})"""
_ANY_VALUE = "each.value #>> '{{}}' = ANY ({values})"
_IN_RANGE = """CASE WHEN jsonb_typeof(each.value) = 'number'
    THEN each.value::numeric BETWEEN {least} AND {most} ELSE false END"""


def check_filter(wanted: ProductFilter | None) -> None:
    """Refuses a filter that is nested deeper than 5, or has more than 100 conditions or 50 values
    in a list; looks at no more of it than that."""
    waiting = [(wanted, 1)] if wanted else []
    seen = 0
    while waiting:
        each, depth = waiting.pop()
        seen += sum(getattr(each, one.name) is not None for one in fields(each))
        seen += len(each.attributes or ())
        right = depth <= MAX_DEPTH and seen <= MAX_CONDITIONS and _lists_right(each)
        if not right:
            raise Refused(Invalid(reason="filter_too_large", field=("filter",)))
        inner = [*(each.all_of or ()), *(each.any_of or ())]
        inner += [each.none_of] if each.none_of else []
        waiting += [(one, depth + 1) for one in inner]


def condition_of(wanted: ProductFilter, bound: Bound) -> str:
    """The filter as a condition on the product `p`, and on `price.least` where it asks for prices.

    Only a filter that `check_filter` let pass; an empty one holds always.
    """
    parts = _own_conditions(wanted, bound)
    parts += [condition_of(each, bound) for each in wanted.all_of or ()]
    if wanted.any_of is not None:
        either = [condition_of(each, bound) for each in wanted.any_of]
        parts.append(f"({' OR '.join(either) or 'false'})")
    if wanted.none_of is not None:
        parts.append(f"NOT coalesce({condition_of(wanted.none_of, bound)}, false)")
    return f"({' AND '.join(parts) or 'true'})"


def asks_for_price(wanted: ProductFilter | None) -> bool:
    """Whether any part of a filter speaks of prices."""
    if wanted is None:
        return False
    inner = [*(wanted.all_of or ()), *(wanted.any_of or ())]
    inner += [wanted.none_of] if wanted.none_of else []
    own = wanted.price_from is not None or wanted.price_to is not None
    return own or any(asks_for_price(each) for each in inner)


def join_price(view: PriceView, parts: Parts, bound: Bound) -> None:
    """Read the least price of each product as `price.least`."""
    places = [bound(value, kind) for value, kind in view.values]
    parts.joins.append(
        f"LEFT JOIN LATERAL ({view.statement.format(*places)}) AS price (least) ON true"
    )


def order_of(sort: ProductSort, query: str, bound: Bound) -> tuple[list[tuple[str, str]], bool]:
    """What a list is sorted by, as expressions with their types, and whether downwards.

    The last one is always the id, so that every product has a place of its own.
    """
    shelf = [("p.position", "int"), ("p.id", "uuid")]
    if sort is ProductSort.NEWEST:
        return [("p.created_at", "timestamptz"), ("p.id", "uuid")], True
    if sort is ProductSort.SALES_DESC:
        return [("p.sold_lately", "int"), ("p.id", "uuid")], True
    if sort is ProductSort.PRICE_ASC:
        return [(f"coalesce(price.least, {MAX_INT})", "bigint"), ("p.id", "uuid")], False
    if sort is ProductSort.PRICE_DESC:
        return [("coalesce(price.least, -1)", "bigint"), ("p.id", "uuid")], True
    if sort is ProductSort.RELEVANCE and query:
        return [(_rank(bound(query.casefold(), "text")), "int"), *shelf], False
    return shelf, False


def _rank(words: str) -> str:
    """0 for a name that is what was looked for, then what begins with it, what has it in it, what
    has it in its brand or tags, and the rest, such as pinyin."""
    names = "lower(p.name_zh), lower(p.name_en)"
    return (
        f"CASE WHEN {words} IN ({names}) THEN 0"
        f" WHEN starts_with(lower(p.name_zh), {words}) OR starts_with(lower(p.name_en), {words})"
        " THEN 1"
        f" WHEN strpos(lower(p.name_zh), {words}) > 0 OR strpos(lower(p.name_en), {words}) > 0"
        " THEN 2"
        f" WHEN strpos(lower(p.brand), {words}) > 0 OR {words} = ANY (p.tags) THEN 3 ELSE 4 END"
    )


def _own_conditions(wanted: ProductFilter, bound: Bound) -> list[str]:
    parts: list[str] = []
    if wanted.category is not None:
        parts.append(BELOW.format(categories=bound(list(wanted.category), "uuid[]")))
    if wanted.brand is not None:
        parts.append(_BRAND.format(slugs=bound(list(wanted.brand), "text[]")))
    if wanted.delivery_kind is not None:
        kinds = [kind.value for kind in wanted.delivery_kind]
        parts.append(_KIND.format(kinds=bound(kinds, "text[]")))
    if wanted.region is not None:
        parts.append(f"p.region = ANY ({bound(list(wanted.region), 'text[]')})")
    if wanted.tag is not None:
        parts.append(f"p.tags && {bound(list(wanted.tag), 'text[]')}")
    if wanted.price_from is not None:
        parts.append(f"price.least >= {bound(wanted.price_from, 'bigint')}")
    if wanted.price_to is not None:
        parts.append(f"price.least <= {bound(wanted.price_to, 'bigint')}")
    parts += [_attribute(each, bound) for each in wanted.attributes or ()]
    return parts


def _attribute(wanted: AttributeFilter, bound: Bound) -> str:
    key = bound(wanted.key, "text")
    holds: list[str] = []
    if wanted.any_of is not None:
        holds.append(_ANY_VALUE.format(values=bound(list(wanted.any_of), "text[]")))
    if wanted.at_least is not None or wanted.at_most is not None:
        least = -MAX_INT if wanted.at_least is None else wanted.at_least
        most = MAX_INT if wanted.at_most is None else wanted.at_most
        holds.append(_IN_RANGE.format(least=bound(least, "bigint"), most=bound(most, "bigint")))
    return _VALUES.format(key=key, holds=" AND ".join(holds) or "true")


def _lists_right(wanted: ProductFilter) -> bool:
    """Whether no list and no text is longer than any honest one, or holds what no text may."""
    lists: list[Sequence[object] | None] = [
        wanted.category, wanted.brand, wanted.delivery_kind, wanted.region, wanted.tag,
        wanted.attributes, wanted.all_of, wanted.any_of,
        *(each.any_of for each in wanted.attributes or ()),
        [each.key for each in wanted.attributes or ()],
    ]  # fmt: skip
    texts = [text for each in lists for text in each or () if isinstance(text, str)]
    short = all(len(text) <= MAX_TEXT_LETTERS and "\0" not in text for text in texts)
    return short and all(len(each or ()) <= MAX_LIST for each in lists)
