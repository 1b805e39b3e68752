"""A closed loop of HTTP clients in a process of its own: `python -m bench.load < plan.json`.

Each client sends its next request when the last one is answered. The requests are plain HTTP/1.1
over kept connections, written by hand, because an HTTP library would cost more than the shop.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Plan:
    """What to send: `{{n}}` becomes a text that is never used twice, `{{sku}}` one of the skus."""

    url: str
    body: str
    tokens: list[str] = field(repr=False)
    skus: list[str]
    clients: int
    seconds: float
    warm_seconds: float
    run: str
    good: str  # what a good answer contains


@dataclass
class Tally:
    """What came back while measuring."""

    times: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


async def run(plan: Plan) -> dict[str, Any]:
    """Warm up, measure, and say how it was: rate a second, times in milliseconds."""
    numbers = count(1)
    tally = Tally()
    start = time.perf_counter() + plan.warm_seconds
    end = start + plan.seconds
    clients = (
        _client(
            plan,
            plan.tokens[each % len(plan.tokens)] if plan.tokens else "",
            numbers,
            start,
            end,
            tally,
        )
        for each in range(plan.clients)
    )
    await asyncio.gather(*clients)
    times = sorted(tally.times)
    return {
        "clients": plan.clients,
        "seconds": plan.seconds,
        "answers": dict(tally.answers),
        "rate": round(tally.answers["good"] / plan.seconds, 1),
        "p50_ms": _quantile(times, 0.50),
        "p99_ms": _quantile(times, 0.99),
    }


async def _client(
    plan: Plan, token: str, numbers: "count[int]", start: float, end: float, tally: Tally
) -> None:
    address = urlsplit(plan.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        "Content-Type: application/json\r\nAccept: application/json\r\n"
        + (f"Authorization: Bearer {token}\r\n" if token else "")
    )
    good = plan.good.encode()
    while (sent := time.perf_counter()) < end:
        number = next(numbers)
        sku = plan.skus[number % len(plan.skus)] if plan.skus else ""
        text = plan.body.replace("{{n}}", f"{plan.run}-{number}").replace("{{sku}}", sku)
        body = text.encode()
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await _answer(reader)
        if sent >= start and time.perf_counter() <= end:
            tally.times.append(time.perf_counter() - sent)
            tally.answers["good" if good in answer else _kind_of(answer)] += 1
    writer.close()


def _kind_of(answer: bytes) -> str:
    """What else came: the first code in it."""
    found = re.search(rb'"code":"([A-Z_]+)"', answer)
    return found[1].decode() if found else "unknown"


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, rest = head.partition(b"content-length:")
    return await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))


def _quantile(times: list[float], part: float) -> float | None:
    return round(times[min(len(times) - 1, int(len(times) * part))] * 1000, 2) if times else None


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Plan(**json.load(sys.stdin))))))
