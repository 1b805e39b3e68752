"""A restriction keeps an agent from what it says, and ends by itself at its time (row G18)."""

from typing import Any

import asyncpg
import pytest

from domain import admission, checkout, orders, payouts, penalties
from domain.agents import AgentType, BarReason, Deed, Tier
from domain.agents.models import Agent
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission, RuleKind
from domain.kernel import Actor, PageRequest, connection
from domain.penalties import PenaltyCase, PenaltyRestriction, PenaltyStep
from tests import court, make, teller
from tests.court import said
from tests.domain.admission.test_admission import invitation
from tests.domain.agreements.test_agreements import accept, publish
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
async def desk() -> teller.Teller:
    made = teller.Teller()
    payouts.register(teller.ADAPTER, made)
    return made


async def trader() -> tuple[Agent, Actor]:
    agent = await make.agent()
    await make.top_up(agent.user_id, make.yuan(5_000))
    return agent, court.actor_of(agent)


async def buy(buyer: Actor, key: str) -> str:
    variant = await make.variant(price=make.yuan(49), cards=1)
    return await said(checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), key)))


async def restricted(agent: Agent, *blocks: Deed, days: int = 7) -> PenaltyCase:
    case = await court.noticed(agent, PenaltyStep.RESTRICTION, blocks=blocks, days=days)
    return await court.imposed(case)


async def test_trade_is_blocked_for_its_time_and_no_longer() -> None:
    """Imposed on day 7, for seven days: the example of docs/penalties.md."""
    agent, actor = await trader()
    assert await buy(actor, "before") == "done"
    await restricted(agent, Deed.TRADE)
    assert await buy(actor, "it begins on day 7") == "done"
    with make.later(days=7, minutes=1):
        assert await buy(actor, "first") == "blocked_by_penalty"
        assert await buy(await make.buyer(referrer=agent.id), "a customer") == "done"
    with make.later(days=13):
        assert await buy(actor, "last") == "blocked_by_penalty"
    with make.later(days=14, minutes=1):
        assert await buy(actor, "after") == "done"  # and no job ran


async def test_who_may_not_earn_is_listed_with_the_reason() -> None:
    agent, actor = await trader()
    await make.rule(1, RuleKind.PERCENT, 10_000)
    customer = await make.buyer(referrer=agent.id)
    await restricted(agent, Deed.EARN)
    with make.later(days=8):
        assert (await buy(customer, "1"), await buy(actor, "2")) == ("done", "done")
        assert await Commission.filter(agent_id=agent.id).count() == 0
    page = await orders.list_barred(agent.id, PageRequest(10, None, "test"))
    assert [sale.reason for sale in page.rows] == [BarReason.PENALTY.value]
    with make.later(days=15):
        assert await buy(customer, "3") == "done"
    assert await Commission.filter(agent_id=agent.id).count() == 1


async def test_who_may_not_recruit_does_not_invite() -> None:
    agent = await make.agent(tier=Tier.SILVER)
    await make.real_name(agent.user_id)
    actor = court.actor_of(agent)
    await restricted(agent, Deed.RECRUIT)
    with make.later(days=8):
        assert await said(admission.invite(actor, invitation())) == "blocked_by_penalty"
    with make.later(days=15):
        assert await said(admission.invite(actor, invitation())) == "done"


async def test_who_may_not_take_money_out_keeps_what_it_has(desk: teller.Teller) -> None:
    agent, actor = await teller.earner(100)
    channel = await teller.channel()
    await restricted(agent, Deed.PAYOUT)
    wish = (actor, channel.id, make.money(10))
    with make.later(days=8):
        assert await said(payouts.request_payout(*wish, "a")) == "blocked_by_penalty"
    with make.later(days=15):
        assert await said(payouts.request_payout(*wish, "b")) == "done"
    assert desk.submitted.total() == 0


async def test_an_agreement_that_blocks_payouts_is_asked_about_too(desk: teller.Teller) -> None:
    _, actor = await teller.earner(100)
    channel = await teller.channel()
    version = await publish(Deed.PAYOUT)
    wish = (actor, channel.id, make.money(10))
    assert await said(payouts.request_payout(*wish, "a")) == "blocked_by_agreement"
    await accept(actor, version)
    assert await said(payouts.request_payout(*wish, "b")) == "done"
    assert desk.submitted.total() == 0


async def test_an_appeal_that_is_won_lifts_it_before_its_time() -> None:
    agent, actor = await trader()
    case = await restricted(agent, Deed.TRADE, days=30)
    await court.appealed(case, agent)
    with make.later(days=8, minutes=1):
        assert await buy(actor, "appealed") == "blocked_by_penalty"
    await court.settled(case, won=True)
    with make.later(days=9, minutes=1):
        assert await buy(actor, "won") == "done"
    assert (await PenaltyCase.get(id=case.id)).restricted_until is None


async def test_whoever_is_to_be_removed_earns_on_until_that_is_final() -> None:
    agent, actor = await trader()
    await make.rule(1, RuleKind.PERCENT, 10_000)
    customer = await make.buyer(referrer=agent.id)
    await court.final(await court.imposed(await court.noticed(agent)))
    await court.final(await restricted(agent, Deed.RECRUIT))
    await court.imposed(await court.noticed(agent, PenaltyStep.REMOVAL))
    with make.later(days=8):
        assert await buy(actor, "1") == "blocked_by_penalty"
        assert await buy(customer, "2") == "done"
    assert await Commission.filter(agent_id=agent.id).count() == 1


async def test_the_purchase_asks_of_penalties_without_a_statement_more() -> None:
    agent, actor = await trader()
    await restricted(agent, Deed.RECRUIT, Deed.EARN)
    variant = await make.variant(cards=1)
    with make.later(days=8):
        async with count_statements() as statements:
            await checkout.place_order(actor, Purchase((LineWish(variant.sku, 1),), "key"))
    assert len(statements) == 2


async def test_what_is_not_restricted_is_nobody_elses() -> None:
    agent, _ = await trader()
    other = await make.agent(agent_type=AgentType.CORPORATE)
    await make.top_up(other.user_id, make.yuan(100))
    await restricted(agent, *Deed)
    with make.later(days=8):
        assert await buy(court.actor_of(other), "key") == "done"


CHANGES: list[tuple[str, str]] = [
    ("UPDATE penalty_restrictions SET ends_at = ends_at - interval '1 day'", "sooner"),
    ("UPDATE penalty_restrictions SET blocks = ARRAY['earn']", "other blocks"),
    ("UPDATE penalty_restrictions SET lifted_at = ends_at", "lifted by nobody"),
    ("DELETE FROM penalty_restrictions", "gone"),
    (
        "INSERT INTO penalty_restrictions SELECT gen_random_uuid(), id, agent_id, blocks,"
        " noticed_at, answer_until, NULL FROM penalty_cases",
        "of a case that says something else",
    ),
]


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for change, name in CHANGES])
async def test_a_restriction_is_what_its_case_says_also_in_sql(change: str) -> None:
    agent, _ = await trader()
    await restricted(agent, Deed.TRADE)
    before: Any = await PenaltyRestriction.all().values()
    with pytest.raises(asyncpg.PostgresError):
        async with connection() as conn:
            await conn.execute(change)
    assert await PenaltyRestriction.all().values() == before
    assert len(await penalties.PenaltyRestriction.all()) == 1
