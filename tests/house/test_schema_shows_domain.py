"""A schema type shows what the domain has: what `Any` in schema/fields.py hides from mypy.

A plain field must be a plain attribute or property of the presented class and not a relation (which
would be an unawaited query), it may be null only if it says so, and a resolver must return a list
or None exactly where its field does.
"""

import importlib
import types
import typing
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import strawberry
from strawberry.types.base import StrawberryList, StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.field import StrawberryField
from tortoise import Model, fields

from domain.kernel import Refusal
from schema.documents import RootSchema
from schema.errors import UserError
from schema.extensions import PayloadExtension
from schema.fields import field, mutation, presented_by, presents
from schema.limits import SHOP

Shape = tuple[bool, "Shape | None"]  # may be null; the shape of its items when it is a list
ROOTS = ("shop", "partner", "admin")
RELATIONS = (
    "fk_fields",
    "backward_fk_fields",
    "o2o_fields",
    "backward_o2o_fields",
    "m2m_fields",
)


def check_schema(schema: strawberry.Schema) -> list[str]:
    """Every place where the schema says something else than the domain."""
    return sorted(
        f"{definition.name}.{each.python_name}: {problem}"
        for definition in _object_types(schema)
        for each in definition.fields
        for problem in _problems(definition, each)
    ) + sorted(
        f"{definition.name}: an interface's type needs @presents or is_type_of"
        for definition in _object_types(schema)
        if definition.interfaces and not hasattr(definition.origin, "is_type_of")
    )


def _object_types(schema: strawberry.Schema) -> Iterator[StrawberryObjectDefinition]:
    for concrete in schema.schema_converter.type_map.values():
        definition = concrete.definition
        if isinstance(definition, StrawberryObjectDefinition) and not definition.is_input:
            yield definition


def _problems(definition: StrawberryObjectDefinition, each: StrawberryField) -> Iterator[str]:
    if each.base_resolver is None:
        shown = presented_by(definition.origin)
        if shown is not None:
            yield from _attribute_problems(shown, each)
    elif not any(isinstance(extension, PayloadExtension) for extension in each.extensions):
        returned = _returned(each.base_resolver.wrapped_func)
        if returned is not Any and _shape_of_hint(returned) != _shape_of_field(each.type):
            yield f"its resolver returns {returned}, the field is {each.type}"


def _attribute_problems(shown: type, each: StrawberryField) -> Iterator[str]:
    name = each.python_name
    if issubclass(shown, Model):
        meta = shown._meta
        if any(name in getattr(meta, kind) for kind in RELATIONS):
            yield f"{shown.__name__}.{name} is a relation, give it a resolver with a loader"
            return
        # The column behind a foreign key gets its own attribute only when Tortoise starts.
        to_one = name.removesuffix("_id") if name.endswith("_id") else name
        column = meta.fields_map.get(name) or meta.fields_map.get(to_one)
        if column is not None:
            if column.null and not isinstance(each.type, StrawberryOptional):
                yield f"{shown.__name__}.{name} may be null"
            return
    known = hasattr(shown, name) or name in getattr(shown, "__dataclass_fields__", {})
    attribute = getattr(shown, name, None)
    if not known:
        yield f"{shown.__name__} has no {name}"
    elif isinstance(attribute, types.FunctionType):
        yield f"{shown.__name__}.{name} is a function"
    else:
        hint = _hint_of(shown, name)
        if hint is not Any and _shape_of_hint(hint) != _shape_of_field(each.type):
            yield f"{shown.__name__}.{name} is {hint}, the field is {each.type}"


def _hint_of(shown: type, name: str) -> Any:
    attribute = getattr(shown, name, None)
    if isinstance(attribute, property):
        return _returned(attribute.fget)
    if issubclass(shown, Model):
        return Any  # Tortoise adds more attributes than it annotates, such as product_id
    hint = typing.get_type_hints(shown).get(name, Any)
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.ClassVar else hint


def _returned(function: Any) -> Any:
    return typing.get_type_hints(function).get("return", Any)


def _shape_of_hint(hint: Any) -> Shape:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (AsyncGenerator, AsyncIterator):
        return _shape_of_hint(arguments[0])
    if origin in (typing.Union, types.UnionType):
        # "At once or later" is the same shape twice.
        later = [each for each in arguments if typing.get_origin(each) is Awaitable]
        rest = tuple(each for each in arguments if each is not type(None) and each not in later)
        inner = _shape_of_hint(rest[0]) if len(rest) == 1 else (False, None)
        return (type(None) in arguments, inner[1])
    if origin in (list, tuple, frozenset, set, Sequence):
        return (False, _shape_of_hint(arguments[0]))
    return (False, None)


def _shape_of_field(annotated: Any) -> Shape:
    if isinstance(annotated, StrawberryOptional):
        return (True, _shape_of_field(annotated.of_type)[1])
    if isinstance(annotated, StrawberryList):
        return (False, _shape_of_field(annotated.of_type))
    return (False, None)


@pytest.mark.parametrize("root", ROOTS)
def test_the_schema_shows_the_domain(root: str) -> None:
    pytest.importorskip(f"schema.{root}")
    module = importlib.import_module(f"schema.{root}")
    assert check_schema(module.schema) == []


class Shelf(Model):
    name = fields.CharField(max_length=20)


class Item(Model):
    name = fields.CharField(max_length=20)
    note = fields.CharField(max_length=20, null=True)
    shelf: fields.ForeignKeyRelation[Shelf] = fields.ForeignKeyField("models.Shelf")

    @property
    def label(self) -> str | None:
        return self.note

    def loud(self) -> str:
        return self.name.upper()


@dataclass(frozen=True)
class Quote:
    total: int
    parts: list[int]


def find_item() -> Item | None:
    return None


def list_items() -> list[Item]:
    return []


def list_quotes() -> list[Quote]:
    return []


@strawberry.interface
class Node:
    name: str


def test_the_check_finds_each_kind_of_lie() -> None:
    @strawberry.type
    class ShelfType:
        name: str

    @strawberry.type
    @presents(Item)
    class ItemType:
        name: str
        note: str
        shelf: ShelfType
        label: str
        loud: str
        colour: str

    @strawberry.type
    @presents(Quote)
    class QuoteType:
        total: int | None
        parts: list[int]

    @strawberry.type
    class Stray(Node):
        name: str

    @strawberry.type
    class Query:
        item: ItemType = field(find_item)
        items: list[ItemType | None] = field(list_items)
        quotes: list[QuoteType] = field(list_quotes)
        node: Node | None = field(lambda: None)

    schema = RootSchema(Query, limits=SHOP, types=[Stray])
    places = [problem.partition(":")[0] for problem in check_schema(schema)]
    assert places == [
        "ItemType.colour",
        "ItemType.label",
        "ItemType.loud",
        "ItemType.note",
        "ItemType.shelf",
        "Query.item",
        "Query.items",
        "QuoteType.total",
        "Stray",
    ]


def test_the_check_is_content_with_an_honest_schema() -> None:
    @dataclass(frozen=True, kw_only=True)
    class StockLow(Refusal):
        available: int

    @strawberry.type
    @presents(StockLow)
    class StockLowError(UserError):
        available: int

    @strawberry.type
    @presents(Item)
    class HonestItem:
        name: str
        note: str | None
        label: str | None
        shelf_id: int

    @strawberry.type
    class ItemPayload:
        user_errors: list[UserError]
        item: HonestItem | None = None

    @strawberry.type
    class Query:
        item: HonestItem | None = field(find_item)
        items: list[HonestItem] = field(list_items)

    @strawberry.type
    class Mutation:
        find_item: ItemPayload = mutation(find_item, payload=ItemPayload, entity="item")

    schema = RootSchema(Query, Mutation, limits=SHOP, types=[StockLowError])
    assert check_schema(schema) == []
