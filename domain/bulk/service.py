"""Use cases of jobs: an input is received, the job is looked at, cancelled (mission row B9)."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from domain import audit
from domain.bulk.models import Job, JobState
from domain.bulk.pieces import PieceWriter, fresh_input_key
from domain.bulk.running import is_known, tell_finished
from domain.kernel import (
    Actor,
    Event,
    NotFound,
    Page,
    PageRequest,
    Prefix,
    Refused,
    claim_key,
    clock,
    encode_id,
    input_hash,
    new_id,
    page_of,
    record_events,
    transaction,
    wake_relay,
)

READ_SCOPE, WRITE_SCOPE = "jobs:read", "jobs:write"
QUEUED = "job.queued"
OPERATION = "jobCreate"
RECEIVING_HOURS = 6  # then an upload that never ended is forgotten
KEPT_DAYS = 90

_INSERT = """
INSERT INTO bulk_jobs (id, kind, state, wish, actor, actor_id, total, done, wrapped_key,
    key_version, attempts, created_at)
VALUES ($1, $2, 'receiving', $3::jsonb, $4::jsonb, $5, 0, 0, $6, $7, 0, $8)
"""
_QUEUE = """
UPDATE bulk_jobs SET state = 'queued', total = $2, due_at = $3
WHERE id = $1 AND state = 'receiving' RETURNING 1
"""
_DROP = "DELETE FROM bulk_jobs WHERE id = $1 AND state = 'receiving'"
_DROP_OLD = """
DELETE FROM bulk_jobs WHERE id = ANY (ARRAY(SELECT id FROM bulk_jobs
    WHERE state = 'receiving' AND created_at < $1 OR finished_at < $2 LIMIT 1000))
"""
_DROP_OLD_PROBLEMS = """
DELETE FROM bulk_left_out
WHERE id = ANY (ARRAY(SELECT id FROM bulk_left_out WHERE at < $1 LIMIT 10000))
"""
_LOCK = "SELECT kind, state, cancel_asked_at FROM bulk_jobs WHERE id = $1 FOR UPDATE"
_CANCELLED = """
UPDATE bulk_jobs SET state = 'cancelled', due_at = NULL, finished_at = $2, cancel_asked_at = $2
WHERE id = $1
"""
_ASK = "UPDATE bulk_jobs SET cancel_asked_at = coalesce(cancel_asked_at, $2) WHERE id = $1"


@dataclass(slots=True)
class Upload:
    """An input on its way in. `write` its bytes, then `finish`; `abandon` it when it breaks off."""

    actor: Actor
    kind: str
    wish: dict[str, Any]
    writer: PieceWriter = field(repr=False)
    steps: int = 0  # of work that has no input

    @property
    def size(self) -> int:
        """Bytes taken so far, or the steps of work without an input."""
        return self.steps or self.writer.size

    async def write(self, part: bytes) -> None:
        """The next bytes."""
        await self.writer.write(part)

    async def finish(self, idempotency_key: str | None = None) -> Job:
        """Queue the job; with a key that was used for the same input, the job of then."""
        job_id, digest = self.writer.job_id, await self.writer.close()
        hashed = input_hash([self.kind, self.wish, digest.hex()])
        earlier: UUID | None = None
        async with transaction() as conn:
            if idempotency_key is not None:
                by = self.actor.require_user()
                earlier = await claim_key(conn, by, OPERATION, idempotency_key, hashed, job_id)
            if earlier is None:
                await conn.execute(_QUEUE, job_id, self.size, clock.now())
                details = {"kind": self.kind, "bytes": self.size}
                await audit.record(conn, self.actor, "job.create", job_id, details)
                payload = {"jobId": encode_id(Prefix.JOB, job_id), "kind": self.kind}
                await record_events(conn, [Event(QUEUED, job_id, 1, payload)])
        if earlier is not None:
            await self.abandon()
        wake_relay()
        return await Job.get(id=earlier or job_id)

    async def abandon(self) -> None:
        """Forget what came in."""
        async with transaction() as conn:
            await conn.execute(_DROP, self.writer.job_id)


async def begin_upload(actor: Actor, kind: str, wish: dict[str, Any]) -> Upload:
    """A job that waits for its input. The caller has checked that `actor` may ask for it.

    `wish` is plain JSON and holds no secret. The input is sealed before it is stored.
    """
    if not is_known(kind):
        raise LookupError(f"nobody has registered jobs of kind {kind}")
    job_id = new_id()
    data_key, wrapped = await fresh_input_key(job_id)
    async with transaction() as conn:
        await conn.execute(
            _INSERT,
            job_id,
            kind,
            orjson.dumps(wish).decode(),
            orjson.dumps(_told(actor)).decode(),
            actor.user_id,
            wrapped.wrapped,
            wrapped.version,
            clock.now(),
        )
    return Upload(actor, kind, wish, PieceWriter(job_id, data_key))


async def queue_work(actor: Actor, kind: str, wish: dict[str, Any], steps: int) -> Job:
    """Queue a job that needs no input: `done` of `total` are steps of its own. The caller has
    checked that `actor` may ask for it; `wish` is plain JSON and holds no secret."""
    upload = await begin_upload(actor, kind, wish)
    upload.steps = steps
    return await upload.finish()


async def get_job(actor: Actor, job_id: UUID) -> Job:
    """A job of the caller's own, or any with `jobs:read`; both refusals sound the same."""
    job = await Job.filter(id=job_id).exclude(state=JobState.RECEIVING).first()
    if job is None or not _may(actor, job.actor_id, READ_SCOPE):
        raise Refused(NotFound(what="job", field=("id",)))
    return job


async def list_jobs(actor: Actor, page: PageRequest, state: JobState | None = None) -> Page[Job]:
    """The caller's jobs, all jobs with `jobs:read`; newest first."""
    rows = Job.all().exclude(state=JobState.RECEIVING).order_by("-id").limit(page.first + 1)
    if not _may(actor, None, READ_SCOPE):
        rows = rows.filter(actor_id=actor.require_user())
    if state is not None:
        rows = rows.filter(state=state)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda job: (job.id,))


async def cancel_job(actor: Actor, job_id: UUID) -> Job:
    """End a job: one that waits at once, one that runs at its next step. Own ones, or `jobs:write`.

    What is stored already stays; a card batch that is half imported may be undone, or gone on with
    by the same file. A finished job stays as it is.
    """
    job = await get_job(actor, job_id)
    if not _may(actor, job.actor_id, WRITE_SCOPE):
        actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        row = await conn.fetchrow(_LOCK, job_id)
        if row["state"] == JobState.QUEUED:
            await conn.execute(_CANCELLED, job_id, clock.now())
            await tell_finished(conn, job_id, row["kind"], JobState.CANCELLED)
        elif row["state"] == JobState.RUNNING and row["cancel_asked_at"] is None:
            await conn.execute(_ASK, job_id, clock.now())
        else:
            return job
        await audit.record(conn, actor, "job.cancel", job_id, {"state": row["state"]})
    wake_relay()
    return await Job.get(id=job_id)


async def forget_old_jobs() -> int:
    """Delete jobs and left-out rows whose time has passed, a batch of each; how many rows went."""
    gone, moment = 0, clock.now()
    unfinished = moment - timedelta(hours=RECEIVING_HOURS)
    kept = moment - timedelta(days=KEPT_DAYS)
    for statement, *arguments in ((_DROP_OLD, unfinished, kept), (_DROP_OLD_PROBLEMS, kept)):
        async with transaction() as conn:
            done = await conn.execute(statement, *arguments)
        gone += int(done.rpartition(" ")[2])
    return gone


def subjects_of(job: Job) -> tuple[UUID, ...]:
    """Under which rows that a job left out are kept: its own id, or what its input became."""
    return (job.id,) if job.subject is None else (job.id, job.subject)


def _may(actor: Actor, owner: UUID | None, scope: str) -> bool:
    own = owner is not None and owner == actor.user_id
    try:
        actor.require_scope(scope)
    except Refused:
        return own
    return True


def _told(actor: Actor) -> dict[str, Any]:
    return {
        "kind": actor.kind.value,
        "user_id": str(actor.user_id) if actor.user_id else None,
        "scopes": sorted(actor.scopes),
        "ip": actor.ip,
        "request_id": actor.request_id,
    }
