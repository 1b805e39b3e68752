"""Who may ask a field. The domain checks again; this refuses before anything is read."""

from dataclasses import dataclass

from resolvers.context import Context


@dataclass(frozen=True)
class SignedIn:
    """Any buyer, guest, operator or key: somebody."""

    def check(self, context: Context) -> None:
        """Refuse the anonymous."""
        context.actor.require_user()


@dataclass(frozen=True)
class Scope:
    """An operator or a key that holds this scope, such as `cards:write`."""

    name: str

    def check(self, context: Context) -> None:
        """Refuse who lacks it."""
        context.actor.require_scope(self.name)
