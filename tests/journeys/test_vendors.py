"""Orders paid through WeChat Pay and Alipay, as the simulator plays them, over the shop's own HTTP
(rows F1, F2): placed, begun in each way, paid on the vendor's page, told by a signed callback."""

from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from tests.journeys.test_payment import (
    CALLBACKS,
    GIVE_BACK,
    ORDER,
    RECORDS,
    placed,
    status,
    until,
    wait_for,
)
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("demo")
METHODS = "{ paymentMethods { id code ways } }"
START = """
mutation Start($input: PaymentStartInput!) { paymentStart(input: $input) {
  payment { id status }
  action { __typename ... on RedirectAction { url } ... on QrCodeAction { content }
    ... on EmbeddedAction { parameters { name value } } }
  userErrors { code message } } }
"""
CHANNELS = "{ paymentChannels { code callbackUrl } }"
BACK = "http://127.0.0.1:8000/#/orders/1"
SOLD_OUT_UPSTREAM = "NETFLIX-USD-25"
WECHAT, ALIPAY, STRIPE = "wechat-simulated", "alipay-simulated", "stripe-simulated"


class Vendor:
    """One vendor of the demo's simulator."""

    def __init__(self, demo: dict[str, Any], code: str) -> None:
        self.simulator: str = demo["simulator"]
        self.code = code
        self.name = code.removesuffix("-simulated")
        self.way = "PAGE" if code == STRIPE else "QR"

    def trades(self) -> dict[str, dict[str, Any]]:
        found = httpx.get(f"{self.simulator}/control/vendors/payments").json()
        return {each["reference"]: each for each in found[self.name]}

    def do(self, reference: str, deed: str) -> int:
        """What the buyer does on the payment's page."""
        return do(f"{self.simulator}/vendors/{self.name}/pay/{reference}", deed)

    def tell(self, reference: str, **more: str) -> None:
        """Send a callback."""
        wish = {"vendor": self.name, "reference": reference, **more}
        answer = httpx.post(f"{self.simulator}/control/vendors/notices", json=wish)
        assert answer.status_code == 200, answer.text


@pytest.fixture(params=[WECHAT, ALIPAY, STRIPE])
def vendor(request: pytest.FixtureRequest, demo: dict[str, Any]) -> Vendor:
    return Vendor(demo, request.param)


def do(page: str, deed: str) -> int:
    return httpx.post(page, data={"deed": deed}, follow_redirects=False).status_code


def begun(buyer: Client, order: dict[str, Any], code: str, way: str, **more: str) -> dict[str, Any]:
    """The action of a payment that was begun."""
    (method,) = [each for each in buyer.data(METHODS)["paymentMethods"] if each["code"] == code]
    assert way in method["ways"]
    wish = {"orderId": order["id"], "methodId": method["id"], "way": way, **more}
    answer = buyer.data(START, input={**wish, "idempotencyKey": uuid4().hex})["paymentStart"]
    assert answer["userErrors"] == []
    action: dict[str, Any] = answer["action"]
    return action


def records(operator: Client, order: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = operator.data(RECORDS, id=order["id"])["orderPayments"]
    return found


def reference_of(operator: Client, order: dict[str, Any]) -> str:
    return str(records(operator, order)[0]["reference"])


def refusals(operator: Client, reference: str) -> list[str]:
    """Why callbacks about a payment were not believed."""
    nodes = operator.data(CALLBACKS)["paymentCallbacks"]["nodes"]
    return [
        each["why"]
        for each in nodes
        if each["reference"] == reference and each["outcome"] == "REFUSED"
    ]


def waiting(buyer: Client, operator: Client, vendor: Vendor) -> tuple[dict[str, Any], str]:
    """An order whose payment has begun, and our reference of it."""
    order = placed(buyer)
    begun(buyer, order, vendor.code, vendor.way, returnUrl=BACK)
    reference = reference_of(operator, order)
    httpx.get(f"{vendor.simulator}/vendors/{vendor.name}/pay/{reference}")  # scanned
    return order, reference


# --- paid in each way ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", [WECHAT, ALIPAY])
def test_a_scanned_code_pays_an_order(buyer: Client, operator: Client, code: str) -> None:
    order = placed(buyer)
    action = begun(buyer, order, code, "QR")
    assert action["__typename"] == "QrCodeAction"
    page = httpx.get(action["content"])
    assert page.status_code == 200
    assert 'data-state="pending"' in page.text
    assert do(action["content"], "pay") == 303
    wait_for(operator, order, "DELIVERED")
    assert len(buyer.data(ORDER, id=order["id"])["order"]["cards"]) == 1


def test_a_buyer_is_sent_to_alipay_and_back(buyer: Client, operator: Client) -> None:
    order = placed(buyer)
    back = "http://127.0.0.1:8000/#/orders/1"
    action = begun(buyer, order, ALIPAY, "PAGE", returnUrl=back)
    assert action["__typename"] == "RedirectAction"
    sent = httpx.get(action["url"], follow_redirects=False)
    assert sent.status_code == 302
    page = sent.headers["location"]
    paid = httpx.post(page, data={"deed": "pay"}, follow_redirects=False)
    assert (paid.status_code, paid.headers["location"]) == (303, back)
    wait_for(operator, order, "DELIVERED")
    touched = action["url"].replace("sign=", "sign=A")
    assert httpx.get(touched, follow_redirects=False).status_code == 200  # an error page


def test_a_buyer_is_sent_to_stripe_and_back(buyer: Client, operator: Client) -> None:
    order = placed(buyer)
    action = begun(buyer, order, STRIPE, "PAGE", returnUrl=BACK)
    paid = httpx.post(action["url"], data={"deed": "pay"}, follow_redirects=False)
    assert (paid.status_code, paid.headers["location"]) == (303, BACK)
    wait_for(operator, order, "DELIVERED")


def test_a_page_of_a_phone_pays_at_wechat(buyer: Client, operator: Client) -> None:
    order = placed(buyer)
    action = begun(buyer, order, WECHAT, "MOBILE_PAGE")
    assert do(action["url"], "pay") == 303
    wait_for(operator, order, "DELIVERED")


@pytest.mark.parametrize(
    ("code", "payer", "name"),
    [(WECHAT, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "paySign"), (ALIPAY, "2088102146225135", "tradeNO")],
)
def test_parameters_for_a_mini_program_pay_an_order(
    demo: dict[str, Any], buyer: Client, operator: Client, code: str, payer: str, name: str
) -> None:
    order = placed(buyer)
    action = begun(buyer, order, code, "IN_APP", payer=payer)
    assert action["__typename"] == "EmbeddedAction"
    assert {each["name"]: each["value"] for each in action["parameters"]}[name]
    assert Vendor(demo, code).do(reference_of(operator, order), "pay") == 303
    wait_for(operator, order, "DELIVERED")


# --- callbacks that are lost, repeated or untrue -------------------------------------------------


@pytest.mark.parametrize("deed", ["twice", "lost", "wrong_amount", "wrong_signature"])
def test_whatever_happens_to_the_callback_a_paid_order_is_delivered_once(
    buyer: Client, operator: Client, vendor: Vendor, deed: str
) -> None:
    order, reference = waiting(buyer, operator, vendor)
    assert vendor.do(reference, deed) == 303
    wait_for(operator, order, "DELIVERED")
    assert len(buyer.data(ORDER, id=order["id"])["order"]["cards"]) == 1
    if deed == "wrong_amount":
        until(lambda: "amount" in refusals(operator, reference), "the refusal")


def test_untrue_callbacks_deliver_nothing(buyer: Client, operator: Client, vendor: Vendor) -> None:
    order, reference = waiting(buyer, operator, vendor)
    vendor.do(reference, "forged")
    until(lambda: "not_paid_there" in refusals(operator, reference), "the refusal")
    before = len(operator.data(CALLBACKS)["paymentCallbacks"]["nodes"])
    vendor.tell(reference, fault="wrong_signature")
    until(
        lambda: operator.data(CALLBACKS)["paymentCallbacks"]["nodes"][0]["why"] == "signature",
        f"the refusal of the forged one after {before}",
    )
    assert status(operator, order) == "PENDING_PAYMENT"
    assert vendor.trades()[reference]["state"] == "open"


def test_the_payment_of_one_order_delivers_no_other(
    buyer: Client, operator: Client, vendor: Vendor
) -> None:
    (paid, money), (other, claimed) = (waiting(buyer, operator, vendor) for _ in range(2))
    assert vendor.do(money, "lost") == 303
    vendor.tell(money, told_of=claimed)  # signed and encrypted, and of another order
    until(lambda: "not_paid_there" in refusals(operator, claimed), "the first refusal")
    wait_for(operator, paid, "DELIVERED")
    vendor.tell(money, told_of=claimed)
    until(lambda: "provider_id_of_another" in refusals(operator, claimed), "the second refusal")
    assert status(operator, other) == "PENDING_PAYMENT"


def test_a_callback_at_another_channels_address_is_refused(
    buyer: Client, operator: Client, vendor: Vendor
) -> None:
    order, reference = waiting(buyer, operator, vendor)
    channels = operator.data(CHANNELS)["paymentChannels"]
    (other,) = [
        each["callbackUrl"]
        for each in channels
        if each["code"] == (ALIPAY if vendor.code == WECHAT else WECHAT)
    ]
    assert vendor.do(reference, "lost") == 303
    vendor.tell(reference, url=other)
    until(
        lambda: (
            {"signature", "unreadable"}
            & {
                each["why"]
                for each in operator.data(CALLBACKS)["paymentCallbacks"]["nodes"]
                if each["outcome"] == "REFUSED"
            }
            != set()
        ),
        "the refusal",
    )
    wait_for(operator, order, "DELIVERED")  # by asking


# --- money back ---------------------------------------------------------------------------------


def test_money_goes_back_through_the_vendor(
    buyer: Client, operator: Client, vendor: Vendor
) -> None:
    order, first = waiting(buyer, operator, vendor)
    begun(buyer, order, vendor.code, vendor.way, returnUrl=BACK)
    references = [each["reference"] for each in records(operator, order)]
    assert len(references) == 2
    assert first in references
    for reference in references:
        httpx.get(f"{vendor.simulator}/vendors/{vendor.name}/pay/{reference}")
        assert vendor.do(reference, "pay") == 303
    wait_for(operator, order, "DELIVERED")

    def suspended() -> list[dict[str, Any]]:
        return [each for each in records(operator, order) if each["status"] == "SUSPENDED"]

    until(lambda: len(suspended()) == 1, "the suspended payment")
    (record,) = suspended()
    answer = operator.data(GIVE_BACK, input={"paymentId": record["id"]})["paymentRefund"]
    assert answer["userErrors"] == []
    until(lambda: suspended()[0]["refunds"][0]["status"] == "COMPLETED", "the refund")
    trade = vendor.trades()[record["reference"]]
    assert list(trade["refunds"].values()) == [trade["fen"]]
    until(
        lambda: any(
            (each["reference"], each["outcome"], each["why"])
            == (record["reference"], "NOTED", "refunded")
            for each in operator.data(CALLBACKS)["paymentCallbacks"]["nodes"]
        ),
        "the callback about the refund",
    )


def test_what_nobody_can_deliver_goes_back_through_the_vendor(
    buyer: Client, operator: Client, vendor: Vendor
) -> None:
    for supplier in ("beta", "gamma"):  # alpha never has it
        fault = {"supplier": supplier, "item": "netflix-usd-25", "fault": "stock_out"}
        answer = httpx.post(f"{vendor.simulator}/control/faults", json=fault)
        assert answer.status_code == 200, answer.text
    order = placed(buyer, sku=SOLD_OUT_UPSTREAM)
    begun(buyer, order, vendor.code, vendor.way, returnUrl=BACK)
    reference = reference_of(operator, order)
    httpx.get(f"{vendor.simulator}/vendors/{vendor.name}/pay/{reference}")
    assert vendor.do(reference, "pay") == 303
    wait_for(operator, order, "REFUNDED")
    until(
        lambda: (
            [each["status"] for each in records(operator, order)[0]["refunds"]] == ["COMPLETED"]
        ),
        "the refund",
    )
    trade = vendor.trades()[reference]
    assert sum(trade["refunds"].values()) == trade["fen"]
