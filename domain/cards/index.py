"""The blind index and the rotation of its pepper (mission row B4; docs/decisions/0011).

At every moment one of two unique keys holds *all* living cards, so that a code is refused whichever
pepper its card was stored with:

| phase     | a new card is stored with           | all cards are in the unique key of |
|-----------|-------------------------------------|------------------------------------|
| steady    | old                                 | `fingerprint` (old)                |
| filling   | old, and new as the next            | `fingerprint` (old)                |
| switching | new, and new as the next            | `next_fingerprint` (new)           |
| clearing  | new                                 | `fingerprint` (new)                |

Writers share a lock for their whole transaction; the step to the next phase takes it alone, so
nobody writes by a phase that has passed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit
from domain.cards.keys import KEYS_SCOPE, ROTATION_LOCK, Progress
from domain.cards.models import IndexPhase
from domain.cards.opening import SEAL_BROKEN, find_sealed, plaintext_of
from domain.cards.refusals import CardSealBroken
from domain.cards.rules import canonical, unpacked
from domain.cards.state import WRITERS_LOCK, IndexState, read_state
from domain.kernel import (
    Actor,
    Invalid,
    Refused,
    SealBroken,
    act_as,
    alone,
    connection,
    keys,
    refresh_keys,
    refuse_unless,
    transaction,
)

SLICE = 500

_SAVE = """
INSERT INTO blind_index (purpose, version, next_version, phase)
VALUES ('card-index', $1, $2, $3) ON CONFLICT (purpose)
DO UPDATE SET version = $1, next_version = $2, phase = $3
"""
_ALONE = "SELECT pg_advisory_xact_lock($1)"
_UNFILLED = """
SELECT id FROM cards WHERE next_fingerprint IS NULL AND id > $1 ORDER BY id LIMIT $2
"""
_FILL = """
UPDATE cards c SET next_fingerprint = f.next FROM unnest($1::uuid[], $2::bytea[]) AS f (id, next)
WHERE c.id = f.id AND c.next_fingerprint IS NULL
"""
_SWITCH = """
WITH picked AS (
    SELECT id FROM cards WHERE id > $1 ORDER BY id LIMIT $2
), moved AS (
    UPDATE cards c SET fingerprint = c.next_fingerprint FROM picked
    WHERE c.id = picked.id AND c.fingerprint <> c.next_fingerprint RETURNING 1
)
SELECT (SELECT id FROM picked ORDER BY id DESC LIMIT 1) AS last,
    (SELECT count(*) FROM moved) AS done
"""
_CLEAR = """
WITH picked AS (
    SELECT id FROM cards WHERE id > $1 ORDER BY id LIMIT $2
), moved AS (
    UPDATE cards c SET next_fingerprint = NULL FROM picked
    WHERE c.id = picked.id AND c.next_fingerprint IS NOT NULL RETURNING 1
)
SELECT (SELECT id FROM picked ORDER BY id DESC LIMIT 1) AS last,
    (SELECT count(*) FROM moved) AS done
"""
_LEFT = {
    IndexPhase.FILLING: "SELECT EXISTS (SELECT 1 FROM cards WHERE next_fingerprint IS NULL)",
    IndexPhase.SWITCHING: "SELECT EXISTS (SELECT 1 FROM cards"
    " WHERE fingerprint IS DISTINCT FROM next_fingerprint)",
    IndexPhase.CLEARING: "SELECT EXISTS (SELECT 1 FROM cards WHERE next_fingerprint IS NOT NULL)",
}
# A digest of a whole file is made with the pepper too, and a file of one short code is guessed
# like the code. Those of earlier peppers go: the same file again then brings duplicates only. One
# that is half imported keeps its digest, else nobody could go on with it.
_FORGET_FILES = """
UPDATE card_batches SET content_digest = uuid_send(id)
WHERE supplier_attempt_id IS NULL AND content_digest <> uuid_send(id) AND stage <> 'importing'
"""


Work = Callable[[UUID], Awaitable[tuple[UUID | None, int]]]  # a slice behind a card


@dataclass(frozen=True, slots=True)
class IndexRotated:
    """What a rotation did: cards that it moved in this run."""

    version: int
    cards: int


async def rotate_index(actor: Actor, progress: Progress | None = None) -> IndexRotated:
    """Make all fingerprints anew with the newest root key; needs `keys:write`.

    No code is let in twice meanwhile, nor stops being found. Killed in the middle, the next call
    goes on. Refuses when there is no newer root key (`keys rotate` makes one), when a code does not
    open (CARD_SEAL_BROKEN, audited), and with `Busy` while another rotation runs.
    """
    actor.require_scope(KEYS_SCOPE)
    async with alone(ROTATION_LOCK):
        await refresh_keys()
        state = await _begin(actor)
        work: dict[IndexPhase, Work] = {
            IndexPhase.FILLING: _Filler(actor, state).fill,
            IndexPhase.SWITCHING: lambda last: _moved(actor, _SWITCH, last),
            IndexPhase.CLEARING: lambda last: _moved(actor, _CLEAR, last),
        }
        cards = 0
        while state.phase is not IndexPhase.STEADY:
            cards += await _all_slices(work[state.phase], progress)
            state = await _advance(actor, state)
    return IndexRotated(state.version, cards)


async def _begin(actor: Actor) -> IndexState:
    """The rotation that is under way, or a new one."""
    async with transaction() as conn:
        await conn.execute(_ALONE, WRITERS_LOCK)
        state = await read_state(conn)
        if state.phase is not IndexPhase.STEADY:
            return state
        newest = max(keys().versions)
        refuse_unless(newest > state.version, Invalid(reason="index_key_not_newer"))
        state = IndexState(state.version, newest, IndexPhase.FILLING)
        await conn.execute(_SAVE, state.version, state.next_version, state.phase)
        await audit.record(conn, actor, "card_index.rotate", None, {"to": newest})
    return state


async def _advance(actor: Actor, state: IndexState) -> IndexState:
    """The next phase, once no card is left behind in this one; else the same phase again."""
    assert state.next_version is not None or state.phase is IndexPhase.CLEARING
    newer = state.next_version or state.version
    following = {
        IndexPhase.FILLING: IndexState(state.version, newer, IndexPhase.SWITCHING),
        IndexPhase.SWITCHING: IndexState(newer, None, IndexPhase.CLEARING),
        IndexPhase.CLEARING: IndexState(newer, None, IndexPhase.STEADY),
    }[state.phase]
    async with transaction() as conn:
        await conn.execute(_ALONE, WRITERS_LOCK)
        if await conn.fetchval(_LEFT[state.phase]):
            return state
        await conn.execute(_SAVE, following.version, following.next_version, following.phase)
        if following.phase is IndexPhase.CLEARING:
            await conn.execute(_FORGET_FILES)
        if following.phase is IndexPhase.STEADY:
            await audit.record(
                conn, actor, "card_index.rotated", None, {"version": following.version}
            )
    return following


async def _all_slices(work: Work, progress: Progress | None) -> int:
    done, seen, last = 0, 0, UUID(int=0)
    while True:
        reached, moved = await _one_slice(work, last)
        if reached is None:
            return done
        done, seen, last = done + moved, seen + SLICE, reached
        if progress is not None:
            progress(seen, 0)


async def _one_slice(work: Work, last: UUID) -> tuple[UUID | None, int]:
    return await work(last)


async def _moved(actor: Actor, statement: str, last: UUID) -> tuple[UUID | None, int]:
    async with transaction() as conn:
        await act_as(conn, actor, "rotate-index")
        row: Any = await conn.fetchrow(statement, last, SLICE)
    return row["last"], row["done"]


class _Filler:
    """Gives cards their next fingerprint, which needs their codes."""

    def __init__(self, actor: Actor, state: IndexState) -> None:
        self._actor = actor
        self._state = state
        self._keys: dict[tuple[UUID, int], bytes] = {}

    async def fill(self, last: UUID) -> tuple[UUID | None, int]:
        """The next slice behind a card; the last card of it."""
        async with connection() as conn:
            ids = [row["id"] for row in await conn.fetch(_UNFILLED, last, SLICE)]
            sealed = await find_sealed(conn, ids)
        if not ids:
            return None, 0
        self._keys.clear()
        prints = []
        for card in sealed:
            try:
                code = canonical(*unpacked(await plaintext_of(card, self._keys)))
            except SealBroken:
                await self._tell(card.card_id)
                raise Refused(CardSealBroken()) from None
            prints.append(self._state.next_fingerprint(card.variant_id, code))
        async with transaction() as conn:
            await conn.execute(_FILL, ids, prints)
        return ids[-1], len(ids)

    async def _tell(self, card_id: UUID) -> None:
        async with transaction() as conn:
            await audit.record(conn, self._actor, SEAL_BROKEN, card_id, {"reason": "index"})
