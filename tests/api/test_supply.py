"""Incidents and uncertain purchases over the API of the back office."""

from dataclasses import replace
from typing import Any

import pytest

from domain import fulfilment, routing
from domain.fulfilment import SupplierCallback, SupplierCallbackOutcome
from domain.identity.models import User
from domain.kernel import Prefix, clock, encode_id
from domain.orders.models import Order, OrderLine
from schema.admin import schema as admin_schema
from tests import make
from tests.api.asking import data_of
from tests.domain.fulfilment.test_fulfilment import Scripted, port
from tests.domain.fulfilment.test_incidents import late_goods
from tests.domain.fulfilment.test_uncertain import uncertain_line

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
INCIDENTS = """
{ supplyIncidents { nodes { id kind ends attempt { id status supplierCode parked cost { amount } }
    lineId supplierId orderId orderNumber resolution amount { amount } note resolvedBy
    openedAt resolvedAt } } }
"""
STEPS = """
{ supplyIncidents(resolved: true) { nodes { steps {
    at what attempt supplier word by message } } } }
"""
RESOLVE = """
mutation End($input: SupplyIncidentResolveInput!) {
  supplyIncidentResolve(input: $input) {
    incident { kind resolution amount { amount currency } note resolvedBy }
    userErrors { code message field }
  }
}
"""
WAITING = """
{ uncertainAttempts { nodes { attempt { id status } orderId orderNumber sku ageSeconds
    verdict { id state reason alone askedBy } } } }
"""
GIVE_UP = """
mutation Up($input: AttemptGiveUpInput!) {
  attemptGiveUp(input: $input) { verdict { id state alone } userErrors { code message } }
}
"""
DELIVER = """
mutation Give($input: AttemptDeliverInput!) {
  attemptDeliver(input: $input) { attempt { status cost { amount } } userErrors { code field } }
}
"""
HEALTH = """
{ suppliers { code health { score success latencyMs invalidRate refundHours demotedAt demotion
    balance { amount } balanceAt balanceLow lowLine { amount } spentInAWeek { amount } coverHours }
} }
"""
READINGS = """
query Read($id: ID!) { supplierReadings(supplierId: $id) {
  nodes { at reach tookMs balance { amount } score } } }
"""
LINE = """
mutation Line($input: SupplierLowBalanceSetInput!) {
  supplierLowBalanceSet(input: $input) { supplier { code health { lowLine { amount } } }
    userErrors { code field } }
}
"""
CALLBACKS = """
{ supplierCallbacks { nodes { id supplierId attemptId receivedAt reference outcome why } } }
"""


async def admin(document: str, **variables: Any) -> dict[str, Any]:
    return await data_of(admin_schema, document, make.OPERATOR, **variables)


async def test_an_incident_is_seen_and_ended(port: Scripted) -> None:
    attempt, incident = await late_goods(port)
    (shown,) = (await admin(INCIDENTS))["supplyIncidents"]["nodes"]
    assert shown["id"] == encode_id(Prefix.SUPPLY_INCIDENT, incident.id)
    assert (shown["kind"], shown["resolution"]) == ("CAME_LATE", None)
    assert shown["attempt"]["id"] == encode_id(Prefix.ATTEMPT, attempt.id)
    assert shown["attempt"]["supplierCode"] == "s-first"
    assert shown["ends"] == ["KEPT_AS_STOCK", "REFUNDED_UPSTREAM", "CLOSED"]  # the buyer has goods
    order = await Order.get(id=(await OrderLine.get(id=incident.line_id)).order_id)
    assert shown["orderId"] == encode_id(Prefix.ORDER, order.id)
    assert shown["orderNumber"] == order.number
    wish = {"id": shown["id"], "resolution": "CLOSED"}
    refused = (await admin(RESOLVE, input=wish))["supplyIncidentResolve"]["userErrors"]
    assert [(each["code"], each["field"]) for each in refused] == [("INVALID", ["note"])]
    wish = {"id": shown["id"], "resolution": "REFUNDED_UPSTREAM"}
    ended = (await admin(RESOLVE, input=wish))["supplyIncidentResolve"]
    assert ended["userErrors"] == []
    assert ended["incident"]["amount"] == {"amount": "80.00", "currency": "CNY"}
    assert (await admin(INCIDENTS))["supplyIncidents"]["nodes"] == []


async def test_what_happened_is_told_in_order_and_in_both_languages(port: Scripted) -> None:
    """From the first question to the word of an operator, of every attempt for the line."""
    attempt, incident = await late_goods(port)
    person = await make.buyer()
    login = (await User.get(id=person.require_user())).login
    actor = replace(make.OPERATOR, user_id=person.user_id)
    await SupplierCallback.create(
        supplier_id=attempt.supplier_id,
        attempt_id=attempt.id,
        received_at=clock.now(),
        judged_at=clock.now(),
        raw_sealed=b"-",
        digest=b"-",
        outcome=SupplierCallbackOutcome.DOUBTED,
    )
    wish = {"resolution": "KEPT_AS_STOCK", "note": "asked by phone"}
    incident_id = encode_id(Prefix.SUPPLY_INCIDENT, incident.id)
    await data_of(admin_schema, RESOLVE, actor, input={"id": incident_id, **wish})
    (shown,) = (await admin(STEPS))["supplyIncidents"]["nodes"]
    steps = shown["steps"]
    assert [each["at"] for each in steps] == sorted(each["at"] for each in steps)
    assert [(each["what"], each["attempt"], each["word"]) for each in steps] == [
        ("ASKED", 1, ""),
        ("UNCERTAIN", 1, "unknown"),
        ("STOCKED", 1, ""),
        ("INCIDENT", 1, "came_late"),
        ("CALLED_BACK", 1, "doubted"),
        ("RESOLVED", 1, "kept_as_stock"),
        ("ASKED", 2, ""),  # of ten minutes later, as this test has its clock
        ("BROUGHT", 2, ""),
        ("LINE_DELIVERED", None, ""),
    ]
    assert steps[0]["message"] == "s-first was asked for 1 of first (attempt 1)."
    ended = f"{login} ended that: the goods stay in stock. Noted: asked by phone"
    assert (steps[5]["by"], steps[5]["message"]) == (login, ended)
    (shown,) = (await data_of(admin_schema, STEPS, actor, "zh"))["supplyIncidents"]["nodes"]
    said = "s-second 交来货品，成本 ¥80.00。"
    assert shown["steps"][7]["message"] == said
    assert "GOODS-" not in str(shown)


async def test_an_uncertain_purchase_is_seen_and_ended(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    attempt_id = encode_id(Prefix.ATTEMPT, attempt.id)
    with make.later(minutes=16):
        (shown,) = (await admin(WAITING))["uncertainAttempts"]["nodes"]
    assert shown["attempt"] == {"id": attempt_id, "status": "UNCERTAIN"}
    assert shown["verdict"] is None
    price = {"amount": "80", "currency": "CNY"}
    wish = {"attemptId": attempt_id, "cost": price, "codes": [{"secret": "FOUND-1"}]}
    done = (await admin(DELIVER, input=wish))["attemptDeliver"]
    assert done == {
        "attempt": {"status": "SUCCEEDED", "cost": {"amount": "80.00"}},
        "userErrors": [],
    }
    said = (await admin(GIVE_UP, input={"attemptId": attempt_id, "reason": "x"}))["attemptGiveUp"]
    assert [each["code"] for each in said["userErrors"]] == ["ATTEMPT_CLOSED"]


async def test_callbacks_are_seen(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    await fulfilment.take_callback(attempt.supplier_id, {}, b"whatever")
    (shown,) = (await admin(CALLBACKS))["supplierCallbacks"]["nodes"]
    assert shown["supplierId"] == encode_id(Prefix.SUPPLIER, attempt.supplier_id)
    assert (shown["outcome"], shown["why"]) == ("REFUSED", "not_expected")
    assert (shown["attemptId"], shown["reference"]) == (None, None)


async def test_how_suppliers_do_is_seen(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    wish = {"supplierCode": "s-first", "lowBalance": {"amount": "500", "currency": "CNY"}}
    done = (await admin(LINE, input=wish))["supplierLowBalanceSet"]
    assert done["userErrors"] == []
    assert done["supplier"]["health"] == {"lowLine": {"amount": "500.00"}}
    await routing.poll_supplier(attempt.supplier_id)
    (shown,) = (await admin(HEALTH))["suppliers"]
    assert (shown["health"]["score"], shown["health"]["demotion"]) == (10_000, None)
    assert shown["health"]["balance"] is None
    supplier_id = encode_id(Prefix.SUPPLIER, attempt.supplier_id)
    (row,) = (await admin(READINGS, id=supplier_id))["supplierReadings"]["nodes"]
    assert (row["reach"], row["balance"]) == ("UNKNOWN", None)
    wish = {"supplierCode": "nobody"}
    refused = (await admin(LINE, input=wish))["supplierLowBalanceSet"]["userErrors"]
    assert refused == [{"code": "NOT_FOUND", "field": ["supplierCode"]}]
