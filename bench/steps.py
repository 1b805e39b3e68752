"""Steps of one process, timed: seconds, processor time, memory, and its longest transaction.

Processor time is told of this process and of the database; a busy machine does not change it.
`peak_mib` is the most that this process ever held by then, `database_mib` the most that all
processes of the database server held beside each other during the step: what each has of its own,
and the shared buffers once. `longest_ms` is the age of the oldest transaction of this process that
was seen (looked at every 20 ms).
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from bench.watching import database_seconds, family_of, most_held
from server.settings import Settings

T = TypeVar("T")
LOOK_EVERY_SECONDS = 0.02
MEMORY_EVERY = 10  # looks
_OLDEST = """
SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8
FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1
"""


@dataclass
class _Seen:
    """What one step was seen to take."""

    longest: float = 0.0
    memory: float = 0.0


@dataclass
class Steps:
    """The rows of a measurement, one for each step."""

    settings: Settings
    application: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    async def timed(self, name: str, number: int, work: Callable[[], Awaitable[T]]) -> T:
        """Do one step, which is about so many things, and write down what it took."""
        seen = _Seen()
        watcher = asyncio.create_task(self._watch(seen))
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        database = await database_seconds(self.settings)
        begun, own = time.perf_counter(), time.process_time()
        done = await work()
        seconds, own = time.perf_counter() - begun, time.process_time() - own
        database = await database_seconds(self.settings) - database
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
        self.rows.append(
            {
                "name": name,
                "number": number,
                "took_s": round(seconds, 2),
                "rate": round(number / seconds),
                "cpu_s": round(own, 2),
                "database_cpu_s": round(database, 2),
                "longest_ms": round(seen.longest * 1000),
                "peak_mib": round(most_held(), 1),
                "database_mib": round(seen.memory, 1),
            }
        )
        print(self.rows[-1], file=sys.stderr)
        return done

    async def _watch(self, seen: _Seen) -> None:
        conn = await asyncpg.connect(self.settings.database_url)
        try:
            backend = await conn.fetchval("SELECT pg_backend_pid()")
            look = 0
            while True:
                oldest = await conn.fetchval(_OLDEST, self.application)
                seen.longest = max(seen.longest, oldest)
                if look % MEMORY_EVERY == 0:
                    seen.memory = max(seen.memory, _held(backend))
                look += 1
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            await conn.close()


def _held(backend: int) -> float:
    """What the database server holds at this moment, in MiB."""
    own, shared = 0.0, 0.0
    for pid in family_of(backend):
        found = _memory(pid)
        own += found.get("RssAnon", 0.0)
        shared = max(shared, found.get("RssShmem", 0.0))
    return own + shared


def _memory(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines if line.startswith("Rss"))
    return {name.rstrip(":"): int(number) / 1024 for name, number, *_ in pairs}
