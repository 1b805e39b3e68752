"""How media, attributes and translations are answered and set."""

from typing import NamedTuple
from uuid import UUID

import orjson
import strawberry
from strawberry import Parent

from domain import catalog
from domain.kernel import Prefix, decode_id
from resolvers.context import Info


@strawberry.input(
    description="One asset of a product: an https address with words in both languages."
)
class MediaInput:
    url: str
    kind: catalog.MediaKind = catalog.MediaKind.IMAGE
    alt_zh: str = ""
    alt_en: str = ""


@strawberry.input(description="Values of one attribute, as texts: `30`, `true`, `Steam`.")
class AttributeValuesInput:
    key: str
    values: list[str]


@strawberry.input(description="A name, and of a product its description, in one more language.")
class TranslationInput:
    language: str = strawberry.field(description="Two small letters, such as ja; not zh or en.")
    name: str
    description: str = ""


class ShownAttribute(NamedTuple):
    """An attribute with its values, in one language."""

    key: str
    name: str
    kind: catalog.AttributeKind
    unit: str
    values: list[str]


class SetTranslations(NamedTuple):
    """What the payload shows of a set of translations."""

    translations: list[catalog.Translation]


def media_alt(media: Parent[catalog.Media], info: Info) -> str:
    """The words in the language asked for, else in the other one."""
    first, second = media.alt_en, media.alt_zh
    if info.context.language == "zh":
        first, second = second, first
    return first or second


async def attributes_of_product(
    product: Parent[catalog.ShownProduct], info: Info
) -> list[ShownAttribute]:
    """What a product is described by."""
    return await _shown(orjson.loads(product.stored_attributes), info)


async def attributes_of_variant(
    variant: Parent[catalog.ShownVariant], info: Info
) -> list[ShownAttribute]:
    """What a variant is described by."""
    return await _shown(orjson.loads(variant.stored_attributes), info)


async def attributes_of_product_file(
    product: Parent[catalog.Product], info: Info
) -> list[ShownAttribute]:
    """The same for the back office."""
    return await _shown(product.attributes, info)


async def attributes_of_variant_file(
    variant: Parent[catalog.Variant], info: Info
) -> list[ShownAttribute]:
    """The same for the back office."""
    return await _shown(variant.attributes, info)


def media_of_product_file(product: Parent[catalog.Product]) -> list[catalog.Media]:
    """The assets of a product, in their order (back office)."""
    return catalog.media_of(product)


async def translations_of_product(
    product: Parent[catalog.Product], info: Info
) -> list[catalog.Translation]:
    """How a product is called in other languages (back office)."""
    return await info.context.loaders.translations.load(product.id)


async def translations_of_variant(
    variant: Parent[catalog.Variant], info: Info
) -> list[catalog.Translation]:
    """How a variant is called in other languages (back office)."""
    return await info.context.loaders.translations.load(variant.id)


async def attribute_files(info: Info) -> list[catalog.Attribute]:
    """All attributes, in the order to show them (back office)."""
    return list((await catalog.definitions()).values())


async def attribute_save(
    info: Info,
    key: str,
    kind: catalog.AttributeKind,
    name_zh: str,
    name_en: str,
    id: strawberry.ID | None = None,
    expected_version: int | None = None,
    unit: str = "",
    facetable: bool = False,
    position: int = 0,
) -> catalog.Attribute:
    """Define an attribute, or rename the one of this id."""
    draft = catalog.AttributeDraft(key, kind, name_zh, name_en, unit, facetable, position)
    attribute = None if id is None else decode_id(Prefix.ATTRIBUTE, id)
    return await catalog.save_attribute(
        info.context.actor, draft, attribute_id=attribute, expected_version=expected_version
    )


async def product_media_set(
    info: Info,
    product_id: strawberry.ID,
    media: list[MediaInput],
    expected_version: int | None = None,
) -> catalog.Product:
    """Say anew which assets a product has."""
    wanted = [catalog.Media(each.url, each.kind, each.alt_zh, each.alt_en) for each in media]
    product = decode_id(Prefix.PRODUCT, product_id, field=("productId",))
    return await catalog.set_media(info.context.actor, product, wanted, expected_version)


async def product_attributes_set(
    info: Info,
    product_id: strawberry.ID,
    attributes: list[AttributeValuesInput],
    expected_version: int | None = None,
) -> catalog.Product:
    """Say anew by which attributes a product is described."""
    product = decode_id(Prefix.PRODUCT, product_id, field=("productId",))
    given = [(each.key, each.values) for each in attributes]
    return await catalog.set_product_attributes(
        info.context.actor, product, given, expected_version
    )


async def variant_attributes_set(
    info: Info,
    variant_id: strawberry.ID,
    attributes: list[AttributeValuesInput],
    expected_version: int | None = None,
) -> catalog.Variant:
    """Say anew by which attributes a variant is described."""
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",))
    given = [(each.key, each.values) for each in attributes]
    return await catalog.set_variant_attributes(
        info.context.actor, variant, given, expected_version
    )


async def product_translations_set(
    info: Info, product_id: strawberry.ID, translations: list[TranslationInput]
) -> SetTranslations:
    """Say anew how a product is called in other languages."""
    product = decode_id(Prefix.PRODUCT, product_id, field=("productId",))
    return await _translate(info, catalog.Translated.PRODUCT, product, translations)


async def variant_translations_set(
    info: Info, variant_id: strawberry.ID, translations: list[TranslationInput]
) -> SetTranslations:
    """Say anew how a variant is called in other languages."""
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",))
    return await _translate(info, catalog.Translated.VARIANT, variant, translations)


async def category_translations_set(
    info: Info, category_id: strawberry.ID, translations: list[TranslationInput]
) -> SetTranslations:
    """Say anew how a shelf is called in other languages."""
    category = decode_id(Prefix.CATEGORY, category_id, field=("categoryId",))
    return await _translate(info, catalog.Translated.CATEGORY, category, translations)


async def _translate(
    info: Info, of: catalog.Translated, entity_id: UUID, given: list[TranslationInput]
) -> SetTranslations:
    drafts = [catalog.TranslationDraft(e.language, e.name, e.description) for e in given]
    rows = await catalog.set_translations(info.context.actor, of, entity_id, drafts)
    return SetTranslations(rows)


async def _shown(values: catalog.AttributeValues, info: Info) -> list[ShownAttribute]:
    if not values:
        return []
    chinese = info.context.language == "zh"
    return [
        ShownAttribute(
            key=key,
            name=known.name_zh if chinese else known.name_en,
            kind=known.kind,
            unit=known.unit,
            values=[catalog.shown_value(each) for each in values[key]],
        )
        for key, known in (await info.context.loaders.attributes()).items()
        if key in values
    ]
