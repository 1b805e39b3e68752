"""Wakes the relay after a commit: a hint, coalesced, on a connection of its own."""

import asyncio

import asyncpg
import structlog

CHANNEL = "outbox"
PAUSE_SECONDS = 0.01  # many commits in this time are one hint
CALL_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Waker:
    """`wake` returns at once and never raises; a lost hint costs one polling interval."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked = False

    def wake(self) -> None:
        """Say soon that events were committed."""
        self._asked = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._notify())

    async def close(self) -> None:
        """Say what is still to be said, then hang up."""
        if self._task is not None:
            await self._task
        if self._connection is not None:
            await self._connection.close()

    async def _notify(self) -> None:
        while self._asked:
            await asyncio.sleep(PAUSE_SECONDS)
            # A commit while the hint is on its way asks for another: the relay may have looked by
            # the time that it is visible.
            self._asked = False
            await self._notify_once()

    async def _notify_once(self) -> None:
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._url, timeout=CALL_SECONDS)
            await self._connection.execute(f"NOTIFY {CHANNEL}", timeout=CALL_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            broken, self._connection = self._connection, None
            if broken is not None:
                broken.terminate()
            log.warning("relay_not_woken", problem=type(error).__name__)
