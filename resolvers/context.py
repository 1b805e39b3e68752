"""The context of one request: who asks, in which language, with which loaders."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import strawberry

from domain import commissions, orders
from domain.kernel import Actor
from resolvers.loaders import Loaders


class RateLimits(Protocol):
    """Counts executed fields, not requests: aliases count singly."""

    async def hit(self, zone: str, subject: str, ip: str) -> int:
        """Milliseconds to wait before the next try; 0 when this one is allowed."""


class LivePort(Protocol):
    """Pushes states on as they change, until the caller's session ends. A caller that is slow sees
    the newest one only."""

    def follow(
        self, order: orders.Order, actor: Actor, address: str
    ) -> AbstractAsyncContextManager[AsyncIterator[orders.OrderState]]:
        """Each newer state of an order that the caller may see."""

    def follow_earnings(
        self, agent_id: UUID, actor: Actor, address: str
    ) -> AbstractAsyncContextManager[AsyncIterator[commissions.Earnings]]:
        """How the caller's agent stands now, then each newer state."""


@dataclass
class Context:
    """One request."""

    actor: Actor
    language: str
    request_id: str
    rate_limits: RateLimits
    client: str = ""  # the caller's address, for counting tries
    user_agent: str = ""
    proved_orders: set[UUID] = field(default_factory=set)  # opened by what only the buyer has
    own_agent: UUID | None = None  # the agent that the caller is, active or not, once it was read
    live: LivePort | None = None
    pushed: bool = False  # a frame is shown unasked: what is private waits for a question
    connection_params: dict[str, object] = field(default_factory=dict, repr=False)  # of a socket
    languages: str = ""  # a chain such as `ja.en`: how goods are named; it ends with `language`
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        """Loaders remember what they read for this caller, so they live as long as the request."""
        self.languages = self.languages or self.language
        self.loaders = Loaders(self.actor, self.languages)

    def sign_in(self, actor: Actor) -> None:
        """Answer what follows in this request for the one who has just signed in."""
        self.actor = actor
        self.loaders = Loaders(actor, self.languages)


Info = strawberry.Info[Context, None]
