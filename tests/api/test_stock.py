"""What operators do with stock, through the back office's schema."""

from dataclasses import replace
from typing import Any

import pytest

from domain import cards, sites
from domain.kernel import Prefix, encode_id, new_id
from schema.admin import schema
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
CLERK = replace(make.OPERATOR, scopes=frozenset({"cards:write", "cards:read", "suppliers:read"}))
READER = replace(make.OPERATOR, scopes=frozenset({"cards:read"}))
IMPORT = """
mutation Import($input: CardImportInput!) {
  cardImport(input: $input) { report { batchId accepted } userErrors { code message } }
}
"""
BATCHES = """
query { cardBatches { nodes {
  supplierId reference note quarantinedAt releasedAt frozenAt frozenReason
  quality { delivered disputed checked invalid invalidRate }
  checks { cardId origin verdict evidence } writeOffs { kind cards cost { amount } supplierId }
} } }
"""
WRITES = {
    "cardBatchRelease": "batch { releasedAt }",
    "cardBatchFreeze": "batch { frozenReason }",
    "cardBatchUnfreeze": "batch { frozenAt }",
    "cardBatchSample": "checks { id cardId origin verdict }",
    "cardJudge": "card { state }",
    "cardMarkInvalid": "card { state masked orderLineId batchId }",
    "cardDispute": "card { state }",
    "cardsVoid": "writeOffs { kind cards cost { amount currency } supplierId reason }",
    "cardsReturn": "writeOffs { kind cards cost { amount } supplierId }",
    "cardQuotaSet": "kept setApart",
    "stockPolicySet": "policy { safetyStock expiryMarginDays invalidPercent version }",
}


def document(name: str) -> str:
    kind = name[0].upper() + name[1:]
    return (
        f"mutation Do($input: {kind}Input!) {{ {name}(input: $input)"
        f" {{ {WRITES[name]} userErrors {{ code message field }} }} }}"
    )


async def run(name: str, **given: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await data_of(schema, document(name), CLERK, input=given))[name]
    return payload


async def batch_of(content: str, **more: Any) -> str:
    variant = await make.variant()
    given = {
        "sku": variant.sku,
        "content": content,
        "unitCost": {"amount": "4", "currency": "CNY"},
        **more,
    }
    payload = (await data_of(schema, IMPORT, CLERK, input=given))["cardImport"]
    assert payload["userErrors"] == []
    return str(payload["report"]["batchId"])


async def test_a_batch_goes_through_quarantine_sampling_and_release() -> None:
    await make.offer(await make.variant(), 1, code="alpha")
    batch = await batch_of(
        "A-1\nA-2\n", supplierCode="alpha", reference="R-7", note="by mail", quarantine=True
    )
    (check,) = (await run("cardBatchSample", batchId=batch, number=1))["checks"]
    assert (check["origin"], check["verdict"]) == ("SAMPLE", None)
    early = await run("cardBatchRelease", batchId=batch)
    assert early["batch"] is None
    assert early["userErrors"] == [
        {
            "code": "CARD_CHECKS_OPEN",
            "message": "1 picked cards of this batch are not judged yet. Judge them, then"
            " release it.",
            "field": ["batchId"],
        }
    ]
    judged = await run("cardJudge", cardId=check["cardId"], verdict="VALID", evidence="seen")
    assert judged["card"] == {"state": "QUARANTINED"}
    assert (await run("cardBatchRelease", batchId=batch))["batch"]["releasedAt"] is not None
    (listed,) = (await data_of(schema, BATCHES, CLERK))["cardBatches"]["nodes"]
    assert (listed["reference"], listed["note"]) == ("R-7", "by mail")
    assert listed["supplierId"].startswith("sup_")
    assert listed["quality"] == {
        "delivered": 0,
        "disputed": 0,
        "checked": 1,
        "invalid": 0,
        "invalidRate": "0.0000",
    }
    assert [each["evidence"] for each in listed["checks"]] == ["seen"]
    suppliers = await data_of(
        schema, "{ suppliers { cardQuality { checked invalid invalidRate } } }", CLERK
    )
    assert {"checked": 1, "invalid": 0, "invalidRate": "0.0000"} in [
        each["cardQuality"] for each in suppliers["suppliers"]
    ]


async def test_cards_are_marked_invalid_voided_returned_and_batches_frozen() -> None:
    batch = await batch_of("A-1\nA-2\nA-3\nA-4\n")
    ids = [encode_id(Prefix.CARD, each.id) for each in await cards.Card.all().order_by("id")]
    marked = await run("cardMarkInvalid", cardId=ids[0], evidence="dead at the issuer")
    assert marked["card"]["state"] == "INVALID_CONFIRMED"
    assert marked["card"]["orderLineId"] is None
    frozen = await run("cardBatchFreeze", batchId=batch, reason="a complaint")
    assert frozen["batch"] == {"frozenReason": "a complaint"}
    assert (await run("cardBatchUnfreeze", batchId=batch, reason="fine"))["batch"] == {
        "frozenAt": None
    }
    gone = await run("cardsVoid", cardIds=[ids[1]], reason="a leak", idempotencyKey="k1")
    assert gone["writeOffs"] == [
        {
            "kind": "VOID",
            "cards": 1,
            "cost": {"amount": "4.00", "currency": "CNY"},
            "supplierId": None,
            "reason": "a leak",
        }
    ]
    again = await run("cardsVoid", cardIds=[ids[1]], reason="a leak", idempotencyKey="k2")
    assert [error["code"] for error in again["userErrors"]] == ["CARD_MOVE_NOT_ALLOWED"]
    back = await run("cardsReturn", batchId=batch, reason="bad lot", idempotencyKey="k3")
    assert [(each["kind"], each["cards"]) for each in back["writeOffs"]] == [("RETURNED", 3)]
    refused = await run("cardDispute", cardId=ids[2], reason="used")
    assert [error["code"] for error in refused["userErrors"]] == ["CARD_MOVE_NOT_ALLOWED"]


async def test_a_policy_is_set_by_sku() -> None:
    variant = await make.variant()
    payload = await run("stockPolicySet", sku=variant.sku, safetyStock=9, expiryMarginDays=3)
    assert payload["policy"] == {
        "safetyStock": 9,
        "expiryMarginDays": 3,
        "invalidPercent": 10,
        "version": 1,
    }
    refused = await run("stockPolicySet", sku=variant.sku, expiryMarginDays=-1)
    assert [error["field"] for error in refused["userErrors"]] == [["expiryMarginDays"]]


async def test_whoever_only_reads_may_do_none_of_it() -> None:
    batch = encode_id(Prefix.CARD_BATCH, (await make.stock(await make.variant(), 1))[0].id)
    given: dict[str, dict[str, Any]] = {
        "cardBatchRelease": {"batchId": batch},
        "cardBatchFreeze": {"batchId": batch, "reason": "x"},
        "cardBatchUnfreeze": {"batchId": batch, "reason": "x"},
        "cardBatchSample": {"batchId": batch, "number": 1},
        "cardJudge": {"cardId": batch, "verdict": "VALID", "evidence": "x"},
        "cardMarkInvalid": {"cardId": batch, "evidence": "x"},
        "cardDispute": {"cardId": batch, "reason": "x"},
        "cardsVoid": {"reason": "x", "idempotencyKey": "x"},
        "cardsReturn": {"reason": "x", "idempotencyKey": "x"},
        "cardQuotaSet": {"sku": "x", "siteId": "x", "kept": 1},
        "stockPolicySet": {"sku": "x"},
    }
    assert given.keys() == WRITES.keys()
    for name, values in given.items():
        result = await ask(schema, document(name), READER, input=values)
        assert [error.extensions["code"] for error in result.errors] == ["FORBIDDEN"], name


async def test_pools_and_policies_are_read() -> None:
    variant = await make.variant(cards=3)
    await run("stockPolicySet", sku=variant.sku, safetyStock=9)
    await cards.check_levels()
    asked = """
    query Pools($skus: [String!]!) {
      cardPools(first: 5, belowLowWater: true) {
        nodes { sku available reserved delivered voided frozen quarantined expiringSoon
          lowWaterMark low daysOfCover }
        pageInfo { hasNextPage }
      }
      stockPolicies(skus: $skus) { safetyStock holdLimit version }
    }
    """
    data = await data_of(schema, asked, READER, skus=[variant.sku, "none"])
    assert data["cardPools"]["nodes"] == [
        {
            "sku": variant.sku,
            "available": 3,
            "reserved": 0,
            "delivered": 0,
            "voided": 0,
            "frozen": 0,
            "quarantined": 0,
            "expiringSoon": 0,
            "lowWaterMark": 9,
            "low": True,
            "daysOfCover": None,
        }
    ]
    assert data["stockPolicies"] == [{"safetyStock": 9, "holdLimit": 20, "version": 1}]


async def test_cards_are_set_apart_for_a_site_and_shown_with_their_pool() -> None:
    variant = await make.variant(cards=3)
    site = encode_id(Prefix.SITE, sites.MAIN_ID)
    payload = await run("cardQuotaSet", sku=variant.sku, siteId=site, kept=5)
    assert (payload["kept"], payload["setApart"], payload["userErrors"]) == (5, 3, [])
    asked = "{ cardPools(first: 5) { nodes { quotas { siteId kept } } } }"
    data = await data_of(schema, asked, READER)
    assert data["cardPools"]["nodes"] == [{"quotas": [{"siteId": site, "kept": 5}]}]
    nowhere = encode_id(Prefix.SITE, new_id())
    refused = await run("cardQuotaSet", sku=variant.sku, siteId=nowhere, kept=1)
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [
        ("NOT_FOUND", ["siteId"])
    ]


CHOOSE = """
query Choose($sku: String!, $slug: String!) {
  choosableCards(sku: $sku, first: 2) { nodes { id masked expiresOn } pageInfo { hasNextPage } }
  product(slug: $slug) { variants { sku choosable stockLevel } }
}
"""
BUY = """
mutation Buy($input: OrderCreateInput!) {
  orderCreate(input: $input) {
    order { id lines { cards { id masked } } } userErrors { code message field }
  }
}
"""


async def test_a_buyer_chooses_a_card_and_another_may_not_have_it() -> None:
    product = await make.product()
    variant = await make.variant(of=product, cards=3)
    await run("stockPolicySet", sku=variant.sku, choosable=True)
    asked = {"sku": variant.sku, "slug": product.slug}
    shown = await data_of(shop, CHOOSE, **asked)
    assert shown["product"]["variants"][0]["choosable"] is True
    assert shown["choosableCards"]["pageInfo"]["hasNextPage"] is True
    wanted = shown["choosableCards"]["nodes"][1]
    given = {
        "idempotencyKey": "key",
        "lines": [{"sku": variant.sku, "quantity": 1, "cardId": wanted["id"]}],
    }
    bought = (await data_of(shop, BUY, await make.buyer(), input=given))["orderCreate"]
    assert bought["userErrors"] == []
    assert bought["order"]["lines"][0]["cards"] == [
        {"id": wanted["id"], "masked": wanted["masked"]}
    ]
    late = (await data_of(shop, BUY, await make.buyer(), input=given))["orderCreate"]
    assert late["order"] is None
    assert late["userErrors"] == [
        {
            "code": "CARD_NOT_FREE",
            "message": f"The card of {variant.sku} that you chose is sold or held by somebody"
            " else. Choose another one.",
            "field": ["lines", "0", "cardId"],
        }
    ]


async def test_a_shared_code_is_in_stock_and_each_buyer_gets_its_share() -> None:
    product = await make.product()
    variant = await make.variant(of=product)
    payload = await run("stockPolicySet", sku=variant.sku, shared=True, sharedUses=0)
    assert payload["userErrors"] == []
    await make.stock(variant, 1)
    shown = await data_of(shop, CHOOSE, sku=variant.sku, slug=product.slug)
    assert shown["choosableCards"]["nodes"] == []
    assert shown["product"]["variants"][0]["stockLevel"] == "IN_STOCK"
    ids = set()
    for number in range(2):
        given = {
            "idempotencyKey": f"key{number}",
            "lines": [{"sku": variant.sku, "quantity": 1}],
        }
        bought = (await data_of(shop, BUY, await make.buyer(), input=given))["orderCreate"]
        ids |= {card["id"] for card in bought["order"]["lines"][0]["cards"]}
    assert len(ids) == 1
