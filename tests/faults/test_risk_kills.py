"""Processes die while an order is held or decided: order, money and case stand together."""

import httpx2 as httpx
import pytest

from domain import risk
from domain.checkout import LineWish, Purchase, place_order
from domain.kernel import Prefix, encode_id
from domain.orders import Order, OrderStatus
from domain.risk import Condition, RiskCase, RiskDecision, RiskKind, RuleDraft
from tests import make
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, number_of, run
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("kills")
BUY = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { status } replayed userErrors { code } } }
"""
DECIDE = """
mutation Decide($input: RiskCaseDecideInput!) { riskCaseDecide(input: $input) {
  riskCase { state } userErrors { code } } }
"""


async def hold_all() -> None:
    dear = Condition(RiskKind.AMOUNT, make.yuan(1))
    await risk.save_rule(make.OPERATOR, RuleDraft("all", (dear,), RiskDecision.REVIEW))


@pytest.mark.parametrize(
    ("point", "committed"), [("checkout.held_written", False), ("checkout.held", True)]
)
async def test_the_api_dies_while_it_holds_an_order(
    installation: Installation, point: str, committed: bool
) -> None:
    installation.start("serve", crash_at=point)
    variant, buyer = await make.variant(cards=1), await make.buyer()
    await hold_all()
    client = Client(f"{installation.origin}/graphql/shop", await make.token(buyer))
    wish = {"idempotencyKey": "key", "lines": [{"sku": variant.sku, "quantity": 1}]}
    with pytest.raises(httpx.TransportError):
        await run(client.send, BUY, input=wish)
    assert await number_of("risk_cases") == await number_of("orders") == int(committed)
    installation.kill("serve")
    installation.start("serve")
    payload = (await run(client.data, BUY, input=wish))["orderCreate"]
    assert (payload["userErrors"], payload["replayed"]) == ([], committed)
    assert payload["order"] == {"status": "RISK_REVIEW"}
    assert await number_of("risk_cases") == await number_of("orders") == 1
    await no_violations()


@pytest.mark.parametrize("decision", ["RELEASE", "REJECT"])
@pytest.mark.parametrize(
    ("point", "committed"), [("checkout.review_written", False), ("checkout.reviewed", True)]
)
async def test_the_api_dies_while_a_case_is_decided(
    installation: Installation, point: str, committed: bool, decision: str
) -> None:
    installation.start("serve", crash_at=point)
    variant, buyer = await make.variant(cards=1), await make.buyer()
    await hold_all()
    order = (await place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))).order
    case = await RiskCase.get(order_id=order.id)
    token = await make.token(await make.operator("risk:write"))
    client = Client(f"{installation.origin}/graphql/admin", token)
    case_id = encode_id(Prefix.RISK_CASE, case.id)
    wish = {"id": case_id, "decision": decision, "note": "looked at"}
    with pytest.raises(httpx.TransportError):
        await run(client.send, DECIDE, input=wish)
    held = (await Order.get(id=order.id)).status is OrderStatus.RISK_REVIEW
    assert held is not committed
    installation.kill("serve")
    installation.start("serve")
    payload = (await run(client.data, DECIDE, input=wish))["riskCaseDecide"]
    assert payload["userErrors"] == []
    ends = {"RELEASE": OrderStatus.DELIVERED, "REJECT": OrderStatus.REFUNDED}
    assert (await Order.get(id=order.id)).status is ends[decision]
    await no_violations()
