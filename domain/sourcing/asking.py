"""Asking a supplier for its goods: the line to it, and items one by one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import suppliers
from domain.sourcing.booking import Shop, shop_of
from domain.sourcing.models import SyncPolicy
from domain.suppliers import CatalogueItem, NotFound, SupplierPort, Uncertain


@dataclass(frozen=True, slots=True)
class Read:
    """What a call, or some, brought."""

    items: Sequence[CatalogueItem] = ()
    gone: Sequence[str] = ()
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line to a supplier, while one run is read over it."""

    port: SupplierPort
    connection: suppliers.Connection
    policy: SyncPolicy
    shop: Shop

    @property
    def pause(self) -> float:
        """Seconds between two calls: what the operator wants, at least what the dialect asks."""
        limit = self.port.capabilities_of(self.connection).rate_limit
        least = limit.seconds / limit.calls if limit else 0.0
        return max(self.policy.pause_ms / 1000, least)


async def line_to(supplier_id: UUID) -> Line:
    """The line to a supplier whose list is followed, as it stands now."""
    adapter, to = await suppliers.connection_of(supplier_id)
    port = suppliers.port_of(adapter)
    policy = await SyncPolicy.get(supplier_id=supplier_id)
    return Line(port, to, policy, shop_of(policy, port.rate_of(to)))


async def ask_each(line: Line, items: Sequence[str]) -> Read | Uncertain:
    """Items asked for one by one; the first that nothing is learned of ends it."""
    seen: list[CatalogueItem] = []
    gone: list[str] = []
    for number, item in enumerate(items):
        if number:
            await asyncio.sleep(line.pause)
        told = await line.port.product(line.connection, item)
        match told:
            case CatalogueItem():
                seen.append(told)
            case NotFound():
                gone.append(item)
            case Uncertain():
                return told
    return Read(seen, gone)
