"""Long work of the back office: imports of large files, with their progress."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import bulk
from domain.bulk import JobState
from domain.kernel import Prefix
from resolvers import jobs as resolvers
from resolvers import settlement as settling
from resolvers.context import Info
from resolvers.permissions import SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.locale import problem_text, reason_text
from schema.paging import Connection
from schema.scalars import id_field
from schema.statements import StatementSum
from schema.sums import SettlementTotals


@strawberry.type(description="One figure of what a job did, such as `accepted`.")
@presents(resolvers.JobCount)
class JobCount:
    name: str
    value: int


def _fault_message(fault: Parent[resolvers.JobFault], info: Info) -> str | None:
    return None if fault.reason is None else reason_text(fault.reason, info.context.language)


@strawberry.type(description="Why a job failed. What was stored before stays; send it again.")
@presents(resolvers.JobFault)
class JobFault:
    code: str
    reason: str | None = field(description="Stable key, such as not_utf8.")
    line: int | None
    message: str | None = field(_fault_message, description="The reason in words.")


def _message(problem: Parent[bulk.Problem], info: Info) -> str:
    return problem_text(problem.reason, info.context.language)


@strawberry.type(description="A row that was left out, and why. Never with a code.")
@presents(bulk.Problem)
class JobProblem:
    file: str
    line: int
    reason: str = field(description="Stable key, such as card_twice_in_store.")
    message: str = field(_message, description="The reason in words, and what to do.")
    text: str = field(description="The value at fault; empty when it may be a secret.")


@strawberry.type(
    description="One piece of long work. Ask again until `finishedAt` is there. All rows that were"
    " left out: GET /admin/jobs/{id}/problems.csv."
)
@presents(bulk.Job)
class Job:
    id: strawberry.ID = id_field(Prefix.JOB)
    kind: str = field(
        description="card_import, product_import, price_import, agent_price_import,"
        " ladder_import, statement_import, settlement."
    )
    state: JobState
    done: int = field(description="Bytes of the input that are worked off; steps without an input.")
    total: int = field(description="Bytes of the input; steps without one.")
    attempts: int = field(description="Above 1: a worker died, and another went on.")
    cancel_asked_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: list[JobCount] = field(resolvers.counts, size=5)
    batch_id: strawberry.ID | None = field(
        resolvers.batch_id, description="The card batch that it made, or went on with."
    )
    stored: bool | None = field(
        resolvers.stored, description="False of a dry run, and of allOrNothing with a wrong row."
    )
    settlement: SettlementTotals | None = field(
        settling.report, description="What a settlement came to, or would have, once it is done."
    )
    statement_sums: list[StatementSum] | None = field(
        resolvers.statement_sums,
        size=8,
        description="Of a statement's dry run: how its new lines would compare. Each difference is"
        " among `problems`, with its code and line; line 0: no line names what we have.",
    )
    fault: JobFault | None = field(resolvers.fault)
    problems: list[JobProblem] = field(
        resolvers.problems,
        size=100,
        description="The first rows that were left out, 1,000 at most.",
    )


@strawberry.type
class JobCancelPayload:
    job: Job | None
    user_errors: list[UserError]


@strawberry.type
class JobsAdminQuery:
    job: Job = field(
        resolvers.job, permissions=[SignedIn()], description="One's own, any with jobs:read."
    )
    jobs: Connection[Job] = field(
        resolvers.jobs,
        permissions=[SignedIn()],
        description="One's own, all with jobs:read; newest first.",
    )


@strawberry.type
class JobsAdminMutation:
    job_cancel: JobCancelPayload = mutation(
        resolvers.job_cancel,
        payload=JobCancelPayload,
        entity="job",
        permissions=[SignedIn()],
        description="End one's own job, any with jobs:write. What is stored already stays.",
    )
