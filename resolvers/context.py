"""The context of one request: who asks, in which language, with which loaders."""

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import strawberry

from domain.kernel import Actor
from resolvers.loaders import Loaders


class RateLimits(Protocol):
    """Counts executed fields, not requests: aliases count singly."""

    async def hit(self, zone: str, subject: str, ip: str) -> int:
        """Milliseconds to wait before the next try; 0 when this one is allowed."""


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
