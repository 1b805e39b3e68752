"""How an operator says where, when and at which site something is sold (back office)."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import catalog, sites
from domain.kernel import Prefix, decode_id, encode_id
from resolvers.context import Info


@strawberry.input(
    description="Put in, or take out, one product, or a category with all below it. Send exactly"
    " one of `productId` and `categoryId`."
)
class AssortmentRuleInput:
    included: bool
    product_id: strawberry.ID | None = None
    category_id: strawberry.ID | None = None


async def rules_of_site(site: Parent[sites.Site], info: Info) -> list[catalog.AssortmentRule]:
    """The rules of a site's selection, oldest first."""
    return await info.context.loaders.assortment_rules.load(site.id)


def product_of_rule(rule: Parent[catalog.AssortmentRule]) -> strawberry.ID | None:
    """The product it speaks of."""
    if rule.product_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.PRODUCT, rule.product_id))


def category_of_rule(rule: Parent[catalog.AssortmentRule]) -> strawberry.ID | None:
    """The category it speaks of."""
    if rule.category_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.CATEGORY, rule.category_id))


async def site_assortment_set(
    info: Info,
    site_id: strawberry.ID,
    assortment: sites.Assortment,
    rules: list[AssortmentRuleInput] | None = None,
    expected_version: int | None = None,
) -> sites.Site:
    """Say anew what a site sells."""
    wished = [_rule(rule, index) for index, rule in enumerate(rules or ())]
    site = decode_id(Prefix.SITE, site_id, field=("siteId",))
    return await catalog.select_assortment(
        info.context.actor, site, assortment, wished, expected_version
    )


async def product_terms_set(
    info: Info,
    product_id: strawberry.ID,
    only_regions: list[str] | None = None,
    except_regions: list[str] | None = None,
    on_sale_from: datetime | None = None,
    on_sale_until: datetime | None = None,
    expected_version: int | None = None,
) -> catalog.Product:
    """Set where and when a product is sold."""
    terms = catalog.ProductTerms(
        tuple(only_regions or ()), tuple(except_regions or ()), on_sale_from, on_sale_until
    )
    product = decode_id(Prefix.PRODUCT, product_id, field=("productId",))
    return await catalog.set_product_terms(info.context.actor, product, terms, expected_version)


async def variant_terms_set(
    info: Info,
    variant_id: strawberry.ID,
    on_sale_from: datetime | None = None,
    on_sale_until: datetime | None = None,
    valid_days_after_sale: int | None = None,
    expected_version: int | None = None,
) -> catalog.Variant:
    """Set when a variant is sold, and for how long its cards are good."""
    terms = catalog.VariantTerms(on_sale_from, on_sale_until, valid_days_after_sale)
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",))
    return await catalog.set_variant_terms(info.context.actor, variant, terms, expected_version)


def _rule(rule: AssortmentRuleInput, index: int) -> catalog.SelectionRule:
    place = ("rules", str(index))
    product = category = None
    if rule.product_id is not None:
        product = decode_id(Prefix.PRODUCT, rule.product_id, field=(*place, "productId"))
    if rule.category_id is not None:
        category = decode_id(Prefix.CATEGORY, rule.category_id, field=(*place, "categoryId"))
    return catalog.SelectionRule(rule.included, product, category)
