"""Gift cards over the API: the back office issues and moves them, no code is ever shown."""

from typing import Any

import pytest

from domain import giftcards
from domain.cards import own_codes
from domain.catalog.models import DeliveryKind
from domain.giftcards import GiftCardStatus
from domain.kernel import ANONYMOUS, Actor, ActorKind, Prefix, encode_id, new_id
from schema.admin import schema as admin
from schema.partner import schema as partner
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.giftcards.test_counter import code_behind, printed
from tests.domain.giftcards.test_redeeming import COUNTED, bought

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


REDEEM = """mutation Redeem($input: GiftCardRedeemInput!) { giftCardRedeem(input: $input) {
    redemption { id amount { amount } balanceAfter { amount } } wallet { available { amount } }
    replayed userErrors { code message retryable field
        ... on GiftCardUnusableError { number why } ... on GiftCardLockedError { minutes }
        ... on GiftCardShortError { available { amount } } } } }"""
OWN = """{ viewer { giftCards { nodes {
    number name status balance { amount } faceValue { amount } usesLeft expiresAt } } } }"""


async def redeemed(actor: Actor, code: str, key: str, **wish: object) -> dict[str, Any]:
    wish = {"code": code, "idempotencyKey": key, **wish}
    return (await data_of(shop, REDEEM, actor, input=wish))["giftCardRedeem"]


async def test_a_buyer_sees_the_balance_and_a_friend_redeems() -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), (card,) = await bought(program)
    friend = await make.buyer(balance=0)
    part = {"amount": "30.00", "currency": "CNY"}
    first = await redeemed(friend, code, "one", amount=part)
    assert first["redemption"]["balanceAfter"] == {"amount": "70.00"}
    assert first["wallet"] == {"available": {"amount": "30.00"}}
    again = await redeemed(friend, code, "one", amount=part)
    assert (again["replayed"], again["redemption"]) == (True, first["redemption"])
    (own,) = (await data_of(shop, OWN, buyer))["viewer"]["giftCards"]["nodes"]
    assert own == {
        "number": card.number,
        "name": "Gift card",
        "status": "ACTIVE",
        "balance": {"amount": "70.00"},
        "faceValue": {"amount": "100.00"},
        "usesLeft": 0,
        "expiresAt": None,
    }
    assert (await data_of(shop, OWN, friend))["viewer"]["giftCards"]["nodes"] == []
    (error,) = (await redeemed(friend, code, "two", amount={**part, "amount": "70.01"}))[
        "userErrors"
    ]
    assert error["available"] == {"amount": "70.00"}


async def test_reasons_are_for_the_buyer_and_words_for_everybody() -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), (card,) = await bought(program)
    await giftcards.move_cards(make.OPERATOR, [card.card_id], GiftCardStatus.FROZEN, "secret why")
    (own,) = (await redeemed(buyer, code, "one"))["userErrors"]
    assert (own["code"], own["why"], own["number"]) == (
        "GIFT_CARD_UNUSABLE",
        "FROZEN",
        card.number,
    )
    assert "secret why" not in own["message"]
    stranger = await make.buyer()
    (foreign,) = (await redeemed(stranger, code, "one"))["userErrors"]
    (unknown,) = (await redeemed(stranger, own_codes.new_code(), "two"))["userErrors"]
    assert foreign == unknown
    (typo,) = (await redeemed(stranger, "ABCD", "three"))["userErrors"]
    assert (typo["code"], typo["field"]) == ("GIFT_CARD_MISTYPED", ["code"])


async def test_guessing_over_the_api_locks() -> None:
    guesser = await make.buyer(balance=0)
    codes = []
    for number in range(6):
        (error,) = (await redeemed(guesser, own_codes.new_code(), f"key{number}"))["userErrors"]
        codes.append(error["code"])
    assert codes == ["GIFT_CARD_NOT_ACCEPTED"] * 5 + ["GIFT_CARD_LOCKED"]
    assert (error["minutes"], error["retryable"]) == (1, True)


async def test_codes_are_tried_one_a_request_and_by_nobody_unknown() -> None:
    fields = "userErrors { code }"
    twice = " ".join(
        f'a{n}: giftCardRedeem(input: {{code: "x", idempotencyKey: "{n}"}}) {{ {fields} }}'
        for n in range(2)
    )
    buyer = await make.buyer()
    result = await ask(shop, f"mutation {{ {twice} }}", buyer)
    assert [error.extensions["code"] for error in result.errors] == ["LIMIT_EXCEEDED"]
    wish = {"code": "x", "idempotencyKey": "one"}
    result = await ask(shop, REDEEM, input=wish)
    assert [error.extensions["code"] for error in result.errors] == ["UNAUTHENTICATED"]
    key = Actor(kind=ActorKind.KEY, user_id=buyer.user_id, scopes=frozenset({"*"}))
    result = await ask(shop, REDEEM, key, input=wish)
    assert [error.extensions["code"] for error in result.errors] == ["FORBIDDEN"]


USE = """mutation Use($input: GiftCardUseInput!) { giftCardUse(input: $input) {
    use { id number usesLeft at } replayed userErrors { code message field retryable%s } } }"""
ADMIN_USE = USE % " ... on GiftCardUnusableError { number why }"
SELL = """mutation Sell($input: GiftCardCounterSellInput!) { giftCardCounterSell(input: $input) {
    sale { orderId orderNumber quantity total { amount currency } } replayed
    userErrors { code message field ... on GiftCardCounterError { number why } } } }"""


async def test_a_partner_and_an_operator_take_uses_from_a_card() -> None:
    _, (code,), (card,) = await bought(await make.gift_program(cards=1, **COUNTED))
    owner = await make.buyer(balance=0)
    till = Actor(
        kind=ActorKind.KEY,
        user_id=owner.user_id,
        key_id=new_id(),
        scopes=frozenset({"giftcards:redeem"}),
    )
    wish = {"code": code, "idempotencyKey": "one"}
    first = (await data_of(partner, USE % "", till, input=wish))["giftCardUse"]
    assert (first["use"]["number"], first["use"]["usesLeft"]) == (card.number, 2)
    again = (await data_of(partner, USE % "", till, input=wish))["giftCardUse"]
    assert (again["replayed"], again["use"]) == (True, first["use"])
    wish["idempotencyKey"] = "two"
    second = (await admin_data(ADMIN_USE, input=wish))["giftCardUse"]
    assert second["use"]["usesLeft"] == 1


async def test_only_an_operator_hears_why_a_card_has_no_use_left() -> None:
    _, (code,), (card,) = await bought(await make.gift_program(cards=1, **COUNTED))
    await giftcards.move_cards(make.OPERATOR, [card.card_id], GiftCardStatus.FROZEN, "secret why")
    owner = await make.buyer(balance=0)
    till = Actor(kind=ActorKind.KEY, user_id=owner.user_id, scopes=frozenset({"giftcards:redeem"}))
    errors = []
    for each in (code, own_codes.new_code()):
        wish = {"code": each, "idempotencyKey": each}
        errors += (await data_of(partner, USE % "", till, input=wish))["giftCardUse"]["userErrors"]
    assert errors[0] == errors[1]
    wish = {"code": code, "idempotencyKey": "why"}
    (told,) = (await admin_data(ADMIN_USE, input=wish))["giftCardUse"]["userErrors"]
    assert (told["code"], told["why"]) == ("GIFT_CARD_UNUSABLE", "FROZEN")
    assert told["number"] == card.number


@pytest.mark.parametrize("scopes", [(), ("giftcards:read", "giftcards:write")])
async def test_uses_and_counters_need_scopes_of_their_own(scopes: tuple[str, ...]) -> None:
    clerk = await make.operator(*scopes)
    key = Actor(kind=ActorKind.KEY, user_id=new_id(), scopes=frozenset(scopes))
    wish = {"code": "x", "idempotencyKey": "one"}
    sale = {
        "numbers": ["GC1"],
        "unitPrice": {"amount": "1.00", "currency": "CNY"},
        "paidBy": "CASH",
        "idempotencyKey": "one",
    }
    for asked in (
        await ask(partner, USE % "", key, input=wish),
        await ask(admin, ADMIN_USE, clerk, input=wish),
        await ask(admin, SELL, clerk, input=sale),
    ):
        assert [error.extensions["code"] for error in asked.errors] == ["FORBIDDEN"]


async def test_a_clerk_sells_printed_cards_over_the_counter() -> None:
    clerk = await make.operator("giftcards:sell")
    _, (first, second, _) = await printed()
    wish = {
        "numbers": [first.number, second.number],
        "unitPrice": {"amount": "100.00", "currency": "CNY"},
        "paidBy": "CASH",
        "note": "till 3",
        "idempotencyKey": "one",
    }
    sold = (await data_of(admin, SELL, clerk, input=wish))["giftCardCounterSell"]
    assert sold["sale"]["total"] == {"amount": "200.00", "currency": "CNY"}
    assert sold["sale"]["quantity"] == 2
    again = (await data_of(admin, SELL, clerk, input=wish))["giftCardCounterSell"]
    assert (again["replayed"], again["sale"]) == (True, sold["sale"])
    (error,) = (await data_of(admin, SELL, clerk, input={**wish, "idempotencyKey": "two"}))[
        "giftCardCounterSell"
    ]["userErrors"][:1]
    assert (error["code"], error["why"]) == ("GIFT_CARD_NOT_FOR_COUNTER", "SOLD")
    assert error["number"] in error["message"]
    friend = await make.buyer(balance=0)
    done = await redeemed(friend, await code_behind(first.card_id), "mine")
    assert done["wallet"] == {"available": {"amount": "100.00"}}


def test_no_query_takes_a_code() -> None:
    """Nobody asks here whether a code is good: the one way to learn it is to redeem it."""
    for schema in (shop, partner, admin):
        query = schema._schema.query_type
        assert query is not None
        for name, field in query.fields.items():
            taken = {argument.lower() for argument in field.args} - {"suppliercode"}
            assert not any("code" in argument for argument in taken), name
