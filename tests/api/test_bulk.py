"""Large files come in as jobs, tables go out and come in again, and who may do either."""

import asyncio
import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import python_calamine
from starlette.applications import Starlette

from domain import bulk, cards, catalog, priceguard, pricing
from domain.agents import Tier
from domain.identity.models import UserRole
from domain.kernel import Actor, ActorKind, connection, decode_id, transaction
from schema.admin import schema as admin_schema
from schema.locale import texts
from server import uploads
from server.provider_files import provider_file_routes
from server.settings import Settings
from server.tables import table_routes
from server.uploads import upload_routes
from tests import make
from tests.api.asking import data_of

pytestmark = pytest.mark.usefixtures("db")
CONFIG = Settings(_env_file=None)
APP = Starlette(
    routes=[*upload_routes(CONFIG), *table_routes(CONFIG), *provider_file_routes(CONFIG)]
)
JOB = """
query Job($id: ID!) { job(id: $id) {
  id kind state done total attempts finishedAt batchId stored counts { name value }
  fault { code reason line } problems(first: 5) { file line reason text }
} }
"""


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def rows(self) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.body.decode("utf-8-sig"))))


async def call(
    method: str,
    path: str,
    token: str,
    body: Iterable[bytes] = (),
    headers: dict[str, str] | None = None,
    **query: str,
) -> Answer:
    sent = {"accept-language": "en", "authorization": f"Bearer {token}", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": urlencode(query).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "state": {"request_id": "request-7"},
    }
    coming, answer, ended = iter(body), Answer(0, {}, b""), False

    async def receive() -> dict[str, Any]:
        nonlocal ended
        if ended:
            await asyncio.Event().wait()  # a client that listens
        piece = next(coming, None)
        ended = piece is None
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found = message["headers"]
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in found}
        else:
            answer.body += message.get("body", b"")

    await APP(scope, receive, send)
    return answer


async def operator(*scopes: str) -> tuple[str, Actor]:
    """The token of an operator with these scopes, and the operator."""
    user = await make.user(role=UserRole.OPERATOR)
    user.scopes = list(scopes)
    await user.save()
    actor = Actor(kind=ActorKind.OPERATOR, user_id=user.id, scopes=frozenset(scopes))
    return await make.token(make.actor_of(user)), actor


async def done(job_id: str, actor: Actor) -> dict[str, Any]:
    """The job, after a worker had its turn."""
    await bulk.run_job(decode_id("job", job_id))
    job: dict[str, Any] = (await data_of(admin_schema, JOB, actor, id=job_id))["job"]
    return job


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def test_a_large_card_file_becomes_a_job_that_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "AT_ONCE_BYTES", 1_000)
    variant, (token, actor) = await make.variant(), await operator("cards:write")
    pieces = [b"CODE-%06d\n" % number for number in range(500)]
    content = [*pieces, b"code000007\n", b"----\n"]
    wish = {"sku": variant.sku, "unit_cost": "1.5"}
    answer = await call("POST", "/admin/card-imports", token, content, **wish)
    assert answer.status == 202
    assert answer.json["bytes"] == sum(map(len, content))
    job = await done(answer.json["jobId"], actor)
    assert (job["kind"], job["state"], job["stored"]) == ("card_import", "SUCCEEDED", True)
    assert job["done"] == job["total"] == answer.json["bytes"]
    counts = {each["name"]: each["value"] for each in job["counts"]}
    assert counts == {"accepted": 500, "duplicates": 1, "rejected": 1, "fromNumbers": 0}
    assert [each["line"] for each in job["problems"]] == [501, 502]
    left_out = await call("GET", f"/admin/jobs/{job['id']}/problems.csv", token)
    assert left_out.rows[1][:3] == ["", "501", "card_twice_in_file"]
    assert "further up" in left_out.rows[1][4]
    reader, _ = await operator("cards:read")
    same = await call("GET", f"/admin/card-batches/{job['batchId']}/problems.csv", reader)
    assert same.rows == left_out.rows
    assert b"ode000007" not in left_out.body


async def test_a_job_with_a_key_is_made_once() -> None:
    variant, (token, _) = await make.variant(), await operator("cards:write")
    wish = {"sku": variant.sku, "unit_cost": "1"}
    key = {"idempotency-key": "key-1"}
    first = await call("POST", "/admin/imports/cards", token, [b"A-1\n"], key, **wish)
    again = await call("POST", "/admin/imports/cards", token, [b"A-1\n"], key, **wish)
    assert (first.status, first.json["jobId"]) == (202, again.json["jobId"])
    other = await call("POST", "/admin/imports/cards", token, [b"A-2\n"], key, **wish)
    assert (other.status, other.json["error"]["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert await value("SELECT count(*) FROM bulk_jobs") == 1


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/admin/imports/cards", {"sku": "NO-SUCH", "unit_cost": "1"}, (404, "NOT_FOUND")),
        ("/admin/imports/nonsense", {}, (404, "NOT_FOUND")),
        ("/admin/imports/products", {"table": "prices2"}, (422, "INVALID")),
    ],
)
async def test_what_never_could_be_imported_is_refused_at_once(
    path: str, query: dict[str, str], expected: tuple[int, str]
) -> None:
    token, _ = await operator("*")
    answer = await call("POST", path, token, [b"A-1\n"], **query)
    assert (answer.status, answer.json["error"]["code"]) == expected
    assert await value("SELECT count(*) FROM bulk_jobs") == 0


async def test_an_upload_that_is_too_large_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 1_000_000)
    variant, (token, _) = await make.variant(), await operator("cards:write")
    pieces = (b"A" * 100_000 for _ in range(20))
    wish = {"sku": variant.sku, "unit_cost": "1"}
    answer = await call("POST", "/admin/imports/cards", token, pieces, **wish)
    assert (answer.status, answer.json["error"]["code"]) == (413, "BODY_TOO_LARGE")
    assert await value("SELECT count(*) FROM bulk_jobs") == 0
    assert await value("SELECT count(*) FROM bulk_pieces") == 0


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/admin/imports/cards", "cards:write"),
        ("POST", "/admin/imports/products", "products:write"),
        ("POST", "/admin/imports/prices", "prices:write"),
        ("POST", "/admin/imports/agent-prices", "prices:write"),
        ("GET", "/admin/exports/products", "products:read"),
        ("GET", "/admin/exports/prices", "products:read"),
        ("GET", "/admin/exports/agent-prices", "agents:read"),
        ("POST", "/admin/imports/price-ladders", "prices:write"),
        ("POST", "/admin/imports/volume-ladders", "prices:write"),
        ("GET", "/admin/exports/price-ladders", "products:read"),
        ("GET", "/admin/exports/volume-ladders", "agents:read"),
        ("GET", "/admin/exports/cards", "cards:read"),
        ("GET", "/admin/card-batches/bat_00000000000000000000000000/problems.csv", "cards:read"),
    ],
)
async def test_each_door_asks_for_its_scope(method: str, path: str, needed: str) -> None:
    variant = await make.variant()
    others = {"cards:write", "products:write", "prices:write", "products:read", "cards:read"}
    without, _ = await operator(*others - {needed})
    query = {"sku": variant.sku, "unit_cost": "1"} if method == "POST" else {}
    answer = await call(method, path, without, [b"A\n"], **query)
    assert (answer.status, answer.json["error"]["code"]) == (403, "FORBIDDEN")
    holder, _ = await operator(needed)
    assert (await call(method, path, holder, [b"A\n"], **query)).status in (200, 202)
    buyer = await make.token(await make.buyer(0))
    assert (await call(method, path, buyer, [b"A\n"], **query)).status == 403


CATEGORIES = (
    "slug,parent_slug,name_zh,name_en,position\nshelf,,分类,Shelf,1\nbelow,shelf,下,Below,2\n"
)
PRODUCTS = (
    "slug,category_slug,brand,region,name_zh,name_en,description_zh,description_en,tags,position\n"
    "one,below,Acme,CN,=1+1,One,-简介,'-quoted,+a|b,1\n"
    'two,shelf,,,商品,Two,,"with ""quotes"" and, commas",,2\n'
)
VARIANTS = (
    "sku,product_slug,name_zh,name_en,delivery_kind,face_value,face_currency,min_quantity,"
    "max_quantity,position,status\n"
    "00123,one,五十元,50 yuan,CARD_CODE,50,CNY,1,10,1,active\n"
    "ONE-2,two,百元,100 yuan,MANUAL,,,1,5,2,active\n"
)
PRICES = "sku,tier,currency,amount,compare_at\n00123,retail,CNY,45.5,50\n00123,gold,CNY,44.25,\n"


async def fill() -> None:
    """A catalogue with texts that a spreadsheet would run."""
    files = [io.BytesIO(text.encode()) for text in (CATEGORIES, PRODUCTS, VARIANTS, PRICES)]
    reports = await catalog.import_catalog(make.OPERATOR, *files[:3])
    assert not catalog.any_left_out(reports), reports
    assert (await pricing.import_prices(make.OPERATOR, files[3])).errors == []


def tables(answer: Answer) -> dict[str, list[list[Any]]]:
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(answer.body))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_what_went_out_comes_in_again_and_changes_nothing(form: str) -> None:
    await fill()
    token, actor = await operator("*")
    names = ("categories", "products", "variants") if form == "csv" else ("products",)
    for name in names:
        out = await call("GET", f"/admin/exports/{name}", token, format=form)
        assert out.status == 200
        assert out.headers["content-disposition"] == f'attachment; filename="{name}.{form}"'
        sent = await call("POST", "/admin/imports/products", token, [out.body], table=name)
        job = await done(sent.json["jobId"], actor)
        counts = {each["name"]: each["value"] for each in job["counts"]}
        assert (counts["created"], counts["updated"], counts["rejected"]) == (0, 0, 0), job
        assert counts["unchanged"] == (2 if form == "csv" else 6)
    summer_list = pricing.PriceListDraft("summer", "夏", "Summer", "CNY")
    await pricing.save_price_list(make.OPERATOR, summer_list)
    summer = "sku,tier,currency,amount,compare_at,list\n00123,retail,CNY,40,,summer\n"
    summer += "00123,retail,CNY,40,,nowhere\n00123,retail,USD,40,,summer\n"
    sent = await call("POST", "/admin/imports/prices", token, [summer.encode()])
    job = await done(sent.json["jobId"], actor)
    assert [each["reason"] for each in job["problems"]] == ["price_list_unknown", "currency"]
    out = await call("GET", "/admin/exports/prices", token, format=form)
    sent = await call("POST", "/admin/imports/prices", token, [out.body])
    job = await done(sent.json["jobId"], actor)
    counts = {each["name"]: each["value"] for each in job["counts"]}
    assert counts == {"created": 0, "updated": 0, "unchanged": 3, "rejected": 0}


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_own_prices_of_agents_come_in_and_go_out(form: str) -> None:
    variant, one = await make.variant(price=make.yuan(50)), await make.agent()
    token, actor = await operator("prices:write", "agents:read")
    door = "/admin/imports/agent-prices"
    head = "agent,sku,category,currency,price,off_percent\n"
    rows = f"{head}{one.code},{variant.sku},,CNY,45,\nNOBODY,{variant.sku},,CNY,45,\n".encode()
    for flags, stored in (({"dry_run": "1"}, False), ({}, True)):
        sent = await call("POST", door, token, [rows], **flags)
        job = await done(sent.json["jobId"], actor)
        counts = {each["name"]: each["value"] for each in job["counts"]}
        assert (job["kind"], job["stored"]) == ("agent_price_import", stored)
        assert (counts["created"], counts["rejected"]) == (1, 1)
        (problem,) = job["problems"]
        assert (problem["line"], problem["reason"]) == (3, "agent_code_unknown")
    out = await call("GET", "/admin/exports/agent-prices", token, format=form)
    sent = await call("POST", door, token, [out.body])
    job = await done(sent.json["jobId"], actor)
    counts = {each["name"]: each["value"] for each in job["counts"]}
    assert counts == {"created": 0, "unchanged": 1, "rejected": 0}


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_ladders_come_in_and_go_out(form: str) -> None:
    variant = await make.variant(price=make.yuan(50), tier_prices={Tier.SILVER: make.yuan(47)})
    token, actor = await operator("prices:write", "products:read", "agents:read")
    of_prices = "sku,tier,currency,from_quantity,price\n{0},silver,CNY,10,46\n{0},gold,CNY,9,40\n"
    of_volumes = "tier,from_volume,off_percent\nsilver,1000,1.25\nretail,1000,1\n"
    for name, rows, why in (
        ("price-ladders", of_prices.format(variant.sku), "ladder_without_price"),
        ("volume-ladders", of_volumes, "tier_of_an_agent"),
    ):
        door = f"/admin/imports/{name}"
        for flags, stored in (({"all_or_nothing": "1"}, False), ({}, True)):
            sent = await call("POST", door, token, [rows.encode()], **flags)
            job = await done(sent.json["jobId"], actor)
            counts = {each["name"]: each["value"] for each in job["counts"]}
            assert (job["kind"], job["stored"]) == ("ladder_import", stored)
            assert (counts["created"], counts["rejected"]) == (1, 1)
            (problem,) = job["problems"]
            assert (problem["line"], problem["reason"]) == (3, why)
        out = await call("GET", f"/admin/exports/{name}", token, format=form)
        sent = await call("POST", door, token, [out.body])
        job = await done(sent.json["jobId"], actor)
        counts = {each["name"]: each["value"] for each in job["counts"]}
        assert counts == {"created": 0, "unchanged": 1, "rejected": 0}


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_what_is_wrong_with_a_file_or_a_row_is_told_in_words(language: str) -> None:
    variant = await make.variant(price=make.yuan(50))
    wish = priceguard.TermsWish(variant.sku, max_discount_rate=1_000)
    await priceguard.save_terms(make.OPERATOR, wish)
    token, actor = await operator("prices:write")
    query = """query Told($id: ID!) { job(id: $id) {
        fault { reason message } problems(first: 5) { reason message } } }"""
    row = f"sku,tier,currency,amount,compare_at\n{variant.sku},retail,CNY,50,80\n".encode()
    for content, reason in ((row, "discount_too_large"), (b"sku\n", "columns")):
        sent = await call("POST", "/admin/imports/prices", token, [content])
        await bulk.run_job(decode_id("job", sent.json["jobId"]))
        found = await data_of(admin_schema, query, actor, language, id=sent.json["jobId"])
        told = found["job"]["fault"] or found["job"]["problems"][0]
        assert told == {"reason": reason, "message": texts(language)["reasons"][reason]}


async def test_a_text_of_a_table_is_never_run() -> None:
    await fill()
    token, _ = await operator("products:read")
    out = await call("GET", "/admin/exports/products", token, format="csv")
    found = {cell for row in out.rows for cell in row}
    assert "'=1+1" in found
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in found)
    book = await call("GET", "/admin/exports/products", token, format="xlsx")
    assert "'=1+1" in {cell for row in tables(book)["products"] for cell in row}
    assert b"<f>" not in book.body


async def test_the_list_of_cards_holds_no_code_and_no_canary() -> None:
    variant = await make.variant()
    wish = cards.ImportWish(variant.sku, make.yuan(40))
    content = io.BytesIO(b"number,secret\n,CANARYSECRET-77\n62001234,CANARYSECRET-78\n")
    await cards.import_cards(make.OPERATOR, wish, content)
    await make.variant(cards=1)
    await cards.plant_canaries(make.OPERATOR, cards.CanaryWish(variant.id, 1, "key"))
    token, _ = await operator("cards:read")
    out = await call("GET", "/admin/exports/cards", token, format="csv", sku=variant.sku)
    assert len(out.rows) == 3
    assert out.rows[0][:5] == ["card", "sku", "batch", "masked", "state"]
    assert {row[3] for row in out.rows[1:]} == {"••••-77", "••••34"}
    assert b"CANARYSECRET" not in out.body
    assert b"canary" not in out.body
    audits = "SELECT count(*) FROM audit_entries WHERE action = 'card.list_export'"
    assert await value(audits) == 1
    everything = await call("GET", "/admin/exports/cards", token, format="csv", state="available")
    assert len(everything.rows) == 4
    wrong = await call("GET", "/admin/exports/cards", token, format="csv", state="nonsense")
    assert (wrong.status, wrong.json["error"]["code"]) == (422, "INVALID")
    assert (await call("GET", "/admin/exports/cards", token, format="pdf")).status == 422


async def everything() -> dict[str, str]:
    async with connection() as conn:
        names = ("categories", "products", "variants", "prices", "listing_reviews")
        return {
            name: await conn.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"
            )
            for name in names
        }


@pytest.mark.parametrize("flag", ["dry_run", "all_or_nothing"])
async def test_a_dry_run_and_a_file_with_a_wrong_row_change_nothing(flag: str) -> None:
    await fill()
    token, actor = await operator("*")
    out = await call("GET", "/admin/exports/products", token, format="csv")
    changed = out.body.decode().replace("商品", "货物") + "bad slug,none,,,,,,,,\r\n"
    before = await everything()
    sent = await call("POST", "/admin/imports/products", token, [changed.encode()], **{flag: "1"})
    job = await done(sent.json["jobId"], actor)
    counts = {each["name"]: each["value"] for each in job["counts"]}
    assert (counts["updated"], counts["rejected"], job["stored"]) == (1, 1, False)
    assert job["problems"][0]["file"] == "products.csv"
    assert await everything() == before
    prices = "sku,tier,currency,amount,compare_at\n00123,retail,CNY,46,\nNONE,retail,CNY,1,\n"
    sent = await call("POST", "/admin/imports/prices", token, [prices.encode()], **{flag: "1"})
    job = await done(sent.json["jobId"], actor)
    counts = {each["name"]: each["value"] for each in job["counts"]}
    assert (counts["updated"], counts["rejected"], job["stored"]) == (1, 1, False)
    assert await everything() == before


async def test_a_job_of_another_is_not_found_and_a_buyer_sees_none() -> None:
    variant, (token, _) = await make.variant(), await operator("cards:write")
    wish = {"sku": variant.sku, "unit_cost": "1"}
    sent = await call("POST", "/admin/imports/cards", token, [b"A-1\n"], **wish)
    other, stranger = await operator("cards:write")
    path = f"/admin/jobs/{sent.json['jobId']}/problems.csv"
    assert (await call("GET", path, other)).status == 404
    assert (await call("GET", path, token)).status == 200
    query = "{ jobs { nodes { id } } }"
    assert (await data_of(admin_schema, query, stranger))["jobs"]["nodes"] == []
    assert (await data_of(admin_schema, query, await make.buyer(0)))["jobs"]["nodes"] == []
    _, reader = await operator("jobs:read")
    assert len((await data_of(admin_schema, query, reader))["jobs"]["nodes"]) == 1
    cancel = "mutation C($input: JobCancelInput!) { jobCancel(input: $input)"
    cancel += " { job { state } userErrors { code } } }"
    _, manager = await operator("jobs:read", "jobs:write")
    told = await data_of(admin_schema, cancel, manager, input={"id": sent.json["jobId"]})
    assert told["jobCancel"]["job"]["state"] == "CANCELLED"
    async with transaction() as conn:
        assert await conn.fetchval("SELECT count(*) FROM bulk_pieces") == 0
