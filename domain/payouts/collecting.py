"""Payouts that a settlement asks for, for many agents at once: the checks of a withdrawal, by sets.

Who cannot be paid now is told with the code of the refusal that a withdrawal of its own would meet.
Nothing here approves anything: what is asked for waits for a batch that two persons decide about.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import commissions, ledger, realname
from domain.agents import AgentStatus
from domain.kernel import Connection, clock, minor_step, new_id
from domain.payouts import books, events
from domain.payouts.channels import offered_channels, terms_of
from domain.payouts.checking import day_began, signs_of
from domain.payouts.destinations import receiver_of
from domain.payouts.models import Payout, PayoutChannel, PayoutDestination, PayoutStatus
from domain.payouts.ports import REFERENCE_LETTERS
from domain.payouts.refusals import (
    AgentOnHold,
    DestinationBlocked,
    DestinationCooling,
    DestinationMissing,
    DestinationName,
    PayoutAmount,
    PayoutCap,
)
from domain.payouts.registry import adapter_of
from domain.payouts.rules import kept_of, limits, same_name

_AGENTS = "SELECT id, user_id, status FROM agents WHERE id = ANY($1::uuid[])"
_BLOCKED = "SELECT digest FROM payout_blocks WHERE digest = ANY($1::text[])"
_TODAY = """
SELECT agent_id, channel_id, sum(amount)::bigint AS amount FROM payouts
WHERE requested_at >= $3 AND (agent_id = ANY($1::uuid[]) OR channel_id = ANY($2::uuid[]))
    AND status NOT IN ('FAILED', 'RETURNED', 'REFUSED', 'CANCELLED')
GROUP BY agent_id, channel_id
"""


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of one agent: its payout, or the code of why there is none."""

    agent_id: UUID
    payout: Payout | None
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class _Way:
    """Where one agent's money would go."""

    channel: PayoutChannel
    destination: PayoutDestination
    told: str  # the name of the account
    named_from: int | None  # from so much on the channel asks for that name


async def collect_payouts(
    conn: Connection, run_id: UUID, currency: str, wanted: Mapping[UUID, int]
) -> list[Collected]:
    """Ask for payouts of what agents want (in units), in the caller's transaction: all of it that
    is still available, in whole cents, up to the bounds of the channel and today's caps.

    Each goes by the first channel in use that reaches a destination of its agent.
    """
    locked = await commissions.lock_books(conn, [(agent, currency) for agent in wanted])
    found = {agent: book for (agent, _), book in locked.items()}
    ways = await _ways(conn, list(wanted), currency)
    left = await _caps(conn, ways)
    owed = {agent: book.owed for agent, book in found.items()}
    digests = {a: way.destination.digest for a, way in ways.items() if isinstance(way, _Way)}
    signs = await signs_of(conn, digests, owed)
    collected, postings = [], []
    for agent, most in sorted(wanted.items()):
        way, book = ways[agent], found[agent]
        if not isinstance(way, _Way):
            collected.append(Collected(agent, None, way))
            continue
        made = _payout(agent, way, min(most, book.available), left, currency)
        if isinstance(made, str):
            collected.append(Collected(agent, None, made))
            continue
        made.run_id, made.risks = run_id, signs[agent]
        postings.append(books.requested(made, book))
        collected.append(Collected(agent, made))
    await ledger.post(conn, postings)
    made_now = [each.payout for each in collected if each.payout is not None]
    if made_now:
        await events.announce(conn, events.REQUESTED, *made_now)
        await Payout.bulk_create(made_now)
    return collected


def _payout(
    agent: UUID, way: _Way, most: int, left: dict[UUID, int], currency: str
) -> Payout | str:
    """One payout that waits, or the code of why there is none. Takes it from what caps leave."""
    channel = way.channel
    capped = min(most, channel.maximum, left[agent], left[channel.id])
    amount = max(0, capped) // minor_step(currency) * minor_step(currency)
    fee, tax = kept_of(amount, terms_of(channel), currency)
    if amount < channel.minimum or amount <= fee + tax:
        return PayoutAmount.code if most < channel.minimum or capped == most else PayoutCap.code
    if way.named_from is not None and amount - fee - tax >= way.named_from and not way.told:
        return DestinationName.code
    left[agent] -= amount
    left[channel.id] -= amount
    payout_id = new_id()
    return Payout(
        id=payout_id,
        agent_id=agent,
        channel_id=channel.id,
        destination_id=way.destination.id,
        reference=payout_id.hex[:REFERENCE_LETTERS],
        amount=amount,
        fee=fee,
        tax=tax,
        currency=currency,
        status=PayoutStatus.REQUESTED,
        requested_at=clock.now(),
    )


async def _ways(conn: Connection, agent_ids: list[UUID], currency: str) -> dict[UUID, _Way | str]:
    """For each agent where its money would go, or the code of why nowhere."""
    rows = {row["id"]: row for row in await conn.fetch(_AGENTS, agent_ids)}
    users = [row["user_id"] for row in rows.values()]
    levels, cases = await realname.levels_of(users), await realname.passed_cases(users)
    channels = await offered_channels(currency)
    chosen = await _chosen(agent_ids, channels)
    digests = [destination.digest for _, destination in chosen.values()]
    blocked = {row["digest"] for row in await conn.fetch(_BLOCKED, digests)}
    ways: dict[UUID, _Way | str] = {}
    for agent in agent_ids:
        row = rows[agent]
        level = levels.get(row["user_id"], realname.RealNameLevel.NONE)
        if row["status"] == AgentStatus.SUSPENDED:
            ways[agent] = AgentOnHold.code
        elif not realname.reaches(level, limits.real_name_level):
            ways[agent] = realname.RealNameNeeded.code
        elif agent not in chosen:
            ways[agent] = DestinationMissing.code
        elif chosen[agent][1].digest in blocked:
            ways[agent] = DestinationBlocked.code
        else:
            ways[agent] = _way(*chosen[agent], cases.get(row["user_id"]))
    return ways


def _way(
    channel: PayoutChannel, destination: PayoutDestination, case: realname.RealNameCase | None
) -> _Way | str:
    """The way to a destination that has cooled off and is in the agent's own name."""
    if clock.now() < destination.usable_from:
        return DestinationCooling.code
    told = receiver_of(destination).name
    if case is not None and told and not same_name(realname.words_of(case)[0], told):
        return DestinationName.code
    named_from = adapter_of(channel.adapter).capabilities.name_from
    return _Way(channel, destination, told, named_from)


async def _chosen(
    agent_ids: list[UUID], channels: Sequence[PayoutChannel]
) -> dict[UUID, tuple[PayoutChannel, PayoutDestination]]:
    """Of each agent the first channel that reaches a destination of its, and that one."""
    in_use = PayoutDestination.filter(agent_id__in=agent_ids, retired_at__isnull=True)
    told: defaultdict[UUID, dict[str, PayoutDestination]] = defaultdict(dict)
    for destination in await in_use:
        told[destination.agent_id][destination.kind] = destination
    chosen = {}
    for channel in reversed(channels):
        kinds = sorted(adapter_of(channel.adapter).capabilities.destinations)
        for agent, own in told.items():
            for kind in kinds:
                if kind in own:
                    chosen[agent] = (channel, own[kind])
    return chosen


async def _caps(conn: Connection, ways: Mapping[UUID, _Way | str]) -> dict[UUID, int]:
    """What today's caps leave, by agent and by channel."""
    channels = {way.channel.id: way.channel for way in ways.values() if isinstance(way, _Way)}
    left = dict.fromkeys(ways, limits.daily_cap)
    left.update({channel.id: channel.daily_cap for channel in channels.values()})
    rows: list[Any] = await conn.fetch(_TODAY, list(ways), list(channels), day_began())
    for row in rows:
        for taken in (row["agent_id"], row["channel_id"]):
            if taken in left:
                left[taken] -= row["amount"]
    return left
