"""Every agent is told what it has to know or to do, whatever its login (rows G5, G18, G19)."""

import pytest

from domain import agreements, deposits, notifications
from domain.agents import Agent, AgentType, Deed
from domain.notifications import AgentNotice, NoticeKind
from domain.penalties import PenaltyCase
from tests import court, make

pytestmark = pytest.mark.usefixtures("db")


async def kinds(agent: Agent) -> list[str]:
    return [each.kind.value for each in await notifications.notices_of(agent)]


async def only(agent: Agent) -> AgentNotice:
    (notice,) = await notifications.notices_of(agent)
    return notice


async def test_a_case_is_told_from_the_notice_to_the_end_of_its_appeal() -> None:
    agent, other = await make.agent(), await make.agent()
    hidden = await court.opened(agent)
    assert await kinds(agent) == []  # it has not heard of that one
    case = await court.noticed(agent, grave=False)
    told = await only(agent)
    assert (told.kind, told.case_id) == (NoticeKind.PENALTY_NOTICED, case.id)
    assert told.until == (await PenaltyCase.get(id=case.id)).answer_until
    for language, words in (("en", "selling below the agreed prices"), ("zh", "违反价格约定")):
        assert words in told.told(language)
        assert hidden.facts not in told.told(language)
    await court.imposed(case)
    assert await kinds(agent) == ["penalty_imposed"]
    await court.appealed(case, agent)
    assert await kinds(agent) == ["penalty_appealed"]
    with make.later(days=9):
        await court.settles(case, won=True)
        assert await kinds(agent) == ["penalty_lifted"]
    with make.later(days=38):
        assert await kinds(agent) == ["penalty_lifted"]
    with make.later(days=40):
        assert await kinds(agent) == []
    assert await kinds(other) == []


async def test_what_nobody_appealed_against_is_final() -> None:
    agent = await make.agent()
    case = await court.noticed(agent, grave=False)
    await court.imposed(case)
    await court.final(case)
    with make.later(days=31):
        told = await only(agent)
    assert (told.kind, told.until) == (NoticeKind.PENALTY_FINAL, None)
    assert told.told("en") == "It is final: a warning (selling below the agreed prices)."


async def test_an_agreement_and_a_deposit_are_told_until_they_are_done() -> None:
    agent = await make.agent()
    types = [AgentType.DISTRIBUTOR]
    draft = agreements.VersionDraft(
        "main", "代理协议", "Agency", "正文", "Text", types, [Deed.TRADE]
    )
    version = await agreements.publish_agreement(make.OPERATOR, draft)
    await deposits.set_terms(make.OPERATOR, AgentType.DISTRIBUTOR, make.money(500))
    first, second = await notifications.notices_of(agent)
    assert '"Agency", version 1' in first.told("en")
    assert "《代理协议》第 1 版" in first.told("zh")
    assert "500.00 CNY" in second.told("zh")
    himself = court.actor_of(agent)
    await agreements.accept_agreement(
        himself, version.id, digest=version.digest.hex(), language="zh", client="a phone"
    )
    assert await kinds(agent) == ["deposit"]
    await make.top_up(agent.user_id, make.yuan(500))
    await deposits.pay_deposit(himself, make.money(200), "a")
    assert "300.00 CNY" in (await only(agent)).told("en")
    await deposits.pay_deposit(himself, make.money(300), "b")
    assert await kinds(agent) == []
