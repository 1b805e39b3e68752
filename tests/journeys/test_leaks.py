"""A thousand planted codes go through the shop, and are nowhere but with their buyers (B1, I19)."""

import asyncio
import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2 as httpx
import pytest
import redis

from tests.journeys import leak_ways
from tests.journeys.leak_ways import Ways, wait_for
from tests.journeys.leaks import Answers, Known, Planting
from tests.journeys.test_demo import (
    _environment_of,
    dump_of,
    files_of,
    receiver,
    when_closed,
)
from tests.shop_client import ERRORS, Client

pytestmark = pytest.mark.xdist_group("demo")
OWN, BOUGHT = "ROBLOX-USD-10", "ROBLOX-USD-25"
CSV_CODES, JOB_CODES, API_CODES, SUPPLIER_CODES = 400, 200, 300, 100
PIECES = 10  # a purchase
IMPORT = (
    "mutation Import($input: CardImportInput!) { cardImport(input: $input) {"
    f" report {{ batchId accepted problems {{ line reason }} }} {ERRORS} }} }}"
)
TRACE = "query Trace($print: String!) { cardTrace(fingerprint: $print) { card { id } faults } }"
TEXT = {"subject": "Order {number}", "body": "{products} {link}"}
COST = {"amount": "1", "currency": "CNY"}


@contextmanager
def supplier(codes: list[str]) -> Iterator[str]:
    """An upstream party that delivers these codes, and says them in its faults as well."""
    left, told = list(codes), {}
    loud = {"message": codes[0], "order_id": codes[0], "codes": [{"secret": codes[0] + "\x07"}]}
    faults = [
        (500, loud),
        (200, loud),
        (200, [codes[0]]),
        (200, {**loud, "status": "completed", "charged": codes[0]}),
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            wish = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if wish["reference"] not in told:
                pieces = [left.pop() for _ in range(wish["quantity"])]
                told[wish["reference"]] = {
                    "reference": wish["reference"],
                    "status": "completed",
                    "order_id": uuid4().hex,
                    "charged": "1.00",
                    "codes": [{"number": "", "secret": code} for code in pieces],
                }
            if faults:
                self._say(*reversed(faults.pop()))
                return
            self._say(told[wish["reference"]])

        def do_GET(self) -> None:
            self._say(told.get(self.path.rpartition("/")[2], {}))  # asked for its balance, too

        def _say(self, content: Any, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing: the test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def import_all(demo: dict[str, Any], operator: Client, planting: Planting, kept: Answers) -> None:
    """Half by upload as CSV, some over the API; once more, and with rows that are refused."""
    origin = demo["admin"].removesuffix("/graphql/admin")
    url = f"{origin}/admin/card-imports?sku={OWN}&unit_cost=1&source=leaks"
    headers = {"authorization": f"Bearer {demo['operator']['token']}"}
    codes = planting.plant(CSV_CODES)
    rows = "".join(f"{code},{other}\n" for code, other in zip(codes[::2], codes[1::2], strict=True))
    for _ in range(2):  # the second time it was imported before
        answer = kept.post(url, "number,secret\n" + rows, headers)
        assert answer.json()["accepted"] == CSV_CODES // 2
    again = kept.post(url, "number,secret\n" + rows + "\n", headers).json()
    assert again["duplicates"] == CSV_CODES // 2
    broken = "".join(f"{code}\x07\n{code},{code},{code},{code}\n" for code in planting.plant(5))
    for content in (f"number,pin\n{rows}", f"secret\n{broken}", rows.encode("utf-16")):
        kept.post(url, content, headers)
    kept.post(url.replace(OWN, codes[0]), rows, headers)
    kept.post(url, rows, {"authorization": f"Bearer {codes[1]}"})
    kept.post(f"{url}&expires_on={codes[0]}", rows, headers)
    text = "\n".join(planting.plant(API_CODES - 5))
    wish = {"sku": OWN, "content": text, "unitCost": COST, "source": "leaks"}
    report = kept.of(operator, IMPORT, input=wish)["data"]["cardImport"]["report"]
    assert report["accepted"] == API_CODES - 5
    kept.of(operator, IMPORT, input={**wish, "sku": "NO-SUCH"})
    kept.of(operator, IMPORT, input={**wish, "source": codes[0] * 9})


def import_by_a_job(
    demo: dict[str, Any], operator: Client, planting: Planting, kept: Answers
) -> None:
    """A file that is kept, sealed, until the worker has stored it; and one that it refuses."""
    origin = demo["admin"].removesuffix("/graphql/admin")
    url = f"{origin}/admin/imports/cards?sku={OWN}&unit_cost=1&source=leaks"
    headers = {"authorization": f"Bearer {demo['operator']['token']}"}
    codes = planting.plant(JOB_CODES)
    rows = "".join(f"{code}\n" for code in [*codes, codes[0].upper(), f"{codes[1]}\x07"])
    ask = """query J($id: ID!) { job(id: $id) { state finishedAt fault { code reason line }
        problems(first: 5) { line reason text } } }"""
    for content, state in ((f"secret\n{rows}", "SUCCEEDED"), (f"number,pin\n{rows}", "FAILED")):
        job_id = kept.post(url, content, headers).json()["jobId"]
        wait_for(lambda id=job_id: operator.data(ask, id=id)["job"]["finishedAt"], "the job")
        assert kept.of(operator, ask, id=job_id)["data"]["job"]["state"] == state
        left_out = httpx.get(f"{origin}/admin/jobs/{job_id}/problems.csv", headers=headers)
        kept.keep(left_out.content)


def ask_wrongly(demo: dict[str, Any], operator: Client, planting: Planting, kept: Answers) -> None:
    """Requests that are refused before anybody understands them, with codes in them."""
    code = planting.codes[0]
    wish = {"sku": OWN, "content": code, "unitCost": COST}
    kept.of(operator, IMPORT, input={**wish, "unitCost": {"amount": code, "currency": "CNY"}})
    kept.of(operator, IMPORT, input={**wish, "expiresOn": code})
    kept.of(operator, IMPORT, input={**wish, "unknown": code})
    kept.of(operator, IMPORT, input={"sku": OWN, "content": code})
    kept.of(operator, IMPORT, input=code)
    kept.of(operator, TRACE, print=code)
    kept.of(operator, f'{{ cardTrace(fingerprint: "{code}") {{ faults }} }}')
    kept.of(operator, f"{{ cardTrace(fingerprint: {code} ")
    kept.of(Client(demo["admin"], code), "{ __typename }")
    kept.of(Client(demo["shop"], demo["buyer"]["token"]), IMPORT, input=wish)
    kept.of(Client(demo["shop"]), "query($id: ID!) { order(id: $id) { id } }", id=code)
    for body in (f'{{"query": "{code}', f'["{code}"]', code):
        kept.post(demo["admin"], body, {"content-type": "application/json"})
    kept.post(f"{demo['admin']}/{code}?code={code}", b"", {"cookie": code, "referer": code})


def sell_upstream(operator: Client, buyer: Client, planting: Planting) -> list[dict[str, Any]]:
    """The rest of the codes comes from a supplier, through the worker."""
    with supplier(planting.plant(SUPPLIER_CODES)) as url:
        save = (
            "mutation S($input: SupplierSaveInput!) { supplierSave(input: $input) {"
            f" {ERRORS} }} }}"
        )
        wish = {
            "code": "leaks",
            "name": "Leaks",
            "adapter": "generic_http",
            "baseUrl": url,
            "secret": uuid4().hex,
            "priority": 1,
        }
        assert operator.data(save, input=wish)["supplierSave"]["userErrors"] == []
        offer = f"mutation O($input: OfferSaveInput!) {{ offerSave(input: $input) {{ {ERRORS} }} }}"
        wish = {
            "sku": BOUGHT,
            "supplierCode": "leaks",
            "item": "leaks",
            "cost": COST,
            "priority": 1,
        }
        assert operator.data(offer, input=wish)["offerSave"]["userErrors"] == []
        try:
            placed = [buyer.buy(BOUGHT, PIECES) for _ in range(SUPPLIER_CODES // PIECES)]
            return [when_closed(buyer, each["order"]) for each in placed]
        finally:
            operator.data(offer, input={**wish, "enabled": False})


def hand_on(buyer: Client, shop: Client, order_id: str) -> str:
    """One order's first card by a claim link; the code that its receiver saw."""
    make = """mutation M($input: ClaimLinkCreateInput!) { claimLinkCreate(input: $input) {
        address { url qrSvg } userErrors { code } } }"""
    redeem = """mutation R($input: ClaimLinkRedeemInput!) { claimLinkRedeem(input: $input) {
        secrets { secret } userErrors { code } } }"""
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wish = {"orderId": order_id, "expiresAt": ends, "idempotencyKey": uuid4().hex}
    url = buyer.data(make, input=wish)["claimLinkCreate"]["address"]["url"]
    token = url.rpartition("#")[2]
    given = {"token": token, "idempotencyKey": uuid4().hex}
    found = shop.data(redeem, input=given)["claimLinkRedeem"]
    assert found["userErrors"] == []
    return str(found["secrets"][0]["secret"])


def run(
    demo: dict[str, Any], *command: str, given: str = "", password: str = ""
) -> subprocess.CompletedProcess[str]:
    """A command on the machine of the demo, as its operator runs it."""
    environment = _environment_of(demo)
    return subprocess.run(
        [*environment["program"], *command],
        env={**environment["variables"], "KAMENG_OPERATOR_PASSWORD": password},
        cwd=demo["folder"],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def trace_complaint(demo: dict[str, Any], operator: Client, code: str, kept: Answers) -> None:
    """A complaint about a code: its fingerprint on the machine, its trace over the API."""
    made = run(demo, "cards", "fingerprint", "--sku", BOUGHT, given=code.upper())
    assert made.returncode == 0, made.stderr
    kept.keep((made.stdout + made.stderr).encode())
    fingerprint = made.stdout.split()[1]
    found = kept.of(operator, TRACE, print=fingerprint)["data"]["cardTrace"]
    assert found["card"]["id"] == made.stdout.split()[2]
    assert found["faults"] == []


def database_of(demo: dict[str, Any]) -> str:
    """The URL of the demo's database."""
    return str(_environment_of(demo)["variables"]["KAMENG_DATABASE_URL"])


async def _data_folder(url: str) -> Path:
    """Where the server's files are, with all in them that it holds in memory."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("CHECKPOINT")
        return Path(await conn.fetchval("SHOW data_directory"))
    finally:
        await conn.close()


def places_of(demo: dict[str, Any]) -> dict[str, bytes]:
    """Every place where a code could have been written to."""
    data = asyncio.run(_data_folder(database_of(demo)))
    valkey = redis.Redis.from_url(_environment_of(demo)["variables"]["KAMENG_REDIS_URL"])
    with valkey:
        valkey.save()
    places = {str(path): path.read_bytes() for path in files_of(demo)}
    for path in data.rglob("*"):
        if path.is_file():
            places[f"database files: {path.relative_to(data)}"] = path.read_bytes()
    places["a dump of the database"] = dump_of(demo)
    return places


def leaks_in(places: dict[str, bytes], planting: Planting | Known) -> dict[str, list[str]]:
    """Where codes stand, and in which forms."""
    found = {name: planting.found_in(content) for name, content in places.items()}
    return {name: forms for name, forms in found.items() if forms}


def walk(ways: Ways, operator: Client, order: dict[str, Any], badly: str) -> Known:
    """All other ways of a code; those that the shop made itself on them."""
    clerk, chief = ways.operator("leaks-clerk"), ways.operator("leaks-chief")
    shelf = """{ products(query: "roblox", first: 5) { nodes { category { id }
        variants { id sku } } } }"""
    products = ways.buyer.data(shelf)["products"]["nodes"]
    category = products[0]["category"]["id"]
    ids = {each["sku"]: each["id"] for product in products for each in product["variants"]}
    card_ids = [card["id"] for card in ways.buyer.order(order["id"])["cards"]]
    assert set(leak_ways.look(ways, clerk, card_ids)) <= set(ways.planting.codes)
    leak_ways.import_badly(ways, operator, badly)
    taken = leak_ways.take_out(ways, clerk, chief, ids[badly])
    assert set(taken) & set(ways.planting.codes)
    own = [code for code in taken if code not in set(ways.planting.codes)]
    gifts = leak_ways.give(ways, chief, category)
    with leak_ways.told_by_mail(ways, chief) as sink:
        told = leak_ways.buy_and_be_told(ways, badly, sink)
        leak_ways.complain(ways, chief, clerk, told)
        leak_ways.complain(ways, chief, clerk, order)
    number = leak_ways.fill_in(ways, chief)
    return Known([*gifts, *own[:3], number])


def test_a_thousand_codes_are_nowhere_but_with_their_buyers(
    demo: dict[str, Any], shop: Client, buyer: Client, operator: Client, tmp_path: Path
) -> None:
    planting, kept = Planting(), Answers()
    origin = demo["shop"].removesuffix("/graphql/shop")
    ways = Ways(origin, buyer, kept, planting, partial(run, demo), tmp_path)
    pay_in(ways, demo, operator, "90000")
    with hooked(demo) as received:
        import_all(demo, operator, planting, kept)
        import_by_a_job(demo, operator, planting, kept)
        ask_wrongly(demo, operator, planting, kept)
        orders = [buyer.buy(OWN, PIECES)["order"] for _ in range(5)]
        orders += sell_upstream(operator, buyer, planting)
        seen = {hand_on(buyer, shop, orders[-1]["id"])}
        for order in orders:
            kept.keep(json.dumps(buyer.order(order["id"])).encode())
            seen |= {shown["secret"] for shown in buyer.reveal(order["id"])}
        assert len(planting.codes) == CSV_CODES + JOB_CODES + API_CODES + SUPPLIER_CODES == 1_000
        assert len(seen & set(planting.codes)) == len(orders) * PIECES  # what was sold are these
        known = walk(ways, operator, orders[0], OWN)
        partner_buys(demo, OWN, uuid4().hex)
        wait_for(lambda: len(received) >= 2, "webhooks")
    sold_upstream = set(planting.codes[1_000 - SUPPLIER_CODES : 1_000])
    trace_complaint(demo, operator, max(seen & sold_upstream), kept)
    for command in ("verify-cards", "check-invariants"):
        done = run(demo, command)
        assert done.returncode == 0, done.stdout + done.stderr
        kept.keep((done.stdout + done.stderr).encode())
    places = places_of(demo)
    places["webhooks"] = b"".join(repr(headers).encode() + body for headers, body in received)
    places |= kept.said
    leaks = leaks_in(places, planting)
    assert leaks == {}, planting.shown_in({name: places[name] for name in leaks})
    assert leaks_in(places, known) == {}
    _all_was_looked_at(places, orders[-1]["number"].encode())


def _all_was_looked_at(places: dict[str, bytes], number: bytes) -> None:
    """What may be there, is: an order's number, jobs of the queue, what is said at DEBUG."""
    assert number in places["a dump of the database"]
    assert any(number in content for name, content in places.items() if "pg_wal" in name)
    assert any(b"fulfil_line" in content for name, content in places.items() if "valkey" in name)
    assert any(b'"level": "debug"' in content for content in places.values())
    assert b"order.delivered" in places["webhooks"]
    assert any(name.startswith("mail") for name in places)


@contextmanager
def hooked(demo: dict[str, Any]) -> Iterator[list[tuple[dict[str, str], bytes]]]:
    """A partner's endpoint that keeps what it is sent."""
    partner = Client(demo["partner"], demo["partner_key"]["key"])
    save = f"""
    mutation Save($input: WebhookEndpointCreateInput!) {{ webhookEndpointCreate(input: $input) {{
      endpoint {{ id }} {ERRORS} }} }}
    """
    with receiver() as (url, received):
        wish = {"url": url, "events": ["order.paid", "order.delivered"]}
        assert partner.data(save, input=wish)["webhookEndpointCreate"]["userErrors"] == []
        yield received


def partner_buys(demo: dict[str, Any], sku: str, external_id: str) -> None:
    """A code, by a partner."""
    partner = Client(demo["partner"], demo["partner_key"]["key"])
    place = f"""
    mutation Place($input: OrderPlaceInput!) {{ orderPlace(input: $input) {{
      order {{ id }} {ERRORS} }} }}
    """
    wish = {
        "externalId": external_id,
        "sku": sku,
        "quantity": 2,
        "maxUnitCost": {"amount": "1000", "currency": "CNY"},
    }
    assert partner.data(place, input=wish)["orderPlace"]["userErrors"] == []


def test_twin_a_code_that_does_leak_is_found_in_every_place(demo: dict[str, Any]) -> None:
    """Planted on purpose: a scan that cannot fail proves nothing."""
    planting = Planting()
    (code,) = planting.plant(1)
    asyncio.run(_into_the_database(database_of(demo), code))
    valkey = redis.Redis.from_url(_environment_of(demo)["variables"]["KAMENG_REDIS_URL"])
    with valkey:
        valkey.set("leak", code.lower())
        valkey.delete("leak")
    log = Path(demo["folder"]) / "var" / "log" / "leak.log"
    log.write_text(json.dumps({"event": f"it is {code.upper()}"}))
    found = leaks_in(places_of(demo), planting)
    log.unlink()
    assert found["a dump of the database"] == ["hex"]
    assert found[str(log)] == ["plain"]
    assert any("pg_wal" in name for name in found)
    assert any("base" in name for name in found)
    assert any("valkey" in name for name in found)


def test_twin_a_code_that_is_told_is_found_with_whom_it_was_told(
    demo: dict[str, Any], buyer: Client, operator: Client, tmp_path: Path
) -> None:
    """Answers, webhooks and mails are searched as they were sent: one code in each on purpose."""
    planting, kept = Planting(), Answers()
    (code,) = planting.plant(1)
    origin = demo["shop"].removesuffix("/graphql/shop")
    ways = Ways(origin, buyer, kept, planting, partial(run, demo), tmp_path)
    pay_in(ways, demo, operator, "500")
    chief = ways.operator("leaks-twin")
    text = {"subject": "It is here", "body": f"{{number}} {code}"}
    wish = {"event": "order.delivered", "medium": "EMAIL", "language": "en", "text": text}
    with hooked(demo) as received, leak_ways.told_by_mail(ways, chief) as sink:
        ways.show(chief, "notificationTemplateSave", "template { event }", **wish)
        leak_ways.buy_and_be_told(ways, "STEAM-CNY-50", sink)
        ways.show(chief, "notificationTemplateSave", "template { event }", **{**wish, "text": TEXT})
        partner_buys(demo, "STEAM-CNY-50", code)
        wait_for(lambda: len(received) >= 2, "webhooks")
    ask = "query($id: String!) { order(externalId: $id) { externalId } }"
    kept.of(Client(demo["partner"], demo["partner_key"]["key"]), ask, id=code)
    places = {"webhooks": b"".join(body for _, body in received)} | kept.said
    found = leaks_in(places, planting)
    assert found["webhooks"] == ["plain"]
    assert {name.split()[0] for name in found} == {"webhooks", "mail", "answer"}


def pay_in(ways: Ways, demo: dict[str, Any], operator: Client, amount: str) -> None:
    """What the demo's buyer needs: other journeys spend of the same wallet."""
    credit = {
        "login": demo["buyer"]["login"],
        "amount": {"amount": amount, "currency": "CNY"},
        "idempotencyKey": uuid4().hex,
    }
    ways.do(operator, "walletTopup", "replayed", **credit)


async def _into_the_database(url: str, code: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("CREATE TABLE leak (content bytea)")
        await conn.execute("INSERT INTO leak VALUES ($1)", code.encode())
    finally:
        await conn.close()


FORMS = {
    "plain": lambda code: code.encode(),
    "upper": lambda code: code.upper().encode(),
    "lower": lambda code: code.lower().encode(),
    "hex": lambda code: code.encode().hex().encode(),
    "upper in hex": lambda code: code.upper().encode().hex().upper().encode(),
    "base64": lambda code: base64.b64encode(code.encode()),
    "lower in base64": lambda code: base64.b64encode(code.lower().encode()),
    "url-safe base64": lambda code: base64.urlsafe_b64encode(code.encode()),
    "utf-16": lambda code: code.encode("utf-16-le"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_code_is_found_in_every_form(form: str) -> None:
    for number in range(40):
        planting = Planting()
        (code,) = planting.plant(1)
        before, after = "x" * (number % 7), "y" * (number % 5)
        content = FORMS[form](before + code + after)
        assert planting.found_in(b"\0\1" + content + b"\n"), content
        assert Planting().found_in(content) == []
