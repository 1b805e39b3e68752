"""What a month is worth by a plan, read and not written: for awards, for what refunds take of them,
and for whoever asks what a plan would have paid (row H5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from domain.bonuses.models import BonusBasis, BonusPlan
from domain.bonuses.referring import find_rewards, pick
from domain.bonuses.rules import Measured, Worth, next_month, start_of, worth_of
from domain.bonuses.statements import (
    LINE_OF,
    LINE_SLICE,
    SLOW_DELIVERY_DAYS,
    TEAM_OF,
    TEAM_SLICE,
)
from domain.commissions import Award, AwardKind
from domain.kernel import Connection, new_id

SLICE = 100  # agents that are looked at together


@dataclass(frozen=True, slots=True)
class Next:
    """The next agents, what they are to have, and referrals that are one hand."""

    looked: Sequence[UUID]
    awards: list[Award]
    one_hand: Sequence[Any]


async def next_awards(conn: Connection, plan: BonusPlan, month: date, cursor: UUID) -> Next:
    """What the agents after `cursor` are to have for a month; writes nothing."""
    if plan.kind is AwardKind.REFERRAL:
        rewards = await find_rewards(conn, plan, month, values_of(plan, month, cursor))
        awards = [_award_of(plan, month, *reward) for reward in rewards.found]
        return Next(rewards.looked, awards, rewards.one_hand)
    found = await measure(conn, plan, month, cursor=cursor)
    awards = [
        _award_of(plan, month, agent_id, None, measured, worth, worth.amount)
        for agent_id, measured in found.items()
        if (worth := worth_of(plan, measured)) is not None
    ]
    return Next(list(found), awards, ())


async def measure(
    conn: Connection,
    plan: BonusPlan,
    month: date,
    cursor: UUID | None = None,
    agent_ids: Sequence[UUID] = (),
) -> dict[UUID, Measured]:
    """What a month came to by now, of some agents or of the next ones after `cursor`."""
    values = {**values_of(plan, month, cursor), "agents": list(agent_ids)}
    by_line = plan.kind is AwardKind.PROMOTION
    if cursor is None:
        statement = LINE_OF if by_line else TEAM_OF
    else:
        statement = LINE_SLICE if by_line else TEAM_SLICE
    asked = pick(statement.names, values)
    rows = await conn.fetch(statement.text, *statement.values(asked))
    names = ("lines", "sales", "margin", "uncosted", "own")
    return {row["agent_id"]: Measured(*(row[name] for name in names)) for row in rows}


def values_of(plan: BonusPlan, month: date, cursor: UUID | None = None) -> dict[str, Any]:
    """What statements ask for of a plan and a month."""
    following, begins = next_month(month), start_of(month)
    return {
        "plan": plan.id,
        "currency": plan.currency,
        "cursor": cursor,
        "slice": SLICE,
        "depth": plan.depth,
        "first": month,
        "next": following,
        "begins": begins,
        "ends": start_of(following),
        "by_link": plan.basis is BonusBasis.LINK_SALES,
        "oldest": _first_id(begins - timedelta(days=SLOW_DELIVERY_DAYS)),
    }


def _first_id(moment: Any) -> UUID:
    """The smallest id of that moment: ids carry the time at which they were made."""
    return UUID(int=int(moment.timestamp() * 1_000) << 80)


def _award_of(
    plan: BonusPlan,
    month: date,
    agent_id: UUID,
    subject_id: UUID | None,
    measured: Measured,
    worth: Worth,
    amount: int,
) -> Award:
    return Award(
        id=new_id(),
        plan_id=plan.id,
        kind=plan.kind,
        agent_id=agent_id,
        month=month,
        lines=measured.lines,
        sales=measured.sales,
        margin=measured.margin,
        uncosted=measured.uncosted,
        rate=worth.rate,
        wished=worth.wished,
        amount=amount,
        currency=plan.currency,
        terms={
            "name": plan.name,
            "basis": plan.basis.value,
            "depth": plan.depth,
            "from": worth.start,
            "capMarginRate": plan.cap_margin_rate,
            "capSalesRate": plan.cap_sales_rate,
            "capEach": plan.cap_each,
            "capMonth": plan.cap_month,
        },
        hold_days=plan.hold_days,
        subject_id=subject_id,
    )
