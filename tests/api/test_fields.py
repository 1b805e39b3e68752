"""The Strawberry idiom: rows in, GraphQL out, refusals as data."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from uuid import UUID, uuid4

import pytest
import strawberry

from domain.kernel import (
    ANONYMOUS,
    Actor,
    ActorKind,
    Conflict,
    Invalid,
    Money,
    NotFound,
    Refusal,
    Refused,
)
from schema.documents import Door, RootSchema
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presented_by, presents
from schema.limits import SHOP


@dataclass(frozen=True, kw_only=True)
class Row:
    id: int
    name: str = "row"


@dataclass(frozen=True, kw_only=True)
class OtherRow:
    id: int


@dataclass(frozen=True, kw_only=True)
class BalanceLow(Refusal):
    code: ClassVar[str] = "BALANCE_INSUFFICIENT"
    required: Money
    available: Money


class Placed(NamedTuple):
    thing: Row
    replayed: bool


@dataclass(frozen=True)
class Counted:
    count: int


@strawberry.interface
class Named:
    id: int


@strawberry.type
@presents(Row)
class Thing(Named):
    name: str


@strawberry.type
@presents(OtherRow)
class Other(Named):
    pass


@strawberry.type
@presents(BalanceLow)
class BalanceLowError(UserError):
    needed: str = field(lambda root: str(root.required))


@strawberry.type
class ThingPayload:
    thing: Thing | None
    replayed: bool = False
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class CountPayload:
    user_errors: list[UserError]
    count: int | None = None


def thing_create(name: str) -> Any:
    return {
        "row": lambda: Row(id=1, name="plain"),
        "tuple": lambda: Placed(Row(id=2, name="placed"), replayed=True),
        "dict": lambda: {"thing": Row(id=3, name="dict")},
        "none": lambda: None,
        "refused": lambda: _refuse(
            BalanceLow(required=Money(123_400, "CNY"), available=Money(5_000, "USD")),
            Invalid(reason="amount_too_fine", field=("name",)),
            Conflict(what="thing"),
        ),
        "broken": lambda: {}["secret-key"],
    }[name]()


def _refuse(*refusals: Refusal) -> Any:
    raise Refused(*refusals)


async def thing_count(name: str = "") -> Any:
    return Counted(7)


async def sign_in(name: str) -> Any:
    return Counted(1)


def guarded(name: str = "") -> Any:
    return Row(id=9)


def find_things() -> list[Any]:
    return [Row(id=1), OtherRow(id=2)]


def get_missing() -> Any:
    raise Refused(NotFound(what="order"))


class SignedIn:
    def check(self, context: Any) -> None:
        context.actor.require_user()


class Scope:
    def check(self, context: Any) -> None:
        context.actor.require_scope("things:write")


@strawberry.type
class Query:
    things: list[Named] = field(find_things)
    hello: str = field(lambda: "hello")
    mine: Thing | None = field(guarded, permissions=[SignedIn()])
    scoped: Thing | None = field(guarded, permissions=[Scope()])
    missing: Thing | None = field(get_missing)
    counted: str | None = field(lambda: "ok", rate=Rate(RateZone.ORDER_LOOKUP))


@strawberry.type
class Mutation:
    thing_create: ThingPayload = mutation(thing_create, payload=ThingPayload, entity="thing")
    thing_count: CountPayload = mutation(thing_count, payload=CountPayload)
    guarded: ThingPayload | None = mutation(
        guarded, payload=ThingPayload, entity="thing", permissions=[SignedIn()]
    )
    sign_in: CountPayload = mutation(
        sign_in,
        payload=CountPayload,
        rate=Rate(RateZone.LOGIN, account="name"),
        sensitive=True,
    )


SCHEMA = RootSchema(Query, Mutation, limits=SHOP, types=[BalanceLowError, Thing, Other])


class Counter:
    """Refuses from the second try on."""

    def __init__(self) -> None:
        self.hits: list[tuple[str, str, str]] = []

    async def hit(self, zone: str, subject: str, ip: str) -> int:
        self.hits.append((zone, subject, ip))
        return 0 if len(self.hits) == 1 else 1500


@dataclass
class Asked:
    actor: Actor = ANONYMOUS
    language: str = "en"
    request_id: str = "req-1"
    client: str = "203.0.113.9"
    rate_limits: Any = None


def user(*scopes: str, user_id: UUID | None = None) -> Actor:
    return Actor(kind=ActorKind.USER, user_id=user_id or uuid4(), scopes=frozenset(scopes))


async def run(document: str, asked: Asked | None = None, **options: Any) -> Any:
    return await SCHEMA.execute(document, context_value=asked or Asked(), **options)


CREATE = """mutation($name: String!) { thingCreate(input: {name: $name}) {
    thing { id name } replayed
    userErrors { __typename code message field retryable ... on BalanceLowError { needed } }
} }"""


@pytest.mark.parametrize(
    ("name", "thing", "replayed"),
    [
        ("row", {"id": 1, "name": "plain"}, False),
        ("tuple", {"id": 2, "name": "placed"}, True),
        ("dict", {"id": 3, "name": "dict"}, False),
        ("none", None, False),
    ],
)
async def test_a_payload_is_filled_from_what_the_resolver_returns(
    name: str, thing: Any, replayed: bool
) -> None:
    result = await run(CREATE, variable_values={"name": name})
    assert result.errors is None
    expected = {"thing": thing, "replayed": replayed, "userErrors": []}
    assert result.data == {"thingCreate": expected}


async def test_refusals_become_user_errors_in_the_callers_language() -> None:
    english = await run(CREATE, variable_values={"name": "refused"})
    assert english.errors is None
    payload = english.data["thingCreate"]
    assert payload["thing"] is None
    assert payload["userErrors"] == [
        {
            "__typename": "BalanceLowError",
            "code": "BALANCE_INSUFFICIENT",
            "message": "Your balance is 0.50 USD, ¥12.34 is needed. Top up, then repeat.",
            "field": None,
            "retryable": False,
            "needed": "12.34 CNY",
        },
        {
            "__typename": "FieldError",
            "code": "INVALID",
            "message": "The amount has more than four digits after the point. Round it.",
            "field": ["name"],
            "retryable": False,
        },
        {
            "__typename": "FieldError",
            "code": "CONFLICT",
            "message": "The thing changed meanwhile or is already taken. "
            "Read it again, then repeat.",
            "field": None,
            "retryable": False,
        },
    ]
    chinese = await run(CREATE, Asked(language="zh"), variable_values={"name": "refused"})
    first = chinese.data["thingCreate"]["userErrors"][0]
    assert first["message"] == "余额为 0.50 USD，需要 ¥12.34。请充值后重试。"


async def test_a_payload_without_entity_takes_named_values() -> None:
    result = await run("mutation { thingCount(input: {}) { count userErrors { code } } }")
    assert result.errors is None
    assert result.data == {"thingCount": {"count": 7, "userErrors": []}}


async def test_a_fault_shows_its_request_id_and_nothing_else() -> None:
    result = await run(CREATE, variable_values={"name": "broken"})
    (error,) = result.errors
    assert "secret" not in str(error.formatted)
    assert error.extensions == {"code": "INTERNAL", "requestId": "req-1"}
    assert "req-1" in error.message
    assert result.data is None


async def test_interfaces_over_rows_find_their_types() -> None:
    result = await run("{ things { __typename id } }")
    assert result.data == {
        "things": [{"__typename": "Thing", "id": 1}, {"__typename": "Other", "id": 2}]
    }
    assert presented_by(Thing) is Row
    assert presented_by(Named) is None


async def test_a_permission_refuses_its_field_and_no_other() -> None:
    result = await run("{ hello mine { id } }")
    assert result.data == {"hello": "hello", "mine": None}
    (error,) = result.errors
    assert (error.extensions["code"], error.path) == ("UNAUTHENTICATED", ["mine"])
    assert (await run("{ mine { id } }", Asked(user()))).data == {"mine": {"id": 9}}


async def test_known_and_unknown_callers_are_told_apart() -> None:
    anonymous = await run("{ scoped { id } }")
    assert anonymous.errors[0].extensions["code"] == "UNAUTHENTICATED"
    known = await run("{ scoped { id } }", Asked(user(), language="zh"))
    assert known.errors[0].extensions["code"] == "FORBIDDEN"
    assert known.errors[0].message == "此操作需要权限 things:write，您没有该权限。请联系管理员。"
    assert (await run("{ scoped { id } }", Asked(user("things:write")))).errors is None


async def test_who_may_not_ask_a_mutation_gets_no_payload() -> None:
    result = await run("mutation { guarded(input: {}) { userErrors { code } } }")
    assert result.data == {"guarded": None}
    assert result.errors[0].extensions["code"] == "UNAUTHENTICATED"


async def test_a_refusal_in_a_query_is_a_top_level_error_with_its_code() -> None:
    result = await run("{ missing { id } hello }")
    assert result.data == {"missing": None, "hello": "hello"}
    assert result.errors[0].extensions == {"code": "NOT_FOUND", "retryable": False}


async def test_a_rate_is_counted_by_executed_field() -> None:
    counter, me = Counter(), user()
    result = await run("{ a: counted b: counted hello }", Asked(me, rate_limits=counter))
    assert counter.hits == [("order_lookup", str(me.user_id), "203.0.113.9")] * 2
    assert result.data == {"a": "ok", "b": None, "hello": "hello"}
    assert result.errors[0].extensions == {
        "code": "RATE_LIMITED",
        "retryAfterMs": 1500,
        "retryable": True,
    }
    assert result.errors[0].message == "Too many tries. Wait 2 seconds, then try again."


async def test_a_sign_in_is_counted_by_the_login_it_guesses_at() -> None:
    counter = Counter()
    document = 'mutation { signIn(input: {name: "lan"}) { count } }'
    assert (await run(document, Asked(rate_limits=counter))).errors is None
    assert counter.hits == [("login", "lan", "203.0.113.9")]


def test_a_payload_that_could_not_be_refused_is_found_at_import() -> None:
    @strawberry.type
    class Bad:
        user_errors: list[UserError]
        total: int

    with pytest.raises(TypeError, match="total"):
        mutation(thing_count, payload=Bad)


@pytest.mark.parametrize(
    "document",
    [
        "{ helo }",
        "{ things { nam } }",
        "{ hello { x } }",
        "mutation { thingCreate { replayed } }",
        "mutation { thingCreate(input: {nam: 1}) { replayed } }",
        "query($x: Strin) { hello }",
    ],
)
async def test_hidden_schema_is_not_told_by_error_messages(document: str) -> None:
    written = set(document.replace("{", " ").replace("}", " ").replace("(", " ").split())
    hidden = {"ThingPayload", "ThingCreateInput", "Named", "Query", "Mutation", "name", "String"}
    result = await run(document, root_value=Door(introspection=False))
    messages = " ".join(error.message for error in result.errors)
    assert "Did you mean" not in messages
    quoted = {word.strip("'\".!,:[]") for word in messages.split() if word[0] in "'\""}
    assert not quoted & (hidden - written - {"String"})
    assert {error.extensions["code"] for error in result.errors} == {"GRAPHQL_VALIDATION_FAILED"}


async def test_an_open_schema_explains_without_suggesting() -> None:
    result = await run("{ helo }")
    assert result.errors[0].message == "Cannot query field 'helo' on type 'Query'."


async def test_bad_variables_are_the_clients_fault() -> None:
    result = await run(CREATE, variable_values={"name": 5})
    assert result.errors[0].extensions["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert result.data is None
