"""The supplier in frontend-examples keeps the promises of its dialect, bought from by the adapter.

It runs as its reader runs it: a process of its own, started from its folder's file.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from urllib.parse import urlencode

import httpx2 as httpx
import pytest

from adapters.http import PartnerClient
from adapters.suppliers.hook import NAME, Hook
from domain import checkout, fulfilment, orders, suppliers
from domain.cards.models import Card
from domain.checkout import LineWish, Purchase
from domain.kernel import clock
from domain.orders import LineStatus
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    Connection,
    NotFound,
    Rejected,
    Submission,
    SupplierPort,
    Uncertain,
)
from tests import make

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "frontend-examples" / "supplier-hook" / "supplier.py"
GUIDE = ROOT / "docs" / "add-a-supplier.md"
KEY = b"a key of thirty-two bytes, or so"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
COST = make.yuan(45)
GOODS = {
    "currency": "CNY",
    "balance": "400",
    "goods": [
        {"item": "card", "price": "45", "codes": [{"secret": f"CODE-{n:04}"} for n in range(6)]},
        {"item": "phone", "price": "29.4", "account": ["mobile"], "takes_seconds": 0.4},
        {"item": "dear", "price": "401", "codes": [{"secret": "DEAR-0001"}]},
    ],
}


@dataclass
class Example:
    """The program at work."""

    folder: Path
    process: subprocess.Popen[str] | None = None
    url: str = ""

    def start(self, *options: str) -> None:
        """Run it on a free port, over the book that it had before."""
        wish = ["--port", "0", "--goods", str(self.folder / "goods.json")]
        wish += ["--book", str(self.folder / "book.sqlite"), *options]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM), *wish],
                env={**os.environ, "SUPPLIER_SECRET": SECRET},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        assert told.startswith("Listening on "), (self.folder / "log").read_text()
        self.url = told.removeprefix("Listening on ").strip()

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None

    def sold(self) -> list[tuple[str, str]]:
        """(code, reference) of all that its book says it sold."""
        with closing(sqlite3.connect(self.folder / "book.sqlite")) as book:
            return book.execute(
                "SELECT secret, reference FROM codes WHERE reference IS NOT NULL ORDER BY secret"
            ).fetchall()

    def wait_for_sale(self) -> None:
        """Until its book says that something was sold."""
        for _ in range(200):
            if self.sold():
                return
            time.sleep(0.02)
        pytest.fail((self.folder / "log").read_text())

    def charged(self) -> int:
        with closing(sqlite3.connect(self.folder / "book.sqlite")) as book:
            return int(book.execute("SELECT coalesce(sum(charged), 0) FROM orders").fetchone()[0])

    def connection(self, timeout_seconds: float = 5.0) -> Connection:
        return Connection("own", self.url, urlencode({"secret": SECRET}), timeout_seconds)


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Example]:
    (tmp_path / "goods.json").write_text(json.dumps(GOODS))
    made = Example(tmp_path)
    yield made
    if made.process is not None:
        made.kill()


@pytest.fixture
async def port() -> AsyncIterator[Hook]:
    client = PartnerClient()
    yield Hook(client)
    await client.close()


def order(item: str = "card", quantity: int = 2, **changes: object) -> Submission:
    made = replace(make.submission(item, quantity), max_unit_cost=make.yuan(500))
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_codes_are_bought_and_told_the_same_again(example: Example, port: Hook) -> None:
    example.start()
    wish = order()
    first = await port.submit(example.connection(), wish)
    assert isinstance(first, Completed), first
    assert [code.secret for code in first.codes] == ["CODE-0000", "CODE-0001"]
    assert (first.cost, first.whole) == (2 * COST, True)
    assert await port.submit(example.connection(), wish) == first
    assert await port.query(example.connection(), wish) == first
    assert await port.balance(example.connection()) == make.yuan(400) - 2 * COST
    assert len(example.sold()) == 2


async def test_an_answer_that_comes_too_late_was_one_sale(example: Example, port: Hook) -> None:
    example.start("--late", "1.0")
    wish = order()
    impatient = example.connection(timeout_seconds=0.3)
    assert isinstance(await port.submit(impatient, wish), Uncertain)
    assert isinstance(await port.submit(impatient, wish), Uncertain)
    found = await port.query(impatient, wish)
    assert isinstance(found, Completed), found
    assert await port.submit(example.connection(), wish) == found
    assert [code.secret for code in found.codes] == [secret for secret, _ in example.sold()]
    assert example.charged() == 2 * COST


async def test_the_book_outlives_a_kill(example: Example, port: Hook) -> None:
    example.start("--late", "30")
    wish = order()
    lost = asyncio.create_task(port.submit(example.connection(), wish))
    await asyncio.to_thread(example.wait_for_sale)
    example.kill()
    assert isinstance(await lost, Uncertain)
    gone = example.connection()
    assert isinstance(await port.submit(gone, order()), Rejected)  # nobody there: nothing was sent
    assert isinstance(await port.query(gone, wish), Uncertain)
    example.start()
    found = await port.query(example.connection(), wish)
    assert isinstance(found, Completed)
    assert len(found.codes) == len(example.sold()) == 2


async def test_a_crowd_shares_what_is_there(example: Example, port: Hook) -> None:
    example.start()
    here = example.connection()
    same, others = order(), [order(quantity=1) for _ in range(8)]
    told = await asyncio.gather(*(port.submit(here, each) for each in [same] * 4 + others))
    again = {repr(each) for each in told[:4]}
    done = [each for each in told[4:] if isinstance(each, Completed)]
    short = [each for each in told[4:] if each == Rejected(Category.OUT_OF_STOCK, "out_of_stock")]
    assert len(again) == 1
    assert len(done) + len(short) == 8
    assert len(example.sold()) == 6
    assert example.charged() == 6 * COST


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (lambda: order(max_unit_cost=COST - 1), Category.PRICE_EXCEEDED),
        (lambda: order(currency="USD"), Category.PRICE_EXCEEDED),
        (lambda: order("unknown"), Category.PRODUCT_GONE),
        (lambda: order(quantity=7), Category.OUT_OF_STOCK),
        (lambda: order("dear", 1), Category.INSUFFICIENT_BALANCE),
        (lambda: order("phone", 1), Category.INVALID_ACCOUNT),
        (lambda: order(valid_until=clock.now() - timedelta(seconds=1)), Category.PROVIDER_DOWN),
    ],
)
async def test_what_it_does_not_sell_it_says_and_never_sells_later(
    example: Example, port: Hook, wish: Callable[[], Submission], why: Category
) -> None:
    example.start()
    asked = wish()
    told = await port.submit(example.connection(), asked)
    assert isinstance(told, Rejected), told
    assert told.category is why
    better = replace(asked, max_unit_cost=make.yuan(500), currency="CNY", quantity=1)
    if why is not Category.PROVIDER_DOWN:  # what was too late is in no book
        assert await port.submit(example.connection(), better) == told
        assert await port.query(example.connection(), asked) == told
    assert (example.sold(), example.charged()) == ([], 0)


async def test_a_top_up_follows(example: Example, port: Hook) -> None:
    example.start()
    wish = order("phone", 1, account={"mobile": "13800138000"})
    first = await port.submit(example.connection(), wish)
    assert isinstance(first, Accepted)
    assert isinstance(await port.query(example.connection(), wish), Accepted)
    await asyncio.sleep(0.5)
    done = await port.query(example.connection(), wish)
    assert isinstance(done, Completed)
    assert (done.receipt, done.cost, done.codes) == ("TOPUP-1", make.yuan("29.4"), ())
    assert isinstance(await port.query(example.connection(), order()), NotFound)


def test_what_is_not_signed_sells_nothing(example: Example) -> None:
    example.start()
    wish = order()
    data = {
        "reference": wish.reference,
        "item": "card",
        "quantity": 1,
        "maxUnitCost": {"amount": "100", "currency": "CNY"},
        "validUntil": wish.valid_until.isoformat(),
    }
    body = json.dumps({"type": "supplier.submit", "data": data}).encode()
    good = signed(body)
    forged: list[tuple[bytes, Mapping[str, str | bytes]]] = [
        (body + b" ", good),
        (body, {}),
        (body, good | {"webhook-id": "other"}),
        (body, good | {"webhook-signature": "v1"}),
        (body, good | {"webhook-signature": b"v1,\xe9"}),
        (body, signed(body, seconds=-400)),
        (body, signed(body, seconds=400)),
        (body, signed(body, key=b"somebody else's key, much alike")),
    ]
    for content, headers in forged:
        assert httpx.post(example.url, content=content, headers=headers).status_code == 401
    assert example.sold() == []
    assert httpx.post(example.url, content=b"[]", headers=signed(b"[]")).status_code == 400
    long = b"x" * (64 * 1024 + 1)
    assert httpx.post(example.url, content=long, headers=signed(long)).status_code == 413
    assert httpx.post(example.url, content=body, headers=good).json()["result"] == "completed"


def signed(body: bytes, seconds: int = 0, key: bytes = KEY) -> dict[str, str]:
    moment = str(int(time.time()) + seconds)
    digest = hmac.digest(key, b"id." + moment.encode() + b"." + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {
        "webhook-id": "id",
        "webhook-timestamp": moment,
        "webhook-signature": signature,
    }


@pytest.mark.usefixtures("db")
async def test_a_shop_sells_what_it_supplies(example: Example, port: Hook) -> None:
    example.start("--late", "1.0")
    suppliers.register(NAME, port)
    variant = await make.variant(price=make.yuan(50))
    wish = suppliers.SupplierWish("own", "Own", NAME, example.url, urlencode({"secret": SECRET}))
    await suppliers.save_supplier(make.OPERATOR, wish)
    await suppliers.save_offer(
        make.OPERATOR, suppliers.OfferWish(variant.sku, "own", "card", make.yuan(45))
    )
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "key"))
    line_id = placed.lines[0].id
    suppliers.places.timeout_seconds, usual = 0.3, suppliers.places.timeout_seconds
    try:
        await fulfilment.fulfil_line(line_id)  # it answers too late: uncertain
        await fulfilment.fulfil_line(line_id)  # and is not bought again
        attempt = (await fulfilment.attempts_of([line_id]))[0]
        with make.later(minutes=5):
            await fulfilment.query_attempt(attempt.id)
    finally:
        suppliers.places.timeout_seconds = usual
    line = await orders.OrderLine.get(id=line_id)
    assert line.status is LineStatus.DELIVERED
    assert len(await fulfilment.attempts_of([line_id])) == 1
    assert len(example.sold()) == 2
    bought = await Card.filter(order_line_id=line_id).count()
    assert bought == 2


def template() -> ModuleType:
    """The adapter that the guide shows, as its reader would save it."""
    found = re.search(r"```python\n(\"\"\".+?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    module = ModuleType("template")
    exec(compile(found[1], str(GUIDE), "exec"), module.__dict__)  # noqa: S102
    return module


async def test_the_guides_template_is_an_adapter() -> None:
    made = template()
    client = PartnerClient()
    adapter: SupplierPort = made.Example(client)
    try:
        nobody = Connection("example", "http://127.0.0.1:9", "secret", 0.5)
        told = await adapter.submit(nobody, order())
        assert isinstance(told, Rejected)
        assert told.category is Category.PROVIDER_DOWN
        assert isinstance(await adapter.query(nobody, order()), Uncertain)
        assert await adapter.balance(nobody) is None
    finally:
        await client.close()
