"""What each agent pays: the same on pages, in lists, in orders and in commissions (E1, E2)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from domain import agents, catalog, checkout, pricebook, pricing
from domain.agents import Agent, AgentType, ChangeReason, Tier, Why
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission, RuleKind
from domain.kernel import (
    MAIN_SITE_ID,
    Actor,
    ActorKind,
    PageRequest,
    Refused,
    clock,
    connection,
    new_id,
)
from domain.pricebook import AgentPriceWish
from domain.pricing import TierPrice
from tests import make

pytestmark = pytest.mark.usefixtures("db")
TIERS = {Tier.BRONZE: make.yuan(48), Tier.SILVER: make.yuan(47), Tier.GOLD: make.yuan(46)}
WHY = Why(ChangeReason.REORGANISATION)


async def goods(**changes: Any) -> catalog.Variant:
    values = {"price": make.yuan(50), "tier_prices": TIERS, "cards": 9, **changes}
    return await make.variant(**values)


def actor_of(agent: Agent) -> Actor:
    return Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)


def own(agent: Agent, variant: catalog.Variant, yuan: int | str, **more: Any) -> AgentPriceWish:
    return AgentPriceWish(agent.id, variant.id, price=make.money(yuan), **more)


async def put(agent: Agent, variant: catalog.Variant, yuan: int | str, **more: Any) -> Any:
    return await pricebook.set_agent_price(make.OPERATOR, own(agent, variant, yuan, **more))


async def shown(agent: Agent, variant: catalog.Variant) -> int:
    """What the page shows, in units; lists that filter by price find it there and nowhere else."""
    prices = await pricebook.agent_prices_of([agent.id], [variant.id])
    paid = prices[agent.id, variant.id].price.units
    for low, high, there in ((paid, paid, 1), (paid + 1, None, 0), (None, paid - 1, 0)):
        search = catalog.Search(
            wanted=catalog.ProductFilter(price_from=low, price_to=high),
            prices=pricebook.least_agent_prices(agent.id),
        )
        page = await catalog.list_products(PageRequest(20, None, ""), search=search)
        found = [product.id for product in page.rows if product.id == variant.product_id]
        assert len(found) == there
    return paid


async def bought(agent: Agent, variant: catalog.Variant) -> int:
    """What the agent pays for one, in units; quoted just so."""
    await make.top_up(agent.user_id, make.yuan(100))
    wish = LineWish(variant.sku, 1)
    quoted = await checkout.quote_lines(actor_of(agent), [wish])
    placed = await checkout.place_order(actor_of(agent), Purchase((wish,), str(new_id())))
    assert quoted.total == placed.order.total
    return placed.order.total


async def paid(agent: Agent, variant: catalog.Variant) -> str:
    """The same wherever it is asked, in yuan."""
    on_page, in_order = await shown(agent, variant), await bought(agent, variant)
    assert on_page == in_order
    return f"{in_order / make.SCALE:g}"


async def refused(call: Any) -> Any:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value.refusals[0]


async def test_an_own_price_counts_in_its_time_wherever_it_is_asked() -> None:
    variant, agent = await goods(), await make.agent(tier=Tier.SILVER)
    assert await paid(agent, variant) == "47"
    await put(agent, variant, "44.5555")
    assert await paid(agent, variant) == "44.5555"
    start = clock.now() + timedelta(days=1)
    await put(agent, variant, 43, valid_from=start, valid_until=start + timedelta(days=1))
    assert await paid(agent, variant) == "44.5555"
    with make.later(days=1, hours=1):
        assert await paid(agent, variant) == "43"
    with make.later(days=2, hours=1):
        assert await paid(agent, variant) == "44.5555"
    other = await make.agent(tier=Tier.SILVER)
    assert await paid(other, variant) == "47"


async def test_a_rate_off_counts_for_what_stands_in_the_category() -> None:
    variant, agent = await goods(), await make.agent(tier=Tier.SILVER)
    inside, outside = variant, await goods()
    category = (await variant.product).category_id
    wish = AgentPriceWish(agent.id, category_id=category, off_rate=123)
    await pricebook.set_agent_price(make.OPERATOR, wish)
    assert await paid(agent, inside) == "46.4219"
    assert await paid(agent, outside) == "47"
    await put(agent, inside, 45)
    assert await paid(agent, inside) == "45"


async def test_a_tier_without_a_price_pays_that_of_the_next_dearer_one() -> None:
    variant = await goods(tier_prices={Tier.BRONZE: make.yuan(48)})
    for tier in (Tier.BRONZE, Tier.SILVER, Tier.GOLD):
        assert await paid(await make.agent(tier=tier), variant) == "48"


async def test_an_own_price_ends_and_what_was_there_before_counts_again() -> None:
    variant, agent = await goods(), await make.agent(tier=Tier.SILVER)
    made = await put(agent, variant, 45)
    assert (await put(agent, variant, 45)).id == made.id  # word for word: nothing new
    ended = await pricebook.end_agent_price(make.OPERATOR, made.id)
    assert await paid(agent, variant) == "47"
    again = await pricebook.end_agent_price(make.OPERATOR, made.id)
    assert (again.valid_until, again.ended_by) == (ended.valid_until, make.OPERATOR.user_id)
    page = await pricebook.list_agent_prices(make.OPERATOR, agent.id, PageRequest(9, None, ""))
    assert [row.id for row in page.rows] == [made.id]


async def test_commissions_by_price_difference_go_by_what_each_agent_pays() -> None:
    top = await make.agent(tier=Tier.GOLD)
    below = await make.agent(top, Tier.SILVER)
    variant = await goods()
    await put(top, variant, 44)
    await put(below, variant, "45.5")
    for level in (1, 2):
        await make.rule(level, RuleKind.PRICE_DIFFERENCE)
    buyer = await make.buyer(referrer=below.id)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "k"))
    earned = {row.agent_id: row.amount for row in await Commission.all()}
    assert earned == {below.id: make.yuan(9), top.id: make.yuan(3)}


async def test_at_a_site_of_another_currency_its_own_prices_count() -> None:
    variant, agent = await goods(), await make.agent(tier=Tier.SILVER)
    dollars = [TierPrice("retail", make.yuan(7)), TierPrice("silver", make.yuan(6))]
    await pricing.set_prices(make.OPERATOR, variant.id, dollars, "USD")
    await put(agent, variant, 45)
    there = await pricebook.agent_prices_of([agent.id], [variant.id], "USD")
    assert there[agent.id, variant.id].price.units == make.yuan(6)
    wish = replace(own(agent, variant, 45), price=replace(make.money(5), currency="USD"))
    await pricebook.set_agent_price(make.OPERATOR, wish)
    there = await pricebook.agent_prices_of([agent.id], [variant.id], "USD", MAIN_SITE_ID)
    assert there[agent.id, variant.id].price.units == make.yuan(5)
    assert await shown(agent, variant) == make.yuan(45)


async def test_a_bundle_is_sold_at_an_own_price_too() -> None:
    part = await make.variant(cards=3)
    bundle = await make.bundle(catalog.PartDraft(part.sku, 1, 10_000), price=make.yuan(50))
    agent = await make.agent(tier=Tier.SILVER)
    await put(agent, bundle, "44.4444")
    assert await bought(agent, bundle) == make.yuan("44.4444")


async def test_no_own_price_is_below_cost_or_not_a_price() -> None:
    variant, agent = await goods(), await make.agent(tier=Tier.SILVER)
    low = await refused(put(agent, variant, 39))
    assert (low.code, low.floor, low.field) == ("PRICE_BELOW_FLOOR", make.money(40), ("price",))
    category = (await variant.product).category_id
    off = AgentPriceWish(agent.id, category_id=category, off_rate=2_000)
    low = await refused(pricebook.set_agent_price(make.OPERATOR, off))
    # Of all that stands in the category, the one that it would be too low for is named.
    assert (low.code, low.field, low.sku) == ("PRICE_BELOW_FLOOR", ("offRate",), variant.sku)
    for changes, field in (
        ({"price": None}, "variantId"),
        ({"category_id": category}, "variantId"),
        ({"off_rate": 5}, "variantId"),
        ({"price": make.money(0)}, "price"),
        ({"valid_from": clock.now() - timedelta(days=1)}, "validFrom"),
        ({"valid_until": clock.now() - timedelta(days=1)}, "validUntil"),
        ({"note": "x" * 201}, "note"),
    ):
        wish = replace(own(agent, variant, 45), **changes)
        refusal = await refused(pricebook.set_agent_price(make.OPERATOR, wish))
        assert (refusal.code, refusal.field) == ("INVALID", (field,))
    for changes, field in (
        ({"agent_id": new_id()}, "agentId"),
        ({"variant_id": new_id()}, "variantId"),
    ):
        wish = replace(own(agent, variant, 45), **changes)
        refusal = await refused(pricebook.set_agent_price(make.OPERATOR, wish))
        assert (refusal.code, refusal.field) == ("NOT_FOUND", (field,))
    unknown = await refused(pricebook.end_agent_price(make.OPERATOR, new_id()))
    assert unknown.code == "NOT_FOUND"
    page = await pricebook.list_agent_prices(make.OPERATOR, agent.id, PageRequest(9, None, ""))
    assert page.rows == []


async def test_a_promoter_sells_at_the_houses_price_and_has_none_of_its_own() -> None:
    variant = await goods()
    promoter = await make.agent(tier=Tier.GOLD, agent_type=AgentType.PROMOTER)
    assert await paid(promoter, variant) == "50"
    assert (await refused(put(promoter, variant, 49))).code == "AGENT_PRICE_FIXED"
    once = await make.agent(tier=Tier.GOLD)
    await put(once, variant, 45)
    await agents.set_type(make.OPERATOR, once.id, AgentType.PROMOTER, WHY)
    assert await paid(once, variant) == "50"


async def test_whoever_is_not_active_buys_at_retail_and_binds_those_below_as_before() -> None:
    top = await make.agent(tier=Tier.GOLD)
    below = await make.agent(top, Tier.SILVER)
    variant = await goods()
    await agents.set_status(make.OPERATOR, top.id, agents.AgentStatus.SUSPENDED, WHY)
    assert await bought(top, variant) == make.yuan(50)
    assert await paid(below, variant) == "47"


async def test_prices_that_would_rise_downwards_are_refused_with_agent_and_variant() -> None:
    variant = await goods()
    top = await make.agent(tier=Tier.SILVER)
    below = await make.agent(top, Tier.BRONZE)
    least = await refused(put(below, variant, 46))
    told = (least.code, least.agent, least.above, least.sku)
    assert told == ("AGENT_PRICE_INVERTED", below.code, top.code, variant.sku)
    assert (least.price, least.least) == (make.money(46), make.money(47))
    await put(top, variant, 45)
    mine = await put(below, variant, 46)
    more = await refused(put(top, variant, "46.0001"))
    assert (more.code, more.agent, more.above) == (least.code, below.code, top.code)
    upper = await pricebook.list_agent_prices(make.OPERATOR, top.id, PageRequest(9, None, ""))
    ending = await refused(pricebook.end_agent_price(make.OPERATOR, upper.rows[0].id))
    assert ending.code == least.code
    await pricebook.end_agent_price(make.OPERATOR, mine.id)
    await pricebook.end_agent_price(make.OPERATOR, upper.rows[0].id)
    assert (await paid(top, variant), await paid(below, variant)) == ("47", "48")


async def test_tiers_places_and_newcomers_are_refused_by_the_same_rule() -> None:
    variant = await goods()
    silver, bronze = await make.agent(tier=Tier.SILVER), await make.agent(tier=Tier.BRONZE)
    child = await make.agent(silver, Tier.SILVER)
    login = await make.user()
    for name, call in (
        ("a better tier below", agents.set_tier(make.OPERATOR, child.id, Tier.GOLD)),
        ("a worse one above", agents.set_tier(make.OPERATOR, silver.id, Tier.BRONZE)),
        ("another parent", agents.move_agent(make.OPERATOR, child.id, bronze.id, WHY)),
        ("a newcomer", agents.create_agent(make.OPERATOR, login.id, "N", Tier.GOLD, bronze.id)),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.sku) == ("AGENT_PRICE_INVERTED", variant.sku), name
    assert (await Agent.get(id=child.id)).parent_id == silver.id
    assert (await Agent.get(id=child.id)).tier is Tier.SILVER
    await agents.set_tier(make.OPERATOR, silver.id, Tier.GOLD)
    await agents.set_tier(make.OPERATOR, child.id, Tier.GOLD)


async def test_own_prices_at_once_never_leave_a_lower_agent_cheaper() -> None:
    """Above raises and below lowers, many times at once: both cannot win."""
    variant = await goods(price=make.yuan(60), tier_prices={Tier.GOLD: make.yuan(50)}, cards=40)
    top = await make.agent()
    below = await make.agent(top)

    async def tried(agent: Agent, yuan: int) -> str:
        try:
            await put(agent, variant, yuan)
        except Refused as refused:
            return str(refused.refusals[0].code)
        return "done"

    said = await asyncio.gather(
        *(tried(top, 51 + turn) for turn in range(8)),
        *(tried(below, 50 + turn) for turn in range(8)),
    )
    assert "done" in said
    assert set(said) <= {"done", "AGENT_PRICE_INVERTED"}
    assert await shown(below, variant) >= await shown(top, variant)
    async with connection() as conn:
        await pricebook.refuse_inverted(conn, [top.id])


async def test_twin_whoever_writes_past_the_rule_still_sells_nothing_below_the_one_above() -> None:
    """What no rule has seen, such as a list that an import changes meanwhile: the price itself is
    the highest of the line."""
    variant = await goods()
    top = await make.agent(tier=Tier.GOLD)
    below = await make.agent(top, Tier.BRONZE)
    async with connection() as conn:
        await conn.execute(
            "INSERT INTO agent_prices (id, agent_id, variant_id, currency, amount, valid_from,"
            " note, created_at) VALUES ($1, $2, $3, 'CNY', $4, now(), '', now())",
            new_id(), below.id, variant.id, make.yuan(41),
        )  # fmt: skip
    assert await paid(below, variant) == "46"
    assert (await refused(agents.set_tier(make.OPERATOR, top.id, Tier.GOLD))).agent == below.code


@pytest.mark.parametrize(
    ("columns", "values", "constraint"),
    [
        ("variant_id, currency, amount", "$2, 'CNY', 0", "agent_price_above_zero"),
        ("variant_id, amount", "$2, 1", "agent_price_of_one_thing"),
        ("variant_id, currency, amount, off_rate", "$2, 'CNY', 1, 1", "agent_price_of_one_thing"),
        ("category_id, off_rate", "$2, 10000", "agent_price_rate_bounded"),
        (
            "variant_id, currency, amount, valid_until",
            "$2, 'CNY', 1, now() - interval '1 day'",
            "agent_price_window",
        ),
        ("category_id, off_rate", "gen_random_uuid(), 1", "agent_price_of_a_category"),
        ("variant_id, currency, amount", "gen_random_uuid(), 'CNY', 1", "agent_price_of_a_variant"),
    ],
)
async def test_the_database_refuses_what_is_no_own_price(
    columns: str, values: str, constraint: str
) -> None:
    variant, agent = await goods(), await make.agent()
    statement = (
        f"INSERT INTO agent_prices (id, agent_id, valid_from, note, created_at, {columns})"
        f" SELECT gen_random_uuid(), $1, now(), '', now(), {values} WHERE $2::uuid IS NOT NULL"
    )
    async with connection() as conn:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
            await conn.execute(statement, agent.id, variant.id)
    assert caught.value.constraint_name == constraint


async def test_the_database_keeps_own_prices_as_they_were() -> None:
    variant, agent = await goods(), await make.agent()
    made = await put(agent, variant, 45)
    promoter = await make.agent(agent_type=AgentType.PROMOTER)
    until = "UPDATE agent_prices SET valid_until = now() + "
    for statement, given in (
        ("UPDATE agent_prices SET amount = 1 WHERE id = $1", made.id),
        ("DELETE FROM agent_prices WHERE id = $1", made.id),
        ("UPDATE agent_prices SET agent_id = $1", promoter.id),
        (
            "INSERT INTO agent_prices SELECT gen_random_uuid(), $1, variant_id, category_id,"
            " currency, amount, off_rate, valid_from FROM agent_prices",
            promoter.id,
        ),
    ):
        async with connection() as conn:
            with pytest.raises(asyncpg.PostgresError) as caught:
                await conn.execute(statement, given)
        assert caught.value.sqlstate in ("23001", "23502"), statement
    async with connection() as conn:
        await conn.execute(until + "interval '2 days' WHERE id = $1", made.id)
        await conn.execute(until + "interval '1 day' WHERE id = $1", made.id)
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute(until + "interval '3 days' WHERE id = $1", made.id)
