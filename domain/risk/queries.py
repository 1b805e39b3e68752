"""Reads of rules and cases, for those who may."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from orjson import loads

from domain.kernel import Actor, Page, PageRequest, clock, connection, page_of
from domain.risk.models import RiskCase, RiskCaseState, RiskDecision
from domain.risk.rules import Condition, read_condition

READ_SCOPE = "risk:read"
HITS_SINCE = timedelta(days=7)
MAX_RULES = 200
_RULES = """
SELECT r.*, (SELECT count(*) FROM risk_hits h WHERE h.rule_id = r.rule_id AND h.seen_at > $1)
    AS hits
FROM (SELECT DISTINCT ON (rule_id) * FROM risk_rules ORDER BY rule_id, version DESC) r
WHERE $2::uuid IS NULL OR r.rule_id = $2
ORDER BY r.rule_id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class ShownRule:
    """The newest version of a rule. `hits`: orders of the last week that it refused, or that it
    would have judged as a shadow."""

    rule_id: UUID
    version: int
    name: str
    conditions: list[Condition]
    decision: RiskDecision
    shadow: bool
    enabled: bool
    saved_at: datetime
    hits: int


@dataclass(frozen=True, slots=True)
class ShownSignal:
    """A rule that fired, as it was then."""

    rule_id: UUID
    version: int
    name: str
    decision: RiskDecision
    shadow: bool
    found: list[str]


def signals_of(case: RiskCase) -> list[ShownSignal]:
    """Why an order is held, for the eyes of reviewers."""
    return [
        ShownSignal(
            rule_id=UUID(each["ruleId"]),
            version=each["version"],
            name=each["name"],
            decision=RiskDecision(each["decision"]),
            shadow=each["shadow"],
            found=each["found"],
        )
        for each in case.signals
    ]


async def list_rules(actor: Actor) -> list[ShownRule]:
    """The rules, on or off, oldest first; needs `risk:read`."""
    actor.require_scope(READ_SCOPE)
    return await _rules(None)


async def shown_rule(rule_id: UUID) -> ShownRule:
    """One rule that the caller has just saved."""
    return (await _rules(rule_id))[0]


async def list_cases(
    actor: Actor, page: PageRequest, states: Sequence[RiskCaseState] | None
) -> Page[RiskCase]:
    """Held orders and how they ended, newest first; needs `risk:read`."""
    actor.require_scope(READ_SCOPE)
    rows = RiskCase.all().order_by("-id").limit(page.first + 1)
    if states:
        rows = rows.filter(state__in=list(states))
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda case: (case.id,))


async def _rules(rule_id: UUID | None) -> list[ShownRule]:
    async with connection() as conn:
        rows = await conn.fetch(_RULES, clock.now() - HITS_SINCE, rule_id, MAX_RULES)
    return [_shown(row) for row in rows]


def _shown(row: Any) -> ShownRule:
    return ShownRule(
        rule_id=row["rule_id"],
        version=row["version"],
        name=row["name"],
        conditions=[read_condition(each) for each in loads(row["conditions"])],
        decision=RiskDecision(row["decision"]),
        shadow=row["shadow"],
        enabled=row["enabled"],
        saved_at=row["saved_at"],
        hits=row["hits"],
    )
