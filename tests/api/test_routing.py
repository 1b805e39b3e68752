"""The back office asks what a line would be bought from, and says how offers are ranked."""

from typing import Any

import pytest

from domain.kernel import Prefix, encode_id
from schema.admin import schema
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
PLAN = """query Plan($sku: String!, $guard: MoneyInput) {
    routePlan(sku: $sku, quantity: 2, maxUnitCost: $guard) { kind scope candidates {
        supplierCode item cost { amount } fee { amount } landedCost { amount } success score
        excludedBecause } } }"""
SAVE = """mutation Save($input: RoutingPolicySaveInput!) { routingPolicySave(input: $input) {
    policy { id kind scope scopeId waitSeconds } userErrors { code field message } } }"""
DELETE = """mutation Delete($input: RoutingPolicyDeleteInput!) {
    routingPolicyDelete(input: $input) { policy { id } userErrors { code } } }"""


async def save(**wish: Any) -> dict[str, Any]:
    return (await data_of(schema, SAVE, make.OPERATOR, input=wish))["routingPolicySave"]


async def test_a_plan_tells_each_offer_and_why_it_is_left_out() -> None:
    variant = await make.variant()
    await make.offer(variant, make.yuan(80), "dear", priority=1)
    await make.offer(variant, make.yuan(70), "cheap", priority=2)
    saved = await save(kind="LOWEST_COST", sku=variant.sku)
    assert saved["policy"]["scopeId"] == encode_id(Prefix.VARIANT, variant.id)
    guard = {"amount": "75", "currency": "CNY"}
    told = (await data_of(schema, PLAN, make.OPERATOR, sku=variant.sku, guard=guard))["routePlan"]
    assert (told["kind"], told["scope"]) == ("LOWEST_COST", "VARIANT")
    first, second = told["candidates"]
    assert (first["supplierCode"], first["score"], first["excludedBecause"]) == (
        "cheap",
        10_000,
        None,
    )
    assert (second["supplierCode"], second["score"], second["excludedBecause"]) == (
        "dear",
        8_750,
        "ABOVE_MAX_COST",
    )
    gone = {"id": saved["policy"]["id"]}
    for errors in ([], [{"code": "NOT_FOUND"}]):
        deleted = await data_of(schema, DELETE, make.OPERATOR, input=gone)
        assert deleted["routingPolicyDelete"]["userErrors"] == errors
    told = (await data_of(schema, PLAN, make.OPERATOR, sku=variant.sku))["routePlan"]
    assert [each["supplierCode"] for each in told["candidates"]] == ["dear", "cheap"]


async def test_a_policy_for_what_does_not_exist_is_refused() -> None:
    (error,) = (await save(kind="WEIGHTED", sku="none"))["userErrors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["sku"])
    (error,) = (await save(kind="WEIGHTED", categorySlug="none"))["userErrors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["categorySlug"])
    result = await ask(schema, PLAN, make.OPERATOR, sku="none")
    assert result.errors


async def test_buyers_see_no_plan() -> None:
    result = await ask(schema, PLAN, await make.buyer(), sku="none")
    assert result.data is None or result.data.get("routePlan") is None
    assert result.errors
