"""Issuing cards: codes from the system's random source, straight into the card store (row K1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import audit, cards
from domain.giftcards.models import GiftCardProgram
from domain.giftcards.programs import WRITE_SCOPE
from domain.giftcards.rules import MAX_ISSUED, new_number
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    act_as,
    claim_key,
    clock,
    crash_point,
    encode_id,
    input_hash,
    keyed_digest,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

CHUNK = 1_000
OPERATION = "giftCardIssue"

_INSERT = """
INSERT INTO gift_cards (card_id, program_id, batch_id, number, code_index, status, face_units, uses,
    currency, balance_units, uses_left, version, moved_by, moved_because, moved_at)
SELECT id, $1, $2, number, code_index, 'issued', $3, $4, $5, 0, 0, 1, $6, '', $7
FROM unnest($8::uuid[], $9::text[], $10::bytea[]) AS c (id, number, code_index)
"""
_ISSUED = "SELECT accepted FROM card_batches WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Issue:
    """What was issued; `replayed`: by an earlier call with the same key."""

    program_id: UUID
    batch_id: UUID
    quantity: int
    replayed: bool


async def issue(actor: Actor, program_id: UUID, quantity: int, idempotency_key: str) -> Issue:
    """Issue cards of a program as a batch of the card store: sealed, for sale, worth nothing yet.

    Needs `giftcards:write`; audited. All or none, in one transaction; of the codes never more than
    CHUNK are in memory. Refuses an unknown program and a quantity outside 1..MAX_ISSUED.
    """
    actor.require_scope(WRITE_SCOPE)
    in_range = 1 <= quantity <= MAX_ISSUED
    refuse_unless(in_range, Invalid(reason="gift_quantity", field=("quantity",)))
    fresh = await cards.fresh_key()
    async with transaction() as conn:
        program = await GiftCardProgram.filter(id=program_id).select_for_update().first()
        if program is None:
            raise Refused(NotFound(what="gift card program", field=("programId",)))
        hashed = input_hash([program_id, quantity])
        by = actor.user_id or program_id
        known = await claim_key(conn, by, OPERATION, idempotency_key, hashed, fresh.batch_id)
        if known is not None:
            return Issue(program_id, known, await conn.fetchval(_ISSUED, known), replayed=True)
        await _issue(conn, actor, program, fresh, quantity)
        crash_point("giftcards.issue_written")
        details = {"programId": str(program_id), "quantity": quantity}
        await audit.record(conn, actor, "gift_card.issue", fresh.batch_id, details)
        await record_events(conn, [_told(program, fresh.batch_id, quantity)])
    wake_relay()
    return Issue(program_id, fresh.batch_id, quantity, replayed=False)


def code_index(code: str) -> bytes:
    """Under which a card is found by its code (seventeen letters).

    The key never changes: with 80 random bits behind each, not even a bare digest could be turned
    back, so the index needs no rotation (unlike that of the card store, whose codes may be short).
    """
    return keyed_digest("gift-card-code", code.encode())


async def _issue(
    conn: Connection,
    actor: Actor,
    program: GiftCardProgram,
    fresh: cards.FreshKey,
    quantity: int,
) -> None:
    await act_as(conn, actor, "issued")
    batch = await cards.open_issue(
        conn,
        fresh,
        program.variant_id,
        unit_cost=program.face_units or 0,
        currency=program.currency,
        issued_by=actor.user_id,
    )
    for start in range(0, quantity, CHUNK):
        codes = [
            (new_number(program.prefix), cards.new_code())
            for _ in range(min(CHUNK, quantity - start))
        ]
        ids = await cards.issue_cards(conn, batch, codes)
        await _insert(conn, actor, program, batch.id, ids, codes)
    await cards.close_issue(conn, batch)


async def _insert(
    conn: Connection,
    actor: Actor,
    program: GiftCardProgram,
    batch_id: UUID,
    ids: Sequence[UUID],
    codes: Sequence[tuple[str, str]],
) -> None:
    await conn.execute(
        _INSERT,
        program.id,
        batch_id,
        program.face_units,
        program.uses,
        program.currency,
        actor.user_id,
        clock.now(),
        ids,
        [number for number, _ in codes],
        [code_index(_letters(code)) for _, code in codes],
    )


def _letters(code: str) -> str:
    letters = cards.read_code(code)
    assert letters is not None, "a code that we made is sound"
    return letters


def _told(program: GiftCardProgram, batch_id: UUID, quantity: int) -> Event:
    payload = {
        "programId": encode_id(Prefix.GIFT_CARD_PROGRAM, program.id),
        "batchId": encode_id(Prefix.CARD_BATCH, batch_id),
        "quantity": quantity,
    }
    return Event("gift_card.issued", batch_id, 1, payload)
