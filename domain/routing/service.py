"""Choosing the next offer for a line, and learning from what became of it (rows D1 to D3, D11).

How suppliers and offers stand is in the database, so all workers see the same. A choice that takes
something which is counted (a probe, an open attempt, a slot) locks the supplier's gate first and
looks again; all other choices lock nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from domain.kernel import Connection, clock, new_id
from domain.routing.events import tell_opened
from domain.routing.queries import (
    STANDING,
    CountOpen,
    facts_of,
    first_plan,
    order_of_line,
    routes_of,
)
from domain.routing.rules import (
    DEMOTING,
    MOST_SHOWN,
    NEXT_FEW,
    OFFER_FAILURES,
    PASSING,
    PROBE_LEASE,
    RATE_PENALTY,
    SUPPLIER_FAILURES,
    Exclusion,
    Fault,
    Policy,
    Ranked,
    Route,
    Standing,
    Wanted,
    after_answer,
    excluded,
    fault_of,
    is_half_open,
    keep_order,
    max_cost,
    measured,
    opens_again,
    paced_after,
    rank,
)
from domain.suppliers import Candidate, Category, candidate_now, candidates_of, some_candidates

_GATES = """
WITH one AS (INSERT INTO supplier_gates (supplier_id) VALUES ($1) ON CONFLICT DO NOTHING)
INSERT INTO offer_gates (offer_id) VALUES ($2) ON CONFLICT DO NOTHING
"""
_SEAT = """
WITH one AS (UPDATE supplier_gates SET probe_until = $2, paced_until = $3 WHERE supplier_id = $1)
UPDATE offer_gates SET probe_until = $5 WHERE offer_id = $4
"""
_LOCKED = """
SELECT {} FROM supplier_gates s, offer_gates o WHERE s.supplier_id = $1 AND o.offer_id = $2
FOR UPDATE
""".format(", ".join(f"{of}.{name}" for of in "so" for name in STANDING.split(", ")))
_LEARN = """
WITH own AS (
    UPDATE supplier_gates SET failures = $2, trips = $3, open_until = $4, probe_until = $5,
        reason = $6, success = $7, samples = $8, latency_ms = $9, measured_at = $10,
        paced_until = greatest(paced_until, $21)
    WHERE supplier_id = $1)
UPDATE offer_gates SET failures = $12, trips = $13, open_until = $14, probe_until = $15,
    reason = $16, success = $17, samples = $18, latency_ms = $19, measured_at = $20
WHERE offer_id = $11
"""
_BALANCE = """
INSERT INTO supplier_gates (supplier_id, balance, balance_at) VALUES ($1, $2, $3)
ON CONFLICT (supplier_id) DO UPDATE SET balance = $2, balance_at = $3
"""
_DECIDED = """
INSERT INTO route_decisions
    (id, line_id, number, kind, scope, offer_id, candidates, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)
ON CONFLICT (line_id, number) DO UPDATE SET kind = excluded.kind, scope = excluded.scope,
    offer_id = excluded.offer_id, candidates = excluded.candidates
RETURNING decided_at
"""


@dataclass(frozen=True, slots=True)
class Need:
    """What attempt `number` of a line needs; `max_unit_cost` is the line's guard, in units."""

    line_id: UUID
    number: int
    variant_id: UUID
    quantity: int
    max_unit_cost: int
    tried: Collection[UUID]


@dataclass(frozen=True, slots=True)
class Choice:
    """The offer to buy from, and what it may charge for a piece; or until when to wait for one;
    or neither, when nobody is left."""

    candidate: Candidate | None
    max_unit_cost: int = 0
    wait_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a supplier said, or did not say. `category` of None: it took the order, or delivered.

    `first`: it answers the submission itself. `final`: the attempt is over, so it counts as
    experience; `took` is how long all of it lasted.
    """

    supplier_id: UUID
    offer_id: UUID
    category: Category | None
    first: bool
    final: bool
    took: timedelta | None = None

    @property
    def fault(self) -> Fault:
        """Whose fault it is."""
        return Fault.NOBODYS if self.category is None else fault_of(self.category)


@dataclass(frozen=True, slots=True)
class Planned:
    """One offer at its place in the plan, and why it would not be asked now."""

    ranked: Ranked
    why: Exclusion | None

    @property
    def row(self) -> dict[str, Any]:
        """It in plain values, as it is kept."""
        candidate = self.ranked.route.candidate
        return {
            "offer_id": str(candidate.offer_id),
            "supplier_id": str(candidate.supplier_id),
            "supplier": candidate.supplier_code,
            "item": candidate.item,
            "cost": candidate.cost,
            "fee": candidate.fee,
            "currency": candidate.currency,
            "landed": self.ranked.landed,
            "success": self.ranked.success,
            "score": self.ranked.score,
            "health": self.ranked.route.account.health,
            "demoted": self.ranked.route.account.demoted,
            "excluded": self.why,
        }


async def choose(conn: Connection, need: Need, count_open: CountOpen) -> Choice:
    """Choose the next offer in the caller's transaction, which holds the lock of the line's order.

    What was chosen from, and why, is kept as the decision for this attempt. A line keeps the order
    of offers that it began with. Calls nobody.
    """
    moment = clock.now()
    candidates = await candidates_of(need.variant_id)
    policy, routes = await facts_of(conn, need.variant_id, candidates, count_open)
    ranked = rank(policy, routes, need.line_id, moment)
    if need.number > 1:
        ranked = keep_order(ranked, await order_of_line(conn, need.line_id))
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
    decided_at = await _keep(conn, need, policy, chosen, rows, moment)
    if chosen is not None:
        return Choice(chosen, max_cost(need.max_unit_cost, chosen, policy.cost_tolerance))
    return Choice(None, wait_until=_wait_until(policy, planned, decided_at, moment))


async def next_in_order(conn: Connection, need: Need, count_open: CountOpen) -> Choice | None:
    """The next offer in the order that a line began with, in the caller's transaction, which has
    just booked a rejection and holds the lock of the line's order.

    Looks at the next few offers alone, as they stand now, so what it takes does not grow with the
    number of suppliers; the others are shown as they stood when the line began. None, and nothing
    is kept, where one cannot simply go on: at the first turn, when none of them may be asked now,
    and when something is counted of the one that may, for no transaction holds the gates of two
    suppliers. `choose` decides then.
    """
    rows = await first_plan(conn, need.line_id)
    left = [row for row in rows if UUID(row["offer_id"]) not in need.tried]
    asked = {UUID(row["offer_id"]): row for row in left[:NEXT_FEW]}
    if not asked:
        return None
    moment, known = clock.now(), await some_candidates(need.variant_id, list(asked))
    policy, found = await facts_of(conn, need.variant_id, known, count_open)
    routes = {each.candidate.offer_id: each for each in found}
    wanted = Wanted(need.quantity, need.max_unit_cost, need.tried)
    looked_at: dict[str, dict[str, Any]] = {}
    chosen: Candidate | None = None
    for offer_id, row in asked.items():
        route = routes.get(offer_id)
        if route is None:
            continue  # the offer is gone since
        why = excluded(route, wanted, moment)
        if why is None and chosen is None:
            if _is_counted(route, moment):
                return None
            chosen = route.candidate
        ranked = Ranked(route, row["landed"], row["success"], row["score"])
        looked_at[row["offer_id"]] = Planned(ranked, why).row
    if chosen is None:
        return None
    for row in rows:
        if UUID(row["offer_id"]) in need.tried:
            looked_at[row["offer_id"]] = {**row, "excluded": Exclusion.TRIED}
    await _keep(conn, need, policy, chosen, looked_at, moment)
    return Choice(chosen, max_cost(need.max_unit_cost, chosen, policy.cost_tolerance))


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
    if not _is_counted(route, clock.now()):
        return None
    candidate = route.candidate
    savepoint = conn.transaction()
    await savepoint.start()
    await conn.execute(_GATES, candidate.supplier_id, candidate.offer_id)
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


async def learn(conn: Connection, heard: Heard) -> None:
    """Note what became of a submission, last in the caller's transaction: gates are locked."""
    moment = clock.now()
    row = await conn.fetchrow(_LOCKED, heard.supplier_id, heard.offer_id)
    if row is None:
        await conn.execute(_GATES, heard.supplier_id, heard.offer_id)
        row = await conn.fetchrow(_LOCKED, heard.supplier_id, heard.offer_id)
    before, of_offer_before = Standing(*row[:9]), Standing(*row[9:])
    own, of_offer = _after(before, of_offer_before, heard, moment)
    paced = moment + RATE_PENALTY if heard.fault is Fault.PACE else None
    of_both = (heard.supplier_id, *_values(own), heard.offer_id, *_values(of_offer))
    await conn.execute(_LEARN, *of_both, paced)
    if before.open_until is None and own.open_until is not None:
        await tell_opened(conn, heard.supplier_id, None, own.reason, own.open_until)
    if of_offer_before.open_until is None and of_offer.open_until is not None:
        told = (of_offer.reason, of_offer.open_until)
        await tell_opened(conn, heard.supplier_id, heard.offer_id, *told)


async def note_balance(conn: Connection, supplier_id: UUID, balance: int) -> None:
    """Note what a supplier says that we have left there, in units."""
    await conn.execute(_BALANCE, supplier_id, balance, clock.now())


def _after(
    own: Standing, of_offer: Standing, heard: Heard, moment: datetime
) -> tuple[Standing, Standing]:
    """How a supplier and its offer stand afterwards.

    A breaker hears the first answer to each submission, and each success; a failure that only a
    query told was a silence before, which was counted then.
    """
    fault = heard.fault
    if heard.first or heard.category is None:
        reason = heard.category.value if heard.category else ""
        own = after_answer(
            own,
            failed=fault is Fault.SUPPLIERS,
            reason=reason,
            most=1 if heard.category in DEMOTING else SUPPLIER_FAILURES,
            moment=moment,
        )
        of_offer = after_answer(
            of_offer,
            failed=fault is Fault.OFFERS,
            reason=reason,
            most=OFFER_FAILURES,
            moment=moment,
        )
    if heard.final and (heard.category is None or fault in (Fault.OFFERS, Fault.SUPPLIERS)):
        good, took = heard.category is None, heard.took
        own = measured(own, good=good, latency=took, moment=moment)
        of_offer = measured(of_offer, good=good, latency=took, moment=moment)
    return own, of_offer


def _is_counted(route: Route, moment: datetime) -> bool:
    bounded = route.candidate.max_open is not None or route.candidate.pace is not None
    probe = is_half_open(route.supplier, moment) or is_half_open(route.offer, moment)
    return bounded or probe


async def _keep(
    conn: Connection,
    need: Need,
    policy: Policy,
    chosen: Candidate | None,
    shown: Sequence[dict[str, Any]] | dict[str, dict[str, Any]],
    moment: datetime,
) -> datetime:
    """Keep the decision; since when the line needs this attempt. What is `shown` by offers is what
    became different since the line began (`showing.shown_rows` puts both together)."""
    kept = shown if isinstance(shown, dict) else shown[:MOST_SHOWN]
    rows = orjson.dumps(kept).decode()
    decided_at: datetime = await conn.fetchval(
        _DECIDED,
        new_id(),
        need.line_id,
        need.number,
        policy.kind.value,
        policy.scope.value,
        chosen.offer_id if chosen else None,
        rows,
        moment,
    )
    return decided_at


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


def _values(standing: Standing) -> Sequence[Any]:
    return (
        standing.failures,
        standing.trips,
        standing.open_until,
        standing.probe_until,
        standing.reason,
        standing.success,
        standing.samples,
        standing.latency_ms,
        standing.measured_at,
    )
