"""How many purchases this process works at, who waits for a place, and who is told to come later.

A purchase that was let in holds a database connection nearly all of its time. With as many under
way as there are connections nothing else is answered, and with thousands each is too late for all.
So few are under way, some wait in line for a short while, and the rest are refused before anybody
looks at the database: each is told a moment of its own to come back at, those who came first the
earliest (mission row F7, docs/decisions/0057).
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

from schema.faults import RequestRefused

SHOP_BUSY = "SHOP_BUSY"
SHARE_OF_ONE = 4  # nobody has more than a quarter of the places to wait
FIRST_GUESS_SECONDS = 0.02  # how long a purchase takes, as long as none has ended
LEARNING = 0.1  # of each purchase that ends, into the usual time
LONGEST_RETRY_SECONDS = 60


class Turned(StrEnum):
    """Why a purchase was not let in; a label of the metric."""

    FULL = "full"  # all places to wait are taken
    TOO_LONG = "too_long"  # its turn would come too late, or came too late
    SHARE = "share"  # the same caller has enough of them


class Turnstile:
    """The door of purchases of one process, inside its event loop."""

    def __init__(
        self,
        at_once: int,
        waiting: int,
        wait_seconds: float,
        refused: Callable[[Turned], None] = lambda why: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.at_once = at_once
        self.places_to_wait = waiting
        self.wait_seconds = wait_seconds
        self.under_way = 0
        self.most_under_way = 0  # at one moment, since the process began
        self.usual_seconds = FIRST_GUESS_SECONDS
        self._refused = refused
        self._now = now
        self._line: OrderedDict[asyncio.Future[None], str] = OrderedDict()
        self._callers: Counter[str] = Counter()
        self._promised = 0.0  # the moment that was told to whoever was refused last

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._line)

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Hold a place, after those who came before; `caller` is whoever shares a fair part.

        Refuses with SHOP_BUSY and the seconds to wait, having changed nothing.
        """
        await self._enter(caller)
        begun = self._now()
        try:
            yield
        finally:
            self.usual_seconds += LEARNING * (self._now() - begun - self.usual_seconds)
            self._leave()

    async def _enter(self, caller: str) -> None:
        if self.under_way < self.at_once:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            return
        self._refuse_if_hopeless(caller)
        turn = asyncio.get_running_loop().create_future()
        self._line[turn] = caller
        self._callers[caller] += 1
        try:
            async with asyncio.timeout(self.wait_seconds):
                await turn
        except BaseException as ended:
            if turn.done() and not turn.cancelled():
                self._leave()  # the place came at the moment when it was given up
            elif turn in self._line:
                self._step_out(turn)
            if isinstance(ended, TimeoutError):
                raise self._busy(Turned.TOO_LONG) from None
            raise

    def _refuse_if_hopeless(self, caller: str) -> None:
        if self.waiting >= self.places_to_wait:
            raise self._busy(Turned.FULL)
        if self._callers[caller] >= max(1, self.places_to_wait // SHARE_OF_ONE):
            raise self._busy(Turned.SHARE)
        if self._seconds_for(self.waiting) > self.wait_seconds:
            raise self._busy(Turned.TOO_LONG)

    def _leave(self) -> None:
        """The place goes to whoever waits longest."""
        while self._line:
            turn = next(iter(self._line))
            self._step_out(turn)
            if not turn.done():  # else its purchase gives up at this moment
                turn.set_result(None)
                return
        self.under_way -= 1

    def _step_out(self, turn: asyncio.Future[None]) -> None:
        caller = self._line.pop(turn)
        self._callers[caller] -= 1
        if not self._callers[caller]:
            del self._callers[caller]

    def _seconds_for(self, purchases: int) -> float:
        return purchases * self.usual_seconds / self.at_once

    def _busy(self, why: Turned) -> RequestRefused:
        """Told to come back when all who were told before will have been served."""
        self._refused(why)
        moment = self._now()
        after_the_line = moment + self._seconds_for(self.waiting)
        self._promised = max(self._promised, after_the_line) + self._seconds_for(1)
        self._promised = min(self._promised, moment + LONGEST_RETRY_SECONDS)
        seconds = max(1, math.ceil(self._promised - moment))
        details = {"retryAfter": seconds, "retryAfterMs": seconds * 1000, "retryable": True}
        return RequestRefused(SHOP_BUSY, details=details, seconds=seconds)
