"""Long work of the back office: imports of large files, with their progress."""

from datetime import datetime

import strawberry

from domain import bulk
from domain.bulk import JobState
from domain.kernel import Prefix
from resolvers import jobs as resolvers
from resolvers.permissions import SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="One figure of what a job did, such as `accepted`.")
@presents(resolvers.JobCount)
class JobCount:
    name: str
    value: int


@strawberry.type(description="Why a job failed. What was stored before stays; send it again.")
@presents(resolvers.JobFault)
class JobFault:
    code: str
    reason: str | None = field(description="Stable key, such as not_utf8.")
    line: int | None


@strawberry.type(description="A row that was left out, and why. Never with a code.")
@presents(bulk.Problem)
class JobProblem:
    file: str
    line: int
    reason: str = field(description="Stable key, such as card_twice_in_store.")
    text: str = field(description="The value at fault; empty when it may be a secret.")


@strawberry.type(
    description="One piece of long work. Ask again until `finishedAt` is there. All rows that were"
    " left out: GET /admin/jobs/{id}/problems.csv."
)
@presents(bulk.Job)
class Job:
    id: strawberry.ID = id_field(Prefix.JOB)
    kind: str = field(description="card_import, product_import or price_import.")
    state: JobState
    done: int = field(description="Bytes of the input that are worked off.")
    total: int = field(description="Bytes of the input.")
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
