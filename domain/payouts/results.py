"""What a bank gives back: each row is held against the payout of its reference, booked once, or
kept as a difference that says in what it is not what we have.

Each row is a transaction of its own and changes nothing a second time, so that a file whose import
was cut off is simply taken in again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from domain import audit, identity
from domain.kernel import (
    Actor,
    Prefix,
    Refused,
    clock,
    crash_point,
    encode_id,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.payouts import books, ports
from domain.payouts.channels import channel_of, connection_of
from domain.payouts.files import FILE_SCOPE, file_of
from domain.payouts.models import (
    FileState,
    Payout,
    PayoutFile,
    PayoutFileResult,
    PayoutRowDifference,
    PayoutStatus,
    RowDifference,
)
from domain.payouts.refusals import PayoutFileInvalid, PayoutMoveNotAllowed
from domain.payouts.registry import file_port_of
from domain.payouts.running import book_locked
from domain.vault import FourEyes

MAX_NAME_LETTERS = 96
_TOLD = {ports.Paid: "paid", ports.Rejected: "failed", ports.Returned: "returned"}
# What a row tells that we knew already, by where the payout stands.
_KNOWN: dict[PayoutStatus, tuple[type, ...]] = {
    PayoutStatus.SUCCEEDED: (ports.Paid,),
    PayoutStatus.FAILED: (ports.Rejected,),
    PayoutStatus.RETURNED: (ports.Returned, ports.Paid),
}


@dataclass(frozen=True, slots=True)
class ResultImport:
    """What came of a bank's results; `replayed`: this very file had been taken before."""

    result: PayoutFileResult
    differences: list[PayoutRowDifference]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of one row: booked, known, or neither, and then a difference."""

    booked: bool = False
    difference: RowDifference | None = None
    payout_id: UUID | None = None


async def take_results(actor: Actor, file_id: UUID, name: str, content: bytes) -> ResultImport:
    """Take in what the bank says of a file's payouts. Needs `payouts:files` and a fresh step-up;
    audited.

    Refuses whoever made the file (FOUR_EYES), a file that the bank does not have yet
    (PAYOUT_MOVE_NOT_ALLOWED), and results that are not as agreed (PAYOUT_FILE_INVALID): of those
    nothing is taken. The same results again change nothing.
    """
    actor.require_scope(FILE_SCOPE)
    by = actor.require_user()
    await identity.require_step_up(actor)
    made = await file_of(file_id)
    refuse_unless(made.made_by != by, FourEyes())
    there = made.handed_over_at is not None
    refuse_unless(there, PayoutMoveNotAllowed(status=FileState.MADE.value))
    digest = sha256(content).digest()
    earlier = await PayoutFileResult.filter(file_id=file_id, digest=digest).first()
    if earlier is not None:
        return ResultImport(earlier, (await differences_of([earlier.id]))[earlier.id], True)
    rows = await _read(made, content)
    taken = await _take_all(made, rows)
    result = PayoutFileResult(
        id=new_id(),
        file_id=made.id,
        name=_shown(name),
        digest=digest,
        rows=len(rows),
        booked=sum(each.booked for each in taken),
        known=sum(not each.booked and each.difference is None for each in taken),
        taken_by=by,
        taken_at=clock.now(),
    )
    found = [
        _difference(result.id, row, each)
        for row, each in zip(rows, taken, strict=True)
        if each.difference is not None
    ]
    async with transaction() as conn:
        await result.save(force_create=True)
        await PayoutRowDifference.bulk_create(found, batch_size=1_000)
        details = {
            "file": encode_id(Prefix.PAYOUT_FILE, made.id),
            "digest": digest.hex(),
            "rows": result.rows,
            "booked": result.booked,
            "known": result.known,
            "differences": len(found),
        }
        await audit.record(conn, actor, "payout_file.results", made.id, details)
    wake_relay()
    return ResultImport(result, found)


def differing(result: PayoutFileResult) -> int:
    """How many rows were not what we have."""
    rest: int = result.rows - result.booked - result.known
    return rest


async def results_of(ids: Sequence[UUID]) -> dict[UUID, list[PayoutFileResult]]:
    """What came back of files, oldest first; one statement for all."""
    found: dict[UUID, list[PayoutFileResult]] = {each: [] for each in ids}
    for result in await PayoutFileResult.filter(file_id__in=list(ids)).order_by("id"):
        found[result.file_id].append(result)
    return found


async def differences_of(ids: Sequence[UUID]) -> dict[UUID, list[PayoutRowDifference]]:
    """Rows that are not what we have, by the import that brought them; one statement for all."""
    found: dict[UUID, list[PayoutRowDifference]] = {each: [] for each in ids}
    rows = PayoutRowDifference.filter(result_id__in=list(ids)).order_by("result_id", "line")
    for difference in await rows:
        found[difference.result_id].append(difference)
    return found


async def _read(made: PayoutFile, content: bytes) -> list[ports.FileResult]:
    channel = await channel_of(made.channel_id)
    told = file_port_of(channel.adapter).read(connection_of(channel), content)
    if isinstance(told, ports.FileFault):
        raise Refused(PayoutFileInvalid(line=told.line, reason=told.reason))
    return told


async def _take_all(made: PayoutFile, rows: Sequence[ports.FileResult]) -> list[_Taken]:
    """Each row in turn; a second row of one payout says the same, or is a difference."""
    said: dict[str, tuple[type, int]] = {}
    taken = []
    for row in rows:
        word = (type(row.result), row.amount)
        if said.setdefault(row.reference, word) != word:
            taken.append(_Taken(difference=RowDifference.TWICE))
        else:
            taken.append(await _take(made, row))
        crash_point("payouts.row_booked")
    return taken


async def _take(made: PayoutFile, row: ports.FileResult) -> _Taken:
    async with transaction() as conn:
        payout = await Payout.filter(reference=row.reference).select_for_update().first()
        if payout is None:
            return _Taken(difference=RowDifference.UNKNOWN_REFERENCE)
        if payout.file_id != made.id:
            return _Taken(difference=RowDifference.OTHER_FILE, payout_id=payout.id)
        if row.amount != books.net_of(payout):
            return _Taken(difference=RowDifference.AMOUNT, payout_id=payout.id)
        if isinstance(row.result, _KNOWN.get(payout.status, ())):
            return _Taken(payout_id=payout.id)
        if await book_locked(conn, payout, row.result):
            return _Taken(booked=True, payout_id=payout.id)
        return _Taken(difference=RowDifference.CONTRADICTS, payout_id=payout.id)


def _difference(result_id: UUID, row: ports.FileResult, taken: _Taken) -> PayoutRowDifference:
    assert taken.difference is not None, "told by the caller"
    return PayoutRowDifference(
        id=new_id(),
        result_id=result_id,
        line=row.line,
        kind=taken.difference,
        reference=row.reference,
        payout_id=taken.payout_id,
        told=_TOLD[type(row.result)],
        amount=row.amount,
    )


def _shown(name: str) -> str:
    return (
        "".join(letter for letter in name if letter.isprintable())[:MAX_NAME_LETTERS] or "results"
    )
