"""What loaders fetch of agents' figures: many agents by the same few statements."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import TypeVar
from uuid import UUID

from domain import commissions, teams
from domain.checkout import CURRENCY
from domain.teams import Bucket, MemberSales, SalesPoint, Span

SalesKey = tuple[UUID, Span, Bucket]
MembersKey = tuple[UUID, Span, int]
How = TypeVar("How", bound=Hashable)
Found = TypeVar("Found")


async def fetch_earnings(agent_ids: list[UUID]) -> dict[UUID, commissions.Earnings]:
    """How agents stand at this moment."""
    found, _ = await commissions.earnings_of(agent_ids, CURRENCY)
    return found


async def fetch_balances(agent_ids: list[UUID]) -> dict[UUID, commissions.CommissionBalances]:
    """What agents have of their commissions at this moment."""
    return await commissions.balances_of_agents(agent_ids, CURRENCY)


async def fetch_sales(keys: list[SalesKey]) -> dict[SalesKey, list[SalesPoint]]:
    """What agents sold: one statement for each time and bucket that a request asks about."""
    return await _by_span(
        keys, lambda ids, span, bucket: teams.sales_of(ids, span, bucket, CURRENCY)
    )


async def fetch_members(keys: list[MembersKey]) -> dict[MembersKey, list[MemberSales]]:
    """Through whom they sold it, in the same way."""
    return await _by_span(keys, lambda ids, span, most: teams.team_of(ids, span, most, CURRENCY))


async def _by_span(
    keys: list[tuple[UUID, Span, How]],
    fetch: Callable[[list[UUID], Span, How], Awaitable[Mapping[UUID, Found]]],
) -> dict[tuple[UUID, Span, How], Found]:
    alike: dict[tuple[Span, How], list[UUID]] = {}
    for agent_id, span, how in keys:
        alike.setdefault((span, how), []).append(agent_id)
    found: dict[tuple[UUID, Span, How], Found] = {}
    for (span, how), ids in alike.items():
        fetched = await fetch(ids, span, how)
        found |= {(agent_id, span, how): each for agent_id, each in fetched.items()}
    return found
