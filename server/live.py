"""Pushes states on: one listener to Valkey a process, and the subscribers of this process.

A hint says which orders and agents have changed; each is then read once, however many follow it,
and shown to all its followers (server/feeds.py). Hints may be lost, so what is followed is compared
with the database at intervals, after each reconnection, and more often while Valkey is away: nobody
is left behind, and nobody is cut off (docs/decisions/0033, 0095).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain import commissions, identity, orders
from domain.kernel import Actor
from jobs.hints import AGENTS_CHANNEL, CHANNEL
from schema.faults import TOO_MUCH, RequestRefused
from server.feeds import EarningsFeed, Feed, Follower, OrderFeed, State

LISTEN_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Pace:
    """How often things are done, in seconds."""

    compare: float = 15.0  # what is followed with the database, while hints come
    compare_alone: float = 2.0  # the same while Valkey is away
    look_at_sessions: float = 2.0
    reconnect: float = 1.0
    after_fault: float = 1.0
    rest: float = 0.2  # between two readings of what agents earned


@dataclass(frozen=True)
class Room:
    """How much may be followed at once in one process."""

    per_address: int = 200
    per_user: int = 50


class Live:
    """The port `live` of a request's context. One a process, made inside its event loop."""

    def __init__(self, redis_url: str, pace: Pace | None = None, room: Room | None = None) -> None:
        self.pace = pace or Pace()
        self.room = room or Room()
        self.listening = False  # hints come
        self.orders = OrderFeed()
        self.earnings = EarningsFeed(self.pace.rest)
        self._feeds: tuple[Feed[Any], ...] = (self.orders, self.earnings)
        self._redis = Redis.from_url(
            redis_url, socket_connect_timeout=2, socket_timeout=10, health_check_interval=10
        )
        self._taken: Counter[tuple[str, str]] = Counter()
        self._compare = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen."""
        reading = [feed.read_changed for feed in self._feeds]
        works = (self._listen, self._compare_all, self._end_sessions, *reading)
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
        return len(self._everyone())

    @asynccontextmanager
    async def follow(
        self, order: orders.Order, actor: Actor, address: str
    ) -> AsyncIterator[AsyncIterator[orders.OrderState]]:
        """Each newer state of the order; refuses (LIMIT_EXCEEDED) when there is no room.

        The order was read before it is followed: it is compared once more, so that a change in
        between is seen.
        """
        seen = orders.OrderState(order, [])
        follower = Follower(order.id, seen, actor, address)
        async with self._following(self.orders, follower) as states:
            yield states

    @asynccontextmanager
    async def follow_earnings(
        self, agent_id: UUID, actor: Actor, address: str
    ) -> AsyncIterator[AsyncIterator[commissions.Earnings]]:
        """What the agent earned until now, then each newer state; refuses (LIMIT_EXCEEDED) when
        there is no room."""
        follower: Follower[commissions.Earnings] = Follower(agent_id, None, actor, address)
        async with self._following(self.earnings, follower) as states:
            yield states

    @asynccontextmanager
    async def _following(
        self, feed: Feed[State], follower: Follower[State]
    ) -> AsyncIterator[AsyncIterator[State]]:
        self._take_seats(follower)
        feed.add(follower)
        if self._stopping:
            follower.end(refused=False)
        try:
            yield follower.states()
        finally:
            self._give_seats_back(follower)
            feed.remove(follower)

    def _take_seats(self, follower: Follower[Any]) -> None:
        for kind, name in follower.seats:
            maximum = self.room.per_address if kind == "ip" else self.room.per_user
            if self._taken[kind, name] >= maximum:
                details = {"limit": "streams", "maximum": maximum}
                raise RequestRefused(TOO_MUCH, details=details, limit="streams", maximum=maximum)
        self._taken.update(follower.seats)

    def _give_seats_back(self, follower: Follower[Any]) -> None:
        for seat in follower.seats:
            self._taken[seat] -= 1
            if not self._taken[seat]:
                del self._taken[seat]

    def _everyone(self) -> list[Follower[Any]]:
        return [each for feed in self._feeds for each in feed.everyone()]

    async def _listen(self) -> None:
        """Hear hints until the connection breaks."""
        try:
            async with self._redis.pubsub() as channel:
                await channel.subscribe(CHANNEL, AGENTS_CHANNEL)
                while True:
                    message = await channel.get_message(timeout=LISTEN_SECONDS)
                    if message is not None and message["type"] == "message":
                        self._heard(message["channel"].decode(), message["data"])
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

    def _heard(self, channel: str, hint: bytes) -> None:
        told = _read(hint)
        if channel == CHANNEL:
            self.orders.heard(told)
            self.earnings.heard(told, ())
        else:
            self.earnings.heard((), told)

    async def _compare_all(self) -> None:
        """Look for changes that no hint told."""
        pause = self.pace.compare if self.listening else self.pace.compare_alone
        with suppress(TimeoutError):
            await asyncio.wait_for(self._compare.wait(), pause)
        self._compare.clear()
        for feed in self._feeds:
            await feed.compare()

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
    """What a hint names, with the numbers of their last events."""
    try:
        return {UUID(each): int(sequence) for each, sequence in orjson.loads(hint).items()}
    except (AttributeError, TypeError, ValueError):
        log.warning("live_hint_unreadable")
        return {}
