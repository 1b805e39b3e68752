"""Goods of one thing for another (field bug 27); a reward for one's own purchase (field bug 14)."""

import asyncpg
import pytest

from domain import cards, checkout
from domain.agents.models import Tier
from domain.cards.models import Card
from domain.checkout import CardNotFree, LineWish, Purchase
from domain.commissions import RuleKind
from domain.commissions.models import Commission
from domain.invariants import find_violations
from domain.kernel import Actor, ActorKind, Refused, clock, connection, new_id, transaction
from domain.orders import Order, OrderLine
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def broken() -> list[str]:
    return [each.name for each in await find_violations() if each.violations]


async def test_a_card_of_another_variant_is_not_to_be_chosen() -> None:
    wanted = await make.variant(cards=1)
    other = await make.variant(cards=1)
    for variant in (wanted, other):
        change = cards.PolicyChange(choosable=True)
        await cards.save_policy(make.OPERATOR, variant.sku, change)
    foreign = await Card.get(variant_id=other.id)
    purchase = Purchase((LineWish(wanted.sku, 1, card_id=foreign.id),), "key")
    with pytest.raises(Refused) as refused:
        await checkout.place_order(await make.buyer(), purchase)
    assert isinstance(refused.value.refusals[0], CardNotFree)
    assert await Order.all().count() == 0
    own = await Card.get(variant_id=wanted.id)
    purchase = Purchase((LineWish(wanted.sku, 1, card_id=own.id),), "key")
    placed = await checkout.place_order(await make.buyer(), purchase)
    assert [card.id for card in (placed.cards or {})[placed.lines[0].id]] == [own.id]


async def test_a_card_that_was_forced_onto_a_line_of_another_variant_is_found() -> None:
    wanted, other = await make.variant(cards=1), await make.variant(cards=1)
    placed = await checkout.place_order(
        await make.buyer(), Purchase((LineWish(wanted.sku, 1),), "key")
    )
    assert await broken() == []
    async with connection() as conn:
        await conn.execute("ALTER TABLE cards DISABLE TRIGGER USER")
        await conn.execute(
            "UPDATE cards SET state = 'sold', order_line_id = $1, unit_number = 2, sold_at = $2"
            " WHERE variant_id = $3",
            placed.lines[0].id,
            clock.now(),
            other.id,
        )
        await conn.execute("ALTER TABLE cards ENABLE TRIGGER USER")
    assert "I5" in await broken()


@pytest.mark.parametrize("with_own_code", [True, False])
@pytest.mark.parametrize("by_key", [True, False])
async def test_an_agent_earns_nothing_on_what_it_buys_itself(
    with_own_code: bool, by_key: bool
) -> None:
    agents = await make.agent_chain()
    for level in (1, 2, 3):
        await make.rule(level, RuleKind.PERCENT, 10_000)
    variant = await make.variant(cards=1, tier_prices={Tier.BRONZE: make.yuan(45)})
    agent = agents[2]
    await make.top_up(agent.user_id, make.yuan(100))
    actor = Actor(kind=ActorKind.USER, user_id=agent.user_id)
    if by_key:
        scopes = frozenset({"orders:write"})
        actor = Actor(kind=ActorKind.KEY, user_id=agent.user_id, key_id=new_id(), scopes=scopes)
    code = agent.code if with_own_code else None
    purchase = Purchase((LineWish(variant.sku, 1),), "key", promoter_code=code)
    placed = await checkout.place_order(actor, purchase)
    assert placed.order.consumer is False
    assert await Commission.all().count() == 0


async def test_the_agents_above_earn_on_nobody_twice_and_a_code_pays_its_own_chain_only() -> None:
    """A buyer of one agent who names another's code: one chain earns, never both."""
    first, second = await make.agent_chain(), await make.agent_chain()
    await make.rule(1, RuleKind.PERCENT, 10_000)
    variant = await make.variant(cards=1, unit_cost=make.yuan(10))
    buyer = await make.buyer(referrer=first[2].id)
    purchase = Purchase((LineWish(variant.sku, 1),), "key", promoter_code=second[2].code)
    await checkout.place_order(buyer, purchase)
    assert [each.agent_id for each in await Commission.all()] == [second[2].id]


async def test_the_database_refuses_a_commission_on_what_an_agent_bought_for_itself() -> None:
    """The twin: a commission that somebody writes all the same has no line to stand on."""
    agents = await make.agent_chain()
    variant = await make.variant(cards=1)
    await make.top_up(agents[2].user_id, make.yuan(100))
    actor = Actor(kind=ActorKind.USER, user_id=agents[2].user_id)
    await checkout.place_order(actor, Purchase((LineWish(variant.sku, 1),), "key"))
    line = await OrderLine.get()
    forced = (
        "INSERT INTO commissions (id, order_line_id, consumer, agent_id, level, basis, amount,"
        " currency, rule, earned_at, release_at)"
        " VALUES ($1, $2, $3, $4, 1, 1, 1, 'CNY', '{}', $5, $5)"
    )
    for consumer in (True, False):
        row = (new_id(), line.id, consumer, agents[2].id, clock.now())
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            async with transaction() as conn:
                await conn.execute(forced, *row)
