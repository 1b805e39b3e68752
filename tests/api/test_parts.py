"""What a buyer and an operator see of a line whose goods come in part."""

from decimal import Decimal

import pytest

from domain import fulfilment, orders
from domain.kernel import Prefix, encode_id
from domain.suppliers import Category, Rejected, Uncertain
from schema.admin import schema as admin_schema
from schema.shop import schema as shop_schema
from tests import make
from tests.api.asking import data_of
from tests.domain.fulfilment.test_fulfilment import Scripted, goods, paid_line, port, query_now

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
ORDER = """
query Look($id: ID!) { order(id: $id) { status lines { quantity status deliveredQuantity
    readyQuantity failureCode refundedTotal { amount } cards { id } } } }
"""
POLICY = """
mutation Save($input: RoutingPolicySaveInput!) {
  routingPolicySave(input: $input) { policy { kind parts } userErrors { code } }
}
"""


async def test_a_buyer_sees_what_is_ready_and_then_what_came(port: Scripted) -> None:
    buyer, line_id = await paid_line(["first", "second"], quantity=3)
    port.submits = {"first": [goods(2)], "second": [Uncertain()]}
    port.queries = {"second": [Rejected(Category.OUT_OF_STOCK)]}
    await fulfilment.fulfil_line(line_id)
    line = await orders.OrderLine.get(id=line_id)
    wanted = {"id": encode_id(Prefix.ORDER, line.order_id)}  # type: ignore[attr-defined]
    order = (await data_of(shop_schema, ORDER, buyer, **wanted))["order"]
    (shown,) = order["lines"]
    assert (order["status"], shown["status"]) == ("DELIVERING", "DELIVERING")
    assert (shown["deliveredQuantity"], shown["readyQuantity"], shown["cards"]) == (0, 2, [])
    await query_now(line_id)
    order = (await data_of(shop_schema, ORDER, buyer, **wanted))["order"]
    (shown,) = order["lines"]
    assert (order["status"], shown["status"]) == ("PARTIALLY_DELIVERED", "DELIVERED")
    assert (shown["deliveredQuantity"], shown["readyQuantity"]) == (2, 0)
    assert shown["failureCode"] == "PARTLY_DELIVERED"
    assert Decimal(shown["refundedTotal"]["amount"]) == 100
    assert len(shown["cards"]) == 2


async def test_an_operator_says_where_a_part_is_no_use() -> None:
    wish = {"input": {"kind": "PRIORITY", "parts": False}}
    operator = await make.operator("suppliers:write")
    saved = (await data_of(admin_schema, POLICY, operator, **wish))["routingPolicySave"]
    assert saved == {"policy": {"kind": "PRIORITY", "parts": False}, "userErrors": []}
