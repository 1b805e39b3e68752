"""What agents earned today and this month, read again at each change (mission row G11).

Nothing is counted ahead: the purchase writes what it writes anyway. Days that are over do not
change, because what is earned counts on the day of its sale and what is taken back on the day of
its refund; so whoever reads often keeps their sums and reads today's lines only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.commissions import statements
from domain.commissions.queries import (
    CommissionBalances,
    EarnedCommission,
    balances_of_agents,
    earned_of,
)
from domain.commissions.rules import day_of
from domain.kernel import Money, clock, connection

RECENT = 20
SETTLED = timedelta(minutes=5)  # after midnight: no transaction that dated itself before lives on
_SLACK = timedelta(minutes=10)  # between a row's id and its time


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a time, in units: orders whose first commission came then, the price of the lines that
    earned one, what they earned, and what refunds took back then, of whatever sale."""

    orders: int = 0
    sold: int = 0
    earned: int = 0
    taken_back: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        """Of both times together."""
        return Figures(
            self.orders + other.orders,
            self.sold + other.sold,
            self.earned + other.earned,
            self.taken_back + other.taken_back,
        )


@dataclass(frozen=True, slots=True)
class EarnedIn:
    """The same as it is shown."""

    orders: int
    sold: Money
    earned: Money
    taken_back: Money


@dataclass(frozen=True, slots=True)
class Earnings:
    """How an agent stands: today and this month by the calendar of the business, what it has, and
    the commissions that came or were lessened last, the newest change first."""

    agent_id: UUID
    day: date
    today: EarnedIn
    month: EarnedIn
    balances: CommissionBalances
    recent: tuple[EarnedCommission, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """What was earned this month before today, of one agent, for whoever reads again."""

    day: datetime
    figures: Figures


async def earnings_of(
    agent_ids: Sequence[UUID], currency: str, known: Mapping[UUID, Before] | None = None
) -> tuple[dict[UUID, Earnings], dict[UUID, Before]]:
    """How agents stand, all by four statements, and what may be handed in as `known` next time.

    The statements see what was committed before each of them: a commission that comes in between
    may be in one part and not in another, and is in all of them at the next reading.
    """
    moment = clock.now()
    day = day_of(moment)
    kept = {agent: one for agent, one in (known or {}).items() if one.day == day}
    missing = [agent for agent in agent_ids if agent not in kept]
    earlier = await _figures(missing, currency, day.replace(day=1), day)
    before = kept | {each: Before(day, earlier.get(each, Figures())) for each in missing}
    today = await _figures(agent_ids, currency, day, moment + _SLACK)
    balances = await balances_of_agents(agent_ids, currency)
    recent = await _recent(agent_ids)
    found = {}
    for agent in agent_ids:
        own = today.get(agent, Figures())
        found[agent] = Earnings(
            agent_id=agent,
            day=day.date(),
            today=_shown(own, currency),
            month=_shown(before[agent].figures + own, currency),
            balances=balances[agent],
            recent=tuple(recent.get(agent, ())),
        )
    return found, before if moment - day >= SETTLED else {}


async def _figures(
    agent_ids: Sequence[UUID], currency: str, since: datetime, until: datetime
) -> dict[UUID, Figures]:
    if not agent_ids or since >= until:
        return {}
    floor = UUID(int=max(0, int((since - _SLACK).timestamp() * 1_000)) << 80)
    async with connection() as conn:
        rows = await conn.fetch(statements.FIGURES, list(agent_ids), currency, floor, since, until)
    names = ("orders", "sold", "earned", "taken_back")
    return {row["agent"]: Figures(*(row[name] for name in names)) for row in rows}


async def _recent(agent_ids: Sequence[UUID]) -> dict[UUID, list[EarnedCommission]]:
    async with connection() as conn:
        rows = await conn.fetch(statements.RECENT, list(agent_ids), RECENT)
    found: dict[UUID, list[EarnedCommission]] = {}
    for row in rows:
        found.setdefault(row["agent_id"], []).append(earned_of(row))
    return found


def _shown(figures: Figures, currency: str) -> EarnedIn:
    amounts: list[Any] = [figures.sold, figures.earned, figures.taken_back]
    return EarnedIn(figures.orders, *(Money(amount, currency) for amount in amounts))
