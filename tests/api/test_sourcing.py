"""The back office follows a supplier's list and maps what is new in it."""

from typing import Any

import pytest

from domain import sourcing, suppliers, webhooks
from domain.catalog.models import DeliveryKind
from schema.admin import schema
from schema.partner import schema as partner_schema
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.sourcing.test_following import Listing, followed

pytestmark = pytest.mark.usefixtures("db")
SAVE = """mutation Save($input: SupplierSyncSaveInput!) { supplierSyncSave(input: $input) {
    policy { enabled everySeconds tolerance nextAt } userErrors { code field } } }"""
START = """mutation Start($input: SupplierSyncStartInput!) { supplierSyncStart(input: $input) {
    policy { enabled } userErrors { code } } }"""
ACCEPT = """mutation Accept($input: SupplierSyncAcceptInput!) { supplierSyncAccept(input: $input) {
    run { state } userErrors { code } } }"""
MAP = """mutation Map($input: SupplierItemMapInput!) { supplierItemMap(input: $input) {
    offer { id item units follows availability stock cost { amount }
        fieldMapping { parameter field } } userErrors { code field message } } }"""
ITEMS = """query Items($mapped: Boolean) {
    supplierItems(supplierCode: "lister", mapped: $mapped, first: 5) { nodes {
        id item name cost { amount currency } availability stock accountFields
        offers { item variantId } } } }"""
FOLLOWED = """{ followedSuppliers { supplier { code } policy { enabled pushes pushedAt }
    lastRun { id state pages items missing } } }"""
HISTORY = """query History($id: ID!) { offerHistory(offerId: $id) { nodes {
    oldCost { amount } newCost { amount } newAvailability } } }"""


async def done(document: str, **wish: Any) -> dict[str, Any]:
    (answer,) = (await data_of(schema, document, make.OPERATOR, input=wish)).values()
    found: dict[str, Any] = answer
    return found


async def test_what_is_new_is_listed_and_mapped() -> None:
    port = Listing()
    suppliers.register("listing", port)
    port.sell("qq", make.yuan(9), stock=7, account_fields=("uin",))
    supplier = await followed(port)
    await sourcing.read_list(supplier)
    (node,) = (await data_of(schema, ITEMS, make.OPERATOR, mapped=False))["supplierItems"]["nodes"]
    assert node["cost"] == {"amount": "9.00", "currency": "CNY"}
    assert (node["stock"], node["accountFields"], node["offers"]) == (7, ["uin"], [])
    variant = await make.variant(delivery_kind=DeliveryKind.DIRECT_TOPUP, price=make.yuan(12))
    to = {"sku": variant.sku, "fieldMapping": [{"parameter": "uin", "field": "account"}]}
    mapped = await done(MAP, itemId=node["id"], mapTo=to)
    offer = mapped["offer"]
    assert (offer["units"], offer["stock"], offer["availability"]) == (1, 7, "ON_SALE")
    assert offer["fieldMapping"] == [{"parameter": "uin", "field": "account"}]
    assert (await data_of(schema, ITEMS, make.OPERATOR, mapped=False))["supplierItems"] == {
        "nodes": []
    }
    port.sell("qq", make.yuan(10))
    await done(START, supplierCode="lister")
    await sourcing.read_list(supplier)
    rows = (await data_of(schema, HISTORY, make.OPERATOR, id=offer["id"]))["offerHistory"]["nodes"]
    assert rows[0] == {
        "oldCost": {"amount": "9.00"},
        "newCost": {"amount": "10.00"},
        "newAvailability": "ON_SALE",
    }
    (told,) = (await data_of(schema, FOLLOWED, make.OPERATOR))["followedSuppliers"]
    assert (told["supplier"]["code"], told["lastRun"]["state"]) == ("lister", "DONE")
    late = await done(ACCEPT, runId=told["lastRun"]["id"])
    assert late["userErrors"] == [{"code": "CATALOGUE_RUN_OVER"}]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"supplierCode": "nobody"}, ["supplierCode"]),
        ({"supplierCode": "lister", "everySeconds": 1}, ["everySeconds"]),
        ({"supplierCode": "lister", "missingRate": 10_001}, ["missingRate"]),
    ],
)
async def test_a_policy_out_of_its_limits_is_refused(
    wish: dict[str, Any], field: list[str]
) -> None:
    port = Listing()
    suppliers.register("listing", port)
    await followed(port)
    (error,) = (await done(SAVE, **wish))["userErrors"]
    assert error["field"] == field


async def test_a_partner_asks_for_one_variant() -> None:
    variant = await make.variant(price=make.yuan(49))
    key = make.actor_of(await make.user())
    document = """query One($sku: String!) { catalogItem(sku: $sku) { sku price { amount } } }"""
    refused = await ask(partner_schema, document, key, sku=variant.sku)
    assert [each.extensions["code"] for each in refused.errors] == ["FORBIDDEN"]
    found = await data_of(partner_schema, document, make.OPERATOR, sku=variant.sku)
    assert found == {"catalogItem": {"sku": variant.sku, "price": {"amount": "49.00"}}}
    assert await data_of(partner_schema, document, make.OPERATOR, sku="none") == {
        "catalogItem": None
    }


async def test_a_partner_asks_for_some_variants_and_whether_it_is_told_of_changes() -> None:
    first, _, third = [await make.variant(price=make.yuan(49)) for _ in range(3)]
    some = """query Some($skus: [String!]) { catalog(first: 9, skus: $skus) {
        nodes { sku } pageInfo { hasNextPage } } }"""
    wanted = sorted([first.sku, third.sku])
    found = (await data_of(partner_schema, some, make.OPERATOR, skus=[*wanted, "none"]))["catalog"]
    assert [node["sku"] for node in found["nodes"]] == wanted
    assert not found["pageInfo"]["hasNextPage"]
    assert (await data_of(partner_schema, some, make.OPERATOR, skus=[]))["catalog"]["nodes"] == []
    refused = await ask(partner_schema, some, make.OPERATOR, skus=["x"] * 101)
    assert refused.errors
    pushes = "{ catalogPush { active event mostItems } }"
    told = {"active": False, "event": "goods.changed", "mostItems": 200}
    assert (await data_of(partner_schema, pushes, make.OPERATOR))["catalogPush"] == told
    wish = webhooks.EndpointWish("https://peer.test", ["goods.changed"])
    listener = await make.operator("*")
    await webhooks.create_endpoint(listener, wish)
    assert (await data_of(partner_schema, pushes, listener))["catalogPush"]["active"]
    key = make.actor_of(await make.user())
    forbidden = await ask(partner_schema, pushes, key)
    assert [each.extensions["code"] for each in forbidden.errors] == ["FORBIDDEN"]
