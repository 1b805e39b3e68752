"""The hash chain over the ledger (mission rows B6, H9; invariant I3).

Purchases never wait for the chain: the sealer follows the committed rows, one process at a time.
No transaction lives longer than the server's transaction_timeout (60 s), so a transfer that is
older than WINDOW_SECONDS and unsealed cannot appear any more, and `verify` reports one that does.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from domain.kernel import Connection, clock, connection, transaction
from domain.ledger.rules import FIRST_DIGEST, chain_digest

BATCH_TRANSFERS = 2_000
WINDOW_SECONDS = 120
WHOLE_WINDOW_EVERY = 20  # turns of one process
SKEW_SECONDS = 5
_LOCK = 7_251_001
_turns = count()

_HEAD = "SELECT sequence, digest FROM seals ORDER BY sequence DESC LIMIT 1"
_DIGEST_AT = "SELECT digest FROM seals WHERE sequence = $1"
_LAST = "SELECT sequence, digest, sealed_at FROM seals ORDER BY sequence DESC LIMIT 1"
_OLDEST = """
SELECT least(min(xact_start), $1) FROM pg_stat_activity
WHERE xact_start IS NOT NULL AND datname = current_database()
"""
_UNSEALED = """
SELECT t.id, t.kind, t.reference, t.currency, t.note, t.posted_at FROM transfers t
WHERE t.id >= $1 AND NOT EXISTS (SELECT 1 FROM seals s WHERE s.transfer_id = t.id)
ORDER BY t.id LIMIT $2
"""
_ENTRIES = """
SELECT transfer_id, account_id, amount FROM entries WHERE transfer_id = ANY($1::uuid[]) ORDER BY id
"""
_SEAL = """
INSERT INTO seals (sequence, transfer_id, digest, sealed_at)
SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::timestamptz[])
"""
_CHAIN = """
SELECT s.sequence, s.digest AS seal, t.id, t.kind, t.reference, t.currency, t.note, t.posted_at
FROM seals s LEFT JOIN transfers t ON t.id = s.transfer_id
WHERE s.sequence > $1 ORDER BY s.sequence LIMIT $2
"""
_FORGOTTEN = """
SELECT t.id FROM transfers t WHERE t.posted_at < $1
AND NOT EXISTS (SELECT 1 FROM seals s WHERE s.transfer_id = t.id) ORDER BY t.id LIMIT 100
"""


@dataclass(slots=True)
class ChainReport:
    """What `verify` found. `faults` names each broken place; empty means that the chain holds."""

    links: int = 0
    unsealed: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of the chain; before the first one, number 0."""

    sequence: int = 0
    digest: bytes = FIRST_DIGEST


async def head_of(conn: Connection) -> Head:
    """The end of the chain as it is now."""
    row = await conn.fetchrow(_HEAD)
    return Head(row["sequence"], row["digest"]) if row else Head()


async def digest_at(conn: Connection, sequence: int) -> bytes | None:
    """The digest of one link; None when there is none of this number."""
    found: bytes | None = await conn.fetchval(_DIGEST_AT, sequence)
    return found


def _floor_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond: ids are ordered by time."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


async def seal_committed(*, wait: bool = False) -> int:
    """Extend the chain over transfers committed since; returns how many links were added. While
    somebody else is at it there is nothing to do, unless the caller waits to find it done."""
    async with transaction() as conn:
        if wait:
            await conn.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        elif not await conn.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return 0
        last = await conn.fetchrow(_LAST)
        transfers = await conn.fetch(_UNSEALED, await _floor(conn, last), BATCH_TRANSFERS)
        if not transfers:
            return 0
        entries = await _entries_by_transfer(conn, [row["id"] for row in transfers])
        digest, sequence = (last["digest"], last["sequence"]) if last else (FIRST_DIGEST, 0)
        digests = []
        for transfer in transfers:
            digest = chain_digest(digest, transfer, entries.get(transfer["id"], []))
            digests.append(digest)
        # The oldest row of a full batch bounds `sealed_at`, so that a backlog stays in the window.
        full = len(transfers) == BATCH_TRANSFERS
        moment = min(clock.now(), transfers[-1]["posted_at"]) if full else clock.now()
        numbers = list(range(sequence + 1, sequence + 1 + len(digests)))
        ids = [row["id"] for row in transfers]
        await conn.execute(_SEAL, numbers, ids, digests, [moment] * len(ids))
    return len(digests)


async def _floor(conn: Connection, last: Any) -> UUID:
    """From which id on something may be unsealed.

    Mostly the beginning of the oldest transaction that still runs, because a transfer gets its id
    inside its own. Clocks of several machines may differ, so the whole window is looked through
    now and then.
    """
    if last is None:
        return UUID(int=0)
    sealed_at: datetime = last["sealed_at"]
    if next(_turns) % WHOLE_WINDOW_EVERY == 0:
        return _floor_of(sealed_at - timedelta(seconds=WINDOW_SECONDS))
    oldest: datetime = await conn.fetchval(_OLDEST, sealed_at)
    return _floor_of(oldest - timedelta(seconds=SKEW_SECONDS))


async def verify() -> ChainReport:
    """Recompute the whole chain; names each altered, missing or unsealed transfer."""
    report = ChainReport()
    digest, sequence = FIRST_DIGEST, 0
    async with connection() as conn:
        while rows := await conn.fetch(_CHAIN, sequence, BATCH_TRANSFERS):
            entries = await _entries_by_transfer(conn, [row["id"] for row in rows if row["id"]])
            for row in rows:
                expected = sequence + 1
                sequence = row["sequence"]
                fault = _fault_of(row, expected, digest, entries)
                if fault:
                    report.faults.append(fault)
                digest = row["seal"]
                report.links += 1
        oldest = clock.now() - timedelta(seconds=WINDOW_SECONDS)
        forgotten = await conn.fetch(_FORGOTTEN, oldest)
    report.unsealed = len(forgotten)
    report.faults += [f"transfer {row['id']} was never sealed" for row in forgotten]
    return report


def _fault_of(
    row: Any, expected: int, digest: bytes, entries: dict[UUID, list[tuple[UUID, int]]]
) -> str:
    if row["sequence"] != expected:
        return f"link {expected} is missing before link {row['sequence']}"
    if row["id"] is None:
        return f"link {row['sequence']}: its transfer is gone"
    if chain_digest(digest, row, entries.get(row["id"], [])) != row["seal"]:
        return f"link {row['sequence']}: transfer {row['id']} or its entries were altered"
    return ""


async def _entries_by_transfer(
    conn: Connection, ids: list[UUID]
) -> dict[UUID, list[tuple[UUID, int]]]:
    found: dict[UUID, list[tuple[UUID, int]]] = {}
    for row in await conn.fetch(_ENTRIES, ids):
        found.setdefault(row["transfer_id"], []).append((row["account_id"], row["amount"]))
    return found
