"""Cashback over the API: a rule, and a buyer that reads what it gets and why."""

from datetime import timedelta
from typing import Any

import pytest

from domain import cashback, checkout, ledger
from domain.checkout import LineWish, Purchase
from domain.kernel import Prefix, clock, encode_id
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")

SAVE = """
mutation Save($input: CashbackRuleSaveInput!) { cashbackRuleSave(input: $input) {
  rule { id scope percent fixed { amount } cap { amount } bearer holdDays }
  userErrors { code field } } }
"""
END = """
mutation End($input: CashbackRuleEndInput!) { cashbackRuleEnd(input: $input) {
  rule { id } userErrors { code } } }
"""
RULES = "{ cashbackRules { nodes { rule { name } waiting credited amount { amount } } } }"
OWN = """
{ viewer { wallet { available { amount } } cashbacks { nodes { orderNumber sku state
  amount { amount } takenBack { amount } explanation } } } }
"""


def wish(**changes: Any) -> dict[str, Any]:
    return {
        "name": "autumn",
        "percent": "2.5",
        "cap": {"amount": "5", "currency": "CNY"},
        "holdDays": 0,
        "validUntil": (clock.now() + timedelta(days=30)).isoformat(),
        **changes,
    }


async def test_a_rule_brings_a_buyer_cashback_that_it_can_read() -> None:
    staff = await make.operator("cashback:write", "cashback:read")
    shelf = await make.product()
    narrow = wish(productId=encode_id(Prefix.PRODUCT, shelf.id))
    done = (await data_of(admin, SAVE, staff, input=narrow))["cashbackRuleSave"]
    assert (done["rule"]["scope"], done["rule"]["percent"]) == ("PRODUCT", "2.5")
    buyer = await make.buyer()
    variant = await make.variant(price=make.yuan(100), cards=1, of=shelf)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    await ledger.seal_committed()
    await cashback.follow_chain()
    (waiting,) = (await data_of(shop, OWN, buyer))["viewer"]["cashbacks"]["nodes"]
    assert (waiting["state"], waiting["amount"]["amount"]) == ("WAITING", "0.00")
    assert waiting["explanation"] == "2.5 % of what you paid and kept, at most 5.00"
    await cashback.credit_due()
    seen = (await data_of(shop, OWN, buyer, "zh"))["viewer"]
    assert seen["wallet"]["available"]["amount"] == "902.50"
    assert seen["cashbacks"]["nodes"][0]["explanation"] == "实付且未退款金额的 2.5%，最多 5.00"
    (listed,) = (await data_of(admin, RULES, staff))["cashbackRules"]["nodes"]
    assert (listed["credited"], listed["amount"]["amount"]) == (1, "2.50")
    ended = {"id": done["rule"]["id"]}
    assert not (await data_of(admin, END, staff, input=ended))["cashbackRuleEnd"]["userErrors"]
    (again,) = (await data_of(admin, END, staff, input=ended))["cashbackRuleEnd"]["userErrors"]
    assert again["code"] == "INVALID"
    assert (await data_of(shop, OWN, await make.buyer()))["viewer"]["cashbacks"]["nodes"] == []


async def test_a_rule_without_a_bound_and_who_may_not_are_refused() -> None:
    staff = await make.operator("cashback:write")
    for changes in ({"percent": "51"}, {"percent": "0.001"}, {"fixed": wish()["cap"]}):
        done = await data_of(admin, SAVE, staff, input=wish(**changes))
        assert {each["code"] for each in done["cashbackRuleSave"]["userErrors"]} == {"INVALID"}
    wrong = await data_of(admin, SAVE, staff, input=wish(categorySlug="none"))
    assert {each["code"] for each in wrong["cashbackRuleSave"]["userErrors"]} == {"NOT_FOUND"}
    refused = await ask(admin, RULES, staff)
    assert {each.extensions["code"] for each in refused.errors} == {"FORBIDDEN"}
