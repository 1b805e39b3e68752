"""What routing reads: the policy of a variant, and all that is known of each of its offers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from domain.kernel import Actor, Connection
from domain.routing.models import PolicyKind, PolicyScope, RoutingPolicy
from domain.routing.rules import Account, Policy, Route, Standing
from domain.suppliers import Candidate

READ_SCOPE = "suppliers:read"
# How many attempts without an outcome each supplier has; known to the context above.
CountOpen = Callable[[Connection, Sequence[UUID]], Awaitable[Mapping[UUID, int]]]

POLICY = """
WITH RECURSIVE shelf AS (
    SELECT p.category_id AS id, 0 AS height
    FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = $1
    UNION ALL SELECT c.parent_id, s.height + 1
    FROM shelf s JOIN categories c ON c.id = s.id WHERE c.parent_id IS NOT NULL
)
SELECT r.kind, r.scope, r.failure_cost_rate, r.cost_tolerance, r.wait_seconds, r.parts
FROM routing_policies r LEFT JOIN shelf ON r.scope = 'category' AND shelf.id = r.scope_id
WHERE r.scope = 'default' OR (r.scope = 'variant' AND r.scope_id = $1) OR shelf.id IS NOT NULL
ORDER BY r.scope = 'variant' DESC, shelf.height NULLS LAST LIMIT 1
"""
STANDING = (
    "failures, trips, open_until, probe_until, reason, success, samples, latency_ms, measured_at"
)
_GATES = f"""
SELECT supplier_id, {STANDING}, paced_until, balance, balance_at, score, demoted_at IS NOT NULL
FROM supplier_gates
WHERE supplier_id = ANY($1)
"""  # noqa: S608 - words of this house
_OFFERS = f"SELECT offer_id, {STANDING} FROM offer_gates WHERE offer_id = ANY($1)"  # noqa: S608
_GATES_LOCKED, _OFFERS_LOCKED = f"{_GATES} FOR UPDATE", f"{_OFFERS} FOR UPDATE"
OF_SUPPLIER = (
    f"{STANDING}, paced_until, balance, balance_at, score, demoted_at IS NOT NULL AS demoted"
)
# The policy, which there need not be, and how each offer and its supplier stand, in the order of
# what was asked for; one row without a place where nothing was.
_FACTS = f"""
WITH policy AS ({POLICY})
SELECT policy.*, asked.place, s.*, o.* FROM (SELECT 1) one
LEFT JOIN policy ON true
LEFT JOIN unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS asked (supplier, offer, place) ON true
LEFT JOIN (SELECT supplier_id, {OF_SUPPLIER} FROM supplier_gates) s ON s.supplier_id = supplier
LEFT JOIN (SELECT offer_id, {STANDING} FROM offer_gates) o ON o.offer_id = offer
ORDER BY asked.place
"""  # noqa: S608 - words of this house
_POLICY_COLUMNS, _GATE_COLUMNS = 6, 14


async def policy_of(conn: Connection, variant_id: UUID) -> Policy:
    """The narrowest policy for a variant; by priority when there is none."""
    return policy_in(await conn.fetchrow(POLICY, variant_id))


def policy_in(row: Sequence[Any] | None) -> Policy:
    """A policy as it was read; by priority when there is none."""
    if row is None or row[0] is None:
        return Policy()
    kind, scope, *rest = row
    return Policy(PolicyKind(kind), PolicyScope(scope), *rest)


async def facts_of(
    conn: Connection, variant_id: UUID, candidates: Sequence[Candidate], count_open: CountOpen
) -> tuple[Policy, list[Route]]:
    """`policy_of` and `routes_of` in one statement: what a choice is made by."""
    suppliers = [each.supplier_id for each in candidates]
    offers = [each.offer_id for each in candidates]
    rows = [tuple(row) for row in await conn.fetch(_FACTS, variant_id, suppliers, offers)]
    policy = policy_in(rows[0][:_POLICY_COLUMNS])
    open_ = await open_of(conn, candidates, count_open)
    found = [row[_POLICY_COLUMNS + 1 :] for row in rows if row[_POLICY_COLUMNS] is not None]
    routes = []
    for candidate, row in zip(candidates, found, strict=True):
        gate, of_offer = row[: _GATE_COLUMNS + 1], row[_GATE_COLUMNS + 1 :]
        known = gate[1:] if gate[0] is not None else None
        standing = of_offer[1:] if of_offer[0] is not None else None
        opened = open_.get(candidate.supplier_id, 0)
        routes.append(route_in(candidate, known, standing, opened))
    return policy, routes


async def routes_of(
    conn: Connection,
    candidates: Sequence[Candidate],
    count_open: CountOpen,
    *,
    locked: bool = False,
) -> list[Route]:
    """Offers with how they and their suppliers stand; `locked`: nobody else changes that now."""
    gates_now, offers_now = (_GATES_LOCKED, _OFFERS_LOCKED) if locked else (_GATES, _OFFERS)
    asked = list({each.supplier_id for each in candidates})
    gates = {row[0]: row[1:] for row in await conn.fetch(gates_now, asked)}
    offers = [each.offer_id for each in candidates]
    of_offers = {row[0]: row[1:] for row in await conn.fetch(offers_now, offers)}
    open_ = await open_of(conn, candidates, count_open)
    return [
        route_in(
            each,
            gates.get(each.supplier_id),
            of_offers.get(each.offer_id),
            open_.get(each.supplier_id, 0),
        )
        for each in candidates
    ]


async def open_of(
    conn: Connection, candidates: Sequence[Candidate], count_open: CountOpen
) -> Mapping[UUID, int]:
    """How many attempts are open at suppliers that have a bound."""
    bounded = {each.supplier_id for each in candidates if each.max_open is not None}
    return await count_open(conn, list(bounded)) if bounded else {}


def route_in(
    candidate: Candidate,
    gate: Sequence[Any] | None,
    of_offer: Sequence[Any] | None,
    opened: int,
) -> Route:
    """An offer with the rows of both gates, where there are any."""
    return Route(
        candidate,
        Standing(*gate[:9]) if gate else Standing(),
        Standing(*of_offer) if of_offer else Standing(),
        Account(*(*gate[9:], opened)) if gate else Account(open_attempts=opened),
    )


async def list_policies(actor: Actor) -> list[RoutingPolicy]:
    """All policies, the widest first; needs `suppliers:read`."""
    actor.require_scope(READ_SCOPE)
    widest = [PolicyScope.DEFAULT, PolicyScope.CATEGORY, PolicyScope.VARIANT]
    rows = await RoutingPolicy.all().order_by("id")
    return sorted(rows, key=lambda policy: widest.index(policy.scope))
