"""Many keys by one statement: what every loader is made of."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from functools import cached_property
from inspect import isawaitable
from typing import Generic, TypeAlias, TypeVar

from strawberry.dataloader import DataLoader

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Picked = TypeVar("Picked")
AtOnceOrLater: TypeAlias = Value | Awaitable[Value]


class Batch(Generic[Key, Value]):
    """Loads many keys by one statement, and remembers them for the rest of the request.

    `fetch` gets the keys that are not known yet; a key it does not answer has the value `missing`.
    """

    def __init__(
        self, fetch: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]], missing: Value
    ) -> None:
        self._fetch = fetch
        self._missing = missing
        self._at_hand: dict[Key, Value] = {}

    def get(self, key: Key) -> AtOnceOrLater[Value]:
        """The value itself when it is at hand, else a promise that waits for its batch.

        Twenty promises cost more than the statement behind them: a page fetches first.
        """
        try:
            return self._at_hand[key]
        except KeyError:
            return self._waiting.load(key)

    def get_from(self, key: Key, pick: Callable[[Value], Picked]) -> AtOnceOrLater[Picked]:
        """A part of the value, at once or later, as `get` does."""
        found = self.get(key)
        if not isawaitable(found):
            return pick(found)
        return self._later(found, pick)

    async def load(self, key: Key) -> Value:
        """The value of one key."""
        found = self.get(key)
        return await found if isawaitable(found) else found

    async def load_many(self, keys: Iterable[Key]) -> list[Value]:
        """The values of several keys, in their order."""
        wanted = list(keys)
        await self.fetch(wanted)
        return [self._at_hand[key] for key in wanted]

    async def fetch(self, keys: Iterable[Key]) -> None:
        """Have these keys at hand: one statement for those that are not yet."""
        unknown = [key for key in dict.fromkeys(keys) if key not in self._at_hand]
        if unknown:
            found = await self._fetch(unknown)
            self._at_hand.update((key, found.get(key, self._missing)) for key in unknown)

    def prime(self, key: Key, value: Value) -> None:
        """Tell a value that is known already, such as a row just written."""
        self._at_hand[key] = value

    async def _later(self, found: Awaitable[Value], pick: Callable[[Value], Picked]) -> Picked:
        return pick(await found)

    @cached_property
    def _waiting(self) -> DataLoader[Key, Value]:
        return DataLoader(self.load_many, cache=False)


def there(found: Value | None) -> Value:
    """What a foreign key promises: the row behind an id that the database holds to exist."""
    if found is None:
        raise LookupError("a row that is referred to is missing")
    return found
