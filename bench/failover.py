"""`kameng bench failover`: from a supplier's no to the next one's order on the wire.

One line after the other is bought of a variant that many suppliers offer; the first of them says no
each time. The time runs where we are, from the last byte of the answer that was read to the last
byte of the next order that was written: between the two the rejection is booked, the next supplier
is chosen, and its attempt is committed. It runs in the suppliers' process as well, from its answer
to the next order that it has read, which adds both ways and what the suppliers themselves take.
"""

import asyncio
import os
import time
from functools import partial
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import httpx2

from adapters.http import PartnerClient
from bench.filling import OPERATOR, WALLET, offer, variants_for_sale
from bench.installation import filled, run_name, write_results
from bench.selling import Suppliers, selling
from domain import agents, fulfilment, ledger
from domain.checkout import CURRENCY, LineWish, Purchase, place_order
from domain.kernel import Actor, ActorKind
from server import spare_the_collector
from server.loop import use_fast_loops
from server.settings import Settings
from server.wiring import connect, disconnect, partners

WARM = 20


class Wire:
    """When answers were read and orders written: each line has two of both."""

    def __init__(self) -> None:
        self._read_at: float | None = None
        self._between: list[float] = []

    @property
    def gaps_ms(self) -> list[float]:
        """From each no to the order after it, and not from each yes to the line after it."""
        return self._between[::2]

    def follow(self, client: PartnerClient) -> None:
        """Listen to the requests of this client."""
        client.http.event_hooks = {"request": [self._follow]}

    async def _follow(self, request: httpx2.Request) -> None:
        request.extensions = {**request.extensions, "trace": self._note}

    async def _note(self, step: str, _: Any) -> None:
        if step == "http11.receive_response_body.complete":
            self._read_at = time.perf_counter()
        if step == "http11.send_request_body.complete" and self._read_at is not None:
            self._between.append((time.perf_counter() - self._read_at) * 1000)


def measure(candidates: int, lines: int) -> list[dict[str, Any]]:
    """One row: how many suppliers were to choose from, p50 and p99 in milliseconds, and the same as
    the suppliers have seen it."""
    use_fast_loops()  # as the worker does
    with (
        selling() as suppliers,
        filled(partial(_prepare, suppliers, candidates)) as (settings, sku),
    ):
        rows = [asyncio.run(_run(settings, suppliers, sku, candidates, lines))]
    write_results("failover", rows)
    return rows


async def _prepare(suppliers: Suppliers, candidates: int, settings: Settings) -> str:
    await connect(settings, "bench")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        made = await variants_for_sale(1)
        others = [f"yes-{number:03}" for number in range(candidates - 1)]
        await offer(made, suppliers.origin, ["no-first", *others])
        return made[0].sku
    finally:
        await disconnect()


async def _run(
    settings: Settings, suppliers: Suppliers, sku: str, candidates: int, lines: int
) -> dict[str, Any]:
    await connect(settings, "bench")
    spare_the_collector()  # as the worker does
    try:
        wire = Wire()
        wire.follow(partners)
        for line_id in await _paid_lines(sku, WARM + lines):
            await fulfilment.fulfil_line(line_id)
    finally:
        await disconnect()
    ours, seen = wire.gaps_ms[WARM:], suppliers.told()["gaps_ms"][WARM:]
    assert len(ours) == len(seen) == lines, (len(ours), len(seen))
    return {
        "name": f"failover_of_{candidates}",
        "candidates": candidates,
        "lines": lines,
        **_percentiles("", ours),
        **_percentiles("seen_", seen),
        "load": round(os.getloadavg()[0], 1),
    }


def _percentiles(of: str, taken: list[float]) -> dict[str, float]:
    return {
        f"{of}p50_ms": round(median(taken), 2),
        f"{of}p99_ms": round(quantiles(taken, n=100)[98], 2),
    }


async def _paid_lines(sku: str, number: int) -> list[UUID]:
    signed_in = await agents.sign_in_guest("bench-buyer-device-000001", "bench")
    await ledger.top_up(OPERATOR, signed_in.user.id, WALLET, "bench", "bench-1")
    buyer, run = Actor(kind=ActorKind.USER, user_id=signed_in.user.id), run_name()
    lines = []
    for each in range(number):
        wish = Purchase((LineWish(sku, 1),), f"{run}-{each}")
        lines.append((await place_order(buyer, wish)).lines[0].id)
    return lines
