"""Reads of the price book: what any agents pay for any variants, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.catalog import PriceView
from domain.kernel import (
    MAIN_SITE_ID,
    Actor,
    Money,
    Page,
    PageRequest,
    clock,
    connection,
    page_of,
)
from domain.pricebook.models import AgentPrice
from domain.pricebook.rules import LadderStep
from domain.pricebook.statements import LEAST, ON_SALE, PAID, STEPS
from domain.pricing import SHOP_CURRENCY, UnitPrice

READ_SCOPE = "agents:read"


@dataclass(frozen=True, slots=True)
class PricedVariant:
    """A variant as one agent sees its prices."""

    agent_id: UUID
    variant_id: UUID


async def agent_prices_of(
    agent_ids: Sequence[UUID],
    variant_ids: Sequence[UUID],
    currency: str = SHOP_CURRENCY,
    site_id: UUID = MAIN_SITE_ID,
) -> dict[tuple[UUID, UUID], UnitPrice]:
    """What each agent pays for one of each variant at a site, by (agent, variant); one statement.

    Whatever an agent's status: who is not active buys at retail prices, and whoever asks knows. A
    variant without any price in the currency is missing.
    """
    wanted = [(variant_id, 1) for variant_id in variant_ids]
    found = {}
    for row in await _paid(agent_ids, wanted, currency, site_id):
        amount, before = row["amount"], row["compare_at"]
        shown = Money(before, currency) if before is not None and before > amount else None
        key = (row["agent_id"], row["variant_id"])
        found[key] = UnitPrice(key[1], row["tier"], Money(amount, currency), shown)
    return found


async def ladders_of(
    agent_id: UUID,
    variant_ids: Sequence[UUID],
    currency: str = SHOP_CURRENCY,
    site_id: UUID = MAIN_SITE_ID,
) -> dict[UUID, list[LadderStep]]:
    """From how many pieces on one of a variant costs an agent less, and what; two statements."""
    given = {
        "variants": list(variant_ids),
        "currency": currency,
        "site": site_id,
        "moment": clock.now(),
    }
    async with connection() as conn:
        rows = await conn.fetch(STEPS.text, *STEPS.values(given))
    wanted = [(row["variant_id"], number) for row in rows for number in (1, *row["quantities"])]
    found: dict[UUID, list[LadderStep]] = {variant_id: [] for variant_id in variant_ids}
    least: dict[UUID, int] = {}
    paid = await _paid([agent_id], wanted, currency, site_id) if wanted else []
    for row in sorted(paid, key=lambda each: int(each["quantity"])):
        variant_id, amount = row["variant_id"], row["amount"]
        if row["quantity"] > 1 and amount < least[variant_id]:
            found[variant_id].append(LadderStep(row["quantity"], Money(amount, currency)))
        least[variant_id] = min(amount, least.get(variant_id, amount))
    return found


async def _paid(
    agent_ids: Sequence[UUID], wanted: Sequence[tuple[UUID, int]], currency: str, site_id: UUID
) -> list[Any]:
    given = {
        "agents": list(agent_ids),
        "variants": [variant_id for variant_id, _ in wanted],
        "quantities": [quantity for _, quantity in wanted],
        "currency": currency,
        "site": site_id,
        "moment": clock.now(),
    }
    async with connection() as conn:
        rows: list[Any] = await conn.fetch(PAID.text, *PAID.values(given))
    return rows


def least_agent_prices(
    agent_id: UUID, currency: str = SHOP_CURRENCY, site_id: UUID = MAIN_SITE_ID
) -> PriceView:
    """How a list of products reads what the cheapest variant on sale costs this agent."""
    values = (
        (agent_id, "uuid"),
        (currency, "text"),
        (site_id, "uuid"),
        (clock.now(), "timestamptz"),
    )
    return PriceView(LEAST, values)


async def list_agent_prices(actor: Actor, agent_id: UUID, page: PageRequest) -> Page[AgentPrice]:
    """The own prices of an agent, also those that are over, newest first; needs `agents:read`."""
    actor.require_scope(READ_SCOPE)
    rows = AgentPrice.filter(agent_id=agent_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def list_priced(
    agent_id: UUID, page: PageRequest, site_id: UUID = MAIN_SITE_ID
) -> Page[PricedVariant]:
    """The variants that are on sale, in the order in which they were made."""
    after = UUID(page.after[0]) if page.after else UUID(int=0)
    async with connection() as conn:
        rows = await conn.fetch(ON_SALE, after, site_id, page.first + 1)
    priced = [PricedVariant(agent_id, row["id"]) for row in rows]
    return page_of(page, priced, lambda each: (each.variant_id,))
