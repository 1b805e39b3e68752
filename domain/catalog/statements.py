"""Parts of the statements that say what is on a shelf, of words of this house only.

Values never become part of a text: `Bound` gives each its number. The same few shapes come
again and again, so PostgreSQL plans each of them once a connection.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain import sites
from domain.sites import Assortment

LANGUAGES = {"en": "en", "zh": "zh"}  # a language, and what its columns end in
MAX_INT = 2**62  # above every price
MAX_FACET_PRODUCTS = 20_000
MAX_FACET_VALUES = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody shops: what a site says about what may be shown and sold there."""

    site_id: UUID = sites.MAIN_ID
    region: str = ""
    assortment: Assortment = Assortment.EVERYTHING


MAIN = Place()


def place_of(site: sites.Site) -> Place:
    """The place that a site is."""
    return Place(site.id, site.region, site.assortment)


@dataclass(slots=True)
class Bound:
    """The values of one statement, each known to it by its number."""

    values: list[Any] = field(default_factory=list)

    def __call__(self, value: object, kind: str) -> str:
        """Where the value stands, as a value of this SQL type."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


@dataclass(slots=True)
class Parts:
    """A statement on its way: what comes before it, what it reads beside products, and when."""

    before: str = ""
    joins: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)

    def from_products(self) -> str:
        """FROM and WHERE, for products as `p`."""
        return f"FROM products p {' '.join(self.joins)} WHERE {' AND '.join(self.conditions)}"


# Whether the brand of `p` lets nobody sell now: it needs a document, and none is in force.
BRAND_CLOSED = """coalesce((SELECT b.needs_authorisation AND NOT EXISTS (
        SELECT 1 FROM brand_authorisations a WHERE a.brand_id = b.id AND a.revoked_at IS NULL
            AND a.valid_from <= {moment} AND a.valid_until > {moment}
            AND a.region IN ('', {region}))
    FROM brands b WHERE b.id = p.brand_id), false)"""
REGION_CLOSED = """(cardinality(p.only_regions) > 0 AND {region} <> ALL (p.only_regions)
    OR {region} = ANY (p.except_regions))"""
# Of one product: its own rule, else that of the nearest shelf above it, else the site's default.
_SELECTED = """coalesce(
    (SELECT r.included FROM assortment_rules r WHERE r.site_id = {site} AND r.product_id = p.id),
    (WITH RECURSIVE above AS (
        SELECT c.id, c.parent_id, 0 AS step FROM categories c WHERE c.id = p.category_id
        UNION ALL
        SELECT c.id, c.parent_id, a.step + 1 FROM categories c JOIN above a ON c.id = a.parent_id
        WHERE a.step < 32
    ) SELECT r.included FROM above a
        JOIN assortment_rules r ON r.site_id = {site} AND r.category_id = a.id
        ORDER BY a.step LIMIT 1),
    {assortment} = 'except')"""
# Whether the house itself keeps the variant off the shelf of a site.
HELD_BACK = """EXISTS (SELECT 1 FROM withheld_variants h
    WHERE h.variant_id = {variant} AND (h.site_id IS NULL OR h.site_id = {site}))"""
# Three pieces of `WITHHELD`, by the tables that they look at.
BRAND_CLOSED_HERE = BRAND_CLOSED.replace("{region}", "st.region")
SELECTED_HERE = _SELECTED.replace("{site}", "st.id").replace("{assortment}", "st.assortment")
HELD_FOR = """(SELECT h.reason FROM withheld_variants h WHERE h.variant_id = v.id
        AND (h.site_id IS NULL OR h.site_id = st.id) LIMIT 1)"""
# Why the variant `v` of `p` is not sold at the site `st` now, as a key of the texts; else null.
WITHHELD = f"""CASE
    WHEN st.status IS DISTINCT FROM 'open' THEN 'site_closed'
    WHEN p.on_sale_from > {{moment}} OR v.on_sale_from > {{moment}} THEN 'not_on_sale_yet'
    WHEN p.on_sale_until <= {{moment}} OR v.on_sale_until <= {{moment}} THEN 'sale_ended'
    WHEN {REGION_CLOSED.replace("{region}", "st.region")} THEN 'not_sold_here'
    WHEN {BRAND_CLOSED_HERE} THEN 'not_sold_here'
    WHEN st.assortment <> 'everything' AND NOT {SELECTED_HERE} THEN 'not_sold_here'
    ELSE {HELD_FOR} END"""
# Whether an offer of the supplier may be taken for a product of this brand: the brand needs no
# document, or has one in force that is not another supplier's.
OFFER_AUTHORISED = """NOT coalesce((SELECT b.needs_authorisation AND NOT EXISTS (
        SELECT 1 FROM brand_authorisations a WHERE a.brand_id = b.id AND a.revoked_at IS NULL
            AND a.valid_from <= {moment} AND a.valid_until > {moment}
            AND (a.supplier_id IS NULL OR a.supplier_id = {supplier}))
    FROM brands b WHERE b.id = {brand}), false)"""

# What a site's rules say of each shelf, from the roots down: read once, however long the list.
_SHELVES = """WITH RECURSIVE shelves AS (
    SELECT c.id, r.included FROM categories c
    LEFT JOIN assortment_rules r ON r.site_id = {site} AND r.category_id = c.id
    WHERE c.parent_id IS NULL
    UNION ALL
    SELECT c.id, coalesce(r.included, s.included) FROM shelves s
    JOIN categories c ON c.parent_id = s.id
    LEFT JOIN assortment_rules r ON r.site_id = {site} AND r.category_id = c.id
) """


# What the products found have in common. Each row: a facet, its key, a value, how many products.
FACETS = f"""
, matched AS MATERIALIZED (
    SELECT p.id, p.category_id, p.brand_id, p.region, p.tags, p.attributes {{products}}
    LIMIT {MAX_FACET_PRODUCTS}
), described AS (
    SELECT m.id, a.key, each.value #>> '{{{{}}}}' AS value FROM matched m
    CROSS JOIN LATERAL (
        SELECT m.attributes UNION ALL SELECT f.attributes FROM variants f
        WHERE f.product_id = m.id AND f.status = 'active') AS of (attributes)
    JOIN attributes a ON a.facetable AND of.attributes ? a.key
    CROSS JOIN LATERAL jsonb_array_elements(of.attributes -> a.key) AS each (value)
), counted AS (
    SELECT 'category' AS facet, '' AS key, category_id::text AS value, count(*) AS number
    FROM matched GROUP BY category_id
    UNION ALL SELECT 'brand', '', b.slug, count(*) FROM matched m
    JOIN brands b ON b.id = m.brand_id GROUP BY b.slug
    UNION ALL SELECT 'kind', '', f.delivery_kind, count(DISTINCT m.id) FROM matched m
    JOIN variants f ON f.product_id = m.id AND f.status = 'active' GROUP BY f.delivery_kind
    UNION ALL SELECT 'region', '', region, count(*) FROM matched WHERE region <> '' GROUP BY region
    UNION ALL SELECT 'tag', '', tag, count(*) FROM matched, unnest(tags) AS t (tag) GROUP BY tag
    UNION ALL SELECT 'attribute', key, value, count(DISTINCT id) FROM described GROUP BY key, value
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY facet, key ORDER BY number DESC, value) AS rank
    FROM counted
)
SELECT 'total' AS facet, '' AS key, '' AS value, count(*) AS number FROM matched
UNION ALL SELECT facet, key, value, number FROM (
    SELECT * FROM ranked WHERE rank <= {MAX_FACET_VALUES} ORDER BY facet, key, rank) AS kept
"""


def on_the_shelf(place: Place, moment: object, bound: Bound) -> Parts:
    """What visitors of a place see: approved, not over, of a region and brand that are open there.

    What is not on sale yet is shown, so that a shop can announce it.
    """
    now, region = bound(moment, "timestamptz"), bound(place.region, "text")
    parts = Parts(
        conditions=[
            "p.status = 'approved'",
            f"(p.on_sale_until IS NULL OR p.on_sale_until > {now})",
            f"NOT {REGION_CLOSED.format(region=region)}",
            f"NOT {BRAND_CLOSED.format(moment=now, region=region)}",
        ]
    )
    if place.assortment is not Assortment.EVERYTHING:
        site = bound(place.site_id, "uuid")
        default = bound(place.assortment is Assortment.EXCEPT, "bool")
        parts.before = _SHELVES.format(site=site)
        parts.joins += [
            "LEFT JOIN shelves ON shelves.id = p.category_id",
            f"LEFT JOIN assortment_rules own ON own.site_id = {site} AND own.product_id = p.id",
        ]
        parts.conditions.append(f"coalesce(own.included, shelves.included, {default})")
    return parts


def product_columns(language: str, bound: Bound) -> str:
    """The columns of a ShownProduct, in its order.

    `language` is `en` or `zh`, or a chain that ends with one of them, such as `ja.en`: the first
    language that something is translated into is shown.
    """
    name = _spoken("p", "name", language, bound)
    description = _spoken("p", "description", language, bound)
    return (
        f"p.id, p.slug, p.category_id, {name}, {description}, p.brand, p.brand_id, p.region,"
        " p.tags, p.on_sale_from, p.on_sale_until, p.media, p.attributes, p.position"
    )


def variant_columns(language: str, bound: Bound) -> str:
    """The columns of a ShownVariant, in the order that `_variant` reads them."""
    return (
        f"v.id, v.product_id, v.sku, {_spoken('v', 'name', language, bound)}, v.delivery_kind,"
        " v.type_id,"
        " v.face_units, v.face_currency, v.min_quantity, v.max_quantity, v.status, v.on_sale_from,"
        " v.on_sale_until, v.valid_days_after_sale, v.attributes"
    )


def categories(language: str, bound: Bound) -> str:
    """All shelves, in their order."""
    return (
        f"SELECT c.id, c.slug, {_spoken('c', 'name', language, bound)}, c.parent_id"
        " FROM categories c ORDER BY c.position, c.slug"
    )


def _spoken(row: str, column: str, language: str, bound: Bound) -> str:
    """A text in the first language of a chain that has it; the row's own columns come last."""
    *more, base = language.split(".")
    own = f"{row}.{column}_{LANGUAGES[base]}"
    if not more:
        return own
    translated = [
        f"(SELECT nullif(t.{column}, '') FROM translations t"
        f" WHERE t.entity_id = {row}.id AND t.language = {bound(each, 'text')})"
        for each in more
    ]
    return f"coalesce({', '.join([*translated, own])})"
