"""Reads of settlement: an agent sees its own frozen statements, the back office all."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain import payouts
from domain.kernel import Actor, Money, NotFound, Page, PageRequest, Refused, connection, page_of
from domain.settlement.models import ProposalState, SettlementProposal, SettlementRun
from domain.settlement.running import READ_SCOPE
from domain.settlement.statements import AMOUNTS, COLUMNS
from domain.settlement.sums import Sums, Totals

_SELECT = f"""
SELECT s.id, s.run_id, s.agent_id, s.currency, {", ".join(f"s.{name}" for name in COLUMNS)},
    r.period, r.starts_at, r.ends_at, r.frozen_at, a.name AS agent_name, a.code AS agent_code,
    p.payout_id, p.withheld
FROM settlement_statements s JOIN settlement_runs r ON r.id = s.run_id
JOIN agents a ON a.id = s.agent_id
LEFT JOIN settlement_payouts p ON p.run_id = s.run_id AND p.agent_id = s.agent_id
"""  # noqa: S608 - words of this house
_OF_AGENT = f"""{_SELECT} WHERE s.agent_id = $1 AND r.state = 'FROZEN'
    AND ($2::timestamptz IS NULL OR r.ends_at < $2) ORDER BY r.ends_at DESC LIMIT $3
"""
_OF_RUN = f"""{_SELECT} WHERE s.run_id = $1 AND s.agent_id > $2 ORDER BY s.agent_id LIMIT $3
"""
_ONE = f"{_SELECT} WHERE s.id = $1 AND r.state = 'FROZEN'"
_TOTALS = f"""
SELECT run_id, count(*)::int AS statements, sum(lines)::bigint AS lines,
    {", ".join(f"sum({name})::bigint AS {name}" for name in AMOUNTS)}
FROM settlement_statements WHERE run_id = ANY($1::uuid[]) GROUP BY run_id
"""  # noqa: S608 - words of this house
_ASKED = """
SELECT run_id, count(payout_id)::int AS asked, count(*)::int AS looked
FROM settlement_payouts WHERE run_id = ANY($1::uuid[]) GROUP BY run_id
"""
_WITHHELD = """
SELECT s.agent_id, a.name AS agent_name, a.code AS agent_code, s.wanted, s.withheld, r.currency
FROM settlement_payouts s JOIN agents a ON a.id = s.agent_id
JOIN settlement_runs r ON r.id = s.run_id
WHERE s.run_id = $1 AND s.withheld <> '' AND s.agent_id > $2 ORDER BY s.agent_id LIMIT $3
"""
_FIRST = UUID(int=0)
SLICE = 500


@dataclass(frozen=True, slots=True)
class EarnedByRule:
    """What one kind of rule brought at one level."""

    kind: str
    level: int
    lines: int
    amount: Money


@dataclass(slots=True, kw_only=True)
class Statement(Sums):
    """One agent's statement of one run, as it was frozen."""

    id: UUID
    run_id: UUID
    agent_id: UUID
    agent_name: str
    agent_code: str
    period: str
    starts_at: datetime
    ends_at: datetime
    frozen_at: datetime | None
    lines: int
    earned_by: list[EarnedByRule]
    payout_id: UUID | None  # that its run asked for
    withheld: str  # or the code of why not; empty: not proposed, or nothing was available

    @property
    def number(self) -> str:
        """What people call it: the period, and the agent's code."""
        return f"{self.period}-{self.agent_code}"


@dataclass(frozen=True, slots=True)
class Withheld:
    """An agent that a run could not pay, and the code of why."""

    agent_id: UUID
    agent_name: str
    agent_code: str
    wanted: Money
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """How the payouts of a run stand."""

    run_id: UUID
    state: ProposalState
    agents: int
    looked: int
    asked: int
    withheld: int
    batch: payouts.PayoutBatch | None
    proposed_by: UUID
    proposed_at: datetime


async def list_runs(actor: Actor, page: PageRequest) -> Page[SettlementRun]:
    """Runs, newest first. Needs `settlements:read`."""
    actor.require_scope(READ_SCOPE)
    rows = SettlementRun.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda run: (run.id,))


async def get_run(actor: Actor, run_id: UUID) -> SettlementRun:
    """One run. Needs `settlements:read`."""
    actor.require_scope(READ_SCOPE)
    run = await SettlementRun.filter(id=run_id).first()
    if run is None:
        raise Refused(NotFound(what="settlement run"))
    return run


async def totals_of(run_ids: Sequence[UUID]) -> dict[UUID, Totals]:
    """What the statements of runs sum to by now; one look for all."""
    runs = await SettlementRun.filter(id__in=list(run_ids))
    found = {run.id: Totals(run.currency) for run in runs}
    async with connection() as conn:
        for row in await conn.fetch(_TOTALS, list(run_ids)):
            found[row["run_id"]].add(row)
    return found


async def proposals_of(run_ids: Sequence[UUID]) -> dict[UUID, Proposal]:
    """How the payouts of those runs stand that were proposed; one look for all."""
    made = await SettlementProposal.filter(run_id__in=list(run_ids))
    batches = payouts.PayoutBatch.filter(id__in=[each.batch_id for each in made if each.batch_id])
    by_id = {batch.id: batch for batch in await batches}
    async with connection() as conn:
        counts = {row["run_id"]: row for row in await conn.fetch(_ASKED, list(run_ids))}
    found = {}
    for each in made:
        asked = counts[each.run_id]["asked"] if each.run_id in counts else 0
        found[each.run_id] = Proposal(
            run_id=each.run_id,
            state=each.state,
            agents=each.agents,
            looked=each.looked,
            asked=asked,
            withheld=each.looked - asked,
            batch=by_id.get(each.batch_id) if each.batch_id else None,
            proposed_by=each.proposed_by,
            proposed_at=each.proposed_at,
        )
    return found


async def list_withheld(actor: Actor, run_id: UUID, page: PageRequest) -> Page[Withheld]:
    """Whom a run could not pay, by agent. Needs `settlements:read`."""
    actor.require_scope(READ_SCOPE)
    after = UUID(page.after[0]) if page.after else _FIRST
    async with connection() as conn:
        rows = await conn.fetch(_WITHHELD, run_id, after, page.first + 1)
    found = [
        Withheld(
            row["agent_id"],
            row["agent_name"],
            row["agent_code"],
            Money(row["wanted"], row["currency"]),
            row["withheld"],
        )
        for row in rows
    ]
    return page_of(page, found, lambda each: (each.agent_id,))


async def statements_of_agent(agent_id: UUID, page: PageRequest) -> Page[Statement]:
    """An agent's frozen statements, newest first; the caller has checked who asks."""
    before = datetime.fromisoformat(page.after[0]) if page.after else None
    async with connection() as conn:
        rows = await conn.fetch(_OF_AGENT, agent_id, before, page.first + 1)
    found = [_statement(row) for row in rows]
    return page_of(page, found, lambda each: (each.ends_at.isoformat(),))


async def statements_of_run(actor: Actor, run_id: UUID, page: PageRequest) -> Page[Statement]:
    """The statements of a run, by agent. Needs `settlements:read`."""
    actor.require_scope(READ_SCOPE)
    after = UUID(page.after[0]) if page.after else _FIRST
    async with connection() as conn:
        rows = await conn.fetch(_OF_RUN, run_id, after, page.first + 1)
    return page_of(page, [_statement(row) for row in rows], lambda each: (each.agent_id,))


async def get_statement(actor: Actor, statement_id: UUID) -> Statement:
    """A frozen statement, for its own agent or with `settlements:read`; no other one is told that
    there is any (NOT_FOUND)."""
    async with connection() as conn:
        row = await conn.fetchrow(_ONE, statement_id)
    own = row is not None and actor.agent_id == row["agent_id"]
    if row is None or not (own or actor.is_staff(READ_SCOPE)):
        raise Refused(NotFound(what="statement"))
    return _statement(row)


async def all_of_run(run_id: UUID) -> AsyncIterator[Statement]:
    """Every statement of a run, by agent, read in slices."""
    after = _FIRST
    while True:
        async with connection() as conn:
            rows = await conn.fetch(_OF_RUN, run_id, after, SLICE)
        for row in rows:
            yield _statement(row)
        if len(rows) < SLICE:
            return
        after = rows[-1]["agent_id"]


def _statement(row: Any) -> Statement:
    currency = row["currency"]
    earned_by = [
        EarnedByRule(each["kind"], each["level"], each["lines"], Money(each["amount"], currency))
        for each in orjson.loads(row["earned_by"])
    ]
    return Statement(
        id=row["id"],
        run_id=row["run_id"],
        agent_id=row["agent_id"],
        agent_name=row["agent_name"],
        agent_code=row["agent_code"],
        period=row["period"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        frozen_at=row["frozen_at"],
        lines=row["lines"],
        earned_by=earned_by,
        payout_id=row["payout_id"],
        withheld=row["withheld"] or "",
        amounts={name: row[name] for name in AMOUNTS},
        currency=currency,
    )
