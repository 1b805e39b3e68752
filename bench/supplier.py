"""Suppliers of the plain protocol in a process of their own: `python -m bench.supplier <port>`.

One address stands for many: `/<code>/orders`. A code that begins with `no-` rejects each order,
`take-` accepts and delivers nothing, any other delivers at once. `GET /told` says how it went: for
each rejection the time until the next order was on the wire, how many orders came, how many of
them are open. Nothing of it is signed or checked: what is measured is the other side.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

COST = "40.0000"


@dataclass
class Desk:
    """What came, and when."""

    rejected_at: float | None = None
    gaps_ms: list[float] = field(default_factory=list)
    orders: int = 0
    taken: set[str] = field(default_factory=set)
    numbers: "count[int]" = field(default_factory=count)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """What is said to one request."""
        if path == "/told":
            return 200, {"gaps_ms": self.gaps_ms, "orders": self.orders, "open": len(self.taken)}
        if path.endswith("/balance"):
            return 200, {"balance": "1000000.0000"}
        if method == "POST" and path.endswith("/orders"):
            return self._order(path.split("/")[1], json.loads(body))
        reference = path.rpartition("/")[2]
        if method == "GET" and reference in self.taken:
            return 200, {"reference": reference, "order_id": reference, "status": "accepted"}
        return 404, {"error": "order_not_found"}

    def _order(self, code: str, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.rejected_at is not None:
            self.gaps_ms.append((time.perf_counter() - self.rejected_at) * 1000)
            self.rejected_at = None
        self.orders += 1
        reference = wanted["reference"]
        told = {"reference": reference, "order_id": reference}
        if code.startswith("no-"):
            return 200, {**told, "status": "rejected", "error": "invalid_account"}
        if code.startswith("take-"):
            self.taken.add(reference)
            return 200, {**told, "status": "accepted"}
        codes = [{"secret": f"BENCH-{next(self.numbers):012}"} for _ in range(wanted["quantity"])]
        charged = f"{float(COST) * wanted['quantity']:.4f}"
        return 200, {**told, "status": "completed", "charged": charged, "codes": codes}


async def serve(port: int) -> None:
    """Answer until the process is ended."""
    desk = Desk()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                length = head.lower().partition("content-length:")[2].split("\r\n", 1)[0]
                body = await reader.readexactly(int(length or 0))
                status, told = desk.answer(method, path, body)
                content = json.dumps(told).encode()
                writer.write(
                    f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(content)}\r\n\r\n".encode()
                    + content
                )
                if told.get("status") == "rejected":
                    desk.rejected_at = time.perf_counter()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
