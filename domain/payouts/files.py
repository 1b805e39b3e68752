"""Files that are carried to a bank: made once of what was approved, with control totals.

Making the file is the submission: from then on its payouts may leave the house, and their money is
in transit. Whoever approved a payout does not make its file, and whoever made a file does not take
in what comes back; the database refuses both, too.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from domain import audit, identity, ledger
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    connection,
    crash_point,
    new_id,
    open_sealed,
    page_of,
    plain,
    refresh_keys,
    refuse_unless,
    seal_current,
    transaction,
    wake_relay,
)
from domain.payouts import books, events
from domain.payouts.channels import READ_SCOPE, channel_of, connection_of
from domain.payouts.destinations import receivers_of
from domain.payouts.models import (
    BatchStatus,
    FileState,
    Payout,
    PayoutBatch,
    PayoutChannel,
    PayoutDestination,
    PayoutFile,
    PayoutStatus,
)
from domain.payouts.ports import PayoutOrder
from domain.payouts.refusals import PayoutMoveNotAllowed
from domain.payouts.registry import adapter_of, file_port_of
from domain.payouts.running import REMARK
from domain.vault import FourEyes

FILE_SCOPE = "payouts:files"
PURPOSE = "payout-file"
MOST_IN_FILE = 20_000
CHUNK = 1_000
_WAITING = """
SELECT id FROM payouts WHERE channel_id = $1 AND batch_id IS NOT DISTINCT FROM $2
    AND status = 'APPROVED' ORDER BY id LIMIT $3 FOR UPDATE
"""
_PROGRESS = """
SELECT file_id, count(*) FILTER (WHERE status IN ('SUBMITTING', 'ACCEPTED', 'UNKNOWN')) AS open,
    count(*) FILTER (WHERE status = 'SUCCEEDED') AS succeeded,
    count(*) FILTER (WHERE status = 'FAILED') AS failed,
    count(*) FILTER (WHERE status = 'RETURNED') AS returned
FROM payouts WHERE file_id = ANY($1::uuid[]) GROUP BY file_id
"""
_TAKEN_ALONG = """
UPDATE payouts SET status = 'ACCEPTED' WHERE file_id = $1 AND status IN ('SUBMITTING', 'UNKNOWN')
"""


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How many payouts of a file are still open, and how the others ended."""

    open: int
    succeeded: int
    failed: int
    returned: int


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file on its way to whoever carries it. It holds account numbers."""

    name: str
    content: bytes = field(repr=False)


async def make_file(actor: Actor, channel_id: UUID, batch_id: UUID | None = None) -> PayoutFile:
    """Make the file of a batch that was approved, or of what was approved one by one.

    Needs `payouts:files` and a fresh step-up; audited. Of one batch and channel there is one file:
    asked again, it is answered again. Refuses a channel that takes no files, a batch that is not
    approved (PAYOUT_MOVE_NOT_ALLOWED), a file without payouts (INVALID), and whoever approved one
    of them (FOUR_EYES).
    """
    actor.require_scope(FILE_SCOPE)
    channel = await channel_of(channel_id)
    by_file = adapter_of(channel.adapter).capabilities.by_file
    refuse_unless(by_file, Invalid(reason="payout_file_channel", field=("channelId",)))
    await refresh_keys()  # receivers are opened below, inside the transaction
    async with transaction() as conn:
        await identity.require_step_up(actor)
        if batch_id is not None:
            await _lock_approved(batch_id)
            earlier = await PayoutFile.filter(batch_id=batch_id, channel_id=channel_id).first()
            if earlier is not None:
                return earlier
        waiting = await _waiting(conn, channel_id, batch_id)
        by_others = all(each.approved_by != actor.user_id for each in waiting)
        refuse_unless(by_others, FourEyes())
        made = await _write(actor, channel, batch_id, waiting)
        await _submit(conn, made, waiting)
        details = {
            "number": made.number,
            "count": made.count,
            "total": plain(made.total),
            "digest": made.digest.hex(),
        }
        await audit.record(conn, actor, "payout_file.make", made.id, details)
        crash_point("payouts.file_written")
    wake_relay()
    return made


async def take_file(actor: Actor, file_id: UUID) -> TakenFile:
    """The file itself, the same bytes each time. Needs `payouts:files` and a fresh step-up; each
    time is audited. Refuses a file of which people have ended a payout before the bank had it
    (PAYOUT_MOVE_NOT_ALLOWED): carried now, it would pay what is the agent's again."""
    actor.require_scope(FILE_SCOPE)
    await refresh_keys()
    async with transaction() as conn:
        await identity.require_step_up(actor)
        made = await file_of(file_id)
        await _refuse_what_ended(made)
        content = open_sealed(PURPOSE, made.sealed, made.id.bytes)
        if sha256(content).digest() != made.digest:
            raise ValueError("a payout file is not what was made")
        await audit.record(conn, actor, "payout_file.take", made.id, {"number": made.number})
    return TakenFile(f"{made.number}.csv", content)


async def hand_over(actor: Actor, file_id: UUID) -> PayoutFile:
    """Note that the bank has the file: its payouts are the bank's to do. Needs `payouts:files`;
    audited. Refuses a second time, and what `take_file` refuses (PAYOUT_MOVE_NOT_ALLOWED)."""
    actor.require_scope(FILE_SCOPE)
    by = actor.require_user()
    async with transaction() as conn:
        made = await PayoutFile.filter(id=file_id).select_for_update().first()
        if made is None:
            raise Refused(NotFound(what="payout file", field=("id",)))
        fresh = made.handed_over_at is None
        refuse_unless(fresh, PayoutMoveNotAllowed(status=FileState.HANDED_OVER.value))
        await _refuse_what_ended(made)
        made.handed_over_by, made.handed_over_at = by, clock.now()
        await made.save(update_fields=["handed_over_by", "handed_over_at"])
        await conn.execute(_TAKEN_ALONG, made.id)
        await audit.record(conn, actor, "payout_file.hand_over", made.id, {"number": made.number})
    return made


async def list_files(
    actor: Actor, page: PageRequest, channel_id: UUID | None = None
) -> Page[PayoutFile]:
    """Files, newest first; needs `payouts:read`."""
    actor.require_scope(READ_SCOPE)
    rows = PayoutFile.all().order_by("-id").limit(page.first + 1)
    if channel_id is not None:
        rows = rows.filter(channel_id=channel_id)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def file_of(file_id: UUID) -> PayoutFile:
    """One file; refuses an unknown one."""
    made = await PayoutFile.filter(id=file_id).first()
    if made is None:
        raise Refused(NotFound(what="payout file", field=("id",)))
    return made


async def progress_of(ids: Sequence[UUID]) -> dict[UUID, FileProgress]:
    """How far files are; one statement for all."""
    async with connection() as conn:
        rows = await conn.fetch(_PROGRESS, list(ids))
    names = ("open", "succeeded", "failed", "returned")
    return {row["file_id"]: FileProgress(*(row[name] for name in names)) for row in rows}


def state_of(made: PayoutFile, progress: FileProgress) -> FileState:
    """Where a file stands."""
    if progress.open == 0:
        return FileState.DONE
    if progress.open < made.count:
        return FileState.PARTLY
    return FileState.HANDED_OVER if made.handed_over_at else FileState.MADE


async def _refuse_what_ended(made: PayoutFile) -> None:
    progress = (await progress_of([made.id]))[made.id]
    whole = made.handed_over_at is not None or progress.open == made.count
    refuse_unless(whole, PayoutMoveNotAllowed(status=state_of(made, progress).value))


async def _lock_approved(batch_id: UUID) -> None:
    batch = await PayoutBatch.filter(id=batch_id).select_for_update().first()
    if batch is None:
        raise Refused(NotFound(what="payout batch", field=("batchId",)))
    approved = batch.status is BatchStatus.APPROVED
    refuse_unless(approved, PayoutMoveNotAllowed(status=batch.status.value, field=("batchId",)))


async def _waiting(conn: Connection, channel_id: UUID, batch_id: UUID | None) -> list[Payout]:
    rows = await conn.fetch(_WAITING, channel_id, batch_id, MOST_IN_FILE)
    refuse_unless(bool(rows), Invalid(reason="payout_file_empty", field=("channelId",)))
    return await Payout.filter(id__in=[row["id"] for row in rows]).order_by("id")


async def _write(
    actor: Actor, channel: PayoutChannel, batch_id: UUID | None, waiting: Sequence[Payout]
) -> PayoutFile:
    file_id, moment = new_id(), clock.now()
    number = f"{moment:%Y%m%d}{file_id.hex[-12:]}"
    orders = await _orders_of(waiting)
    port, where = file_port_of(channel.adapter), connection_of(channel)
    content = await asyncio.to_thread(port.write, where, number, moment, orders)
    return await PayoutFile.create(
        id=file_id,
        channel_id=channel.id,
        batch_id=batch_id,
        number=number,
        count=len(orders),
        total=sum(order.amount for order in orders),
        currency=channel.currency,
        digest=sha256(content).digest(),
        sealed=seal_current(PURPOSE, content, file_id.bytes),
        made_by=actor.require_user(),
        made_at=moment,
    )


async def _orders_of(waiting: Sequence[Payout]) -> list[PayoutOrder]:
    ids = {each.destination_id for each in waiting}
    receivers = receivers_of(await PayoutDestination.filter(id__in=ids))
    return [
        PayoutOrder(
            reference=each.reference,
            amount=books.net_of(each),
            currency=each.currency,
            remark=REMARK,
            receiver=receivers[each.destination_id],
        )
        for each in waiting
    ]


async def _submit(conn: Connection, made: PayoutFile, waiting: Sequence[Payout]) -> None:
    """Its payouts are sent, as far as the books go, before anybody sees the file."""
    moment = clock.now()
    for start in range(0, len(waiting), CHUNK):
        some = waiting[start : start + CHUNK]
        for payout in some:
            payout.status, payout.file_id = PayoutStatus.SUBMITTING, made.id
            payout.submitted_at = payout.first_submitted_at = moment
            payout.submissions += 1
        await ledger.post(conn, [books.submitted(each) for each in some])
        await events.announce(conn, events.SUBMITTED, *some)
        changed = ["status", "file_id", "submitted_at", "first_submitted_at", "submissions"]
        changed.append("event_count")
        await Payout.bulk_update(some, changed, batch_size=CHUNK)
