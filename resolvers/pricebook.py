"""How the price book is answered."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry import Parent

from domain import agents, catalog, pricebook
from domain.kernel import (
    Invalid,
    Money,
    Page,
    Prefix,
    decode_id,
    encode_id,
    page_of,
    page_request,
    parse_units,
    refuse_unless,
)
from domain.pricing import SHOP_CURRENCY
from resolvers.agents import is_own
from resolvers.batches import there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def agent_prices(
    info: Info, agent_id: strawberry.ID, first: int | None = None, after: str | None = None
) -> Page[pricebook.AgentPrice]:
    """The own prices of an agent (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    asked = page_request(f"agentPrices {agent_id}", first, after)
    return await pricebook.list_agent_prices(info.context.actor, agent, asked)


async def agent_price_set(
    info: Info,
    agent_id: strawberry.ID,
    variant_id: strawberry.ID | None = None,
    category_id: strawberry.ID | None = None,
    price: MoneyInput | None = None,
    off_rate: int | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    note: str = "",
) -> pricebook.AgentPrice:
    """Give an agent an own price from a time on (back office)."""
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",)) if variant_id else None
    category = (
        decode_id(Prefix.CATEGORY, category_id, field=("categoryId",)) if category_id else None
    )
    wish = pricebook.AgentPriceWish(
        agent_id=decode_id(Prefix.AGENT, agent_id, field=("agentId",)),
        variant_id=variant,
        category_id=category,
        price=money_of(price, "price") if price else None,
        off_rate=off_rate,
        valid_from=valid_from,
        valid_until=valid_until,
        note=note,
    )
    return await pricebook.set_agent_price(info.context.actor, wish)


async def agent_price_end(info: Info, id: strawberry.ID) -> pricebook.AgentPrice:
    """End an own price (back office)."""
    price = decode_id(Prefix.AGENT_PRICE, id)
    return await pricebook.end_agent_price(info.context.actor, price)


@strawberry.input(description="From so many pieces on, one costs `price`, in the list's currency.")
class PriceStepInput:
    from_quantity: int
    price: Decimal


async def price_ladder_set(
    info: Info,
    variant_id: strawberry.ID,
    tier: agents.Tier,
    steps: list[PriceStepInput],
    list_code: str | None = None,
) -> list[pricebook.LadderStep]:
    """Set what agents of a tier pay when they buy more at once (back office)."""
    given = tuple(
        pricebook.Step(
            step.from_quantity,
            parse_units(step.price, field=("steps", str(index), "price")),
        )
        for index, step in enumerate(steps)
    )
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",))
    wish = pricebook.LadderWish(variant, tier, given, list_code)
    return await pricebook.set_ladder(info.context.actor, wish)


@strawberry.input(
    description="From so much turned over in a month, in the house's currency, so much is off."
)
class VolumeStepInput:
    from_volume: Decimal
    off_rate: int


@dataclass(frozen=True)
class ShownVolumeStep:
    """One step of a ladder of volumes, as it is shown."""

    from_volume: Money
    off_rate: int


async def volume_ladder_set(
    info: Info, tier: agents.Tier, steps: list[VolumeStepInput]
) -> list[ShownVolumeStep]:
    """Say what agents of a tier have off for their volume (back office)."""
    given = [
        pricebook.VolumeStep(
            parse_units(step.from_volume, field=("steps", str(index), "fromVolume")),
            step.off_rate,
        )
        for index, step in enumerate(steps)
    ]
    return _shown_steps(await pricebook.set_volume_ladder(info.context.actor, tier, given))


async def volume_ladders(info: Info) -> list[pricebook.VolumeLadder]:
    """The newest ladder of each tier (back office)."""
    return await pricebook.list_volume_ladders(info.context.actor)


def steps_of_ladder(row: Parent[pricebook.VolumeLadder]) -> list[ShownVolumeStep]:
    """Its steps."""
    pairs = zip(row.from_volumes, row.off_rates, strict=True)
    return _shown_steps([pricebook.VolumeStep(*pair) for pair in pairs])


def tier_of_ladder(row: Parent[pricebook.VolumeLadder]) -> agents.Tier:
    """Whose it is."""
    return agents.Tier(row.tier)


async def volume_of_agent(agent: Parent[agents.Agent], info: Info) -> pricebook.AgentVolume | None:
    """What the agent has off for its volume now; only itself and the back office see it."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await pricebook.volume_in_force(agent.id)


def amount_of_volume(row: Parent[pricebook.AgentVolume]) -> Money:
    """What was turned over."""
    return Money(row.volume, SHOP_CURRENCY)


def _shown_steps(steps: list[pricebook.VolumeStep]) -> list[ShownVolumeStep]:
    return [ShownVolumeStep(Money(s.from_volume, SHOP_CURRENCY), s.off_rate) for s in steps]


async def agent_floors_show(
    info: Info, agent_id: strawberry.ID, shown: bool, note: str
) -> agents.Agent:
    """Let an agent see floors and costs, or no longer (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    return await pricebook.show_floors(info.context.actor, agent, shown, note)


async def prices_of_agent(
    agent: Parent[agents.Agent],
    info: Info,
    variant_ids: list[strawberry.ID] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[pricebook.PricedVariant] | None:
    """What the agent pays; only the agent itself and the back office see it."""
    asked = page_request(f"prices {variant_ids}", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    if variant_ids is None:
        return await pricebook.list_priced(agent.id, asked, info.context.actor.site_id)
    place = ("variantIds",)
    ids = dict.fromkeys(decode_id(Prefix.VARIANT, each, field=place) for each in variant_ids)
    few = len(ids) <= asked.first
    refuse_unless(few, Invalid(reason="more_than_a_page", field=place))
    rows = [pricebook.PricedVariant(agent.id, each) for each in ids]
    return page_of(asked, rows, lambda each: (each.variant_id,))


async def variant_of_priced(
    row: Parent[pricebook.PricedVariant], info: Info
) -> catalog.ShownVariant | None:
    """The variant."""
    return await info.context.loaders.variants.load(row.variant_id)


async def price_of_priced(row: Parent[pricebook.PricedVariant], info: Info) -> Money | None:
    """What one costs the agent."""
    key = (row.agent_id, row.variant_id)
    found = await info.context.loaders.agent_prices.load(key)
    return None if found is None else found.price


async def ladder_of_priced(
    row: Parent[pricebook.PricedVariant], info: Info
) -> list[pricebook.LadderStep]:
    """From how many pieces on it costs less."""
    return await info.context.loaders.ladders.load((row.agent_id, row.variant_id))


async def floor_price(row: Parent[pricebook.PricedVariant], info: Info) -> Money | None:
    """The least that the house sells it for to the agent's tier; for core agents."""
    found = await info.context.loaders.floors.load((row.agent_id, row.variant_id))
    return None if found is None else found.floor


async def cost_price(row: Parent[pricebook.PricedVariant], info: Info) -> Money | None:
    """What it costs the house; for core agents."""
    found = await info.context.loaders.floors.load((row.agent_id, row.variant_id))
    return None if found is None else found.cost


async def sees_floors(agent: Parent[agents.Agent], info: Info) -> bool | None:
    """Whether the agent sees floors and costs; for itself and the back office."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await pricebook.sees_floors(agent.id)


async def agent_of(row: Parent[pricebook.AgentPrice], info: Info) -> agents.Agent:
    """Whose price it is."""
    return there(await info.context.loaders.agents.load(row.agent_id))


def variant_of(row: Parent[pricebook.AgentPrice]) -> strawberry.ID | None:
    """The variant that it is for."""
    return strawberry.ID(encode_id(Prefix.VARIANT, row.variant_id)) if row.variant_id else None


def category_of(row: Parent[pricebook.AgentPrice]) -> strawberry.ID | None:
    """The category that it is for."""
    return strawberry.ID(encode_id(Prefix.CATEGORY, row.category_id)) if row.category_id else None


def price_of_own(row: Parent[pricebook.AgentPrice]) -> Money | None:
    """What one piece costs the agent."""
    if row.amount is None or row.currency is None:
        return None
    return Money(row.amount, row.currency)


def set_by(row: Parent[pricebook.AgentPrice]) -> strawberry.ID | None:
    """Who set it."""
    return strawberry.ID(encode_id(Prefix.USER, row.set_by)) if row.set_by else None


def ended_by(row: Parent[pricebook.AgentPrice]) -> strawberry.ID | None:
    """Who ended it."""
    return strawberry.ID(encode_id(Prefix.USER, row.ended_by)) if row.ended_by else None
