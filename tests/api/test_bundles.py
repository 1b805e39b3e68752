"""Bundles over the API: an operator makes one, a shopper sees its parts and buys it."""

from typing import Any

import pytest

from domain.catalog import DeliveryKind, ListingStatus, PartDraft, WhenOut
from domain.catalog.models import Product
from domain.kernel import Actor, ActorKind, new_id
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
SAVE = """mutation Save($input: BundleSaveInput!) { bundleSave(input: $input) {
    variant { sku version parts { position quantity share gift giftFrom whenOut variant { sku } } }
    userErrors { code message field } } }"""
SHOW = """query Show($slug: String) { product(slug: $slug) { variants {
    sku deliveryKind price { amount } stockLevel
    parts { position quantity share gift giftFrom variant { sku stockLevel } } } } }"""
BUY = """mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
    order { status total { amount } lines {
        sku quantity bundleSku bundlePosition gift total { amount } cards { id } } }
    userErrors { code message field } } }"""


async def saved(sku: str, *parts: dict[str, Any]) -> dict[str, Any]:
    wish = {"sku": sku, "parts": list(parts)}
    return (await data_of(admin, SAVE, make.OPERATOR, input=wish))["bundleSave"]


async def test_a_bundle_is_made_shown_and_bought() -> None:
    card, gift = await make.variant(cards=40, unit_cost=1), await make.variant(cards=3)
    bundle = await make.variant(price=100 * make.SCALE, delivery_kind=DeliveryKind.BUNDLE)
    given = {"sku": gift.sku, "giftFrom": 1, "whenOut": "SKIP"}
    made = await saved(bundle.sku, {"sku": card.sku, "quantity": 2, "share": "1.0000"}, given)
    assert made["userErrors"] == []
    assert made["variant"]["parts"][0]["share"] == "1"
    row = await Product.get(id=bundle.product_id)
    assert row.status is ListingStatus.SUBMITTED
    await Product.filter(id=row.id).update(status=ListingStatus.APPROVED)
    (shown,) = (await data_of(shop, SHOW, slug=row.slug))["product"]["variants"]
    assert (shown["deliveryKind"], shown["stockLevel"]) == ("BUNDLE", "IN_STOCK")
    assert [(part["variant"]["sku"], part["gift"]) for part in shown["parts"]] == [
        (card.sku, False),
        (gift.sku, True),
    ]
    buyer = await make.buyer()
    wish = {"idempotencyKey": "one", "lines": [{"sku": bundle.sku, "quantity": 2}]}
    bought = (await data_of(shop, BUY, buyer, input=wish))["orderCreate"]["order"]
    assert (bought["status"], bought["total"]) == ("DELIVERED", {"amount": "200.00"})
    lines = [
        (line["sku"], line["quantity"], line["bundleSku"], line["gift"], line["total"]["amount"])
        for line in bought["lines"]
    ]
    assert lines == [
        (card.sku, 4, bundle.sku, False, "200.00"),
        (gift.sku, 2, bundle.sku, True, "0.00"),
    ]
    assert [len(line["cards"]) for line in bought["lines"]] == [4, 2]


@pytest.mark.parametrize(
    ("stock", "pieces", "level"),
    [(24, 2, "IN_STOCK"), (22, 2, "IN_STOCK"), (4, 2, "LOW"), (1, 2, "OUT")],
)
async def test_a_bundle_is_there_as_well_as_its_worst_part(
    stock: int, pieces: int, level: str
) -> None:
    plenty = await make.variant(delivery_kind=DeliveryKind.MANUAL)
    scarce = await make.variant(cards=stock)
    out = await make.variant()
    bundle = await make.bundle(
        PartDraft(plenty.sku, 1, 5_000),
        PartDraft(scarce.sku, pieces, 5_000),
        PartDraft(out.sku, 1, 0, 1, WhenOut.SKIP),
    )
    slug = (await Product.get(id=bundle.product_id)).slug
    (shown,) = (await data_of(shop, SHOW, slug=slug))["product"]["variants"]
    assert shown["stockLevel"] == level
    needed = await make.bundle(
        PartDraft(scarce.sku, pieces, 10_000), PartDraft(out.sku, 1, 0, 1, WhenOut.REFUSE)
    )
    slug = (await Product.get(id=needed.product_id)).slug
    (shown,) = (await data_of(shop, SHOW, slug=slug))["product"]["variants"]
    assert shown["stockLevel"] == "OUT"


async def test_refusals_name_the_part() -> None:
    card = await make.variant()
    bundle = await make.variant(delivery_kind=DeliveryKind.BUNDLE)
    refused = await saved(bundle.sku, {"sku": card.sku, "share": "0.50000"})
    assert refused["userErrors"][0]["field"] == ["parts"]
    refused = await saved(bundle.sku, {"sku": card.sku, "share": "0.12345"})
    assert refused["userErrors"][0]["field"] == ["parts", "0", "share"]
    refused = await saved(
        bundle.sku, {"sku": "NONE", "share": "0.5"}, {"sku": bundle.sku, "share": "0.5"}
    )
    assert [(each["code"], each["field"]) for each in refused["userErrors"]] == [
        ("NOT_FOUND", ["parts", "0", "sku"]),
        ("INVALID", ["parts", "1", "sku"]),
    ]
    scopes = frozenset({"products:read"})
    reader = Actor(kind=ActorKind.OPERATOR, user_id=new_id(), scopes=scopes)
    result = await ask(admin, SAVE, reader, input={"sku": bundle.sku, "parts": []})
    assert [error.extensions["code"] for error in result.errors] == ["FORBIDDEN"]
