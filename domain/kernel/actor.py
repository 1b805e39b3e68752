"""Who asks. The first argument of every use case."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from domain.kernel.refusals import Refusal, Refused

MAIN_SITE_ID = UUID("00000000-0000-7000-8000-000000000001")  # made by a migration


class ActorKind(StrEnum):
    """The kinds of caller, and the system itself."""

    ANONYMOUS = "anonymous"
    GUEST = "guest"
    USER = "user"
    OPERATOR = "operator"
    KEY = "key"
    LINK = "link"  # whoever holds a claim link: in the audit log its id stands for the person
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True)
class SignInNeeded(Refusal):
    """Nobody is signed in, or the session has ended."""

    code: ClassVar[str] = "UNAUTHENTICATED"


@dataclass(frozen=True, kw_only=True)
class Forbidden(Refusal):
    """The caller is known and lacks this scope."""

    code: ClassVar[str] = "FORBIDDEN"
    scope: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a user, an operator, an API key (acting for its owner), or the system."""

    kind: ActorKind
    user_id: UUID | None = None
    session_id: UUID | None = None
    key_id: UUID | None = None
    agent_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
    ip: str = ""
    request_id: str = ""
    site_id: UUID = MAIN_SITE_ID  # the storefront that was asked

    def require_user(self) -> UUID:
        """The user behind the call; refuses when nobody is signed in."""
        if self.user_id is None:
            raise Refused(SignInNeeded())
        return self.user_id

    def is_staff(self, scope: str) -> bool:
        """Whether an operator holds the scope (or `*`), or the system asks.

        A key's scopes say what it may do for its owner, and never reach beyond what that owns.
        """
        if self.kind is ActorKind.SYSTEM:
            return True
        return self.kind is ActorKind.OPERATOR and bool({scope, "*"} & self.scopes)

    def require_scope(self, scope: str) -> None:
        """Refuses unless the caller is the system or holds the scope (or `*`)."""
        if self.kind is ActorKind.SYSTEM or scope in self.scopes or "*" in self.scopes:
            return
        if self.kind is ActorKind.ANONYMOUS:
            raise Refused(SignInNeeded())
        raise Refused(Forbidden(scope=scope))


SYSTEM = Actor(kind=ActorKind.SYSTEM)
ANONYMOUS = Actor(kind=ActorKind.ANONYMOUS)
