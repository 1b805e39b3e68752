"""Referral rewards: for a party that an agent brought, once, when it has really sold or bought
(mission row H11).

Signing up brings nothing, and neither does joining. One level: whoever brought the one who brought
it has nothing of it. Where both are one hand, nothing is paid, and that is written down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from domain.bonuses.models import BonusBasis, BonusPlan
from domain.bonuses.rules import Measured, Worth, start_of, within_month, worth_of
from domain.bonuses.statements import (
    AGENTS_BROUGHT,
    AGENTS_OF,
    BUYERS_BROUGHT,
    BUYERS_OF,
    REFUSE,
)
from domain.kernel import Connection, clock, new_id

Pair = tuple[UUID, UUID]  # the agent, and whom it brought
Found = tuple[UUID, UUID, Measured, Worth, int]  # agent, party, its month, its worth, the amount


@dataclass(frozen=True, slots=True)
class Rewards:
    """Which agents were looked at, what they are to have, and pairs that are one hand."""

    looked: list[UUID]
    found: list[Found]
    one_hand: list[Any]


async def find_rewards(
    conn: Connection, plan: BonusPlan, month: date, values: dict[str, Any]
) -> Rewards:
    """What those bring whom the next agents brought since the plan began, or the month if that was
    earlier, and whom nobody was rewarded for yet."""
    brought = AGENTS_BROUGHT if _of_agents(plan) else BUYERS_BROUGHT
    asked = {**values, "since": start_of(min(plan.first_month, month))}
    rows = await conn.fetch(brought.text, *brought.values(pick(brought.names, asked)))
    honest = [row for row in rows if row["subject_id"] and not row["hand"]]
    pairs = [(row["agent_id"], row["subject_id"]) for row in honest]
    measured = await measure_referred(conn, plan, pairs, values) if pairs else {}
    by_agent: dict[UUID, list[tuple[UUID, Measured, Worth]]] = {}
    for agent_id, subject_id in pairs:
        worth = worth_of(plan, measured[subject_id])
        if worth is not None:
            by_agent.setdefault(agent_id, []).append((subject_id, measured[subject_id], worth))
    found: list[Found] = []
    for agent_id, parties in by_agent.items():
        amounts = within_month([worth.amount for *_, worth in parties], plan.cap_month or 0)
        found += [
            (agent_id, *party, amount)
            for party, amount in zip(parties, amounts, strict=True)
            if amount > 0
        ]
    looked = sorted({row["agent_id"] for row in rows})
    return Rewards(looked, found, [row for row in rows if row["hand"]])


async def measure_referred(
    conn: Connection, plan: BonusPlan, pairs: Sequence[Pair], values: dict[str, Any]
) -> dict[UUID, Measured]:
    """What those who were brought sold or bought in a month, by now, each by its own id."""
    statement = AGENTS_OF if _of_agents(plan) else BUYERS_OF
    asked = {
        **values,
        "agents": [agent_id for agent_id, _ in pairs],
        "subjects": [subject_id for _, subject_id in pairs],
    }
    rows = await conn.fetch(statement.text, *statement.values(pick(statement.names, asked)))
    names = ("lines", "sales", "margin", "uncosted", "sales")
    return {row["subject_id"]: Measured(*(row[name] for name in names)) for row in rows}


def pick(names: Sequence[str], values: dict[str, Any]) -> dict[str, Any]:
    """What a statement asks for."""
    return {name: values[name] for name in names}


def _of_agents(plan: BonusPlan) -> bool:
    return plan.basis is BonusBasis.REFERRED_AGENT_SALES


async def note_one_hand(
    conn: Connection, plan: BonusPlan, month: date, rows: Sequence[Any]
) -> None:
    """Write down which referrals earn nothing, because both are one."""
    await conn.execute(
        REFUSE,
        plan.id,
        month,
        clock.now(),
        [new_id() for _ in rows],
        [row["agent_id"] for row in rows],
        [row["subject_id"] for row in rows],
        [row["hand"] for row in rows],
    )
