"""Choosing the next offer for a line (rows D1 to D3).

How suppliers and offers stand is in the database, so all workers see the same. A choice that takes
something which is counted (a probe, an open attempt, a slot) locks the supplier's gate first and
looks again; all other choices lock nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from domain.kernel import Connection, clock
from domain.routing.decisions import (
    Choice,
    Course,
    Need,
    Planned,
    course_of,
    decision_values,
    keep_decision,
)
from domain.routing.following import course_of_line
from domain.routing.learning import MAKE_GATES
from domain.routing.queries import CountOpen, facts_of, routes_of
from domain.routing.rules import (
    PASSING,
    PROBE_LEASE,
    Exclusion,
    Policy,
    Route,
    Wanted,
    excluded,
    is_counted,
    is_half_open,
    keep_order,
    max_cost,
    opens_again,
    paced_after,
    rank,
)
from domain.suppliers import Candidate, candidate_now, candidates_of

_SEAT = """
WITH one AS (UPDATE supplier_gates SET probe_until = $2, paced_until = $3 WHERE supplier_id = $1)
UPDATE offer_gates SET probe_until = $5 WHERE offer_id = $4
"""
_BALANCE = """
INSERT INTO supplier_gates (supplier_id, balance, balance_at) VALUES ($1, $2, $3)
ON CONFLICT (supplier_id) DO UPDATE SET balance = $2, balance_at = $3
"""


async def choose(conn: Connection, need: Need, count_open: CountOpen) -> Choice:
    """Choose the next offer in the caller's transaction, which holds the lock of the line's order.

    What was chosen from, and why, is kept as the decision for this attempt. A line keeps the order
    of offers that it began with. Calls nobody.
    """
    moment = clock.now()
    candidates = await candidates_of(need.variant_id)
    policy, routes = await facts_of(conn, need.variant_id, candidates, count_open)
    ranked = rank(policy, routes, need.line_id, moment)
    course: Course | None = None
    if need.number > 1:
        course = await course_of_line(conn, need.line_id)
        ranked = keep_order(ranked, {each: place for place, each in enumerate(course.rows)})
    wanted = Wanted(need.quantity, need.max_unit_cost, need.tried)
    planned: list[Planned] = []
    chosen: Candidate | None = None
    for each in ranked:
        why = excluded(each.route, wanted, moment)
        if why is None and chosen is None:
            why = await take_seat(conn, need.variant_id, each.route, wanted, count_open)
            chosen = each.route.candidate if why is None else None
        planned.append(Planned(each, why))
    rows = [each.row for each in planned]
    kept = decision_values(need, policy, chosen, rows, moment)
    decided_at = await keep_decision(conn, kept)
    if chosen is not None:
        most = max_cost(need.max_unit_cost, chosen, policy.cost_tolerance)
        return Choice(chosen, most, course=course or course_of(rows))
    return Choice(None, wait_until=_wait_until(policy, planned, decided_at, moment))


async def plan(
    conn: Connection, variant_id: UUID, wanted: Wanted, count_open: CountOpen
) -> tuple[Policy, list[Planned]]:
    """What `choose` would choose from for a new line, all offers in their order; takes nothing."""
    moment = clock.now()
    candidates = await candidates_of(variant_id)
    policy, routes = await facts_of(conn, variant_id, candidates, count_open)
    ranked = rank(policy, routes, None, moment)
    return policy, [Planned(each, excluded(each.route, wanted, moment)) for each in ranked]


async def take_seat(
    conn: Connection, variant_id: UUID, route: Route, wanted: Wanted, count_open: CountOpen
) -> Exclusion | None:
    """Take what is counted of a supplier (a probe, an open attempt, a slot of its pace), under the
    lock of its gates; why not, if somebody else was first.

    In the caller's transaction, which opens the attempt and counts it by `count_open`. A lock that
    was taken for nothing goes with its savepoint, so nobody holds two suppliers.
    """
    if not is_counted(route, clock.now()):
        return None
    candidate = route.candidate
    savepoint = conn.transaction()
    await savepoint.start()
    await conn.execute(MAKE_GATES, candidate.supplier_id, candidate.offer_id)
    now = await candidate_now(variant_id, candidate.offer_id)
    (fresh,) = await routes_of(conn, [now or candidate], count_open, locked=True)
    moment = clock.now()
    why = excluded(fresh, wanted, moment)
    if why is not None:
        await savepoint.rollback()
        return why
    until = moment + PROBE_LEASE
    own = until if is_half_open(fresh.supplier, moment) else fresh.supplier.probe_until
    of_offer = until if is_half_open(fresh.offer, moment) else fresh.offer.probe_until
    paced = paced_after(fresh.account.paced_until, candidate.pace, moment)
    await conn.execute(_SEAT, candidate.supplier_id, own, paced, candidate.offer_id, of_offer)
    await savepoint.commit()
    return None


async def note_balance(conn: Connection, supplier_id: UUID, balance: int) -> None:
    """Note what a supplier says that we have left there, in units."""
    await conn.execute(_BALANCE, supplier_id, balance, clock.now())


def _wait_until(
    policy: Policy, planned: Sequence[Planned], decided_at: datetime, moment: datetime
) -> datetime | None:
    """When to look again, while an offer is only busy and the line may wait still."""
    end = decided_at + timedelta(seconds=policy.wait_seconds)
    busy = [each for each in planned if each.why in PASSING]
    if not busy or moment >= end:
        return None
    soonest = min(
        opens_again(each.ranked.route, each.why, moment) for each in busy if each.why is not None
    )
    return min(soonest, end)
