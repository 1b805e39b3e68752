"""The only Strawberry idioms that we add: `field`, `mutation`, `subscription`, `presents`.

They return `Any` or the class itself, so that a schema type reads like plain Strawberry while
resolvers answer with domain rows. What `Any` hides from mypy is checked by a house test
(tests/house/test_schema_shows_domain.py).
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLResolveInfo
from strawberry.extensions.field_extension import FieldExtension
from strawberry.field_extensions import InputMutationExtension

from schema.extensions import (
    PayloadExtension,
    Permission,
    PermissionsExtension,
    Rate,
    RateExtension,
    RateZone,
)
from schema.limits import FieldRules, rules_metadata

__all__ = ["Rate", "RateZone", "field", "mutation", "presented_by", "presents", "subscription"]

T = TypeVar("T", bound=type)
PRESENTED = "__presents__"
RESERVED = frozenset({"self", "root", "info"})


def field(
    resolver: Any = None,
    *,
    permissions: Sequence[Permission] = (),
    rate: Rate | tuple[Rate, ...] | None = None,
    sensitive: bool = False,
    purchase: bool = False,
    cost: int | None = None,
    size: int | None = None,
    **strawberry_options: Any,
) -> Any:
    """A field whose annotation, not its resolver, decides the GraphQL type.

    `cost` is its own cost and `size` the usual length of its list, see limits.py. `sensitive`
    fields are allowed once a request. A `purchase` waits for its turn (server/turnstile.py).
    What Strawberry's `field` takes is handed on.
    """
    extensions: list[FieldExtension] = list(strawberry_options.pop("extensions", ()))
    rates = (rate,) if isinstance(rate, Rate) else rate or ()
    extensions[:0] = [RateExtension(each) for each in rates]
    if permissions:
        extensions.insert(0, PermissionsExtension(permissions))
    options: dict[str, Any] = {
        **strawberry_options,
        "extensions": extensions,
        "metadata": rules_metadata(FieldRules(cost, size, sensitive, purchase)),
    }
    return strawberry.field(resolver=resolver, **options)


def mutation(
    resolver: Callable[..., Any], *, payload: type, entity: str | None = None, **options: Any
) -> Any:
    """A mutation with one input and one payload; `Refused` becomes `userErrors`.

    The resolver returns the row for the payload's field `entity`, or a dataclass, named tuple or
    dict whose names are fields of the payload. Options are those of `field`.
    """
    extensions: list[FieldExtension] = [PayloadExtension(payload, entity)]
    if signature(resolver).parameters.keys() - RESERVED:
        extensions.append(InputMutationExtension())  # an input without fields is not allowed
    return field(resolver, extensions=extensions, **options)


def subscription(resolver: Callable[..., Any], *, also: Rate | None = None, **options: Any) -> Any:
    """A field whose resolver answers with a stream of rows. `also` counts it in a second zone.

    Other options are those of `field`.
    """
    extensions: list[FieldExtension] = [RateExtension(also)] if also else []
    return field(resolver, extensions=extensions, is_subscription=True, **options)


def presents(domain_class: type, *also: type) -> Callable[[T], T]:
    """Below `@strawberry.type`: the type shows rows of this domain class.

    `also` names classes that carry the same attributes, such as a row before it is written.

    It tells interfaces and unions which rows are its own, and the house test what to compare with.
    """

    def remember(cls: T) -> T:
        shown: tuple[type, ...] = (domain_class, *also, cls)

        def is_type_of(value: object, info: GraphQLResolveInfo[Any]) -> bool:
            return isinstance(value, shown)

        setattr(cls, PRESENTED, domain_class)
        cls.is_type_of = is_type_of  # type: ignore[attr-defined]
        return cls

    return remember


def presented_by(cls: type) -> type | None:
    """The domain class that a schema type shows, if it said so itself."""
    shown: type | None = vars(cls).get(PRESENTED)
    return shown
