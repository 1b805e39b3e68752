"""Writing sealed cards: here, in opening.py and while keys are rotated a code is in the open."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from uuid import UUID

from domain.cards.canaries import note_prints, prints_of
from domain.cards.keys import FIRST_GENERATION, FreshKey
from domain.cards.models import BatchStage, CardState
from domain.cards.rules import bound_all, canonical, masked, packed
from domain.cards.state import STEADY, IndexState, writing_state
from domain.kernel import SYSTEM, Connection, WrappedKey, clock, new_id, seal_all

_INSERT_BATCH = """
INSERT INTO card_batches (id, variant_id, source, content_digest, unit_cost, currency, wrapped_key,
    key_version, generation, accepted, duplicates, rejected, expires_on, supplier_attempt_id,
    imported_by, imported_at, stage, supplier_id, reference)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, 0, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT DO NOTHING RETURNING 1
"""
_RECEIVED = "UPDATE card_batches SET accepted = $2, duplicates = $3 WHERE id = $1"
_INSERT_CARDS = """
INSERT INTO cards (id, variant_id, batch_id, state, fingerprint, next_fingerprint, masked,
    unit_cost, expires_on, reveal_count, created_at)
SELECT c.id, $1, $2, $10, c.fingerprint, c.next_fingerprint, c.masked, $3, c.expires_on, 0,
    $4
FROM unnest($5::uuid[], $6::bytea[], $7::bytea[], $8::text[], $9::date[])
    AS c (id, fingerprint, next_fingerprint, masked, expires_on)
ON CONFLICT DO NOTHING RETURNING id, fingerprint
"""
_SELL = """
UPDATE cards c SET state = 'sold', order_line_id = $2, unit_number = wanted.unit, sold_at = $3
FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, unit) WHERE c.id = wanted.id
"""
_KNOWN = "SELECT fingerprint FROM cards WHERE fingerprint = ANY($1)"
_INSERT_SECRETS = """
INSERT INTO card_secrets (card_id, sealed, generation)
SELECT id, sealed, $3 FROM unnest($1::uuid[], $2::bytea[]) AS s (id, sealed)
"""
Code = tuple[bytes, str, str, date | None]  # fingerprint, number, secret, expires on
# Fingerprint, id, fingerprint by the next pepper, masked, expires on, sealed code.
SealedRow = tuple[bytes, UUID, bytes | None, str, date | None, bytes]


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
    wrapped: WrappedKey = field(repr=False)
    accepted: int = 0
    duplicates: int = 0
    expires_on: date | None = None
    supplier_attempt_id: UUID | None = None
    supplier_id: UUID | None = None
    reference: str = ""  # of the supplier's receipt
    imported_by: UUID | None = None
    index: IndexState = STEADY
    generation: int = FIRST_GENERATION  # of the data key
    born: CardState = CardState.AVAILABLE  # the state that its cards begin in

    @classmethod
    def new(
        cls, fresh: FreshKey, variant_id: UUID, source: str, digest: bytes, cost: int, currency: str
    ) -> "Batch":
        """A batch of its own data key. `cost` in units for one card."""
        return cls(
            fresh.batch_id,
            variant_id,
            source,
            digest,
            cost,
            currency,
            fresh.data_key,
            fresh.wrapped,
        )

    def fingerprint(self, code: bytes) -> bytes:
        """The keyed blind index of a canonical code: equal codes of a variant are found by it."""
        return self.index.fingerprint(self.variant_id, code)


@dataclass(frozen=True, slots=True)
class SealedCards:
    """Cards ready to be written, with the state of the index that their fingerprints are of."""

    index: IndexState
    rows: list[SealedRow] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredPurchase:
    """What became of codes that a supplier delivered."""

    batch_id: UUID
    card_ids: tuple[UUID, ...]
    duplicates: int


async def insert_batch(
    conn: Connection, batch: Batch, stage: BatchStage = BatchStage.STORED
) -> bool:
    """Write the batch's row; False when the same file, or the same attempt, has one already.

    From here to the end of the transaction no rotation of the blind index takes its next step.
    """
    batch.index = await writing_state(conn)
    found = await conn.fetchval(
        _INSERT_BATCH,
        batch.id,
        batch.variant_id,
        batch.source,
        batch.content_digest,
        batch.unit_cost,
        batch.currency,
        batch.wrapped.wrapped,
        batch.wrapped.version,
        batch.accepted,
        batch.duplicates,
        batch.expires_on,
        batch.supplier_attempt_id,
        batch.imported_by,
        clock.now(),
        stage.value,
        batch.supplier_id,
        batch.reference,
    )
    return found is not None


async def insert_cards(conn: Connection, batch: Batch, codes: Sequence[Code]) -> dict[bytes, UUID]:
    """Seal and store codes; the ids of those that were not in the store yet, by fingerprint and in
    the order of `codes`."""
    stored = await insert_sealed(conn, batch, seal_cards(batch, codes))
    return {code[0]: stored[code[0]] for code in codes if code[0] in stored}


def seal_cards(batch: Batch, codes: Sequence[Code]) -> SealedCards:
    """Cards ready to be written: all that costs time and needs no database.

    Ids are given in the order of `codes`, which is the order in which they will be sold. The rows
    are written in the order of the fingerprints: two writers that share codes then wait for each
    other one way round, never in a circle.
    """
    ids = [new_id() for _ in codes]
    bound = bound_all(ids, batch.variant_id, batch.id, batch.generation)
    plain = [packed(number, secret) for _, number, secret, _ in codes]
    sealed = seal_all(batch.data_key, list(zip(plain, bound, strict=True)))
    rows = [
        (
            fingerprint,
            card_id,
            batch.index.next_fingerprint(batch.variant_id, canonical(number, secret))
            if batch.index.next_version
            else None,
            masked(number, secret),
            expires_on or batch.expires_on,
            each,
        )
        for card_id, (fingerprint, number, secret, expires_on), each in zip(
            ids, codes, sealed, strict=True
        )
    ]
    return SealedCards(batch.index, in_order(rows))


def in_order(rows: list[SealedRow]) -> list[SealedRow]:
    """By their fingerprints: the one order in which cards are written."""
    return sorted(rows, key=itemgetter(0))


async def insert_sealed(conn: Connection, batch: Batch, cards: SealedCards) -> dict[bytes, UUID]:
    """Store cards; the ids of those that were not in the store yet, by fingerprint."""
    if not cards.rows:
        return {}
    fingerprints, ids, following, masks, days, sealed = map(list, zip(*cards.rows, strict=True))
    found = await conn.fetch(
        _INSERT_CARDS,
        batch.variant_id,
        batch.id,
        batch.unit_cost,
        clock.now(),
        ids,
        fingerprints,
        following,
        masks,
        days,
        batch.born.value,
    )
    stored: dict[bytes, UUID] = {row["fingerprint"]: row["id"] for row in found}
    if len(stored) < len(ids):
        kept = [row for row in cards.rows if row[0] in stored]
        ids, sealed = [row[1] for row in kept], [row[5] for row in kept]
    await conn.execute(_INSERT_SECRETS, ids, sealed, batch.generation)
    return stored


async def store_purchased(
    conn: Connection,
    fresh: FreshKey,
    *,
    variant_id: UUID,
    attempt_id: UUID,
    source: str,
    codes: Sequence[tuple[str, str]],
    unit_cost: int,
    currency: str,
    expires_on: date | None = None,
    supplier_id: UUID | None = None,
    reference: str = "",
) -> StoredPurchase:
    """Store what a supplier delivered for an attempt as stock, in the caller's transaction.

    `reference` is that of the supplier's receipt. A code that is in the store already is counted
    and left out: it cannot be sold twice, whoever sends it. `fresh` was made before the
    transaction. The caller sells the cards to the line they were bought for when they are whole.
    """
    batch = Batch.new(fresh, variant_id, source, attempt_id.bytes, unit_cost, currency)
    batch.supplier_attempt_id, batch.expires_on = attempt_id, expires_on
    batch.supplier_id, batch.reference = supplier_id, reference[:64]
    # Usually none of them is here yet; where one is, the batch is counted again below.
    batch.accepted = len({canonical(number, secret) for number, secret in codes})
    batch.duplicates = len(codes) - batch.accepted
    if not await insert_batch(conn, batch):
        raise RuntimeError("the goods of an attempt are stored once")
    by_fingerprint: dict[bytes, Code] = {}
    for number, secret in codes:
        fingerprint = batch.fingerprint(canonical(number, secret))
        by_fingerprint.setdefault(fingerprint, (fingerprint, number, secret, None))
    prints = [each for number, secret in codes for each in prints_of(number, secret)]
    await note_prints(conn, SYSTEM, prints, "import", variant_id)
    stored = await insert_cards(conn, batch, list(by_fingerprint.values()))
    duplicates = len(codes) - len(stored)
    if duplicates != batch.duplicates:
        await conn.execute(_RECEIVED, batch.id, len(stored), duplicates)
    return StoredPurchase(batch.id, tuple(stored.values()), duplicates)


async def unknown_codes(
    conn: Connection, variant_id: UUID, codes: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Which of these codes (number, secret) are in no batch of the variant yet, each once and in
    their order; in the caller's transaction."""
    index = await writing_state(conn)
    by_print = {index.fingerprint(variant_id, canonical(*code)): code for code in codes}
    known = {row["fingerprint"] for row in await conn.fetch(_KNOWN, list(by_print))}
    return [code for fingerprint, code in by_print.items() if fingerprint not in known]


async def sell(conn: Connection, card_ids: Sequence[UUID], line_id: UUID) -> None:
    """Give cards to an order line as its units 1, 2, 3 ...; the database refuses a sold one."""
    await conn.execute(_SELL, list(card_ids), line_id, clock.now())
