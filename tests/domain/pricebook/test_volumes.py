"""Who turned over much in a month pays less in the next one, and never for what is past (E1)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import asyncpg
import pytest

from domain import agents, checkout, orders, pricebook, refunds, tiers
from domain.agents import Agent, AgentType, ChangeReason, Tier, Why
from domain.catalog import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, ActorKind, Refused, clock, connection, new_id
from domain.orders import Order
from domain.pricebook import AgentVolume, VolumeLadder, VolumeStep
from domain.pricebook.rules import rate_at, volume_fault
from domain.refunds import RefundDestination, RefundReason, RefundWish
from domain.tiers.rules import month_of, months_before, start_of
from tests import make

pytestmark = pytest.mark.usefixtures("db")
TIERS = {Tier.BRONZE: make.yuan(48), Tier.SILVER: make.yuan(47), Tier.GOLD: make.yuan(46)}
STEPS = (VolumeStep(make.yuan(100), 50), VolumeStep(make.yuan(1_000), 150))


@pytest.mark.parametrize(
    ("volume", "rate"),
    [
        (0, 0),
        (999_999, 0),
        (1_000_000, 50),
        (1_000_001, 50),
        (9_999_999, 50),
        (10_000_000, 150),
        (10**15, 150),
    ],
)
def test_each_boundary_is_the_first_unit_at_its_rate(volume: int, rate: int) -> None:
    assert rate_at(STEPS, volume) == rate


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ((), None),
        (STEPS, None),
        ((VolumeStep(0, 1),), (0, "volume_steps_rise", "fromVolume")),
        ((VolumeStep(5, 1), VolumeStep(5, 2)), (1, "volume_steps_rise", "fromVolume")),
        ((VolumeStep(5, 0),), (0, "volume_rates_rise", "offRate")),
        ((VolumeStep(5, 10_000),), (0, "volume_rates_rise", "offRate")),
        ((VolumeStep(5, 2), VolumeStep(6, 2)), (1, "volume_rates_rise", "offRate")),
        (
            tuple(VolumeStep(each + 1, each + 1) for each in range(11)),
            (10, "price_steps_many", "fromVolume"),
        ),
    ],
)
def test_volumes_and_rates_rise_from_step_to_step(
    steps: tuple[VolumeStep, ...], fault: tuple[int, str, str] | None
) -> None:
    assert volume_fault(steps) == fault


def month(back: int) -> date:
    return months_before(month_of(clock.now()), back)


@contextmanager
def on(back: int, day: int = 15) -> Iterator[None]:
    """Noon of a day of the month so many before this one; of the next one with -1."""
    first = month(back) if back >= 0 else (month(0) + timedelta(days=32)).replace(day=1)
    moment = start_of(first) + timedelta(days=day - 1, hours=12)
    with clock.fixed(lambda: moment):
        yield


async def goods() -> Variant:
    return await make.variant(price=make.yuan(50), tier_prices=TIERS, cards=9)


async def bought(buyer: Actor, yuan: int, back: int = 1, day: int = 15) -> Order:
    """An order of that much, delivered at once."""
    with on(back, day):
        variant = await make.variant(price=make.yuan(yuan), cards=1)
        wish = Purchase((LineWish(variant.sku, 1),), str(new_id()))
        return (await checkout.place_order(buyer, wish)).order


async def agent(tier: Tier = Tier.SILVER, above: Agent | None = None) -> Agent:
    made = await make.agent(above, tier=tier)
    await make.top_up(made.user_id, make.yuan(10_000))
    return made


def actor_of(who: Agent) -> Actor:
    return Actor(kind=ActorKind.USER, user_id=who.user_id, agent_id=who.id)


async def counted() -> dict[object, tuple[int, int]]:
    """Volume in yuan and rate of each agent after the last month was counted."""
    with on(0, 5):
        await tiers.count_volumes()
    return {
        row.agent_id: (row.volume // make.SCALE, row.off_rate) for row in await AgentVolume.all()
    }


async def pays(who: Agent, variant: Variant, back: int = 0, day: int = 6) -> str:
    """What one costs an agent on a day, quoted and shown alike."""
    with on(back, day):
        found = await pricebook.agent_prices_of([who.id], [variant.id])
        shown = found[who.id, variant.id].price.units
        quoted = await checkout.quote_lines(actor_of(who), [LineWish(variant.sku, 1)])
    assert quoted.total == shown
    return f"{shown / make.SCALE:g}"


async def ladder(tier: Tier = Tier.SILVER) -> None:
    with on(2, 1):
        await pricebook.set_volume_ladder(make.OPERATOR, tier, STEPS)


async def test_what_was_turned_over_in_a_month_counts_in_the_next_and_no_longer() -> None:
    await ladder()
    variant, who = await goods(), await agent()
    await bought(actor_of(who), 60)
    await bought(await make.buyer(referrer=who.id), 40)
    await bought(actor_of(who), 900, back=2)  # another month
    await bought(actor_of(who), 900, back=0, day=1)
    assert await counted() == {who.id: (100, 50)}
    assert await pays(who, variant, day=3) == "47"
    assert await pays(who, variant, day=4) == "46.765"
    assert await pays(who, variant, back=-1, day=3) == "46.765"
    assert await pays(who, variant, back=-1, day=4) == "47"
    with on(0, 6):
        found = await pricebook.volume_in_force(who.id)
        assert found is not None
        assert (found.month, found.off_rate) == (month(1), 50)


async def test_nobody_has_anything_for_what_somebody_below_turned_over() -> None:
    await ladder(Tier.GOLD)
    top = await agent(Tier.GOLD)
    below = await agent(Tier.SILVER, top)
    await bought(actor_of(below), 500)
    await bought(await make.buyer(referrer=below.id), 500)
    assert await counted() == {below.id: (1_000, 0)}
    assert await pays(top, await goods()) == "46"


async def test_what_went_back_is_subtracted() -> None:
    await ladder()
    who = await agent()
    order = await bought(actor_of(who), 101)
    (line,) = (await orders.lines_of([order.id]))[order.id]
    staff = await make.operator("*")
    for _ in range(2):
        with on(1, 20):
            part = {line.id: make.yuan(1)}
            wish = RefundWish(order.id, RefundReason.GOODWILL, RefundDestination.WALLET, lines=part)
            await refunds.refund_order(staff, wish, str(new_id()))
    assert await counted() == {who.id: (99, 0)}


async def test_a_month_is_counted_once_whoever_asks_at_once() -> None:
    await ladder()
    who = await agent()
    await bought(actor_of(who), 120)
    with on(0, 5):
        done = await asyncio.gather(*(tiers.count_volumes() for _ in range(4)))
    assert sum(done) == 1
    await pricebook.set_volume_ladder(make.OPERATOR, Tier.SILVER, ())
    with on(0, 6):
        assert await tiers.count_volumes() == 0
    assert await AgentVolume.all().count() == 1
    assert await pays(who, await goods()) == "46.765"  # counted before: it stays in force


async def test_without_any_ladder_nothing_is_counted() -> None:
    await bought(actor_of(await agent()), 120)
    assert await counted() == {}


async def test_the_larger_of_both_rates_counts_and_own_prices_come_first() -> None:
    await ladder()
    variant, who = await goods(), await agent()
    await bought(actor_of(who), 1_000)
    await counted()
    assert await pays(who, variant) == "46.295"
    category = (await variant.product).category_id
    with on(0, 5):
        wish = pricebook.AgentPriceWish(who.id, category_id=category, off_rate=100)
        await pricebook.set_agent_price(make.OPERATOR, wish)
    assert await pays(who, variant) == "46.295"
    with on(0, 5):
        wish = pricebook.AgentPriceWish(who.id, category_id=category, off_rate=200, note="more")
        await pricebook.set_agent_price(make.OPERATOR, wish)
        assert await pays(who, variant) == "46.06"
        wish = pricebook.AgentPriceWish(who.id, variant.id, price=make.money("46.5"))
        await pricebook.set_agent_price(make.OPERATOR, wish)
    assert await pays(who, variant) == "46.5"


async def test_the_one_above_binds_whoever_turned_over_more_and_no_save_is_refused_for_it() -> None:
    await ladder()
    top = await agent()
    below = await agent(above=top)
    await bought(actor_of(below), 1_000)
    await counted()
    variant = await goods()
    assert await pays(below, variant) == "47"
    with on(0, 6):
        wish = pricebook.AgentPriceWish(top.id, variant.id, price=make.money("46.9"))
        await pricebook.set_agent_price(make.OPERATOR, wish)
    assert await pays(below, variant) == "46.9"


async def test_a_promoter_has_nothing_off() -> None:
    await ladder(Tier.GOLD)
    who = await make.agent(agent_type=AgentType.PROMOTER)
    await bought(await make.buyer(referrer=who.id), 1_000)
    assert await counted() == {}
    once = await agent(Tier.GOLD)
    await bought(actor_of(once), 1_000)
    assert await counted() == {once.id: (1_000, 150)}
    why = Why(ChangeReason.REORGANISATION)
    await agents.set_type(make.OPERATOR, once.id, AgentType.PROMOTER, why)
    assert await pays(once, await goods()) == "50"


async def test_what_is_no_ladder_is_refused_by_rule_and_by_the_database() -> None:
    for tier, steps, reason in (
        (Tier.RETAIL, STEPS, "tier_of_an_agent"),
        (Tier.GOLD, STEPS[::-1], "volume_steps_rise"),
    ):
        with pytest.raises(Refused) as caught:
            await pricebook.set_volume_ladder(make.OPERATOR, tier, steps)
        assert getattr(caught.value.refusals[0], "reason", "") == reason
    await ladder()
    await ladder()
    assert await VolumeLadder.all().count() == 1
    who = await agent()
    await bought(actor_of(who), 120)
    await counted()
    insert = (
        "INSERT INTO volume_ladders (id, tier, from_volumes, off_rates, valid_from)"
        " VALUES (gen_random_uuid(), $1, $2, $3, now())"
    )
    async with connection() as conn:
        for tier, volumes, rates in (
            ("retail", [1], [1]),
            ("gold", [2, 1], [1, 2]),
            ("gold", [1, 2], [2, 2]),
            ("gold", [1], [10_000]),
            ("gold", [0], [1]),
        ):
            with pytest.raises(asyncpg.CheckViolationError):
                await conn.execute(insert, tier, volumes, rates)
        for statement in (
            "UPDATE volume_ladders SET tier = 'gold'",
            "UPDATE agent_volumes SET off_rate = 1",
            "DELETE FROM agent_volumes",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute(statement)
        with pytest.raises(asyncpg.UniqueViolationError):
            await conn.execute(
                "INSERT INTO agent_volumes SELECT gen_random_uuid(), agent_id, month, volume,"
                " off_rate, valid_from, valid_until, counted_at FROM agent_volumes"
            )
