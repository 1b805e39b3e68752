"""How a supplier is reached: its adapter, its address and its opened secret."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain import sites
from domain.kernel import Connection as Database
from domain.kernel import connection, unseal_small
from domain.suppliers.ports import Connection

SECRET_PURPOSE = "supplier-secret"
# Of an offer `o` of a supplier `s`, as `way_in` reads it.
_SUPPLIER = "s.id, s.code, s.adapter, s.base_url, s.secret_sealed, s.settings"
WAY = f"{_SUPPLIER}, o.field_mapping"
_REACHED = f"SELECT {_SUPPLIER}, NULL FROM suppliers s WHERE s.id = $1"  # noqa: S608 - own words
_WAY_OF_OFFER = f"""
SELECT {WAY} FROM supplier_offers o JOIN suppliers s ON s.id = o.supplier_id WHERE o.id = $1
"""  # noqa: S608 - own words


OpenAt = Callable[[Database, Sequence[UUID]], Awaitable[Mapping[UUID, int]]]
Hold = Callable[[Database], Awaitable[None]]


@dataclass(slots=True)
class Places:
    """How long a supplier may take, how many purchases of suppliers have no outcome, and how to
    keep any from being opened until a transaction ends, which contexts above know; set once by the
    wiring."""

    timeout_seconds: float = 8.0
    open_purchases: OpenAt | None = None
    hold_purchases: Sequence[Hold] = ()


places = Places()


@dataclass(frozen=True, slots=True)
class Way:
    """How an offer is bought: by which adapter, over which connection, and by which names its
    supplier is told what a buyer filled in; none where the names are ours."""

    adapter: str
    connection: Connection
    field_mapping: Mapping[str, str] | None = None

    def account_for(self, account: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
        """What a buyer filled in, by the supplier's names. An optional field that was left empty is
        left out."""
        mapping = self.field_mapping
        if not mapping:
            return dict(account)
        return {theirs: account[ours] for theirs, ours in mapping.items() if ours in account}


async def way_of(offer_id: UUID) -> Way:
    """How an offer is bought, also one of a paused supplier."""
    async with connection() as conn:
        row = await conn.fetchrow(_WAY_OF_OFFER, offer_id)
    if row is None:
        raise LookupError("no such offer")
    return way_in(row)


async def connection_of(supplier_id: UUID) -> tuple[str, Connection]:
    """How to reach a supplier: its adapter's name, and address with the opened secret."""
    found = await find_connection(supplier_id)
    if found is None:
        raise LookupError("no such supplier")
    return found


async def find_connection(supplier_id: UUID) -> tuple[str, Connection] | None:
    """The same of a supplier that there may not be, also of a paused one."""
    async with connection() as conn:
        row = await conn.fetchrow(_REACHED, supplier_id)
    if row is None:
        return None
    way = way_in(row)
    return way.adapter, way.connection


def way_in(row: Sequence[Any]) -> Way:
    """A way as it was read; its secret is opened."""
    supplier_id, code, adapter, base_url, sealed, settings, mapping = row
    reached = connection_in(supplier_id, code, base_url, sealed, orjson.loads(settings))
    return Way(adapter, reached, orjson.loads(mapping) if mapping else None)


def connection_in(
    supplier_id: UUID, code: str, base_url: str, sealed: bytes, settings: Mapping[str, str]
) -> Connection:
    """A connection of what is stored of it; its secret is opened."""
    return Connection(
        supplier_code=code,
        base_url=base_url,
        secret=unseal_small(SECRET_PURPOSE, sealed, str(supplier_id)),
        timeout_seconds=places.timeout_seconds,
        settings=settings,
        callback_url=callback_url(supplier_id),
    )


def callback_url(supplier_id: UUID) -> str:
    """Where a supplier calls us back."""
    return sites.door(f"/callbacks/suppliers/{supplier_id}")
