"""What strangers write into headers and texts is a value, never a piece of SQL (field bug 19).

A text that reached a statement would break it: the answer would be a fault, or the shop another.
"""

import ast
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio

from domain.checkout import LineWish, Purchase, place_order
from domain.kernel import connection
from server.app import create_app
from server.settings import Settings
from tests import make
from tests.api.asking import Tries

pytestmark = pytest.mark.usefixtures("db")
ROOT = Path(__file__).parents[2]
PIECES = (
    "'",
    '"',
    "'; UPDATE users SET role = 'operator', scopes = '[\"*\"]'; --",
    "' OR '1'='1",
    "x') OR true --",
    "\\'; DROP TABLE cards; --",
    "%27%20OR%201=1",
    "$1",
    "{0} {moment} :buyer",
    "\u00e9\u00ff",
)
HEADERS = (
    "accept-language",
    "authorization",
    "host",
    "idempotency-key",
    "kameng-site",
    "partner-signature",
    "referer",
    "user-agent",
    "x-forwarded-for",
    "x-real-ip",
    "x-request-id",
)
ASKED = "{ site { slug } products(first: 1) { nodes { slug } } }"
SEARCH = """query S($text: String!, $key: String!) {
  products(first: 5, query: $text, filter: {brand: [$text], region: [$text], tag: [$text],
    or: [{attributes: [{key: $key, anyOf: [$text]}]}, {category: []}]}) { nodes { slug } }
  product(slug: $text) { slug } }"""
SIGN_UP = """mutation U($input: UserCreateInput!) { userCreate(input: $input) {
  accessToken userErrors { code } } }"""
BUY = """mutation B($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { id } userErrors { code } } }"""


@pytest_asyncio.fixture
async def client(test_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application behind a proxy that it trusts."""
    app = create_app(test_settings.model_copy(update={"trusted_proxies": "127.0.0.1"}))
    app.state.rate_limits, app.state.live = Tries(), None
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as made:
        yield made


async def asked(client: httpx.AsyncClient, query: str, headers: Any = None, **values: Any) -> Any:
    body = {"query": query, "variables": values}
    answer = await client.post("/graphql/shop", json=body, headers=headers or {})
    assert answer.status_code < 500, answer.text
    content = answer.json()
    for error in content.get("errors") or []:
        assert error["extensions"]["code"] != "INTERNAL", content
    return content


async def state() -> tuple[Any, ...]:
    """Who may do what, and what is there."""
    async with connection() as conn:
        return (
            await conn.fetchval("SELECT count(*) FROM users WHERE role = 'operator'"),
            await conn.fetchval("SELECT count(*) FROM cards"),
            await conn.fetchval("SELECT count(*) FROM orders"),
        )


@pytest.mark.parametrize("header", HEADERS)
async def test_a_header_is_a_value(client: httpx.AsyncClient, header: str) -> None:
    variant, buyer = await make.variant(cards=2), await make.buyer()
    token = await make.token(buyer)
    before = await state()
    for piece in PIECES:
        written = f"Bearer {piece}" if header == "authorization" else piece
        told = {header: written.encode("latin-1")}
        await asked(client, ASKED, told)
        signed_in = {"authorization": f"Bearer {token}".encode(), **told}
        line = {"sku": variant.sku, "quantity": 3}  # one more than there are
        wish = {"idempotencyKey": "k", "lines": [line]}
        await asked(client, BUY, signed_in, input=wish)
    assert await state() == before


@pytest.mark.parametrize("piece", PIECES)
async def test_a_text_is_a_value(client: httpx.AsyncClient, piece: str) -> None:
    variant = await make.variant(cards=1)
    await place_order(
        await make.buyer(), Purchase((LineWish(variant.sku, 1),), piece[:40] + "-key")
    )
    before = await state()
    found = await asked(client, SEARCH, text=piece, key=piece)
    assert (found.get("data") or {}).get("product") is None
    wish = {
        "login": piece + "@example.com",
        "password": piece + " and long enough",
        "promoterCode": piece,
    }
    await asked(client, SIGN_UP, input=wish)
    guest = "query G($n: String!) { orderByGuest(number: $n, token: $n) { id } }"
    assert (await asked(client, guest, n=piece)).get("data") in (None, {"orderByGuest": None})
    assert await state() == before


def statements(tree: ast.AST) -> Iterator[ast.expr]:
    """The first argument of each call that talks to the database."""
    verbs = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "raw")
    for node in ast.walk(tree):
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if named and node.func.attr in verbs and node.args:  # type: ignore[attr-defined]
            yield node.args[0]  # type: ignore[attr-defined]


def is_fixed(sql: ast.expr) -> bool:
    """Put together, if at all, of texts and constants of this house alone."""
    match sql:
        case ast.JoinedStr(values=parts):
            return all(
                is_fixed(each.value) for each in parts if isinstance(each, ast.FormattedValue)
            )
        case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
            return is_fixed(one) and is_fixed(other)
        case ast.Name(id=name):
            return name.isupper()
        case _:
            return isinstance(sql, ast.Constant)


def whole(sql: ast.expr) -> bool:
    """A statement that was made ready elsewhere, under a name."""
    by_function = isinstance(sql, ast.Call) and isinstance(sql.func, ast.Name)
    return by_function or isinstance(sql, ast.Name | ast.Attribute | ast.Subscript)


def test_no_statement_is_put_together_where_it_is_run() -> None:
    for folder in ("domain", "server", "jobs"):
        for path in (ROOT / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                for sql in statements(ast.parse(path.read_text(encoding="utf-8"))):
                    assert whole(sql) or is_fixed(sql), f"{path}:{sql.lineno}"


def test_twin_a_text_in_a_statement_is_seen() -> None:
    bad = 'conn.fetchval(f"SELECT 1 FROM users WHERE login = \'{login}\'")\nconn.execute("a" + b)'
    found = [whole(sql) or is_fixed(sql) for sql in statements(ast.parse(bad))]
    assert found == [False, False]
