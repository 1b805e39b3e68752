"""What agents and their teams sold: for an agent itself, and for staff with `agents:read`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from domain.kernel import Invalid, Money, connection, refuse_unless
from domain.teams import statements

MOST_DAYS = 800
MOST_MEMBERS = 100


class Bucket(StrEnum):
    """How days are put together: weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Span:
    """Days of the business, both counted."""

    first: date
    last: date

    def check(self) -> None:
        """Refuses (INVALID) a span that ends before it begins, or of more than 800 days."""
        fits = 0 <= (self.last - self.first).days < MOST_DAYS
        refuse_unless(fits, Invalid(reason="sales_span", field=("until",)))


@dataclass(frozen=True, slots=True)
class Sales:
    """What was sold to consumers and delivered: lines of orders, their price, what went back."""

    lines: int
    sold: Money
    refunded: Money

    @property
    def net(self) -> Money:
        """What is left; below zero where more went back than was sold at that time."""
        return Money(self.sold.units - self.refunded.units, self.sold.currency)


@dataclass(frozen=True, slots=True)
class SalesPoint:
    """One day, week or month: of the agent's own customers, and of them and the whole team."""

    day: date
    own: Sales
    team: Sales


@dataclass(frozen=True, slots=True)
class MemberSales:
    """What came through one direct child and whoever stands below it."""

    agent_id: UUID
    sales: Sales


def check_members(first: int) -> None:
    """Refuses (INVALID) none, and more than a hundred."""
    refuse_unless(0 < first <= MOST_MEMBERS, Invalid(reason="team_members", field=("first",)))


async def sales_of(
    agent_ids: Sequence[UUID], span: Span, bucket: Bucket, currency: str = "CNY"
) -> dict[UUID, list[SalesPoint]]:
    """What agents and their teams sold, oldest first, all by one statement; times without a sale
    are left out."""
    span.check()
    async with connection() as conn:
        rows = await conn.fetch(
            statements.POINTS, list(agent_ids), span.first, span.last, bucket.value, currency
        )
    found: dict[UUID, list[SalesPoint]] = {}
    for row in rows:
        own = _sales(row["own_lines"], row["own_sold"], row["own_refunded"], currency)
        team = _sales(row["lines"], row["sold"], row["refunded"], currency)
        found.setdefault(row["agent_id"], []).append(SalesPoint(row["day"], own, team))
    return found


async def team_of(
    agent_ids: Sequence[UUID], span: Span, first: int = 20, currency: str = "CNY"
) -> dict[UUID, list[MemberSales]]:
    """The direct children of agents by what came through them, the most first, 100 at most of
    each; all by one statement."""
    span.check()
    check_members(first)
    async with connection() as conn:
        rows = await conn.fetch(
            statements.MEMBERS, list(agent_ids), span.first, span.last, currency, first
        )
    found: dict[UUID, list[MemberSales]] = {}
    for row in rows:
        sales = _sales(row["lines"], row["sold"], row["refunded"], currency)
        found.setdefault(row["agent_id"], []).append(MemberSales(row["via_id"], sales))
    return found


def _sales(lines: int, sold: int, refunded: int, currency: str) -> Sales:
    return Sales(lines, Money(sold, currency), Money(refunded, currency))
