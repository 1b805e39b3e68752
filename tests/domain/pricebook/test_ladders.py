"""Who buys more at once pays less, step by step, and never less than whom it stands below (E1)."""

from typing import Any

import asyncpg
import pytest

from domain import catalog, checkout, pricebook, pricing
from domain.agents import Agent, AgentType, Tier
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission, RuleKind, SimulationWish, simulate
from domain.kernel import Actor, ActorKind, Refused, connection, new_id
from domain.pricebook import LadderWish, Step
from domain.pricebook.models import PriceLadder
from domain.pricebook.rules import price_at, step_fault
from tests import make

pytestmark = pytest.mark.usefixtures("db")
TIERS = {Tier.BRONZE: make.yuan(48), Tier.SILVER: make.yuan(47), Tier.GOLD: make.yuan(46)}
STEPS = (Step(10, 460_000), Step(100, 455_001), Step(1_000, 450_000))


@pytest.mark.parametrize(
    ("quantity", "units"),
    [
        (1, 470_000),
        (9, 470_000),
        (10, 460_000),
        (11, 460_000),
        (99, 460_000),
        (100, 455_001),
        (999, 455_001),
        (1_000, 450_000),
        (1_000_000, 450_000),
    ],
)
async def test_each_boundary_is_the_first_piece_at_its_price(quantity: int, units: int) -> None:
    assert price_at(STEPS, 470_000, quantity) == units
    variant = await make.variant(price=make.yuan(50), tier_prices=TIERS, max_quantity=1_000_000)
    await make.offer(variant, make.yuan(40))
    agent = await make.agent(tier=Tier.SILVER)
    await pricebook.set_ladder(make.OPERATOR, LadderWish(variant.id, Tier.SILVER, STEPS))
    quoted = await checkout.quote_lines(actor_of(agent), [LineWish(variant.sku, quantity)])
    assert quoted.total == units * quantity


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ((), None),
        (STEPS, None),
        ((Step(1, 1),), (0, "price_steps_rise", "fromQuantity")),
        ((Step(2, 470_000),), (0, "price_steps_fall", "price")),
        ((Step(2, 0),), (0, "price_steps_fall", "price")),
        ((Step(5, 9), Step(5, 8)), (1, "price_steps_rise", "fromQuantity")),
        ((Step(5, 9), Step(6, 9)), (1, "price_steps_fall", "price")),
        (
            tuple(Step(each + 2, 100 - each) for each in range(11)),
            (10, "price_steps_many", "fromQuantity"),
        ),
    ],
)
def test_a_ladder_rises_in_quantity_and_falls_in_price(
    steps: tuple[Step, ...], fault: tuple[int, str, str] | None
) -> None:
    assert step_fault(steps, 470_000) == fault


def actor_of(agent: Agent) -> Actor:
    return Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)


async def goods(**changes: Any) -> catalog.Variant:
    values = {"price": make.yuan(50), "tier_prices": TIERS, "cards": 30, "max_quantity": 30}
    return await make.variant(**{**values, **changes})


async def bought(agent: Agent, variant: catalog.Variant, quantity: int) -> str:
    """The unit price that an agent pays, in yuan."""
    await make.top_up(agent.user_id, make.yuan(50 * quantity))
    wish = LineWish(variant.sku, quantity)
    placed = await checkout.place_order(actor_of(agent), Purchase((wish,), str(new_id())))
    return f"{placed.lines[0].unit_price / make.SCALE:g}"


async def ladder(variant: catalog.Variant, tier: Tier, *steps: tuple[int, str]) -> Any:
    given = tuple(Step(number, make.yuan(price)) for number, price in steps)
    return await pricebook.set_ladder(make.OPERATOR, LadderWish(variant.id, tier, given))


async def refused(call: Any) -> tuple[str, str, tuple[str, ...]]:
    with pytest.raises(Refused) as caught:
        await call
    refusal = caught.value.refusals[0]
    return refusal.code, getattr(refusal, "reason", ""), refusal.field


async def test_a_ladder_is_for_its_tier_and_better_ones_and_no_buyer() -> None:
    variant = await goods()
    await ladder(variant, Tier.SILVER, (3, "45"))
    for tier, few, many in ((Tier.BRONZE, "48", "48"), (Tier.SILVER, "47", "45")):
        agent = await make.agent(tier=tier)
        assert (await bought(agent, variant, 2), await bought(agent, variant, 3)) == (few, many)
    gold = await make.agent(tier=Tier.GOLD)
    assert await bought(gold, variant, 3) == "45"
    promoter = await make.agent(tier=Tier.GOLD, agent_type=AgentType.PROMOTER)
    assert await bought(promoter, variant, 3) == "50"
    quoted = await checkout.quote_lines(await make.buyer(), [LineWish(variant.sku, 3)])
    assert quoted.total == make.yuan(150)


async def test_nobody_pays_less_than_the_one_above_at_any_quantity() -> None:
    variant = await goods()
    top = await make.agent(tier=Tier.SILVER)
    below = await make.agent(top, Tier.SILVER)
    wish = pricebook.AgentPriceWish(top.id, variant.id, price=make.money("45.5"))
    await pricebook.set_agent_price(make.OPERATOR, wish)
    await ladder(variant, Tier.SILVER, (3, "45"))
    assert await bought(top, variant, 3) == "45.5"
    assert await bought(below, variant, 3) == "45.5"
    steps = await pricebook.ladders_of(below.id, [variant.id])
    shown = [(step.from_quantity, step.price) for step in steps[variant.id]]
    assert shown == [(3, make.money("45.5"))]


async def test_commissions_and_their_simulation_go_by_the_price_at_that_quantity() -> None:
    variant = await goods()
    agent = await make.agent(tier=Tier.SILVER)
    await ladder(variant, Tier.SILVER, (3, "45"))
    await make.rule(1, RuleKind.PRICE_DIFFERENCE)
    for quantity, each in ((2, 3), (3, 5)):
        told = await simulate(make.OPERATOR, SimulationWish(variant.sku, agent.code, quantity))
        assert [share.amount.units for share in told.shares] == [make.yuan(each * quantity)]
        buyer = await make.buyer(referrer=agent.id)
        wish = LineWish(variant.sku, quantity)
        await checkout.place_order(buyer, Purchase((wish,), str(new_id())))
        newest = await Commission.all().order_by("-id").first()
        assert newest is not None
        assert newest.amount == make.yuan(each * quantity)


async def test_a_newer_ladder_counts_and_none_ends_it_and_each_is_kept() -> None:
    variant, agent = await goods(), await make.agent(tier=Tier.SILVER)
    for steps, price in (([(3, "46")], "46"), ([(2, "45")], "45"), ([], "47")):
        await ladder(variant, Tier.SILVER, *steps)
        await ladder(variant, Tier.SILVER, *steps)
        assert await bought(agent, variant, 3) == price
    assert await PriceLadder.all().count() == 3
    assert (await pricebook.ladders_of(agent.id, [variant.id]))[variant.id] == []


async def test_a_ladder_of_a_list_counts_where_the_list_does() -> None:
    variant, agent = await goods(), await make.agent(tier=Tier.SILVER)
    draft = pricing.PriceListDraft("promo", "促销", "Promo", "CNY", priority=1)
    await pricing.save_price_list(make.OPERATOR, draft)
    listed = [pricing.TierPrice("retail", make.yuan(49)), pricing.TierPrice("silver", 465_000)]
    await ladder(variant, Tier.SILVER, (3, "42"))
    await pricing.set_prices(make.OPERATOR, variant.id, listed, list_code="promo")
    assert await bought(agent, variant, 3) == "46.5"
    wish = LadderWish(variant.id, Tier.SILVER, (Step(3, 430_000),), "promo")
    await pricebook.set_ladder(make.OPERATOR, wish)
    assert await bought(agent, variant, 3) == "43"


async def test_what_is_no_ladder_is_refused() -> None:
    variant = await goods(tier_prices={Tier.SILVER: make.yuan(47)})
    for steps, expected in (
        ([(3, "46"), (3, "45")], ("INVALID", "price_steps_rise", ("steps", "1", "fromQuantity"))),
        ([(3, "47")], ("INVALID", "price_steps_fall", ("steps", "0", "price"))),
        ([(3, "46"), (4, "39")], ("PRICE_BELOW_FLOOR", "", ("steps", "1", "price"))),
    ):
        assert await refused(ladder(variant, Tier.SILVER, *steps)) == expected
    assert (await refused(ladder(variant, Tier.RETAIL, (2, "49"))))[1] == "tier_of_an_agent"
    assert (await refused(ladder(variant, Tier.GOLD, (2, "46"))))[1] == "ladder_without_price"
    unknown = LadderWish(variant.id, Tier.SILVER, (), "nowhere")
    assert (await refused(pricebook.set_ladder(make.OPERATOR, unknown)))[0] == "NOT_FOUND"
    unknown = LadderWish(new_id(), Tier.SILVER, ())
    assert (await refused(pricebook.set_ladder(make.OPERATOR, unknown)))[0] == "NOT_FOUND"
    assert await PriceLadder.all().count() == 0


@pytest.mark.parametrize(
    ("quantities", "amounts"),
    [([1], [5]), ([3, 3], [5, 4]), ([3, 4], [5, 5]), ([3], [0]), ([3, 4], [5])],
)
async def test_the_database_refuses_what_is_no_ladder(
    quantities: list[int], amounts: list[int]
) -> None:
    variant = await goods()
    await ladder(variant, Tier.SILVER, (3, "46"))
    row = await PriceLadder.first()
    assert row is not None
    statement = (
        "INSERT INTO price_ladders (id, list_id, variant_id, tier, from_quantities, amounts,"
        " valid_from, created_at) VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, now(), now())"
    )
    given = (row.list_id, variant.id, "silver", quantities, amounts)
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await conn.execute(statement, *given)
        assert caught.value.constraint_name == "price_ladder_falls"
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(statement, row.list_id, variant.id, "retail", [2], [1])
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("UPDATE price_ladders SET tier = 'gold'")
