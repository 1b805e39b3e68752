"""What a client sends by mistake is never said back: it may be a card code (mission row B1)."""

from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull, get_named_type

from domain.kernel import Actor
from schema.admin import schema as admin
from schema.documents import RootSchema
from schema.partner import schema as partner
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask

CODE = "PLANTED-7788-2211"
MUTATIONS = [
    (schema, name)
    for schema in (shop, partner, admin)
    for name in schema._schema.mutation_type.fields  # type: ignore[union-attr]
]


def input_of(schema: RootSchema, name: str) -> GraphQLInputObjectType:
    mutations = schema._schema.mutation_type
    assert mutations is not None
    wish = mutations.fields[name].args["input"].type
    assert isinstance(wish, GraphQLNonNull)
    found = get_named_type(wish)
    assert isinstance(found, GraphQLInputObjectType)
    return found


async def told(schema: RootSchema, name: str, value: Any, actor: Actor = make.OPERATOR) -> str:
    """All that is said to whoever fills each field with `value`, and one that is not there."""
    wish = input_of(schema, name)
    document = f"mutation Wrong($input: {wish.name}!) {{ {name}(input: $input) {{ __typename }} }}"
    content = {**dict.fromkeys(wish.fields, value), "notThere": value}
    result = await ask(schema, document, actor, input=content)
    assert result.data is None, "refused before anything ran"
    assert {error.extensions["code"] for error in result.errors} == {"GRAPHQL_VALIDATION_FAILED"}
    return " ".join(str(error.formatted) for error in result.errors)


@pytest.mark.parametrize("value", [CODE, {"deep": CODE}, [CODE], [[CODE]]], ids=str)
async def test_no_input_of_any_mutation_is_said_back(value: Any) -> None:
    loud = [
        (name, said)
        for schema, name in MUTATIONS
        if CODE in (said := await told(schema, name, value))
    ]
    assert not loud, loud[:3]


@pytest.mark.parametrize("field", ["Date", "DateTime", "Decimal", "Int", "Boolean"])
def test_each_kind_of_value_is_among_them(field: str) -> None:
    """Else the look above would prove nothing of it."""
    kinds = {
        get_named_type(each.type).name
        for schema, name in MUTATIONS
        for each in input_of(schema, name).fields.values()
    }
    assert field in kinds
