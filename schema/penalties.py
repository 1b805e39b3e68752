"""Cases against agents: what an agent sees of its own, what everybody reads, what staff do."""

from datetime import datetime

import strawberry

from domain import penalties
from domain.agents import Deed
from domain.kernel import Prefix
from domain.penalties import InspectionState, PenaltyState, PenaltyStep, Violation
from resolvers import penalties as resolvers
from resolvers.logins import login_of
from resolvers.permissions import AnyScope, Scope, SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.papers import Paper, PaperDoorPayload
from schema.scalars import Money, id_field


@strawberry.type(description="A case against an agent, as the agent sees it.")
@presents(penalties.PenaltyCase)
class AgentPenalty:
    id: strawberry.ID = id_field(Prefix.PENALTY_CASE)
    violation: Violation
    grave: bool = field(description="Brings more than a warning, though it is the first.")
    facts: str
    state: PenaltyState
    step: PenaltyStep | None = field(description="Proposed, or imposed.")
    amount: Money | None = field(
        resolvers.amount_of, description="Of the deposit; never of what was earned."
    )
    blocks: list[Deed] = field(resolvers.blocks_of, size=4)
    days: int | None
    restricted_until: datetime | None = field(description="It ends then by itself.")
    noticed_at: datetime | None
    answer_until: datetime | None = field(
        description="It is decided once the agent has answered, or this is over."
    )
    answer: str
    answered_at: datetime | None
    decided_at: datetime | None
    reasons: str
    ordinal: int | None = field(description="How many violations stand, with this one.")
    appeal_until: datetime | None
    appeal: str
    appealed_at: datetime | None
    closed_at: datetime | None
    closing: str = field(description="What was said when it was closed.")
    evidence: list[Paper] = field(resolvers.evidence, size=5)
    hearing: list[Paper] = field(
        resolvers.hearing, size=5, description="What the agent itself has sent."
    )


@strawberry.type(description="A penalty that is final, for everybody to read.")
@presents(penalties.PublishedPenalty)
class PublishedPenalty:
    masked_name: str = field(description="The first letter alone.")
    violation: Violation
    step: PenaltyStep
    imposed_at: datetime
    published_at: datetime


@strawberry.type(description="A case as the back office sees it.")
@presents(penalties.PenaltyCase)
class PenaltyCaseFile:
    case: AgentPenalty = field(resolvers.itself)
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    agent_name: str = field(resolvers.agent_name)
    opened_by: strawberry.ID = id_field(Prefix.USER, "opened_by")
    opened_by_login: str | None = field(login_of("opened_by"))
    opened_at: datetime
    noticed_by: strawberry.ID | None = field(resolvers.noticed_by)
    noticed_by_login: str | None = field(login_of("noticed_by"))
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    decided_by_login: str | None = field(login_of("decided_by"))
    closed_by: strawberry.ID | None = field(resolvers.closed_by)
    closed_by_login: str | None = field(login_of("closed_by"))


@strawberry.type(description="A look at what one agent does, drawn at random.")
@presents(penalties.Inspection)
class Inspection:
    id: strawberry.ID = id_field(Prefix.INSPECTION)
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    agent_name: str = field(resolvers.agent_name)
    state: InspectionState
    findings: str
    inspected_by: strawberry.ID | None = field(resolvers.inspected_by)
    inspected_by_login: str | None = field(login_of("inspected_by"))
    inspected_at: datetime | None
    documents: list[Paper] = field(resolvers.documents, size=5)
    case_id: strawberry.ID | None = field(
        resolvers.case_of_inspection,
        description="The case that it has opened; these documents are its evidence.",
    )


@strawberry.type
class InspectionPayload:
    inspection: Inspection | None
    user_errors: list[UserError]


@strawberry.type
class AgentPenaltyPayload:
    penalty: AgentPenalty | None
    user_errors: list[UserError]


@strawberry.type
class PenaltyCasePayload:
    file: PenaltyCaseFile | None
    user_errors: list[UserError]


@strawberry.type
class PenaltyQuery:
    published_penalties: Connection[PublishedPenalty] = field(
        resolvers.published_penalties,
        description="What was imposed on agents and is final, newest first; names are masked.",
    )


@strawberry.type
class PenaltyMutation:
    agent_penalty_answer: AgentPenaltyPayload = mutation(
        resolvers.agent_penalty_answer,
        payload=AgentPenaltyPayload,
        entity="penalty",
        permissions=[SignedIn()],
        description="Answer the notice of a case against the caller, once.",
    )
    agent_penalty_appeal: AgentPenaltyPayload = mutation(
        resolvers.agent_penalty_appeal,
        payload=AgentPenaltyPayload,
        entity="penalty",
        permissions=[SignedIn()],
        description="Ask a third person to look again, until `appealUntil`. What was taken comes"
        " back when the appeal is won.",
    )
    agent_penalty_document_send: PaperDoorPayload = mutation(
        resolvers.agent_penalty_document_send,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[SignedIn()],
        description="Be allowed to send a document (PNG, JPEG, WebP, PDF; 5 MiB).",
    )
    agent_penalty_document_open: PaperDoorPayload = mutation(
        resolvers.agent_penalty_document_open,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[SignedIn()],
        description="Be allowed to look at a document of either side. Audited.",
    )


@strawberry.type
class PenaltyAdminQuery:
    penalty_cases: Connection[PenaltyCaseFile] = field(
        resolvers.penalty_cases,
        permissions=[Scope("penalties:read")],
        description="Newest first.",
    )
    inspections: Connection[Inspection] = field(
        resolvers.inspections,
        permissions=[AnyScope(("agents:inspect", "penalties:read"))],
        description="Oldest first.",
    )
    penalty_case: PenaltyCaseFile = field(
        resolvers.penalty_case, permissions=[Scope("penalties:read")]
    )


@strawberry.type
class PenaltyAdminMutation:
    inspection_document_send: PaperDoorPayload = mutation(
        resolvers.inspection_document_send,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[Scope("agents:inspect")],
        description="Be allowed to add what was found of an agent that was drawn.",
    )
    inspection_report: InspectionPayload = mutation(
        resolvers.inspection_report,
        payload=InspectionPayload,
        entity="inspection",
        permissions=[Scope("agents:inspect")],
        description="Say what was found. A bad one needs a document, and opens a case when it names"
        " a violation.",
    )
    penalty_case_open: PenaltyCasePayload = mutation(
        resolvers.penalty_case_open,
        payload=PenaltyCasePayload,
        entity="file",
        permissions=[Scope("penalties:write")],
        description="Open a case; its agent hears nothing yet.",
    )
    penalty_case_document_send: PaperDoorPayload = mutation(
        resolvers.penalty_case_document_send,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[Scope("penalties:write")],
        description="Be allowed to add evidence, which the agent will see.",
    )
    penalty_case_document_open: PaperDoorPayload = mutation(
        resolvers.penalty_case_document_open,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[AnyScope(("penalties:read", "penalties:approve"))],
        description="Be allowed to look at a document of either side. Audited.",
    )
    penalty_case_notice: PenaltyCasePayload = mutation(
        resolvers.penalty_case_notice,
        payload=PenaltyCasePayload,
        entity="file",
        permissions=[Scope("penalties:write")],
        description="Tell the agent and propose a step: a DEDUCTION with `amount`, a RESTRICTION"
        " with `blocks` and `days`. Its deposit is not returned from now on.",
    )
    penalty_case_withdraw: PenaltyCasePayload = mutation(
        resolvers.penalty_case_withdraw,
        payload=PenaltyCasePayload,
        entity="file",
        permissions=[Scope("penalties:write")],
        description="Give up a case that is not decided; its documents are erased.",
    )
    penalty_case_decide: PenaltyCasePayload = mutation(
        resolvers.penalty_case_decide,
        payload=PenaltyCasePayload,
        entity="file",
        permissions=[Scope("penalties:approve")],
        description="Impose what was proposed, or dismiss it, as another person. Needs a fresh"
        " second factor.",
    )
    penalty_appeal_decide: PenaltyCasePayload = mutation(
        resolvers.penalty_appeal_decide,
        payload=PenaltyCasePayload,
        entity="file",
        permissions=[Scope("penalties:approve")],
        description="Uphold or overturn, as a third person. Needs a fresh second factor.",
    )
