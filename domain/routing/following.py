"""Going on in the order that a line began with, once a supplier has surely said no.

What that takes is read by one statement and written by another, both of them pieces of the
caller's: between a no and the next order nothing else is asked of the database.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.kernel import Connection, clock
from domain.routing.decisions import Choice, Course, Need, Planned, course_of, decision_values
from domain.routing.learning import BOTH_GATES
from domain.routing.queries import (
    OF_SUPPLIER,
    POLICY,
    STANDING,
    CountOpen,
    open_of,
    policy_in,
    route_in,
)
from domain.routing.rules import (
    NEXT_FEW,
    Exclusion,
    Ranked,
    Route,
    Wanted,
    excluded,
    is_counted,
    max_cost,
)
from domain.suppliers import SOME_OFFERS, Candidate, Way, candidate_in, way_in

_COURSE = "SELECT candidates FROM route_decisions WHERE line_id = $1 ORDER BY number LIMIT 1"
_POLICY = POLICY.replace("$1", ":variant")
_OF_OFFER = ", ".join(f"g.{name}" for name in STANDING.split(", "))
_OF_SUPPLIER = ", ".join(
    f"s.{name}" for name in OF_SUPPLIER.removesuffix(" AS demoted").split(", ")
)
# The next few offers as they stand now, in the order of what was asked for, each with its place. At
# the first of them how the supplier that said no stands, locked, for what is learned of it.
NEXT_OFFERS = f"""
SELECT asked.place, ROW(policy.*) AS policy, known.candidate, known.way,
    CASE WHEN s.supplier_id IS NOT NULL THEN ROW({_OF_SUPPLIER}) END AS of_supplier,
    CASE WHEN g.offer_id IS NOT NULL THEN ROW({_OF_OFFER}) END AS of_offer,
    CASE WHEN asked.place = 1 THEN (SELECT ROW(gates.*) FROM ({BOTH_GATES}) gates) END AS gates
FROM unnest(:offers::uuid[]) WITH ORDINALITY AS asked (offer, place)
LEFT JOIN ({_POLICY}) policy ON true
LEFT JOIN ({SOME_OFFERS}) known ON known.offer_id = asked.offer
LEFT JOIN supplier_gates s ON s.supplier_id = known.supplier_id
LEFT JOIN offer_gates g ON g.offer_id = known.offer_id
ORDER BY asked.place
"""  # noqa: S608 - words of this house


@dataclass(frozen=True, slots=True)
class Next:
    """Where a line goes on, and the values that keep the decision."""

    choice: Choice
    kept: Mapping[str, Any]


async def course_of_line(conn: Connection, line_id: UUID) -> Course:
    """The order of offers that a line began with; empty at its first turn."""
    told = await conn.fetchval(_COURSE, line_id)
    return course_of(orjson.loads(told) if told else [])


def next_values(
    variant_id: UUID, course: Course, tried: Collection[UUID], said_no: tuple[UUID, UUID]
) -> dict[str, Any]:
    """The values of `NEXT_OFFERS`; `said_no` are a supplier and its offer."""
    return {
        "offers": course.next_few(tried, NEXT_FEW),
        "variant": variant_id,
        "moment": clock.now(),
        "heard_supplier": said_no[0],
        "heard_offer": said_no[1],
    }


async def next_in_order(
    conn: Connection,
    need: Need,
    course: Course,
    rows: Sequence[Mapping[str, Any]],
    count_open: CountOpen,
) -> Next | None:
    """The next offer in the order that a line began with, among those that `NEXT_OFFERS` told.

    Looks at the next few offers alone, so what it takes does not grow with the number of suppliers;
    the others are shown as they stood when the line began. None where one cannot simply go on: when
    none of them may be asked now, and when something is counted of the one that may, for no
    transaction holds the gates of two suppliers. `choose` decides then.
    """
    moment, policy = clock.now(), policy_in(rows[0]["policy"])
    wanted = Wanted(need.quantity, need.max_unit_cost, need.tried)
    looked_at: dict[str, dict[str, Any]] = {}
    chosen: tuple[Candidate, Way] | None = None
    for route, way in await _routes_in(conn, rows, count_open):
        row = course.rows[route.candidate.offer_id]
        why = excluded(route, wanted, moment)
        if why is None and chosen is None:
            if is_counted(route, moment):
                return None
            chosen = route.candidate, way_in(way)
        ranked = Ranked(route, row["landed"], row["success"], row["score"])
        looked_at[row["offer_id"]] = Planned(ranked, why).row
    if chosen is None:
        return None
    for row in (course.rows[each] for each in need.tried if each in course.rows):
        looked_at[row["offer_id"]] = {**row, "excluded": Exclusion.TRIED}
    candidate, to = chosen
    most = max_cost(need.max_unit_cost, candidate, policy.cost_tolerance)
    kept = decision_values(need, policy, candidate, looked_at, moment)
    return Next(Choice(candidate, most, course=course, way=to), kept)


async def _routes_in(
    conn: Connection, rows: Sequence[Mapping[str, Any]], count_open: CountOpen
) -> list[tuple[Route, Sequence[Any]]]:
    """The offers that are there still, in their order, each with how it is bought."""
    there = [row for row in rows if row["candidate"] is not None]
    known = [candidate_in(row["candidate"]) for row in there]
    open_ = await open_of(conn, known, count_open)
    return [
        (
            route_in(each, row["of_supplier"], row["of_offer"], open_.get(each.supplier_id, 0)),
            row["way"],
        )
        for each, row in zip(known, there, strict=True)
    ]
