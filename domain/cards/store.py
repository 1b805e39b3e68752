"""Writing and opening sealed cards: the only place where a code is in the open, for a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from domain.cards.rules import bound_to, canonical, masked, packed, unpacked
from domain.kernel import (
    Connection,
    clock,
    keyed_digest,
    new_data_key,
    new_id,
    seal,
    unseal,
    unwrap_key,
    wrap_key,
)

_INSERT_BATCH = """
INSERT INTO card_batches (id, variant_id, source, content_digest, unit_cost, currency, wrapped_key,
    key_version, accepted, duplicates, rejected, expires_on, supplier_attempt_id, imported_by,
    imported_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13, $14)
ON CONFLICT DO NOTHING RETURNING 1
"""
_INSERT_CARDS = """
INSERT INTO cards (id, variant_id, batch_id, state, fingerprint, masked, unit_cost, expires_on,
    reveal_count, created_at)
SELECT c.id, $1, $2, 'available', c.fingerprint, c.masked, $3, c.expires_on, 0, $4
FROM unnest($5::uuid[], $6::bytea[], $7::text[], $8::date[])
    AS c (id, fingerprint, masked, expires_on)
ON CONFLICT DO NOTHING RETURNING id, fingerprint
"""
_SELL = """
UPDATE cards c SET state = 'sold', order_line_id = $2, unit_number = wanted.unit, sold_at = $3
FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, unit) WHERE c.id = wanted.id
"""
_INSERT_SECRETS = """
INSERT INTO card_secrets (card_id, sealed) SELECT * FROM unnest($1::uuid[], $2::bytea[])
"""
_SEALED = """
SELECT c.id, c.variant_id, c.batch_id, c.expires_on, s.sealed, b.wrapped_key, b.key_version
FROM cards c JOIN card_secrets s ON s.card_id = c.id JOIN card_batches b ON b.id = c.batch_id
WHERE c.id = ANY($1)
"""
_REVEALED = """
UPDATE cards SET reveal_count = reveal_count + 1,
    first_revealed_at = coalesce(first_revealed_at, $2)
WHERE id = ANY($1)
"""

Code = tuple[bytes, str, str, date | None]  # fingerprint, number, secret, expires on


@dataclass(slots=True)
class Batch:
    """A batch about to be written, with its open data key."""

    id: UUID
    variant_id: UUID
    source: str
    content_digest: bytes
    unit_cost: int
    currency: str
    data_key: bytes = field(repr=False)
    wrapped_key: bytes = field(repr=False)
    key_version: int
    accepted: int = 0
    duplicates: int = 0
    expires_on: date | None = None
    supplier_attempt_id: UUID | None = None
    imported_by: UUID | None = None

    @classmethod
    def new(
        cls, variant_id: UUID, source: str, digest: bytes, unit_cost: int, currency: str
    ) -> "Batch":
        """A batch with a fresh data key, wrapped for the table."""
        batch_id, key = new_id(), new_data_key()
        wrapped, version = wrap_key(key, batch_id.bytes)
        return cls(batch_id, variant_id, source, digest, unit_cost, currency, key, wrapped, version)

    def fingerprint(self, code: bytes) -> bytes:
        """The keyed blind index of a canonical code: equal codes of a variant are found by it."""
        return keyed_digest("card-index", self.variant_id.bytes + code)


@dataclass(frozen=True, slots=True)
class OpenedCard:
    """A card with its code. A repr shows neither number nor secret."""

    card_id: UUID
    number: str | None = field(repr=False)
    secret: str = field(repr=False)
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class StoredPurchase:
    """What became of codes that a supplier delivered."""

    batch_id: UUID
    card_ids: tuple[UUID, ...]
    duplicates: int


async def insert_batch(conn: Connection, batch: Batch) -> bool:
    """Write the batch's row; False when the same file, or the same attempt, has one already."""
    found = await conn.fetchval(
        _INSERT_BATCH,
        batch.id,
        batch.variant_id,
        batch.source,
        batch.content_digest,
        batch.unit_cost,
        batch.currency,
        batch.wrapped_key,
        batch.key_version,
        batch.accepted,
        batch.duplicates,
        batch.expires_on,
        batch.supplier_attempt_id,
        batch.imported_by,
        clock.now(),
    )
    return found is not None


async def insert_cards(conn: Connection, batch: Batch, codes: Sequence[Code]) -> dict[bytes, UUID]:
    """Seal and store codes; the ids of those that were not in the store yet, by fingerprint."""
    ids = [new_id() for _ in codes]
    rows = await conn.fetch(
        _INSERT_CARDS,
        batch.variant_id,
        batch.id,
        batch.unit_cost,
        clock.now(),
        ids,
        [fingerprint for fingerprint, _, _, _ in codes],
        [masked(number, secret) for _, number, secret, _ in codes],
        [expires_on or batch.expires_on for _, _, _, expires_on in codes],
    )
    stored = {row["fingerprint"]: row["id"] for row in rows}
    secrets = {code[0]: packed(code[1], code[2]) for code in codes}
    sealed = [_sealed(batch, stored[each], secrets[each]) for each in stored]
    await conn.execute(_INSERT_SECRETS, list(stored.values()), sealed)
    return stored


def _sealed(batch: Batch, card_id: UUID, plaintext: bytes) -> bytes:
    bound = bound_to(card_id, batch.variant_id, batch.id, batch.key_version)
    return seal(batch.data_key, plaintext, bound)


async def store_purchased(
    conn: Connection,
    *,
    variant_id: UUID,
    attempt_id: UUID,
    source: str,
    codes: Sequence[tuple[str, str]],
    unit_cost: int,
    currency: str,
    expires_on: date | None = None,
) -> StoredPurchase:
    """Store what a supplier delivered for an attempt as stock, in the caller's transaction.

    A code that is in the store already is counted and left out: it cannot be sold twice, whoever
    sends it. The caller sells the cards to the line they were bought for when they are whole.
    """
    batch = Batch.new(variant_id, source, attempt_id.bytes, unit_cost, currency)
    batch.supplier_attempt_id, batch.expires_on = attempt_id, expires_on
    by_fingerprint: dict[bytes, Code] = {}
    for number, secret in codes:
        fingerprint = batch.fingerprint(canonical(number, secret))
        by_fingerprint.setdefault(fingerprint, (fingerprint, number, secret, None))
    if not await insert_batch(conn, batch):
        raise RuntimeError("the goods of an attempt are stored once")
    stored = await insert_cards(conn, batch, list(by_fingerprint.values()))
    duplicates = len(codes) - len(stored)
    counted = "UPDATE card_batches SET accepted = $2, duplicates = $3 WHERE id = $1"
    await conn.execute(counted, batch.id, len(stored), duplicates)
    return StoredPurchase(batch.id, tuple(stored.values()), duplicates)


async def sell(conn: Connection, card_ids: Sequence[UUID], line_id: UUID) -> None:
    """Give cards to an order line as its units 1, 2, 3 ...; the database refuses a sold one."""
    await conn.execute(_SELL, list(card_ids), line_id, clock.now())


async def open_codes(conn: Connection, card_ids: Sequence[UUID]) -> list[OpenedCard]:
    """The codes of cards, in the order of the ids; `SealBroken` when one was tampered with.

    The caller has proved whose they are and written the audit rows in this transaction (row B3).
    """
    rows = {row["id"]: row for row in await conn.fetch(_SEALED, list(card_ids))}
    keys: dict[UUID, bytes] = {}
    opened = []
    for card_id in card_ids:
        row = rows[card_id]
        batch_id, version = row["batch_id"], row["key_version"]
        if batch_id not in keys:
            keys[batch_id] = unwrap_key(row["wrapped_key"], version, batch_id.bytes)
        bound = bound_to(card_id, row["variant_id"], batch_id, version)
        number, secret = unpacked(unseal(keys[batch_id], row["sealed"], bound))
        opened.append(OpenedCard(card_id, number or None, secret, row["expires_on"]))
    return opened


async def mark_revealed(conn: Connection, card_ids: Sequence[UUID]) -> None:
    """Note that the codes were shown."""
    await conn.execute(_REVEALED, list(card_ids), clock.now())
