"""What routing reads: the policy of a variant, and all that is known of each of its offers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from domain.kernel import Actor, Connection
from domain.routing.models import PolicyKind, PolicyScope, RoutingPolicy
from domain.routing.rules import Account, Policy, Route, Standing
from domain.suppliers import Candidate

READ_SCOPE = "suppliers:read"
# How many attempts without an outcome each supplier has; known to the context above.
CountOpen = Callable[[Connection, Sequence[UUID]], Awaitable[Mapping[UUID, int]]]

_POLICY = """
WITH RECURSIVE shelf AS (
    SELECT p.category_id AS id, 0 AS height
    FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = $1
    UNION ALL SELECT c.parent_id, s.height + 1
    FROM shelf s JOIN categories c ON c.id = s.id WHERE c.parent_id IS NOT NULL
)
SELECT r.kind, r.scope, r.failure_cost_rate, r.cost_tolerance, r.wait_seconds
FROM routing_policies r LEFT JOIN shelf ON r.scope = 'category' AND shelf.id = r.scope_id
WHERE r.scope = 'default' OR (r.scope = 'variant' AND r.scope_id = $1) OR shelf.id IS NOT NULL
ORDER BY r.scope = 'variant' DESC, shelf.height NULLS LAST LIMIT 1
"""
STANDING = (
    "failures, trips, open_until, probe_until, reason, success, samples, latency_ms, measured_at"
)
_SUPPLIER_GATES = f"""
SELECT supplier_id, {STANDING}, paced_until, balance, balance_at FROM supplier_gates
WHERE supplier_id = ANY($1)
"""  # noqa: S608 - words of this house
_OFFER_GATES = f"SELECT offer_id, {STANDING} FROM offer_gates WHERE offer_id = ANY($1)"  # noqa: S608
_ORDER_OF_LINE = """
SELECT candidates FROM route_decisions WHERE line_id = $1 ORDER BY number LIMIT 1
"""


async def policy_of(conn: Connection, variant_id: UUID) -> Policy:
    """The narrowest policy for a variant; by priority when there is none."""
    row = await conn.fetchrow(_POLICY, variant_id)
    if row is None:
        return Policy()
    kind, scope, *rest = row
    return Policy(PolicyKind(kind), PolicyScope(scope), *rest)


async def routes_of(
    conn: Connection,
    candidates: Sequence[Candidate],
    count_open: CountOpen,
    *,
    locked: bool = False,
) -> list[Route]:
    """Offers with how they and their suppliers stand; `locked`: nobody else changes that now."""
    lock = " FOR UPDATE" if locked else ""
    asked = list({each.supplier_id for each in candidates})
    gates = {row[0]: row[1:] for row in await conn.fetch(_SUPPLIER_GATES + lock, asked)}
    offers = [each.offer_id for each in candidates]
    of_offers = {row[0]: row[1:] for row in await conn.fetch(_OFFER_GATES + lock, offers)}
    bounded = {each.supplier_id for each in candidates if each.max_open is not None}
    open_ = await count_open(conn, list(bounded)) if bounded else {}
    return [_route(each, gates, of_offers, open_) for each in candidates]


def _route(
    candidate: Candidate,
    gates: Mapping[UUID, Any],
    of_offers: Mapping[UUID, Any],
    open_: Mapping[UUID, int],
) -> Route:
    gate, of_offer = gates.get(candidate.supplier_id), of_offers.get(candidate.offer_id)
    opened = open_.get(candidate.supplier_id, 0)
    return Route(
        candidate,
        Standing(*gate[:9]) if gate else Standing(),
        Standing(*of_offer) if of_offer else Standing(),
        Account(*(*(gate[9:] if gate else (None, None, None)), opened)),
    )


async def order_of_line(conn: Connection, line_id: UUID) -> dict[UUID, int]:
    """The order of offers that a line began with, each with its place; empty at its first turn."""
    told = await conn.fetchval(_ORDER_OF_LINE, line_id)
    rows = orjson.loads(told) if told else []
    return {UUID(row["offer_id"]): place for place, row in enumerate(rows)}


async def list_policies(actor: Actor) -> list[RoutingPolicy]:
    """All policies, the widest first; needs `suppliers:read`."""
    actor.require_scope(READ_SCOPE)
    widest = [PolicyScope.DEFAULT, PolicyScope.CATEGORY, PolicyScope.VARIANT]
    rows = await RoutingPolicy.all().order_by("id")
    return sorted(rows, key=lambda policy: widest.index(policy.scope))
