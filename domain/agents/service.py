"""Use cases of the agent tree."""

from uuid import UUID

from domain import audit, ledger
from domain.agents.models import MAX_DEPTH, Agent, AgentStatus, Tier
from domain.agents.refusals import AgentDepthExceeded
from domain.agents.rules import is_code, new_code
from domain.kernel import (
    Actor,
    Conflict,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

AGENT_CURRENCIES = ("CNY",)


async def create_agent(
    actor: Actor,
    user_id: UUID,
    name: str,
    tier: Tier,
    parent_id: UUID | None,
    code: str | None = None,
) -> Agent:
    """Make a user an agent under a parent, or at the top (mission rows G1, G2).

    Needs `agents:write`. Refuses a fourth level (AGENT_DEPTH_EXCEEDED), an unknown or inactive
    parent, the tier `retail` (which is no agent's), and a user who is an agent already.
    """
    actor.require_scope("agents:write")
    refuse_unless(tier is not Tier.RETAIL, Invalid(reason="tier_of_an_agent", field=("tier",)))
    refuse_unless(bool(name.strip()) and len(name) <= 64, Invalid(reason="name", field=("name",)))
    refuse_unless(code is None or is_code(code), Invalid(reason="agent_code", field=("code",)))
    try:
        async with transaction() as conn:
            # The parent stays locked, so that it is neither closed nor moved in between.
            parent = await _lock_parent(parent_id)
            agent = await Agent.create(
                id=new_id(),
                user_id=user_id,
                code=code or new_code(),
                name=name.strip(),
                tier=tier,
                depth=parent.depth + 1 if parent else 1,
                parent_id=parent.id if parent else None,
                parent_depth=parent.depth if parent else None,
                status=AgentStatus.ACTIVE,
                created_at=clock.now(),
            )
            accounts = [(ledger.AccountKind.COMMISSION, agent.id, cur) for cur in AGENT_CURRENCIES]
            await ledger.open_accounts(conn, accounts)
            details = {"tier": tier.value, "depth": agent.depth, "code": agent.code}
            await audit.record(conn, actor, "agent.create", agent.id, details)
            payload = {"agentId": encode_id(Prefix.AGENT, agent.id), **details}
            await record_events(conn, [Event("agent.activated", agent.id, 1, payload)])
    except IntegrityError as error:
        raise Refused(_refusal_of(error)) from error
    wake_relay()
    return agent


async def set_tier(actor: Actor, agent_id: UUID, tier: Tier) -> Agent:
    """Give an agent another price grade from now on; earlier orders keep theirs. Audited."""
    actor.require_scope("agents:write")
    refuse_unless(tier is not Tier.RETAIL, Invalid(reason="tier_of_an_agent", field=("tier",)))
    async with transaction() as conn:
        agent = await Agent.filter(id=agent_id).select_for_update().first()
        if agent is None:
            raise Refused(NotFound(what="agent"))
        before, agent.tier = agent.tier, tier
        await agent.save(update_fields=["tier"])
        details = {"from": before.value, "to": tier.value}
        await audit.record(conn, actor, "agent.set_tier", agent_id, details)
    return agent


async def _lock_parent(parent_id: UUID | None) -> Agent | None:
    if parent_id is None:
        return None
    parent = await Agent.filter(id=parent_id, status=AgentStatus.ACTIVE).select_for_update().first()
    if parent is None:
        raise Refused(NotFound(what="parent agent", field=("parentId",)))
    if parent.depth >= MAX_DEPTH:
        raise Refused(AgentDepthExceeded(max_depth=MAX_DEPTH, field=("parentId",)))
    return parent


def _refusal_of(error: IntegrityError) -> Conflict | NotFound:
    if "agent_of_a_user" in str(error):
        return NotFound(what="user", field=("userId",))
    return Conflict(what="agent", field=("code",) if "code" in str(error) else ("userId",))
