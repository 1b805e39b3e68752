"""What is followed in this process: who follows which row, and what became of it since.

A follower has room for one state: the newest takes the place of one not yet fetched, so a slow
client costs no memory. A feed reads what may have changed, many rows by the same few statements,
however many follow them, and shows each state to whom it is news (docs/decisions/0033).
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from domain import commissions, orders
from domain.checkout import CURRENCY
from domain.commissions import Before, Earnings
from domain.kernel import Actor, Refused, SignInNeeded

AT_ONCE = 500  # rows read by one statement
MANY_ORDERS = 5_000  # more of them at once, and all that is followed is looked at
State = TypeVar("State")


class Follower(Generic[State]):
    """One subscription: what it was shown last, and the newest state that it has not seen."""

    def __init__(self, key: UUID, seen: State | None, actor: Actor, address: str) -> None:
        self.key = key
        self.seen = seen
        self.actor = actor
        user = str(actor.user_id or "")
        self.seats = [seat for seat in (("ip", address), ("user", user)) if seat[1]]
        self._waiting: State | None = None
        self._ended = False
        self._refused = False
        self._wake = asyncio.Event()

    def show(self, state: State) -> None:
        """Offer a state that is news."""
        self.seen = self._waiting = state
        self._wake.set()

    def end(self, *, refused: bool) -> None:
        """No more states: the session is over, or the server stops."""
        self._ended, self._refused = True, refused
        self._wake.set()

    async def states(self) -> AsyncIterator[State]:
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


class Feed(ABC, Generic[State]):
    """The followers of one kind of rows."""

    def __init__(self) -> None:
        self.followers: dict[UUID, set[Follower[State]]] = {}
        self._changed: set[UUID] = set()
        self._change = asyncio.Event()

    def everyone(self) -> list[Follower[State]]:
        """All followers."""
        return [each for group in self.followers.values() for each in group]

    def add(self, follower: Follower[State]) -> None:
        """Show it what is news to it from now on, beginning with a look at once."""
        self.followers.setdefault(follower.key, set()).add(follower)
        self.mark([follower.key])

    def remove(self, follower: Follower[State]) -> None:
        """Show it nothing more."""
        group = self.followers[follower.key]
        group.discard(follower)
        if not group:
            del self.followers[follower.key]

    def mark(self, keys: Iterable[UUID]) -> None:
        """These may have changed."""
        self._changed.update(keys)
        if self._changed:
            self._change.set()

    async def read_changed(self) -> None:
        """Read what has changed, all at once; what changes meanwhile waits for the next turn."""
        await self._change.wait()
        self._change.clear()
        changed, self._changed = self._changed, set()
        try:
            await self.look([each for each in changed if each in self.followers])
        except Exception:
            self.mark(changed)
            raise

    async def look(self, keys: Sequence[UUID]) -> None:
        """Read these, and show them to whom they are news."""
        for start in range(0, len(keys), AT_ONCE):
            for key, state in (await self.read(keys[start : start + AT_ONCE])).items():
                for follower in self.followers.get(key, ()):
                    if self.is_news(state, follower.seen):
                        follower.show(state)

    @abstractmethod
    def is_news(self, state: State, seen: State | None) -> bool:
        """Whether a follower that has seen so much is shown this."""

    @abstractmethod
    async def read(self, keys: Sequence[UUID]) -> Mapping[UUID, State]:
        """The states of these."""

    @abstractmethod
    async def compare(self) -> None:
        """Mark what has changed though no hint told."""


class OrderFeed(Feed[orders.OrderState]):
    """Orders, by their versions."""

    def heard(self, sequences: Mapping[UUID, int]) -> None:
        """The highest number of an event of each order that changed."""
        for order_id, sequence in sequences.items():
            group = self.followers.get(order_id, ())
            if any(_sequence(follower) < sequence for follower in group):
                self.mark([order_id])

    def is_news(self, state: orders.OrderState, seen: orders.OrderState | None) -> bool:
        """Versions only grow."""
        return seen is None or state.order.version > seen.order.version

    async def read(self, keys: Sequence[UUID]) -> Mapping[UUID, orders.OrderState]:
        """Two statements."""
        return {state.order.id: state for state in await orders.states_of(keys)}

    async def compare(self) -> None:
        """By their versions alone."""
        followed = list(self.followers)
        for start in range(0, len(followed), AT_ONCE):
            versions = await orders.versions_of(followed[start : start + AT_ONCE])
            self.mark(each for each, now in versions.items() if self._is_behind(each, now))

    def _is_behind(self, order_id: UUID, version: int) -> bool:
        group = self.followers.get(order_id, ())
        return any(each.seen is None or each.seen.order.version < version for each in group)


class EarningsFeed(Feed[Earnings]):
    """What agents earned. They have no version: a state is news when anything in it differs.

    Hints name orders and agents. Whose an order is, is asked of those agents only that are followed
    here. After a reading the feed rests at least `rest` seconds, and three times as long as the
    reading took: an agent that sells without a pause costs a quarter of one connection at most.
    """

    def __init__(self, rest: float) -> None:
        super().__init__()
        self.rest = rest
        self._orders: set[UUID] = set()
        self._before: dict[UUID, Before] = {}

    def heard(self, order_ids: Iterable[UUID], agent_ids: Collection[UUID]) -> None:
        """Orders changed, or something of agents did."""
        if not self.followers:
            return
        self._orders.update(order_ids)
        if len(self._orders) > MANY_ORDERS:
            self._orders.clear()
            self.mark(self.followers)
        if self._orders:
            self._change.set()
        self.mark(each for each in agent_ids if each in self.followers)

    def remove(self, follower: Follower[Earnings]) -> None:
        """Show it nothing more, and forget what nobody else needs."""
        super().remove(follower)
        if follower.key not in self.followers:
            self._before.pop(follower.key, None)

    async def look(self, keys: Sequence[UUID]) -> None:
        """These, and the agents of the orders that were heard of; then rest."""
        began = time.monotonic()
        heard, self._orders = self._orders, set()
        try:
            concerned = await self._agents_of(heard)
            await super().look(list({*keys, *concerned}))
        except Exception:
            self._orders |= heard
            raise
        await asyncio.sleep(max(self.rest, 3 * (time.monotonic() - began)))

    def is_news(self, state: Earnings, seen: Earnings | None) -> bool:
        """Anything that differs."""
        return state != seen

    async def read(self, keys: Sequence[UUID]) -> Mapping[UUID, Earnings]:
        """Four statements; the days before today are read once."""
        found, before = await commissions.earnings_of(keys, CURRENCY, self._before)
        self._before.update((key, one) for key, one in before.items() if key in self.followers)
        return found

    async def compare(self) -> None:
        """All of them: the day may have changed, too."""
        self.mark(self.followers)

    async def _agents_of(self, order_ids: Collection[UUID]) -> set[UUID]:
        if not order_ids or not self.followers:
            return set()
        return await orders.agents_among(list(order_ids), list(self.followers))


def _sequence(follower: Follower[orders.OrderState]) -> int:
    return follower.seen.order.event_count if follower.seen else 0
