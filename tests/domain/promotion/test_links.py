"""Links of agents, and whose customer an order is that came by one (mission row G9)."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain import agents, checkout, promotion, refunds
from domain.agents import AgentStatus, ChangeReason, Why
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind
from domain.kernel import Actor, ActorKind, NotFound, PageRequest, Refused, clock, connection
from domain.orders import Order
from domain.promotion import PromoLink, PromoLinksTooMany, service
from domain.promotion import rules as promotion_rules
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
WHY = Why(ChangeReason.SUSPICION)


async def agent_of(**given: object) -> tuple[agents.Agent, Actor]:
    agent = await make.agent(**given)  # type: ignore[arg-type]
    return agent, Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)


async def bought(buyer: Actor, key: str = "key", code: str | None = None) -> Order:
    variant = await make.variant(price=make.yuan(100), cards=1)
    wish = Purchase((LineWish(variant.sku, 1),), key, promoter_code=code)
    return (await checkout.place_order(buyer, wish)).order


async def figures(link: PromoLink) -> promotion.Figures:
    return (await promotion.figures_of([link.id]))[link.id]


async def test_who_came_by_a_link_buys_as_its_agents_customer() -> None:
    await make.rule(1, RuleKind.PERCENT, 30_000)
    agent, actor = await agent_of()
    product = await make.product()
    link = await promotion.create_link(actor, product.id, " video ")
    assert link.label == "video"
    buyer = await make.buyer()
    landing = await promotion.visit(buyer, link.code.lower())
    assert (landing.link.id, landing.agent.id) == (link.id, agent.id)
    order = await bought(buyer)
    assert (order.agent_chain, order.promo_link_id) == ([agent.id], link.id)
    assert await figures(link) == promotion.Figures(1, 1, make.yuan(100), make.yuan(3))


async def test_the_code_of_a_link_in_the_order_counts_without_a_visit_and_before_anything() -> None:
    agent, actor = await agent_of()
    other, _ = await agent_of()
    link = await promotion.create_link(actor, None, "")
    buyer = await make.buyer(referrer=other.id)
    order = await bought(buyer, code=f" {link.code.lower()} ")
    assert (order.agent_chain, order.promo_link_id) == ([agent.id], link.id)
    plain = await bought(buyer, "plain")
    assert (plain.agent_chain, plain.promo_link_id) == ([other.id], None)
    by_agent = await bought(buyer, "by agent", agent.code)
    assert (by_agent.agent_chain, by_agent.promo_link_id) == ([agent.id], None)


async def test_a_customer_whom_an_agent_brought_is_not_taken_away_by_a_link() -> None:
    first, _ = await agent_of()
    second, actor = await agent_of()
    link = await promotion.create_link(actor, None, "")
    buyer = await make.buyer(referrer=first.id)
    await promotion.visit(buyer, link.code)
    order = await bought(buyer)
    assert (order.agent_chain, order.promo_link_id) == ([first.id], None)
    assert second.id not in order.agent_chain


async def test_the_last_link_counts_and_only_within_the_window() -> None:
    first, his = await agent_of()
    second, hers = await agent_of()
    buyer = await make.buyer()
    for actor in (his, hers):
        link = await promotion.create_link(actor, None, "")
        await promotion.visit(buyer, link.code)
    assert (await bought(buyer)).agent_chain == [second.id]
    with make.later(days=29, hours=23):
        assert (await bought(buyer, "late")).agent_chain == [second.id]
        assert await promotion.forget_visits() == 0
    with make.later(days=30, minutes=1):
        order = await bought(buyer, "too late")
        assert (order.agent_chain, order.promo_link_id) == ([], None)
        assert await promotion.forget_visits() == 1
        assert first.id not in order.agent_chain


async def test_an_agent_that_comes_by_its_own_link_is_no_visitor() -> None:
    _, actor = await agent_of()
    link = await promotion.create_link(actor, None, "")
    await promotion.visit(actor, link.code)
    assert (await figures(link)).clicks == 0
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM promo_visits") == 0


async def test_a_visitor_counts_again_after_half_an_hour_only() -> None:
    _, actor = await agent_of()
    link = await promotion.create_link(actor, None, "")
    buyer = await make.buyer()
    await asyncio.gather(*(promotion.visit(buyer, link.code) for _ in range(8)))
    assert (await figures(link)).clicks == 1
    with make.later(minutes=31):
        await promotion.visit(buyer, link.code)
    assert (await figures(link)).clicks == 2


async def test_a_link_that_is_ended_leads_nowhere_and_who_came_before_still_counts() -> None:
    agent, actor = await agent_of()
    link = await promotion.create_link(actor, None, "")
    buyer, late = await make.buyer(), await make.buyer()
    await promotion.visit(buyer, link.code)
    ended = await promotion.end_link(actor, link.id)
    assert ended.ended_at is not None
    assert (await promotion.end_link(actor, link.id)).ended_at == ended.ended_at
    with pytest.raises(Refused) as refused:
        await promotion.visit(late, link.code)
    assert isinstance(refused.value.refusals[0], NotFound)
    order = await bought(late, code=link.code)
    assert (order.agent_chain, order.promo_link_id) == ([], None)
    assert (await bought(buyer)).agent_chain == [agent.id]


async def test_links_of_an_agent_that_is_not_active_lead_nowhere_and_earn_nothing() -> None:
    agent, actor = await agent_of()
    link = await promotion.create_link(actor, None, "")
    buyer = await make.buyer()
    await promotion.visit(buyer, link.code)
    await agents.set_status(make.OPERATOR, agent.id, AgentStatus.SUSPENDED, WHY)
    with pytest.raises(Refused):
        await promotion.land(link.code)
    order = await bought(buyer)
    assert (order.agent_chain, order.promo_link_id) == ([], None)
    with pytest.raises(Refused):
        await promotion.create_link(actor, None, "another")


async def test_the_same_link_is_made_once_however_many_ask() -> None:
    _, actor = await agent_of()
    made = await asyncio.gather(*(promotion.create_link(actor, None, "a") for _ in range(8)))
    assert len({link.id for link in made}) == 1
    await promotion.end_link(actor, made[0].id)
    assert (await promotion.create_link(actor, None, "a")).id != made[0].id


async def test_an_agent_has_so_many_open_links_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "OPEN_LINKS", 3)
    _, actor = await agent_of()
    wishes = (promotion.create_link(actor, None, f"{number}") for number in range(8))
    done = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(isinstance(each, PromoLink) for each in done) == 3
    refused = [each for each in done if isinstance(each, Refused)]
    assert [each.refusals[0] for each in refused] == [PromoLinksTooMany(most=3)] * 5


@pytest.mark.parametrize("label", ["x" * (promotion_rules.LABEL_LETTERS + 1), "two\nlines"])
async def test_a_label_is_one_short_line(label: str) -> None:
    _, actor = await agent_of()
    with pytest.raises(Refused):
        await promotion.create_link(actor, None, label)


async def test_nobody_makes_a_link_who_is_no_agent_or_to_what_is_not_shown() -> None:
    _, actor = await agent_of()
    buyer = await make.buyer()
    for who, product in ((buyer, None), (actor, uuid4())):
        with pytest.raises(Refused) as refused:
            await promotion.create_link(who, product, "")
        assert isinstance(refused.value.refusals[0], NotFound)


async def test_an_agent_ends_and_sees_its_own_links_only() -> None:
    agent, actor = await agent_of()
    other, stranger = await agent_of()
    link = await promotion.create_link(actor, None, "")
    with pytest.raises(Refused):
        await promotion.end_link(stranger, link.id)
    page = PageRequest(10, None, "test")
    assert [each.id for each in (await promotion.list_links(agent.id, page)).rows] == [link.id]
    assert (await promotion.list_links(other.id, page)).rows == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("agent_id = (SELECT id FROM agents WHERE id <> l.agent_id LIMIT 1)", "promo_link_stays"),
        ("code = 'ABCDEFGH2'", "promo_link_stays"),
        ("code = 'short'", "promo_link_stays"),
    ],
)
async def test_a_link_never_leads_to_somebody_else(change: str, name: str) -> None:
    _, actor = await agent_of()
    await agent_of()
    await promotion.create_link(actor, None, "")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with connection() as conn:
            await conn.execute(f"UPDATE promo_links l SET {change}")
    assert refused.value.constraint_name == name


async def test_the_database_refuses_a_second_open_link_and_a_code_of_another_form() -> None:
    agent, actor = await agent_of()
    await promotion.create_link(actor, None, "a")
    insert = """
        INSERT INTO promo_links (id, agent_id, code, label, created_at)
        VALUES (gen_random_uuid(), $1, $2, 'a', now())
    """
    for code, wanted in (("ABCDEFGH2", "promo_link_open_once"), ("SHORT", "promo_code_form")):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
            async with connection() as conn:
                await conn.execute(insert, agent.id, code)
        assert refused.value.constraint_name == wanted


async def test_figures_of_many_links_are_one_statement_and_a_refund_lessens_them() -> None:
    await make.rule(1, RuleKind.PERCENT, 30_000)
    _, actor = await agent_of()
    links = [await promotion.create_link(actor, None, f"{number}") for number in range(5)]
    buyer = await make.buyer()
    order = await bought(buyer, code=links[0].code)
    async with count_statements() as counted:
        found = await promotion.figures_of([link.id for link in links])
    assert len(counted) == 1
    assert found[links[0].id].orders == 1
    assert [found[link.id] for link in links[1:]] == [promotion.NOTHING] * 4
    await refunded(order.id)
    assert await figures(links[0]) == promotion.Figures(0, 0, 0, 0)


async def refunded(order_id: UUID) -> None:
    why, where = refunds.RefundReason.GOODWILL, refunds.RefundDestination.WALLET
    await refunds.refund_order(make.OPERATOR, refunds.RefundWish(order_id, why, where), "refund")


async def test_a_purchase_by_a_link_takes_two_statements() -> None:
    _, actor = await agent_of()
    link = await promotion.create_link(actor, None, "")
    buyer = await make.buyer()
    await promotion.visit(buyer, link.code)
    variant = await make.variant(price=make.yuan(100), cards=1)
    async with count_statements() as counted:
        await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    assert len(counted) == 2


def test_the_window_is_a_month() -> None:
    assert promotion.attribution.window == timedelta(days=30)
    assert clock.now() - timedelta(days=31) < promotion.attribution.given()["touched_since"]
