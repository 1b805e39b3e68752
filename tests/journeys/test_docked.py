"""Two installations docked to each other: what a buyer of the second buys, the first sells (O5)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from adapters.suppliers.kameng import signed
from tests.journeys.conftest import ROOT
from tests.journeys.test_demo import balance, when_closed
from tests.shop_client import ERRORS, Client

pytestmark = pytest.mark.xdist_group("demo")
READY_SECONDS = 180
ARRIVAL_SECONDS = 600  # a message that is lost is sent again, at growing pauses
TRIES = """
query Tries($id: ID!) { fulfilmentAttempts(orderId: $id) {
  reference status category upstreamId queries cost { amount } } }
"""
THERE = """
query There($externalId: String!) { order(externalId: $externalId) {
  id number status total { amount } lines { sku quantity account { value } } }
  wallet { available { amount } } }
"""
FIND = """
query Find { products(first: 50, query: "Steam") { nodes { variants { id sku } } } }
"""
SET_PRICES = f"""
mutation P($input: PricesSetInput!) {{ pricesSet(input: $input) {{ {ERRORS} }} }}
"""


FOLLOW = f"""
mutation F($input: SupplierSyncSaveInput!) {{ supplierSyncSave(input: $input) {{ {ERRORS} }} }}
"""
FOLLOWED = """
query Followed { followedSuppliers { supplier { code offers { item cost { amount } } }
  policy { pushes pushedAt } } }
"""
CALLED = """
query Called { supplierCallbacks(first: 20) { nodes { outcome why } } }
"""


@pytest.fixture(scope="module")
def docked(demo: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What var/docked/docked.json says of a second shop, docked to the demo of the journeys."""
    folder = Path(demo["folder"])
    file, log = folder / "var/docked/docked.json", folder / "docked.log"
    environment = {name: value for name, value in os.environ.items() if "KAMENG" not in name}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "dock"],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not file.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield {**json.loads(file.read_text()), "log": log.read_text()}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture
def here(docked: dict[str, Any]) -> Client:
    """The buyer of the second shop."""
    return Client(docked["shop"], docked["buyer"]["token"])


def there(demo: dict[str, Any], reference: str) -> dict[str, Any]:
    """What the first shop tells its partner, the second, of an order."""
    body = orjson.dumps({"query": THERE, "variables": {"externalId": reference}})
    key = demo["docking_key"]
    headers = signed(key["key"], key["signing_secret"], body)
    answer = httpx2.post(demo["partner"], content=body, headers=headers).json()
    assert not answer.get("errors"), answer
    data: dict[str, Any] = answer["data"]
    return data


def tries(docked: dict[str, Any], order: dict[str, Any]) -> list[dict[str, Any]]:
    operator = Client(docked["admin"], docked["operator"]["token"])
    found: list[dict[str, Any]] = operator.data(TRIES, id=order["id"])["fulfilmentAttempts"]
    return found


def wallet_there(demo: dict[str, Any]) -> Decimal:
    return Decimal(there(demo, "none")["wallet"]["available"]["amount"])


@pytest.mark.parametrize("sku", ["STEAM-CNY-50", "XBOX-USD-10"])
def test_an_order_travels_through_both(
    demo: dict[str, Any], docked: dict[str, Any], here: Client, sku: str
) -> None:
    """From the stock of the first shop, and from a supplier of the first shop."""
    had, money = wallet_there(demo), balance(here)
    order = when_closed(here, here.buy(sku, 2)["order"])
    assert order["status"] == "DELIVERED", order
    codes = here.reveal(order["id"])
    assert len({code["secret"] for code in codes}) == 2

    (attempt,) = tries(docked, order)
    assert attempt["status"] == "SUCCEEDED"
    upstream = there(demo, attempt["reference"])["order"]
    assert attempt["upstreamId"] == upstream["id"]
    assert upstream["status"] == "DELIVERED"
    assert [(line["sku"], line["quantity"]) for line in upstream["lines"]] == [(sku, 2)]
    # Money: the buyer pays the second, the second pays the first, and both books say the same.
    assert money - balance(here) == Decimal(order["total"]["amount"])
    assert Decimal(attempt["cost"]["amount"]) == Decimal(upstream["total"]["amount"])
    assert had - wallet_there(demo) == Decimal(upstream["total"]["amount"])
    assert Decimal(upstream["total"]["amount"]) < Decimal(order["total"]["amount"])


def test_a_top_up_travels_through_both_with_its_account(
    demo: dict[str, Any], docked: dict[str, Any], here: Client
) -> None:
    account = [{"key": "phone", "value": "13800138000"}]
    order = when_closed(here, here.buy("TOPUP-CNY-30", 1, account=account)["order"])
    assert order["status"] == "DELIVERED", order
    (attempt,) = tries(docked, order)
    upstream = there(demo, attempt["reference"])["order"]
    assert upstream["status"] == "DELIVERED"
    assert "138" in upstream["lines"][0]["account"][0]["value"]


def test_what_became_dearer_next_door_is_not_bought_and_the_buyer_has_the_money(
    demo: dict[str, Any], docked: dict[str, Any], here: Client, operator: Client
) -> None:
    """Nobody here has heard of it yet: the price guard goes upstream with the order."""
    _follow(docked, False)
    had, money = wallet_there(demo), balance(here)
    _set_price(demo, operator, "STEAM-CNY-50", "60")
    try:
        order = when_closed(here, here.buy("STEAM-CNY-50")["order"])
    finally:
        _set_price(demo, operator, "STEAM-CNY-50", "49")
    assert order["status"] == "REFUNDED", order
    (attempt,) = tries(docked, order)
    assert (attempt["status"], attempt["category"]) == ("REJECTED", "price_exceeded")
    assert there(demo, attempt["reference"])["order"] is None
    assert (wallet_there(demo), balance(here)) == (had, money)


def test_a_price_that_changes_next_door_arrives_here_and_is_not_sold_below(
    demo: dict[str, Any], docked: dict[str, Any], here: Client, operator: Client
) -> None:
    """Told by the first shop, asked for by the second, which reads the list once an hour.

    It has just begun to follow: its list may be read before the first shop has looked at anything.
    """
    _follow(docked, True)
    _set_price(demo, operator, "STEAM-CNY-50", "60")
    try:
        _until_it_costs(docked, "60")
        refused = here.buy("STEAM-CNY-50")
        assert refused["order"] is None
        assert [each["code"] for each in refused["userErrors"]] == ["PRICE_BELOW_COST"]
    finally:
        _set_price(demo, operator, "STEAM-CNY-50", "49")
    _until_it_costs(docked, "49")
    # Both prices may come of one push: what was just told of is asked for once more.
    policy = _followed(docked)["policy"]
    assert policy["pushes"] == "ACTIVE"
    assert policy["pushedAt"] is not None
    order = when_closed(here, here.buy("STEAM-CNY-50")["order"])
    assert order["status"] == "DELIVERED", order
    second = Client(docked["admin"], docked["operator"]["token"])
    called = second.data(CALLED)["supplierCallbacks"]["nodes"]
    assert "REFUSED" not in {each["outcome"] for each in called}


def _follow(docked: dict[str, Any], enabled: bool) -> None:
    wish = {"supplierCode": "next-door", "enabled": enabled, "everySeconds": 3600}
    second = Client(docked["admin"], docked["operator"]["token"])
    assert second.data(FOLLOW, input=wish)["supplierSyncSave"]["userErrors"] == []


def _followed(docked: dict[str, Any]) -> dict[str, Any]:
    second = Client(docked["admin"], docked["operator"]["token"])
    (found,) = second.data(FOLLOWED)["followedSuppliers"]
    return dict(found)


def _until_it_costs(docked: dict[str, Any], amount: str) -> None:
    costs: dict[str, Decimal] = {}
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        offers = _followed(docked)["supplier"]["offers"]
        costs = {each["item"]: Decimal(each["cost"]["amount"]) for each in offers}
        if costs["STEAM-CNY-50"] == Decimal(amount):
            return
        time.sleep(0.3)
    pytest.fail(f"it never cost {amount}: {costs}")


def _set_price(demo: dict[str, Any], operator: Client, sku: str, amount: str) -> None:
    products = Client(demo["shop"]).data(FIND)["products"]["nodes"]
    (variant,) = [each for row in products for each in row["variants"] if each["sku"] == sku]
    price = {"tier": "RETAIL", "amount": amount}
    wish = {"variantId": variant["id"], "prices": [price]}
    assert operator.data(SET_PRICES, input=wish)["pricesSet"]["userErrors"] == []


def test_the_command_showed_an_order_of_both(docked: dict[str, Any]) -> None:
    assert "One order, two shops" in docked["log"]
    assert "order of a partner" in docked["log"]
