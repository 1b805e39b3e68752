"""The check of a payout before its money is held: what refuses it, and what only makes a person
look (money.md part 6)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain import agents
from domain.agents import AgentStatus
from domain.commissions import day_of
from domain.kernel import (
    Connection,
    Invalid,
    Money,
    clock,
    is_payable,
    know_keys_of,
    plain,
    refuse_unless,
)
from domain.payouts.above import own_cap
from domain.payouts.channels import terms_of
from domain.payouts.destinations import receiver_of, refuse_blocked
from domain.payouts.models import PayoutChannel, PayoutDestination
from domain.payouts.names import require_name, require_same_name
from domain.payouts.refusals import (
    AgentOnHold,
    DestinationCooling,
    DestinationName,
    PayoutAmount,
    PayoutCap,
)
from domain.payouts.registry import adapter_of
from domain.payouts.rules import kept_of, limits

FIRST, SHARED, CLAWED, DEBT = "first_payout", "shared_account", "many_refunds", "owes"
WINDOW = timedelta(days=30)
CLAWED_SHARE = 3_000  # in 1/10000 of what was released in the window
# Asked for and not given up, today in the days of the business.
_TODAY = """
SELECT coalesce(sum(amount) FILTER (WHERE agent_id = $1), 0)::bigint AS of_agent,
    coalesce(sum(amount) FILTER (WHERE channel_id = $2), 0)::bigint AS of_channel
FROM payouts WHERE requested_at >= $3 AND (agent_id = $1 OR channel_id = $2)
    AND status NOT IN ('FAILED', 'RETURNED', 'REFUSED', 'CANCELLED')
"""
_SIGNS = """
SELECT w.agent, NOT EXISTS (SELECT 1 FROM payouts WHERE agent_id = w.agent
        AND status = 'SUCCEEDED') AS first,
    EXISTS (SELECT 1 FROM payout_destinations WHERE digest = w.digest AND agent_id <> w.agent)
        AS shared,
    (SELECT coalesce(sum(amount), 0) FROM commission_clawbacks
        WHERE agent_id = w.agent AND taken_at > $3)::bigint AS clawed,
    (SELECT coalesce(sum(earned), 0) FROM commission_releases
        WHERE agent_id = w.agent AND released_at > $3)::bigint AS released
FROM unnest($1::uuid[], $2::text[]) AS w (agent, digest)
"""


async def check_amount(channel: PayoutChannel, money: Money) -> tuple[int, int]:
    """Fee and tax of a payable amount within the channel's bounds; refuses any other."""
    payable = money.units > 0 and is_payable(money.units, money.currency)
    refuse_unless(payable, Invalid(reason="amount_not_payable", field=("amount",)))
    minimum, maximum = (
        Money(channel.minimum, money.currency),
        Money(channel.maximum, money.currency),
    )
    within = PayoutAmount(minimum=minimum, maximum=maximum, field=("amount",))
    refuse_unless(channel.minimum <= money.units <= channel.maximum, within)
    fee, tax = kept_of(money.units, terms_of(channel), money.currency)
    refuse_unless(money.units > fee + tax, within)
    return fee, tax


async def check_agent(
    agent: agents.Agent, destination: PayoutDestination, channel: PayoutChannel, net: int
) -> None:
    """Refuse who may take nothing out now: on hold, not known well enough, by a fresh account."""
    refuse_unless(agent.status is not AgentStatus.SUSPENDED, AgentOnHold())
    cooling = DestinationCooling(usable_from=destination.usable_from)
    refuse_unless(clock.now() >= destination.usable_from, cooling)
    await require_name(agent)
    await know_keys_of(destination.sealed)
    told = receiver_of(destination).name
    asked = adapter_of(channel.adapter).capabilities.name_from
    named = asked is None or net < asked or bool(told)
    refuse_unless(named, DestinationName(reason="payout_name_from", field=("channelId",)))
    await require_same_name(agent, told)


async def check_caps(
    conn: Connection, agent: agents.Agent, channel: PayoutChannel, money: Money
) -> None:
    """Refuse what today's caps do not leave, of the agent and of the channel; under the lock of the
    agent's book, so that one agent never passes its own."""
    row = await conn.fetchrow(_TODAY, agent.id, channel.id, day_began())
    own = await own_cap(conn, agent.id)
    cap_of_agent = limits.daily_cap if own is None else own
    left = min(cap_of_agent - row["of_agent"], channel.daily_cap - row["of_channel"])
    cap = PayoutCap(left=Money(max(0, left), money.currency), field=("amount",))
    refuse_unless(money.units <= left, cap)


async def risks_of(
    conn: Connection, agent: agents.Agent, destination: PayoutDestination, owed: int
) -> list[str]:
    """What a person should look at before the money leaves; empty: nothing."""
    await refuse_blocked(conn, destination.digest)
    return (await signs_of(conn, {agent.id: destination.digest}, {agent.id: owed}))[agent.id]


async def signs_of(
    conn: Connection, digests: Mapping[UUID, str], owed: Mapping[UUID, int]
) -> dict[UUID, list[str]]:
    """The same of many agents, by the digests of where they want their money; one look for all."""
    found = {}
    since = clock.now() - WINDOW
    for row in await conn.fetch(_SIGNS, list(digests), list(digests.values()), since):
        clawed = row["clawed"] * 10_000 > row["released"] * CLAWED_SHARE
        owes = owed[row["agent"]] > 0
        signs = {FIRST: row["first"], SHARED: row["shared"], CLAWED: clawed, DEBT: owes}
        found[row["agent"]] = [name for name, seen in signs.items() if seen]
    return found


def day_began() -> datetime:
    """When today began where the business is."""
    return day_of(clock.now())


def told(money: Money, fee: int, tax: int) -> dict[str, Any]:
    """An amount with what is kept of it, for the audit log."""
    return {
        "amount": plain(money.units),
        "fee": plain(fee),
        "tax": plain(tax),
        "currency": money.currency,
    }
