"""The simulator's control desk, as the run uses it: items, faults, its book."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2

from adapters.sandbox.faults import Fault
from bench.chaos.plan import Deed, Plan
from bench.chaos.vendors import BY_CODE, VENDORS
from domain.kernel import plain

TRIES, PAUSE_SECONDS, PATIENCE_SECONDS = 400, 0.2, 10.0


@dataclass
class Desk:
    """One desk; it is asked again while the simulator is down."""

    url: str
    webhook: str  # of the shop, for a supplier's id
    client: httpx2.AsyncClient
    cleared: Counter[str] = field(default_factory=Counter)  # what faults had fired that are off now

    async def sell(self, plan: Plan) -> None:
        """Put the plan's items on the shelves."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for offer in plan.offers:
            vendor = BY_CODE[offer.supplier]
            row: dict[str, Any] = {
                "item": vendor.item(offer.number),
                "price": plain(offer.price),
                "stock": -1,
            }
            if vendor.account:
                row["account"] = [vendor.account]
            rows.setdefault(vendor.code, []).append(row)
        for vendor in VENDORS:
            await self._ask("POST", "suppliers", {"code": vendor.code, "balance": "100000000"})
            await self._ask(
                "POST", "items", {"supplier": vendor.code, "items": rows.get(vendor.code, [])}
            )

    async def tell_callbacks(self, ids: dict[str, str]) -> None:
        """Where suppliers of the dialect call back that are not told with each order. It is not
        kept over a restart."""
        for vendor in VENDORS:
            if vendor.adapter == "kameng":
                url = f"{self.webhook}/{ids[vendor.code]}"
                await self._ask("POST", "webhooks", {"supplier": vendor.code, "url": url})

    async def arm(self, deed: Deed) -> None:
        """Switch a fault on."""
        told: dict[str, Any] = {
            "supplier": deed.supplier,
            "fault": deed.fault,
            "times": deed.times,
            "probability": deed.probability,
        }
        if deed.hold_seconds is not None:
            told["hold_seconds"] = deed.hold_seconds
        await self._ask("POST", "faults", told)

    async def clear(self, supplier: str = "") -> None:
        """Switch faults off, of one supplier or of all; what they did is remembered."""
        answer = await self._ask(
            "DELETE", f"faults?supplier={supplier}" if supplier else "faults", None
        )
        for row in answer["cleared"]:
            self.cleared[row["fault"]] += row["fired"]

    async def fired(self) -> Counter[str]:
        """How often each fault has fired in this run, those that never did with 0."""
        found: Counter[str] = Counter({fault.value: 0 for fault in Fault})
        found.update(self.cleared)
        for row in (await self._ask("GET", "faults", None))["faults"]:
            found[row["fault"]] += row["fired"]
        return found

    async def armed(self) -> Counter[str]:
        """At how many suppliers each fault waits for its turn."""
        rows = (await self._ask("GET", "faults", None))["faults"]
        return Counter(row["fault"] for row in rows if row["times"] != 0)

    async def call(self, supplier: str, reference: str) -> str:
        """Call the vendor: it takes an order back that it has not delivered. What it is then."""
        answer = await self._ask("POST", "cancel", {"supplier": supplier, "reference": reference})
        return str(answer["state"])

    async def _ask(self, method: str, what: str, body: dict[str, Any] | None) -> Any:
        return await asked(self.client, method, f"{self.url}/control/{what}", body)


async def asked(
    client: httpx2.AsyncClient, method: str, url: str, body: dict[str, Any] | None
) -> Any:
    """The JSON of an answer; asked again while nobody answers."""
    for left in reversed(range(TRIES)):
        try:
            answer = await client.request(method, url, json=body, timeout=PATIENCE_SECONDS)
            return answer.json()
        except httpx2.TransportError:
            if not left:
                raise
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("unreachable")
