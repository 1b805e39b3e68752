"""What is asked of routing for an attempt, what it answers, and how that is kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.kernel import Connection, named, new_id
from domain.routing.rules import MOST_SHOWN, Exclusion, Policy, Ranked
from domain.suppliers import Candidate, Way

# A piece of larger statements, with what `decision_values` gives.
KEEP_DECISION = """
INSERT INTO route_decisions
    (id, line_id, number, kind, scope, offer_id, candidates, decided_at)
VALUES (:decision, :decided_line, :decided_number, :policy_kind, :policy_scope, :decided_offer,
    :looked_at::jsonb, :decided_at)
ON CONFLICT (line_id, number) DO UPDATE SET kind = excluded.kind, scope = excluded.scope,
    offer_id = excluded.offer_id, candidates = excluded.candidates
RETURNING decided_at
"""
_KEEP = named(KEEP_DECISION)


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
    or neither, when nobody is left.

    `course` is the order that the line began with; `way` how the offer is bought, where that was
    read with it.
    """

    candidate: Candidate | None
    max_unit_cost: int = 0
    wait_until: datetime | None = None
    course: "Course | None" = None
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """The rows of the decision that a line began with, by their offers and in their order."""

    rows: Mapping[UUID, dict[str, Any]]

    def next_few(self, tried: Collection[UUID], most: int) -> list[UUID]:
        """The first offers that nobody has tried yet."""
        return [offer_id for offer_id in self.rows if offer_id not in tried][:most]


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


def course_of(rows: Sequence[dict[str, Any]]) -> Course:
    """The rows of a line's first decision as a course; the last ones are not kept."""
    return Course({UUID(row["offer_id"]): row for row in rows[:MOST_SHOWN]})


async def keep_decision(conn: Connection, values: Mapping[str, Any]) -> datetime:
    """Keep the decision; since when the line needs this attempt."""
    decided_at: datetime = await conn.fetchval(_KEEP.text, *_KEEP.values(values))
    return decided_at


def decision_values(
    need: Need,
    policy: Policy,
    chosen: Candidate | None,
    shown: Sequence[dict[str, Any]] | dict[str, dict[str, Any]],
    moment: datetime,
) -> dict[str, Any]:
    """The values of `KEEP_DECISION`. What is `shown` by offers is what became different since the
    line began (`showing.shown_rows` puts both together)."""
    kept = shown if isinstance(shown, dict) else shown[:MOST_SHOWN]
    return {
        "decision": new_id(),
        "decided_line": need.line_id,
        "decided_number": need.number,
        "policy_kind": policy.kind.value,
        "policy_scope": policy.scope.value,
        "decided_offer": chosen.offer_id if chosen else None,
        "looked_at": orjson.dumps(kept).decode(),
        "decided_at": moment,
    }
