"""Who of the agents sees floors and costs, and what they are (mission row E3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit, priceguard
from domain.agents import Agent
from domain.kernel import (
    MAIN_SITE_ID,
    Actor,
    Event,
    Invalid,
    Money,
    NotFound,
    Prefix,
    Refused,
    clock,
    connection,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.pricebook.models import FloorGrant
from domain.pricebook.refusals import AgentPriceFixed, FloorPriceHidden
from domain.pricebook.rules import MAX_NOTE_LETTERS
from domain.pricing import SHOP_CURRENCY

WRITE_SCOPE = "agents:write"
STAFF_SCOPE = "suppliers:read"  # who sees costs anyway
SHOWN, HIDDEN = "agent.floors_shown", "agent.floors_hidden"

# The newest word counts, and a promoter sees none whatever was said before it became one.
_SEES = """
SELECT coalesce((SELECT g.granted FROM floor_grants g WHERE g.agent_id = a.id
    ORDER BY g.id DESC LIMIT 1), false) AND NOT a.leaf AND a.status = 'active'
FROM agents a WHERE a.id = $1
"""


@dataclass(frozen=True, slots=True)
class Floor:
    """What a variant costs the house, and the least that it is sold for to a tier. None: nothing is
    known, or anything is allowed."""

    cost: Money | None
    floor: Money | None


async def show_floors(actor: Actor, agent_id: UUID, shown: bool, note: str) -> Agent:
    """Let a core agent see floors and costs, or no longer. Audited; needs `agents:write`.

    Saying what is so already changes nothing. Refuses an unknown agent, a promoter
    (AGENT_PRICE_FIXED), and a note that is missing or too long (INVALID).
    """
    actor.require_scope(WRITE_SCOPE)
    told = note.strip()
    explained = 0 < len(told) <= MAX_NOTE_LETTERS and told.isprintable()
    refuse_unless(explained, Invalid(reason="change_note", field=("note",)))
    async with transaction() as conn:
        agent = await Agent.filter(id=agent_id).select_for_update().first()
        if agent is None:
            raise Refused(NotFound(what="agent", field=("agentId",)))
        refuse_unless(not (shown and agent.leaf), AgentPriceFixed(field=("agentId",)))
        newest = await FloorGrant.filter(agent_id=agent_id).order_by("-id").first()
        if shown == bool(newest and newest.granted):
            return agent
        made = await FloorGrant.create(
            id=new_id(),
            agent_id=agent_id,
            granted=shown,
            note=told,
            set_by=actor.user_id,
            at=clock.now(),
        )
        event = SHOWN if shown else HIDDEN
        await audit.record(conn, actor, event, agent_id, {"note": told})
        payload = {"agentId": encode_id(Prefix.AGENT, agent_id)}
        await record_events(conn, [Event(event, made.id, 1, payload)])
    wake_relay()
    return agent


async def require_floors(actor: Actor, agent_id: UUID) -> None:
    """Refuses (FLOOR_PRICE_HIDDEN) who may not see floors: neither that agent itself, of the core,
    nor staff who see costs. Who may see the agent at all is asked before."""
    if actor.is_staff(STAFF_SCOPE):
        return
    own = agent_id == actor.agent_id and await sees_floors(agent_id)
    refuse_unless(own, FloorPriceHidden())


async def sees_floors(agent_id: UUID) -> bool:
    """Whether an agent sees floors and costs now."""
    async with connection() as conn:
        return bool(await conn.fetchval(_SEES, agent_id))


async def floors_of(
    variant_ids: Sequence[UUID],
    tier: str,
    currency: str = SHOP_CURRENCY,
    site_id: UUID = MAIN_SITE_ID,
) -> dict[UUID, Floor]:
    """Cost and floor of variants for a tier at a site, two statements; whoever shows them asks
    `require_floors` first. Costs are in the house's currency: elsewhere there is neither."""
    async with connection() as conn:
        judge = await priceguard.judge_of(conn, variant_ids, currency, site_id)
    found: dict[UUID, Floor] = {}
    for variant_id, facts in judge.facts.items():
        cost = facts.cost if currency == SHOP_CURRENCY else None
        floor: Any = judge.floor(variant_id, tier)
        found[variant_id] = Floor(
            Money(cost, currency) if cost is not None else None,
            Money(floor, currency) if floor else None,
        )
    return found
