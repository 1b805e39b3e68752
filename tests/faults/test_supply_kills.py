"""kill -9 while goods come in part, and while an operator ends an incident or a purchase: whole, or
not at all."""

import asyncio
from typing import Any

import httpx2 as httpx
import pytest

from adapters.sandbox.simulator import load_items
from domain import fulfilment
from domain.fulfilment import FulfilmentAttempt, SupplyIncident
from domain.kernel import Prefix, encode_id
from domain.orders import LineStatus
from tests import make
from tests.api.test_supply import DELIVER, GIVE_UP, RESOLVE
from tests.domain.fulfilment.test_fulfilment import Scripted, no_violations, port, state_of
from tests.domain.fulfilment.test_incidents import late_goods
from tests.domain.fulfilment.test_uncertain import uncertain_line
from tests.faults.conftest import Installation
from tests.faults.test_kills import PROGRAMS, number_of, run, when_closed
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("kills")
__all__ = ["port"]


async def dies(installation: Installation, point: str, document: str, wish: dict[str, Any]) -> None:
    """The API dies at this point of the mutation; then it is asked again, and answers."""
    token = await make.token(await make.operator("supply:resolve", "suppliers:read"))
    client = Client(f"{installation.origin}/graphql/admin", token)
    installation.start("serve", crash_at=point)
    with pytest.raises(httpx.TransportError):
        await asyncio.to_thread(client.data, document, input=wish)
    installation.kill("serve")
    await no_violations()
    installation.start("serve")
    (answer,) = (await asyncio.to_thread(client.data, document, input=wish)).values()
    assert answer["userErrors"] == []
    await no_violations()


async def test_an_incident_ends_whole_or_not_at_all(
    installation: Installation, port: Scripted
) -> None:
    _, incident = await late_goods(port)
    wish = {
        "id": encode_id(Prefix.SUPPLY_INCIDENT, incident.id),
        "resolution": "REFUNDED_UPSTREAM",
    }
    await dies(installation, "fulfilment.incident_written", RESOLVE, wish)
    assert (await SupplyIncident.get(id=incident.id)).amount > 0


async def test_a_verdict_is_written_with_what_it_does(
    installation: Installation, port: Scripted
) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"])
    wish = {"attemptId": encode_id(Prefix.ATTEMPT, attempt.id), "reason": "they said so"}
    await dies(installation, "fulfilment.verdict_written", GIVE_UP, wish)
    assert (await FulfilmentAttempt.get(id=attempt.id)).status == "rejected"


async def test_found_goods_are_stored_and_delivered_or_neither(
    installation: Installation, port: Scripted
) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    price = {"amount": "80", "currency": "CNY"}
    wish = {
        "attemptId": encode_id(Prefix.ATTEMPT, attempt.id),
        "cost": price,
        "codes": [{"secret": "FOUND-1"}],
    }
    await dies(installation, "fulfilment.found_written", DELIVER, wish)
    assert (await state_of(attempt.line_id))[0] is LineStatus.DELIVERED
    assert len(await fulfilment.attempts_of([attempt.line_id])) == 1


@pytest.mark.parametrize(
    ("point", "rest_comes"),
    [
        ("fulfilment.supplier_answered", True),
        ("fulfilment.part_written", True),
        ("fulfilment.outcome_committed", True),
        ("fulfilment.ready_sold", True),
        ("fulfilment.ready_sold", False),
    ],
)
async def test_a_part_is_kept_and_its_rest_bought_or_refunded_once(
    installation: Installation, point: str, rest_comes: bool
) -> None:
    variant = await make.variant(price=make.yuan(100))
    codes = ("alpha", "beta") if rest_comes else ("alpha",)
    items = [
        await make.simulated_offer(variant, installation.simulator, make.yuan(80), code)
        for code in codes
    ]
    buyer = await make.buyer()
    client = Client(f"{installation.origin}/graphql/shop", await make.token(buyer))
    for each in PROGRAMS:
        installation.start(each, crash_at=point if each == "worker" else "")
    await load_items(installation.simulator, items)
    fault = {"supplier": "alpha", "fault": "partial_delivery", "times": 1}
    told = httpx.post(f"{installation.simulator}/control/faults", json=fault)
    assert told.status_code == 200
    payload = await run(client.buy, variant.sku, quantity=4)
    await run(installation.wait_for_crash, "worker")
    installation.start("worker")
    await when_closed()
    book = httpx.get(f"{installation.simulator}/control/book").json()["orders"]
    assert [order["codes"] for order in book] == ([2, 2] if rest_comes else [2])
    order = await run(client.order, payload["order"]["id"])
    assert order["status"] == ("DELIVERED" if rest_comes else "PARTIALLY_DELIVERED")
    assert len(await run(client.reveal, order["id"])) == (4 if rest_comes else 2)
    assert await number_of("cards", "order_line_id IS NULL") == 0
    await no_violations()
