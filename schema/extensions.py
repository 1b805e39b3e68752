"""What happens around a resolver: permission, counting of tries, and refusals as data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, Protocol

import strawberry
from strawberry.extensions.field_extension import FieldExtension
from strawberry.types.base import StrawberryOptional
from strawberry.utils.await_maybe import await_maybe

from domain.kernel import Forbidden, Refusal, Refused, SignInNeeded
from schema.faults import RequestRefused

Next = Callable[..., Any]
TOP_LEVEL = frozenset({SignInNeeded.code, Forbidden.code})


class RateZone(StrEnum):
    """What is counted by executed field, or at a door; each zone has its own windows."""

    LOGIN = "login"
    SIGNUP = "signup"
    STEP_UP = "step_up"
    REVEAL = "reveal"
    ORDER_LOOKUP = "order_lookup"
    GIFT_CARD = "gift_card"
    GIFT_CARD_USE = "gift_card_use"  # at a till, where many come
    COUPON = "coupon"
    GUEST_LOOKUP = "guest_lookup"
    LOOKUP_PASSWORD = "lookup_password"
    CLAIM = "claim"
    CALLBACK = "callback"  # at the doors of payment channels and suppliers


class Permission(Protocol):
    """Who may ask a field; the classes stand in resolvers/permissions.py."""

    def check(self, context: Any) -> None:
        """Raise `Refused(SignInNeeded())` or `Refused(Forbidden(...))` unless it is allowed."""


@dataclass(frozen=True)
class Rate:
    """Counts a field in a zone, per account and per address.

    `account` names the argument that says whose secret is being guessed (`login`, or a path such
    as `password.login`); without it the signed-in caller is the account. `only_with` names an
    argument without which nothing is counted.
    """

    zone: RateZone
    account: str | None = None
    only_with: str | None = None


class PermissionsExtension(FieldExtension):
    """Refuses a field before its resolver runs; other fields of the request are not touched."""

    def __init__(self, permissions: Sequence[Permission]) -> None:
        self.permissions = tuple(permissions)

    def resolve(self, next_: Next, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        """Ask each permission, then the resolver."""
        for permission in self.permissions:
            permission.check(info.context)
        return next_(source, info, **kwargs)

    async def resolve_async(
        self, next_: Next, source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        """The same for an asynchronous resolver."""
        return await await_maybe(self.resolve(next_, source, info, **kwargs))


class RateExtension(FieldExtension):
    """Counts the field each time it is executed: aliases and batches count singly."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate

    async def resolve_async(
        self, next_: Next, source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        """Count first, so that a refused try costs no password hash."""
        if self.rate.only_with and kwargs.get(self.rate.only_with) is None:
            return await await_maybe(next_(source, info, **kwargs))
        context = info.context
        subject = self._named(kwargs) if self.rate.account else str(context.actor.user_id or "")
        wait_ms: int = await context.rate_limits.hit(self.rate.zone, subject, context.client)
        if wait_ms > 0:
            details = {"retryAfterMs": wait_ms, "retryable": True}
            raise RequestRefused("RATE_LIMITED", details=details, seconds=-(-wait_ms // 1000))
        return await await_maybe(next_(source, info, **kwargs))

    def _named(self, kwargs: Mapping[str, Any]) -> str:
        """The argument at the path; empty when it was not given. Never a whole input: that may
        hold a password."""
        first, *rest = (self.rate.account or "").split(".")
        found = kwargs.get(first)
        for name in rest:
            found = getattr(found, name, None)
        return found if isinstance(found, str) else ""


class PayloadExtension(FieldExtension):
    """Turns what a resolver returns, or refuses with, into the payload."""

    def __init__(self, payload: type, entity: str | None) -> None:
        self.payload = payload
        self.entity = entity
        self.names = {each.name for each in fields(payload) if each.init}
        self.empty = _empty(payload)
        if entity is not None and entity not in self.names:
            raise TypeError(f"{payload.__name__} has no field {entity}")

    async def resolve_async(
        self, next_: Next, source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        """The payload with the entity, or with the refusals and nothing changed."""
        try:
            outcome = await await_maybe(next_(source, info, **kwargs))
        except Refused as refused:
            if any(refusal.code in TOP_LEVEL for refusal in refused.refusals):
                raise  # who may not ask at all gets no payload
            return self._filled({}, refused.refusals)
        return self._filled(self._named(outcome), ())

    def _named(self, outcome: Any) -> Mapping[str, Any]:
        if isinstance(outcome, dict):
            return outcome
        if isinstance(outcome, tuple) and hasattr(outcome, "_asdict"):
            return dict(outcome._asdict())
        if is_dataclass(outcome) and (self.entity is None or hasattr(outcome, self.entity)):
            return {each.name: getattr(outcome, each.name) for each in fields(outcome)}
        if self.entity is None:
            raise TypeError(f"{self.payload.__name__} takes named values, not {type(outcome)}")
        return {self.entity: outcome}

    def _filled(self, named: Mapping[str, Any], refusals: tuple[Refusal, ...]) -> Any:
        return self.payload(**{**self.empty, **named, "user_errors": list(refusals)})


def _empty(payload: type) -> dict[str, None]:
    """What a refused mutation answers: null, or the field's default when null is not possible."""
    empty: dict[str, None] = {}
    for each in payload.__strawberry_definition__.fields:  # type: ignore[attr-defined]
        has_default = each.default is not MISSING or each.default_factory is not MISSING
        if not each.init or has_default or each.name == "user_errors":
            continue
        if not isinstance(each.type, StrawberryOptional):
            raise TypeError(f"{payload.__name__}.{each.name} needs a default or to be optional")
        empty[each.name] = None
    return empty
