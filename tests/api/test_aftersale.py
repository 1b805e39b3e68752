"""After-sale over the API: what a buyer says, what an operator decides, who sees what, who may."""

from datetime import timedelta
from typing import Any

import pytest

from domain import aftersale
from domain.aftersale import SupplierClaim
from domain.cards.models import Card, CardState
from domain.kernel import ANONYMOUS, Actor, Prefix, connection, encode_id, new_id
from domain.ledger import AccountKind
from domain.orders import Order, guest_token
from domain.suppliers.models import SupplierOffer
from schema.admin import schema as admin_schema
from schema.shop import schema as shop_schema
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.aftersale.test_disputes import (
    all_is_well,
    balance,
    bought,
    cards_of,
    supplier_of,
)
from tests.domain.aftersale.test_lines import by_hand

pytestmark = pytest.mark.usefixtures("db")
FIELDS = """disputes { id lineId cardId reason state decision appealUntil refundId }
  userErrors { code message field ... on DisputeTooLateError { endedAt } }"""
OPEN = f"""mutation Open($input: OrderDisputeOpenInput!) {{
  orderDisputeOpen(input: $input) {{ {FIELDS} }} }}"""
OPEN_BY_GUEST = f"""mutation Open($input: OrderDisputeOpenByGuestInput!) {{
  orderDisputeOpenByGuest(input: $input) {{ {FIELDS} }} }}"""
APPEAL = """mutation Appeal($input: OrderDisputeAppealInput!) {
  orderDisputeAppeal(input: $input) { dispute { state } userErrors { code } } }"""
APPEAL_BY_GUEST = """mutation Appeal($input: OrderDisputeAppealByGuestInput!) {
  orderDisputeAppealByGuest(input: $input) { dispute { state } userErrors { code } } }"""
LOOK = """query Look($id: ID!) { order(id: $id) { disputes {
  cardId state decision replacementCardId } cards { id } } }"""
REVEAL = """mutation Reveal($input: OrderCardsRevealInput!) {
  orderCardsReveal(input: $input) { secrets { cardId secret } userErrors { code } } }"""
FILE = """dispute { dispute { id state decision replacementCardId refundId } orderId text appeal
  looks seenAt ticket checkResult checkAnswer decidedBy claim { id amount { amount } state }
  steps { state actorKind actorId } reorder { state failure endedAt } }
  userErrors { code message }"""
CHECK = f"""mutation Check($input: DisputeCheckInput!) {{
  disputeCheck(input: $input) {{ {FILE} }} }}"""
DECIDE = f"""mutation Decide($input: DisputeDecideInput!) {{
  disputeDecide(input: $input) {{ {FILE} }} }}"""
SETTLE = """mutation Settle($input: SupplierClaimSettleInput!) {
  supplierClaimSettle(input: $input) {
    claim { state recovered { amount } note } userErrors { code } } }"""
LIST = """query List($states: [DisputeState!]) { disputes(states: $states) { nodes {
  dispute { id state } text reorder { state failure } } } }"""
CLAIMS = "query Claims { supplierClaims(state: OPEN) { nodes { id amount { amount } } } }"
RATES = """query Rates($by: ComplaintRateBy!, $since: DateTime!, $until: DateTime!) {
  complaintRates(by: $by, since: $since, until: $until) {
    subjectId delivered disputed invalid disputeRate invalidRate } }"""


def order_id(order: Order) -> str:
    return encode_id(Prefix.ORDER, order.id)


def card_id(card: Card) -> str:
    return encode_id(Prefix.CARD, card.id)


async def do(schema: Any, query: str, who: Actor, language: str = "en", **wish: Any) -> Any:
    data = await data_of(schema, query, who, language, input=wish)
    (found,) = data.values()
    return found


async def opened(who: Actor, order: Order, card: Card, **more: Any) -> Any:
    wish = {"orderId": order_id(order), "cardIds": [card_id(card)], "reason": "CODE_USED"}
    return await do(shop_schema, OPEN, who, **{**wish, "idempotencyKey": "open", **more})


async def decided(who: Actor, dispute_id: str, decision: str, **more: Any) -> Any:
    wish = {"disputeId": dispute_id, "decision": decision, "reason": "as we found"}
    return await do(admin_schema, DECIDE, who, **{**wish, "idempotencyKey": "decide", **more})


async def test_a_bad_card_from_the_complaint_to_the_money_of_its_supplier() -> None:
    who, order, line = await bought(2, stock=3, supplied=True)
    bad, _ = await cards_of(line)
    operator = await make.operator("aftersales:read", "aftersales:decide", "aftersales:claims")
    answer = await opened(who, order, bad, text="it says: used before")
    assert answer["userErrors"] == []
    (case,) = answer["disputes"]
    assert (case["state"], case["cardId"], case["decision"]) == ("OPEN", card_id(bad), "")
    (listed,) = (await data_of(admin_schema, LIST, operator, states=["OPEN"]))["disputes"]["nodes"]
    assert (listed["dispute"]["id"], listed["text"]) == (case["id"], "it says: used before")
    note = {"ticket": "T-7", "result": "INVALID", "answer": "redeemed on Monday"}
    checked = await do(admin_schema, CHECK, operator, disputeId=case["id"], **note)
    file = checked["dispute"]
    assert (file["dispute"]["state"], file["ticket"]) == ("CHECKING", "T-7")
    done = (await decided(operator, case["id"], "REPLACE"))["dispute"]
    assert done["dispute"]["state"] == "REPLACED"
    assert done["claim"]["amount"] == {"amount": "40.00"}
    assert [step["state"] for step in done["steps"]] == ["OPEN", "CHECKING", "REPLACED"]
    assert done["decidedBy"] == encode_id(Prefix.USER, operator.require_user())
    seen = (await data_of(shop_schema, LOOK, who, id=order_id(order)))["order"]
    good = done["dispute"]["replacementCardId"]
    assert seen["disputes"] == [
        {
            "cardId": card_id(bad),
            "state": "REPLACED",
            "decision": "as we found",
            "replacementCardId": good,
        }
    ]
    wish = {"orderId": order_id(order), "cardIds": [good]}
    (secret,) = (await do(shop_schema, REVEAL, who, **wish))["secrets"]  # by the path of all codes
    assert secret["secret"].startswith("CODE-")
    (claim,) = (await data_of(admin_schema, CLAIMS, operator))["supplierClaims"]["nodes"]
    wish = {"claimId": claim["id"], "outcome": "PAID", "note": "by bank", "idempotencyKey": "key"}
    paid = await do(admin_schema, SETTLE, operator, **wish)
    assert paid["claim"] == {"state": "PAID", "recovered": {"amount": "40.00"}, "note": "by bank"}
    assert await balance(AccountKind.SUPPLIER_CLAIM, await supplier_of(line)) == 0
    await all_is_well()


async def test_a_replacement_is_ordered_from_a_supplier_when_none_is_on_the_shelf() -> None:
    who, order, line = await bought(supplied=True)
    (bad,) = await cards_of(line)
    (case,) = (await opened(who, order, bad))["disputes"]
    operator = await make.operator("aftersales:read", "aftersales:decide", "aftersales:claims")
    short = await decided(operator, case["id"], "REPLACE")
    assert [each["code"] for each in short["userErrors"]] == ["REPLACEMENT_SHORT"]
    more = {"idempotencyKey": "order", "fromSupplier": True}
    asked = (await decided(operator, case["id"], "REPLACE", **more))["dispute"]
    assert asked["dispute"]["state"] == "OPEN"
    assert asked["reorder"] == {"state": "RUNNING", "failure": "", "endedAt": None}
    again = (await decided(operator, case["id"], "REPLACE", **more))["dispute"]
    assert again["reorder"] == asked["reorder"]
    other = await decided(operator, case["id"], "REFUND", idempotencyKey="other")
    assert [each["code"] for each in other["userErrors"]] == ["REPLACEMENT_ORDERED"]
    await SupplierOffer.filter(variant_id=line.variant_id).update(enabled=False)
    await aftersale.run_reorder((await aftersale.DisputeReorder.get()).id)
    (listed,) = (await data_of(admin_schema, LIST, operator, states=["OPEN"]))["disputes"]["nodes"]
    assert (listed["reorder"]["state"], listed["reorder"]["failure"]) == ("FAILED", "NO_SUPPLIER")
    await all_is_well()


async def test_a_rejected_case_is_appealed_and_decided_by_somebody_else() -> None:
    who, order, line = await bought()
    (card,) = await cards_of(line)
    one, other = [await make.operator("aftersales:decide") for _ in range(2)]
    (case,) = (await opened(who, order, card))["disputes"]
    rejected = (await decided(one, case["id"], "REJECT"))["dispute"]
    assert rejected["dispute"]["state"] == "REJECTED"
    wish = {"disputeId": case["id"], "text": "look again", "idempotencyKey": "appeal"}
    appealed = await do(shop_schema, APPEAL, who, **wish)
    assert appealed == {"dispute": {"state": "APPEALED"}, "userErrors": []}
    again = await decided(one, case["id"], "REJECT", idempotencyKey="again")
    assert [each["code"] for each in again["userErrors"]] == ["DISPUTE_SAME_JUDGE"]
    done = (await decided(other, case["id"], "REFUND"))["dispute"]
    assert (done["dispute"]["state"], done["appeal"]) == ("REFUNDED", "look again")
    assert done["dispute"]["refundId"] is not None
    assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000)
    await all_is_well()


async def test_a_guest_opens_a_case_and_appeals_by_what_only_the_buyer_has() -> None:
    _, order, line = await bought()
    (card,) = await cards_of(line)
    wish = {"number": order.number, "cardIds": [card_id(card)], "reason": "CODE_INVALID"}
    wish["idempotencyKey"] = "key"
    for token in (guest_token(new_id()), "kmg_1_x"):
        answer = await do(shop_schema, OPEN_BY_GUEST, ANONYMOUS, **wish, token=token)
        assert [each["code"] for each in answer["userErrors"]] == ["NOT_FOUND"]
    token = guest_token(order.id)
    answer = await do(shop_schema, OPEN_BY_GUEST, ANONYMOUS, **wish, token=token)
    (case,) = answer["disputes"]
    await decided(await make.operator("aftersales:decide"), case["id"], "REJECT")
    words = {"disputeId": case["id"], "text": "but", "idempotencyKey": "appeal"}
    _, foreign, _ = await bought()
    proof = {"number": foreign.number, "token": guest_token(foreign.id)}
    answer = await do(shop_schema, APPEAL_BY_GUEST, ANONYMOUS, **words, **proof)
    assert [each["code"] for each in answer["userErrors"]] == ["NOT_FOUND"]
    proof = {"number": order.number, "token": token}
    answer = await do(shop_schema, APPEAL_BY_GUEST, ANONYMOUS, **words, **proof)
    assert answer["dispute"] == {"state": "APPEALED"}
    await all_is_well()


async def test_what_is_refused_says_why_in_both_languages() -> None:
    who, order, line = await bought()
    (card,) = await cards_of(line)
    with make.later(days=8):
        for language, word in (("en", "was over at"), ("zh", "期限已于")):
            wish = {"orderId": order_id(order), "cardIds": [card_id(card)], "reason": "CODE_USED"}
            key = {"idempotencyKey": "open"}
            (error,) = (await do(shop_schema, OPEN, who, language, **wish, **key))["userErrors"]
            assert error["code"] == "DISPUTE_TOO_LATE"
            assert word in error["message"]
            assert error["endedAt"]
    (case,) = (await opened(who, order, card))["disputes"]
    operator = await make.operator("aftersales:decide")
    (error,) = (await decided(operator, case["id"], "REPLACE"))["userErrors"]
    assert error["code"] == "REPLACEMENT_SHORT"
    assert (await Card.get(id=card.id)).state is CardState.DISPUTED


async def test_only_who_may_sees_and_decides() -> None:
    who, order, line = await bought()
    (card,) = await cards_of(line)
    (case,) = (await opened(who, order, card, text="mine alone"))["disputes"]
    reader = await make.operator("aftersales:read", "orders:refund", "cards:write")
    decision = {"decision": "REJECT", "reason": "no", "idempotencyKey": "key"}
    settle = {"claimId": encode_id(Prefix.SUPPLIER_CLAIM, new_id()), "outcome": "PAID"}
    wishes = (
        (DECIDE, {"disputeId": case["id"], **decision}),
        (CHECK, {"disputeId": case["id"], "ticket": "T"}),
        (SETTLE, {**settle, "note": "x", "idempotencyKey": "key"}),
    )
    for actor in (reader, who):
        for query, wish in wishes:
            result = await ask(admin_schema, query, actor, input=wish)
            assert result.errors[0].extensions["code"] == "FORBIDDEN"
    for query in (LIST, CLAIMS):
        assert (await ask(admin_schema, query, who)).errors
    stranger = await make.buyer()
    answer = await opened(stranger, order, card)
    assert [each["code"] for each in answer["userErrors"]] == ["NOT_FOUND"]
    words = {"disputeId": case["id"], "text": "mine", "idempotencyKey": "key"}
    answer = await do(shop_schema, APPEAL, stranger, **words)
    assert [each["code"] for each in answer["userErrors"]] == ["NOT_FOUND"]
    # The buyer's schema knows neither the operator nor what the supplier answered.
    for hidden in ("decidedBy", "checkAnswer", "ticket", "text"):
        query = f"query Q($id: ID!) {{ order(id: $id) {{ disputes {{ {hidden} }} }} }}"
        assert (await ask(shop_schema, query, who, id=order_id(order))).errors


async def test_complaints_are_counted_by_whom_they_concern() -> None:
    who, order, line = await bought(4, stock=5, supplied=True)
    first, second, third, _ = await cards_of(line)
    await bought(2)  # of another product, and nobody complains
    operator = await make.operator("aftersales:read", "aftersales:decide")
    for number, card in enumerate((first, second, third)):
        (case,) = (await opened(who, order, card, idempotencyKey=f"o{number}"))["disputes"]
        decision = ("REPLACE", "REFUND", "REJECT")[number]
        more = {} if number == 2 else {"invalid": True}
        done = await decided(operator, case["id"], decision, idempotencyKey=f"d{number}", **more)
        assert done["userErrors"] == []
    assert await SupplierClaim.all().count() == 2
    async with connection() as conn:
        site = await conn.fetchval("SELECT site_id FROM orders WHERE id = $1", order.id)
        product = await conn.fetchval(
            "SELECT product_id FROM variants WHERE id = $1", line.variant_id
        )
    figures = {"disputed": 3, "invalid": 2, "delivered": 5}  # four, and one in another's place
    expected = {
        "PRODUCT": [{"subjectId": encode_id(Prefix.PRODUCT, product), **figures}],
        "SUPPLIER": [{"subjectId": encode_id(Prefix.SUPPLIER, await supplier_of(line)), **figures}],
        "SITE": [{"subjectId": encode_id(Prefix.SITE, site), **figures, "delivered": 7}],
        "AGENT": [],
    }
    period = {"since": "2020-01-01T00:00:00Z", "until": "2020-03-01T00:00:00Z"}
    empty = await data_of(admin_schema, RATES, operator, by="SITE", **period)
    assert empty["complaintRates"] == []
    since = order.placed_at.replace(microsecond=0).isoformat()
    until = (order.placed_at + timedelta(days=1)).isoformat()
    period = {"since": since, "until": until}
    for by, rows in expected.items():
        data = await data_of(admin_schema, RATES, operator, by=by, **period)
        found = data["complaintRates"]
        shown = [{name: row[name] for name in ("subjectId", *figures)} for row in found]
        assert [row for row in shown if row["disputed"]] == rows
    batches = await data_of(admin_schema, RATES, operator, by="BATCH", **period)
    (worst,) = batches["complaintRates"]  # nobody complained about the other one
    assert (worst["disputeRate"], worst["invalidRate"]) == (0.6, 0.4)
    long = {"since": "2020-01-01T00:00:00Z", "until": "2021-01-01T00:00:00Z"}
    result = await ask(admin_schema, RATES, operator, by="SITE", **long)
    assert result.errors


OPEN_LINES = """mutation Open($input: OrderDisputeOpenInput!) { orderDisputeOpen(input: $input) {
  disputes { id lineId cardId quantity state } userErrors { code message field } } }"""
SEEN = """query Look($id: ID!) { order(id: $id) { disputes { state handedOver } } }"""


async def test_what_was_handed_over_badly_is_handed_over_again() -> None:
    who, order, line = await by_hand(2)
    line_id = encode_id(Prefix.ORDER_LINE, line.id)
    wish = {"orderId": order_id(order), "reason": "NOT_ARRIVED", "idempotencyKey": "key"}
    for language, word in (("en", "Name 1 piece"), ("zh", "数量至少为 1")):
        many = {**wish, "lines": [{"lineId": line_id, "quantity": 3}]}
        (error,) = (await do(shop_schema, OPEN_LINES, who, language, **many))["userErrors"]
        assert error["message"].startswith(word)
    lines = [{"lineId": line_id, "quantity": 1}]
    (case,) = (await do(shop_schema, OPEN_LINES, who, **wish, lines=lines))["disputes"]
    assert (case["lineId"], case["cardId"], case["quantity"]) == (line_id, None, 1)
    operator = await make.operator("aftersales:decide")
    note = {"note": "log in with 5678", "cost": {"amount": "12.5", "currency": "CNY"}}
    refused = await decided(operator, case["id"], "REPLACE", **note)
    assert [each["code"] for each in refused["userErrors"]] == ["NOT_SURELY_UNDELIVERED"]
    done = await decided(operator, case["id"], "REPLACE", **note, invalid=True)
    assert done["userErrors"] == []
    seen = await data_of(shop_schema, SEEN, who, id=order_id(order))
    assert seen["order"]["disputes"] == [{"state": "REPLACED", "handedOver": "log in with 5678"}]
    assert await balance(AccountKind.LOSS) == -make.yuan("12.5")
    await all_is_well()
