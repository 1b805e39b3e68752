"""Reads of orders, always scoped by who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.kernel import (
    Actor,
    Page,
    PageRequest,
    Refused,
    connection,
    page_of,
    unseal_small,
)
from domain.orders.filled_in import masked_account, opened_account
from domain.orders.models import Order, OrderLine
from domain.orders.refusals import AccountSealBroken
from domain.orders.service import NOTE_PURPOSE

_OWNERS = """
SELECT l.id AS line_id, o.id AS order_id, o.number, o.placed_at, o.buyer_id, o.agent_chain
FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE l.id = ANY($1::uuid[])
"""
_BARRED = """
SELECT o.id, o.number, o.placed_at, b.level, b.reason
FROM orders o CROSS JOIN LATERAL jsonb_to_recordset(o.barred)
    AS b ("agentId" uuid, level int, reason text)
WHERE o.barred IS NOT NULL
    AND o.barred @> jsonb_build_array(jsonb_build_object('agentId', $1::text))
    AND b."agentId" = $1::uuid AND ($2::uuid IS NULL OR o.id < $2)
ORDER BY o.id DESC LIMIT $3
"""
_ACCOUNT = "SELECT account, account_sealed, account_erased_at FROM order_lines WHERE id = $1"


@dataclass(frozen=True, slots=True)
class BarredSale:
    """An order in whose chain an agent stands and on which it earns nothing, and why."""

    order_id: UUID
    number: str
    placed_at: datetime
    level: int
    reason: str


@dataclass(frozen=True, slots=True)
class LineOwner:
    """Whose an order line is, and which agents stood above that buyer, nearest first."""

    order_id: UUID
    number: str
    placed_at: datetime
    buyer_id: UUID
    agent_chain: list[UUID]


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order with its lines, as one reading found them."""

    order: Order
    lines: list[OrderLine]


_VERSIONS = "SELECT id, version FROM orders WHERE id = ANY($1::uuid[])"
_AGENTS_AMONG = """
SELECT DISTINCT a.id FROM orders o CROSS JOIN LATERAL unnest(o.agent_chain) a (id)
WHERE o.id = ANY($1::uuid[]) AND a.id = ANY($2::uuid[])
"""
_SOLD = """
SELECT variant_id, sum(delivered_quantity)::bigint AS pieces FROM order_lines
WHERE id >= $1 AND delivered_quantity > 0 GROUP BY variant_id
"""


async def sold_since(moment: datetime) -> dict[UUID, int]:
    """How many pieces of each variant were ordered and delivered since a moment.

    Ids carry the time at which they were made, so only the newer lines are read.
    """
    first = UUID(int=int(moment.timestamp() * 1_000) << 80)
    async with connection() as conn:
        rows = await conn.fetch(_SOLD, first)
    return {row["variant_id"]: row["pieces"] for row in rows}


async def list_barred(agent_id: UUID, page: PageRequest) -> Page[BarredSale]:
    """Orders on which an agent earns nothing though it stands in their chain, newest first."""
    after = UUID(page.after[0]) if page.after else None
    async with connection() as conn:
        rows = await conn.fetch(_BARRED, str(agent_id), after, page.first + 1)
    return page_of(page, [BarredSale(*row) for row in rows], lambda sale: (sale.order_id,))


async def find_order(actor: Actor, order_id: UUID) -> Order | None:
    """The caller's own order, or None: another's sounds like one that does not exist."""
    return await Order.filter(id=order_id, buyer_id=actor.require_user()).first()


async def find_by_external_id(actor: Actor, external_id: str) -> Order | None:
    """A partner's order by the partner's own id."""
    if actor.key_id is None:
        return None
    return await Order.filter(api_key_id=actor.key_id, external_id=external_id).first()


async def list_orders(actor: Actor, page: PageRequest) -> Page[Order]:
    """The caller's orders, newest first."""
    rows = Order.filter(buyer_id=actor.require_user()).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda order: (order.id,))


async def list_all_orders(actor: Actor, page: PageRequest) -> Page[Order]:
    """Everybody's orders, newest first; needs `orders:read`."""
    actor.require_scope("orders:read")
    rows = Order.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda order: (order.id,))


async def find_any_order(actor: Actor, order_id: UUID) -> Order | None:
    """Any order; needs `orders:read`."""
    actor.require_scope("orders:read")
    return await Order.filter(id=order_id).first()


async def account_of(line_id: UUID) -> dict[str, Any] | None:
    """What the buyer filled in for a line, for whoever tops it up; empty when nothing was asked.

    None: it was erased, or does not open, and the line cannot be delivered any more.
    """
    async with connection() as conn:
        row = await conn.fetchrow(_ACCOUNT, line_id)
    if row is None:
        return {}  # whoever locks it hears that it is not there
    if row["account_erased_at"] is not None:
        return None
    try:
        if row["account"]:
            found: dict[str, Any] = orjson.loads(row["account"])
            return found
        return await opened_account(line_id, row["account_sealed"])
    except Refused as refused:
        if not isinstance(refused.refusals[0], AccountSealBroken):
            raise
        return None


async def account_in(line: OrderLine) -> dict[str, Any]:
    """What was filled in, opened; never inside a transaction."""
    return line.account or await opened_account(line.id, line.account_sealed)


def masked_in(line: OrderLine) -> dict[str, str]:
    """What others than its buyer may see of what was filled in; nothing is opened for it."""
    return line.account_masked or masked_account(line.account) or {}


async def get_line(line_id: UUID) -> OrderLine:
    """One line, which the caller knows to be there."""
    return await OrderLine.get(id=line_id)


async def buyers_of(order_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Who bought each order; one statement for all."""
    rows = await Order.filter(id__in=list(order_ids)).values_list("id", "buyer_id")
    return dict(rows)


async def currencies_of(order_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The currency of each order; one statement for all."""
    rows = await Order.filter(id__in=list(order_ids)).values_list("id", "currency")
    return dict(rows)


def note_of(line: OrderLine) -> str | None:
    """What an operator handed over for a manual line; for its buyer's eyes."""
    if line.note_sealed is None:
        return None
    return unseal_small(NOTE_PURPOSE, line.note_sealed, str(line.id))


async def lines_of(order_ids: Sequence[UUID]) -> dict[UUID, list[OrderLine]]:
    """The lines of orders, in their positions; one statement for all."""
    found: dict[UUID, list[OrderLine]] = {order_id: [] for order_id in order_ids}
    for line in await OrderLine.filter(order_id__in=list(order_ids)).order_by("position"):
        found[line.order_id].append(line)  # type: ignore[attr-defined]
    return found


async def versions_of(order_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How often each order has changed; one statement for all. For who pushes orders on."""
    async with connection() as conn:
        rows = await conn.fetch(_VERSIONS, list(order_ids))
    return {row["id"]: row["version"] for row in rows}


async def states_of(order_ids: Sequence[UUID]) -> list[OrderState]:
    """Orders with their lines, in two statements for all. Whose they are was asked before.

    The order is read first: a change in between shows newer lines beside an older version, and the
    newer version is found the next time; never the other way round.
    """
    found = await Order.filter(id__in=list(order_ids))
    lines = await lines_of([order.id for order in found])
    return [OrderState(order, lines[order.id]) for order in found]


async def agents_among(order_ids: Sequence[UUID], agent_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these agents stand in the chains of these orders; one statement."""
    async with connection() as conn:
        rows = await conn.fetch(_AGENTS_AMONG, list(order_ids), list(agent_ids))
    return {row["id"] for row in rows}


async def owners_of_lines(line_ids: Sequence[UUID]) -> dict[UUID, LineOwner]:
    """Whose order lines are; one statement for all. For the trace of cards."""
    async with connection() as conn:
        rows = await conn.fetch(_OWNERS, list(line_ids))
    names = ("order_id", "number", "placed_at", "buyer_id", "agent_chain")
    return {row["line_id"]: LineOwner(*(row[name] for name in names)) for row in rows}
