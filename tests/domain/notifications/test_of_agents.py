"""Agents are told of the cases against them (row G18), and nobody's facts are in a message."""

from datetime import timezone

import asyncpg
import pytest

from domain import commissions, notifications
from domain.identity.models import User
from domain.kernel import connection
from domain.notifications import Medium, Notification
from domain.penalties import PenaltyCase
from tests import court, make
from tests.domain.notifications.test_sending import (
    Provider,
    bought,
    channel,
    provider,
    relayed,
)

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["provider"]


async def test_an_agent_is_told_of_its_case_and_of_the_decision_once(provider: Provider) -> None:
    """By mail when the login is an address, and the group of staff by the agent's code."""
    told = ["penalty.noticed", "penalty.imposed", "penalty.overturned"]
    await channel(events=told)
    await channel(Medium.GROUP, events=told[:1])
    one, silent = await make.agent(), await make.agent()
    await User.filter(id=one.user_id).update(login="agent@mail.example.com")
    case = await court.noticed(one, grave=False)
    await court.noticed(silent, grave=False)
    made = await relayed()
    assert await relayed() == []
    rows = await Notification.filter(medium=Medium.EMAIL)
    assert [(row.event, row.order_id, row.recipient_masked) for row in rows] == [
        ("penalty.noticed", None, "a•••@mail.example.com")
    ]
    await court.imposed(case)
    await court.appealed(case, one)
    with make.later(days=9):
        await court.settles(case, won=True)
    for each in [*made, *await relayed()]:
        await notifications.send(each)
    found = await PenaltyCase.get(id=case.id)
    assert found.answer_until is not None
    until = found.answer_until.astimezone(timezone(commissions.calendar.utc_offset))
    mails = [each for each in provider.sent if each.medium is Medium.EMAIL]
    assert {each.recipient for each in mails} == {"agent@mail.example.com"}
    assert mails[0].body == (
        f"Main site: a case was opened against the agent account {one.code}: selling below the"
        f" agreed prices. Proposed: a warning. Sign in to see the evidence, and answer until"
        f" {until:%Y-%m-%d %H:%M}."
    )
    assert [each.subject for each in mails[1:]] == [
        f"Agent {one.code}: the case was decided",
        f"Agent {one.code}: your appeal",
    ]
    groups = [each for each in provider.sent if each.medium is Medium.GROUP]
    assert sorted(one.code in each.body for each in groups) == [False, True]
    assert not [each for each in provider.sent if found.facts in each.body]


async def test_a_message_is_of_an_order_or_of_a_case() -> None:
    await channel()
    await bought()
    await relayed()
    async with connection() as conn:
        await conn.execute("SET session_replication_role = replica")  # past the trigger
        try:
            with pytest.raises(asyncpg.CheckViolationError, match="order_or_a_case"):
                await conn.execute("UPDATE notifications SET order_id = NULL")
        finally:
            await conn.execute("RESET session_replication_role")
