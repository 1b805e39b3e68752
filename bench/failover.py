"""`kameng bench failover`: from a supplier's no to the next one's order on the wire.

One line after the other is bought of a variant that many suppliers offer; the first of them says no
each time. The time runs in the suppliers' process, from its answer to the next order that it reads:
between the two the rejection is booked, all candidates are ranked, and the next attempt is
committed.
"""

import asyncio
import os
from functools import partial
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from bench.filling import OPERATOR, WALLET, offer, variants_for_sale
from bench.installation import filled, run_name, write_results
from bench.selling import Suppliers, selling
from domain import agents, fulfilment, ledger
from domain.checkout import CURRENCY, LineWish, Purchase, place_order
from domain.kernel import Actor, ActorKind
from server import spare_the_collector
from server.loop import use_fast_loops
from server.settings import Settings
from server.wiring import connect, disconnect

WARM = 20


def measure(candidates: int, lines: int) -> list[dict[str, Any]]:
    """One row: how many suppliers were to choose from, p50 and p99 in milliseconds."""
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
        for line_id in await _paid_lines(sku, WARM + lines):
            await fulfilment.fulfil_line(line_id)
    finally:
        await disconnect()
    taken = suppliers.told()["gaps_ms"][WARM:]
    return {
        "name": f"failover_of_{candidates}",
        "candidates": candidates,
        "lines": len(taken),
        "p50_ms": round(median(taken), 2),
        "p99_ms": round(quantiles(taken, n=100)[98], 2),
        "load": round(os.getloadavg()[0], 1),
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
