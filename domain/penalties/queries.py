"""Reads of penalties: one's own, all for staff, and what is published to everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.agents import AgentBlocked, Deed, agents_by_id
from domain.kernel import (
    Actor,
    Connection,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    connection,
    page_of,
    refuse_unless,
)
from domain.penalties.locking import READ_SCOPE
from domain.penalties.models import PenaltyCase, PenaltyState, PenaltyStep, Violation
from domain.penalties.statements import BLOCKED, PUBLISHED
from domain.realname import masked_name


@dataclass(frozen=True, slots=True)
class PublishedPenalty:
    """What everybody may read: no name, no facts, no amount."""

    case_id: UUID
    masked_name: str
    violation: Violation
    step: PenaltyStep
    imposed_at: datetime
    published_at: datetime


async def require_unrestricted(conn: Connection, agent_id: UUID, deed: Deed) -> None:
    """Refuses (AGENT_BLOCKED) a deed that a restriction keeps the agent from now."""
    blocked = await conn.fetchval(BLOCKED, agent_id, deed.value, clock.now())
    refuse_unless(not blocked, AgentBlocked(reason="blocked_by_penalty"))


async def list_cases(
    actor: Actor,
    states: Sequence[PenaltyState],
    agent_id: UUID | None,
    page: PageRequest,
) -> Page[PenaltyCase]:
    """Cases in these states, newest first; needs `penalties:read`."""
    actor.require_scope(READ_SCOPE)
    rows = PenaltyCase.all().order_by("-id").limit(page.first + 1)
    if states:
        rows = rows.filter(state__in=list(states))
    if agent_id:
        rows = rows.filter(agent_id=agent_id)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda case: (case.id,))


async def get_case(actor: Actor, case_id: UUID) -> PenaltyCase:
    """One case; needs `penalties:read`, refuses an unknown one."""
    actor.require_scope(READ_SCOPE)
    case = await PenaltyCase.filter(id=case_id).first()
    if case is None:
        raise Refused(NotFound(what="penalty case"))
    return case


async def cases_against(agent_id: UUID, page: PageRequest) -> Page[PenaltyCase]:
    """The cases that an agent has heard of, newest first."""
    rows = PenaltyCase.filter(agent_id=agent_id, noticed_at__isnull=False).order_by("-id")
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows.limit(page.first + 1), lambda case: (case.id,))


async def list_published(page: PageRequest) -> Page[PublishedPenalty]:
    """What was imposed and is final, newest first, names masked; for everybody (row G18)."""
    after = (datetime.fromisoformat(page.after[0]), UUID(page.after[1])) if page.after else None
    async with connection() as conn:
        rows = await conn.fetch(PUBLISHED, *(after or (None, None)), page.first + 1)
    found = {case.id: case for case in await PenaltyCase.filter(id__in=[r["id"] for r in rows])}
    named = await agents_by_id([case.agent_id for case in found.values()])
    shown = [
        PublishedPenalty(
            case.id,
            masked_name(named[case.agent_id].name),
            case.violation,
            case.step,
            case.decided_at,
            case.closed_at,
        )
        for case in (found[row["id"]] for row in rows)
        if case.step and case.decided_at and case.closed_at
    ]
    return page_of(page, shown, lambda each: (each.published_at.isoformat(), each.case_id))
