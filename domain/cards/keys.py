"""Data keys of batches: made, opened, wrapped anew (mission row B1; docs/decisions/0011).

The key provider may be on a network, so nothing here asks it inside a transaction.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain import audit
from domain.cards.rules import key_bound_to
from domain.kernel import (
    Actor,
    KeyWrong,
    Refused,
    SealBroken,
    WrappedKey,
    act_as,
    alone,
    clock,
    connection,
    key_provider,
    new_data_key,
    new_id,
    refresh_keys,
    transaction,
)

KEYS_SCOPE = "keys:write"
SLICE = 200
PROOF = b"kameng: this is the key of its version"
ROTATION_LOCK = 7_251_011
FIRST_GENERATION = 1

_NOTE = """
INSERT INTO key_proofs (id, version, proof, made_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (version) DO NOTHING
"""
_PROOF = "SELECT proof FROM key_proofs WHERE version = $1"
_VERSIONS = """
SELECT v.version, coalesce(p.made_at, b.since) AS made_at, coalesce(b.batches, 0) AS batches
FROM (SELECT version FROM key_proofs UNION SELECT key_version FROM card_batches) v
LEFT JOIN key_proofs p ON p.version = v.version
LEFT JOIN (SELECT key_version, count(*) AS batches, min(imported_at) AS since
    FROM card_batches GROUP BY 1) b ON b.key_version = v.version
ORDER BY v.version
"""
_BEHIND = "SELECT count(*) FROM card_batches WHERE key_version <> $1"
_NEXT_BEHIND = """
SELECT id, wrapped_key, next_wrapped_key, generation, key_version FROM card_batches
WHERE key_version <> $1 AND id > $2 ORDER BY id LIMIT $3
"""
# Somebody else may have given the batch a new data key meanwhile: then this one is left alone.
_REWRAP = """
UPDATE card_batches SET wrapped_key = $2, next_wrapped_key = $3, key_version = $4
WHERE id = $1 AND wrapped_key = $5 AND next_wrapped_key IS NOT DISTINCT FROM $6
"""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A data key for a batch that is about to be made, and that batch's id."""

    batch_id: UUID
    data_key: bytes = field(repr=False)
    wrapped: WrappedKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version of the key-encryption key, and how many batches are wrapped by it."""

    version: int
    made_at: Any
    batches: int


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What there is to know of the keys without seeing one."""

    current: int
    versions: list[KeyVersion]
    behind: int


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a rotation did. `resumed`: an earlier one was finished and no version was made."""

    version: int
    batches: int
    resumed: bool


async def fresh_key() -> FreshKey:
    """A data key for the next batch. Called before the transaction that makes the batch."""
    await refresh_keys()
    batch_id, data_key = new_id(), new_data_key()
    wrapped = await key_provider().wrap(data_key, key_bound_to(batch_id, FIRST_GENERATION))
    await _note(wrapped.version)
    return FreshKey(batch_id, data_key, wrapped)


async def unwrapped(batch_id: UUID, wrapped: WrappedKey, generation: int) -> bytes:
    """The data key of a batch. Refuses with what is wrong with the keys (`KeyMissing`, `KeyWrong`,
    `KeysUnusable`, `KeyServiceDown`); `SealBroken` when the keys are right and the row is not."""
    try:
        return await key_provider().unwrap(wrapped, key_bound_to(batch_id, generation))
    except SealBroken:
        if await _proves(wrapped.version, unknown=True):
            raise
        raise Refused(KeyWrong(version=wrapped.version)) from None


async def key_status(actor: Actor) -> KeyStatus:
    """The versions in use; needs `keys:write`."""
    actor.require_scope(KEYS_SCOPE)
    current = await key_provider().current()
    async with connection() as conn:
        rows = await conn.fetch(_VERSIONS)
        behind = await conn.fetchval(_BEHIND, current)
    versions = [KeyVersion(row["version"], row["made_at"], row["batches"]) for row in rows]
    return KeyStatus(current, versions, behind)


async def rotate_keys(actor: Actor, progress: Progress | None = None) -> Rewrapped:
    """Make a new version of the key-encryption key and wrap every data key by it.

    Needs `keys:write`. Codes stay readable throughout. Killed in the middle, the next call finishes
    what is left and makes no further version. Refuses with `Busy` while another one runs.
    """
    actor.require_scope(KEYS_SCOPE)
    async with alone(ROTATION_LOCK):
        await refresh_keys()
        provider = key_provider()
        current = await provider.current()
        async with connection() as conn:
            resumed = bool(await conn.fetchval(_BEHIND, current))
        if not resumed:
            current = await provider.add_version()
            await refresh_keys()
            await _audited(actor, "keys.version_made", {"version": current})
        await _note(current)
        batches = await _rewrap_all(actor, current, progress)
        done = {"version": current, "batches": batches, "resumed": resumed}
        await _audited(actor, "keys.rotated", done)
    return Rewrapped(current, batches, resumed)


async def _rewrap_all(actor: Actor, current: int, progress: Progress | None) -> int:
    async with connection() as conn:
        total = await conn.fetchval(_BEHIND, current)
    done = 0
    async for rows in _slices(current):
        for row in rows:
            done += await _rewrap(actor, row)
        if progress is not None:
            progress(done, total)
    return done


async def _slices(current: int) -> AsyncIterator[list[Any]]:
    last = UUID(int=0)
    while True:
        async with connection() as conn:
            rows = await conn.fetch(_NEXT_BEHIND, current, last, SLICE)
        if not rows:
            return
        last = rows[-1]["id"]
        yield rows


async def _rewrap(actor: Actor, row: Any) -> int:
    batch_id, generation, version = row["id"], row["generation"], row["key_version"]
    kept = [(row["wrapped_key"], generation), (row["next_wrapped_key"], generation + 1)]
    fresh: list[WrappedKey | None] = []
    for wrapped, of in kept:
        if wrapped is None:
            fresh.append(None)
            continue
        data_key = await unwrapped(batch_id, WrappedKey(wrapped, version), of)
        fresh.append(await key_provider().wrap(data_key, key_bound_to(batch_id, of)))
    first, second = fresh
    assert first is not None, "a batch has a data key"
    async with transaction() as conn:
        await act_as(conn, actor, "rotate")
        done: str = await conn.execute(
            _REWRAP,
            batch_id,
            first.wrapped,
            second.wrapped if second else None,
            first.version,
            row["wrapped_key"],
            row["next_wrapped_key"],
        )
    return int(done.rpartition(" ")[2])


async def _note(version: int) -> None:
    """Keep something known that this version has wrapped, once. Nothing is ever sealed with a key
    that is not the one known by its version: refuses with `KeyWrong`."""
    if await _proves(version, unknown=False):
        return
    proof = await key_provider().wrap(PROOF, _proof_bound_to(version))
    if proof.version == version:
        async with transaction() as conn:
            await conn.execute(_NOTE, new_id(), version, proof.wrapped, clock.now())
    if not await _proves(version, unknown=True):
        raise Refused(KeyWrong(version=version))


async def _proves(version: int, *, unknown: bool) -> bool:
    """Whether the key of this version is the one in use here so far; `unknown` if nobody knows."""
    async with connection() as conn:
        proof = await conn.fetchval(_PROOF, version)
    if proof is None:
        return unknown
    try:
        await key_provider().unwrap(WrappedKey(proof, version), _proof_bound_to(version))
    except SealBroken:
        return False
    return True


def _proof_bound_to(version: int) -> bytes:
    return b"proof" + version.to_bytes(4, "big")


async def _audited(actor: Actor, action: str, details: dict[str, Any]) -> None:
    async with transaction() as conn:
        await audit.record(conn, actor, action, None, details)
