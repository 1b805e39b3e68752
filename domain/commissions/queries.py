"""Reads of commissions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from domain import ledger
from domain.commissions.rules import explain, start_of
from domain.commissions.statements import SHOWN
from domain.kernel import Money, Page, PageRequest, connection, page_of
from domain.ledger import AccountKind

_KINDS = (AccountKind.COMMISSION, AccountKind.COMMISSION_AVAILABLE, AccountKind.COMMISSION_DEBT)
_OF_AGENT = f"""
{SHOWN}
WHERE c.agent_id = $1 AND ($2::uuid IS NULL OR c.id < $2)
    AND ($4::timestamptz IS NULL OR c.earned_at >= $4)
    AND ($5::timestamptz IS NULL OR c.earned_at < $5) AND ($6::int IS NULL OR c.level = $6)
ORDER BY c.id DESC LIMIT $3
"""
_NET = """
SELECT c.order_line_id AS line, (sum(c.amount) - sum(coalesce((
    SELECT sum(b.amount) FROM commission_clawbacks b WHERE b.commission_id = c.id), 0)))::bigint
    AS amount
FROM commissions c WHERE c.order_line_id = ANY($1) GROUP BY 1
"""


class CommissionState(StrEnum):
    """How far a commission has come."""

    PENDING = "PENDING"  # its time is not over: a refund lessens it
    AVAILABLE = "AVAILABLE"  # the agent has it, or had it
    TAKEN_BACK = "TAKEN_BACK"  # refunds took all of it


@dataclass(frozen=True, slots=True)
class CommissionBalances:
    """What an agent has of its commissions. Only what is available may be taken out."""

    pending: Money
    available: Money
    owed: Money  # for refunds of what was taken out before; later commissions make it up


@dataclass(frozen=True, slots=True)
class EarnedCommission:
    """A commission as its agent sees it: the order's number, never its buyer."""

    id: UUID
    order_number: str
    sku: str
    quantity: int  # of the line
    level: int
    basis: Money
    amount: Money
    clawed_back: Money  # by refunds
    rule: dict[str, Any]
    earned_at: datetime
    available_at: datetime
    state: CommissionState

    def explained(self, language: str) -> str:
        """How it came about, in one sentence."""
        return explain(self.rule, str(self.basis), str(self.amount), language)


@dataclass(frozen=True, slots=True)
class CommissionsWanted:
    """Which commissions are wanted: of days of the business, both counted, and of one level."""

    since: date | None = None
    until: date | None = None
    level: int | None = None


ALL_COMMISSIONS = CommissionsWanted()


async def list_commissions(
    agent_id: UUID, page: PageRequest, wanted: CommissionsWanted = ALL_COMMISSIONS
) -> Page[EarnedCommission]:
    """What an agent earned, newest first."""
    after = UUID(page.after[0]) if page.after else None
    since = wanted.since and start_of(wanted.since)
    until = wanted.until and start_of(wanted.until + timedelta(days=1))
    async with connection() as conn:
        rows = await conn.fetch(
            _OF_AGENT, agent_id, after, page.first + 1, since, until, wanted.level
        )
    return page_of(page, [earned_of(row) for row in rows], lambda one: (one.id,))


def earned_of(row: Any) -> EarnedCommission:
    """A commission from a row of `SHOWN`."""
    return EarnedCommission(
        id=row["id"],
        order_number=row["number"],
        sku=row["sku"],
        quantity=row["quantity"],
        level=row["level"],
        basis=Money(row["basis"], row["currency"]),
        amount=Money(row["amount"], row["currency"]),
        clawed_back=Money(row["clawed_back"], row["currency"]),
        rule=orjson.loads(row["rule"]),
        earned_at=row["earned_at"],
        available_at=row["release_at"],
        state=_state_of(row),
    )


async def net_of_lines(line_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What all agents together have earned on lines, less what refunds took back, in units; one
    statement for all."""
    async with connection() as conn:
        return {row["line"]: row["amount"] for row in await conn.fetch(_NET, list(line_ids))}


async def balances_of(agent_id: UUID, currency: str) -> CommissionBalances:
    """What an agent has in one currency, by what may be done with it."""
    return (await balances_of_agents([agent_id], currency))[agent_id]


async def balances_of_agents(
    agent_ids: Sequence[UUID], currency: str
) -> dict[UUID, CommissionBalances]:
    """The same of many agents; one statement for all."""
    accounts = {
        (agent, kind): ledger.account_id(kind, agent, currency)
        for agent in agent_ids
        for kind in _KINDS
    }
    held = await ledger.balances_of(list(accounts.values()))
    found = {}
    for agent in agent_ids:
        pending, available, debt = (held.get(accounts[agent, kind], 0) for kind in _KINDS)
        found[agent] = CommissionBalances(
            Money(pending, currency), Money(available, currency), Money(-debt, currency)
        )
    return found


def _state_of(row: Any) -> CommissionState:
    if row["clawed_back"] == row["amount"]:
        return CommissionState.TAKEN_BACK
    return CommissionState.AVAILABLE if row["released"] else CommissionState.PENDING
