"""What one document may ask for, on a small schema with the real limits."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
import strawberry
from dirty_equals import IsPartialDict
from graphql import get_introspection_query, parse

import schema.documents as documents_module
from schema.documents import Door, RootSchema
from schema.fields import field
from schema.limits import SHOP, Limits, Walk


def nothing() -> list[Any]:
    return []


@strawberry.type
class Item:
    name: str = "item"

    @field
    def parent() -> "Item":
        return Item()

    @field
    def items(first: int = 20, last: int | None = None) -> list["Item"]:
        return []

    @field
    def children() -> list["Item"]:
        return []

    pair: list["Item"] = field(nothing, size=2)
    heavy: "Item" = field(lambda: Item(), cost=50)


@strawberry.type
class ItemConnection:
    nodes: list[Item] = field(nothing)


@strawberry.type
class Query:
    @field
    def item() -> Item:
        return Item()

    @field
    def items(first: int | None = None, last: int | None = None) -> ItemConnection:
        return ItemConnection()

    look_up: str = field(lambda: "found", sensitive=True)
    hello: str = field(lambda: "hello")


@strawberry.type
class Mutation:
    touch: int = field(lambda: 1)
    login: int = field(lambda: 1, sensitive=True)


def make(limits: Limits = SHOP) -> RootSchema:
    return RootSchema(Query, Mutation, limits=limits)


async def codes(document: str, schema: RootSchema | None = None, **options: Any) -> list[str]:
    result = await (schema or make()).execute(document, **options)
    return [error.extensions["code"] for error in result.errors or ()]


async def cost(document: str, **variables: Any) -> int:
    result = await make(Limits(cost=10**9)).execute(document, variables)
    assert result.errors is None
    requested = result.extensions["cost"]["requested"]
    assert isinstance(requested, int)
    return requested


def doublings(count: int) -> str:
    chain = " ".join(f"fragment F{n} on Item {{...F{n + 1} ...F{n + 1}}}" for n in range(count))
    return f"{{item{{...F0}}}} {chain} fragment F{count} on Item {{name}}"


@pytest.mark.parametrize("count", [18, 25, 45, 60])
async def test_doubling_fragments_are_refused_in_linear_work(count: int) -> None:
    """Calls are counted, not seconds: a busy machine must not fail this, nor a hang pass."""
    schema, document = make(), doublings(count)
    with at_most(calls=20_000 + 4_000 * count):
        result = await schema.execute(document)
    assert [error.extensions["code"] for error in result.errors or ()] == ["LIMIT_EXCEEDED"]


def test_the_count_of_calls_stops_what_doubles() -> None:
    def double(depth: int) -> int:
        return double(depth - 1) + double(depth - 1) if depth else 1

    with pytest.raises(AssertionError, match="calls"), at_most(calls=120_000):
        double(25)


@contextmanager
def at_most(calls: int) -> Iterator[None]:
    """Fails as soon as more Python functions were called than this."""
    left = calls

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal left
        left -= event == "call"
        if left < 0:
            sys.setprofile(None)
            raise AssertionError(f"more than {calls} calls")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("count", [2, 20, 400])
def test_each_selection_is_visited_once(count: int) -> None:
    roomy = Limits(cost=10**9, spreads=10**6, fields=10**9, repeats=10**9)
    chain = " ".join(f"fragment F{n} on Item {{...F{n + 1} ...F{n + 1}}}" for n in range(20))
    tail = " ".join(f"a{n}: name" for n in range(count))
    document = f"{{item{{...F0}}}} {chain} fragment F20 on Item {{{tail}}}"
    walk = Walk(make()._schema, parse(document), Limits(**{**_asdict(roomy), "aliases": 10**9}))
    walk.plans()
    assert walk.visits == 1 + 1 + 2 * 20 + count


def _asdict(limits: Limits) -> dict[str, int]:
    return {name: getattr(limits, name) for name in limits.__slots__}


async def test_cyclic_fragments_are_refused() -> None:
    assert await codes("{item{...A}} fragment A on Item {parent{...A}}") == ["FRAGMENT_CYCLE"]
    two = "{item{...A}} fragment A on Item {...B} fragment B on Item {...A}"
    assert await codes(two) == ["FRAGMENT_CYCLE"]


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        ("{item" + "{parent" * 13 + "{name}" + "}" * 13 + "}", "depth"),
        ("{item" + "{parent" * 150 + "{name}" + "}" * 150 + "}", "depth"),
        ("{" + " ".join(f"a{n}: hello" for n in range(16)) + "}", "aliases"),
        ("{" + "hello " * 1500 + "}", "repeats"),
        ("{item{" + "name " * 31 + "}}", "repeats"),
        ("{" + "...{" * 120 + "hello" + "}" * 120 + "}", "spreads"),
        ("mutation{" + " ".join(f"a{n}: touch" for n in range(4)) + "}", "mutations"),
        ("mutation{a: login b: login}", "sensitive"),
        ("mutation{login ...L} fragment L on Mutation {b: login}", "sensitive"),
        ("{a: lookUp b: lookUp}", "sensitive"),
        ("{hello} fragment Unused on Item {" + "name " * 31 + "}", "repeats"),
    ],
)
async def test_each_limit_says_its_name(document: str, limit: str) -> None:
    result = await make().execute(document)
    assert [error.extensions for error in result.errors or ()] == [
        IsPartialDict(code="LIMIT_EXCEEDED", limit=limit)
    ]
    assert result.data is None


async def test_fields_are_counted_with_their_fragments() -> None:
    parts = " ".join(f"fragment P{n} on Item {{ f{n}: name g{n}: name }}" for n in range(2))
    uses = " ".join(f"i{n}: item {{ {'name ' * 4} ...P0 ...P1 }}" for n in range(40))
    schema = make(Limits(cost=10**6, aliases=10**6))
    result = await schema.execute("{" + uses + "}" + parts)
    assert (result.errors or [])[0].extensions == IsPartialDict(limit="fields", maximum=300)


async def test_200_000_tokens_are_not_read_to_the_end() -> None:
    schema, document = make(), "{" + "hello " * 200_000 + "}"
    with at_most(calls=500_000):  # reading them all takes many millions
        result = await schema.execute(document)
    assert (result.errors or [])[0].extensions == IsPartialDict(
        code="LIMIT_EXCEEDED", limit="tokens", maximum=2000
    )


async def test_two_operations_need_a_name() -> None:
    document = "query A {hello} mutation B {touch}"
    assert await codes(document) == ["OPERATION_NAME_REQUIRED"]
    assert await codes(document, operation_name="B") == []
    assert await codes("{hello} mutation {touch}") != []
    assert await codes("query {hello} query {hello}") != []


async def test_cost_counts_objects_and_multiplies_pages() -> None:
    assert await cost("{hello}") == 0
    assert await cost("{item{name parent{name}}}") == 2
    assert await cost("{items{nodes{name}}}") == 1 + 20
    assert await cost("{items(first: 3){nodes{name parent{name}}}}") == 1 + 3 * 2
    assert await cost("{items(first: 1000){nodes{name}}}") == 1 + 100
    assert await cost("{items(first: -5){nodes{name}}}") == 1
    assert await cost("{items(last: 7){nodes{name}}}") == 1 + 7
    assert await cost("{items(first: 1, last: 90){nodes{name}}}") == 1 + 100
    assert await cost("{item{children{parent{name}}}}") == 2 + 5
    assert await cost("{item{pair{parent{name}} heavy{name}}}") == 2 + 2 + 50


async def test_cost_is_taken_from_the_variables() -> None:
    document = "query($n: Int = 4, $m: Int){items(first: $n){nodes{...I}}} "
    document += "fragment I on Item {name items(first: $m){parent{name}}}"
    assert await cost(document) == 1 + 4 * (1 + 1 + 20)
    assert await cost(document, n=2, m=3) == 1 + 2 * (1 + 1 + 3)
    assert await cost(document, n=None, m=0) == 1 + 20 * (1 + 1)
    schema = make()
    assert await codes(document, schema, variable_values={"n": 100, "m": 100}) == ["COST_EXCEEDED"]
    assert await codes(document, schema, variable_values={"n": 10, "m": 10}) == []


async def test_cost_does_not_overflow() -> None:
    nested = "items(first: 100){" * 10 + "name" + "}" * 10
    result = await make().execute("{item{" + nested + "}}")
    error = (result.errors or [])[0]
    assert error.extensions["code"] == "COST_EXCEEDED"
    assert error.extensions["cost"]["requested"] <= 10**9


async def test_introspection_has_limits_of_its_own_and_can_be_off() -> None:
    document = get_introspection_query()
    assert await codes(document) == []
    assert await codes(document, root_value=Door(introspection=False)) == ["INTROSPECTION_OFF"]
    off = Door(introspection=False)
    assert await codes("{__typename hello}", root_value=off) == []
    deep = "{__schema{types{" + "ofType{" * 30 + "name" + "}" * 30 + "}}}"
    assert await codes(deep) == ["LIMIT_EXCEEDED"]


async def test_a_known_document_is_neither_parsed_nor_validated_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    for name in ("parse", "validate", "Walk"):
        real = getattr(documents_module, name)
        monkeypatch.setattr(
            documents_module,
            name,
            lambda *a, _real=real, _name=name, **k: (calls.append(_name), _real(*a, **k))[1],
        )
    schema = make()
    for _ in range(3):
        result = await schema.execute("query($n: Int){items(first: $n){nodes{name}}}", {"n": 2})
        assert result.errors is None
    assert calls == ["parse", "Walk", "validate"]


async def test_a_document_with_errors_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = make()
    assert await codes("{nothing}", schema) == ["GRAPHQL_VALIDATION_FAILED"]
    assert len(schema.documents._known) == 0


async def test_the_memory_of_documents_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "CACHED_DOCUMENTS", 3)
    monkeypatch.setattr(documents_module, "CACHED_CHARACTERS", 60)
    schema = make()
    for number in range(9):
        assert await codes(f"{{hello}} #{number}", schema) == []
    assert len(schema.documents._known) == 3
    assert await codes("{hello} #" + "x" * 40, schema) == []
    assert len(schema.documents._known) == 2
    assert schema.documents._characters <= 60


async def test_the_answer_tells_its_cost() -> None:
    result = await make().execute("{item{name}}")
    assert result.extensions == {"cost": {"requested": 1, "maximum": 2000}}


async def test_a_guarded_request_costs_little() -> None:
    """The walk and the rules run once; what stays is a look-up."""
    schema = make()
    await schema.execute("{hello}")
    with at_most(calls=1_000):
        for _ in range(100):
            schema.documents.prepare("{hello}")
