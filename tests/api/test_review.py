"""The back office reviews listings and keeps bans."""

from typing import Any

import pytest

from domain.catalog import ListingStatus
from domain.kernel import Actor, ActorKind, Prefix, encode_id
from schema.admin import schema
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
MOVE = """mutation Move($input: ListingMoveInput!) { listingMove(input: $input) {
    product { status reviewReason reviews { toStatus reason reviewerId } }
    userErrors { code message field } } }"""
BAN = """mutation Ban($input: ListingBanInput!) { listingBan(input: $input) {
    ban { id word categoryId reason } userErrors { code message field } } }"""
LIFT = """mutation Lift($input: ListingBanLiftInput!) { listingBanLift(input: $input) {
    banId userErrors { code } } }"""


async def move(product_id: str, to: str, reason: str = "") -> dict[str, Any]:
    wish = {"productId": product_id, "to": to, "reason": reason}
    return (await data_of(schema, MOVE, make.OPERATOR, input=wish))["listingMove"]


async def test_a_listing_is_reviewed_and_a_ban_keeps_it_off() -> None:
    row = await make.product(ListingStatus.DRAFT)
    public = encode_id(Prefix.PRODUCT, row.id)
    assert (await move(public, "SUBMITTED"))["product"]["status"] == "SUBMITTED"
    queue = await data_of(
        schema, "{ productFiles(status: SUBMITTED) { nodes { id } } }", make.OPERATOR
    )
    assert queue["productFiles"]["nodes"] == [{"id": public}]
    wish = {"word": "商品", "reason": "a test"}
    made = (await data_of(schema, BAN, make.OPERATOR, input=wish))["listingBan"]
    assert (made["ban"]["word"], made["ban"]["categoryId"]) == ("商品", None)
    (error,) = (await move(public, "APPROVED"))["userErrors"]
    assert (error["code"], error["field"]) == ("LISTING_BANNED", ["to"])
    assert "商品" in error["message"]
    (error,) = (await move(public, "SUSPENDED", "why"))["userErrors"]
    assert error["code"] == "LISTING_MOVE_NOT_ALLOWED"
    rejected = (await move(public, "REJECTED", "banned word"))["product"]
    assert rejected["reviewReason"] == "banned word"
    assert rejected["reviews"][0]["reviewerId"] == encode_id(
        Prefix.USER, make.OPERATOR.require_user()
    )
    lifted = await data_of(schema, LIFT, make.OPERATOR, input={"id": made["ban"]["id"]})
    assert lifted["listingBanLift"] == {"banId": made["ban"]["id"], "userErrors": []}
    bans = await data_of(schema, "{ listingBans { nodes { id } } }", make.OPERATOR)
    assert bans["listingBans"]["nodes"] == []


async def test_a_shelf_is_banned_by_its_id() -> None:
    row = await make.product()
    wish = {"categoryId": encode_id(Prefix.CATEGORY, row.category_id), "reason": "a test"}
    made = (await data_of(schema, BAN, make.OPERATOR, input=wish))["listingBan"]
    assert made["ban"]["categoryId"] == wish["categoryId"]
    found = await data_of(schema, "{ productFiles { nodes { status } } }", make.OPERATOR)
    assert found["productFiles"]["nodes"] == [{"status": "SUSPENDED"}]


async def test_who_may_not_review_is_refused() -> None:
    row = await make.product(ListingStatus.SUBMITTED)
    editor = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:read", "products:write"}))
    wish = {"productId": encode_id(Prefix.PRODUCT, row.id), "to": "APPROVED"}
    result = await ask(schema, MOVE, editor, input=wish)
    assert "FORBIDDEN" in str(result.data) + str([e.extensions for e in result.errors or ()])
    result = await ask(schema, BAN, editor, input={"word": "ab", "reason": "x"})
    assert result.errors[0].extensions["code"] == "FORBIDDEN"
