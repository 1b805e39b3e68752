"""Invitations: made, taken back, used by an application, given back when nothing came of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import audit, realname
from domain.admission.models import AgentInvitation
from domain.admission.refusals import InvitationUnusable, TooManyInvitations
from domain.admission.rules import LONGEST, MAX_USES, MOST_OPEN, is_better
from domain.agents import (
    Agent,
    AgentDepthExceeded,
    AgentIsLeaf,
    AgentStatus,
    AgentType,
    Deed,
    Tier,
    get_own_agent,
    limits,
    new_code,
)
from domain.agreements import require_free
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    page_of,
    refuse_unless,
    transaction,
)
from domain.penalties import require_unrestricted

WRITE_SCOPE, READ_SCOPE = "agents:write", "agents:read"
_OPEN = """
SELECT count(*) FROM agent_invitations WHERE inviter_id = $1 AND revoked_at IS NULL
    AND expires_at > $2 AND uses < max_uses
"""
_USE = """
UPDATE agent_invitations SET uses = uses + 1
WHERE code = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < max_uses
RETURNING id, inviter_id, agent_type, tier
"""
_GIVE_BACK = "UPDATE agent_invitations SET uses = uses - 1 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class InvitationWish:
    """An invitation as somebody wants it."""

    agent_type: AgentType
    tier: Tier
    max_uses: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """By which invitation somebody comes."""

    invitation_id: UUID
    parent_id: UUID | None
    agent_type: AgentType
    tier: Tier


async def invite(actor: Actor, wish: InvitationWish) -> AgentInvitation:
    """Make an invitation below the caller, who is an agent (mission row G1).

    Refuses whoever may not recruit now (AGENT_BLOCKED), is a promoter (AGENT_IS_LEAF), is not
    active, or stands too deep (AGENT_DEPTH_EXCEEDED); a better tier than one's own (INVALID); one
    more than the caller's real-name level allows (REAL_NAME_NEEDED, TOO_MANY_INVITATIONS).
    """
    own = await get_own_agent(actor)
    _check(wish)
    async with transaction() as conn:
        agent = await Agent.filter(id=own.id).select_for_update().get()
        active = agent.status is AgentStatus.ACTIVE
        refuse_unless(active, NotFound(what="agent"))
        refuse_unless(not agent.leaf, AgentIsLeaf())
        deep = AgentDepthExceeded(max_depth=limits.depth)
        refuse_unless(agent.depth < limits.depth, deep)
        await require_free(conn, agent.id, Deed.RECRUIT)
        await require_unrestricted(conn, agent.id, Deed.RECRUIT)
        worse = not is_better(wish.tier, agent.tier)
        refuse_unless(worse, Invalid(reason="invitation_tier", field=("tier",)))
        await _refuse_many(conn, agent)
        return await _make(conn, actor, wish, agent.id)


async def invite_for_the_house(actor: Actor, wish: InvitationWish) -> AgentInvitation:
    """Make an invitation to the top of the tree. Needs `agents:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    async with transaction() as conn:
        return await _make(conn, actor, wish, None)


async def revoke_invitation(actor: Actor, invitation_id: UUID) -> AgentInvitation:
    """Take one's own invitation back, or, as staff with `agents:write`, any. Again is harmless."""
    async with transaction() as conn:
        row = await AgentInvitation.filter(id=invitation_id).select_for_update().first()
        if row is None or not await _may_revoke(actor, row):
            raise Refused(NotFound(what="invitation", field=("invitationId",)))
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            await row.save(force_update=True)
            await audit.record(conn, actor, "agent_invitation.revoke", row.id, {})
    return row


async def use_invitation(conn: Connection, code: str) -> Invited:
    """Spend one use, in the transaction of whoever applies; of many at once no more than there are.

    Refuses (INVITATION_UNUSABLE) whatever is not good, without saying why.
    """
    row = await conn.fetchrow(_USE, code.strip().upper(), clock.now())
    if row is None:
        raise Refused(InvitationUnusable(field=("invitationCode",)))
    return Invited(row["id"], row["inviter_id"], AgentType(row["agent_type"]), Tier(row["tier"]))


async def give_back(conn: Connection, invitation_id: UUID) -> None:
    """Nothing came of an application: its use may be used again."""
    await conn.execute(_GIVE_BACK, invitation_id)


async def list_invitations(agent_id: UUID, page: PageRequest) -> Page[AgentInvitation]:
    """The invitations of an agent, newest first."""
    rows = AgentInvitation.filter(inviter_id=agent_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


def _check(wish: InvitationWish) -> None:
    now = clock.now()
    for_agents = wish.tier is not Tier.RETAIL
    refuse_unless(for_agents, Invalid(reason="tier_of_an_agent", field=("tier",)))
    few = 1 <= wish.max_uses <= MAX_USES
    refuse_unless(few, Invalid(reason="invitation_uses", field=("maxUses",)))
    ends = now < wish.expires_at <= now + LONGEST
    refuse_unless(ends, Invalid(reason="invitation_time", field=("expiresAt",)))


async def _refuse_many(conn: Connection, agent: Agent) -> None:
    level = await realname.level_of(agent.user_id, conn)
    most = MOST_OPEN[level]
    if most == 0:
        raise Refused(realname.RealNameNeeded(level=realname.RealNameLevel.BASIC.value))
    open_ = await conn.fetchval(_OPEN, agent.id, clock.now())
    refuse_unless(open_ < most, TooManyInvitations(most=most))


async def _make(
    conn: Connection, actor: Actor, wish: InvitationWish, inviter_id: UUID | None
) -> AgentInvitation:
    row = await AgentInvitation.create(
        inviter_id=inviter_id,
        code=new_code(),
        agent_type=wish.agent_type,
        tier=wish.tier,
        max_uses=wish.max_uses,
        expires_at=wish.expires_at,
        created_by=actor.user_id,
        created_at=clock.now(),
    )
    details = {"type": wish.agent_type.value, "tier": wish.tier.value, "uses": wish.max_uses}
    await audit.record(conn, actor, "agent_invitation.make", row.id, details)
    return row


async def _may_revoke(actor: Actor, row: AgentInvitation) -> bool:
    if actor.is_staff(WRITE_SCOPE):
        return True
    if row.inviter_id is None:
        return False
    return await Agent.filter(id=row.inviter_id, user_id=actor.require_user()).exists()
