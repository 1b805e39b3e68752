"""On to the next supplier at once, when the one that was asked has surely said no (row D2).

What a buyer waits for here is the way from the no to the next order, so it is three statements in
one transaction: the order is locked; what counts is read; the rejection, what it teaches, the
decision, the next attempt and its event are written. Committed before the next order leaves, as
every attempt; whatever is not that simple goes the long way of `service` (decision 0099).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import cards, orders, routing, suppliers
from domain.fulfilment.attempts import (
    ALL_LOCKED,
    INSERT_AFTER,
    SAVE,
    attempts_in,
    new_attempt,
    new_values,
    saved_values,
)
from domain.fulfilment.events import rerouted
from domain.fulfilment.models import OPEN, AttemptStatus, FulfilmentAttempt
from domain.fulfilment.outcomes import end, heard_of, may_have_been_told, open_attempts
from domain.fulfilment.rules import INCIDENT_AFTER
from domain.kernel import Connection, clock, named
from domain.kernel.outbox import INSERT_EVENTS, event_columns
from domain.suppliers import Rejected

_LOOK = named(f"""
SELECT CASE WHEN next.place = 1 THEN ({ALL_LOCKED}) END AS attempts, next.*
FROM ({routing.NEXT_OFFERS}) next ORDER BY next.place
""")  # noqa: S608 - own words
# The attempt that is over is written before the next one, for a line has one open attempt only.
_GO_ON = named(f"""
WITH said_no AS ({SAVE} RETURNING 1),
decided AS ({routing.KEEP_DECISION}),
of_supplier AS ({routing.LEARN_OF_SUPPLIER}),
of_offer AS ({routing.LEARN_OF_OFFER}),
told AS ({INSERT_EVENTS})
{INSERT_AFTER} said_no
""")


@dataclass(frozen=True, slots=True)
class Step:
    """A committed attempt, and what is known for the next one: the order that its line began with,
    and which offers were tried. `way` is how it is bought, where that was read with it."""

    attempt: FulfilmentAttempt
    course: routing.Course
    tried: Collection[UUID]
    way: suppliers.Way | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A line and its attempts, locked, and what the next few offers are like now."""

    line: orders.LockedLine
    attempts: list[FulfilmentAttempt]
    own: FulfilmentAttempt
    rows: list[Any]


async def look(conn: Connection, line: orders.LockedLine, step: Step) -> Seen | None:
    """What is read between a no and the next order, once the line is locked; None when the order
    that it began with is at its end."""
    attempt = step.attempt
    said_no = attempt.supplier_id, attempt.offer_id
    asked = routing.next_values(line.variant_id, step.course, step.tried, said_no)
    rows = await conn.fetch(_LOOK.text, *_LOOK.values({**asked, "line": line.id}))
    if not rows:
        return None
    attempts = attempts_in(rows[0]["attempts"])
    own = next(each for each in attempts if each.id == attempt.id)
    return Seen(line, attempts, own, rows)


async def go_on(conn: Connection, seen: Seen, step: Step, result: Rejected) -> Step | None:
    """Book a sure rejection and open the next attempt, by one statement in the caller's
    transaction; None, and nothing is written, where that takes more."""
    line, own = seen.line, seen.own
    if not _is_simple(seen):
        return None
    ready = await cards.ready_pieces(conn, line.id) if _has_parts(seen) else 0
    need = need_of(line, seen.attempts, ready)
    found = await routing.next_in_order(conn, need, step.course, seen.rows, open_attempts)
    if found is None:
        return None
    before, own.category = own.status, result.category.value
    end(own, AttemptStatus.REJECTED, None, own.upstream_id)
    heard = heard_of(before, own, result, more=True)
    assert heard is not None, "it was open, and is over"
    gates = seen.rows[0]["gates"]  # none at the first answer of a supplier
    gates = gates or await routing.gates_of(conn, own.supplier_id, own.offer_id)
    lesson = routing.lesson_of(gates, heard)
    attempt = new_attempt(line, found.choice, need)
    written = {
        **saved_values(own),
        **found.kept,
        **lesson.values,
        **event_columns([rerouted(attempt, line)]),
        **new_values(attempt),
    }
    await conn.execute(_GO_ON.text, *_GO_ON.values(written))
    await orders.line_delivering(conn, line, attempt.opened_at + INCIDENT_AFTER)
    await lesson.tell(conn)
    return Step(attempt, step.course, {*need.tried, attempt.offer_id}, found.choice.way)


def need_of(line: orders.LockedLine, before: list[FulfilmentAttempt], ready: int) -> routing.Need:
    """What the next attempt of a line needs after those `before`, with so many pieces `ready`."""
    return routing.Need(
        line_id=line.id,
        number=len(before) + 1,
        variant_id=line.variant_id,
        quantity=line.quantity - ready,  # what is here already is never bought again
        max_unit_cost=line.max_unit_cost,
        tried={attempt.offer_id for attempt in before},
    )


def _is_simple(seen: Seen) -> bool:
    """Whether the attempt is open as it was left, and nothing but its own end is to be written."""
    others = any(each.status in OPEN for each in seen.attempts if each is not seen.own)
    lasts = seen.own.status not in OPEN or may_have_been_told(seen.own, clock.now())
    return seen.line.status in orders.OPEN_LINES and not others and not lasts


def _has_parts(seen: Seen) -> bool:
    """Whether an earlier attempt has brought something that waits."""
    return any(each.part for each in seen.attempts)
