"""What became of an agent: its row locked, changed by one version, the change kept and told."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain import audit
from domain.agents.models import Agent, AgentChange, ChangeKind, ChangeReason
from domain.agents.rules import MAX_NOTE_LETTERS
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    record_events,
    refuse_unless,
)

# Whoever changes the shape of the tree waits for everybody who does; joins only for moves. It comes
# before the lock of any agent.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('agents.tree'))"
_TOGETHER = "SELECT pg_advisory_xact_lock_shared(hashtext('agents.tree'))"


@dataclass(frozen=True, slots=True)
class Why:
    """The reason of a change, and a note that OTHER cannot do without."""

    reason: ChangeReason
    note: str = ""

    def check(self) -> None:
        """Refuses (INVALID) a note that is missing or too long."""
        note = self.note.strip()
        explained = bool(note) or self.reason is not ChangeReason.OTHER
        fits = explained and len(note) <= MAX_NOTE_LETTERS
        refuse_unless(fits, Invalid(reason="change_note", field=("note",)))


@dataclass(frozen=True, slots=True)
class Change:
    """What changed of an agent: names and plain values, before and after."""

    kind: ChangeKind
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


async def hold_tree(conn: Connection, *, alone: bool = False) -> None:
    """Keep the shape of the tree until the end of the transaction; `alone`: to change it."""
    await conn.execute(_ALONE if alone else _TOGETHER)


async def lock_agent(agent_id: UUID, place: tuple[str, ...] = ("agentId",)) -> Agent:
    """An agent, locked until the end of the transaction; refuses an unknown one."""
    agent = await Agent.filter(id=agent_id).select_for_update().first()
    if agent is None:
        raise Refused(NotFound(what="agent", field=place))
    return agent


async def keep_change(
    conn: Connection, actor: Actor, agent: Agent, event: str, change: Change, why: Why
) -> None:
    """Write an agent that was changed, its history, its audit and its event, in the caller's
    transaction. The row is locked by the caller, or new."""
    if change.kind is not ChangeKind.JOINED:
        agent.version += 1
        await agent.save(force_update=True)
    await AgentChange.create(
        agent_id=agent.id,
        version=agent.version,
        kind=change.kind,
        before=change.before,
        after=change.after,
        reason=why.reason,
        note=why.note.strip(),
        changed_by=actor.user_id,
        at=clock.now(),
    )
    told = {"reason": why.reason.value, "before": change.before, "after": change.after}
    await audit.record(conn, actor, event, agent.id, {**told, "note": why.note.strip()})
    await record_events(conn, [_told(event, agent, why)])


def _told(event: str, agent: Agent, why: Why) -> Event:
    payload = {
        "agentId": encode_id(Prefix.AGENT, agent.id),
        "userId": encode_id(Prefix.USER, agent.user_id),
        "type": agent.type.value,
        "tier": agent.tier.value,
        "status": agent.status.value,
        "depth": agent.depth,
        "parentId": encode_id(Prefix.AGENT, agent.parent_id) if agent.parent_id else None,
        "code": agent.code,
        "reason": why.reason.value,
    }
    return Event(event, agent.id, agent.version, payload)
