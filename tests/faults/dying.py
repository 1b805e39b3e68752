"""One use case in a process of its own, which ends at a crash point as kill -9 would end it.

The processes are forked by one that has imported everything and opened nothing, so that a death
costs a fraction of a second.
"""

import asyncio
import multiprocessing
from collections.abc import Callable, Coroutine
from typing import Any

from domain.kernel import connection, crash
from server.settings import Settings
from server.wiring import connect
from tests import make

CRASHED = 137
PATIENCE_SECONDS = 60
APPLICATION = "mortal"
_OPEN = """
SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()
"""
Work = Callable[..., Coroutine[Any, Any, Any]]
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


class Mortal:
    """An installation each of whose processes lives for one use case."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def dies(
        self, point: str, work: Work, *words: Any, days: int = 0, nth: int = 1, **named: Any
    ) -> None:
        """Do the work, so many days from now, in a process that ends where it comes to the point
        for the nth time; it must."""
        assert point in crash.POINTS, f"{point} is no crash point"
        life = (self._settings, _Point(point, nth), days, work, words, named)
        process = _forks.Process(target=_live, args=life, daemon=True)
        process.start()
        try:
            await asyncio.to_thread(process.join, PATIENCE_SECONDS)
            assert process.exitcode == CRASHED, f"{point} was not reached: {process.exitcode}"
            await _forgotten()
        finally:
            process.kill()
            process.join()


async def _forgotten() -> None:
    """Once the server has seen that nobody is there any more, and gave its locks back: until then
    whoever skips what is locked finds nothing."""
    async with asyncio.timeout(PATIENCE_SECONDS), connection() as conn:
        while True:
            if not await conn.fetchval(_OPEN, APPLICATION):
                return
            await asyncio.sleep(0.01)


class _Point:
    """A crash point that is armed from the nth time on."""

    def __init__(self, name: str, nth: int) -> None:
        self._name, self._left = name, nth

    def __eq__(self, reached: object) -> bool:
        self._left -= reached == self._name
        return self._left == 0

    __hash__ = None  # type: ignore[assignment]


def _live(
    settings: Settings, point: _Point, days: int, work: Work, words: Any, named: dict[str, Any]
) -> None:
    """The whole life of a process: from its connection to the database to its end."""
    crash._armed = point  # type: ignore[assignment]

    async def life() -> None:
        await connect(settings, APPLICATION)
        with make.later(days=days):
            await work(*words, **named)

    asyncio.run(life())
