"""A new data key for a batch: each of its codes is sealed anew (docs/decisions/0011)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain import audit
from domain.cards.keys import KEYS_SCOPE, ROTATION_LOCK, Progress, unwrapped
from domain.cards.opening import SEAL_BROKEN, SealedCard, find_sealed, plaintext_of
from domain.cards.rules import bound_to, key_bound_to
from domain.kernel import (
    Actor,
    NotFound,
    Refused,
    SealBroken,
    WrappedKey,
    act_as,
    alone,
    connection,
    crash_point,
    key_provider,
    new_data_key,
    seal,
    transaction,
)

SLICE = 500

_BATCH = """
SELECT id, accepted, generation, key_version, wrapped_key, next_wrapped_key FROM card_batches
WHERE id = $1
"""
_BEGIN = """
UPDATE card_batches SET wrapped_key = $2, next_wrapped_key = $3, key_version = $4
WHERE id = $1 AND next_wrapped_key IS NULL
"""
_SECRETS = """
SELECT c.id FROM cards c JOIN card_secrets s ON s.card_id = c.id
WHERE c.batch_id = $1 AND s.generation <> $2 AND c.id > $3 ORDER BY c.id LIMIT $4
"""
_RESEAL = """
UPDATE card_secrets s SET sealed = f.sealed, generation = $3
FROM unnest($1::uuid[], $2::bytea[]) AS f (id, sealed)
WHERE s.card_id = f.id AND s.generation = $4
"""
_FINISH = """
UPDATE card_batches SET wrapped_key = next_wrapped_key, next_wrapped_key = NULL, generation = $2
WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Resealed:
    """What a rotation did in this run. `broken` cards do not open: the old key stays for them."""

    batch_id: UUID
    generation: int
    cards: int
    broken: list[UUID] = field(default_factory=list)


@dataclass(slots=True)
class _Rotation:
    actor: Actor
    batch_id: UUID
    generation: int  # the one to reach
    data_key: bytes = field(repr=False)
    done: int = 0
    broken: list[UUID] = field(default_factory=list)


async def rotate_batch(actor: Actor, batch_id: UUID, progress: Progress | None = None) -> Resealed:
    """Seal the codes of a batch with a new data key; needs `keys:write`.

    Codes stay readable throughout. Killed in the middle, the next call goes on. A card that does
    not open is audited and reported, and keeps the old key until somebody has looked at it.
    """
    actor.require_scope(KEYS_SCOPE)
    async with alone(ROTATION_LOCK):
        batch = await _found(batch_id)
        if batch["next_wrapped_key"] is None:
            await _begin(actor, batch)
            batch = await _found(batch_id)
        reached = batch["generation"] + 1
        wrapped = WrappedKey(batch["next_wrapped_key"], batch["key_version"])
        data_key = await unwrapped(batch_id, wrapped, reached)
        rotation = _Rotation(actor, batch_id, reached, data_key)
        await _reseal_all(rotation, batch["accepted"], progress)
        async with transaction() as conn:
            await act_as(conn, actor, "rotate-batch")
            if not rotation.broken:
                await conn.execute(_FINISH, batch_id, reached)
            details = {"cards": rotation.done, "broken": len(rotation.broken)}
            await audit.record(conn, actor, "card_batch.key_rotated", batch_id, details)
            crash_point("cards.rotation_ended")
    return Resealed(batch_id, reached, rotation.done, rotation.broken)


async def _found(batch_id: UUID) -> Any:
    async with connection() as conn:
        batch = await conn.fetchrow(_BATCH, batch_id)
    if batch is None:
        raise Refused(NotFound(what="batch", field=("batchId",)))
    return batch


async def _begin(actor: Actor, batch: Any) -> None:
    """Both keys, wrapped by the current version."""
    batch_id, generation = batch["id"], batch["generation"]
    old = await unwrapped(
        batch_id, WrappedKey(batch["wrapped_key"], batch["key_version"]), generation
    )
    provider = key_provider()
    first = await provider.wrap(old, key_bound_to(batch_id, generation))
    second = await provider.wrap(new_data_key(), key_bound_to(batch_id, generation + 1))
    if first.version != second.version:  # a rotation of the service came between the two
        first = await provider.wrap(old, key_bound_to(batch_id, generation))
    async with transaction() as conn:
        await act_as(conn, actor, "rotate-batch")
        await conn.execute(_BEGIN, batch_id, first.wrapped, second.wrapped, second.version)
    crash_point("cards.rotation_begun")


async def _reseal_all(rotation: _Rotation, total: int, progress: Progress | None) -> None:
    last = UUID(int=0)
    keys: dict[tuple[UUID, int], bytes] = {}
    while True:
        async with connection() as conn:
            rows = await conn.fetch(_SECRETS, rotation.batch_id, rotation.generation, last, SLICE)
            sealed = await find_sealed(conn, [row["id"] for row in rows])
        if not rows:
            return
        last = rows[-1]["id"]
        await _reseal(rotation, sealed, keys)
        if progress is not None:
            progress(rotation.done, total)


async def _reseal(
    rotation: _Rotation, cards: Sequence[SealedCard], keys: dict[tuple[UUID, int], bytes]
) -> None:
    fresh: dict[UUID, bytes] = {}
    broken = []
    for card in cards:
        try:
            plaintext = await plaintext_of(card, keys)
        except SealBroken:
            broken.append(card.card_id)
            continue
        bound = bound_to(card.card_id, card.variant_id, card.batch_id, rotation.generation)
        fresh[card.card_id] = seal(rotation.data_key, plaintext, bound)
    async with transaction() as conn:
        await act_as(conn, rotation.actor, "rotate-batch")
        before = rotation.generation - 1
        columns = list(fresh), list(fresh.values())
        await conn.execute(_RESEAL, *columns, rotation.generation, before)
        for card_id in broken:
            details = {"reason": "reseal"}
            await audit.record(conn, rotation.actor, SEAL_BROKEN, card_id, details)
        crash_point("cards.rotation_written")
    rotation.done += len(fresh)
    rotation.broken += broken
