"""What loaders fetch of the price book, by (agent, variant): prices, ladders, floors."""

from uuid import UUID

from domain import agents, pricebook, pricing, sites
from domain.kernel import Actor

Key = tuple[UUID, UUID]


async def fetch_agent_prices(actor: Actor, keys: list[Key]) -> dict[Key, pricing.UnitPrice]:
    """What agents pay at the caller's site."""
    site = await sites.get_site(actor.site_id)
    whose, what = zip(*keys, strict=True)
    return await pricebook.agent_prices_of(
        list(set(whose)), list(set(what)), site.currency, site.id
    )


async def fetch_ladders(actor: Actor, keys: list[Key]) -> dict[Key, list[pricebook.LadderStep]]:
    """From how many pieces on they pay less."""
    site = await sites.get_site(actor.site_id)
    found: dict[Key, list[pricebook.LadderStep]] = {}
    for agent_id, variants in _by_agent(keys).items():
        steps = await pricebook.ladders_of(agent_id, variants, site.currency, site.id)
        found |= {(agent_id, variant_id): each for variant_id, each in steps.items()}
    return found


async def fetch_floors(actor: Actor, keys: list[Key]) -> dict[Key, pricebook.Floor]:
    """Floors and costs; refuses who may not see them."""
    site = await sites.get_site(actor.site_id)
    found: dict[Key, pricebook.Floor] = {}
    known = await agents.agents_by_id([agent_id for agent_id, _ in keys])
    for agent_id, variants in _by_agent(keys).items():
        await pricebook.require_floors(actor, agent_id)
        tier = known[agent_id].tier.value
        floors = await pricebook.floors_of(variants, tier, site.currency, site.id)
        found |= {(agent_id, variant_id): each for variant_id, each in floors.items()}
    return found


def _by_agent(keys: list[Key]) -> dict[UUID, list[UUID]]:
    """Variants by the agent that they are asked for: one, but for the back office."""
    found: dict[UUID, list[UUID]] = {}
    for agent_id, variant_id in keys:
        found.setdefault(agent_id, []).append(variant_id)
    return found
