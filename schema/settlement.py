"""Settlement: statements for agents, runs for the back office."""

from datetime import datetime

import strawberry

from domain import settlement
from domain.kernel import Prefix
from domain.settlement import ObjectionState, ProposalState, RunState
from resolvers import settlement as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.jobs import Job
from schema.paging import Connection
from schema.payouts import PayoutBatch
from schema.scalars import Money, id_field
from schema.sums import SettlementTotals, StatementBalances


@strawberry.type(description="What the rules of one kind brought at one level.")
@presents(settlement.EarnedByRule)
class EarnedByRule:
    kind: str = field(description="percent, margin_percent, fixed or price_difference.")
    level: int
    lines: int = field(description="Of orders.")
    amount: Money


@strawberry.type(
    description="What an agent had, earned, lost, took and has, in one period. Frozen: it never"
    " changes. As a file: GET /statements/{id}?format=csv|pdf."
)
@presents(settlement.Statement)
class AgentStatement:
    id: strawberry.ID = id_field(Prefix.SETTLEMENT_STATEMENT)
    number: str = field(description="The period, and the agent's code.")
    period: str = field(description="2026-11, 2026-W47 or 2026-11-25.")
    starts_at: datetime
    ends_at: datetime
    opening: StatementBalances
    lines: int = field(description="Of orders that it earned on.")
    earned: Money
    earned_by: list[EarnedByRule] = field(size=3)
    clawed_back: Money = field(description="By refunds.")
    released: Money = field(description="From pending to available, or to what was owed.")
    repaid: Money = field(description="Of what came in, what made up for what was owed.")
    to_wallet: Money
    withdrawn: Money = field(description="Taken for payouts.")
    given_back: Money = field(description="Of payouts that failed, returned or were given up.")
    closing: StatementBalances


@strawberry.type(
    description="That an agent does not agree with a statement or a commission of its own, and what"
    " the house says to it. What it is about stays as it was."
)
@presents(settlement.Objection)
class Objection:
    id: strawberry.ID = id_field(Prefix.OBJECTION)
    state: ObjectionState
    statement_id: strawberry.ID | None = field(resolvers.statement_of_objection)
    commission_id: strawberry.ID | None = field(resolvers.commission_of_objection)
    text: str
    opened_at: datetime
    answer: str = field(description="Of the house; empty until then.")
    answered_at: datetime | None
    appeal: str = field(description="Why the agent asked for a second look; empty: it did not.")
    appealed_at: datetime | None
    verdict: str = field(description="On the appeal, by somebody else; empty until then.")
    judged_at: datetime | None


@strawberry.type
class ObjectionOpenPayload:
    objection: Objection | None
    replayed: bool = field(default=False, description="It was objected to before.")
    user_errors: list[UserError]


@strawberry.type
class ObjectionAppealPayload:
    objection: Objection | None
    user_errors: list[UserError]


@strawberry.type
class SettlementMutation:
    objection_open: ObjectionOpenPayload = mutation(
        resolvers.objection_open,
        payload=ObjectionOpenPayload,
        permissions=[SignedIn()],
        description="Object to a statement or a commission of one's own, within 60 days; each is"
        " objected to once.",
    )
    objection_appeal: ObjectionAppealPayload = mutation(
        resolvers.objection_appeal,
        payload=ObjectionAppealPayload,
        entity="objection",
        permissions=[SignedIn()],
        description="Ask for a second look at a rejected objection, by somebody else, within 14"
        " days; once.",
    )


# --- back office --------------------------------------------------------------------------------


@strawberry.type(description="One agent's statement as the back office sees it.")
@presents(settlement.Statement)
class SettlementStatement:
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    agent_name: str
    statement: AgentStatement = field(resolvers.itself)
    payout_id: strawberry.ID | None = field(
        resolvers.payout_of, description="That its run asked for."
    )
    withheld: str = field(
        description="Why its run asked for none, as the code of a refusal; empty otherwise."
    )


@strawberry.type(description="An agent that a run could not pay.")
@presents(settlement.Withheld)
class SettlementWithheld:
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    agent_name: str
    agent_code: str
    wanted: Money = field(description="What its statement left available; it stays so.")
    reason: str = field(description="The code of the refusal that a withdrawal would meet.")


@strawberry.type(description="That what a run left available is paid out, in one batch.")
@presents(settlement.Proposal)
class SettlementProposal:
    state: ProposalState
    agents: int = field(description="That had something available.")
    looked: int = field(description="At so many by now.")
    asked: int = field(description="Payouts that were asked for.")
    withheld: int
    batch: PayoutBatch | None = field(
        description="`payoutBatchDecide` by another person; null: not all is asked for, or nobody"
        " could be paid."
    )
    proposed_by: strawberry.ID = id_field(Prefix.USER, "proposed_by")
    proposed_at: datetime


@strawberry.type(
    description="The settlement of all agents over a period. All its statements as one table:"
    " GET /admin/exports/settlement?run={id}&format=csv|xlsx."
)
@presents(settlement.SettlementRun)
class SettlementRun:
    id: strawberry.ID = id_field(Prefix.SETTLEMENT_RUN)
    period: str
    currency: str
    starts_at: datetime
    ends_at: datetime
    state: RunState
    agents: int = field(description="That it looks at.")
    looked: int = field(description="At so many by now.")
    totals: SettlementTotals = field(resolvers.totals)
    statements: Connection[SettlementStatement] = field(
        resolvers.statements_of_run, description="By agent."
    )
    proposal: SettlementProposal | None = field(
        resolvers.proposal, description="Null: its payouts are not proposed."
    )
    withheld: Connection[SettlementWithheld] = field(
        resolvers.withheld, description="Whom it could not pay, by agent."
    )
    started_by: strawberry.ID | None = field(
        resolvers.started_by, description="Null: on the machine itself."
    )
    started_at: datetime
    frozen_at: datetime | None


@strawberry.type
class SettlementRunPayload:
    run: SettlementRun | None = None
    job: Job | None = None
    replayed: bool = False
    user_errors: list[UserError]


@strawberry.type
class SettlementPayoutsPayload:
    run: SettlementRun | None
    job: Job | None = None
    user_errors: list[UserError]


@strawberry.type(description="The period is not over, or was a moment ago.")
@presents(settlement.SettlementTooEarly)
class SettlementTooEarlyError(UserError):
    ready_at: datetime


@strawberry.type(description="Each run begins where the last one ended.")
@presents(settlement.SettlementOutOfOrder)
class SettlementOutOfOrderError(UserError):
    next_from: datetime


ERRORS = (SettlementTooEarlyError, SettlementOutOfOrderError)


@strawberry.type(description="An objection as the back office sees it.")
@presents(settlement.Objection)
class ObjectionFile:
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    objection: Objection = field(resolvers.objection_itself)
    answered_by: strawberry.ID | None = field(resolvers.answered_by)
    judged_by: strawberry.ID | None = field(resolvers.judged_by)


@strawberry.type
class ObjectionAnswerPayload:
    file: ObjectionFile | None
    user_errors: list[UserError]


@strawberry.type
class SettlementAdminQuery:
    objections: Connection[ObjectionFile] = field(
        resolvers.objections,
        permissions=[Scope("settlements:read")],
        description="Oldest first; those that wait for an answer unless states are named.",
    )
    settlement_runs: Connection[SettlementRun] = field(
        resolvers.settlement_runs,
        permissions=[Scope("settlements:read")],
        description="Newest first.",
    )
    settlement_run: SettlementRun = field(
        resolvers.settlement_run, permissions=[Scope("settlements:read")]
    )


@strawberry.type
class SettlementAdminMutation:
    objection_answer: ObjectionAnswerPayload = mutation(
        resolvers.objection_answer,
        payload=ObjectionAnswerPayload,
        entity="file",
        permissions=[Scope("settlements:resolve")],
        description="Answer an objection in words that its agent reads: accepted, with what will be"
        " done, or rejected, with why. An appeal is answered by somebody else. Audited.",
    )
    settlement_run_start: SettlementRunPayload = mutation(
        resolvers.settlement_run_start,
        payload=SettlementRunPayload,
        permissions=[Scope("settlements:write")],
        description="Settle a month (2026-11), a week (2026-W47) or a day (2026-11-25) that is"
        " over: a job writes a statement for every agent and freezes them all. The same period"
        " again is the same run. `dryRun`: the job only tells what it would come to, also of a"
        " period that is not over. Audited.",
    )
    settlement_payouts_propose: SettlementPayoutsPayload = mutation(
        resolvers.settlement_payouts_propose,
        payload=SettlementPayoutsPayload,
        permissions=[Scope("settlements:write"), Scope("payouts:propose")],
        description="Propose that what a frozen run left available is paid out: a job asks for a"
        " payout of every agent that can be paid, lists the others with the reason, and puts all"
        " into one batch. Another person decides about it by `payoutBatchDecide`. Asked again it"
        " is the same proposal, or a new batch of what waits once the last was rejected. Audited.",
    )
