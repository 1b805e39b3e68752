"""Which accounts are an agent's own: what staff mark, and where an agent was seen (bug 14).

Addresses and devices are kept as keyed digests only, and forgotten after a month.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain import audit
from domain.agents.history import lock_agent
from domain.agents.models import AgentRelation, FootprintKind
from domain.kernel import (
    Actor,
    IntegrityError,
    Invalid,
    NotFound,
    Refused,
    clock,
    connection,
    keyed_digest,
    new_id,
    refuse_unless,
    transaction,
)

READ_SCOPE, WRITE_SCOPE = "agents:read", "agents:write"
PURPOSE = "agent-footprint"
KEPT_DAYS = 31
FORGOTTEN_AT_ONCE = 5_000
MAX_NOTE_LETTERS = 500
_SEEN = """
INSERT INTO agent_footprints (id, agent_id, kind, digest, seen_at)
SELECT w.id, a.id, w.kind, w.digest, $2
FROM agents a CROSS JOIN unnest($3::uuid[], $4::text[], $5::bytea[]) AS w (id, kind, digest)
WHERE a.user_id = $1 AND a.status <> 'closed'
ON CONFLICT (agent_id, kind, digest) DO UPDATE SET seen_at = excluded.seen_at
"""
_FORGET = """
DELETE FROM agent_footprints WHERE id = ANY (ARRAY(
    SELECT id FROM agent_footprints WHERE seen_at < $1 ORDER BY seen_at LIMIT $2))
"""


@dataclass(slots=True)
class Nearness:
    """For how long an address counts as an agent's; set once by the wiring. Zero: not at all."""

    address: timedelta = timedelta(hours=24)


nearness = Nearness()


@dataclass(frozen=True, slots=True)
class Footprint:
    """Who asks, as READ compares it: digests of the device and the address, and since when an
    address counts."""

    device: bytes
    address: bytes
    address_since: datetime

    def given(self) -> dict[str, object]:
        """The parameters of `standing.BARRED`."""
        return {
            "device": self.device,
            "address": self.address,
            "address_since": self.address_since,
        }


def footprint_of(actor: Actor) -> Footprint:
    """Of whoever buys. The guest of a device stands for the device."""
    since = clock.now() - nearness.address
    address = _digest(FootprintKind.ADDRESS, actor.ip) if actor.ip else b""
    return Footprint(_digest(FootprintKind.DEVICE, str(actor.require_user())), address, since)


async def note_agent_seen(user_id: UUID, ip: str, guest_id: UUID | None = None) -> None:
    """Note where a user signs in who is an agent, and of which device it was the guest before;
    nothing of anybody else."""
    noted = [(FootprintKind.ADDRESS, ip)] if ip else []
    if guest_id is not None:
        noted.append((FootprintKind.DEVICE, str(guest_id)))
    if not noted:
        return
    async with connection() as conn:
        await conn.execute(
            _SEEN,
            user_id,
            clock.now(),
            [new_id() for _ in noted],
            [kind.value for kind, _ in noted],
            [_digest(kind, value) for kind, value in noted],
        )


async def mark_relation(
    actor: Actor, agent_id: UUID, user_id: UUID, *, related: bool, note: str
) -> AgentRelation:
    """Say that an account is an agent's own, or that it is not whatever was seen; the last word
    counts, from the next purchase on. Needs `agents:write`; audited.

    Refuses an unknown agent or user, the agent's own login, and a note that is missing or too long.
    """
    actor.require_scope(WRITE_SCOPE)
    note = note.strip()
    fits = 0 < len(note) <= MAX_NOTE_LETTERS
    refuse_unless(fits, Invalid(reason="change_note", field=("note",)))
    try:
        async with transaction() as conn:
            agent = await lock_agent(agent_id)
            own = agent.user_id == user_id
            refuse_unless(not own, Invalid(reason="relation_to_itself", field=("userId",)))
            row = await AgentRelation.filter(agent_id=agent_id, user_id=user_id).first()
            row = row or AgentRelation(agent_id=agent_id, user_id=user_id)
            row.related, row.note = related, note
            row.marked_by, row.marked_at = actor.user_id, clock.now()
            await row.save()
            details = {"userId": str(user_id), "related": related, "note": note}
            await audit.record(conn, actor, "agent.mark_relation", agent_id, details)
    except IntegrityError as error:
        raise Refused(NotFound(what="user", field=("userId",))) from error
    return row


async def list_relations(actor: Actor, agent_id: UUID) -> list[AgentRelation]:
    """What staff marked for an agent, newest first; needs `agents:read`."""
    actor.require_scope(READ_SCOPE)
    return await AgentRelation.filter(agent_id=agent_id).order_by("-marked_at").limit(200)


async def forget_footprints() -> int:
    """Delete a batch of footprints that are a month old; how many went."""
    async with transaction() as conn:
        before = clock.now() - timedelta(days=KEPT_DAYS)
        done = await conn.execute(_FORGET, before, FORGOTTEN_AT_ONCE)
    return int(done.rpartition(" ")[2])


def _digest(kind: FootprintKind, value: str) -> bytes:
    return keyed_digest(PURPOSE, f"{kind.value}:{value}".encode())
