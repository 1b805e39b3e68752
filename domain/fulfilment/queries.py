"""Reads of fulfilment."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import catalog, routing
from domain.fulfilment.models import FulfilmentAttempt
from domain.fulfilment.outcomes import open_attempts
from domain.fulfilment.service import DueWork
from domain.kernel import Actor, Connection, Invalid, clock, connection, refuse_unless

_DUE_LINES = "SELECT id FROM order_lines WHERE due_at <= $1 ORDER BY due_at LIMIT $2"
_DUE_ATTEMPTS = """
SELECT id FROM fulfilment_attempts WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $2
"""

_WAITING = """
SELECT count(*) FROM (
    SELECT 1 FROM order_lines WHERE due_at IS NOT NULL AND delivery_kind <> 'MANUAL' LIMIT $1
) counted
"""


async def count_waiting(at_most: int) -> int:
    """How many paid lines wait for a supplier; no more than `at_most` are counted."""
    async with connection() as conn:
        return int(await conn.fetchval(_WAITING, at_most))


_DELIVERING = """
SELECT line_id, id, supplier_id, currency FROM fulfilment_attempts
WHERE line_id = ANY($1::uuid[]) AND status = 'succeeded' AND NOT parked
    AND NOT part
"""


@dataclass(frozen=True, slots=True)
class Bringing:
    """The attempt that brought a line's goods."""

    attempt_id: UUID
    supplier_id: UUID
    currency: str


async def bringing_of(conn: Connection, line_ids: Sequence[UUID]) -> dict[UUID, Bringing]:
    """Which attempt brought each line, of those that a supplier delivered."""
    return {
        row["line_id"]: Bringing(row["id"], row["supplier_id"], row["currency"])
        for row in await conn.fetch(_DELIVERING, list(line_ids))
    }


async def list_due(limit: int) -> DueWork:
    """Lines and attempts that somebody must look at now; at most `limit` of each."""
    moment = clock.now()
    async with connection() as conn:
        lines = await conn.fetch(_DUE_LINES, moment, limit)
        attempts = await conn.fetch(_DUE_ATTEMPTS, moment, limit)
    return DueWork([row["id"] for row in lines], [row["id"] for row in attempts])


async def attempts_of_order(actor: Actor, order_id: UUID) -> list[FulfilmentAttempt]:
    """All attempts for the lines of an order, oldest first; needs `suppliers:read`."""
    actor.require_scope("suppliers:read")
    sql = "SELECT id FROM order_lines WHERE order_id = $1"
    async with connection() as conn:
        lines = [row["id"] for row in await conn.fetch(sql, order_id)]
    return await attempts_of(lines)


async def attempts_of(line_ids: Sequence[UUID]) -> list[FulfilmentAttempt]:
    """All attempts for some lines, oldest first."""
    return await FulfilmentAttempt.filter(line_id__in=list(line_ids)).order_by("opened_at")


async def find_attempt(attempt_id: UUID) -> FulfilmentAttempt | None:
    """An attempt by its id, for the trace of the cards that it brought."""
    return await FulfilmentAttempt.filter(id=attempt_id).first()


async def attempts_by_id(attempt_ids: Sequence[UUID]) -> dict[UUID, FulfilmentAttempt | None]:
    """Attempts by their ids; one statement."""
    rows = await FulfilmentAttempt.filter(id__in=list(attempt_ids))
    return {row.id: row for row in rows}


async def route_plan(
    actor: Actor, sku: str, quantity: int, max_unit_cost: int | None = None
) -> routing.RoutePlan:
    """What so many pieces of a variant would be bought from now, every offer with its reasons.

    `max_unit_cost`: the guard in units that the line would have. Needs `suppliers:read`; refuses an
    unknown SKU and a quantity that is not above zero.
    """
    refuse_unless(quantity > 0, Invalid(reason="plan_quantity", field=("quantity",)))
    variant = (await catalog.variants_by_sku([sku])).get(sku)
    wanted = routing.Wanted(quantity, max_unit_cost)
    return await routing.route_plan(actor, variant.id if variant else None, wanted, open_attempts)
