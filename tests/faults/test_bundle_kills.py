"""A bundle over HTTP with real processes: a part fails upstream, and every step may be the last."""

import asyncio
from uuid import uuid4

import httpx2 as httpx
import pytest

from domain.catalog import PartDraft
from tests import make
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, number_of, when_closed
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("kills")
WALLET = "{ viewer { wallet { available { amount } } } }"
PROGRAMS = ("serve", "worker", "scheduler", "simulator")


@pytest.mark.parametrize("point", ["checkout.before_commit", "checkout.after_commit"])
async def test_the_api_dies_while_a_bundle_is_bought_and_one_part_fails(
    installation: Installation, point: str
) -> None:
    """The simulator does not know the second item, so its share comes back; all else stays."""
    card = await make.variant(cards=3, unit_cost=make.yuan(10))
    upstream = await make.variant(price=make.yuan(100))
    await make.simulated_offer(upstream, installation.simulator, make.yuan(20))
    bundle = await make.bundle(
        PartDraft(card.sku, 2, 6_667), PartDraft(upstream.sku, 1, 3_333), price=make.yuan("99.99")
    )
    client = Client(f"{installation.origin}/graphql/shop", await make.token(await make.buyer()))
    for program in PROGRAMS:
        installation.start(program, crash_at=point if program == "serve" else "")
    key = uuid4().hex
    with pytest.raises(httpx.TransportError):
        await asyncio.to_thread(client.buy, bundle.sku, key=key)
    committed = 1 if point == "checkout.after_commit" else 0
    assert await number_of("orders") == committed
    installation.kill("serve")
    installation.start("serve")
    payload = await asyncio.to_thread(client.buy, bundle.sku, key=key)
    assert payload["replayed"] is bool(committed)
    await when_closed()
    order = await asyncio.to_thread(client.order, payload["order"]["id"])
    assert order["status"] == "PARTIALLY_DELIVERED"
    ended = {line["sku"]: line["status"] for line in order["lines"]}
    assert ended == {card.sku: "DELIVERED", upstream.sku: "REFUNDED"}
    assert len(await asyncio.to_thread(client.reveal, order["id"])) == 2
    share = make.yuan("33.3267")  # 33.33 % of 99.99, by largest remainder
    refunded = next(line for line in order["lines"] if line["status"] == "REFUNDED")
    assert refunded["unitPrice"] == {"amount": "33.3267"}
    wallet = await asyncio.to_thread(client.data, WALLET)
    left = make.yuan(1_000) - make.yuan("99.99") + share
    assert wallet["viewer"]["wallet"]["available"]["amount"] == f"{left / 10_000:.4f}"
    await no_violations()
