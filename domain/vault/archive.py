"""Writing the archive of an approved export: part by part, so that a killed job goes on.

Only one part of a thousand cards is in the open in memory at a time; nothing of it on a disk.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from domain import audit, cards
from domain.kernel import (
    SYSTEM,
    Connection,
    Prefix,
    Recipient,
    Refused,
    act_as,
    clock,
    connection,
    crash_point,
    encode_id,
    new_id,
    transaction,
    wake_relay,
)
from domain.vault.exports import FAILED, READY, tell
from domain.vault.limits import limits
from domain.vault.models import CardExport
from domain.vault.rules import (
    LEASE,
    MAX_ATTEMPTS,
    PART_CARDS,
    ExportedCard,
    csv_of,
    part_name,
    part_of_canary,
    watermarked,
)

_CLAIM = """
UPDATE card_exports SET due_at = $2, attempts = attempts + 1
WHERE id = $1 AND status = 'approved' AND due_at <= $3 RETURNING attempts
"""
_HOLD = "UPDATE card_exports SET due_at = $2 WHERE id = $1 AND status = 'approved' RETURNING 1"
_PLANTED = "SELECT card_id FROM card_canaries WHERE export_id = $1 ORDER BY card_id"
# Those that were planted for another export would blur where a code came from.
_NEXT = """
SELECT c.id FROM cards c WHERE c.variant_id = $1 AND c.id > $3
    AND ($2::uuid IS NULL OR c.batch_id = $2)
    AND (c.state = 'available' OR c.state = 'canary' AND EXISTS (
        SELECT 1 FROM card_canaries k WHERE k.card_id = c.id AND k.export_id IS NULL))
ORDER BY c.id LIMIT $4
"""
_LAST = """
SELECT number, last_card_id FROM card_export_parts
WHERE export_id = $1 AND number > 0 ORDER BY number DESC LIMIT 1
"""
_INSERT_PART = """
INSERT INTO card_export_parts (id, export_id, number, name, card_ids, last_card_id, digest, sealed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (export_id, number) DO NOTHING RETURNING 1
"""
_WRITTEN = """
SELECT number, name, cardinality(card_ids) AS cards, digest, octet_length(sealed) AS size
FROM card_export_parts WHERE export_id = $1 AND number > 0 ORDER BY number
"""
_READY = """
UPDATE card_exports SET status = 'ready', due_at = NULL, ready_at = $2, expires_at = $3, cards = $4,
    bytes = $5
WHERE id = $1 AND status = 'approved' RETURNING 1
"""
_NOT_COUNTED = "UPDATE card_exports SET attempts = attempts - 1 WHERE id = $1"
_FAILED = """
UPDATE card_exports SET status = 'failed', due_at = NULL, failure_code = $2
WHERE id = $1 AND status = 'approved' RETURNING 1
"""
SAMPLES = 5
GAVE_UP = "GAVE_UP"


class _Lost(Exception):
    """Another job writes this export, or it has ended."""


async def write_export(export_id: UUID) -> None:
    """Write what is missing of an approved export's archive; a job, any number of times.

    A code that does not open, or keys that are wrong, end it as failed; a key service that is down
    leaves it due. After five killed attempts it is given up.
    """
    attempts = await _claim(export_id)
    if attempts is None:
        return
    if attempts > MAX_ATTEMPTS:
        await _fail(export_id, GAVE_UP)
        return
    export = await CardExport.get(id=export_id)
    try:
        await _plant(export)
        await _write_parts(export)
        await _finish(export)
    except _Lost:
        return
    except Refused as refused:
        refusal = refused.refusals[0]
        if refusal.retryable:
            async with transaction() as conn:
                await conn.execute(_NOT_COUNTED, export_id)
            raise
        await _fail(export_id, refusal.code)


async def _claim(export_id: UUID) -> int | None:
    """Take the export for a while; the audit row is there before a single code is opened."""
    moment = clock.now()
    async with transaction() as conn:
        attempts: int | None = await conn.fetchval(_CLAIM, export_id, moment + LEASE, moment)
        if attempts is not None:
            details = {"attempt": attempts}
            await audit.record(conn, SYSTEM, "card_export.write", export_id, details)
    crash_point("export.claimed")
    return attempts


async def _plant(export: CardExport) -> None:
    """Canaries of this export alone, in the form of the codes among which they stand; once."""
    async with connection() as conn:
        planted = await conn.fetch(_PLANTED, export.id)
        sample = [row["id"] for row in await _next(conn, export, UUID(int=0), SAMPLES)]
        sealed = await cards.find_sealed(conn, sample)
    if planted or not export.canaries or not sample:
        return
    codes = cards.look_alikes(await cards.open_codes(SYSTEM, sealed, alarm=False), export.canaries)
    fresh = await cards.fresh_key()
    async with transaction() as conn:
        await _hold(conn, export.id)
        if await conn.fetch(_PLANTED, export.id):
            raise _Lost
        await act_as(conn, SYSTEM, "planted")
        await cards.plant(
            conn, fresh, export.variant_id, codes, by=export.requester_id, export_id=export.id
        )
        details = {"exportId": str(export.id), "count": len(codes)}
        await audit.record(conn, SYSTEM, "card_canary.plant", fresh.batch_id, details)
    crash_point("export.planted")


async def _write_parts(export: CardExport) -> None:
    recipient = Recipient(export.recipient)
    async with connection() as conn:
        done = await conn.fetchrow(_LAST, export.id)
        canaries = [row["card_id"] for row in await conn.fetch(_PLANTED, export.id)]
    number, last = (done["number"], done["last_card_id"]) if done else (0, UUID(int=0))
    parts = -(-export.cards // PART_CARDS)
    while last is not None:
        number += 1
        async with connection() as conn:
            found = [row["id"] for row in await _next(conn, export, last, PART_CARDS)]
        ends = len(found) < PART_CARDS
        ids = found + [
            each
            for each in canaries
            if (place := part_of_canary(each, export.watermark, parts)) == number
            or (ends and place > number)
        ]
        last = None if ends else found[-1]
        if ids:
            await _write_part(export, recipient, number, ids, last)


async def _write_part(
    export: CardExport, recipient: Recipient, number: int, ids: list[UUID], last: UUID | None
) -> None:
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, ids)
    opened = await cards.open_codes(SYSTEM, sealed, alarm=False)
    rows = [
        ExportedCard(card.card_id, card.number or "", card.secret, card.expires_on)
        for card in opened
    ]
    part = recipient.seal(csv_of(watermarked(rows, export.watermark)))
    await _save(export.id, number, ids, last, part)
    crash_point("export.part")


async def _finish(export: CardExport) -> None:
    """The manifest, and from now on the archive can be fetched."""
    moment = clock.now()
    async with connection() as conn:
        parts = await conn.fetch(_WRITTEN, export.id)
    total = sum(part["cards"] for part in parts)
    manifest = Recipient(export.recipient).seal(
        orjson.dumps(_manifest(export, parts, total), option=orjson.OPT_INDENT_2)
    )
    size = len(manifest) + sum(part["size"] for part in parts)
    async with transaction() as conn:
        await _save_part(conn, export.id, 0, [], None, manifest)
        until = moment + limits.export_life
        if not await conn.fetchval(_READY, export.id, moment, until, total, size):
            raise _Lost
        done = await CardExport.get(id=export.id)
        details = {"cards": total, "bytes": size, "watermark": str(export.watermark)}
        await audit.record(conn, SYSTEM, READY, export.id, details)
        await tell(conn, READY, done)
        crash_point("export.ready_written")
    wake_relay()


def _manifest(export: CardExport, parts: Sequence[Any], total: int) -> dict[str, Any]:
    """Who, when, why; and by what an altered or missing part is noticed."""
    return {
        "export": encode_id(Prefix.CARD_EXPORT, export.id),
        "watermark": str(export.watermark),
        "requestedBy": encode_id(Prefix.USER, export.requester_id),
        "requestedAt": export.requested_at,
        "approvedBy": encode_id(Prefix.USER, export.approver_id) if export.approver_id else None,
        "approvedAt": export.decided_at,
        "reason": export.reason,
        "variant": encode_id(Prefix.VARIANT, export.variant_id),
        "batch": encode_id(Prefix.CARD_BATCH, export.batch_id) if export.batch_id else None,
        "cards": total,
        "parts": [
            {"name": part["name"], "cards": part["cards"], "sha256": part["digest"].hex()}
            for part in parts
        ],
    }


async def _save(
    export_id: UUID, number: int, ids: list[UUID], last: UUID | None, sealed: bytes
) -> None:
    async with transaction() as conn:
        await _hold(conn, export_id)
        await _save_part(conn, export_id, number, ids, last, sealed)


async def _save_part(
    conn: Connection,
    export_id: UUID,
    number: int,
    ids: list[UUID],
    last: UUID | None,
    sealed: bytes,
) -> None:
    digest = sha256(sealed).digest()
    name = part_name(number)
    args = (new_id(), export_id, number, name, ids, last, digest, sealed)
    if not await conn.fetchval(_INSERT_PART, *args):
        raise _Lost


async def _hold(conn: Connection, export_id: UUID) -> None:
    """Go on holding the export; somebody else's, or an ended one, is left alone."""
    if not await conn.fetchval(_HOLD, export_id, clock.now() + LEASE):
        raise _Lost


async def _fail(export_id: UUID, code: str) -> None:
    async with transaction() as conn:
        if not await conn.fetchval(_FAILED, export_id, code):
            return
        export = await CardExport.get(id=export_id)
        await audit.record(conn, SYSTEM, FAILED, export_id, {"code": code})
        await tell(conn, FAILED, export)
    wake_relay()


async def _next(conn: Connection, export: CardExport, last: UUID, limit: int) -> Sequence[Any]:
    rows: Sequence[Any] = await conn.fetch(_NEXT, export.variant_id, export.batch_id, last, limit)
    return rows
