"""How long work of the back office is shown."""

from typing import Any, NamedTuple

import strawberry
from strawberry import Parent

from domain import bulk, statements
from domain.bulk import Job, JobState
from domain.kernel import Page, Prefix, decode_id, page_request
from resolvers.context import Info

MAX_PROBLEMS = 1_000


class JobCount(NamedTuple):
    """One figure of what a job did."""

    name: str
    value: int


class JobFault(NamedTuple):
    """Why a job failed."""

    code: str
    reason: str | None
    line: int | None


async def job(info: Info, id: strawberry.ID) -> Job:
    """One job."""
    return await bulk.get_job(info.context.actor, decode_id(Prefix.JOB, id))


async def jobs(
    info: Info, state: JobState | None = None, first: int | None = None, after: str | None = None
) -> Page[Job]:
    """The caller's jobs, or all."""
    return await bulk.list_jobs(info.context.actor, page_request("jobs", first, after), state)


async def job_cancel(info: Info, id: strawberry.ID) -> Job:
    """End a job."""
    return await bulk.cancel_job(info.context.actor, decode_id(Prefix.JOB, id))


def counts(job: Parent[Job]) -> list[JobCount]:
    """The figures of a job's result."""
    return [
        JobCount(name, value)
        for name, value in _result(job).items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]


def batch_id(job: Parent[Job]) -> strawberry.ID | None:
    """The card batch that a job made, or went on with."""
    found = _result(job).get("batchId")
    return strawberry.ID(found) if found else None


def stored(job: Parent[Job]) -> bool | None:
    """Whether anything was to be stored, once the job is done."""
    found = _result(job).get("stored")
    return found if isinstance(found, bool) else None


def statement_sums(job: Parent[Job]) -> list[statements.StatementTally] | None:
    """What a dry run of a statement found."""
    return statements.sums_of(job.result)


def fault(job: Parent[Job]) -> JobFault | None:
    """Why a job failed."""
    if job.fault is None:
        return None
    return JobFault(job.fault["code"], job.fault.get("reason"), job.fault.get("line"))


async def problems(job: Parent[Job], first: int = 100) -> list[bulk.Problem]:
    """The first rows that were left out."""
    wanted = min(max(first, 0), MAX_PROBLEMS)
    return await bulk.first_problems(wanted, *bulk.subjects_of(job))


def _result(job: Job) -> dict[str, Any]:
    return job.result or {}
