"""How what a partner called back is kept: headers and body as they came, bounded and sealed.

What is signed is stored before anybody judges it. Anybody may send what nobody has signed: of that
enough is kept to look into it, and no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson

from domain.kernel import clock
from domain.kernel.database import connection, transaction
from domain.kernel.ids import new_id
from domain.kernel.sealing import purpose_key, seal
from domain.kernel.tables import Model

MAX_CALLBACK_BYTES = 64 * 1024
MAX_HEADERS, MAX_HEADER_LETTERS = 40, 2_000
MAX_REFERENCE_LETTERS = 64
MOST_FORGED, FORGED_WINDOW = 60, timedelta(hours=1)
MOST_BEGUN_BYTES = 4 * 1024
FORGED_KEPT, FORGET_BATCH = timedelta(days=30), 5_000
MOST_REPEATS = 20  # of one callback; vendors send one again some fifteen times
RECEIVED, REFUSED = "RECEIVED", "REFUSED"  # the outcomes that each kind of callback has
_FORGED_LATELY = """
SELECT count(*) FROM {table}
WHERE {sender} = $1 AND received_at > $2 AND outcome = 'REFUSED' AND reference IS NULL
"""
_SAME = """
SELECT outcome FROM {table} WHERE {sender} = $1 AND digest = $2 ORDER BY id DESC LIMIT $3
"""
_FORGET = """
DELETE FROM {table} WHERE id = ANY (ARRAY(
    SELECT id FROM {table}
    WHERE received_at < $1 AND outcome = 'REFUSED' AND reference IS NULL LIMIT $2))
"""
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class CallbackBook(Generic[Row]):
    """The callbacks of one kind of partner: their table, its column of who sends, how it seals."""

    model: type[Row]
    sender: str
    purpose: str

    async def store(
        self,
        sender_id: UUID,
        headers: Mapping[str, str],
        body: bytes,
        digest: bytes,
        most: int = 0,
    ) -> Row:
        """Keep what came, sealed, before anybody looks at it: it may carry what is nobody's. Of
        what surely carries no such thing, and comes often, the first `most` bytes."""
        callback_id = new_id()
        return await self.model.create(
            id=callback_id,
            received_at=clock.now(),
            raw_sealed=sealed_callback(self.purpose, callback_id, headers, body, most),
            digest=digest,
            outcome=RECEIVED,
            **self._of(sender_id),
        )

    async def keep_forged(
        self, sender_id: UUID, headers: Mapping[str, str], body: bytes, why: str
    ) -> bool:
        """Keep one that no partner has signed: its beginning, sealed, and judged at once; of each
        sender only so many in an hour. False when it was one too many."""
        moment, callback_id = clock.now(), new_id()
        async with connection() as conn:
            lately = await conn.fetchval(self.forged_lately, sender_id, moment - FORGED_WINDOW)
        if lately >= MOST_FORGED:
            return False
        await self.model.create(
            id=callback_id,
            received_at=moment,
            raw_sealed=sealed_callback(self.purpose, callback_id, headers, body, MOST_BEGUN_BYTES),
            digest=callback_digest(body),
            outcome=REFUSED,
            why=why[:32],
            judged_at=moment,
            **self._of(sender_id),
        )
        return True

    async def heard_too_often(self, sender_id: UUID, digest: bytes) -> str | None:
        """What the same callback came to last, once it has come so often that nothing more is
        learned from it; None while it is to be judged."""
        async with connection() as conn:
            rows = await conn.fetch(self.same, sender_id, digest, MOST_REPEATS)
        return str(rows[0]["outcome"]) if len(rows) == MOST_REPEATS else None

    async def forget_forged(self) -> int:
        """Delete a batch of old ones that no partner had signed; how many went."""
        async with transaction() as conn:
            done = await conn.execute(self.forget, clock.now() - FORGED_KEPT, FORGET_BATCH)
        return int(done.rpartition(" ")[2])

    @property
    def forged_lately(self) -> str:
        """The statement that counts what a sender had unsigned since a moment."""
        return _FORGED_LATELY.format(table=self._table, sender=self.sender)

    @property
    def same(self) -> str:
        """The statement that finds the last with the same digest."""
        return _SAME.format(table=self._table, sender=self.sender)

    @property
    def forget(self) -> str:
        """The statement that deletes what is old and was signed by nobody."""
        return _FORGET.format(table=self._table)

    def _of(self, sender_id: UUID) -> dict[str, Any]:
        return {self.sender: sender_id}

    @property
    def _table(self) -> str:
        return str(self.model._meta.db_table)


def sealed_callback(
    purpose: str, callback_id: UUID, headers: Mapping[str, str], body: bytes, most: int = 0
) -> bytes:
    """Headers and body, sealed for a purpose; of what nobody has signed the first `most` bytes."""
    kept = {name: value[:MAX_HEADER_LETTERS] for name, value in list(headers.items())[:MAX_HEADERS]}
    raw = orjson.dumps(kept) + b"\n" + body
    return seal(purpose_key(purpose), raw[:most] if most else raw, callback_id.bytes)


def callback_digest(body: bytes) -> bytes:
    """By what the same callback is known again."""
    return sha256(body).digest()


def plain_reference(text: str) -> str | None:
    """A reference out of a callback as it can be stored and shown; None when there is none."""
    return "".join(each for each in text if each.isprintable())[:MAX_REFERENCE_LETTERS] or None
