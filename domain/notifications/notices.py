"""What an agent has to know or to do, read from where it stands: it takes no mail address.

Nothing is kept and nothing is marked as read: a notice is there for as long as its matter is open,
and the end of a case for `RECENT` (rows G5, G18, G19).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from domain import agreements, deposits, penalties
from domain.agents import Agent
from domain.kernel import PageRequest, clock, plain
from domain.notifications.of_agents import STEPS, VIOLATIONS, local_time
from domain.penalties import PenaltyCase, PenaltyState

RECENT = timedelta(days=30)
CASES = 20


class NoticeKind(StrEnum):
    """What a notice is about."""

    PENALTY_NOTICED = "penalty_noticed"
    PENALTY_IMPOSED = "penalty_imposed"
    PENALTY_APPEALED = "penalty_appealed"
    PENALTY_FINAL = "penalty_final"
    PENALTY_LIFTED = "penalty_lifted"
    AGREEMENT = "agreement"
    DEPOSIT = "deposit"


@dataclass(frozen=True, slots=True)
class AgentNotice:
    """One notice. `until` when something may be done about it; None: at any time, or nothing."""

    kind: NoticeKind
    at: datetime
    until: datetime | None
    case_id: UUID | None
    places: Mapping[str, tuple[str, str]]  # what stands in its text: Chinese, English

    def told(self, language: str) -> str:
        """The sentence, in Chinese or English: no facts and no evidence of a case."""
        tongue = 0 if language == "zh" else 1
        values = {name: both[tongue] for name, both in self.places.items()}
        return _TEXTS[self.kind][tongue].format(**values)


_KINDS: Mapping[PenaltyState, NoticeKind] = MappingProxyType(
    {
        PenaltyState.NOTICED: NoticeKind.PENALTY_NOTICED,
        PenaltyState.IMPOSED: NoticeKind.PENALTY_IMPOSED,
        PenaltyState.APPEALED: NoticeKind.PENALTY_APPEALED,
        PenaltyState.UPHELD: NoticeKind.PENALTY_FINAL,
        PenaltyState.FINAL: NoticeKind.PENALTY_FINAL,
        PenaltyState.DISMISSED: NoticeKind.PENALTY_LIFTED,
        PenaltyState.WITHDRAWN: NoticeKind.PENALTY_LIFTED,
        PenaltyState.OVERTURNED: NoticeKind.PENALTY_LIFTED,
    }
)
_TEXTS: Mapping[NoticeKind, tuple[str, str]] = MappingProxyType(
    {
        NoticeKind.PENALTY_NOTICED: (
            "有一起针对您的案件（{violation}），拟给予{step}。请查看案件并在 {until} 前答复。",
            "There is a case against you ({violation}); {step} is proposed. Read it and answer"
            " by {until}.",
        ),
        NoticeKind.PENALTY_IMPOSED: (
            "已决定给予您{step}（{violation}）。可在 {until} 前申诉。",
            "It was decided: {step} ({violation}). You may appeal until {until}.",
        ),
        NoticeKind.PENALTY_APPEALED: (
            "您对{step}（{violation}）的申诉正由第三人处理。",
            "Your appeal against {step} ({violation}) waits for a third person.",
        ),
        NoticeKind.PENALTY_FINAL: (
            "{step}（{violation}）已生效，不可再申诉。",
            "It is final: {step} ({violation}).",
        ),
        NoticeKind.PENALTY_LIFTED: (
            "针对您的案件（{violation}）已结束，不予处罚。",
            "The case against you ({violation}) is over, and there is no penalty.",
        ),
        NoticeKind.AGREEMENT: (
            "《{title}》第 {version} 版尚未同意，{since} 起生效。请阅读并同意。",
            'You have not accepted "{title}", version {version}, in force from {since}. Read it'
            " and accept it.",
        ),
        NoticeKind.DEPOSIT: (
            "保证金还差 {missing}，在此之前不能按代理价购买。请补足。",
            "Your deposit lacks {missing}, and until then you cannot buy at agent prices. Pay"
            " the difference.",
        ),
    }
)


async def notices_of(agent: Agent) -> list[AgentNotice]:
    """What an agent has to know, cases first; the caller has checked who asks."""
    page = PageRequest(CASES, None, "notices")
    cases = (await penalties.cases_against(agent.id, page)).rows
    moment = clock.now()
    found = [_of_case(case) for case in cases if _is_news(case, moment)]
    for standing in await agreements.standings_of(agent.user_id, agent.type):
        if standing.accepted_at is None:
            found.append(_of_agreement(standing.version))
    deposit = await deposits.deposit_of(agent.id)
    if deposit.short:
        missing = plain(deposit.required.units - deposit.balance.units)
        both = f"{missing} {deposit.required.currency}"
        places = {"missing": (both, both)}
        found.append(AgentNotice(NoticeKind.DEPOSIT, moment, None, None, places))
    return found


def _is_news(case: PenaltyCase, moment: datetime) -> bool:
    ended = case.closed_at or (case.decided_at if case.state is PenaltyState.DISMISSED else None)
    return ended is None or moment - ended < RECENT


def _of_case(case: PenaltyCase) -> AgentNotice:
    kind = _KINDS[case.state]
    until = {
        NoticeKind.PENALTY_NOTICED: case.answer_until,
        NoticeKind.PENALTY_IMPOSED: case.appeal_until,
    }.get(kind)
    here = local_time(until) if until else ""
    places = {
        "violation": VIOLATIONS[case.violation],
        "step": STEPS[case.step] if case.step else ("", ""),
        "until": (here, here),
    }
    at = case.closed_at or case.appealed_at or case.decided_at or case.noticed_at
    return AgentNotice(kind, at or case.opened_at, until, case.id, places)


def _of_agreement(version: agreements.AgreementVersion) -> AgentNotice:
    since = local_time(version.effective_at)
    places = {
        "title": (version.title_zh, version.title_en),
        "version": (str(version.version),) * 2,
        "since": (since, since),
    }
    return AgentNotice(NoticeKind.AGREEMENT, version.published_at, None, None, places)
