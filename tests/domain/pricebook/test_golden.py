"""The table in docs/agent-prices.md is what the shop does, row by row."""

from pathlib import Path

import pytest

from domain import checkout, pricebook
from domain.agents import Agent, AgentType, Tier
from domain.catalog import Variant
from domain.checkout import LineWish
from domain.kernel import Actor, ActorKind, clock, connection, new_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
PAGE = Path(__file__).parents[3] / "docs/agent-prices.md"
TIERS = {Tier.BRONZE: make.yuan(48), Tier.SILVER: make.yuan(47), Tier.GOLD: make.yuan(46)}
WRITE = """
INSERT INTO agent_prices (id, agent_id, variant_id, category_id, currency, amount, off_rate,
    valid_from, note, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $8)
"""


def cases(pieces: bool = False) -> list[list[str]]:
    lines = PAGE.read_text().splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith("| case | above")]
    start = next(i for i in heads if ("pieces" in lines[i]) is pieces)
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


async def agent(kind: str, above: Agent | None) -> Agent:
    if kind == "promoter":
        return await make.agent(above, Tier.GOLD, AgentType.PROMOTER)
    return await make.agent(above, Tier(kind.removesuffix(" !")))


async def own_price(of: Agent, told: str, variant: Variant) -> None:
    """As an operator sets it; with a mark, past all rules."""
    given = told.removesuffix(" !")
    if given == "-":
        return
    rate = round(float(given.rstrip("%")) * 100) if given.endswith("%") else None
    category = (await variant.product).category_id if rate else None
    price = None if rate else make.money(given)
    variant_id = None if rate else variant.id
    if told.endswith("!"):
        moment, units = clock.now(), price.units if price else None
        row = (new_id(), of.id, variant_id, category, "CNY", units, rate, moment)
        async with connection() as conn:
            await conn.execute(WRITE, *row)
        return
    wish = pricebook.AgentPriceWish(of.id, variant_id, category, price=price, off_rate=rate)
    await pricebook.set_agent_price(make.OPERATOR, wish)


def test_there_are_cases() -> None:
    assert (len(cases()), len(cases(pieces=True))) == (10, 8)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case[0])
async def test_the_page_says_what_the_shop_does(case: list[str]) -> None:
    _, above, of_above, below, of_below, *expected = case
    variant = await make.variant(price=make.yuan(50), tier_prices=TIERS)
    upper = await agent(above, None)
    lower = await agent(below, upper)
    await own_price(upper, of_above, variant)
    await own_price(lower, of_below, variant)
    found = await pricebook.agent_prices_of([upper.id, lower.id], [variant.id])
    pays = [found[each.id, variant.id].price.units for each in (upper, lower)]
    assert pays == [make.yuan(each) for each in expected]


@pytest.mark.parametrize("case", cases(pieces=True), ids=lambda case: case[0])
async def test_the_page_says_what_many_pieces_cost(case: list[str]) -> None:
    _, above, of_above, below, of_below, pieces, expected = case
    variant = await make.variant(price=make.yuan(50), tier_prices=TIERS, max_quantity=100)
    await make.offer(variant, make.yuan(40))
    steps = (pricebook.Step(10, make.yuan(46)), pricebook.Step(100, make.yuan("45.5")))
    await pricebook.set_ladder(make.OPERATOR, pricebook.LadderWish(variant.id, Tier.SILVER, steps))
    upper = None if above == "-" else await agent(above, None)
    if upper is not None:
        await own_price(upper, of_above, variant)
    lower = await agent(below, upper)
    await own_price(lower, of_below, variant)
    buyer = Actor(kind=ActorKind.USER, user_id=lower.user_id, agent_id=lower.id)
    quoted = await checkout.quote_lines(buyer, [LineWish(variant.sku, int(pieces))])
    assert quoted.total == make.yuan(expected) * int(pieces)
