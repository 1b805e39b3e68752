"""`kameng bench delivery`: from paid to delivered, through suppliers that answer at once.

Orders come in at a steady rate over HTTP, whatever becomes of those before; each has to be bought
upstream. The time is that of the database's own rows, from the order's payment to the line's
delivery: hint, relay, queue, job, supplier, booking. `--open` measures instead what one worker
holds in memory while so many attempts have no outcome.
"""

import asyncio
import json
import os
import time
from functools import partial
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from bench.filling import Shop, fill_for_supply
from bench.installation import Installation, installed, run_name, write_results
from bench.selling import Suppliers, selling
from bench.watching import most_memory, worked
from server.settings import Settings

PROGRAMS = ("serve", "worker", "scheduler")
BUYERS, VARIANTS = 50, 50
LAST_SECONDS = 60.0
WARM_SECONDS = 3
BUY = (
    "mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {"
    " order { id status } userErrors { code } } }"
)
TAKEN = """
SELECT extract(epoch FROM l.delivered_at - o.paid_at)::float8 AS seconds
FROM orders o JOIN order_lines l ON l.order_id = o.id
WHERE l.status = 'DELIVERED' ORDER BY o.id OFFSET $1
"""
OPEN = "SELECT count(*) FROM fulfilment_attempts WHERE status = 'accepted'"


def measure(rate: int, seconds: int) -> list[dict[str, Any]]:
    """One row: orders a second, how many were delivered, p50 and p99 in milliseconds."""
    with (
        selling() as suppliers,
        installed(PROGRAMS, partial(_prepare, suppliers, "yes-first")) as (installation, shop),
    ):
        rows = [asyncio.run(_deliver(installation, shop, rate, seconds))]
    write_results("delivery", rows)
    return rows


def measure_open(attempts: int) -> list[dict[str, Any]]:
    """One row: the most memory that the worker held, in MiB, with so many attempts open."""
    with (
        selling() as suppliers,
        installed(PROGRAMS, partial(_prepare, suppliers, "take-first")) as (installation, shop),
    ):
        rows = [asyncio.run(_hold(installation, shop, attempts))]
    write_results("attempts", rows)
    return rows


async def _prepare(suppliers: Suppliers, code: str, settings: Settings) -> Shop:
    return await fill_for_supply(settings, suppliers.origin, [code], BUYERS, VARIANTS)


async def _deliver(
    installation: Installation, shop: Shop, rate: int, seconds: int
) -> dict[str, Any]:
    number = rate * (seconds + WARM_SECONDS)
    before = await worked(installation.settings, PROGRAMS)
    placed = await _orders(installation, shop, number, rate)
    conn = await asyncpg.connect(installation.settings.database_url)
    try:
        await _until(conn, "SELECT count(*) FROM order_lines WHERE status = 'DELIVERED'", placed)
        rows = await conn.fetch(TAKEN, rate * WARM_SECONDS)
    finally:
        await conn.close()
    taken = [row["seconds"] * 1000 for row in rows]
    after = await worked(installation.settings, PROGRAMS)
    return {
        "name": f"delivery_at_{rate}",
        "rate": rate,
        "placed": placed,
        "delivered": len(taken),
        "p50_ms": round(median(taken), 1),
        "p99_ms": round(quantiles(taken, n=100)[98], 1),
        "load": round(os.getloadavg()[0], 1),
        **{
            f"{name}_cpu_ms": round((after[name] - before[name]) * 1000 / placed, 1)
            for name in before
        },
    }


async def _hold(installation: Installation, shop: Shop, attempts: int) -> dict[str, Any]:
    placed = await _orders(installation, shop, attempts, rate=attempts)
    conn = await asyncpg.connect(installation.settings.database_url)
    try:
        await _until(conn, OPEN, placed)
        await asyncio.sleep(10)  # they are asked about meanwhile
        held = await conn.fetchval(OPEN)
    finally:
        await conn.close()
    return {"name": f"open_attempts_{held}", "open": held, "worker_mib": most_memory("worker")}


async def _orders(installation: Installation, shop: Shop, number: int, rate: int) -> int:
    """Send orders at a steady rate over as many connections as it takes; how many were taken."""
    run, begun = run_name(), time.perf_counter()
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def one(each: int) -> bool:
        await asyncio.sleep(max(0.0, begun + each / rate - time.perf_counter()))
        line = {"sku": shop.skus[each % len(shop.skus)], "quantity": 1}
        wish = {"idempotencyKey": f"{run}-{each}", "lines": [line]}
        body = json.dumps({"query": BUY, "variables": {"input": wish}}).encode()
        address = urlsplit(f"{installation.origin}/graphql/shop")
        pair = idle.pop() if idle else None
        pair = pair or await asyncio.open_connection(address.hostname, address.port)
        reader, writer = pair
        writer.write(
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\n"
            f"Authorization: Bearer {shop.tokens[each % len(shop.tokens)]}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = head.partition(b"content-length:")
        answer = await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
        idle.append(pair)
        return b'"status":"PAID"' in answer

    found = sum(await asyncio.gather(*(one(each) for each in range(number))))
    for _, writer in idle:
        writer.close()
    return found


async def _until(conn: asyncpg.Connection, question: str, number: int) -> None:
    deadline = time.monotonic() + LAST_SECONDS
    while await conn.fetchval(question) < number:
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.2)
