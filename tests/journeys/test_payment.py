"""Orders paid on the sandbox gateway's page, over HTTP (rows F1, F2, C5)."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from server.seeding import SKU_OF_THE_PURCHASE
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("demo")
PLACE = """
mutation Place($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { id status expiresAt paidAt } userErrors { code message } } }
"""
METHODS = "{ paymentMethods { id code name ways } }"
START = """
mutation Start($input: PaymentStartInput!) { paymentStart(input: $input) {
  payment { id status amount { amount } } replayed
  action { __typename ... on RedirectAction { url } } userErrors { code message } } }
"""
ORDER = """
query Order($id: ID!) { order(id: $id) { status paidAt nextPollAfterMs cards { id masked } } }
"""  # asked at the back office's door while waiting: the shop's counts look-ups
CANCEL = """
mutation Cancel($input: OrderCancelInput!) { orderCancel(input: $input) {
  order { status } userErrors { code } } }
"""
CALLBACKS = "{ paymentCallbacks(first: 20) { nodes { outcome why reference } } }"
SUSPENDED = "{ suspendedPayments(first: 5) { nodes { id status why paidAmount { amount } } } }"
GIVE_BACK = """
mutation Back($input: PaymentRefundInput!) { paymentRefund(input: $input) {
  refund { id status } userErrors { code } } }
"""
RECORDS = """
query Records($id: ID!) { orderPayments(orderId: $id) {
  id status reference providerId why refunds { status } } }
"""


def placed(buyer: Client, sku: str = SKU_OF_THE_PURCHASE) -> dict[str, Any]:
    line = {"sku": sku, "quantity": 1}
    wish = {"idempotencyKey": uuid4().hex, "payByChannel": True, "lines": [line]}
    answer = buyer.data(PLACE, input=wish)["orderCreate"]
    assert answer["userErrors"] == []
    order: dict[str, Any] = answer["order"]
    assert (order["status"], order["paidAt"]) == ("PENDING_PAYMENT", None)
    return order


def page_of(buyer: Client, order: dict[str, Any]) -> str:
    """The payment page of an order."""
    (method,) = [
        each for each in buyer.data(METHODS)["paymentMethods"] if each["code"] == "sandbox"
    ]
    wish = {"orderId": order["id"], "methodId": method["id"], "idempotencyKey": uuid4().hex}
    answer = buyer.data(START, input=wish)["paymentStart"]
    assert answer["userErrors"] == []
    assert answer["action"]["__typename"] == "RedirectAction"
    url: str = answer["action"]["url"]
    return url


def do(page: str, deed: str) -> int:
    """What a buyer does on the page."""
    return httpx.post(page, data={"deed": deed}, follow_redirects=False).status_code


def until(ready: Callable[[], bool], what: str, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited for {what} in vain"
        time.sleep(0.2)


def status(operator: Client, order: dict[str, Any]) -> str:
    return str(operator.data(ORDER, id=order["id"])["order"]["status"])


def wait_for(operator: Client, order: dict[str, Any], wanted: str) -> None:
    until(lambda: status(operator, order) == wanted, wanted)


@pytest.mark.parametrize(
    "deed", ["pay", "twice", "delay", "lost", "wrong_amount", "wrong_signature"]
)
def test_whatever_happens_to_the_callback_a_paid_order_is_delivered_once(
    buyer: Client, operator: Client, deed: str
) -> None:
    order = placed(buyer)
    assert do(page_of(buyer, order), deed) == 303
    wait_for(operator, order, "DELIVERED")
    shown = buyer.data(ORDER, id=order["id"])["order"]
    assert len(shown["cards"]) == 1
    assert shown["nextPollAfterMs"] is None


def test_a_callback_of_what_nobody_paid_changes_nothing(buyer: Client, operator: Client) -> None:
    order = placed(buyer)
    page = page_of(buyer, order)
    do(page, "forged")
    until(
        lambda: any(
            each["why"] == "not_paid_there"
            for each in operator.data(CALLBACKS)["paymentCallbacks"]["nodes"]
        ),
        "the refusal",
    )
    assert status(operator, order) == "PENDING_PAYMENT"
    do(page, "pay")
    wait_for(operator, order, "DELIVERED")


def test_money_that_no_order_needs_goes_back_by_one_click(buyer: Client, operator: Client) -> None:
    order = placed(buyer)
    first, second = page_of(buyer, order), page_of(buyer, order)
    do(second, "lost")
    do(first, "pay")
    wait_for(operator, order, "DELIVERED")

    def suspended() -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = operator.data(RECORDS, id=order["id"])["orderPayments"]
        return [each for each in records if each["status"] == "SUSPENDED"]

    until(lambda: len(suspended()) == 1, "the suspended payment")
    (record,) = suspended()
    assert record["why"] == "second_payment"
    listed = operator.data(SUSPENDED)["suspendedPayments"]["nodes"]
    assert record["id"] in [each["id"] for each in listed]
    answer = operator.data(GIVE_BACK, input={"paymentId": record["id"]})["paymentRefund"]
    assert answer["userErrors"] == []
    until(lambda: suspended()[0]["refunds"][0]["status"] == "COMPLETED", "the refund")
    again = operator.data(GIVE_BACK, input={"paymentId": record["id"]})["paymentRefund"]
    assert [each["code"] for each in again["userErrors"]] == ["PAYMENT_NOT_REFUNDABLE"]


def test_who_pays_what_was_cancelled_is_served_all_the_same(
    buyer: Client, operator: Client
) -> None:
    order = placed(buyer)
    page = page_of(buyer, order)
    answer = buyer.data(CANCEL, input={"orderId": order["id"]})["orderCancel"]
    assert answer["order"]["status"] == "CANCELLED"
    assert do(page, "late") == 303
    wait_for(operator, order, "DELIVERED")


def test_half_of_the_price_buys_nothing(buyer: Client, operator: Client) -> None:
    order = placed(buyer)
    do(page_of(buyer, order), "less")

    def stands() -> bool:
        (record,) = operator.data(RECORDS, id=order["id"])["orderPayments"]
        return (record["status"], record["why"]) == ("SUSPENDED", "amount")

    until(stands, "suspense")
    assert status(operator, order) == "PENDING_PAYMENT"
