"""Exports of unsold cards (mission row B3): asked for, approved by a second person, fetched once.

An export is a sealed copy for a migration or a backup: the cards stay where they are and stay for
sale. Codes that were sold belong to their buyers and are never among them.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit, identity
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Recipient,
    Refused,
    claim_key,
    clock,
    connection,
    encode_id,
    input_hash,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.vault.limits import limits
from domain.vault.models import CardExport, ExportStatus
from domain.vault.refusals import ExportQuota, ExportTooLarge, FourEyes, NotOpen
from domain.vault.reveals import APPROVE_SCOPE, check_reason, require_operator
from domain.vault.rules import (
    DAY,
    KEPT_AFTER_TAKEN,
    MAX_EXPORTED,
    TAR_END,
    WAITS_FOR,
    tar_header,
    tar_padding,
)

EXPORT_SCOPE = "cards:export"
REQUESTED, READY, FAILED = "card_export.requested", "card_export.ready", "card_export.failed"
APPROVED, REJECTED = "card_export.approved", "card_export.rejected"
TAKEN, EXPIRED = "card_export.taken", "card_export.expired"

_ALONE = "SELECT pg_advisory_xact_lock(hashtext('vault.export'), hashtext($1))"
_OF_BATCH = "SELECT variant_id FROM card_batches WHERE id = $1"
_OF_VARIANT = "SELECT id FROM variants WHERE id = $1"
_COUNT = """
SELECT count(*) FROM (
    SELECT 1 FROM cards WHERE variant_id = $1 AND state = 'available'
        AND ($2::uuid IS NULL OR batch_id = $2) LIMIT $3) counted
"""
_TODAY = """
SELECT count(*) FROM card_exports
WHERE requester_id = $1 AND requested_at > $2 AND status <> 'rejected'
"""
_DECIDE = """
UPDATE card_exports SET status = $2::varchar, approver_id = $3, decided_at = $4::timestamptz,
    decision = $5, due_at = CASE WHEN $2::varchar = 'approved' THEN $4::timestamptz END
WHERE id = $1 AND status = 'waiting' AND requested_at > $6 RETURNING 1
"""
_TAKE = """
UPDATE card_exports SET status = 'taken', taken_at = $3
WHERE id = $1 AND requester_id = $2 AND status = 'ready' AND expires_at > $3 RETURNING 1
"""
_EXPIRE = """
UPDATE card_exports SET status = 'expired'
WHERE status = 'ready' AND expires_at <= $1 OR status = 'waiting' AND requested_at <= $2
RETURNING id
"""
_COUNT_EVENT = """
UPDATE card_exports SET event_count = event_count + 1 WHERE id = $1 RETURNING event_count
"""
_PARTS = """
SELECT id, name, octet_length(sealed) AS size FROM card_export_parts
WHERE export_id = $1 AND sealed IS NOT NULL ORDER BY number
"""
_PART = "SELECT sealed FROM card_export_parts WHERE id = $1"
_FORGET = """
UPDATE card_export_parts p SET sealed = NULL FROM card_exports e
WHERE e.id = p.export_id AND p.sealed IS NOT NULL
    AND (e.status IN ('expired', 'failed') OR e.status = 'taken' AND e.taken_at <= $1
        OR e.id = $2)
"""
_DUE = "SELECT id FROM card_exports WHERE due_at <= $1 ORDER BY due_at LIMIT $2"


@dataclass(frozen=True, slots=True)
class ExportWish:
    """Which unsold cards, for whose key, and why: a batch, or all of a variant."""

    recipient: str
    reason: str
    idempotency_key: str
    variant_id: UUID | None = None
    batch_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """A tar file of age files, to be sent once."""

    name: str
    size: int
    pieces: AsyncIterator[bytes]


async def request_export(actor: Actor, wish: ExportWish) -> CardExport:
    """Ask for an export. Nothing is opened before another operator has approved it.

    Needs `cards:export`, a session of an operator, a fresh step-up and a reason. The same key again
    answers the same export. Refuses a key that age cannot seal for, a batch or variant that is
    unknown or has no unsold card, more than 50,000 cards (EXPORT_TOO_LARGE), and more requests a
    day than the settings allow (EXPORT_QUOTA).
    """
    operator = require_operator(actor, EXPORT_SCOPE)
    recipient = Recipient(wish.recipient)
    check_reason(wish.reason)
    one = (wish.variant_id is None) != (wish.batch_id is None)
    refuse_unless(one, Invalid(reason="export_of_one_thing", field=("batchId",)))
    hashed = input_hash([recipient.text, wish.reason, wish.variant_id, wish.batch_id])
    async with transaction() as conn:
        await identity.require_step_up(actor)
        fresh = new_id()
        key = wish.idempotency_key
        known = await claim_key(conn, operator, "cardsExport", key, hashed, fresh)
        if known is not None:
            return await CardExport.get(id=known)
        export = await _ask(conn, operator, wish, recipient, fresh)
        details = _told(export) | {"reason": export.reason}
        await audit.record(conn, actor, REQUESTED, export.id, details)
        await tell(conn, REQUESTED, export)
    wake_relay()
    return export


async def decide_export(
    actor: Actor, export_id: UUID, approve: bool, reason: str = ""
) -> CardExport:
    """Approve or reject the export of another operator; needs `cards:approve`, a fresh step-up.

    An approved one is written by a job. Refuses the requester (FOUR_EYES; the database does, too),
    a rejection without a reason, and what was decided or has lapsed (REQUEST_NOT_OPEN).
    """
    approver = require_operator(actor, APPROVE_SCOPE)
    check_reason(reason, needed=not approve)
    moment = clock.now()
    async with transaction() as conn:
        await identity.require_step_up(actor)
        export = await CardExport.filter(id=export_id).first()
        if export is None:
            raise Refused(NotFound(what="export", field=("id",)))
        refuse_unless(export.requester_id != approver, FourEyes(field=("id",)))
        status = ExportStatus.APPROVED if approve else ExportStatus.REJECTED
        args = (export_id, status.value, approver, moment, reason.strip(), moment - WAITS_FOR)
        decided = await conn.fetchval(_DECIDE, *args)
        refuse_unless(bool(decided), NotOpen(reason="request_decided", field=("id",)))
        export = await CardExport.get(id=export_id)
        event = APPROVED if approve else REJECTED
        details = {"requester": str(export.requester_id), "reason": reason.strip()}
        await audit.record(conn, actor, event, export_id, details)
        await tell(conn, event, export)
    wake_relay()
    return export


async def take_export(actor: Actor, export_id: UUID) -> Archive:
    """The archive, for its requester, once; it is forgotten when it has been sent.

    Needs `cards:export` and a fresh step-up. An export of somebody else sounds like none. Refuses
    (REQUEST_NOT_OPEN) what is not ready, was fetched before, or has run out.
    """
    operator = require_operator(actor, EXPORT_SCOPE)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        export = await CardExport.filter(id=export_id, requester_id=operator).first()
        if export is None:
            raise Refused(NotFound(what="export", field=("id",)))
        taken = await conn.fetchval(_TAKE, export_id, operator, clock.now())
        refuse_unless(bool(taken), NotOpen(reason="export_not_ready", field=("id",)))
        parts = await conn.fetch(_PARTS, export_id)
        await audit.record(conn, actor, TAKEN, export_id, {"parts": len(parts)})
        await tell(conn, TAKEN, export)
    wake_relay()
    sizes = [512 + part["size"] + len(tar_padding(part["size"])) for part in parts]
    name = f"cards-{encode_id(Prefix.CARD_EXPORT, export_id)}.tar"
    return Archive(name, sum(sizes) + len(TAR_END), _pieces(export, parts))


async def expire_exports() -> int:
    """End what nobody decided or fetched in time, and forget the bytes that nobody needs."""
    moment = clock.now()
    async with transaction() as conn:
        rows = await conn.fetch(_EXPIRE, moment, moment - WAITS_FOR)
        for row in rows:
            export = await CardExport.get(id=row["id"])
            await audit.record(conn, SYSTEM, EXPIRED, export.id, {})
            await tell(conn, EXPIRED, export)
        await conn.execute(_FORGET, moment - KEPT_AFTER_TAKEN, None)
    wake_relay()
    return len(rows)


async def exports_due(limit: int) -> list[UUID]:
    """Approved exports that a job must write now."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def tell(conn: Connection, event: str, export: CardExport) -> None:
    """Write an event of an export, in the caller's transaction: ids and counts, never a code."""
    sequence = await conn.fetchval(_COUNT_EVENT, export.id)
    await record_events(conn, [Event(event, export.id, sequence, _told(export))])


async def _ask(
    conn: Connection, operator: UUID, wish: ExportWish, recipient: Recipient, export_id: UUID
) -> CardExport:
    await conn.execute(_ALONE, operator.hex)
    moment = clock.now()
    asked = await conn.fetchval(_TODAY, operator, moment - DAY)
    refuse_unless(asked < limits.exports_per_day, ExportQuota(maximum=limits.exports_per_day))
    if wish.batch_id is not None:
        variant_id = await conn.fetchval(_OF_BATCH, wish.batch_id)
        missing = NotFound(what="batch", field=("batchId",))
    else:
        variant_id = await conn.fetchval(_OF_VARIANT, wish.variant_id)
        missing = NotFound(what="variant", field=("variantId",))
    if variant_id is None:
        raise Refused(missing)
    expected = await conn.fetchval(_COUNT, variant_id, wish.batch_id, MAX_EXPORTED + 1)
    refuse_unless(expected <= MAX_EXPORTED, ExportTooLarge(maximum=MAX_EXPORTED))
    refuse_unless(expected > 0, Invalid(reason="export_empty", field=missing.field))
    return await CardExport.create(
        id=export_id,
        requester_id=operator,
        variant_id=variant_id,
        batch_id=wish.batch_id,
        recipient=recipient.text,
        reason=wish.reason.strip(),
        watermark=new_id(),
        canaries=limits.export_canaries,
        status=ExportStatus.WAITING,
        cards=expected + limits.export_canaries,
        requested_at=moment,
    )


async def _pieces(export: CardExport, parts: Any) -> AsyncIterator[bytes]:
    """The archive in pieces, one part in memory at a time; no connection is held meanwhile."""
    moment = export.ready_at or clock.now()
    for part in parts:
        async with connection() as conn:
            sealed: bytes = await conn.fetchval(_PART, part["id"])
        yield tar_header(part["name"], len(sealed), moment)
        yield sealed
        yield tar_padding(len(sealed))
    yield TAR_END
    async with transaction() as conn:
        await conn.execute(_FORGET, clock.now() - KEPT_AFTER_TAKEN, export.id)


def _told(export: CardExport) -> dict[str, Any]:
    batch_id = export.batch_id
    return {
        "exportId": encode_id(Prefix.CARD_EXPORT, export.id),
        "operatorId": encode_id(Prefix.USER, export.requester_id),
        "variantId": encode_id(Prefix.VARIANT, export.variant_id),
        "batchId": encode_id(Prefix.CARD_BATCH, batch_id) if batch_id else None,
        "cards": export.cards,
        "status": export.status.value,
    }
