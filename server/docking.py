"""Two installations docked: a second, small shop that sells what it buys from the demo (row O5).

It has its own database, keys and processes under var/docked/, no stock, and one supplier: the demo
next door, reached through its partner door by the adapter `kameng`.
"""

import asyncio
import csv
import json
import time
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import orjson
from rich.table import Table

from adapters.http import PartnerClient
from adapters.suppliers import kameng
from domain import catalog, ledger, pricing, sourcing, suppliers
from domain.checkout import CURRENCY
from domain.kernel import Actor, Money, parse_units
from server import demo, seeding
from server.embedded import free_port, start_postgres, start_valkey
from server.processes import CannotStart, Supervisor, wait_until
from server.settings import Settings
from server.wiring import connect, disconnect, migrate

FOLDER = demo.VAR / "docked"
DOCKED_FILE = FOLDER / "docked.json"
PROGRAMS = ("serve", "worker", "scheduler")
SUPPLIER = "next-door"
SOLD = ("STEAM-CNY-50", "XBOX-USD-10", "TOPUP-CNY-30")
"""What it sells: from the stock next door, from a supplier of next door, and a top-up there."""

MARKUP = Decimal("1.10")
BUYER_BALANCE = Money(1_000 * 10_000, CURRENCY)
CLOSED_SECONDS = 60
READ_SECONDS = 3_600
PLACE = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { id number status nextPollAfterMs total { amount } } userErrors { code message } } }
"""
ORDER = """
query One($id: ID!) { order(id: $id) {
  id number status nextPollAfterMs total { amount } lines { sku failureCode } } }
"""
ATTEMPTS = """
query Tries($id: ID!) { fulfilmentAttempts(orderId: $id) {
  reference item status upstreamId cost { amount } } }
"""
PRICES = """
query Prices($after: String) { catalog(first: 100, after: $after) {
  nodes { sku price { amount } } pageInfo { hasNextPage endCursor } } }
"""
ENDPOINTS = "query Endpoints { webhookEndpoints { id enabled events } }"
SILENCE = """
mutation Silence($input: WebhookEndpointDisableInput!) {
  webhookEndpointDisable(input: $input) { userErrors { code } } }
"""
LISTEN = """
mutation Listen($input: WebhookEndpointCreateInput!) {
  webhookEndpointCreate(input: $input) { secret userErrors { code } } }
"""
HEARD = (
    kameng.GOODS_CHANGED,
    *("order.delivered", "order.partially_delivered", "order.delivery_failed", "order.refunded"),
)
THERE = """
query There($externalId: String!) { order(externalId: $externalId) {
  number status total { amount } } wallet { available { amount } } }
"""


def run(settings: Settings, *, once: bool) -> None:
    """Start the second shop, let one order travel through both, and go on until SIGINT or SIGTERM;
    with `once` end after the order. Starts the demo first when none runs."""
    known = _demo_that_runs(settings)
    FOLDER.mkdir(parents=True, exist_ok=True)
    demo.say("Filling a second shop beside the demo, and docking it ...")
    DOCKED_FILE.unlink(missing_ok=True)
    with ExitStack() as stack:
        environment = _environment(stack)
        installed = settings.model_copy(update=demo.as_settings(environment))
        asyncio.run(_fill(installed, known))
        supervisor = Supervisor(PROGRAMS, environment, FOLDER, demo.say)
        supervisor.on_signals()
        stack.callback(supervisor.stop)
        supervisor.start()
        origin = f"http://{installed.host}:{installed.port}"
        wait_until(demo.answers(f"{origin}/readyz"), "The second shop", supervisor.logs)
        docked = asyncio.run(seeding.describe_docked(installed, origin))
        asyncio.run(_show_journey(docked, known))
        if not once:
            demo.publish(docked, DOCKED_FILE)
            stack.callback(DOCKED_FILE.unlink, missing_ok=True)
            demo.say(f"The second shop answers at {origin}; Ctrl-C ends it. The demo goes on.")
            supervisor.watch()
        demo.say("Stopping the second shop ...")


def _demo_that_runs(settings: Settings) -> dict[str, Any]:
    """What var/demo.json says; a demo is started in the background when there is none."""
    if demo.running_demo() is None:
        demo.say("No demo runs here: starting one ...")
        demo.detach(["--port", str(settings.port)], settings)
    if not demo.DEMO_FILE.exists():
        raise CannotStart("The demo is not ready yet; try again in a moment.")
    known: dict[str, Any] = json.loads(demo.DEMO_FILE.read_text())
    return known


def _environment(stack: ExitStack) -> dict[str, str]:
    """The servers and settings of the second shop."""
    database, valkey = start_postgres(FOLDER), start_valkey(FOLDER)
    stack.callback(database.stop)
    stack.callback(valkey.stop)
    return {
        "KAMENG_DATABASE_URL": database.url,
        "KAMENG_REDIS_URL": valkey.url,
        "KAMENG_HOST": "127.0.0.1",
        "KAMENG_PORT": str(free_port()),
        "KAMENG_KEY_FILE": str(FOLDER / "keys.json"),
        "KAMENG_WEBHOOK_PRIVATE_ADDRESSES": "true",
    }


async def _fill(settings: Settings, known: dict[str, Any]) -> None:
    """A catalogue, the demo as its supplier, and a buyer with money."""
    await migrate(settings.database_url)
    await connect(settings, "kameng-dock")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        operator = await seeding.operator_of_demo()
        await catalog.load_presets(operator)
        await pricing.import_folder(operator, _catalogue(), approve=True)
        await _dock(operator, known)
        for sku, price in (await _prices_there(known)).items():
            offer = suppliers.OfferWish(sku, SUPPLIER, sku, price)
            await suppliers.save_offer(operator, offer)
        buyer = await seeding.buyer_of_demo()
        await ledger.top_up(operator, buyer.id, BUYER_BALANCE, "dock", "dock:buyer")
    finally:
        await disconnect()


async def _dock(operator: Actor, known: dict[str, Any]) -> None:
    """The demo as a supplier that calls back, and whose list is followed: seldom read, for it tells
    by itself what changes."""
    key = known["docking_key"]
    wish = suppliers.SupplierWish(
        code=SUPPLIER,
        name="Kameng next door",
        adapter=kameng.NAME,
        base_url=known["partner"].removesuffix(kameng.PATH),
        secret=urlencode(key),
        same_party=True,
    )
    saved = await suppliers.save_supplier(operator, wish)
    told = await _listen(known, suppliers.callback_url(saved.id))
    secret = urlencode({**key, "webhook_secret": told})
    await suppliers.save_supplier(operator, replace(wish, secret=secret))
    await sourcing.save_policy(operator, sourcing.SyncWish(SUPPLIER, every_seconds=READ_SECONDS))


async def _listen(known: dict[str, Any], url: str) -> str:
    """Have what changes next door told to an address; its secret. Addresses of earlier dockings are
    told no more."""
    client = PartnerClient()
    try:
        for each in (await _asked_there(client, known, ENDPOINTS))["webhookEndpoints"]:
            if each["enabled"] and kameng.GOODS_CHANGED in each["events"]:
                await _asked_there(client, known, SILENCE, input={"id": each["id"]})
        wish = {"url": url, "events": list(HEARD)}
        made = (await _asked_there(client, known, LISTEN, input=wish))["webhookEndpointCreate"]
    finally:
        await client.close()
    if made["secret"] is None:
        raise CannotStart(f"The demo tells nothing: {made['userErrors']}")
    return str(made["secret"])


def _catalogue() -> Path:
    """Of the demo's files what the second shop sells, a tenth dearer."""
    folder = FOLDER / "catalogue"
    folder.mkdir(exist_ok=True)
    variants = [row for row in seeding.rows_of("variants.csv") if row["sku"] in SOLD]
    products = {row["product_slug"] for row in variants}
    prices = [row for row in seeding.rows_of("prices.csv") if row["sku"] in SOLD]
    for row in prices:
        row["amount"] = f"{Decimal(row['amount']) * MARKUP:.2f}"
        row["compare_at"] = ""
    _write(folder / "categories.csv", list(seeding.rows_of("categories.csv")))
    kept = [row for row in seeding.rows_of("products.csv") if row["slug"] in products]
    _write(folder / "products.csv", kept)
    _write(folder / "variants.csv", variants)
    _write(folder / "prices.csv", prices)
    return folder


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


async def _prices_there(known: dict[str, Any]) -> dict[str, int]:
    """What next door asks a partner for what we sell, page by page."""
    client, found, after = PartnerClient(), dict[str, int](), None
    try:
        while True:
            told = await _asked_there(client, known, PRICES, after=after)
            for row in told["catalog"]["nodes"]:
                if row["sku"] in SOLD and row["price"]:
                    found[row["sku"]] = parse_units(row["price"]["amount"])
            if not told["catalog"]["pageInfo"]["hasNextPage"]:
                return found
            after = told["catalog"]["pageInfo"]["endCursor"]
    finally:
        await client.close()


async def _show_journey(docked: dict[str, Any], known: dict[str, Any]) -> None:
    """One order through both shops, and what each of them says of it."""
    client = PartnerClient()
    try:
        wish = {"idempotencyKey": uuid4().hex, "lines": [{"sku": SOLD[1], "quantity": 1}]}
        buyer, shop = docked["buyer"]["token"], docked["shop"]
        payload = (await _asked(client, shop, buyer, PLACE, input=wish))["orderCreate"]
        if payload["order"] is None:
            raise CannotStart(f"The order was refused: {payload['userErrors']}")
        order = await _when_closed(client, shop, buyer, payload["order"])
        operator = docked["operator"]["token"]
        tries = await _asked(client, docked["admin"], operator, ATTEMPTS, id=order["id"])
        attempt = tries["fulfilmentAttempts"][-1]
        there = await _asked_there(client, known, THERE, externalId=attempt["reference"])
    finally:
        await client.close()
    _show(order, attempt, there)


def _show(order: dict[str, Any], attempt: dict[str, Any], there: dict[str, Any]) -> None:
    table = Table("where", "what", "number", "status", "amount", title="One order, two shops")
    table.columns[2].overflow = "fold"  # a reference that is cut is of no use to anybody
    second = ("order of a buyer", order["number"], order["status"], order["total"]["amount"])
    table.add_row("second shop", *second)
    cost = (attempt["cost"] or {"amount": "-"})["amount"]
    table.add_row("second shop", "attempt upstream", attempt["reference"], attempt["status"], cost)
    upstream = there["order"]
    if upstream is not None:
        first = (upstream["number"], upstream["status"], upstream["total"]["amount"])
        table.add_row("demo", "order of a partner", *first)
    left = there["wallet"]["available"]["amount"]
    table.add_row("demo", "wallet of the partner", "", "", left)
    demo.console.print(table)


async def _when_closed(
    client: PartnerClient, shop: str, token: str, order: dict[str, Any]
) -> dict[str, Any]:
    deadline = time.monotonic() + CLOSED_SECONDS
    while order["nextPollAfterMs"] is not None and time.monotonic() < deadline:
        await asyncio.sleep(order["nextPollAfterMs"] / 1000)
        order = (await _asked(client, shop, token, ORDER, id=order["id"]))["order"]
    return order


async def _asked(
    client: PartnerClient, url: str, token: str, query: str, **variables: Any
) -> dict[str, Any]:
    """A question of a person who is signed in."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    body = orjson.dumps({"query": query, "variables": variables})
    return await _answer(client, url, headers, body)


async def _asked_there(
    client: PartnerClient, known: dict[str, Any], query: str, **variables: Any
) -> dict[str, Any]:
    """A question of the partner that we are next door: signed."""
    body = orjson.dumps({"query": query, "variables": variables})
    key = known["docking_key"]
    headers = kameng.signed(key["key"], key["signing_secret"], body)
    return await _answer(client, known["partner"], headers, body)


async def _answer(
    client: PartnerClient, url: str, headers: dict[str, str], body: bytes
) -> dict[str, Any]:
    answer = await client.send("POST", url, headers=headers, body=body, timeout_seconds=30)
    found: dict[str, Any] = orjson.loads(answer.body)
    if found.get("errors"):
        raise CannotStart(f"{url} answers: {found['errors'][0]['message']}")
    data: dict[str, Any] = found["data"]
    return data
