"""A thousand planted codes go through the shop, and are nowhere but with their buyers (B1, I19)."""

import asyncio
import base64
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2 as httpx
import pytest
import redis

from tests.journeys.leaks import Planting
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
COST = {"amount": "1", "currency": "CNY"}


class Answers:
    """What was answered to everybody who asked for no code, each under a name."""

    def __init__(self) -> None:
        self.said: dict[str, bytes] = {}

    def keep(self, content: bytes) -> None:
        """One more answer."""
        self.said[f"answer {len(self.said)}"] = content

    def of(self, client: Client, query: str, **variables: Any) -> dict[str, Any]:
        """Ask, and keep the answer."""
        result = client.send(query, **variables)
        self.keep(json.dumps(result, ensure_ascii=False).encode())
        return result

    def post(self, url: str, content: bytes | str, headers: dict[str, str]) -> httpx.Response:
        """Send anything, and keep the answer with its headers."""
        answer = httpx.post(url, content=content, headers=headers, timeout=30)
        self.keep(repr(answer.headers).encode() + answer.content)
        return answer


@contextmanager
def supplier(codes: list[str]) -> Iterator[str]:
    """An upstream party that delivers these codes."""
    left, told = list(codes), {}

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
            self._say(told[wish["reference"]])

        def do_GET(self) -> None:
            self._say(told[self.path.rpartition("/")[2]])

        def _say(self, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
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


def run(demo: dict[str, Any], *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """A command on the machine of the demo, as its operator runs it."""
    environment = _environment_of(demo)
    return subprocess.run(
        [*environment["program"], *command],
        env=environment["variables"],
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


def leaks_in(places: dict[str, bytes], planting: Planting) -> dict[str, list[str]]:
    """Where codes stand, and in which forms."""
    found = {name: planting.found_in(content) for name, content in places.items()}
    return {name: forms for name, forms in found.items() if forms}


def test_a_thousand_codes_are_nowhere_but_with_their_buyers(
    demo: dict[str, Any], shop: Client, buyer: Client, operator: Client
) -> None:
    planting, kept = Planting(), Answers()
    credit = {
        "login": demo["buyer"]["login"],
        "amount": {"amount": "90000", "currency": "CNY"},
        "idempotencyKey": uuid4().hex,
    }
    top_up = (
        f"mutation C($input: WalletTopupInput!) {{ walletTopup(input: $input) {{ {ERRORS} }} }}"
    )
    assert operator.data(top_up, input=credit)["walletTopup"]["userErrors"] == []
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
        partner_buys(demo)
        wait_for(lambda: len(received) >= 2, "webhooks")
    assert len(planting.codes) == CSV_CODES + JOB_CODES + API_CODES + SUPPLIER_CODES == 1_000
    assert len(seen & set(planting.codes)) == len(orders) * PIECES  # what was sold are these codes
    trace_complaint(demo, operator, max(seen & set(planting.codes[-SUPPLIER_CODES:])), kept)
    for command in ("verify-cards", "check-invariants"):
        done = run(demo, command)
        assert done.returncode == 0, done.stdout + done.stderr
        kept.keep((done.stdout + done.stderr).encode())
    places = places_of(demo)
    places["webhooks"] = b"".join(repr(headers).encode() + body for headers, body in received)
    places |= kept.said
    leaks = leaks_in(places, planting)
    assert leaks == {}, planting.shown_in({name: places[name] for name in leaks})
    # The search has looked at all of it: what may be there, is.
    number = orders[-1]["number"].encode()
    assert number in places["a dump of the database"]
    assert any(number in content for name, content in places.items() if "pg_wal" in name)
    assert any(b"fulfil_line" in content for name, content in places.items() if "valkey" in name)
    assert any(b'"level": "debug"' in content for content in places.values())
    assert b"order.delivered" in places["webhooks"]


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


def partner_buys(demo: dict[str, Any]) -> None:
    """A planted code, by a partner."""
    partner = Client(demo["partner"], demo["partner_key"]["key"])
    place = f"""
    mutation Place($input: OrderPlaceInput!) {{ orderPlace(input: $input) {{
      order {{ id }} {ERRORS} }} }}
    """
    wish = {
        "externalId": uuid4().hex,
        "sku": OWN,
        "quantity": 2,
        "maxUnitCost": {"amount": "1000", "currency": "CNY"},
    }
    assert partner.data(place, input=wish)["orderPlace"]["userErrors"] == []


def wait_for(ready: Any, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited for {what} in vain"
        time.sleep(0.05)


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
