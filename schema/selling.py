"""Where, when and how described something is sold, as the back office says it."""

import strawberry

from resolvers import details
from resolvers import selling as resolvers
from resolvers.permissions import Scope
from schema.catalog import ProductFile, VariantFile
from schema.errors import UserError
from schema.fields import mutation
from schema.sites import SiteFile


@strawberry.type
class SiteAssortmentSetPayload:
    site: SiteFile | None
    user_errors: list[UserError]


@strawberry.type
class ProductTermsSetPayload:
    product: ProductFile | None
    user_errors: list[UserError]


@strawberry.type
class VariantTermsSetPayload:
    variant: VariantFile | None
    user_errors: list[UserError]


@strawberry.type
class ProductMediaSetPayload:
    product: ProductFile | None
    user_errors: list[UserError]


@strawberry.type
class ProductAttributesSetPayload:
    product: ProductFile | None
    user_errors: list[UserError]


@strawberry.type
class VariantAttributesSetPayload:
    variant: VariantFile | None
    user_errors: list[UserError]


@strawberry.type
class SellingAdminMutation:
    product_media_set: ProductMediaSetPayload = mutation(
        details.product_media_set,
        payload=ProductMediaSetPayload,
        entity="product",
        permissions=[Scope("products:write")],
        description="Say anew which pictures and other assets a product has, thirty at most, in"
        " their order. An approved product goes back to review.",
    )
    product_attributes_set: ProductAttributesSetPayload = mutation(
        details.product_attributes_set,
        payload=ProductAttributesSetPayload,
        entity="product",
        permissions=[Scope("products:write")],
        description="Say anew by which attributes a product is described. An approved product goes"
        " back to review.",
    )
    variant_attributes_set: VariantAttributesSetPayload = mutation(
        details.variant_attributes_set,
        payload=VariantAttributesSetPayload,
        entity="variant",
        permissions=[Scope("products:write")],
        description="Say anew by which attributes a variant is described, such as how long a"
        " membership runs. An approved product goes back to review.",
    )
    site_assortment_set: SiteAssortmentSetPayload = mutation(
        resolvers.site_assortment_set,
        payload=SiteAssortmentSetPayload,
        entity="site",
        permissions=[Scope("sites:write")],
        description="Say anew what a site sells: a default, and at most 2000 rules. A rule of a"
        " product comes before that of its nearest category, and both before the default.",
    )
    product_terms_set: ProductTermsSetPayload = mutation(
        resolvers.product_terms_set,
        payload=ProductTermsSetPayload,
        entity="product",
        permissions=[Scope("products:write")],
        description="Set in which sites' regions and when a product is sold; what is left out is"
        " unlimited. Needs no review.",
    )
    variant_terms_set: VariantTermsSetPayload = mutation(
        resolvers.variant_terms_set,
        payload=VariantTermsSetPayload,
        entity="variant",
        permissions=[Scope("products:write")],
        description="Set when a variant is sold, and for how many days a card is good from its sale"
        " on. Another number of days sends an approved product back to review.",
    )
