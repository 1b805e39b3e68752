"""Nobody earns on what they buy themselves, by whatever account (field bug 14, mission row L11)."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from domain import agents, checkout, orders
from domain.agents import AgentStatus, BarReason, ChangeReason, Why, standing
from domain.agents.models import Agent
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission, RuleKind
from domain.identity import UserRole
from domain.kernel import Actor, PageRequest, Refused, connection
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
WHY = Why(ChangeReason.SUSPICION)
HERE, THERE = "203.0.113.7", "198.51.100.9"


async def rules() -> None:
    for level in (1, 2, 3):
        await make.rule(level, RuleKind.PERCENT, 10_000)


async def earners(buyer: Actor, key: str = "key", code: str | None = None) -> list[UUID]:
    """Who earns on a purchase of this buyer, nearest first."""
    variant = await make.variant(price=make.yuan(100), cards=1)
    purchase = Purchase((LineWish(variant.sku, 1),), key, promoter_code=code)
    placed = await checkout.place_order(buyer, purchase)
    found = await Commission.filter(order_line_id=placed.lines[0].id).order_by("level")
    return [one.agent_id for one in found]


async def reasons_of(agent: Agent) -> list[BarReason]:
    page = await orders.list_barred(agent.id, PageRequest(10, None, "test"))
    return [BarReason(sale.reason) for sale in page.rows]


async def test_an_agent_whose_login_buys_earns_nothing_and_neither_does_anybody_above() -> None:
    top, middle, leaf = await make.agent_chain()
    await rules()
    await make.top_up(middle.user_id, make.yuan(200))
    await agents.set_status(make.OPERATOR, middle.id, AgentStatus.SUSPENDED, WHY)
    himself = Actor(kind=make.ActorKind.USER, user_id=middle.user_id)
    assert await earners(himself, code=leaf.code) == [leaf.id]
    assert await reasons_of(middle) == [BarReason.SELF]
    assert await reasons_of(top) == [BarReason.BELOW]


async def test_a_marked_account_is_the_agents_own_until_staff_say_otherwise() -> None:
    top, middle, leaf = await make.agent_chain()
    await rules()
    buyer = await make.buyer(referrer=leaf.id)
    mark = agents.mark_relation
    await mark(make.OPERATOR, middle.id, buyer.require_user(), related=True, note="his brother")
    assert await earners(buyer) == [leaf.id]
    assert await reasons_of(middle) == [BarReason.MARKED]
    assert await reasons_of(top) == [BarReason.BELOW]
    await mark(make.OPERATOR, middle.id, buyer.require_user(), related=False, note="no brother")
    assert await earners(buyer, "again") == [leaf.id, middle.id, top.id]
    assert await reasons_of(leaf) == []


@pytest.mark.parametrize(
    ("ip", "hours", "earns"),
    [
        pytest.param(HERE, 1, False, id="the same address within the day"),
        pytest.param(HERE, 25, True, id="the same address a day later"),
        pytest.param(THERE, 1, True, id="another address"),
        pytest.param("", 1, True, id="no address"),
    ],
)
async def test_an_address_is_the_agents_for_a_day(ip: str, hours: int, earns: bool) -> None:
    agent = await make.agent()
    await rules()
    await agents.note_agent_seen(agent.user_id, HERE)
    buyer = replace(await make.buyer(referrer=agent.id), ip=ip)
    with make.later(hours=hours):
        assert await earners(buyer) == ([agent.id] if earns else [])
    assert await reasons_of(agent) == ([] if earns else [BarReason.ADDRESS])


async def test_staff_may_clear_a_shared_address_and_a_house_may_switch_it_off() -> None:
    agent = await make.agent()
    await rules()
    await agents.note_agent_seen(agent.user_id, HERE)
    neighbour = replace(await make.buyer(referrer=agent.id), ip=HERE)
    stranger = replace(await make.buyer(referrer=agent.id), ip=HERE)
    user = neighbour.require_user()
    await agents.mark_relation(make.OPERATOR, agent.id, user, related=False, note="a café")
    assert await earners(neighbour) == [agent.id]
    assert await earners(stranger) == []
    agents.nearness.address = timedelta(0)
    try:
        assert await earners(stranger, "off") == [agent.id]
    finally:
        agents.nearness.address = timedelta(hours=24)


async def test_the_guest_of_the_agents_device_is_the_agent() -> None:
    agent = await make.agent()
    await rules()
    guest = await make.user(role=UserRole.GUEST, referrer=agent.id)
    await make.top_up(guest.id, make.yuan(300))
    buyer = Actor(kind=make.ActorKind.GUEST, user_id=guest.id, ip=THERE)
    assert await earners(buyer, "before") == [agent.id]
    await agents.note_agent_seen(agent.user_id, HERE, guest.id)
    assert await earners(buyer, "after") == []
    assert await reasons_of(agent) == [BarReason.DEVICE]


async def test_what_waits_for_its_supplier_is_not_earned_either() -> None:
    top, middle, leaf = await make.agent_chain()
    await rules()
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.MANUAL)
    buyer = await make.buyer(referrer=leaf.id)
    user = buyer.require_user()
    await agents.mark_relation(make.OPERATOR, middle.id, user, related=True, note="himself")
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    terms = placed.lines[0].terms
    assert terms is not None
    assert [each.get("barred", False) for each in terms["chain"]] == [False, True, True]
    assert placed.order.agent_chain == [leaf.id, middle.id, top.id]
    with pytest.raises(asyncpg.RestrictViolationError, match="decided when it is placed"):
        async with connection() as conn:
            await conn.execute("UPDATE orders SET barred = NULL")


async def test_who_is_suspended_above_earns_nothing_and_nobody_earns_it_instead() -> None:
    top, middle, leaf = await make.agent_chain()
    for level in (1, 2, 3):
        await make.rule(level, RuleKind.PRICE_DIFFERENCE)
    await agents.set_status(make.OPERATOR, middle.id, AgentStatus.SUSPENDED, WHY)
    prices = {agents.Tier.BRONZE: make.yuan(90), agents.Tier.SILVER: make.yuan(80)}
    variant = await make.variant(
        price=make.yuan(100), tier_prices={**prices, agents.Tier.GOLD: make.yuan(70)}, cards=1
    )
    buyer = await make.buyer(referrer=leaf.id)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    found = await Commission.all().order_by("level")
    ten = make.yuan(10)
    assert [(one.agent_id, one.level, one.amount) for one in found] == [
        (leaf.id, 1, ten),
        (top.id, 3, ten),
    ]


async def test_barring_costs_no_statement() -> None:
    agent = await make.agent()
    await rules()
    await agents.note_agent_seen(agent.user_id, HERE)
    buyer = replace(await make.buyer(referrer=agent.id), ip=HERE)
    variant = await make.variant(cards=1)
    async with count_statements() as statements:
        await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    assert len(statements) == 2
    assert await reasons_of(agent) == [BarReason.ADDRESS]


async def test_marking_is_refused_for_the_agents_own_login_and_without_a_note() -> None:
    agent, stranger = await make.agent(), await make.user()
    for user, note in ((agent.user_id, "x"), (stranger.id, " "), (UUID(int=7), "x")):
        with pytest.raises(Refused):
            await agents.mark_relation(make.OPERATOR, agent.id, user, related=True, note=note)


async def test_footprints_are_of_agents_only_and_forgotten_after_a_month() -> None:
    agent, stranger = await make.agent(), await make.user()
    for user in (agent.user_id, stranger.id, agent.user_id):
        await agents.note_agent_seen(user, HERE)
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM agent_footprints") == 1
        seen = await conn.fetchval("SELECT digest FROM agent_footprints")
        assert HERE.encode() not in seen
    assert await agents.forget_footprints() == 0
    with make.later(days=32):
        assert await agents.forget_footprints() == 1


@pytest.mark.parametrize(
    ("found", "barred"),
    [
        pytest.param([None, None, None], "...", id="nobody"),
        pytest.param([None, "self", None], ".sb", id="from there up"),
        pytest.param(["address", None, "inactive"], "abb", id="the nearest"),
        pytest.param([None, "inactive", None], ".i.", id="an inactive one bars nobody else"),
    ],
)
def test_nobody_at_or_above_an_agent_that_bought_for_itself_earns(
    found: list[str | None], barred: str
) -> None:
    said = standing.bar_above(found)
    assert "".join("." if each is None else each.value[0] for each in said) == barred
