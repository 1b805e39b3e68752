"""Brands, assortments and terms of sale over GraphQL and, by host, over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio

from domain import sites
from domain.catalog import ListingStatus
from domain.catalog.models import Product
from domain.kernel import Actor, ActorKind, Prefix, clock, encode_id
from schema.admin import schema
from schema.shop import schema as shop
from server.app import create_app
from server.settings import Settings
from tests import make
from tests.api.asking import Tries, ask, data_of

pytestmark = pytest.mark.usefixtures("db")
BRAND = """mutation Save($input: BrandSaveInput!) { brandSave(input: $input) {
    brand { id slug name needsAuthorisation authorised version } userErrors { code field } } }"""
AUTHORISE = """mutation Grant($input: BrandAuthoriseInput!) { brandAuthorise(input: $input) {
    authorisation { id reference region inForce supplierId } userErrors { code field } } }"""
REVOKE = """mutation End($input: BrandAuthorisationRevokeInput!) {
    brandAuthorisationRevoke(input: $input) {
    authorisation { inForce revokeReason } userErrors { code field } } }"""
SELECT = """mutation Choose($input: SiteAssortmentSetInput!) { siteAssortmentSet(input: $input) {
    site { slug assortment version assortmentRules { included productId categoryId } }
    userErrors { code field message } } }"""
TERMS = """mutation Terms($input: ProductTermsSetInput!) { productTermsSet(input: $input) {
    product { onlyRegions exceptRegions onSaleUntil status } userErrors { code field } } }"""
VARIANT_TERMS = """mutation Terms($input: VariantTermsSetInput!) { variantTermsSet(input: $input) {
    variant { validDaysAfterSale onSaleFrom } userErrors { code field } } }"""
MUTATIONS = {
    BRAND: {"slug": "x", "name": "X"},
    AUTHORISE: {
        "brandId": encode_id(Prefix.BRAND, sites.MAIN_ID),
        "reference": "x",
        "validFrom": "2026-01-01T00:00:00Z",
        "validUntil": "2036-01-01T00:00:00Z",
    },
    REVOKE: {"id": encode_id(Prefix.BRAND_AUTHORISATION, sites.MAIN_ID), "reason": "x"},
    SELECT: {"siteId": encode_id(Prefix.SITE, sites.MAIN_ID), "assortment": "ONLY"},
    TERMS: {"productId": encode_id(Prefix.PRODUCT, sites.MAIN_ID)},
    VARIANT_TERMS: {"variantId": encode_id(Prefix.VARIANT, sites.MAIN_ID)},
}


@pytest_asyncio.fixture
async def client(test_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application, in this process."""
    app = create_app(test_settings)
    app.state.rate_limits = Tries()
    app.state.live = None  # nobody follows an order here
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as made:
        yield made


async def say(query: str, **wish: Any) -> dict[str, Any]:
    (payload,) = (await data_of(schema, query, make.OPERATOR, input=wish)).values()
    found: dict[str, Any] = payload
    return found


@pytest.mark.parametrize("query", MUTATIONS, ids=lambda text: text.split()[1])
async def test_each_needs_its_scope(query: str) -> None:
    reader = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:read"}))
    result = await ask(schema, query, reader, input=MUTATIONS[query])
    assert result.errors[0].extensions["code"] == "FORBIDDEN"


async def test_a_brand_and_its_documents_are_kept() -> None:
    made = (await say(BRAND, slug="netflix", name="Netflix", needsAuthorisation=True))["brand"]
    assert made["authorised"] is False
    moment = clock.now()
    granted = await say(
        AUTHORISE,
        brandId=made["id"],
        reference="NF-1",
        validFrom=(moment - timedelta(days=1)).isoformat(),
        validUntil=(moment + timedelta(days=9)).isoformat(),
        region="CN",
    )
    document = granted["authorisation"]
    assert (document["inForce"], document["region"]) == (True, "CN")
    query = "{ brandFiles { nodes { name authorised authorisations { reference inForce } } } }"
    (shown,) = (await data_of(schema, query, make.OPERATOR))["brandFiles"]["nodes"]
    assert shown["authorised"] is True
    assert shown["authorisations"] == [{"reference": "NF-1", "inForce": True}]
    ended = (await say(REVOKE, id=document["id"], reason="forged"))["authorisation"]
    assert ended == {"inForce": False, "revokeReason": "forged"}
    again = await say(REVOKE, id=document["id"], reason="forged")
    assert [error["code"] for error in again["userErrors"]] == ["CONFLICT"]


async def test_shoppers_see_the_brand_in_their_language() -> None:
    await say(BRAND, slug="netflix", name="Netflix", nameZh="奈飞", logoUrl="https://c.example/n")
    product = await make.product(ListingStatus.SUBMITTED)
    await Product.filter(id=product.id).update(brand="netflix")
    await Product.filter(id=product.id).update(status=ListingStatus.APPROVED)
    query = "{ products { nodes { brand brandDetails { slug name logoUrl } } } }"
    for language, name in (("en", "Netflix"), ("zh", "奈飞")):
        (shown,) = (await data_of(shop, query, language=language))["products"]["nodes"]
        assert shown["brand"] == "Netflix"
        assert shown["brandDetails"] == {
            "slug": "netflix", "name": name, "logoUrl": "https://c.example/n",
        }  # fmt: skip


async def test_two_hosts_show_and_sell_their_own_lists(client: httpx.AsyncClient) -> None:
    here, there = await make.variant(cards=2), await make.variant(cards=2)
    public: dict[str, str] = {}
    for slug, variant in (("north", here), ("south", there)):
        draft = sites.SiteDraft(slug, "站", slug.title(), "CNY", hosts=(f"{slug}.example",))
        public[slug] = encode_id(Prefix.SITE, (await sites.save_site(make.OPERATOR, draft)).id)
        product = encode_id(Prefix.PRODUCT, variant.product_id)
        rules = [{"included": True, "productId": product}]
        chosen = await say(SELECT, siteId=public[slug], assortment="ONLY", rules=rules)
        assert chosen["site"]["assortmentRules"] == [
            {"included": True, "productId": product, "categoryId": None}
        ]
    token = await make.token(await make.buyer())

    async def at(host: str, query: str, **variables: Any) -> dict[str, Any]:
        headers = {"host": host, "authorization": f"Bearer {token}"}
        body = {"query": query, "variables": variables}
        answer = await client.post("/graphql/shop", json=body, headers=headers)
        found: dict[str, Any] = answer.json()["data"]
        return found

    listing = "{ products { nodes { variants { sku } } } }"
    buy = """mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
        order { site { slug } } userErrors { code message } } }"""
    for host, own, other in (("north", here, there), ("south", there, here)):
        shown = (await at(f"{host}.example", listing))["products"]["nodes"]
        assert shown == [{"variants": [{"sku": own.sku}]}]
        bought = {}
        for variant in (own, other):
            wish = {
                "idempotencyKey": f"{host}{variant.sku}",
                "lines": [{"sku": variant.sku, "quantity": 1}],
            }
            bought[variant.sku] = (await at(f"{host}.example", buy, input=wish))["orderCreate"]
        assert bought[own.sku]["order"] == {"site": {"slug": host}}
        (error,) = bought[other.sku]["userErrors"]
        assert error["code"] == "NOT_FOR_SALE"
        assert "not sold on this site" in error["message"]
    everything = (await at("localhost", listing))["products"]["nodes"]
    assert len(everything) == 2


async def test_terms_are_set_and_shown() -> None:
    variant = await make.variant()
    ends = (clock.now() + timedelta(days=3)).replace(microsecond=0)
    product = encode_id(Prefix.PRODUCT, variant.product_id)
    saved = (
        await say(TERMS, productId=product, exceptRegions=["US"], onSaleUntil=ends.isoformat())
    )["product"]
    assert (saved["exceptRegions"], saved["status"]) == (["US"], "APPROVED")
    public = encode_id(Prefix.VARIANT, variant.id)
    again = await say(VARIANT_TERMS, variantId=public, validDaysAfterSale=30)
    assert again["variant"]["validDaysAfterSale"] == 30
    refused = await say(VARIANT_TERMS, variantId=public, validDaysAfterSale=0)
    assert refused["userErrors"] == [{"code": "INVALID", "field": ["validDaysAfterSale"]}]
    await Product.filter(id=variant.product_id).update(status=ListingStatus.APPROVED)
    query = "{ products { nodes { onSaleUntil variants { validDaysAfterSale } } } }"
    (shown,) = (await data_of(shop, query))["products"]["nodes"]
    assert shown["variants"] == [{"validDaysAfterSale": 30}]
    assert shown["onSaleUntil"] == ends.isoformat().replace("+00:00", "Z")
