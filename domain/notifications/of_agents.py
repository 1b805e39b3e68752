"""What agents are told: that a case against them was opened, and how it was decided (row G18).

A login is written to when it is a mail address; there is no other address of an agent. Whoever has
another login finds its cases in `viewer.agent.notices` and by webhook. A message says what it is
about and until when to answer: no facts, no evidence, no words of anybody.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from types import MappingProxyType
from uuid import UUID

from domain import agents, commissions, identity, penalties, sites
from domain.kernel import Connection, clock, new_id
from domain.notifications import statements
from domain.notifications.models import Medium
from domain.orders import Contact, ContactKind
from domain.penalties import PenaltyCase, PenaltyStep, Violation

EVENTS = (
    penalties.NOTICED,
    penalties.IMPOSED,
    penalties.DISMISSED,
    penalties.UPHELD,
    penalties.OVERTURNED,
)
PLACES = ("site", "agent", "violation", "step", "until")
VIOLATIONS: Mapping[Violation, tuple[str, str]] = MappingProxyType(
    {
        Violation.PRICING: ("违反价格约定", "selling below the agreed prices"),
        Violation.PROMISES: ("虚假承诺", "promises that are not true"),
        Violation.FAKE_SALES: ("虚假交易", "sales that are none"),
        Violation.BUYERS_HARMED: ("损害买家", "harm to buyers"),
        Violation.PERSONAL_DATA: ("违规使用个人信息", "use of personal data"),
        Violation.OTHER: ("其他违规", "another breach"),
    }
)
STEPS: Mapping[PenaltyStep, tuple[str, str]] = MappingProxyType(
    {
        PenaltyStep.WARNING: ("警告", "a warning"),
        PenaltyStep.DEDUCTION: ("扣除保证金", "a deduction of the deposit"),
        PenaltyStep.RESTRICTION: ("限期限制", "a restriction for a time"),
        PenaltyStep.REMOVAL: ("清退", "removal"),
    }
)


async def fan_out_to_agents(conn: Connection, event_ids: Sequence[UUID]) -> list[UUID]:
    """Make the messages of cases, in the caller's transaction; a second time makes none."""
    rows = await conn.fetch(statements.TOLD_AGENTS, list(event_ids), sites.MAIN_ID, list(EVENTS))
    made: list[UUID] = []
    for row in rows:
        if row["medium"] == Medium.GROUP:
            digest, masked = row["channel"].bytes, row["code"]
        else:
            contact = Contact(ContactKind.EMAIL, row["login"])
            digest, masked = contact.digest, contact.masked
        fresh = await conn.fetchval(
            statements.TELL_AGENT,
            new_id(),
            row["subject"],
            sites.MAIN_ID,
            row["type"],
            row["channel"],
            row["medium"],
            digest,
            masked,
            row["language"],
            clock.now(),
        )
        made += [fresh] if fresh else []
    return made


async def of_case(
    case_id: UUID, event: str, medium: Medium, language: str
) -> tuple[Contact | None, dict[str, str]]:
    """To whom, and with which values; without a recipient it is for the channel's group."""
    case = await PenaltyCase.get(id=case_id)
    agent = (await agents.agents_by_id([case.agent_id]))[case.agent_id]
    tongue = 0 if language == "zh" else 1
    until = case.answer_until if event == penalties.NOTICED else case.appeal_until
    values = {
        "agent": agent.code,
        "violation": VIOLATIONS[case.violation][tongue],
        "step": STEPS[case.step][tongue] if case.step else "",
        "until": local_time(until) if until else "",
    }
    if medium is Medium.GROUP:
        return None, values
    logins = await identity.logins_of([agent.user_id])
    return Contact(ContactKind.EMAIL, logins[agent.user_id]), values


def local_time(moment: datetime) -> str:
    """Where the business is."""
    return f"{moment.astimezone(timezone(commissions.calendar.utc_offset)):%Y-%m-%d %H:%M}"
