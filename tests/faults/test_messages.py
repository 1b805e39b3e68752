"""kill -9 while a message is sent, and while a link is claimed: nothing happens twice."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from domain import notifications
from domain.kernel import clock, connection, transaction
from domain.notifications import ChannelWish, Medium
from tests import make
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, run
from tests.journeys.test_handing_on import BUY, LINK, REDEEM
from tests.shop_client import Client
from tests.sinks import mail_sink

pytestmark = pytest.mark.xdist_group("kills")


async def state_of_message() -> tuple[str, int]:
    async with connection() as conn:
        row = await conn.fetchrow("SELECT state, attempts FROM notifications")
    return (row["state"], row["attempts"]) if row else ("", 0)


async def when_it_is(state: str) -> int:
    """How often a message was tried by the time that it is in this state."""
    for _ in range(300):
        found, attempts = await state_of_message()
        if found == state:
            return attempts
        await asyncio.sleep(0.1)
    pytest.fail(f"the message is {found}, not {state}")


async def forget_the_lease() -> None:
    """As if two minutes had gone by."""
    async with transaction() as conn:
        await conn.execute(
            "UPDATE notifications SET lease_ends_at = $1 WHERE state = 'sending'", clock.now()
        )


@pytest.mark.parametrize(
    ("point", "mails", "state"),
    [
        ("notification.claimed", 0, "uncertain"),
        ("notification.sent", 1, "uncertain"),
        ("notification.booked", 1, "sent"),
    ],
)
async def test_a_worker_dies_while_it_sends(
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    mails: int,
    state: str,
) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    client = Client(f"{installation.origin}/graphql/shop", await make.token(buyer))
    monkeypatch.setattr(notifications.allowed, "private_addresses", True)
    with mail_sink() as sink:
        wish = ChannelWish("mail", Medium.EMAIL, ["order.delivered"], sink.url)
        await notifications.save_channel(await make.operator("notifications:write"), wish)
        installation.start("serve", "scheduler")
        installation.start("worker", crash_at=point)
        order = {
            "idempotencyKey": "one",
            "lines": [{"sku": variant.sku, "quantity": 1}],
            "contact": {"email": "lan@example.com"},
        }
        await run(client.data, BUY, input=order)
        await run(installation.wait_for_crash, "worker")
        installation.start("worker")
        await forget_the_lease()
        assert await when_it_is(state) == 1
        await asyncio.sleep(2)  # some sweeps: nobody sends it a second time
        assert len(sink.mails) == mails
    assert await state_of_message() == (state, 1)
    await no_violations()


@pytest.mark.parametrize("point", ["claim.counted", "claim.shown"])
async def test_the_api_dies_in_a_claim(installation: Installation, point: str) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    shop = f"{installation.origin}/graphql/shop"
    client = Client(shop, await make.token(buyer))
    installation.start("serve", crash_at=point)
    order = (await run(client.buy, variant.sku))["order"]
    ends = (clock.now() + timedelta(days=1)).isoformat()
    wish = {"orderId": order["id"], "expiresAt": ends, "idempotencyKey": "link"}
    made = (await run(client.data, LINK, input=wish))["claimLinkCreate"]
    token, own = made["address"]["url"].partition("#")[2], uuid4().hex

    def claim(key: str) -> dict[str, Any]:
        wish = {"token": token, "idempotencyKey": key}
        payload: dict[str, Any] = Client(shop).data(REDEEM, input=wish)["claimLinkRedeem"]
        return payload

    with pytest.raises(httpx.TransportError):
        await run(claim, own)
    installation.kill("serve")
    installation.start("serve")
    stranger = await run(claim, uuid4().hex)
    assert (stranger["secrets"], stranger["userErrors"][0]["code"]) == ([], "CLAIM_LINK_USED")
    assert len((await run(claim, own))["secrets"]) == 1
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM claim_uses") == 1
    await no_violations()
