"""Media, attributes and translations over GraphQL."""

from typing import Any

import pytest

from domain.catalog import ListingStatus
from domain.catalog.models import Product
from domain.kernel import Actor, ActorKind, Prefix, encode_id
from resolvers.context import Context
from schema.admin import schema
from schema.documents import Door
from schema.locale import chain, negotiate
from schema.shop import schema as shop
from tests import make
from tests.api.asking import Tries, ask, data_of

pytestmark = pytest.mark.usefixtures("db")
DEFINE = """mutation Define($input: AttributeSaveInput!) { attributeSave(input: $input) {
    attribute { id key kind facetable version } userErrors { code field message } } }"""
MEDIA = """mutation Media($input: ProductMediaSetInput!) { productMediaSet(input: $input) {
    product { status media { url kind altZh } } userErrors { code field } } }"""
DESCRIBE = """mutation Describe($input: ProductAttributesSetInput!) {
    productAttributesSet(input: $input) {
    product { attributes { key values } } userErrors { code field } } }"""
DESCRIBE_VARIANT = """mutation Describe($input: VariantAttributesSetInput!) {
    variantAttributesSet(input: $input) {
    variant { attributes { key values } } userErrors { code field } } }"""
TRANSLATE = """mutation Translate($input: ProductTranslationsSetInput!) {
    productTranslationsSet(input: $input) {
    translations { language name } userErrors { code field } } }"""
PAGE = """{ products { nodes { name description
    media { url kind alt } attributes { key name kind unit values }
    variants { name attributes { key values } } category { name } } } }"""


async def say(query: str, **wish: Any) -> dict[str, Any]:
    (payload,) = (await data_of(schema, query, make.OPERATOR, input=wish)).values()
    found: dict[str, Any] = payload
    return found


async def test_a_product_is_described_and_shown() -> None:
    variant = await make.variant()
    product = encode_id(Prefix.PRODUCT, variant.product_id)
    made = await say(
        DEFINE, key="days", kind="NUMBER", nameZh="天数", nameEn="Days", unit="d", facetable=True
    )
    assert made["attribute"]["kind"] == "NUMBER"
    media = [{"url": "https://cdn.example/x.png", "altZh": "图"}]
    saved = await say(MEDIA, productId=product, media=media)
    assert saved["product"] == {
        "status": "SUBMITTED",
        "media": [{"url": "https://cdn.example/x.png", "kind": "IMAGE", "altZh": "图"}],
    }
    values = [{"key": "days", "values": ["30"]}]
    described = await say(DESCRIBE, productId=product, attributes=values)
    assert described["product"]["attributes"] == values
    public = encode_id(Prefix.VARIANT, variant.id)
    of_variant = await say(DESCRIBE_VARIANT, variantId=public, attributes=values)
    assert of_variant["variant"]["attributes"] == values
    wrong = await say(DESCRIBE, productId=product, attributes=[{"key": "days", "values": ["x"]}])
    assert wrong["userErrors"] == [{"code": "INVALID", "field": ["attributes", "0", "values"]}]
    await Product.filter(id=variant.product_id).update(status=ListingStatus.APPROVED)
    for language, name in (("zh", "天数"), ("en", "Days")):
        (node,) = (await data_of(shop, PAGE, language=language))["products"]["nodes"]
        assert node["media"] == [{"url": media[0]["url"], "kind": "IMAGE", "alt": "图"}]
        assert node["attributes"] == [
            {"key": "days", "name": name, "kind": "NUMBER", "unit": "d", "values": ["30"]}
        ]
        assert node["variants"][0]["attributes"] == values
    listed = await data_of(schema, "{ attributeFiles { key version } }", make.OPERATOR)
    assert listed["attributeFiles"] == [{"key": "days", "version": 1}]


async def test_goods_are_named_in_the_visitors_language() -> None:
    variant = await make.variant()
    product = encode_id(Prefix.PRODUCT, variant.product_id)
    translations = [{"language": "ja", "name": "商品券"}]
    done = await say(TRANSLATE, productId=product, translations=translations)
    assert done["translations"] == translations
    wrong = await say(TRANSLATE, productId=product, translations=[{"language": "zh", "name": "x"}])
    assert wrong["userErrors"][0]["field"] == ["translations", "0", "language"]
    await Product.filter(id=variant.product_id).update(status=ListingStatus.APPROVED)
    context = Context(
        actor=make.OPERATOR, language="en", request_id="t", rate_limits=Tries(), languages="ja.en"
    )
    answer = await shop.execute(PAGE, context_value=context, root_value=Door())
    assert not answer.errors
    assert answer.data["products"]["nodes"][0]["name"] == "商品券"


@pytest.mark.parametrize(
    ("header", "site", "languages"),
    [
        (None, "en", "en"),
        (None, "zh", "zh"),
        (None, "ja", "ja.en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "en", "zh"),
        ("ja", "zh", "ja.zh"),
        ("ja", "ko", "ja.ko.en"),
        ("ja,zh;q=0.5", "en", "ja.zh"),
        ("en;q=0.5,ja;q=0.9", "zh", "ja.en"),
        ("de,fr,it,es,pl", "zh", "de.fr.it.zh"),
        ("*, x-y, jap, ja;q=0", "en", "en"),
        ("'; DROP", "zh", "zh"),
    ],
)
def test_the_chain_of_languages(header: str | None, site: str, languages: str) -> None:
    assert chain(header, site) == languages
    assert languages.split(".")[-1] == negotiate(header, site)


@pytest.mark.parametrize("query", [DEFINE, MEDIA, DESCRIBE, DESCRIBE_VARIANT, TRANSLATE])
async def test_each_needs_its_scope(query: str) -> None:
    reader = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:read"}))
    product = encode_id(Prefix.PRODUCT, make.OPERATOR.require_user())
    variant = encode_id(Prefix.VARIANT, make.OPERATOR.require_user())
    wish: dict[str, Any] = {
        DEFINE: {"key": "x", "kind": "TEXT", "nameZh": "x", "nameEn": "x"},
        MEDIA: {"productId": product, "media": []},
        DESCRIBE: {"productId": product, "attributes": []},
        DESCRIBE_VARIANT: {"variantId": variant, "attributes": []},
        TRANSLATE: {"productId": product, "translations": []},
    }[query]
    result = await ask(schema, query, reader, input=wish)
    assert result.errors[0].extensions["code"] == "FORBIDDEN"
