"""Media, attributes and translations of the catalogue."""

import strawberry

from domain import catalog
from domain.catalog import AttributeKind, MediaKind
from domain.kernel import Prefix
from resolvers import details as resolvers
from resolvers import search
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.scalars import id_field


@strawberry.type(description="A picture, film or other asset; the first picture is the face.")
@presents(catalog.Media)
class Media:
    url: str = field(description="An https address.")
    kind: MediaKind
    alt: str = field(
        resolvers.media_alt, description="For who cannot see it, in the language asked for."
    )


@strawberry.type(description="What goods are described by, such as platform or duration.")
@presents(resolvers.ShownAttribute)
class ProductAttribute:
    key: str
    name: str = field(description="In the language asked for.")
    kind: AttributeKind
    unit: str
    values: list[str]


@strawberry.type(description="A value that products found have, and how many of them.")
@presents(search.FacetValue)
class FacetValue:
    value: str = field(description="What a `ProductFilter` takes.")
    label: str = field(description="For people, in the language asked for.")
    count: int


@strawberry.type(description="The values of one attribute among the products found.")
@presents(search.AttributeFacet)
class AttributeFacet:
    key: str
    label: str
    kind: AttributeKind
    unit: str
    values: list[FacetValue]


@strawberry.type(
    description="What the products found share: of each facet the fifty commonest values."
)
@presents(search.ProductFacets)
class ProductFacets:
    total: int = field(description="How many products were found and counted.")
    exact: bool = field(description="False when there are more than are counted (20,000).")
    categories: list[FacetValue] = field(description="The shelves that they stand on.")
    brands: list[FacetValue]
    delivery_kinds: list[FacetValue]
    regions: list[FacetValue]
    tags: list[FacetValue]
    attributes: list[AttributeFacet]


@strawberry.type
class FacetQuery:
    product_facets: ProductFacets = field(
        search.product_facets,
        cost=100,
        description="What `products(query, filter)` would find, counted under that filter.",
    )


@strawberry.type(description="An asset with its words in both languages.")
@presents(catalog.Media)
class MediaFile:
    url: str
    kind: MediaKind
    alt_zh: str
    alt_en: str


@strawberry.type(description="A name in one more language.")
@presents(catalog.Translation)
class Translation:
    language: str
    name: str
    description: str


@strawberry.type(description="The definition of an attribute; key and kind stay for ever.")
@presents(catalog.Attribute)
class AttributeFile:
    id: strawberry.ID = id_field(Prefix.ATTRIBUTE)
    key: str
    kind: AttributeKind
    name_zh: str
    name_en: str
    unit: str
    facetable: bool = field(description="Whether facets count it.")
    position: int
    version: int = field(description="Send it back as `expectedVersion`.")


@strawberry.type
class AttributeSavePayload:
    attribute: AttributeFile | None
    user_errors: list[UserError]


@strawberry.type
class TranslationsSetPayload:
    translations: list[Translation] | None
    user_errors: list[UserError]


@strawberry.type
class DetailsAdminQuery:
    attribute_files: list[AttributeFile] = field(
        resolvers.attribute_files,
        permissions=[Scope("products:read")],
        size=50,
        description="All attributes, in the order to show them; 200 at most.",
    )


_REVIEWED = " An approved product goes back to review."


@strawberry.type
class DetailsAdminMutation:
    attribute_save: AttributeSavePayload = mutation(
        resolvers.attribute_save,
        payload=AttributeSavePayload,
        entity="attribute",
        permissions=[Scope("products:write")],
        description="Define an attribute, or change names, unit and place of the one of this id.",
    )
    product_translations_set: TranslationsSetPayload = mutation(
        resolvers.product_translations_set,
        payload=TranslationsSetPayload,
        permissions=[Scope("products:write")],
        description="Say anew how a product is called in languages beyond zh and en." + _REVIEWED,
    )
    variant_translations_set: TranslationsSetPayload = mutation(
        resolvers.variant_translations_set,
        payload=TranslationsSetPayload,
        permissions=[Scope("products:write")],
        description="Say anew how a variant is called in languages beyond zh and en." + _REVIEWED,
    )
    category_translations_set: TranslationsSetPayload = mutation(
        resolvers.category_translations_set,
        payload=TranslationsSetPayload,
        permissions=[Scope("products:write")],
        description="Say anew how a shelf is called in languages beyond zh and en.",
    )
