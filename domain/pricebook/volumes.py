"""What agents have off for what they turned over in the last month (mission row E1).

A month is counted once, when it is over for long enough, and what it brings is in force for one
month from then on: never for what was bought before. What is counted is told by a context above.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from domain import audit
from domain.agents import Tier
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    Refused,
    clock,
    connection,
    new_id,
    plain,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.pricebook.judging import hold_book
from domain.pricebook.models import AgentVolume, VolumeLadder
from domain.pricebook.rules import VolumeStep, volume_fault

WRITE_SCOPE, READ_SCOPE = "prices:write", "agents:read"
LADDER_SET = "volume_ladder.set"
_NEWEST = """
SELECT DISTINCT ON (tier) id, from_volumes, off_rates FROM volume_ladders
ORDER BY tier, valid_from DESC, id DESC
"""
_WANTED = """
SELECT EXISTS (SELECT 1 FROM volume_ladders)
    AND NOT EXISTS (SELECT 1 FROM agent_volumes WHERE month = $1)
"""
# Whoever counts the same month at once writes what the other has not, and that is nothing.
_KEEP = """
INSERT INTO agent_volumes (id, agent_id, month, volume, off_rate, valid_from, valid_until,
    counted_at)
SELECT gen_random_uuid(), a.id, $3, s.volume, coalesce((
        SELECT max(step.off_rate) FROM (
            SELECT l.from_volumes, l.off_rates FROM volume_ladders l
            WHERE l.tier = a.tier AND l.valid_from <= $6
            ORDER BY l.valid_from DESC, l.id DESC LIMIT 1) k
        CROSS JOIN LATERAL unnest(k.from_volumes, k.off_rates) step (from_volume, off_rate)
        WHERE step.from_volume <= s.volume), 0), $4, $5, $6
FROM unnest($1::uuid[], $2::bigint[]) s (agent_id, volume)
JOIN agents a ON a.id = s.agent_id AND NOT a.leaf
ON CONFLICT (agent_id, month) DO NOTHING RETURNING 1
"""


async def set_volume_ladder(
    actor: Actor, tier: Tier, steps: Sequence[VolumeStep]
) -> list[VolumeStep]:
    """Say what agents of a tier have off for the months that are counted from now on; no steps:
    nothing. What was counted before stays in force. Audited, with its event; `prices:write`.

    The same ladder again writes nothing. Refuses (INVALID) the tier `retail`, and steps whose
    volumes or rates do not rise, with the step.
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        fresh = await keep_volume_ladder(conn, actor, tier, steps)
    if fresh:
        wake_relay()
    return list(steps)


async def keep_volume_ladder(
    conn: Connection, actor: Actor, tier: Tier, steps: Sequence[VolumeStep]
) -> bool:
    """As `set_volume_ladder`, in the caller's transaction; whether it was written, or stood there
    already."""
    of_agents = tier is not Tier.RETAIL
    refuse_unless(of_agents, Invalid(reason="tier_of_an_agent", field=("tier",)))
    fault = volume_fault(steps)
    if fault is not None:
        number, reason, field = fault
        raise Refused(Invalid(reason=reason, field=("steps", str(number), field)))
    given = ([step.from_volume for step in steps], [step.off_rate for step in steps])
    await hold_book(conn)
    newest = await VolumeLadder.filter(tier=tier.value).order_by("-valid_from", "-id").first()
    if given == ((newest.from_volumes, newest.off_rates) if newest else ([], [])):
        return False
    made = await VolumeLadder.create(
        id=new_id(),
        tier=tier.value,
        from_volumes=given[0],
        off_rates=given[1],
        valid_from=clock.now(),
        set_by=actor.user_id,
    )
    payload = {
        "tier": tier.value,
        "steps": {plain(step.from_volume): step.off_rate for step in steps},
    }
    await audit.record(conn, actor, LADDER_SET, made.id, payload)
    await record_events(conn, [Event(LADDER_SET, made.id, 1, payload)])
    return True


async def list_volume_ladders(actor: Actor) -> list[VolumeLadder]:
    """The newest ladder of each tier; needs `agents:read`."""
    actor.require_scope(READ_SCOPE)
    async with connection() as conn:
        ids = [row["id"] for row in await conn.fetch(_NEWEST)]
    return await VolumeLadder.filter(id__in=ids).order_by("tier")


async def wants_volumes(conn: Connection, month: date) -> bool:
    """Whether a month is to be counted: the house has a ladder, and it was not counted yet."""
    return bool(await conn.fetchval(_WANTED, month))


async def keep_volumes(
    conn: Connection, month: date, volumes: Mapping[UUID, int], valid: tuple[datetime, datetime]
) -> int:
    """Keep what agents turned over in a month, in units, and what they have off for it from when to
    when, by the ladders of now; how many agents. Once for each agent and month."""
    given = (list(volumes), list(volumes.values()), month, *valid, clock.now())
    return len(await conn.fetch(_KEEP, *given))


async def volume_in_force(agent_id: UUID) -> AgentVolume | None:
    """What an agent has off for its volume now, if a month of it was counted."""
    now = clock.now()
    return (
        await AgentVolume.filter(agent_id=agent_id, valid_from__lte=now, valid_until__gt=now)
        .order_by("-month")
        .first()
    )
