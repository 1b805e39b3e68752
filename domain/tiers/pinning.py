"""Staff give an agent a tier by hand, for a time: reviews go on and change nothing. Audited."""

from datetime import datetime
from uuid import UUID

from domain import audit
from domain.agents import Agent, AgentStatus, ChangeReason, Tier, Why, change_tier
from domain.kernel import (
    Actor,
    Invalid,
    NotFound,
    Refused,
    clock,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.tiers.models import TierPin
from domain.tiers.refusals import TierPinNotPossible
from domain.tiers.rules import LONGEST_PIN, MAX_NOTE
from domain.tiers.statements import CANCEL, LAPSED
from domain.tiers.terms import WRITE_SCOPE


async def pin_tier(actor: Actor, agent_id: UUID, tier: Tier, until: datetime, note: str) -> TierPin:
    """Give an active agent a tier until a time, whatever its sales; needs `tiers:write`. Audited.

    A change that waited is cancelled. Refuses (INVALID) no note, more than a year, the tier
    `retail`; who is pinned already (TIER_PIN_NOT_POSSIBLE), and a tier that prices forbid.
    """
    actor.require_scope(WRITE_SCOPE)
    moment = clock.now()
    refuse_unless(tier is not Tier.RETAIL, Invalid(reason="tier_of_an_agent", field=("tier",)))
    in_time = moment < until <= moment + LONGEST_PIN
    refuse_unless(in_time, Invalid(reason="tier_pin_until", field=("until",)))
    note = _note(note)
    async with transaction() as conn:
        agent = await _lock(agent_id)
        active = agent.status is AgentStatus.ACTIVE
        refuse_unless(active, TierPinNotPossible(reason="tier_pin_inactive"))
        await conn.execute(LAPSED, agent.id, moment)
        free = not await TierPin.filter(agent_id=agent.id, lifted_at__isnull=True).exists()
        refuse_unless(free, TierPinNotPossible(reason="tier_pinned"))
        pin = await TierPin.create(
            agent_id=agent.id,
            tier=tier,
            until=until,
            note=note,
            pinned_by=actor.require_user(),
            pinned_at=moment,
        )
        await conn.execute(CANCEL, agent.id, moment)
        details = {"tier": tier.value, "until": until.isoformat(), "note": note}
        await audit.record(conn, actor, "tier.pin", agent.id, details)
        if agent.tier is not tier:
            await change_tier(conn, actor, agent.id, tier, Why(ChangeReason.OTHER, note))
    wake_relay()
    return pin


async def unpin_tier(actor: Actor, agent_id: UUID, note: str) -> TierPin:
    """Let reviews decide again; the tier stays until one does. Needs `tiers:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    note = _note(note)
    async with transaction() as conn:
        agent = await _lock(agent_id)
        pin = await TierPin.filter(agent_id=agent.id, lifted_at__isnull=True).first()
        if pin is None:
            raise Refused(TierPinNotPossible(reason="tier_not_pinned"))
        pin.lifted_at, pin.lifted_by = clock.now(), actor.require_user()
        await pin.save(force_update=True)
        await audit.record(conn, actor, "tier.unpin", agent.id, {"note": note})
    return pin


async def _lock(agent_id: UUID) -> Agent:
    agent = await Agent.filter(id=agent_id).select_for_update().first()
    if agent is None:
        raise Refused(NotFound(what="agent", field=("agentId",)))
    return agent


def _note(note: str) -> str:
    note = note.strip()
    told = 0 < len(note) <= MAX_NOTE
    refuse_unless(told, Invalid(reason="tier_pin_note", field=("note",)))
    return note
