"""What agents and their teams sold counts once for each sale and refund (mission rows H4, N2)."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest

from domain import agents, checkout, commissions, ledger, refunds, teams
from domain.agents.models import Agent
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, ActorKind, Refused, clock, connection
from domain.teams import Bucket, Span, counting
from tests import make

pytestmark = pytest.mark.usefixtures("db")


def today() -> date:
    return (clock.now() + commissions.calendar.utc_offset).date()


def span(days: int = 1) -> Span:
    return Span(today() - timedelta(days=days), today() + timedelta(days=days))


async def bought(buyer: Actor, price: int, quantity: int = 1, key: str = "key") -> UUID:
    variant = await make.variant(price=make.yuan(price))
    await make.stock(variant, quantity, make.yuan(1))
    wish = Purchase((LineWish(variant.sku, quantity),), key)
    return (await checkout.place_order(buyer, wish)).order.id


async def counted() -> None:
    while await ledger.seal_committed():
        pass
    while await teams.count_next():
        pass


async def given_back(order_id: UUID) -> None:
    why, where = refunds.RefundReason.GOODWILL, refunds.RefundDestination.WALLET
    await refunds.refund_order(
        make.OPERATOR, refunds.RefundWish(order_id, why, where), str(order_id)
    )


async def total(agent: Agent) -> tuple[int, int, int, int]:
    """Lines and yuan of its own, and of it with its team, net."""
    points = (await teams.sales_of([agent.id], span(), Bucket.MONTH)).get(agent.id, [])
    own, team = [point.own for point in points], [point.team for point in points]
    yuan = make.yuan(1)
    return (
        sum(each.lines for each in own),
        sum(each.net.units for each in own) // yuan,
        sum(each.lines for each in team),
        sum(each.net.units for each in team) // yuan,
    )


async def test_a_sale_counts_for_whose_customer_it_is_and_for_all_above() -> None:
    top, middle, leaf = await make.agent_chain()
    await bought(await make.buyer(referrer=leaf.id), 100)
    await bought(await make.buyer(referrer=middle.id), 50)
    await bought(await make.buyer(referrer=top.id), 20, 2)
    await bought(await make.buyer(), 500)
    await counted()
    assert await total(leaf) == (1, 100, 1, 100)
    assert await total(middle) == (1, 50, 2, 150)
    assert await total(top) == (1, 40, 3, 190)
    (through,) = (await teams.team_of([top.id], span()))[top.id]
    assert (through.agent_id, through.sales.lines) == (middle.id, 2)
    assert through.sales.net == make.money(150)
    assert await teams.recount() == 0


async def test_a_refund_counts_on_its_day_and_takes_exactly_itself() -> None:
    top, _, leaf = await make.agent_chain()
    order = await bought(await make.buyer(referrer=leaf.id), 100)
    await counted()
    await given_back(order)
    await counted()
    assert await total(leaf) == (1, 0, 1, 0)
    (point,) = (await teams.sales_of([top.id], span(), Bucket.DAY))[top.id]
    assert (point.team.sold, point.team.refunded) == (make.money(100), make.money(100))
    assert await teams.recount() == 0


async def test_what_agents_buy_themselves_is_no_sale() -> None:
    top, middle, leaf = await make.agent_chain()
    await make.top_up(middle.user_id, make.yuan(500))
    await bought(Actor(kind=ActorKind.USER, user_id=middle.user_id), 100)
    marked = await make.buyer(referrer=leaf.id)
    await agents.mark_relation(
        make.OPERATOR, leaf.id, marked.require_user(), related=True, note="same person"
    )
    await bought(marked, 70, key="marked")
    await counted()
    for agent in (top, middle, leaf):
        assert await total(agent) == (0, 0, 0, 0)


async def test_many_that_count_at_once_count_once() -> None:
    agent = await make.agent()
    buyer = await make.buyer(referrer=agent.id)
    for number in range(6):
        await bought(buyer, 10, key=f"{number}")
    while await ledger.seal_committed():
        pass
    done = await asyncio.gather(*(teams.count_next() for _ in range(8)))
    assert sum(1 for each in done if each) == 1
    assert await total(agent) == (6, 60, 6, 60)


async def test_twin_without_its_cursor_a_sale_would_count_twice() -> None:
    agent = await make.agent()
    await bought(await make.buyer(referrer=agent.id), 10)
    await counted()
    async with connection() as conn:
        await conn.execute("UPDATE team_cursor SET sequence = 0")
    await counted()
    assert await total(agent) == (2, 20, 2, 20)
    assert await teams.recount() > 0, "a recount tells it"


async def test_what_is_counted_in_small_steps_is_what_is_counted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    top, middle, leaf = await make.agent_chain()
    buyers = [await make.buyer(referrer=each.id) for each in (top, middle, leaf)]
    orders = [
        await bought(buyer, 10 + number, key=f"{number}") for number in range(3) for buyer in buyers
    ]
    for order in orders[::2]:
        await given_back(order)
    monkeypatch.setattr(counting, "AT_ONCE", 1)
    await counted()
    assert await teams.recount() == 0
    assert (await total(top))[2] == 9


async def test_whoever_writes_into_the_counts_is_found_out() -> None:
    agent = await make.agent()
    await bought(await make.buyer(referrer=agent.id), 10)
    await counted()
    async with connection() as conn:
        await conn.execute("UPDATE team_days SET sold = sold + 1")
    assert await teams.recount() == 1


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("level = 4", "team_level_at_most_three"),
        ("level = 2", "team_via_a_child"),
        ("sold = -1", "team_day_counts_up"),
    ],
)
async def test_the_database_refuses_what_cannot_be(change: str, name: str) -> None:
    agent = await make.agent()
    await bought(await make.buyer(referrer=agent.id), 10)
    await counted()
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with connection() as conn:
            await conn.execute(f"UPDATE team_days SET {change}")
    assert refused.value.constraint_name == name


@pytest.mark.parametrize("days", [-1, 800])
async def test_a_time_has_an_end_and_a_length(days: int) -> None:
    agent = await make.agent()
    first = today()
    with pytest.raises(Refused):
        await teams.sales_of([agent.id], Span(first, first + timedelta(days=days)), Bucket.DAY)
