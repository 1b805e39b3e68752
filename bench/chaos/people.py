"""Who uses the installation over HTTP during a run: buyers, and the operator at the queue."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from bench.chaos.books import Theirs
from bench.chaos.desk import Desk
from bench.chaos.plan import Purchase
from bench.chaos.shop import Doors

ANSWER_SECONDS, PAUSE_SECONDS, GIVE_UP_SECONDS = 20.0, 0.5, 300.0
OPERATOR_PAUSE_SECONDS = 2.0
NO_ANSWER = "no answer"
BUY = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { id status } replayed userErrors { code retryable
    ... on RetryLaterError { retryAfter } } } }
"""
QUEUE = """
query Queue { uncertainAttempts(first: 100) { nodes { attempt { id reference } } } }
"""
GIVE_UP = """
mutation GiveUp($input: AttemptGiveUpInput!) { attemptGiveUp(input: $input) {
  userErrors { code } } }
"""
READ_LIST = """
mutation Read($input: SupplierSyncStartInput!) { supplierSyncStart(input: $input) {
  userErrors { code } } }
"""


@dataclass(frozen=True)
class Heard:
    """What came of one request: an order, a refusal, or that it is asked again after a while."""

    order: str = ""
    code: str = NO_ANSWER
    again: bool = True
    wait: float = PAUSE_SECONDS


@dataclass
class Buyers:
    """Buyers who ask again, with the same key, until they know what became of their order: when
    they are told to, or after a short pause."""

    url: str
    doors: Doors
    run: str  # a text that makes the keys of this run its own
    client: httpx2.AsyncClient
    placed: dict[str, str] = field(default_factory=dict)  # our order's id by idempotency key
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    asked_again: Counter[str] = field(default_factory=Counter)  # by the reason

    def key_of(self, purchase: Purchase) -> str:
        """The idempotency key of a purchase."""
        return f"{self.run}-{purchase.number}"

    async def buy(self, purchase: Purchase) -> None:
        """Place one order."""
        key, deadline = self.key_of(purchase), time.monotonic() + GIVE_UP_SECONDS
        lines = [_line(sku, quantity, purchase.phone) for sku, quantity in purchase.lines]
        body = {
            "query": BUY,
            "variables": {"input": {"idempotencyKey": key, "lines": lines}},
        }
        while time.monotonic() < deadline:
            heard = await self._ask(body, self.doors.buyers[purchase.buyer])
            if heard.order:
                self.placed[key] = heard.order
                return
            if not heard.again:
                self.refused[heard.code] += 1
                return
            self.asked_again[heard.code] += 1
            await asyncio.sleep(heard.wait)
        self.unanswered.append(key)

    async def _ask(self, body: dict[str, Any], token: str) -> Heard:
        headers = {"authorization": f"Bearer {token}"}
        try:
            answer = await self.client.post(
                self.url, json=body, headers=headers, timeout=ANSWER_SECONDS
            )
            return heard_in(answer.json())
        except (httpx2.TransportError, ValueError):
            return Heard()


def heard_in(content: dict[str, Any]) -> Heard:
    """What an answer says of an order; of an error of the whole request, that it is asked again."""
    payload = (content.get("data") or {}).get("orderCreate")
    if payload is None:
        told = [error.get("extensions", {}) for error in content.get("errors", ())]
        first = told[0] if told else {}
        wait = float(first.get("retryAfter", PAUSE_SECONDS))
        return Heard(code=first.get("code", NO_ANSWER), wait=wait)
    if payload["order"] is not None:
        return Heard(payload["order"]["id"], again=False)
    errors = payload["userErrors"]
    wait = max(float(each.get("retryAfter", PAUSE_SECONDS)) for each in errors)
    again = any(each["retryable"] for each in errors)
    return Heard(code=errors[0]["code"], again=again, wait=wait)


def _line(sku: str, quantity: int, phone: str) -> dict[str, Any]:
    line: dict[str, Any] = {"sku": sku, "quantity": quantity}
    if "TOPUP" in sku:
        line["account"] = [{"key": "account", "value": phone}]
    return line


@dataclass
class Operator:
    """The operator who works off `uncertainAttempts`: calls the supplier, and says what it said."""

    url: str
    doors: Doors
    client: httpx2.AsyncClient
    desk: Desk
    their_book: Callable[[], list[Theirs]]
    gave_up: int = 0

    async def work(self) -> None:
        """Look at the queue again and again, for ever."""
        while True:
            await asyncio.sleep(OPERATOR_PAUSE_SECONDS)
            nodes = (await self.ask(QUEUE, {}))["uncertainAttempts"]["nodes"]
            waiting = {node["attempt"]["reference"]: node["attempt"]["id"] for node in nodes}
            for entry in await asyncio.to_thread(self.their_book) if waiting else ():
                ended = entry.has_goods or entry.state not in ("accepted", "completed")
                if entry.reference in waiting and not ended:
                    await self._settle(entry, waiting[entry.reference])

    async def read_list(self, supplier: str) -> None:
        """Have a supplier's list read now."""
        await self.ask(READ_LIST, {"input": {"supplierCode": supplier}})

    async def _settle(self, entry: Theirs, attempt: str) -> None:
        """Of what a supplier took and never ends, or ended without any goods: it is called, and
        takes it back."""
        if await self.desk.call(entry.supplier, entry.reference) == "cancelled":
            wish = {"attemptId": attempt, "reason": "called them: taken back"}
            payload = (await self.ask(GIVE_UP, {"input": wish}))["attemptGiveUp"]
            self.gave_up += not payload["userErrors"]

    async def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data; asked again while the door is closed."""
        headers = {"authorization": f"Bearer {self.doors.operator}"}
        body = {"query": query, "variables": variables}
        while True:
            try:
                answer = await self.client.post(
                    self.url, json=body, headers=headers, timeout=ANSWER_SECONDS
                )
                data: dict[str, Any] | None = answer.json().get("data")
                if data is not None:
                    return data
            except (httpx2.TransportError, ValueError):
                pass
            await asyncio.sleep(PAUSE_SECONDS)
