"""A storm of buyers over HTTP: nobody is oversold, everybody gets an answer, the shop stays awake.

The installation is small on purpose: one API process with few database connections.
"""

import asyncio
import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import make
from tests.faults.conftest import Installation
from tests.faults.test_races import BUY, no_violations, sold

pytestmark = pytest.mark.xdist_group("races")
BUYERS, CARDS = 250, 20
PROBE = json.dumps({"query": "{ products(first: 5) { nodes { slug } } }"})


@dataclass
class Answer:
    """One answer of the shop."""

    status: int
    headers: dict[str, str]
    content: dict[str, Any]
    seconds: float

    @property
    def code(self) -> str:
        """What became of the purchase, in one word."""
        if "errors" in self.content:
            return str(self.content["errors"][0]["extensions"]["code"])
        payload = self.content["data"]["orderCreate"]
        refusals = [each["code"] for each in payload["userErrors"]]
        return str(refusals[0] if refusals else payload["order"]["status"])


@dataclass
class Watch:
    """Somebody who looks at the shelves meanwhile, in a thread of its own."""

    address: str
    over: threading.Event = field(default_factory=threading.Event)
    looks: int = 0
    most_under_way: int = 0

    def run(self) -> None:
        """Until it is over."""
        client = http.client.HTTPConnection(self.address, timeout=60)
        while not self.over.is_set():
            content = self._ask(client, "POST", "/graphql/shop", PROBE)
            assert b"errors" not in content, content
            self.looks += 1
        for line in self._ask(client, "GET", "/metrics").splitlines():
            if line.startswith(b'kameng_purchases{state="most_under_way"}'):
                self.most_under_way = int(float(line.split()[1]))
        client.close()

    def _ask(self, client: http.client.HTTPConnection, *asked: str) -> bytes:
        client.request(*asked, headers={"content-type": "application/json"})
        answer = client.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content


async def ask(address: str, token: str, sku: str, together: asyncio.Barrier | None) -> Answer:
    """Buy one card, at the same moment as everybody else: plain bytes on a ready connection."""
    wish = {"idempotencyKey": "one", "lines": [{"sku": sku, "quantity": 1}]}
    body = json.dumps({"query": BUY, "variables": {"input": wish}}).encode()
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    if together is not None:
        await together.wait()
    begun = time.perf_counter()
    writer.write(
        f"POST /graphql/shop HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
    content = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    seconds = time.perf_counter() - begun
    return Answer(int(first.split()[1]), headers, json.loads(content), seconds)


async def ask_again(address: str, token: str, sku: str, answer: Answer) -> Answer:
    """As the refusal says: the same request, after so many seconds."""
    for _ in range(5):
        if answer.status != 503:
            break
        await asyncio.sleep(int(answer.headers["retry-after"]))
        answer = await ask(address, token, sku, None)
    return answer


async def storm(
    installation: Installation, sku: str, tokens: list[str], **settings: object
) -> tuple[list[Answer], Watch]:
    """All buyers at once, and somebody who watches."""
    small = {"WORKERS": 1, "POOL_SIZE": 4, **settings}
    installation.environment |= {f"KAMENG_{name}": str(value) for name, value in small.items()}
    installation.start("serve")
    address = urlsplit(installation.origin).netloc
    watch, together = Watch(address), asyncio.Barrier(len(tokens))
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        answers = await asyncio.gather(*(ask(address, token, sku, together) for token in tokens))
    finally:
        watch.over.set()
        await asyncio.to_thread(thread.join)
    return answers, watch


async def buyers(number: int) -> list[str]:
    return [await make.token(await make.buyer()) for _ in range(number)]


async def test_a_storm_is_let_in_a_few_at_a_time_and_everybody_gets_an_answer(
    installation: Installation,
) -> None:
    variant, tokens = await make.variant(cards=CARDS), await buyers(BUYERS)
    bounds = {"PURCHASES_AT_ONCE": 2, "PURCHASES_WAITING": 60, "PURCHASE_WAIT_SECONDS": 20}
    answers, watch = await storm(installation, variant.sku, tokens, **bounds)
    codes = Counter(each.code for each in answers)
    assert codes.keys() == {"DELIVERED", "OUT_OF_STOCK", "SHOP_BUSY"}
    assert codes["DELIVERED"] == await sold(variant.id) == CARDS
    turned_away = [each for each in answers if each.status == 503]
    assert len(turned_away) == codes["SHOP_BUSY"] >= BUYERS - 2 - 60 - 60  # and those who followed
    for each in turned_away:
        told = each.content["errors"][0]["extensions"]["retryAfter"]
        assert 1 <= told <= 60
        assert each.headers["retry-after"] == str(told)
    last_served = max(each.seconds for each in answers if each.status == 200)
    assert median(each.seconds for each in turned_away) < last_served, "a refusal does not wait"
    assert watch.most_under_way == 2
    assert watch.looks > 1, "somebody who only looks is not kept waiting"
    address = urlsplit(installation.origin).netloc
    pairs = zip(tokens, [variant.sku] * BUYERS, answers, strict=True)
    ends = await asyncio.gather(*(ask_again(address, *each) for each in pairs))
    assert Counter(each.code for each in ends) == {"DELIVERED": CARDS, "OUT_OF_STOCK": 230}
    assert await sold(variant.id) == CARDS
    await no_violations()


async def test_without_the_bound_all_of_them_are_under_way_at_once(
    installation: Installation,
) -> None:
    """The twin: the same storm, the same watch."""
    variant, tokens = await make.variant(cards=CARDS), await buyers(BUYERS)
    answers, watch = await storm(installation, variant.sku, tokens, PURCHASES_AT_ONCE=10_000)
    assert Counter(each.code for each in answers) == {"DELIVERED": CARDS, "OUT_OF_STOCK": 230}
    assert watch.most_under_way > 20, "ten times what the bound lets in"
    await no_violations()
