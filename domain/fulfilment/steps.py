"""What happened to the line of an incident, in order: the first thing that an operator asks.

Nothing is written for it. Attempts, callbacks, verdicts and incidents say when they were; what an
attempt went through before its end is in its events, while those are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain import identity
from domain.kernel import Money, connection

MOST_SHOWN = 100


class StepKind(StrEnum):
    """What happened."""

    ASKED = "ASKED"  # an attempt was opened
    UNCERTAIN = "UNCERTAIN"  # its supplier did not say what became of it
    WITHHELD = "WITHHELD"  # its supplier says that it is done, and shows no goods
    TOLD = "TOLD"  # operators were told that it has been open for long
    CALLED_BACK = "CALLED_BACK"
    SAID_UNSOLD = "SAID_UNSOLD"  # an operator's word
    AGREED = "AGREED"
    DISAGREED = "DISAGREED"
    REJECTED = "REJECTED"
    BROUGHT = "BROUGHT"  # the goods of the line
    BROUGHT_PART = "BROUGHT_PART"
    STOCKED = "STOCKED"  # goods that became stock
    INCIDENT = "INCIDENT"
    RESOLVED = "RESOLVED"
    LINE_DELIVERED = "LINE_DELIVERED"
    LINE_REFUNDED = "LINE_REFUNDED"


@dataclass(frozen=True, slots=True)
class SupplyStep:
    """One thing that happened. `word` is a stable code: why, or how it ended; empty without."""

    at: datetime
    what: StepKind
    attempt: int | None
    supplier: str
    item: str
    pieces: int
    word: str
    money: Money | None
    by: str
    note: str


_STEPS = """
WITH asked AS (SELECT id AS incident_id, line_id FROM supply_incidents WHERE id = ANY($1::uuid[])),
tries AS (
    SELECT asked.incident_id, s.code, a.* FROM asked
    JOIN fulfilment_attempts a ON a.line_id = asked.line_id JOIN suppliers s ON s.id = a.supplier_id
),
told (incident_id, at, place, what, attempt_id, word, amount, user_id, note) AS (
    SELECT incident_id, opened_at, 1, 'ASKED', id, '', NULL::bigint, NULL::uuid, '' FROM tries
    UNION ALL
    SELECT t.incident_id, e.occurred_at, 2, 'UNCERTAIN', t.id, e.payload->>'reason', NULL, NULL, ''
    FROM tries t JOIN outbox_events e ON e.subject = t.id AND e.type = 'delivery.uncertain'
    UNION ALL
    SELECT incident_id, withheld_since, 2, 'WITHHELD', id, '', NULL, NULL, ''
    FROM tries WHERE withheld_since IS NOT NULL
    UNION ALL
    SELECT incident_id, alerted_at, 2, 'TOLD', id, '', NULL, NULL, ''
    FROM tries WHERE alerted_at IS NOT NULL
    UNION ALL
    SELECT t.incident_id, c.received_at, 3, 'CALLED_BACK', t.id, c.outcome, NULL, NULL, ''
    FROM tries t JOIN supplier_callbacks c ON c.attempt_id = t.id
    UNION ALL
    SELECT t.incident_id, v.asked_at, 4, 'SAID_UNSOLD', t.id, '', NULL, v.asked_by, v.reason
    FROM tries t JOIN attempt_verdicts v ON v.attempt_id = t.id
    UNION ALL
    SELECT t.incident_id, v.decided_at, 5,
        CASE v.state WHEN 'agreed' THEN 'AGREED' ELSE 'DISAGREED' END,
        t.id, '', NULL, v.decided_by, ''
    FROM tries t JOIN attempt_verdicts v ON v.attempt_id = t.id
    WHERE NOT v.alone AND v.decided_at IS NOT NULL
    UNION ALL
    SELECT incident_id, finished_at, 6, CASE WHEN status = 'rejected' THEN 'REJECTED'
            WHEN parked THEN 'STOCKED' WHEN part THEN 'BROUGHT_PART' ELSE 'BROUGHT' END,
        id, CASE WHEN status = 'rejected' THEN coalesce(category, '') ELSE '' END, cost, NULL, ''
    FROM tries WHERE finished_at IS NOT NULL
    UNION ALL
    SELECT t.incident_id, i.opened_at, 8, 'INCIDENT', t.id, i.kind, NULL, NULL, ''
    FROM tries t JOIN supply_incidents i ON i.attempt_id = t.id
    UNION ALL
    SELECT t.incident_id, i.resolved_at, 9, 'RESOLVED', t.id, i.resolution,
        nullif(i.amount, 0), i.resolved_by, i.note
    FROM tries t JOIN supply_incidents i ON i.attempt_id = t.id WHERE i.resolved_at IS NOT NULL
    UNION ALL
    SELECT asked.incident_id, l.delivered_at, 7, 'LINE_DELIVERED', NULL, '', NULL, NULL, ''
    FROM asked JOIN order_lines l ON l.id = asked.line_id WHERE l.delivered_at IS NOT NULL
    UNION ALL
    SELECT asked.incident_id, o.closed_at, 7, 'LINE_REFUNDED', NULL, coalesce(l.failure_code, ''),
        NULL, NULL, ''
    FROM asked JOIN order_lines l ON l.id = asked.line_id JOIN orders o ON o.id = l.order_id
    WHERE l.status = 'REFUNDED' AND o.closed_at IS NOT NULL
)
SELECT told.*, t.number, t.code, t.item, t.quantity, t.currency
FROM told LEFT JOIN tries t ON t.id = told.attempt_id AND t.incident_id = told.incident_id
ORDER BY told.incident_id, told.at, told.place, t.number
"""


async def steps_of(incident_ids: Sequence[UUID]) -> dict[UUID, list[SupplyStep]]:
    """What happened to the lines of some incidents, oldest first; at most the last hundred of each.
    Who did it by login: for the back office."""
    async with connection() as conn:
        rows = await conn.fetch(_STEPS, list(incident_ids))
    logins = await identity.logins_of(list({row["user_id"] for row in rows if row["user_id"]}))
    found: dict[UUID, list[SupplyStep]] = {each: [] for each in incident_ids}
    for row in rows:
        amount, currency = row["amount"], row["currency"]
        step = SupplyStep(
            at=row["at"],
            what=StepKind(row["what"]),
            attempt=row["number"],
            supplier=row["code"] or "",
            item=row["item"] or "",
            pieces=row["quantity"] or 0,
            word=row["word"].lower(),
            money=None if amount is None else Money(amount, currency),
            by=logins.get(row["user_id"], ""),
            note=row["note"],
        )
        found[row["incident_id"]].append(step)
    return {each: steps[-MOST_SHOWN:] for each, steps in found.items()}
