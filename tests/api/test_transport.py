"""What the HTTP door lets in, and what it answers to the rest."""

import json
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import strawberry
from dirty_equals import IsPartialDict, IsStr
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL

from domain.kernel import ANONYMOUS, Actor
from schema.documents import RootSchema
from schema.faults import RequestRefused
from schema.fields import Rate, RateZone, field
from schema.limits import SHOP
from schema.locale import negotiate
from server.graphql import GraphQLView

STREAMS = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL)
ran: list[str] = []


def touch() -> int:
    ran.append("touch")
    return len(ran)


def sign_in() -> int:
    ran.append("sign_in")
    return 1


def broken() -> str:
    raise KeyError("db-password")


@strawberry.type
class Query:
    hello: str = field(lambda: "你好")
    broken: str = field(broken)
    limited: str = field(lambda: "ok", rate=Rate(RateZone.LOGIN))


@strawberry.type
class Mutation:
    touch: int = field(touch)
    sign_in: int = field(sign_in, sensitive=True)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 1
        raise KeyError("db-password")


class Closed:
    async def hit(self, zone: str, subject: str, ip: str) -> int:
        return 2500


@dataclass
class Asked:
    language: str
    request_id: str
    actor: Actor = ANONYMOUS
    client: str = "203.0.113.9"
    rate_limits: Any = None


async def context(connection: HTTPConnection) -> Asked:
    if connection.headers.get("authorization") == "Bearer expired":
        raise RequestRefused("UNAUTHENTICATED")
    if connection.headers.get("authorization") == "Bearer bug":
        raise RuntimeError("postgres://user:secret@host")
    language = negotiate(connection.headers.get("accept-language"))
    return Asked(language, connection.state.request_id, rate_limits=Closed())


SCHEMA = RootSchema(Query, Mutation, Subscription, limits=SHOP)


def app_with(view: GraphQLView) -> Any:
    app = Starlette(routes=[WebSocketRoute("/ws", view), Mount("/", view)])

    async def with_request_id(scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["request_id"] = "req-7"
        await app(scope, receive, send)

    return with_request_id


@pytest.fixture
def client() -> Iterator[TestClient]:
    ran.clear()
    view = GraphQLView(SCHEMA, context, ide=True, streams=STREAMS)
    with TestClient(app_with(view), raise_server_exceptions=True) as made:
        yield made


def post(client: TestClient, body: bytes | object, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    sent = {"content-type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/", content=content, headers=sent)


def code_of(response: Any) -> str:
    assert response.headers["cache-control"] == "no-store"
    code = response.json()["errors"][0]["extensions"]["code"]
    assert isinstance(code, str)
    return code


def test_an_operation_is_answered(client: TestClient) -> None:
    response = post(client, {"query": "{ hello }"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "data": {"hello": "你好"},
        "extensions": {"requestId": "req-7", "cost": {"requested": 0, "maximum": 2000}},
    }


DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"query": "{ hello }", "x": "' + b"x" * 300_000 + b'"}', 413, "BODY_TOO_LARGE"),
        (b'{"query": "\xff\xfe"}', 400, "JSON_INVALID"),
        (b'{"query": "\\ud800"}', 400, "JSON_INVALID"),
        (b"{", 400, "JSON_INVALID"),
        (b"", 400, "JSON_INVALID"),
        (DEEP, 400, "JSON_INVALID"),
        (b'{"query": "{ hello }", "variables": {"a": ' + DEEP, 400, "JSON_INVALID"),
        (b'{"query": NaN}', 400, "JSON_INVALID"),
        (b'"text"', 400, "REQUEST_INVALID"),
        (b"[1]", 400, "REQUEST_INVALID"),
        (b"[]", 400, "BATCH_TOO_LARGE"),
        (b"[" + b",".join([b'{"query":"{hello}"}'] * 11) + b"]", 400, "BATCH_TOO_LARGE"),
        (b'{"query": 5}', 400, "REQUEST_INVALID"),
        (b'{"query": "{hello}", "variables": []}', 400, "REQUEST_INVALID"),
        (b'{"query": "{hello}", "variables": "x"}', 400, "REQUEST_INVALID"),
        (b'{"query": "{hello}", "operationName": 1}', 400, "REQUEST_INVALID"),
        (b'{"query": "{hello}", "extensions": 1}', 400, "REQUEST_INVALID"),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else str(value),
)
@pytest.mark.parametrize("language", ["en", "zh-CN,zh;q=0.9,en;q=0.8"])
def test_a_bad_body_has_its_code_and_a_sentence(
    client: TestClient, body: bytes, status: int, code: str, language: str
) -> None:
    started = time.perf_counter()
    response = post(client, body, accept_language=language)
    assert time.perf_counter() - started < 1
    assert (response.status_code, code_of(response)) == (status, code)
    message = response.json()["errors"][0]["message"]
    assert message.isascii() is (language == "en")
    assert message != code
    assert response.json()["extensions"] == {"requestId": "req-7"}


def test_a_body_without_length_is_stopped_at_the_cap(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 65_536

    response = client.post("/", content=chunks(), headers={"content-type": "application/json"})
    assert (response.status_code, code_of(response)) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    ("query", "options", "code"),
    [
        ("", {}, "QUERY_MISSING"),
        (None, {}, "QUERY_MISSING"),
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query A {hello} query B {hello}", {}, "OPERATION_NAME_REQUIRED"),
        ("query A {hello} query B {hello}", {"operationName": "C"}, "OPERATION_NOT_FOUND"),
        ("query A {hello} query B {hello}", {"operationName": ""}, "OPERATION_NAME_REQUIRED"),
        ("subscription {count(to: 3)}", {}, "OPERATION_NOT_ALLOWED"),
        ("fragment A on Query {hello}", {}, "OPERATION_NOT_FOUND"),
        ("{" + "hello " * 100_00 + "}", {}, "LIMIT_EXCEEDED"),
    ],
)
def test_a_request_that_cannot_run(
    client: TestClient, query: str | None, options: dict[str, str], code: str
) -> None:
    old = post(client, {"query": query, **options})
    assert (old.status_code, code_of(old)) == (200, code)
    assert "data" not in old.json()
    new = post(client, {"query": query, **options}, accept="application/graphql-response+json")
    assert (new.status_code, code_of(new)) == (400, code)
    assert new.headers["content-type"] == "application/graphql-response+json; charset=utf-8"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "",
        "text/plain; application/json",
        "application/jsonp",
    ],
)
def test_what_a_foreign_page_can_send_is_not_executed(
    client: TestClient, content_type: str
) -> None:
    response = post(client, {"query": "mutation { touch }"}, content_type=content_type)
    assert (response.status_code, code_of(response)) == (415, "CONTENT_TYPE_UNSUPPORTED")
    assert ran == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_taken(client: TestClient, method: str) -> None:
    response = client.request(method, "/", params={"query": "mutation { touch }"})
    assert (response.status_code, code_of(response)) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"
    assert ran == []


def test_a_fault_tells_its_request_id_only(client: TestClient) -> None:
    response = post(client, {"query": "{ broken }"})
    assert response.status_code == 200
    assert code_of(response) == "INTERNAL"
    assert "db-password" not in response.text
    assert "req-7" in response.json()["errors"][0]["message"]


def test_a_fault_before_the_document_is_masked_too(client: TestClient) -> None:
    response = post(client, {"query": "{ hello }"}, authorization="Bearer bug")
    assert (response.status_code, code_of(response)) == (500, "INTERNAL")
    assert "secret" not in response.text


def test_a_refused_token_is_a_401(client: TestClient) -> None:
    response = post(client, {"query": "{ hello }"}, authorization="Bearer expired")
    assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")


def test_an_oversized_request_is_refused_before_the_token_is_looked_up(client: TestClient) -> None:
    response = post(client, b" " * 300_000, authorization="Bearer bug")
    assert response.status_code == 413


def test_a_batch_runs_each_operation(client: TestClient) -> None:
    batch = [{"query": "{ hello }"}, {"query": "{"}, {"query": "mutation { touch }"}]
    response = post(client, batch)
    assert response.status_code == 200
    assert [sorted(answer) for answer in response.json()] == [
        ["data", "extensions"],
        ["errors", "extensions"],
        ["data", "extensions"],
    ]
    assert ran == ["touch"]


def test_a_batch_cannot_multiply_guesses(client: TestClient) -> None:
    response = post(client, [{"query": "mutation { signIn }"}] * 2)
    assert (response.status_code, code_of(response)) == (400, "BATCH_SENSITIVE")
    assert ran == []


def test_too_many_tries_alone_are_a_429(client: TestClient) -> None:
    response = post(client, {"query": "{ limited }"})
    assert (response.status_code, code_of(response)) == (429, "RATE_LIMITED")
    assert response.headers["retry-after"] == "3"
    assert response.json()["errors"][0]["extensions"]["retryAfterMs"] == 2500


def test_too_many_tries_beside_a_fault_stay_a_200(client: TestClient) -> None:
    response = post(client, [{"query": "{ limited }"}, {"query": "{ hello }"}])
    assert response.status_code == 200


def test_introspection_is_a_setting() -> None:
    closed = GraphQLView(SCHEMA, context, introspection=False)
    with TestClient(app_with(closed)) as client:
        response = post(client, {"query": "{ __schema { types { name } } }"})
        assert code_of(response) == "INTROSPECTION_OFF"
        hidden = post(client, {"query": "{ helo }"}).json()["errors"][0]["message"]
        assert hidden == "Cannot query field 'helo' on type '…'."


def test_the_page_is_served_to_browsers_only(client: TestClient) -> None:
    browser = {"accept": "text/html,*/*"}
    page = client.get("/", headers=browser)
    assert page.status_code == 200
    assert "GraphiQL" in page.text
    assert "?plain" in page.text
    plain = client.get("/?plain", headers=browser).text
    assert "<textarea" in plain
    assert "https://" not in plain, "the page of our own must work without internet"
    assert "http://" not in plain
    with TestClient(app_with(GraphQLView(SCHEMA, context))) as closed:
        assert closed.get("/", headers=browser).status_code == 405


def test_browsers_accepting_streams_still_get_json(client: TestClient) -> None:
    accept = "application/graphql-response+json, application/json, text/event-stream"
    response = post(client, {"query": "{ hello }"}, accept=accept)
    assert response.headers["content-type"].startswith("application/graphql-response+json")


def test_a_subscription_streams_events(client: TestClient) -> None:
    accept = "application/json, text/event-stream"
    response = post(client, {"query": "subscription { count(to: 2) }"}, accept=accept)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [line for line in response.text.splitlines() if line.startswith("data: {")]
    assert [json.loads(line[6:])["data"] for line in events] == [{"count": 0}, {"count": 1}]
    refused = post(client, {"query": "subscription { count(to: 2) x }"}, accept=accept)
    assert '"code":"GRAPHQL_VALIDATION_FAILED"' in refused.text


def test_a_socket_speaks_text_frames_and_is_limited_too(client: TestClient) -> None:
    with client.websocket_connect("/ws", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        query = "subscription { count(to: 1) }"
        socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
        assert socket.receive_json() == IsPartialDict(
            type="next", payload=IsPartialDict(data={"count": 0})
        )
        assert socket.receive_json()["type"] == "complete"
        bad = "subscription A {count(to: 1)} subscription B {count(to: 1)}"
        socket.send_json({"id": "2", "type": "subscribe", "payload": {"query": bad}})
        answer = socket.receive_json()
        assert answer["type"] == "error"
        assert answer["payload"][0]["extensions"]["code"] == "OPERATION_NAME_REQUIRED"
        refused = {"id": "4", "type": "subscribe", "payload": {"query": "{ hello }"}}
        socket.send_json(refused)  # a socket is for subscriptions only
        answer = socket.receive_json()
        assert answer["payload"][0]["extensions"]["code"] == "OPERATION_NOT_ALLOWED"
        broken_query = "subscription { breaks }"
        socket.send_json({"id": "3", "type": "subscribe", "payload": {"query": broken_query}})
        assert socket.receive_json()["payload"]["data"] == {"breaks": 1}
        error = socket.receive_json()["payload"]["errors"][0]
        assert error == IsPartialDict(extensions={"code": "INTERNAL", "requestId": IsStr()})


@pytest.mark.parametrize("frame", ["[1]", "{", "5", "[" * 100_000])
def test_a_bad_frame_closes_the_socket(client: TestClient, frame: str) -> None:
    with client.websocket_connect("/ws", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_text(frame)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4400


def test_a_foreign_page_cannot_open_a_socket(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(
            "/ws",
            subprotocols=["graphql-transport-ws"],
            headers={"origin": "https://evil.example"},
        ),
    ):
        raise AssertionError("the handshake must be refused")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN", "zh"),
        ("zh-Hans-CN", "zh"),
        ("ZH-TW;q=0.9, en;q=0.1", "zh"),
        ("en;q=0.5, zh;q=0.8", "zh"),
        ("zh;q=0, en", "en"),
        ("zh;q=0", "en"),
        ("fr, zh;q=0.2", "zh"),
        ("fr, de", "en"),
        ("*", "en"),
        ("zh;q=x, en;q=0.1", "en"),
        ("zh;q=nan", "en"),
        (",,;;q=,", "en"),
        ("x" * 5000 + ",zh", "en"),
    ],
)
def test_the_language_is_negotiated(header: str | None, language: str) -> None:
    assert negotiate(header) == language
