"""The journeys of a new user, through the demo and over HTTP."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2 as httpx
import pytest
from standardwebhooks import Webhook

from server.embedded import postgres_program
from tests.shop_client import ERRORS, Client

pytestmark = pytest.mark.xdist_group("demo")
ROOT = Path(__file__).parents[2]
PRODUCTS = """
query Browse($first: Int, $query: String) { products(first: $first, query: $query) {
  nodes { id slug name category { slug } variants { sku stockLevel price { amount currency } } }
  pageInfo { hasNextPage endCursor } } }
"""
AGENT = """
{ viewer { login agent { code level commissionBalance { amount }
  commissions(first: 50) { nodes { level orderNumber amount { amount } explanation } } } } }
"""
SIGN_UP = f"""
mutation New($input: UserCreateInput!) {{ userCreate(input: $input) {{
  accessToken refreshToken viewer {{ id login wallet {{ available {{ amount }} }} }} {ERRORS} }} }}
"""
TOP_UP = f"""
mutation Credit($input: WalletTopupInput!) {{ walletTopup(input: $input) {{
  wallet {{ available {{ amount }} }} replayed {ERRORS} }} }}
"""
WALLET = "{ viewer { wallet { available { amount } } } }"
LINE_SECONDS = 150


def balance(client: Client) -> Decimal:
    return Decimal(client.data(WALLET)["viewer"]["wallet"]["available"]["amount"])


def when_closed(client: Client, order: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + LINE_SECONDS
    while order["nextPollAfterMs"] is not None:
        assert time.monotonic() < deadline, order
        time.sleep(order["nextPollAfterMs"] / 1000)
        order = client.order(order["id"])
    return order


def commissions_of(demo: dict[str, Any], number: str) -> dict[int, dict[str, Any]]:
    """What an order earned, by the level above the buyer."""
    found = {}
    for agent in demo["agents"]:
        shown = Client(demo["shop"], agent["token"]).data(AGENT)["viewer"]["agent"]
        for earned in shown["commissions"]["nodes"]:
            if earned["orderNumber"] == number:
                found[earned["level"]] = earned
    return found


def test_commands_reach_the_demo_by_its_environment(demo: dict[str, Any]) -> None:
    file = Path(demo["folder"]) / "var/demo.env"
    assert file.stat().st_mode & 0o077 == 0
    script = ". var/demo.env && exec python -m server.cli check-invariants"
    done = subprocess.run(
        ["sh", "-c", script.replace("python", sys.executable)],
        cwd=demo["folder"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_printed_request_buys_a_card(demo: dict[str, Any], buyer: Client) -> None:
    purchase = demo["purchase"]
    body = json.dumps(purchase["body"]).replace("{{key}}", uuid4().hex)
    answer = httpx.post(purchase["url"], content=body, headers=purchase["headers"]).json()
    payload = answer["data"]["orderCreate"]
    assert payload["userErrors"] == []
    assert payload["order"]["status"] == "DELIVERED"
    (secret,) = buyer.reveal(payload["order"]["id"])
    assert secret["secret"]
    again = httpx.post(purchase["url"], content=body, headers=purchase["headers"]).json()
    assert again["data"]["orderCreate"]["replayed"] is True
    assert again["data"]["orderCreate"]["order"]["id"] == payload["order"]["id"]


def test_the_printed_request_takes_the_coupon_of_the_readme(demo: dict[str, Any]) -> None:
    purchase = demo["purchase"]
    text = json.dumps(purchase["body"]).replace("{{key}}", uuid4().hex)
    body = json.loads(text)
    body["variables"]["input"]["couponCodes"] = ["WELCOME2"]
    assert '"couponCodes": ["WELCOME2"]' in Path("README.md").read_text()
    payload = httpx.post(purchase["url"], json=body, headers=purchase["headers"]).json()["data"]
    order = payload["orderCreate"]["order"]
    assert (order["status"], order["total"]["amount"]) == ("DELIVERED", "47.00")


def test_browse_and_search(shop: Client) -> None:
    page = shop.data(PRODUCTS, first=20)["products"]
    assert len(page["nodes"]) == 20
    assert page["pageInfo"]["hasNextPage"]
    assert all(product["variants"] for product in page["nodes"])
    by_name = shop.data(PRODUCTS, first=50, query="话费")["products"]["nodes"]
    by_pinyin = shop.data(PRODUCTS, first=50, query="huafei")["products"]["nodes"]
    assert by_name
    assert {each["id"] for each in by_name} <= {each["id"] for each in by_pinyin}


def test_sign_up_top_up_buy_and_split(demo: dict[str, Any], shop: Client, operator: Client) -> None:
    agent = Client(demo["shop"], demo["agents"][-1]["token"]).data(AGENT)["viewer"]["agent"]
    login = f"new-{uuid4().hex[:12]}"
    wish = {"login": login, "password": "a long pass phrase", "promoterCode": agent["code"]}
    made = shop.data(SIGN_UP, input=wish)["userCreate"]
    assert made["userErrors"] == []
    newcomer = Client(demo["shop"], made["accessToken"])

    poor = newcomer.buy("STEAM-CNY-50")
    assert poor["order"] is None
    assert poor["userErrors"][0]["__typename"] == "BalanceShortError"

    credit = {
        "login": login,
        "amount": {"amount": "200", "currency": "CNY"},
        "idempotencyKey": uuid4().hex,
    }
    for replayed in (False, True):
        payload = operator.data(TOP_UP, input=credit)["walletTopup"]
        assert payload["replayed"] is replayed
        assert Decimal(payload["wallet"]["available"]["amount"]) == 200

    bought = newcomer.buy("STEAM-CNY-50")
    order = bought["order"]
    assert bought["userErrors"] == []
    assert order["status"] == "DELIVERED"
    assert balance(newcomer) == 200 - Decimal(order["total"]["amount"])
    earned = commissions_of(demo, order["number"])
    assert sorted(earned) == [1, 2, 3]
    assert all(Decimal(each["amount"]["amount"]) > 0 for each in earned.values())
    assert all(each["explanation"] for each in earned.values())


@pytest.mark.parametrize("sku", ["NETFLIX-USD-25", "XBOX-USD-25", "SPOTIFY-USD-10"])
def test_a_failing_first_supplier(
    demo: dict[str, Any], buyer: Client, operator: Client, sku: str
) -> None:
    before = balance(buyer)
    order = when_closed(buyer, buyer.buy(sku)["order"])
    assert order["status"] == "DELIVERED", order
    assert len(buyer.reveal(order["id"])) == 1
    assert balance(buyer) == before - Decimal(order["total"]["amount"])


def test_a_webhook_arrives_and_is_signed(demo: dict[str, Any]) -> None:
    partner = Client(demo["partner"], demo["partner_key"]["key"])
    save = f"""
    mutation Save($input: WebhookEndpointCreateInput!) {{ webhookEndpointCreate(input: $input) {{
      endpoint {{ id }} secret {ERRORS} }} }}
    """
    place = f"""
    mutation Place($input: OrderPlaceInput!) {{ orderPlace(input: $input) {{
      order {{ id number status externalId }} {ERRORS} }} }}
    """
    with receiver() as (url, received):
        wish = {"url": url, "events": ["order.paid", "order.delivered"]}
        made = partner.data(save, input=wish)["webhookEndpointCreate"]
        assert made["userErrors"] == []
        wish = {
            "externalId": uuid4().hex,
            "sku": "STEAM-CNY-50",
            "quantity": 1,
            "maxUnitCost": {"amount": "50", "currency": "CNY"},
        }
        placed = partner.data(place, input=wish)["orderPlace"]
        assert placed["userErrors"] == []
        deadline = time.monotonic() + 30
        while len(received) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    told = [Webhook(made["secret"]).verify(body, headers) for headers, body in received]
    assert [event["type"] for event in told] == ["order.paid", "order.delivered"]
    assert {event["data"]["orderId"] for event in told} == {placed["order"]["id"]}
    with pytest.raises(Exception, match="signature"):
        Webhook(made["secret"]).verify(received[0][1] + b" ", received[0][0])


def test_a_partner_key_opens_the_partners_door_only(demo: dict[str, Any]) -> None:
    key = demo["partner_key"]["key"]
    assert Client(demo["partner"], key).data("{ wallet { available { amount } } }")
    for door in ("shop", "admin"):
        (error,) = Client(demo[door], key).send("{ __typename }")["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"


def test_a_code_is_nowhere_but_with_its_buyer(demo: dict[str, Any], buyer: Client) -> None:
    """Own stock and bought upstream: not in logs, not in the queue, not in a dump (I19)."""
    orders = [buyer.buy("STEAM-CNY-50")["order"], buyer.buy("DISNEY-1M")["order"]]
    secrets = [
        text
        for order in orders
        for shown in buyer.reveal(when_closed(buyer, order)["id"])
        for text in (shown["secret"], shown["number"])
        if text
    ]
    assert len(secrets) >= 2
    places = {str(path): path.read_bytes() for path in files_of(demo)}
    places["a dump of the database"] = dump_of(demo)
    assert any(b"DELIVERED" in content for content in places.values())
    for name, content in places.items():
        for secret in secrets:
            assert secret.encode() not in content, name


def files_of(demo: dict[str, Any]) -> list[Path]:
    """Logs of all programs and servers, and the queue's file; not the supplier's own book."""
    var = Path(demo["folder"]) / "var"
    found = [*var.glob("*.log"), *(var / "log").iterdir(), *(var / "valkey").rglob("*")]
    return [path for path in found if path.is_file()]


def dump_of(demo: dict[str, Any]) -> bytes:
    """Everything that the database holds, as its own program writes it."""
    url = urlsplit(_environment_of(demo)["variables"]["KAMENG_DATABASE_URL"])
    address = ["-h", str(url.hostname), "-p", str(url.port), "-U", str(url.username)]
    run = subprocess.run(
        [str(postgres_program("pg_dump")), *address, url.path.lstrip("/")],
        env={**os.environ, "PGPASSWORD": str(url.password)},
        capture_output=True,
        check=True,
    )
    return run.stdout


def test_the_invariants_hold(demo: dict[str, Any], buyer: Client) -> None:
    """After the other journeys of this worker, and after some traffic of its own."""
    for _ in range(5):
        assert buyer.buy("STEAM-CNY-50")["userErrors"] == []
    environment = _environment_of(demo)
    for command in ("check-invariants", "verify-ledger"):
        run = subprocess.run(
            [*environment["program"], command],
            env=environment["variables"],
            cwd=demo["folder"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr


def _environment_of(demo: dict[str, Any]) -> dict[str, Any]:
    """The environment of the demo's own API process: its servers and its keys."""
    pids = json.loads((Path(demo["folder"]) / "var" / "processes.json").read_text())
    raw = Path(f"/proc/{pids['serve']}/environ").read_text()
    variables = dict(each.split("=", 1) for each in raw.split("\0") if "=" in each)
    return {
        "program": [sys.executable, "-m", "server.cli"],
        "variables": {**os.environ, **variables},
    }


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A web server that keeps what it is sent."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing: the test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        server.server_close()
