"""Reads of agreements: what is in force, what comes, and what somebody has accepted."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.agents import AgentBlocked, AgentType, Deed
from domain.agreements.models import AgreementVersion
from domain.agreements.refusals import AgreementNotAccepted
from domain.agreements.statements import BLOCKED, SHOWN, STANDINGS, UNACCEPTED_FOR
from domain.kernel import (
    Actor,
    Connection,
    Page,
    PageRequest,
    Spoken,
    clock,
    connection,
    page_of,
    refuse_unless,
)

READ_SCOPE = "agreements:read"
MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class AgreementStanding:
    """A version, and since when somebody has accepted it or a later one."""

    version: AgreementVersion
    accepted_at: datetime | None
    accepted_version: int | None


async def current_agreements(agent_type: AgentType | None = None) -> list[AgreementVersion]:
    """The versions in force, and those announced, of a type of agents or of all."""
    async with connection() as conn:
        rows = await conn.fetch(SHOWN, agent_type and agent_type.value, clock.now())
    found = {row.id: row for row in await AgreementVersion.filter(id__in=[r["id"] for r in rows])}
    return [found[row["id"]] for row in rows][:MAX_SHOWN]


async def standings_of(user_id: UUID, agent_type: AgentType) -> list[AgreementStanding]:
    """What a user has accepted, and has not, of what is in force or announced for a type."""
    shown = await current_agreements(agent_type)
    async with connection() as conn:
        rows = await conn.fetch(STANDINGS, user_id, [each.id for each in shown])
    by_id = {row["id"]: row for row in rows}
    return [
        AgreementStanding(each, by_id[each.id]["accepted_at"], by_id[each.id]["accepted_version"])
        for each in shown
    ]


async def unaccepted_for(user_id: UUID, agent_type: AgentType) -> list[AgreementNotAccepted]:
    """What in force blocks anything and was not accepted by a user, as refusals; one statement."""
    async with connection() as conn:
        rows = await conn.fetch(UNACCEPTED_FOR, user_id, agent_type.value, clock.now())
    return [
        AgreementNotAccepted(
            title=Spoken(en=row["title_en"], zh=row["title_zh"]), version=row["version"]
        )
        for row in rows
    ]


async def require_free(conn: Connection, agent_id: UUID, deed: Deed) -> None:
    """Refuses (AGENT_BLOCKED) a deed that an unaccepted version in force blocks."""
    blocked = await conn.fetchval(BLOCKED, agent_id, deed.value, clock.now())
    refuse_unless(not blocked, AgentBlocked(reason="blocked_by_agreement"))


async def list_versions(actor: Actor, page: PageRequest) -> Page[AgreementVersion]:
    """All versions, newest first; needs `agreements:read`."""
    actor.require_scope(READ_SCOPE)
    rows = AgreementVersion.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))
