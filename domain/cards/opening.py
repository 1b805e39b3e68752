"""Opening sealed cards, and what happens when one does not open."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import asyncpg

from domain import audit
from domain.cards.canaries import note_canaries
from domain.cards.keys import unwrapped
from domain.cards.refusals import CardSealBroken
from domain.cards.rules import bound_to, unpacked
from domain.kernel import (
    Actor,
    Connection,
    Refused,
    SealBroken,
    WrappedKey,
    clock,
    transaction,
    unseal,
    wake_relay,
)

SEAL_BROKEN = "card.seal_broken"
NOT_OPENED = "card.not_opened"

_SEALED = """
SELECT c.id, c.variant_id, c.batch_id, c.expires_on, c.state = 'canary' AS planted,
    s.sealed, s.generation, b.wrapped_key, b.next_wrapped_key, b.generation AS batch_generation,
    b.key_version
FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, place)
JOIN cards c ON c.id = wanted.id JOIN card_secrets s ON s.card_id = c.id
JOIN card_batches b ON b.id = c.batch_id ORDER BY wanted.place
"""
_REVEALED = """
UPDATE cards SET reveal_count = reveal_count + 1,
    first_revealed_at = coalesce(first_revealed_at, $2),
    state = CASE WHEN state = 'sold' THEN 'revealed' ELSE state END
WHERE id IN (
    SELECT id FROM cards c WHERE id = ANY($1) AND card_open_to_buyer(state, first_revealed_at)
        AND NOT EXISTS (SELECT 1 FROM shared_deliveries d WHERE d.card_id = c.id)
    ORDER BY id FOR UPDATE)
RETURNING id
"""
_SHARED_REVEALED = """
UPDATE shared_deliveries SET reveal_count = reveal_count + 1,
    first_revealed_at = coalesce(first_revealed_at, $3)
WHERE card_id = ANY($1) AND order_line_id IN (
    SELECT id FROM order_lines WHERE order_id = $2 AND refunded_quantity < quantity)
RETURNING card_id AS id
"""


@dataclass(frozen=True, slots=True)
class SealedCard:
    """A card as it lies in the store, with the wrapped data key that opens it."""

    card_id: UUID
    variant_id: UUID
    batch_id: UUID
    expires_on: date | None
    generation: int
    sealed: bytes = field(repr=False)
    wrapped: WrappedKey | None = field(repr=False)
    planted: bool = False  # a canary


@dataclass(frozen=True, slots=True)
class OpenedCard:
    """A card with its code. A repr shows neither number nor secret."""

    card_id: UUID
    number: str | None = field(repr=False)
    secret: str = field(repr=False)
    expires_on: date | None


async def find_sealed(conn: Connection, card_ids: Sequence[UUID]) -> list[SealedCard]:
    """Sealed cards in the order of the ids, to be opened after the caller's transaction."""
    rows = await conn.fetch(_SEALED, list(card_ids))
    if len(rows) != len(card_ids):
        raise LookupError("a card has no secret")
    return [_sealed_card(row) for row in rows]


async def open_codes(
    actor: Actor, sealed: Sequence[SealedCard], *, alarm: bool = True
) -> list[OpenedCard]:
    """The codes of sealed cards, in their order; never called inside a transaction.

    The caller has proved whose they are and committed the audit rows (row B3). A card that does
    not open is audited as such and refused: CARD_SEAL_BROKEN when it was altered, moved, cut or
    replayed, else what is wrong with the keys. A canary among them raises the alarm first, but for
    exports (`alarm`), which are meant to carry some.
    """
    planted = [card.card_id for card in sealed if card.planted]
    if planted and alarm:
        async with transaction() as conn:
            await note_canaries(conn, actor, planted, "reveal")
        wake_relay()
    keys: dict[tuple[UUID, int], bytes] = {}
    opened = []
    for card in sealed:
        try:
            opened.append(await _open(card, keys))
        except SealBroken:
            await _tell(actor, card, SEAL_BROKEN, "seal")
            raise Refused(CardSealBroken()) from None
        except Refused as refused:
            await _tell(actor, card, NOT_OPENED, refused.refusals[0].code)
            raise
    return opened


async def mark_revealed(
    conn: Connection, card_ids: Sequence[UUID], order_id: UUID | None = None
) -> set[UUID]:
    """Note that codes are being shown: a sold card is a revealed one from its first time on.

    Of a shared code the share of the order that it is shown for is marked. Answers which cards were
    marked: any other was disputed or refunded meanwhile, and must not be shown.
    """
    rows = await conn.fetch(_REVEALED, list(card_ids), clock.now())
    if order_id is not None:
        rows += await conn.fetch(_SHARED_REVEALED, list(card_ids), order_id, clock.now())
    return {row["id"] for row in rows}


async def _open(card: SealedCard, keys: dict[tuple[UUID, int], bytes]) -> OpenedCard:
    number, secret = unpacked(await plaintext_of(card, keys))
    return OpenedCard(card.card_id, number or None, secret, card.expires_on)


async def plaintext_of(card: SealedCard, keys: dict[tuple[UUID, int], bytes]) -> bytes:
    """A packed code; `keys` remembers data keys from one card to the next. `SealBroken` or what is
    wrong with the keys."""
    if card.wrapped is None:
        raise SealBroken
    place = card.batch_id, card.generation
    if place not in keys:
        keys[place] = await unwrapped(card.batch_id, card.wrapped, card.generation)
    bound = bound_to(card.card_id, card.variant_id, card.batch_id, card.generation)
    return unseal(keys[place], card.sealed, bound)


def _sealed_card(row: asyncpg.Record) -> SealedCard:
    """A generation that its batch has no key of was put back from an earlier time: no key."""
    by_generation = {
        row["batch_generation"]: row["wrapped_key"],
        row["batch_generation"] + 1: row["next_wrapped_key"],
    }
    wrapped = by_generation.get(row["generation"])
    return SealedCard(
        row["id"],
        row["variant_id"],
        row["batch_id"],
        row["expires_on"],
        row["generation"],
        row["sealed"],
        WrappedKey(wrapped, row["key_version"]) if wrapped is not None else None,
        row["planted"],
    )


async def _tell(actor: Actor, card: SealedCard, action: str, reason: str) -> None:
    details = {"reason": reason, "batchId": str(card.batch_id), "generation": card.generation}
    async with transaction() as conn:
        await audit.record(conn, actor, action, card.card_id, details)
