"""Evidence: pictures and papers that both sides of a case lay before each other (row M1).

A mutation says who may send or fetch one file, and hands out a ticket; the bytes go through a door
of their own (server/evidence.py). Each file is sealed under its own key, and erased for good when
that key and the bytes go.
"""

import asyncio
import hmac
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain import audit
from domain.aftersale.locking import buyer_of_case, lock_case
from domain.aftersale.models import Dispute, Evidence, EvidenceContent, FileState, Side
from domain.aftersale.moves import UNDECIDED
from domain.aftersale.refusals import EvidenceDoorClosed, EvidenceNotTaken
from domain.aftersale.rules import windows
from domain.aftersale.telling import seal_words, tell, words_of
from domain.kernel import (
    Actor,
    ActorKind,
    Connection,
    NotFound,
    Refused,
    WrappedKey,
    clock,
    crash_point,
    key_provider,
    keyed_digest,
    new_data_key,
    new_id,
    refuse_unless,
    seal,
    transaction,
    unseal,
    wake_relay,
)
from domain.orders import GuestProof, events
from domain.papers import SUFFIXES, MediaType, cleaned

READ, DECIDE = "aftersales:read", "aftersales:decide"
MAX_BYTES = 5 * 1024 * 1024
MAX_FILES = 6  # of one side in one case
MAX_FILES_OF_ORDER = 24  # of one side in all cases of an order
MAX_NAME_LETTERS = 80
TICKET_LIFE = timedelta(minutes=10)
NAME_PURPOSE, TICKET_PURPOSE = "evidence-name", "evidence-ticket"
FORGOTTEN_AT_ONCE = 200
_COUNT = """
SELECT count(*) FILTER (WHERE f.dispute_id = $1) AS here, count(*) AS all
FROM evidence f JOIN disputes d ON d.id = f.dispute_id
WHERE d.order_id = $2 AND f.side = $3 AND (f.state = 'STORED'
    OR f.state = 'AWAITED' AND f.asked_at > $4)
"""
_LAPSED = "DELETE FROM evidence WHERE state = 'AWAITED' AND asked_at <= $1"
_OLD = """
UPDATE evidence SET state = 'ERASED', name_sealed = NULL, erased_at = $2 WHERE id = ANY (ARRAY(
    SELECT f.id FROM evidence f JOIN disputes d ON d.id = f.dispute_id
    WHERE f.state = 'STORED' AND f.added_at < $1 AND d.decided_at < $1 AND d.decide_by IS NULL
        AND (d.state <> 'REJECTED' OR d.appeal_until < $2)
    ORDER BY f.added_at LIMIT $3))
"""


class Deed(StrEnum):
    """What a ticket is for."""

    SEND = "send"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who comes to a case, from which side; a guest buyer with what proves the order."""

    actor: Actor
    side: Side
    proof: GuestProof | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """Good for one deed with one file, for whoever holds it, until it ends."""

    evidence_id: UUID
    deed: Deed
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A file as it is handed over."""

    name: str = field(repr=False)
    media_type: MediaType
    data: bytes = field(repr=False)


async def add_evidence(caller: Caller, dispute_id: UUID, name: str) -> Ticket:
    """Be allowed to send one file into an undecided case, at once.

    The buyer of the case, or staff with `aftersales:decide`. Refuses (EVIDENCE_NOT_TAKEN) a decided
    case, and a seventh file of one side, or a twenty-fifth of an order. Whose case it is not, to
    them it sounds like none (NOT_FOUND).
    """
    await _admit(caller, dispute_id, DECIDE)
    evidence_id, moment = new_id(), clock.now()
    async with transaction() as conn:
        dispute = (await lock_case(conn, dispute_id)).dispute
        _refuse_decided(dispute)
        await _refuse_many(conn, dispute, caller.side, moment)
        await Evidence.create(
            id=evidence_id,
            dispute_id=dispute_id,
            side=caller.side,
            added_by=caller.actor.user_id,
            name_sealed=seal_words(NAME_PURPOSE, plain_name(name), evidence_id),
            state=FileState.AWAITED,
            asked_at=moment,
        )
    return _ticket(evidence_id, Deed.SEND, moment + TICKET_LIFE)


async def store_evidence(actor: Actor, evidence_id: UUID, ticket: str, data: bytes) -> Evidence:
    """Keep the bytes of a file that somebody was allowed to send. Audited.

    `actor` tells from where they came; the ticket says for whom. Refuses a ticket that is not this
    file's, that ended or was used (EVIDENCE_DOOR_CLOSED), and what is no PNG, JPEG, WebP or PDF of
    at most 5 MiB, or of a case that was decided meanwhile (EVIDENCE_NOT_TAKEN).
    """
    _check(ticket, Deed.SEND, evidence_id)
    fits = 0 < len(data) <= MAX_BYTES
    refuse_unless(fits, EvidenceNotTaken(reason="evidence_size"))
    found = await asyncio.to_thread(cleaned, data)
    if found is None:
        raise Refused(EvidenceNotTaken(reason="evidence_type"))
    data_key = new_data_key()
    wrapped = await key_provider().wrap(data_key, evidence_id.bytes)
    sealed = seal(data_key, found.data, evidence_id.bytes)
    async with transaction() as conn:
        file = await _store(conn, actor, evidence_id, found.media_type, len(found.data))
        await EvidenceContent.create(
            evidence_id=evidence_id,
            wrapped_key=wrapped.wrapped,
            key_version=wrapped.version,
            sealed=sealed,
        )
        crash_point("aftersale.written")
    crash_point("aftersale.committed")
    wake_relay()
    return file


async def open_evidence(caller: Caller, evidence_id: UUID) -> Ticket:
    """Be allowed to fetch a file of a case. Audited.

    The buyer of the case, or staff with `aftersales:read`. Refuses (NOT_FOUND) what is not there,
    or was erased, or is another's.
    """
    file = await _stored(caller, evidence_id, READ)
    async with transaction() as conn:
        details = {"disputeId": str(file.dispute_id), "side": file.side.value}
        await audit.record(conn, caller.actor, "evidence.open", evidence_id, details)
    return _ticket(evidence_id, Deed.FETCH, clock.now() + TICKET_LIFE)


async def fetch_evidence(evidence_id: UUID, ticket: str) -> HandedOver:
    """The file, for whoever holds a ticket for it; refuses as `store_evidence` does."""
    _check(ticket, Deed.FETCH, evidence_id)
    file = await Evidence.filter(id=evidence_id, state=FileState.STORED).first()
    content = await EvidenceContent.filter(evidence_id=evidence_id).first() if file else None
    if file is None or content is None or file.media_type is None:
        raise Refused(NotFound(what="evidence", field=("evidenceId",)))
    wrapped = WrappedKey(content.wrapped_key, content.key_version)
    data_key = await key_provider().unwrap(wrapped, evidence_id.bytes)
    data = unseal(data_key, content.sealed, evidence_id.bytes)
    return HandedOver(f"{name_of(file)}.{SUFFIXES[file.media_type]}", file.media_type, data)


async def erase_evidence(caller: Caller, evidence_id: UUID) -> Evidence:
    """Erase a file for good: that it was there stays, its name and bytes go. Audited.

    Staff with `aftersales:decide` erase any; a buyer what the buyer sent, until the case is decided
    (EVIDENCE_NOT_TAKEN). Refuses (NOT_FOUND) as `open_evidence` does.
    """
    file = await _stored(caller, evidence_id, DECIDE)
    own = caller.side is Side.STAFF or file.side is Side.BUYER
    refuse_unless(own, NotFound(what="evidence", field=("evidenceId",)))
    async with transaction() as conn:
        dispute = (await lock_case(conn, file.dispute_id)).dispute
        if caller.side is Side.BUYER:
            _refuse_decided(dispute)
        locked = await Evidence.filter(id=evidence_id).select_for_update().get()
        if locked.state is FileState.STORED:
            locked.state, locked.name_sealed = FileState.ERASED, None
            locked.erased_at, locked.erased_by = clock.now(), caller.actor.user_id
            await locked.save(force_update=True)
            details = {"disputeId": str(file.dispute_id), "side": file.side.value}
            await audit.record(conn, caller.actor, "evidence.erase", evidence_id, details)
    return locked


async def evidence_of(dispute_ids: Sequence[UUID]) -> dict[UUID, list[Evidence]]:
    """The files of cases, oldest first, erased ones too; one statement for all."""
    found: dict[UUID, list[Evidence]] = {dispute_id: [] for dispute_id in dispute_ids}
    there = Evidence.filter(dispute_id__in=list(dispute_ids)).exclude(state=FileState.AWAITED)
    for file in await there.order_by("id"):
        found[file.dispute_id].append(file)
    return found


async def forget_evidence() -> int:
    """Erase evidence of cases decided long ago, and what nobody sent; how many files went."""
    moment = clock.now()
    async with transaction() as conn:
        lapsed = await conn.execute(_LAPSED, moment - TICKET_LIFE)
        old = await conn.execute(_OLD, moment - windows.evidence, moment, FORGOTTEN_AT_ONCE)
    return sum(int(done.rpartition(" ")[2]) for done in (lapsed, old))


def name_of(file: Evidence) -> str:
    """What its sender called it, without the ending; empty once it is erased."""
    return words_of(NAME_PURPOSE, file.name_sealed, file.id)


def plain_name(name: str) -> str:
    """A name that harms nowhere: its last part, without the ending that it claims, without letters
    that are not seen or that turn the order of others."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    kept = "".join(
        letter
        for letter in stem[: MAX_NAME_LETTERS * 4]
        if unicodedata.category(letter)[0] not in "CZ" or letter == " "
    )
    harmless = "".join("_" if letter in "<>:\"/|?*%;'" else letter for letter in kept)
    return harmless.strip(". ")[:MAX_NAME_LETTERS].strip() or "evidence"


async def _admit(caller: Caller, dispute_id: UUID, scope: str) -> None:
    if caller.side is Side.BUYER:
        await buyer_of_case(caller.actor, dispute_id, caller.proof)
        return
    caller.actor.require_scope(scope)
    there = await Dispute.exists(id=dispute_id)
    refuse_unless(there, NotFound(what="dispute", field=("disputeId",)))


async def _stored(caller: Caller, evidence_id: UUID, scope: str) -> Evidence:
    """A file of a case that the caller may look into."""
    if caller.side is Side.STAFF:
        caller.actor.require_scope(scope)
    file = await Evidence.filter(id=evidence_id, state=FileState.STORED).first()
    # A proof is tried all the same, so that every "no" takes as long and is counted.
    case_id = file.dispute_id if file else UUID(int=0)
    try:
        await _admit(caller, case_id, scope)
    except Refused as refused:
        if not isinstance(refused.refusals[0], NotFound):
            raise
        file = None
    if file is None:
        raise Refused(NotFound(what="evidence", field=("evidenceId",)))
    return file


def _refuse_decided(dispute: Dispute) -> None:
    decided = EvidenceNotTaken(reason="evidence_case_decided", field=("disputeId",))
    refuse_unless(dispute.state in UNDECIDED, decided)


async def _refuse_many(conn: Connection, dispute: Dispute, side: Side, moment: datetime) -> None:
    since = moment - TICKET_LIFE
    row = await conn.fetchrow(_COUNT, dispute.id, dispute.order_id, side.value, since)
    room = row["here"] < MAX_FILES and row["all"] < MAX_FILES_OF_ORDER
    refuse_unless(room, EvidenceNotTaken(reason="evidence_many", field=("disputeId",)))


async def _store(
    conn: Connection, actor: Actor, evidence_id: UUID, media_type: MediaType, size: int
) -> Evidence:
    """The row of a file that came, with its event and audit row; its case is locked before it."""
    awaited = await Evidence.filter(id=evidence_id).first()
    if awaited is None:
        raise Refused(EvidenceDoorClosed())
    case = await lock_case(conn, awaited.dispute_id)
    file = await Evidence.filter(id=evidence_id).select_for_update().first()
    if file is None or file.state is not FileState.AWAITED:
        raise Refused(EvidenceDoorClosed())
    _refuse_decided(case.dispute)
    file.state, file.added_at = FileState.STORED, clock.now()
    file.media_type, file.bytes = media_type, size
    await file.save(force_update=True)
    await tell(conn, case.order, events.DISPUTE_EVIDENCE_ADDED, case.dispute)
    details = {"disputeId": str(file.dispute_id), "type": media_type.value, "bytes": size}
    await audit.record(conn, _sender(actor, file), "evidence.add", evidence_id, details)
    return file


def _sender(actor: Actor, file: Evidence) -> Actor:
    """Whoever got the ticket, from where the bytes came."""
    if file.added_by is None:
        return actor
    kind = ActorKind.OPERATOR if file.side is Side.STAFF else ActorKind.USER
    return replace(actor, kind=kind, user_id=file.added_by)


def _ticket(evidence_id: UUID, deed: Deed, expires_at: datetime) -> Ticket:
    ends = int(expires_at.timestamp())
    return Ticket(evidence_id, deed, f"{ends}.{_mac(evidence_id, deed, ends)}", expires_at)


def _check(ticket: str, deed: Deed, evidence_id: UUID) -> None:
    ends, _, mac = ticket.partition(".")
    known = ends.isascii() and ends.isdecimal() and len(ends) <= 12
    good = known and hmac.compare_digest(_mac(evidence_id, deed, int(ends)).encode(), mac.encode())
    in_time = good and clock.now().timestamp() <= int(ends)
    refuse_unless(in_time, EvidenceDoorClosed())


def _mac(evidence_id: UUID, deed: Deed, ends: int) -> str:
    said = f"{deed.value}|{ends}|".encode() + evidence_id.bytes
    return urlsafe_b64encode(keyed_digest(TICKET_PURPOSE, said)).decode().rstrip("=")
