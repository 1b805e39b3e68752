"""kill -9 at each commit boundary: afterwards every paid order is delivered or refunded, once."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from adapters.sandbox.simulator import load_items
from domain.catalog import DeliveryKind
from domain.invariants import find_violations
from domain.kernel import connection
from tests import make
from tests.faults.conftest import Installation
from tests.journeys.test_demo import receiver
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("kills")
PROGRAMS = ("serve", "worker", "scheduler", "simulator")
CLOSED_SECONDS = 150


async def run(work: Any, *arguments: Any, **named: Any) -> Any:
    """A blocking client beside the test's own event loop."""
    return await asyncio.to_thread(work, *arguments, **named)


async def all_orders_closed() -> bool:
    async with connection() as conn:
        return not await conn.fetchval(
            "SELECT count(*) FROM orders WHERE status IN ('PAID', 'DELIVERING')"
        )


async def when_closed() -> None:
    for _ in range(CLOSED_SECONDS * 10):
        if await all_orders_closed():
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"orders are still open after {CLOSED_SECONDS} s")


async def no_violations() -> None:
    found = {each.name: each.violations for each in await find_violations() if each.violations}
    assert found == {}


async def number_of(table: str, condition: str = "true") -> int:
    async with connection() as conn:
        return int(await conn.fetchval(f"SELECT count(*) FROM {table} WHERE {condition}"))


@pytest.mark.parametrize("point", ["checkout.before_commit", "checkout.after_commit"])
async def test_the_api_dies_in_a_purchase(installation: Installation, point: str) -> None:
    variant = await make.variant(cards=3)
    client = Client(f"{installation.origin}/graphql/shop", await make.token(await make.buyer()))
    installation.start("serve", crash_at=point)
    key = uuid4().hex
    with pytest.raises(httpx.TransportError):
        await run(client.buy, variant.sku, key=key)
    committed = 1 if point == "checkout.after_commit" else 0
    assert await number_of("orders") == committed
    installation.kill("serve")
    installation.start("serve")
    payload = await run(client.buy, variant.sku, key=key)
    assert payload["order"]["status"] == "DELIVERED"
    assert payload["replayed"] is bool(committed)
    assert await number_of("orders") == 1
    assert await number_of("cards", "state = 'sold'") == 1
    await no_violations()


@pytest.mark.parametrize(
    ("program", "point"),
    [
        ("worker", "fulfilment.attempt_committed"),
        ("worker", "fulfilment.supplier_answered"),
        ("worker", "fulfilment.outcome_committed"),
        ("scheduler", "relay.sent"),
        ("scheduler", "relay.marked"),
    ],
)
async def test_a_job_dies_while_buying_upstream(
    installation: Installation, program: str, point: str
) -> None:
    variant = await make.variant(price=make.yuan(100))
    items = [
        await make.simulated_offer(variant, installation.simulator, make.yuan(80), code)
        for code in ("alpha", "beta")
    ]
    client = Client(f"{installation.origin}/graphql/shop", await make.token(await make.buyer()))
    for each in PROGRAMS:
        installation.start(each, crash_at=point if each == program else "")
    await load_items(installation.simulator, items)
    payload = await run(client.buy, variant.sku)
    assert payload["order"]["status"] == "PAID"
    await run(installation.wait_for_crash, program)
    installation.start(program)
    await when_closed()
    order = await run(client.order, payload["order"]["id"])
    assert order["status"] == "DELIVERED"
    assert len(await run(client.reveal, order["id"])) == 1
    # An attempt that died before its call is given up only when the supplier surely has nothing.
    assert await number_of("fulfilment_attempts", "status = 'succeeded'") == 1
    assert await run(bought_upstream, installation) == 1
    await no_violations()


@pytest.mark.parametrize(
    "point",
    [
        "fulfilment.attempt_committed",
        "fulfilment.supplier_answered",
        "fulfilment.outcome_committed",
    ],
)
async def test_a_job_dies_while_topping_up(installation: Installation, point: str) -> None:
    """What a supplier tops up twice nobody brings back: one order in its book, one receipt."""
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.DIRECT_TOPUP)
    items = [
        await make.simulated_offer(
            variant, installation.simulator, make.yuan(80), code, "mobile=account"
        )
        for code in ("alpha", "beta")
    ]
    client = Client(f"{installation.origin}/graphql/shop", await make.token(await make.buyer()))
    for each in PROGRAMS:
        installation.start(each, crash_at=point if each == "worker" else "")
    await load_items(installation.simulator, items)
    account = [{"key": "account", "value": "12340001"}]
    payload = await run(client.buy, variant.sku, account=account)
    assert payload["order"]["status"] == "PAID"
    await run(installation.wait_for_crash, "worker")
    installation.start("worker")
    await when_closed()
    order = await run(client.order, payload["order"]["id"])
    assert order["status"] == "DELIVERED"
    assert await number_of("fulfilment_attempts", "status = 'succeeded'") == 1
    assert await run(bought_upstream, installation) == 1
    assert await number_of("order_lines", "receipt LIKE 'R%'") == 1
    await no_violations()


@pytest.mark.parametrize("point", ["webhook.claimed", "webhook.answered", "webhook.booked"])
async def test_a_webhook_job_dies(installation: Installation, point: str) -> None:
    variant = await make.variant(cards=3)
    buyer = await make.buyer()
    client = Client(f"{installation.origin}/graphql/shop", await make.token(buyer))
    with receiver() as (url, received):
        await make.webhook_endpoint(buyer, url)
        installation.start("serve", "scheduler")
        installation.start("worker", crash_at=point)
        await run(client.buy, variant.sku)
        await run(installation.wait_for_crash, "worker")
        installation.start("worker")
        await run(
            installation.wait_for,
            lambda: {"order.paid", "order.delivered"} <= types_of(received),
            "both events",
            60,
        )
    ids = {headers["webhook-id"]: json.loads(body) for headers, body in received}
    assert sorted(event["type"] for event in ids.values()) == ["order.delivered", "order.paid"]
    await no_violations()


def types_of(received: list[tuple[dict[str, str], bytes]]) -> set[str]:
    return {json.loads(body)["type"] for _, body in received}


def bought_upstream(installation: Installation) -> int:
    """How many orders stand in the supplier's own book."""
    answer = httpx.get(f"{installation.simulator}/control/book").json()
    return len([order for order in answer["orders"] if order["codes"] or order["receipt"]])
