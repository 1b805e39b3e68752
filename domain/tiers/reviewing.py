"""Each agent is looked at once for each month, and what changes is written down before it counts.

A slice of agents is one transaction: its reviews, the changes that they found, their events.
Whoever dies in between has looked at nobody of it, and whoever looks again finds who is left.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from domain import audit
from domain.agents import Agent, AgentStatus, ChangeReason, Tier, Why, change_tier
from domain.kernel import (
    SYSTEM,
    Busy,
    Connection,
    Event,
    Prefix,
    Refused,
    clock,
    crash_point,
    encode_id,
    new_id,
    record_events,
    transaction,
    wake_relay,
)
from domain.tiers.models import ChangeState, ReviewOutcome, TierChange, TierTerms
from domain.tiers.rules import (
    RANKS,
    Measure,
    Standing,
    Verdict,
    due_month,
    effective_from,
    first_id,
    judge,
    next_month,
    points_of,
    start_of,
    window_of,
)
from domain.tiers.statements import (
    CANCEL,
    DUE,
    LAPSED,
    LAST_MISSES,
    MEASURES,
    PINNED,
    REVIEW,
    SLOW_DELIVERY_DAYS,
    UNREVIEWED,
)
from domain.tiers.terms import CURRENCY, terms_at

SLICE = 100
APPLIED_AT_ONCE = 500
TRY_AGAIN = timedelta(days=1)
PROMOTED, WARNED, DEMOTED = "tier.promoted", "tier.warned", "tier.demoted"
HINDERED = "tier.hindered"
_EVENTS = {
    ReviewOutcome.PROMOTED: PROMOTED,
    ReviewOutcome.WARNED: WARNED,
    ReviewOutcome.DEMOTED: DEMOTED,
}


async def review_due() -> int:
    """Look at all agents for the last month that is over for long enough (mission row G7); how many
    were. The same month again finds nobody, whoever asks and however often."""
    month, done = due_month(clock.now()), 0
    while seen := await _review_slice(month):
        done += seen
        wake_relay()
    return done


async def apply_due() -> int:
    """Change the tiers whose time has come, each in a transaction of its own; how many.

    One that prices forbid (an agent would pay less than whom it stands below) waits a day, and its
    staff hear of it once. One whose agent somebody is at waits for the next turn.
    """
    for done in range(APPLIED_AT_ONCE):
        if not await _apply_one():
            return done
    return APPLIED_AT_ONCE


async def measures_of(
    conn: Connection, agent_ids: list[UUID], since: list[datetime], until: datetime
) -> dict[tuple[UUID, datetime], Measure]:
    """What agents sold from each of some moments to one, refunds taken off."""
    first = first_id(min(since) - timedelta(days=SLOW_DELIVERY_DAYS))
    rows = await conn.fetch(MEASURES, agent_ids, since, until, first, CURRENCY)
    return {
        (row["agent_id"], row["since"]): Measure(
            row["sales"],
            row["quantity"],
            row["customers"],
            row["delivered"],
            row["complaints"],
            row["penalties"],
        )
        for row in rows
    }


async def _review_slice(month: date) -> int:
    async with transaction() as conn:
        ended = start_of(next_month(month))
        asked = await terms_at(conn, ended)
        if not asked:
            return 0
        rows = await conn.fetch(UNREVIEWED, month, ended, SLICE)
        ids = [row["id"] for row in rows]
        if not ids:
            return 0
        agents = await Agent.filter(id__in=ids).order_by("id")
        since = {tier: window_of(month, terms.months)[0] for tier, terms in asked.items()}
        found = await measures_of(conn, ids, sorted(set(since.values())), ended)
        before = {row["agent_id"]: row for row in await conn.fetch(LAST_MISSES, ids, month)}
        pinned = {row["agent_id"] for row in await conn.fetch(PINNED, ids, clock.now())}
        for agent in agents:
            last = before.get(agent.id)
            misses = last["misses"] if last and last["tier"] == agent.tier.value else 0
            newcomer = agent.created_at >= start_of(month)
            standing = Standing(agent.tier, misses, newcomer, agent.id in pinned)
            measures = {tier: found[agent.id, since[tier]] for tier in asked}
            await _review(conn, agent, month, standing, asked, measures)
        crash_point("tiers.reviewed")
    return len(ids)


async def _review(
    conn: Connection,
    agent: Agent,
    month: date,
    standing: Standing,
    asked: Mapping[Tier, TierTerms],
    measures: Mapping[Tier, Measure],
) -> None:
    points = {tier: points_of(asked[tier], measures[tier]) for tier in asked}
    met = {tier: all(point.met for point in points[tier]) for tier in asked}
    verdict, moment, review_id = judge(standing, asked, met), clock.now(), new_id()
    kept = {
        tier.value: {"termsId": str(asked[tier].id), "met": met[tier], **asdict(measures[tier])}
        for tier in asked
    }
    written = await conn.fetchval(
        REVIEW,
        review_id,
        agent.id,
        month,
        agent.tier.value,
        verdict.target.value if verdict.target else None,
        verdict.outcome.value,
        verdict.misses,
        orjson.dumps(kept).decode(),
        moment,
    )
    if not written:
        return
    await conn.execute(LAPSED, agent.id, moment)
    await conn.execute(CANCEL, agent.id, moment)
    effective = effective_from(verdict, asked, moment) if verdict.target else None
    if effective is not None:
        await _write_change(agent, review_id, verdict, moment, effective)
    if verdict.outcome in _EVENTS:
        told = _told(agent, month, verdict, effective)
        await record_events(conn, [Event(_EVENTS[verdict.outcome], review_id, 1, told)])


async def _write_change(
    agent: Agent, review_id: UUID, verdict: Verdict, found_at: datetime, effective_at: datetime
) -> None:
    await TierChange.create(
        agent_id=agent.id,
        review_id=review_id,
        source=agent.tier,
        target=verdict.target,
        state=ChangeState.WAITING,
        found_at=found_at,
        effective_at=effective_at,
        next_try_at=effective_at,
    )


async def _apply_one() -> bool:
    refused, change_id = "", None
    try:
        async with transaction() as conn:
            change_id = await conn.fetchval(DUE, clock.now())
            if change_id is None:
                return False
            change = await TierChange.filter(id=change_id).select_for_update().get()
            if change.state is ChangeState.WAITING:
                await _apply(conn, change)
            crash_point("tiers.applied")
    except Refused as error:
        refused = error.refusals[0].code
    if refused == Busy.code:
        return False  # somebody is at this agent: the next turn comes soon
    if refused and change_id is not None:
        await _hinder(change_id, refused)
    wake_relay()
    return True


async def _apply(conn: Connection, change: TierChange) -> None:
    """One that was overtaken, by staff or by the agent's end, comes to nothing."""
    agent = await Agent.get(id=change.agent_id)
    fresh = agent.status is AgentStatus.ACTIVE and agent.tier is change.source
    change.state = ChangeState.APPLIED if fresh else ChangeState.CANCELLED
    change.ended_at = clock.now()
    await change.save(force_update=True)
    if fresh:
        up = RANKS[change.target] > RANKS[change.source]
        note = "by its sales" if up else "its sales were below what its tier takes"
        why = Why(ChangeReason.PERFORMANCE, note)
        await change_tier(conn, SYSTEM, agent.id, change.target, why)


async def _hinder(change_id: UUID, code: str) -> None:
    async with transaction() as conn:
        change = await TierChange.filter(id=change_id).select_for_update().get()
        if change.state is not ChangeState.WAITING:
            return
        first = not change.hindrance
        change.hindrance, change.next_try_at = code[:64], clock.now() + TRY_AGAIN
        await change.save(force_update=True)
        if first:
            agent = await Agent.get(id=change.agent_id)
            payload = {
                "agentId": encode_id(Prefix.AGENT, agent.id),
                "source": change.source.value,
                "target": change.target.value,
                "code": change.hindrance,
            }
            await record_events(conn, [Event(HINDERED, change.id, 1, payload)])
            await audit.record(conn, SYSTEM, "tier.hindered", agent.id, {"code": code})


def _told(
    agent: Agent, month: date, verdict: Verdict, effective: datetime | None
) -> dict[str, Any]:
    return {
        "agentId": encode_id(Prefix.AGENT, agent.id),
        "userId": encode_id(Prefix.USER, agent.user_id),
        "month": month.isoformat(),
        "tier": agent.tier.value,
        "target": verdict.target.value if verdict.target else None,
        "misses": verdict.misses,
        "effectiveAt": effective.isoformat() if effective else None,
    }
