"""Documents come in and go out by tickets; whose they are is decided by the context that asks.

A context says, in its own transaction, who may send or fetch one document, and hands out a ticket;
the bytes go through a door of their own (server/papers.py). Nobody's bytes are in a request, a log
or an event.
"""

import asyncio
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain import audit
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
)
from domain.papers.models import Paper, PaperContent, PaperState
from domain.papers.pictures import SUFFIXES, MediaType, cleaned
from domain.papers.refusals import PaperDoorClosed, PaperNotTaken

MAX_BYTES = 5 * 1024 * 1024
MAX_OF_SUBJECT = 10
TICKET_LIFE = timedelta(minutes=10)
PURPOSE = "paper-ticket"
_COUNT = """
SELECT count(*) FROM papers WHERE subject = $1
    AND (state = 'stored' OR state = 'awaited' AND asked_at > $2)
"""
_UNSENT = "DELETE FROM papers WHERE state = 'awaited' AND asked_at <= $1"
_ERASE = """
UPDATE papers SET state = 'erased', erased_at = $2 WHERE subject = $1 AND state = 'stored'
RETURNING id
"""


class Deed(StrEnum):
    """What a ticket is for."""

    SEND = "send"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Good for one deed with one document, for whoever holds it, until it ends."""

    paper_id: UUID
    deed: Deed
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A document as it is handed over."""

    name: str
    media_type: MediaType
    data: bytes = field(repr=False)


async def expect_paper(conn: Connection, actor: Actor, subject: UUID, label: str) -> Ticket:
    """Let the caller send one document of a case, within ten minutes; in the caller's transaction,
    which has locked the case. Refuses an eleventh of one case (PAPER_NOT_TAKEN)."""
    moment = clock.now()
    room = await conn.fetchval(_COUNT, subject, moment - TICKET_LIFE) < MAX_OF_SUBJECT
    refuse_unless(room, PaperNotTaken(reason="paper_many"))
    paper = await Paper.create(
        id=new_id(),
        subject=subject,
        label=label,
        sent_by=actor.require_user(),
        state=PaperState.AWAITED,
        asked_at=moment,
    )
    return _ticket(paper.id, Deed.SEND, moment + TICKET_LIFE)


async def store_paper(actor: Actor, paper_id: UUID, ticket: str, data: bytes) -> Paper:
    """Keep the bytes of a document that somebody was allowed to send. Audited.

    Refuses a ticket that is not this document's, that ended or was used (PAPER_DOOR_CLOSED), and
    what is no PNG, JPEG, WebP or PDF of at most 5 MiB (PAPER_NOT_TAKEN).
    """
    _check(ticket, Deed.SEND, paper_id)
    refuse_unless(0 < len(data) <= MAX_BYTES, PaperNotTaken(reason="evidence_size"))
    found = await asyncio.to_thread(cleaned, data)
    if found is None:
        raise Refused(PaperNotTaken(reason="evidence_type"))
    data_key = new_data_key()
    wrapped = await key_provider().wrap(data_key, paper_id.bytes)
    sealed = seal(data_key, found.data, paper_id.bytes)
    async with transaction() as conn:
        paper = await Paper.filter(id=paper_id).select_for_update().first()
        if paper is None or paper.state is not PaperState.AWAITED:
            raise Refused(PaperDoorClosed())
        paper.state, paper.added_at = PaperState.STORED, clock.now()
        paper.media_type, paper.bytes = found.media_type, len(found.data)
        await paper.save(force_update=True)
        await PaperContent.create(
            paper_id=paper_id,
            wrapped_key=wrapped.wrapped,
            key_version=wrapped.version,
            sealed=sealed,
        )
        sender = replace(actor, kind=ActorKind.USER, user_id=paper.sent_by)
        details = {"subject": str(paper.subject), "label": paper.label, "bytes": paper.bytes}
        await audit.record(conn, sender, "paper.add", paper_id, details)
        crash_point("papers.written")
    return paper


async def open_paper(conn: Connection, actor: Actor, paper: Paper) -> Ticket:
    """Let the caller fetch a document, which its context has allowed. Audited."""
    there = paper.state is PaperState.STORED
    refuse_unless(there, NotFound(what="document", field=("paperId",)))
    details = {"subject": str(paper.subject), "label": paper.label}
    await audit.record(conn, actor, "paper.open", paper.id, details)
    return _ticket(paper.id, Deed.FETCH, clock.now() + TICKET_LIFE)


async def fetch_paper(paper_id: UUID, ticket: str) -> HandedOver:
    """The document, for whoever holds a ticket for it; refuses as `store_paper` does."""
    _check(ticket, Deed.FETCH, paper_id)
    paper = await Paper.filter(id=paper_id, state=PaperState.STORED).first()
    content = await PaperContent.filter(paper_id=paper_id).first() if paper else None
    if paper is None or content is None or paper.media_type is None:
        raise Refused(NotFound(what="document", field=("paperId",)))
    wrapped = WrappedKey(content.wrapped_key, content.key_version)
    data_key = await key_provider().unwrap(wrapped, paper_id.bytes)
    data = unseal(data_key, content.sealed, paper_id.bytes)
    return HandedOver(f"{paper.label}.{SUFFIXES[paper.media_type]}", paper.media_type, data)


async def papers_of(subjects: Sequence[UUID]) -> dict[UUID, list[Paper]]:
    """The documents of cases, oldest first, erased ones too; one statement for all."""
    found: dict[UUID, list[Paper]] = {subject: [] for subject in subjects}
    there = Paper.filter(subject__in=list(subjects)).exclude(state=PaperState.AWAITED)
    for paper in await there.order_by("id"):
        found[paper.subject].append(paper)
    return found


async def erase_papers(conn: Connection, subject: UUID) -> int:
    """Erase the documents of a case for good, in the caller's transaction; how many went. That they
    were there stays; a trigger takes their bytes and keys."""
    return len(await conn.fetch(_ERASE, subject, clock.now()))


async def forget_unsent() -> int:
    """Delete what nobody sent in time; how many went."""
    async with transaction() as conn:
        done = await conn.execute(_UNSENT, clock.now() - TICKET_LIFE)
    return int(done.rpartition(" ")[2])


def _ticket(paper_id: UUID, deed: Deed, expires_at: datetime) -> Ticket:
    ends = int(expires_at.timestamp())
    return Ticket(paper_id, deed, f"{ends}.{_mac(paper_id, deed, ends)}", expires_at)


def _check(ticket: str, deed: Deed, paper_id: UUID) -> None:
    ends, _, mac = ticket.partition(".")
    known = ends.isascii() and ends.isdecimal() and len(ends) <= 12
    good = known and hmac.compare_digest(_mac(paper_id, deed, int(ends)).encode(), mac.encode())
    in_time = good and clock.now().timestamp() <= int(ends)
    refuse_unless(in_time, PaperDoorClosed())


def _mac(paper_id: UUID, deed: Deed, ends: int) -> str:
    said = f"{deed.value}|{ends}|".encode() + paper_id.bytes
    return urlsafe_b64encode(keyed_digest(PURPOSE, said)).decode().rstrip("=")
