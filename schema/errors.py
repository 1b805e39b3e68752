"""Refusals as a client sees them: `userErrors` of a payload.

`UserError` is an interface, so that one fragment (`code message field retryable`) works for every
error and old clients keep working when a new one appears. A concrete type presents one refusal and
adds the numbers a screen needs:

    @strawberry.type
    @presents(orders.StockShort)
    class StockShortError(UserError):
        requested: int
        available: int

A refusal that no type of the schema presents is shown as a `FieldError`.
"""

from typing import Any

import strawberry
from graphql import GraphQLResolveInfo
from strawberry import Parent

from domain.kernel import Refusal
from schema.fields import field
from schema.locale import DEFAULT, refusal_text


def _message(refusal: Parent[Refusal], info: strawberry.Info) -> str:
    return refusal_text(refusal, getattr(info.context, "language", DEFAULT))


def _path(refusal: Parent[Refusal]) -> list[str] | None:
    return list(refusal.field) or None


@strawberry.interface(description="An expected refusal; nothing was changed.")
class UserError:
    code: str = field(description="Stable; programs decide by it.")
    message: str = field(_message, description="For people, in the language asked for.")
    retryable: bool = field(description="Whether the same request may succeed later.")
    path: list[str] | None = field(
        _path, name="field", description="Path into the input, when one part of it is at fault."
    )


@strawberry.type(description="A refusal that needs no more than the interface says.")
class FieldError(UserError):
    @classmethod
    def is_type_of(cls, value: object, info: GraphQLResolveInfo[Any]) -> bool:
        """Every refusal that no other type of this schema presents."""
        if not isinstance(value, Refusal):
            return False
        interface = info.schema.get_type("UserError")
        others = info.schema.get_possible_types(interface)  # type: ignore[arg-type]
        return not any(
            other.is_type_of(value, info)
            for other in others
            if other.name != "FieldError" and other.is_type_of
        )
