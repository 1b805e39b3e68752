"""No trade without the version in force; what an unaccepted one blocks is data (row G19)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from domain import agreements, checkout, orders
from domain.agents import AgentType, BarReason, Deed
from domain.agents.models import Agent
from domain.agreements import Acceptance, AgreementVersion, VersionDraft
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission, RuleKind
from domain.kernel import Actor, ActorKind, PageRequest, Refused, clock, connection
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")


async def publish(*blocks: Deed, slug: str = "terms", **changes: Any) -> AgreementVersion:
    draft = VersionDraft(
        slug, "代理协议", "Agent terms", "正文", "The text.", list(AgentType), list(blocks)
    )
    return await agreements.publish_agreement(make.OPERATOR, replace(draft, **changes))


async def accept(who: Actor, version: AgreementVersion, **changes: Any) -> Acceptance:
    given = {"digest": version.digest.hex(), "language": "zh", "client": "a phone", **changes}
    return await agreements.accept_agreement(who, version.id, **given)


async def trader() -> tuple[Agent, Actor]:
    agent = await make.agent()
    await make.top_up(agent.user_id, make.yuan(500))
    return agent, Actor(kind=ActorKind.USER, user_id=agent.user_id, ip="203.0.113.7")


async def buy(buyer: Actor, key: str) -> str:
    variant = await make.variant(cards=1)
    try:
        await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), key))
    except Refused as refused:
        refusal = refused.refusals[0]
        return str(getattr(refusal, "reason", refusal.code))
    return "bought"


async def test_no_trade_without_the_version_in_force() -> None:
    _, buyer = await trader()
    assert await buy(buyer, "before") == "bought"
    first = await publish(Deed.TRADE)
    assert await buy(buyer, "first") == "blocked_by_agreement"
    await accept(buyer, first)
    assert await buy(buyer, "accepted") == "bought"
    second = await publish(Deed.TRADE)
    assert (second.version, await buy(buyer, "second")) == (2, "blocked_by_agreement")
    await accept(buyer, second)
    assert await buy(buyer, "again") == "bought"
    assert await buy(await make.buyer(), "a buyer") == "bought"


async def test_what_a_version_blocks_is_what_it_says() -> None:
    agent, buyer = await trader()
    await make.rule(1, RuleKind.PERCENT, 10_000)
    customer = await make.buyer(referrer=agent.id)
    await publish(slug="news")  # blocks nothing
    await publish(Deed.RECRUIT, slug="recruiting")
    assert (await buy(buyer, "1"), await buy(customer, "2")) == ("bought", "bought")
    earning = await publish(Deed.EARN, slug="earning")
    assert (await buy(buyer, "3"), await buy(customer, "4")) == ("bought", "bought")
    assert await Commission.filter(agent_id=agent.id).count() == 1
    page = await orders.list_barred(agent.id, PageRequest(10, None, "test"))
    assert [sale.reason for sale in page.rows] == [BarReason.AGREEMENT.value]
    await accept(buyer, earning)
    assert await buy(customer, "5") == "bought"
    assert await Commission.filter(agent_id=agent.id).count() == 2


async def test_a_version_is_of_its_types_only() -> None:
    _, buyer = await trader()
    await publish(Deed.TRADE, types=[AgentType.CORPORATE])
    assert await buy(buyer, "key") == "bought"


async def test_a_version_announced_may_be_accepted_before_its_time() -> None:
    agent, buyer = await trader()
    first = await publish(Deed.TRADE)
    await accept(buyer, first)
    next_week = clock.now() + timedelta(days=7)
    second = await publish(Deed.TRADE, effective_at=next_week)
    assert await buy(buyer, "today") == "bought"
    with make.later(days=8):
        assert await buy(buyer, "next week") == "blocked_by_agreement"
    await accept(buyer, second)
    with make.later(days=8):
        assert await buy(buyer, "accepted before") == "bought"
    stood = await agreements.standings_of(agent.user_id, AgentType.DISTRIBUTOR)
    assert [(each.version.version, each.accepted_version) for each in stood] == [(1, 1), (2, 2)]


async def test_whoever_accepted_a_later_version_alone_needs_no_earlier_one() -> None:
    _, buyer = await trader()
    await publish(Deed.TRADE)
    later = await publish(Deed.TRADE, effective_at=clock.now() + timedelta(days=7))
    await accept(buyer, later)
    assert await buy(buyer, "key") == "bought"


async def test_another_text_is_not_accepted_and_an_acceptance_is_kept_as_it_was() -> None:
    _, buyer = await trader()
    version = await publish(Deed.TRADE)
    with pytest.raises(Refused, match="AGREEMENT_TEXT_DIFFERS"):
        await accept(buyer, version, digest="00" * 32)
    first = await accept(buyer, version)
    assert (first.ip, first.client, first.language) == ("203.0.113.7", "a phone", "zh")
    with make.later(days=1):
        again = await accept(buyer, version, client="another")
    assert (again.accepted_at, again.client) == (first.accepted_at, "a phone")
    await asyncio.gather(*(accept(buyer, version) for _ in range(5)))
    assert await Acceptance.all().count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"agreement": "No Slug"}, id="slug"),
        pytest.param({"text_zh": " "}, id="text in one language"),
        pytest.param({"types": []}, id="of nobody"),
        pytest.param({"effective_at": clock.now() - timedelta(days=1)}, id="for the past"),
    ],
)
async def test_a_version_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="INVALID"):
        await publish(Deed.TRADE, **changes)
    assert await AgreementVersion.all().count() == 0


async def test_a_version_is_not_in_force_before_the_one_that_it_replaces() -> None:
    await publish(Deed.TRADE, effective_at=clock.now() + timedelta(days=7))
    with pytest.raises(Refused, match="INVALID"):
        await publish(Deed.TRADE)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agreement_versions SET text_zh = 'other'",
        "DELETE FROM agreement_acceptances",
        "UPDATE agreement_acceptances SET accepted_at = now()",
        "INSERT INTO agreement_acceptances SELECT gen_random_uuid(), user_id, agreement, version,"
        " '\\x00', language, now(), '', '', '' FROM agreement_acceptances",
        "INSERT INTO agreement_versions SELECT gen_random_uuid(), agreement, 9, title_zh, title_en,"
        " text_zh, text_en, digest, types, blocks, now(), published_by, now()"
        " FROM agreement_versions",
        "INSERT INTO agreement_versions SELECT gen_random_uuid(), 'other', 1, title_zh, title_en,"
        " text_zh, text_en, digest, types, ARRAY['breathe'], now(), published_by, now()"
        " FROM agreement_versions",
    ],
)
async def test_plain_sql_cannot_rewrite_what_was_agreed(statement: str) -> None:
    _, buyer = await trader()
    await accept(buyer, await publish(Deed.TRADE))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with connection() as conn:
            await conn.execute(statement)


async def test_a_purchase_reads_agreements_without_a_statement_more() -> None:
    agent, buyer = await trader()
    await accept(buyer, await publish(Deed.TRADE, Deed.EARN))
    customer, variant = await make.buyer(referrer=agent.id), await make.variant(cards=2)
    for who, key in ((buyer, "1"), (customer, "2")):
        async with count_statements() as statements:
            await checkout.place_order(who, Purchase((LineWish(variant.sku, 1),), key))
        assert len(statements) == 2


async def test_only_the_house_publishes() -> None:
    with pytest.raises(Refused, match="FORBIDDEN"):
        await agreements.publish_agreement(
            await make.operator("agents:write"),
            VersionDraft("terms", "a", "a", "a", "a", [AgentType.PROMOTER], []),
        )
