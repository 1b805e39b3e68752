"""Planting canaries; what they are for stands in canaries.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain import audit
from domain.cards.canaries import keep_prints
from domain.cards.issuing import ISSUED
from domain.cards.keys import FIRST_GENERATION, FreshKey, fresh_key
from domain.cards.opening import OpenedCard, find_sealed, open_codes
from domain.cards.own_codes import ALPHABET, RANDOM_LETTERS, new_code, read_code
from domain.cards.rules import (
    CANARY_BITS,
    Form,
    bare,
    bound_to,
    canonical,
    drawn,
    form_bits,
    form_like,
    form_of,
    masked,
    packed,
    telling,
)
from domain.cards.store import Batch, insert_batch
from domain.catalog import DeliveryKind
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    act_as,
    claim_key,
    clock,
    connection,
    input_hash,
    new_id,
    refuse_unless,
    seal,
    transaction,
)

CANARY_SCOPE = "cards:canary"
PLANTED = "card_canary.plant"
MAX_PLANTED = 100
MAX_FORM_LETTERS = 64
DEFAULT_FORM = "????-????-????-????"
CURRENCY = "CNY"

_KIND = "SELECT delivery_kind FROM variants WHERE id = $1"
_INSERT_CARDS = """
INSERT INTO cards (id, variant_id, batch_id, state, fingerprint, next_fingerprint, masked,
    unit_cost, reveal_count, created_at)
SELECT c.id, $1, $2, 'canary', c.fingerprint, c.next_fingerprint, c.masked, 0, 0, $3
FROM unnest($4::uuid[], $5::bytea[], $6::bytea[], $7::text[])
    AS c (id, fingerprint, next_fingerprint, masked)
"""
_INSERT_SECRETS = """
INSERT INTO card_secrets (card_id, sealed, generation)
SELECT id, sealed, $3 FROM unnest($1::uuid[], $2::bytea[]) AS s (id, sealed)
"""
_INSERT_CANARIES = """
INSERT INTO card_canaries (card_id, export_id, planted_by, planted_at)
SELECT id, $2, $3, $4 FROM unnest($1::uuid[]) AS c (id)
"""
_WITHOUT_PRINT = """
SELECT c.id FROM card_canaries k JOIN cards c ON c.id = k.card_id
WHERE c.state = 'canary' AND NOT EXISTS (SELECT 1 FROM canary_prints p WHERE p.card_id = c.id)
ORDER BY c.id LIMIT $1
"""
_COUNTED = "UPDATE card_batches SET accepted = $2 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Decoy:
    """A made-up code, and the form that it was drawn of; a repr shows neither."""

    number: str = field(repr=False)
    secret: str = field(repr=False)
    number_form: Form = field(repr=False)
    secret_form: Form = field(repr=False)


@dataclass(frozen=True, slots=True)
class CanaryWish:
    """What to plant: `#` is a digit and `?` a letter of the forms, so that they look at home.

    Own gift cards have codes of one form, with a check letter: `secret_form` is not used for them.
    """

    variant_id: UUID
    count: int
    idempotency_key: str
    number_form: str = ""
    secret_form: str = DEFAULT_FORM
    source: str = "import"


@dataclass(frozen=True, slots=True)
class Planted:
    """What was planted. The codes are shown to nobody."""

    batch_id: UUID
    count: int
    replayed: bool = False


async def plant_canaries(actor: Actor, wish: CanaryWish) -> Planted:
    """Plant cards that are never sold; needs `cards:canary`. The same key again plants none.

    Refuses an unknown variant, a count out of 1 to 100, and a form whose codes could be met by
    chance.
    """
    actor.require_scope(CANARY_SCOPE)
    fits = 1 <= wish.count <= MAX_PLANTED
    refuse_unless(fits, Invalid(reason="canary_count", field=("count",)))
    named = 0 < len(wish.source) <= 64 and wish.source.isprintable() and wish.source != ISSUED
    refuse_unless(named, Invalid(reason="card_source", field=("source",)))
    texts = wish.number_form, wish.secret_form
    number, secret = (form_of(text) for text in texts)
    sound = all(len(text) <= MAX_FORM_LETTERS and text.isprintable() for text in texts)
    wide = wish.secret_form and form_bits(number, secret) >= CANARY_BITS
    refuse_unless(bool(sound and wide), Invalid(reason="canary_form", field=("secretForm",)))
    hashed = input_hash([wish.variant_id, wish.count, *texts, wish.source])
    key, by = wish.idempotency_key, actor.user_id or UUID(int=0)
    fresh = await fresh_key()
    async with transaction() as conn:
        known = await claim_key(conn, by, "cardCanaryPlant", key, hashed, fresh.batch_id)
        if known is not None:
            return Planted(known, wish.count, replayed=True)
        await act_as(conn, actor, "planted")
        own = await _is_own(conn, wish.variant_id)
        if own is None:
            raise Refused(NotFound(what="variant", field=("variantId",)))
        decoys = [_decoy(number, secret, own=own) for _ in range(wish.count)]
        await plant(conn, fresh, wish.variant_id, decoys, source=wish.source, by=actor.user_id)
        details = {"variantId": str(wish.variant_id), "count": wish.count}
        await audit.record(conn, actor, PLANTED, fresh.batch_id, details)
    return Planted(fresh.batch_id, wish.count)


def look_alikes(samples: Sequence[OpenedCard], count: int) -> list[Decoy]:
    """Made-up numbers and secrets in the form of real ones; never fewer than 40 random bits.

    Among codes with our own check letter they have a right one: else whoever checks it would know
    them by that.
    """
    secret = form_like([card.secret for card in samples])
    number = form_like([card.number or "" for card in samples])
    if form_bits(number, secret) < CANARY_BITS:
        secret = form_of(DEFAULT_FORM)
    own = all(read_code(card.secret) is not None for card in samples)
    return [_decoy(number, secret, own=own) for _ in range(count)]


def _decoy(number: Form, secret: Form, *, own: bool) -> Decoy:
    if not own:
        return Decoy(drawn(number), drawn(secret), number, secret)
    return Decoy(drawn(number), new_code(), number, (ALPHABET,) * RANDOM_LETTERS)


async def plant(
    conn: Connection,
    fresh: FreshKey,
    variant_id: UUID,
    decoys: Sequence[Decoy],
    *,
    source: str = "import",
    by: UUID | None = None,
    export_id: UUID | None = None,
) -> list[UUID]:
    """Write canaries of these numbers and secrets in the caller's transaction; their ids."""
    origin = ISSUED if await _is_own(conn, variant_id) else source  # own cards come no other way
    batch = Batch.new(fresh, variant_id, origin, fresh.batch_id.bytes, 0, CURRENCY)
    batch.imported_by, batch.accepted = by, len(decoys)
    if not await insert_batch(conn, batch):
        raise RuntimeError("a fresh batch is written once")
    ids, moment = [new_id() for _ in decoys], clock.now()
    codes = [(each.number, each.secret) for each in decoys]
    canonicals = [canonical(number, secret) for number, secret in codes]
    await conn.execute(
        _INSERT_CARDS,
        variant_id,
        batch.id,
        moment,
        ids,
        [batch.fingerprint(code) for code in canonicals],
        [batch.index.next_fingerprint(variant_id, code) for code in canonicals],
        [masked(number, secret) for number, secret in codes],
    )
    sealed = [
        seal(
            batch.data_key,
            packed(number, secret),
            bound_to(card_id, variant_id, batch.id, FIRST_GENERATION),
        )
        for card_id, (number, secret) in zip(ids, codes, strict=True)
    ]
    await conn.execute(_INSERT_SECRETS, ids, sealed, FIRST_GENERATION)
    await conn.execute(_INSERT_CANARIES, ids, export_id, by, moment)
    told = [
        (card_id, text)
        for card_id, each in zip(ids, decoys, strict=True)
        for text in telling(each.number, each.secret, each.number_form, each.secret_form)
    ]
    await keep_prints(conn, told)
    return ids


async def _is_own(conn: Connection, variant_id: UUID) -> bool | None:
    """Whether a variant is one of our own gift cards; None: there is no such variant."""
    kind = await conn.fetchval(_KIND, variant_id)
    return None if kind is None else bool(kind == DeliveryKind.GIFT_CARD)


async def print_canaries(limit: int = MAX_PLANTED) -> int:
    """Prints of canaries that were planted before there were prints; how many got one.

    Their forms are not known any more, so each is known by all of its code alone.
    """
    async with connection() as conn:
        ids = [row["id"] for row in await conn.fetch(_WITHOUT_PRINT, limit)]
        sealed = await find_sealed(conn, ids)
    opened = await open_codes(SYSTEM, sealed, alarm=False)
    told = [(card.card_id, bare(card.number or "") + bare(card.secret)) for card in opened]
    async with transaction() as conn:
        await keep_prints(conn, told)
    return len(told)
