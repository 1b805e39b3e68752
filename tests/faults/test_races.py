"""Many at once, over HTTP, on two API processes: what the field gets wrong most often."""

import asyncio
from collections import Counter
from typing import Any

import httpx2 as httpx
import pytest

from domain.invariants import find_violations
from domain.kernel import connection
from tests import make
from tests.faults.conftest import Installation
from tests.shop_client import ERRORS

pytestmark = pytest.mark.xdist_group("races")
BUY = f"""
mutation Buy($input: OrderCreateInput!) {{ orderCreate(input: $input) {{
  order {{ id status }} replayed {ERRORS} }} }}
"""


async def buy(client: httpx.AsyncClient, token: str, sku: str, key: str) -> dict[str, Any]:
    line = {"sku": sku, "quantity": 1}
    body = {"query": BUY, "variables": {"input": {"idempotencyKey": key, "lines": [line]}}}
    answer = await client.post(
        "/graphql/shop", json=body, headers={"Authorization": f"Bearer {token}"}
    )
    payload: dict[str, Any] = answer.json()["data"]["orderCreate"]
    return payload


def started(installation: Installation) -> httpx.AsyncClient:
    installation.environment |= {
        "KAMENG_WORKERS": "2",
        "KAMENG_PURCHASES_WAITING": "1000",  # nobody is sent away here; see test_peaks.py
        "KAMENG_PURCHASE_WAIT_SECONDS": "60",
    }
    installation.start("serve")
    limits = httpx.Limits(max_connections=200)
    return httpx.AsyncClient(base_url=installation.origin, timeout=60, limits=limits)


async def sold(sku_id: Any) -> int:
    async with connection() as conn:
        return int(
            await conn.fetchval(
                "SELECT count(*) FROM cards WHERE variant_id = $1 AND state = 'sold'", sku_id
            )
        )


async def no_violations() -> None:
    assert {each.name: each.violations for each in await find_violations() if each.violations} == {}


async def test_200_buyers_and_50_cards(installation: Installation) -> None:
    variant = await make.variant(cards=50)
    tokens = [await make.token(await make.buyer()) for _ in range(200)]
    async with started(installation) as client:
        payloads = await asyncio.gather(
            *(buy(client, token, variant.sku, "one") for token in tokens)
        )
    codes = Counter(
        payload["userErrors"][0]["code"] if payload["userErrors"] else payload["order"]["status"]
        for payload in payloads
    )
    assert codes == {"DELIVERED": 50, "OUT_OF_STOCK": 150}
    assert await sold(variant.id) == 50
    await no_violations()


async def test_100_calls_with_one_key_make_one_order(installation: Installation) -> None:
    variant = await make.variant(cards=100)
    token = await make.token(await make.buyer(balance=make.yuan(100_000)))
    async with started(installation) as client:
        payloads = await asyncio.gather(
            *(buy(client, token, variant.sku, "the same") for _ in range(100))
        )
    busy = [payload for payload in payloads if payload["userErrors"]]
    assert {payload["userErrors"][0]["code"] for payload in busy} <= {"BUSY"}
    served = [payload for payload in payloads if not payload["userErrors"]]
    assert len({payload["order"]["id"] for payload in served}) == 1
    assert sum(not payload["replayed"] for payload in served) == 1
    assert await sold(variant.id) == 1
    await no_violations()


async def test_one_wallet_is_never_overdrawn(installation: Installation) -> None:
    variant = await make.variant(price=make.yuan(49), cards=60)
    token = await make.token(await make.buyer(balance=make.yuan(49 * 10)))
    async with started(installation) as client:
        payloads = await asyncio.gather(
            *(buy(client, token, variant.sku, f"key {each}") for each in range(60))
        )
    codes = Counter(
        payload["userErrors"][0]["code"] if payload["userErrors"] else payload["order"]["status"]
        for payload in payloads
    )
    assert codes["DELIVERED"] == 10
    assert codes["DELIVERED"] + codes["BALANCE_INSUFFICIENT"] + codes["BUSY"] == 60
    await no_violations()
