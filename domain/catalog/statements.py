"""Parts of the statements that say what is on a shelf, of words of this house only.

Values never become part of a text: `Bound` gives each its number. The same few shapes come
again and again, so PostgreSQL plans each of them once a connection.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain import sites
from domain.sites import Assortment

LANGUAGES = {"en": "en", "zh": "zh"}  # a language, and what its columns end in


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
# Why the variant `v` of `p` is not sold at the site `st` now, as a key of the texts; else null.
WITHHELD = f"""CASE
    WHEN st.status IS DISTINCT FROM 'open' THEN 'site_closed'
    WHEN p.on_sale_from > {{moment}} OR v.on_sale_from > {{moment}} THEN 'not_on_sale_yet'
    WHEN p.on_sale_until <= {{moment}} OR v.on_sale_until <= {{moment}} THEN 'sale_ended'
    WHEN {REGION_CLOSED.replace("{region}", "st.region")} THEN 'not_sold_here'
    WHEN {BRAND_CLOSED.replace("{region}", "st.region")} THEN 'not_sold_here'
    WHEN st.assortment <> 'everything' AND NOT {
    _SELECTED.replace("{site}", "st.id").replace("{assortment}", "st.assortment")
} THEN 'not_sold_here' END"""
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


def product_columns(language: str) -> str:
    """The columns of a ShownProduct, in its order."""
    tail = LANGUAGES[language]
    return (
        f"p.id, p.slug, p.category_id, p.name_{tail}, p.description_{tail}, p.brand, p.brand_id,"
        " p.region, p.tags, p.on_sale_from, p.on_sale_until, p.position"
    )


def variant_columns(language: str) -> str:
    """The columns of a ShownVariant, in the order that `_variant` reads them."""
    return (
        f"v.id, v.product_id, v.sku, v.name_{LANGUAGES[language]}, v.delivery_kind, v.type_id,"
        " v.face_units, v.face_currency, v.min_quantity, v.max_quantity, v.status, v.on_sale_from,"
        " v.on_sale_until, v.valid_days_after_sale"
    )


BELOW = """p.category_id IN (WITH RECURSIVE below AS (
    SELECT id FROM categories WHERE id = {category}
    UNION SELECT c.id FROM categories c JOIN below b ON c.parent_id = b.id
) SELECT id FROM below)"""


def categories(language: str) -> str:
    """All shelves, in their order."""
    return (
        f"SELECT id, slug, name_{LANGUAGES[language]}, parent_id FROM categories"
        " ORDER BY position, slug"
    )


def page_of_products(
    language: str, parts: Parts, order: Sequence[str], limit: str, more: str = ""
) -> str:
    """One page, in this order."""
    return (
        f"{parts.before}SELECT {product_columns(language)}{more} {parts.from_products()}"
        f" ORDER BY {', '.join(order)} LIMIT {limit}"
    )
