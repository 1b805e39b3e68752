"""The input of a job, kept in the database until the job is done, in sealed pieces.

Web and worker meet in the database alone, so no folder has to be shared between machines; and a
file of codes is never in the open on a disk.
"""

import asyncio
import io
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, cast
from uuid import UUID

from domain.kernel import (
    WrappedKey,
    connection,
    key_provider,
    new_data_key,
    new_id,
    seal,
    transaction,
    unseal,
)

PIECE_BYTES = 256 * 1024
FETCH_SECONDS = 60.0

_INSERT = "INSERT INTO bulk_pieces (id, job_id, number, sealed) VALUES ($1, $2, $3, $4)"
_FETCH = "SELECT sealed FROM bulk_pieces WHERE job_id = $1 AND number = $2"


@dataclass(slots=True)
class PieceWriter:
    """Takes an input as it comes and writes each piece once it is full."""

    job_id: UUID
    data_key: bytes = field(repr=False)
    size: int = 0
    _number: int = 0
    _waiting: bytearray = field(default_factory=bytearray, repr=False)
    _digest: Any = field(default_factory=sha256, repr=False)

    async def write(self, part: bytes) -> None:
        """The next bytes, however many."""
        self.size += len(part)
        self._digest.update(part)
        self._waiting += part
        while len(self._waiting) >= PIECE_BYTES:
            await self._flush(PIECE_BYTES)

    async def close(self) -> bytes:
        """Write what is left; the digest of the whole."""
        if self._waiting:
            await self._flush(len(self._waiting))
        digest: bytes = self._digest.digest()
        return digest

    async def _flush(self, size: int) -> None:
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        sealed = seal(self.data_key, piece, _bound_to(self.job_id, self._number))
        async with transaction() as conn:
            await conn.execute(_INSERT, new_id(), self.job_id, self._number, sealed)
        self._number += 1


async def fresh_input_key(job_id: UUID) -> tuple[bytes, WrappedKey]:
    """A data key for the input of a job that is about to be made."""
    data_key = new_data_key()
    return data_key, await key_provider().wrap(data_key, b"job" + job_id.bytes)


async def open_input(job_id: UUID, size: int, wrapped: WrappedKey) -> BinaryIO:
    """The input as a file that is read in a thread; pieces are fetched and opened as needed."""
    data_key = await key_provider().unwrap(wrapped, b"job" + job_id.bytes)
    raw = _PieceFile(job_id, size, data_key, asyncio.get_running_loop())
    return cast(BinaryIO, io.BufferedReader(raw, PIECE_BYTES))


class _PieceFile(io.RawIOBase):
    """Seekable; one piece is held. It asks the loop that it was made on, so never on that loop."""

    def __init__(
        self, job_id: UUID, size: int, data_key: bytes, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._job_id, self._size, self._key, self._loop = job_id, size, data_key, loop
        self._place = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        if self._place >= self._size:
            return 0
        number, start = divmod(self._place, PIECE_BYTES)
        part = self._piece(number)[start : start + len(buffer)]
        if not part:
            raise LookupError("a piece of a job's input is cut short")
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _piece(self, number: int) -> bytes:
        if self._held[0] != number:
            waiting = asyncio.run_coroutine_threadsafe(self._fetch(number), self._loop)
            self._held = number, waiting.result(FETCH_SECONDS)
        return self._held[1]

    async def _fetch(self, number: int) -> bytes:
        async with connection() as conn:
            sealed = await conn.fetchval(_FETCH, self._job_id, number)
        if sealed is None:
            raise LookupError("a piece of a job's input is gone")
        return unseal(self._key, sealed, _bound_to(self._job_id, number))


def _bound_to(job_id: UUID, number: int) -> bytes:
    return job_id.bytes + number.to_bytes(8, "big")
