"""Cases against agents, brought as far as a test needs them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain import papers, penalties
from domain.agents import Agent, Deed
from domain.kernel import Actor, ActorKind, Money, Refused
from domain.penalties import PenaltyCase, PenaltyStep, Sanction, Violation
from tests import make
from tests.domain.aftersale.test_pictures import png

REASONS = "the screenshots are clear"


def actor_of(agent: Agent) -> Actor:
    """The agent itself."""
    return Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)


async def said(call: Any) -> str:
    """What a call refuses, or "done"."""
    try:
        await call
    except Refused as refused:
        refusal = refused.refusals[0]
        return str(getattr(refusal, "reason", refusal.code))
    return "done"


async def opened(of: Agent, *, grave: bool = True, evidence: bool = True) -> PenaltyCase:
    """A case that its agent has not heard of."""
    staff = await make.operator("penalties:write")
    facts = "sold a card below the price of its terms"
    case = await penalties.open_case(staff, of.id, Violation.PRICING, facts, grave=grave)
    if evidence:
        await with_evidence(case.id)
    return case


async def with_evidence(case_id: UUID) -> None:
    """A document of the house's in an open case."""
    staff = await make.operator("penalties:write")
    ticket = await penalties.send_evidence(staff, case_id)
    await papers.store_paper(staff, ticket.paper_id, ticket.text, png())


async def noticed(
    of: Agent,
    step: PenaltyStep = PenaltyStep.WARNING,
    *,
    grave: bool = True,
    amount: Money | None = None,
    blocks: Sequence[Deed] = (),
    days: int | None = None,
) -> PenaltyCase:
    """A case with evidence, of which the agent was told."""
    case = await opened(of, grave=grave)
    staff = await make.operator("penalties:write")
    return await penalties.give_notice(staff, case.id, Sanction(step, amount, blocks, days))


async def imposed(case: PenaltyCase) -> PenaltyCase:
    """What a notice proposed is imposed by another person, after the time to answer."""
    with make.later(days=7):
        return await imposes(case)


async def imposes(case: PenaltyCase) -> PenaltyCase:
    """The same now, for those who do it side by side: there is one clock."""
    judge = await make.operator("penalties:approve")
    return await penalties.decide(judge, case.id, imposed=True, reasons=REASONS)


async def appealed(case: PenaltyCase, by: Agent) -> PenaltyCase:
    """The agent appeals, in time."""
    with make.later(days=8):
        return await appeals(case, by)


async def appeals(case: PenaltyCase, by: Agent) -> PenaltyCase:
    """The same now."""
    return await penalties.appeal(actor_of(by), case.id, "it was not me")


async def settled(case: PenaltyCase, *, won: bool) -> PenaltyCase:
    """A third person decides an appeal."""
    with make.later(days=9):
        return await settles(case, won=won)


async def settles(case: PenaltyCase, *, won: bool) -> PenaltyCase:
    """The same now."""
    judge = await make.operator("penalties:approve")
    return await penalties.decide_appeal(judge, case.id, overturned=won, reasons=REASONS)


async def final(case: PenaltyCase) -> None:
    """Nobody appeals in time."""
    with make.later(days=30):
        await penalties.close_due()
