"""Pushes orders on: one listener to Valkey a process, and the subscribers of this process.

A hint says which orders have changed; each is then read once, however many follow it, and shown to
all its followers. Hints may be lost, so versions are compared with the database at intervals, after
each reconnection, and more often while Valkey is away: nobody is left behind, and nobody is cut
off. Every follower has room for one state: the newest takes the place of one not yet fetched, so a
slow client costs no memory (docs/decisions/0033).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain import identity, orders
from domain.kernel import Actor, Refused, SignInNeeded
from jobs.hints import CHANNEL
from schema.faults import TOO_MUCH, RequestRefused

AT_ONCE = 500  # orders read by one statement
LISTEN_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Pace:
    """How often things are done, in seconds."""

    compare: float = 15.0  # versions with the database, while hints come
    compare_alone: float = 2.0  # the same while Valkey is away
    look_at_sessions: float = 2.0
    reconnect: float = 1.0
    after_fault: float = 1.0


@dataclass(frozen=True)
class Room:
    """How much may be followed at once in one process."""

    per_address: int = 200
    per_user: int = 50


class Follower:
    """One subscription: what it has seen, and the newest state that it has not."""

    def __init__(self, order: orders.Order, actor: Actor, address: str) -> None:
        self.order_id = order.id
        self.version = order.version
        self.sequence = order.event_count
        self.actor = actor
        self.seats = [seat for seat in (("ip", address), ("user", _user_of(actor))) if seat[1]]
        self._waiting: orders.OrderState | None = None
        self._ended = False
        self._refused = False
        self._wake = asyncio.Event()

    def show(self, state: orders.OrderState) -> None:
        """Offer a state; one that is not newer is no news."""
        if state.order.version > self.version:
            self.version, self.sequence = state.order.version, state.order.event_count
            self._waiting = state
            self._wake.set()

    def end(self, *, refused: bool) -> None:
        """No more states: the session is over, or the server stops."""
        self._ended, self._refused = True, refused
        self._wake.set()

    async def states(self) -> AsyncIterator[orders.OrderState]:
        """Each newer state; refuses (UNAUTHENTICATED) once the session is over."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._refused:
                raise Refused(SignInNeeded())
            state, self._waiting = self._waiting, None
            if state is not None:
                yield state
            if self._ended:
                return


class LiveOrders:
    """The port `live` of a request's context. One a process, made inside its event loop."""

    def __init__(self, redis_url: str, pace: Pace | None = None, room: Room | None = None) -> None:
        self.pace = pace or Pace()
        self.room = room or Room()
        self.listening = False  # hints come
        self._redis = Redis.from_url(
            redis_url, socket_connect_timeout=2, socket_timeout=10, health_check_interval=10
        )
        self._followers: dict[UUID, set[Follower]] = {}
        self._taken: Counter[tuple[str, str]] = Counter()
        self._changed: set[UUID] = set()
        self._change = asyncio.Event()
        self._compare = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen."""
        works = (self._listen, self._read_changed, self._compare_all, self._end_sessions)
        self._tasks = [asyncio.create_task(_again(work, self.pace.after_fault)) for work in works]

    def stop(self) -> None:
        """End all streams, and take no new ones; the server is about to go."""
        self._stopping = True
        for follower in self._everyone():
            follower.end(refused=False)

    async def close(self) -> None:
        """Stop, and hang up."""
        self.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    @property
    def count(self) -> int:
        """How many subscriptions there are in this process."""
        return sum(len(group) for group in self._followers.values())

    @asynccontextmanager
    async def follow(
        self, order: orders.Order, actor: Actor, address: str
    ) -> AsyncIterator[AsyncIterator[orders.OrderState]]:
        """Each newer state of the order; refuses (LIMIT_EXCEEDED) when there is no room.

        The order was read before it is followed: it is compared once more, so that a change in
        between is seen.
        """
        follower = Follower(order, actor, address)
        self._take_seats(follower)
        self._followers.setdefault(order.id, set()).add(follower)
        if self._stopping:
            follower.end(refused=False)
        self._changed.add(order.id)
        self._change.set()
        try:
            yield follower.states()
        finally:
            self._leave(follower)

    def _take_seats(self, follower: Follower) -> None:
        for kind, name in follower.seats:
            maximum = self.room.per_address if kind == "ip" else self.room.per_user
            if self._taken[kind, name] >= maximum:
                details = {"limit": "streams", "maximum": maximum}
                raise RequestRefused(TOO_MUCH, details=details, limit="streams", maximum=maximum)
        self._taken.update(follower.seats)

    def _leave(self, follower: Follower) -> None:
        for seat in follower.seats:
            self._taken[seat] -= 1
            if not self._taken[seat]:
                del self._taken[seat]
        group = self._followers[follower.order_id]
        group.discard(follower)
        if not group:
            del self._followers[follower.order_id]

    def _everyone(self) -> list[Follower]:
        return [each for group in self._followers.values() for each in group]

    async def _listen(self) -> None:
        """Hear hints until the connection breaks."""
        try:
            async with self._redis.pubsub() as channel:
                await channel.subscribe(CHANNEL)
                while True:
                    message = await channel.get_message(timeout=LISTEN_SECONDS)
                    if message is not None and message["type"] == "message":
                        self._heard(message["data"])
                    elif message is not None:
                        # Said at each (re)connection, also at one that the client makes by itself:
                        # who knows what was told while nobody listened.
                        self.listening = True
                        self._compare.set()
        except (RedisError, OSError) as error:
            log.warning("orders_pushed_without_valkey", problem=type(error).__name__)
            self.listening = False
            self._compare.set()
            await asyncio.sleep(self.pace.reconnect)

    def _heard(self, hint: bytes) -> None:
        for order_id, sequence in _read(hint).items():
            group = self._followers.get(order_id, ())
            if any(follower.sequence < sequence for follower in group):
                self._changed.add(order_id)
                self._change.set()

    async def _read_changed(self) -> None:
        """Read what has changed, all at once; what changes meanwhile waits for the next turn."""
        await self._change.wait()
        self._change.clear()
        changed, self._changed = self._changed, set()
        try:
            await self._show([each for each in changed if each in self._followers])
        except Exception:
            self._changed |= changed
            self._change.set()
            raise

    async def _show(self, order_ids: Sequence[UUID]) -> None:
        for start in range(0, len(order_ids), AT_ONCE):
            for state in await orders.states_of(order_ids[start : start + AT_ONCE]):
                for follower in self._followers.get(state.order.id, ()):
                    follower.show(state)

    async def _compare_all(self) -> None:
        """Look for changes that no hint told."""
        pause = self.pace.compare if self.listening else self.pace.compare_alone
        with suppress(TimeoutError):
            await asyncio.wait_for(self._compare.wait(), pause)
        self._compare.clear()
        followed = list(self._followers)
        for start in range(0, len(followed), AT_ONCE):
            versions = await orders.versions_of(followed[start : start + AT_ONCE])
            self._changed |= {each for each, now in versions.items() if self._is_behind(each, now)}
        if self._changed:
            self._change.set()

    def _is_behind(self, order_id: UUID, version: int) -> bool:
        group = self._followers.get(order_id, ())
        return any(follower.version < version for follower in group)

    async def _end_sessions(self) -> None:
        """End the streams of sessions and keys that let nobody in any more."""
        await asyncio.sleep(self.pace.look_at_sessions)
        everyone = self._everyone()
        sessions = {each.actor.session_id for each in everyone if each.actor.session_id}
        keys = {each.actor.key_id for each in everyone if each.actor.key_id}
        if not sessions and not keys:
            return
        ended = await identity.ended_among(list(sessions), list(keys))
        for each in everyone:
            if each.actor.session_id in ended or each.actor.key_id in ended:
                each.end(refused=True)


async def _again(work: Callable[[], Awaitable[None]], pause: float) -> None:
    """Turn after turn; a fault of one is told, and the next turn comes all the same."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("live_work_failed", work=work.__name__)
            await asyncio.sleep(pause)


def _read(hint: bytes) -> Mapping[UUID, int]:
    try:
        return {UUID(order): int(sequence) for order, sequence in orjson.loads(hint).items()}
    except (AttributeError, TypeError, ValueError):
        log.warning("order_hint_unreadable")
        return {}


def _user_of(actor: Actor) -> str:
    return str(actor.user_id or "")
