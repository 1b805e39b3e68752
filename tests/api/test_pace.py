"""How long buyers wait for what they have paid: a figure with a target (mission row C6)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain import checkout, fulfilment, orders
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.kernel import clock
from domain.orders import OrderLine
from domain.suppliers import Uncertain
from schema.admin import schema
from server import metrics
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.fulfilment.test_fulfilment import Scripted, goods, paid_line, port

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
TIMES = """query Times($since: DateTime!, $until: DateTime!) {
  deliveryTimes(since: $since, until: $until) {
    kind delivered waiting overdue inTime p50 p95 p99 shareInTime targetSeconds } }"""


async def told(since: datetime | None = None) -> list[dict[str, Any]]:
    since = since or clock.now() - timedelta(hours=1)
    until = clock.now() + timedelta(seconds=1)
    operator = await make.operator("orders:read")
    asked = {"since": since.isoformat(), "until": until.isoformat()}
    found: list[dict[str, Any]] = (await data_of(schema, TIMES, operator, **asked))["deliveryTimes"]
    return found


async def buy(sku: str, key: str) -> OrderLine:
    placed = await checkout.place_order(await make.buyer(), Purchase((LineWish(sku, 1),), key))
    return placed.lines[0]


async def test_what_is_in_stock_is_there_with_the_payment() -> None:
    variant = await make.variant(cards=3)
    for number in range(3):
        await buy(variant.sku, f"key {number}")
    (shown,) = await told()
    assert (shown["kind"], shown["delivered"], shown["waiting"]) == ("CARD_CODE", 3, 0)
    assert [shown[name] for name in ("p50", "p95", "p99")] == [0, 0, 0]
    figures = shown["overdue"], shown["inTime"], shown["shareInTime"], shown["targetSeconds"]
    assert figures == (0, 3, 1, 30)


async def test_a_slow_delivery_and_one_that_never_comes_lower_the_share() -> None:
    """Twenty lines are delivered a second after each other, and one waits above the target."""
    variant, slow = (
        await make.variant(cards=20),
        await make.variant(delivery_kind=DeliveryKind.MANUAL),
    )
    for number in range(20):
        line = await buy(variant.sku, f"key {number}")
        paid_at = (await orders.Order.get(id=line.order_id)).paid_at
        assert paid_at is not None
        later = paid_at + timedelta(seconds=20 + number)
        await OrderLine.filter(id=line.id).update(delivered_at=later)
    await buy(slow.sku, "slow")
    with make.later(seconds=45):
        shown = {each["kind"]: each for each in await told()}
    cards = shown["CARD_CODE"]
    assert (cards["delivered"], cards["inTime"], cards["shareInTime"]) == (20, 11, 0.55)
    assert [round(cards[name]) for name in ("p50", "p95", "p99")] == [29, 38, 39]
    manual = shown["MANUAL"]
    assert (manual["delivered"], manual["waiting"], manual["overdue"]) == (0, 1, 1)
    assert (manual["p95"], manual["shareInTime"]) == (None, 0)


async def test_what_a_supplier_brings_takes_as_long_as_it_took(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    port.submits, port.queries = {"first": [Uncertain()]}, {"first": [goods()]}
    await fulfilment.fulfil_line(line_id)
    assert (await told())[0]["waiting"] == 1
    with make.later(seconds=60):
        (attempt,) = await fulfilment.attempts_of([line_id])
        await fulfilment.query_attempt(attempt.id)
        (shown,) = await told()
    assert (shown["delivered"], shown["inTime"], round(shown["p95"])) == (1, 0, 60)


async def test_the_figures_of_the_last_hour_are_at_the_metrics() -> None:
    variant = await make.variant(cards=2)
    await buy(variant.sku, "key")
    text = (await metrics.render()).decode()
    assert 'kameng_delivery_seconds{kind="card_code",quantile="0.95"} 0.0' in text
    assert 'kameng_delivery_in_time{kind="card_code"} 1.0' in text
    with make.later(hours=2):
        assert "kameng_delivery_seconds{" not in (await metrics.render()).decode()


async def test_who_may_not_see_orders_or_asks_for_too_much_is_refused() -> None:
    now = clock.now()
    asked = {"since": (now - timedelta(days=40)).isoformat(), "until": now.isoformat()}
    denied = await ask(schema, TIMES, await make.operator("products:read"), **asked)
    assert [error.extensions["code"] for error in denied.errors] == ["FORBIDDEN"]
    refused = await ask(schema, TIMES, await make.operator("orders:read"), **asked)
    assert [error.extensions["code"] for error in refused.errors] == ["INVALID"]


def test_a_share_is_of_what_should_have_been_there() -> None:
    nothing = orders.DeliveryTimes(DeliveryKind.LINK, 0, 3, 0, 0, None, None, None)
    assert nothing.share_in_time is None
