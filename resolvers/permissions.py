"""Who may ask a field. The domain checks again; this refuses before anything is read."""

from dataclasses import dataclass

from domain.kernel import ActorKind, Forbidden, Refused
from resolvers.context import Context


@dataclass(frozen=True)
class SignedIn:
    """A buyer, guest or operator with a session.

    Not a key: it acts for its owner, but may do no more than its scopes say, and a field that asks
    for no scope would give it all that the owner has.
    """

    def check(self, context: Context) -> None:
        """Refuse the anonymous, and keys."""
        context.actor.require_user()
        if context.actor.kind is ActorKind.KEY:
            raise Refused(Forbidden(scope="session"))


@dataclass(frozen=True)
class AnyScope:
    """An operator or a key that holds one of these scopes; the domain decides what each may see."""

    names: tuple[str, ...]

    def check(self, context: Context) -> None:
        """Refuse who lacks all of them; the first is named as the one that is missing."""
        if not any(name in context.actor.scopes for name in self.names):
            context.actor.require_scope(self.names[0])


@dataclass(frozen=True)
class Scope:
    """An operator or a key that holds this scope, such as `cards:write`."""

    name: str

    def check(self, context: Context) -> None:
        """Refuse who lacks it."""
        context.actor.require_scope(self.name)
