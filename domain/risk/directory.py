"""The rules in force, kept in memory by each process.

Whoever asks says which version is newest: the purchase reads it with all else that it reads, so
rules cost no statement until they change, and none is ever old. Without rules there is no version.
"""

from typing import Any
from uuid import UUID

from orjson import loads

from domain.kernel import Connection
from domain.risk.models import RiskDecision
from domain.risk.rules import Rule, read_condition

# The id of the newest version of any rule: one look at the end of an index.
NEWEST = "SELECT id FROM risk_rules ORDER BY number DESC LIMIT 1"
_RULES = """
SELECT id, rule_id, version, name, conditions, decision, shadow, enabled FROM (
    SELECT DISTINCT ON (rule_id) * FROM risk_rules ORDER BY rule_id, version DESC) newest
ORDER BY rule_id
"""
_known: tuple[UUID | None, tuple[Rule, ...]] = (None, ())


async def rules_of(conn: Connection, newest: UUID | None) -> tuple[Rule, ...]:
    """The rules in force; `newest` is what NEWEST gave. Reads them only when they changed."""
    global _known
    if newest is None:
        return ()
    version, rules = _known
    if version == newest:
        return rules
    # Read again with the rows: a version may have come between, and is then the one at hand.
    version = await conn.fetchval(NEWEST)
    rules = tuple(_rule_of(row) for row in await conn.fetch(_RULES) if row["enabled"])
    if version == await conn.fetchval(NEWEST):
        _known = (version, rules)
    return rules


def _rule_of(row: Any) -> Rule:
    kept = row["conditions"]
    return Rule(
        rule_id=row["rule_id"],
        version=row["version"],
        name=row["name"],
        conditions=tuple(read_condition(each) for each in loads(kept)),
        decision=RiskDecision(row["decision"]),
        shadow=row["shadow"],
    )
