"""The door for large card files: who may use it, what it takes, and how it says no."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from starlette.applications import Starlette

from domain import cards, identity
from domain.identity.models import UserRole
from domain.kernel import Prefix, connection, decode_id
from server import uploads
from server.settings import Settings
from server.uploads import upload_routes
from tests import make

pytestmark = pytest.mark.usefixtures("db")
APP = Starlette(routes=upload_routes(Settings(_env_file=None)))


@dataclass
class Answer:
    """A response, and how much of the request's body was asked for."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    taken: int

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.json["error"]["code"]


async def operator(*scopes: str) -> str:
    """The token of an operator with these scopes."""
    user = await make.user(role=UserRole.OPERATOR)
    user.scopes = list(scopes)
    await user.save()
    return await make.token(make.actor_of(user))


async def upload(
    pieces: Iterable[bytes] | bytes,
    token: str | None,
    *,
    method: str = "POST",
    language: str = "en",
    headers: dict[str, str] | None = None,
    breaks_off: bool = False,
    **query: str,
) -> Answer:
    """Sends a body piece by piece, as a server hands it on; `breaks_off` hangs up at the end."""
    sent = {"accept-language": language, **(headers or {})}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    scope = {
        "type": "http",
        "method": method,
        "path": "/admin/card-imports",
        "query_string": urlencode(query).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "state": {"request_id": "request-7"},
    }
    coming = iter([pieces] if isinstance(pieces, bytes) else pieces)
    answer = Answer(0, {}, b"", 0)

    async def receive() -> dict[str, Any]:
        piece = next(coming, None)
        if piece is None and breaks_off:
            return {"type": "http.disconnect"}
        answer.taken += len(piece or b"")
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], dict(message["headers"])
        else:
            answer.body += message.get("body", b"")

    await APP(scope, receive, send)
    return answer


async def count_of(table: str) -> int:
    async with connection() as conn:
        number: int = await conn.fetchval(f"SELECT count(*) FROM {table}")
    return number


async def test_a_file_in_pieces_is_imported_and_reported() -> None:
    variant, token = await make.variant(), await operator("cards:write")
    pieces = [b"number,secret,expires", b"_on\n1,AAAA-1,\n2,AA", b"AA-2,soon\n3,aaaa3,\n1,AAAA1,\n"]
    wish = {"sku": variant.sku, "unit_cost": "45.50", "source": "market"}
    answer = await upload(pieces, token, **wish)
    assert answer.status == 200
    assert answer.headers[b"cache-control"] == b"no-store"
    batch_id = decode_id(Prefix.CARD_BATCH, answer.json["batchId"])
    batch = await cards.CardBatch.get(id=batch_id)
    assert (batch.source, batch.unit_cost) == ("market", make.yuan("45.5"))
    counts = ("accepted", "duplicates", "rejected", "replayed")
    assert [answer.json[name] for name in counts] == [2, 1, 1, False]
    problems = [(each["line"], each["reason"]) for each in answer.json["problems"]]
    assert problems == [(3, "date"), (5, "card_twice_in_file")]
    assert "further up" in answer.json["problems"][1]["message"]
    again = await upload(pieces, token, **wish)
    assert again.json["replayed"]
    assert again.json["batchId"] == answer.json["batchId"]
    assert await cards.stock_of([variant.id], 10) == {variant.id: 2}


async def test_the_day_of_expiry_is_taken_from_the_query() -> None:
    variant, token = await make.variant(), await operator("cards:write")
    wish = {"sku": variant.sku, "unit_cost": "1", "expires_on": "2999-12-31"}
    assert (await upload(b"AAAA-1\n", token, **wish)).status == 200
    card = await cards.Card.get(variant_id=variant.id)
    assert str(card.expires_on) == "2999-12-31"


@pytest.mark.parametrize(
    ("wish", "content", "expected"),
    [
        pytest.param({"sku": "NO-SUCH"}, b"A-1\n", (404, "NOT_FOUND"), id="unknown sku"),
        pytest.param({"sku": ""}, b"A-1\n", (404, "NOT_FOUND"), id="no sku"),
        pytest.param({"unit_cost": "free"}, b"A-1\n", (422, "INVALID"), id="no number"),
        pytest.param({"unit_cost": "-1"}, b"A-1\n", (422, "INVALID"), id="cost below zero"),
        pytest.param({"expires_on": "soon"}, b"A-1\n", (422, "INVALID"), id="no date"),
        pytest.param({}, b"number\n1\n", (422, "CARD_FILE_INVALID"), id="missing column"),
        pytest.param({}, "卡密".encode("gb18030"), (422, "CARD_FILE_INVALID"), id="encoding"),
        pytest.param({}, b"A" * 9_000, (422, "CARD_FILE_INVALID"), id="giant line"),
    ],
)
async def test_what_cannot_be_imported_is_refused_and_changes_nothing(
    wish: dict[str, str], content: bytes, expected: tuple[int, str]
) -> None:
    variant, token = await make.variant(), await operator("cards:write")
    wish = {"sku": variant.sku, "unit_cost": "1", **wish}
    assert (await upload(content, token, **wish)).error == expected
    assert await count_of("card_batches") == 0
    assert await count_of("cards") == 0


async def test_a_refusal_speaks_the_callers_language() -> None:
    variant, token = await make.variant(), await operator("cards:write")
    wish = {"sku": variant.sku, "unit_cost": "1"}
    english = await upload(b"A-1\n\xff\n", token, language="en", **wish)
    chinese = await upload(b"A-1\n\xff\n", token, language="zh-CN,zh;q=0.9", **wish)
    assert english.json["error"]["message"].startswith("Line 2: The file is not UTF-8")
    assert "UTF-8" in chinese.json["error"]["message"]
    assert "行" in chinese.json["error"]["message"]


async def test_who_may_not_import_is_told_before_a_byte_is_taken() -> None:
    variant = await make.variant()
    wish = {"sku": variant.sku, "unit_cost": "1"}
    owner = await make.user()
    key = await identity.create_api_key(
        make.OPERATOR, owner.id, "key", ["catalog:read"], require_signature=False
    )
    signed = await identity.create_api_key(make.OPERATOR, owner.id, "signed", ["catalog:read"])
    expected = [
        (None, (401, "UNAUTHENTICATED")),
        ("kma_unknown", (401, "UNAUTHENTICATED")),
        (await make.token(make.actor_of(owner)), (403, "FORBIDDEN")),
        (await operator("cards:read", "products:write"), (403, "FORBIDDEN")),
        (key.key, (403, "FORBIDDEN")),
        (signed.key, (401, "SIGNATURE_WRONG")),
    ]
    for token, error in expected:
        answer = await upload(b"A-1\n", token, **wish)
        assert answer.error == error
        assert answer.taken == 0
    assert await count_of("cards") == 0


async def test_a_key_has_no_business_here_whatever_its_scopes() -> None:
    variant, owner = await make.variant(), await make.user()
    key = await identity.create_api_key(
        make.OPERATOR, owner.id, "key", ["catalog:read"], require_signature=False
    )
    async with connection() as conn:
        await conn.execute("UPDATE api_keys SET scopes = '{cards:write}'")
    answer = await upload(b"A-1\n", key.key, sku=variant.sku, unit_cost="1")
    assert answer.error == (403, "FORBIDDEN")


async def test_a_body_above_the_limit_is_refused_when_it_is_known_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 1_000)
    variant, token = await make.variant(), await operator("cards:write")
    wish = {"sku": variant.sku, "unit_cost": "1"}
    announced = await upload(b"A-1\n", token, headers={"content-length": "1001"}, **wish)
    assert (announced.error, announced.taken) == ((413, "BODY_TOO_LARGE"), 0)
    endless = (b"%04d" % number * 50 + b"\n" for number in range(1_000_000))
    streamed = await upload(endless, token, **wish)
    assert streamed.error == (413, "BODY_TOO_LARGE")
    assert streamed.taken < 1_300
    assert await count_of("cards") == 0


async def test_a_caller_who_hangs_up_has_imported_nothing() -> None:
    variant, token = await make.variant(), await operator("cards:write")
    wish = {"sku": variant.sku, "unit_cost": "1"}
    answer = await upload([b"A-1\n", b"A-2"], token, breaks_off=True, **wish)
    assert answer.status == 400
    assert await count_of("cards") == 0


async def test_only_post_is_taken() -> None:
    assert (await upload(b"", None, method="GET")).status == 405


async def test_a_fault_shows_nothing_but_the_requests_id(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("postgres://user:password@host")

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(cards, "import_cards", broken)
    variant, token = await make.variant(), await operator("cards:write")
    answer = await upload(b"CANARY-1\n", token, sku=variant.sku, unit_cost="1")
    assert answer.error == (500, "INTERNAL")
    assert "request-7" in answer.json["error"]["message"]
    assert b"password" not in answer.body
    assert "CANARY" not in caplog.text


async def test_no_code_is_left_on_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr("tempfile.TemporaryFile", opened)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", opened)
    variant, token = await make.variant(), await operator("cards:write")
    lines = (b"%04000d\n" % number for number in range(1_000))  # far above what a spool keeps
    answer = await upload(lines, token, sku=variant.sku, unit_cost="1")
    assert (answer.status, answer.json["rejected"]) == (200, 1_000)
