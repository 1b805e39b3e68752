"""Gift cards over the API: the back office issues and moves them, no code is ever shown."""

from typing import Any

import pytest

from domain.catalog.models import DeliveryKind
from domain.kernel import ANONYMOUS, Actor, ActorKind, Prefix, encode_id, new_id
from schema.admin import schema as admin
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
SAVE = """mutation Save($input: GiftCardProgramSaveInput!) { giftCardProgramSave(input: $input) {
    program { id version faceValue { amount } value activation breakage transferable }
    userErrors { code message field } } }"""
ISSUE = """mutation Issue($input: GiftCardIssueInput!) { giftCardIssue(input: $input) {
    issue { batchId quantity } replayed userErrors { code message field } } }"""
MOVE = """mutation Move($input: GiftCardsMoveInput!) { giftCardsMove(input: $input) {
    cards { number status moves { fromStatus toStatus movedBy reason } }
    userErrors { code message field ... on GiftCardMoveError { number source target } } } }"""
FILES = """query Files($batchId: ID, $number: String, $status: GiftCardStatus) {
    giftCardFiles(batchId: $batchId, number: $number, status: $status, first: 5) {
        nodes { id number status balance { amount } usesLeft holderId program { nameEn } }
        pageInfo { hasNextPage } } }"""


async def admin_data(query: str, **variables: Any) -> dict[str, Any]:
    return await data_of(admin, query, make.OPERATOR, **variables)


async def saved_program(sku: str, **changes: object) -> dict[str, Any]:
    wish = {
        "sku": sku,
        "nameZh": "卡",
        "nameEn": "Card",
        "value": "BALANCE",
        "faceValue": {"amount": "100.00", "currency": "CNY"},
        **changes,
    }
    return (await admin_data(SAVE, input=wish))["giftCardProgramSave"]


async def test_an_operator_makes_a_program_issues_cards_and_voids_one() -> None:
    variant = await make.variant(delivery_kind=DeliveryKind.GIFT_CARD)
    program = (await saved_program(variant.sku))["program"]
    assert program["faceValue"] == {"amount": "100.00"}
    wish = {"programId": program["id"], "quantity": 7, "idempotencyKey": "one"}
    first = (await admin_data(ISSUE, input=wish))["giftCardIssue"]
    again = (await admin_data(ISSUE, input=wish))["giftCardIssue"]
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert first["issue"] == again["issue"]
    page = await admin_data(FILES, batchId=first["issue"]["batchId"])
    assert page["giftCardFiles"]["pageInfo"] == {"hasNextPage": True}
    cards = page["giftCardFiles"]["nodes"]
    assert [card["status"] for card in cards] == ["ISSUED"] * 5
    assert {card["program"]["nameEn"] for card in cards} == {"Card"}
    wish = {"cardIds": [cards[0]["id"]], "to": "VOID", "reason": "misprint"}
    moved = (await admin_data(MOVE, input=wish))["giftCardsMove"]["cards"]
    assert moved[0]["moves"] == [
        {
            "fromStatus": "ISSUED",
            "toStatus": "VOID",
            "movedBy": encode_id(Prefix.USER, make.OPERATOR.require_user()),
            "reason": "misprint",
        }
    ]
    found = await admin_data(FILES, number=cards[0]["number"].lower(), status="VOID")
    assert [card["id"] for card in found["giftCardFiles"]["nodes"]] == [cards[0]["id"]]


async def test_refusals_name_the_field_and_the_card() -> None:
    variant = await make.variant(delivery_kind=DeliveryKind.GIFT_CARD)
    face = {"amount": "1000.01", "currency": "CNY"}
    refused = await saved_program(variant.sku, faceValue=face, prefix="lo")
    assert refused["program"] is None
    assert [error["field"] for error in refused["userErrors"]] == [["faceValue"], ["prefix"]]
    assert "KAMENG_GIFT_CARD_FACE_CAP" in refused["userErrors"][0]["message"]
    program = (await saved_program(variant.sku))["program"]
    wish = {"programId": program["id"], "quantity": 1, "idempotencyKey": "one"}
    await admin_data(ISSUE, input=wish)
    (card,) = (await admin_data(FILES))["giftCardFiles"]["nodes"]
    wish = {"cardIds": [card["id"]], "to": "ACTIVE", "reason": "x"}
    (error,) = (await admin_data(MOVE, input=wish))["giftCardsMove"]["userErrors"]
    assert (error["code"], error["number"]) == ("GIFT_CARD_MOVE_NOT_ALLOWED", card["number"])
    assert (error["source"], error["target"]) == ("ISSUED", "ACTIVE")
    assert card["number"] in error["message"]


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (ANONYMOUS, "UNAUTHENTICATED"),
        (Actor(kind=ActorKind.USER, user_id=new_id()), "FORBIDDEN"),
        (
            Actor(kind=ActorKind.OPERATOR, user_id=new_id(), scopes=frozenset({"cards:write"})),
            "FORBIDDEN",
        ),
    ],
)
async def test_nobody_else_may(actor: Actor, code: str) -> None:
    program = await make.gift_program()
    public = encode_id(Prefix.GIFT_CARD_PROGRAM, program.id)
    wish = {"programId": public, "quantity": 1, "idempotencyKey": "one"}
    for query, variables in ((ISSUE, {"input": wish}), (FILES, {})):
        result = await ask(admin, query, actor, **variables)
        assert [error.extensions["code"] for error in result.errors] == [code]
