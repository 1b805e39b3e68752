"""Calls to one partner, spread so that no more than so many begin in a second."""

import asyncio
import time


class Pace:
    """Of one process: who has several workers gives each its part."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._free_at: dict[str, float] = {}

    async def wait(self, partner: str) -> None:
        """Return when it is this call's turn; callers of one partner come in their order."""
        moment = time.monotonic()
        turn = max(moment, self._free_at.get(partner, 0.0))
        self._free_at[partner] = turn + self._gap
        if turn > moment:
            await asyncio.sleep(turn - moment)
