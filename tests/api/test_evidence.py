"""Evidence over the API and its door: what goes in, who gets it out, and what is gone for good."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx2 as httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from domain import aftersale
from domain.aftersale import Caller, Decision, Dispute, Evidence, Side
from domain.aftersale.evidence import MAX_FILES, MAX_FILES_OF_ORDER, plain_name
from domain.aftersale.models import EvidenceContent
from domain.kernel import ANONYMOUS, Actor, Prefix, Refused, connection, decode_id, encode_id
from domain.orders import Order, guest_token
from schema.admin import schema as admin_schema
from schema.shop import schema as shop_schema
from server.app import RequestFrame
from server.evidence import evidence_routes
from server.settings import Settings
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.aftersale.test_disputes import a_case, bought, cards_of, complain, decide
from tests.domain.aftersale.test_pictures import PDF, PLACE, exif, jpeg, png

pytestmark = pytest.mark.usefixtures("db")
DOOR = "door { evidenceId method url authorization } userErrors { code message }"
GONE = "evidence { name erasedAt } userErrors { code }"
LOOK = """query Look($id: ID!) { order(id: $id) { disputes { evidence {
  id side name mediaType bytes addedAt erasedAt } } } }"""


def mutation(name: str, answer: str = DOOR) -> str:
    kind = name[0].upper() + name[1:]
    return f"mutation M($input: {kind}Input!) {{ {name}(input: $input) {{ {answer} }} }}"


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = RequestFrame(Starlette(routes=evidence_routes(Settings(_env_file=None))))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        yield client


async def do(schema: Any, deed: str, who: Actor, answer: str = DOOR, /, **wish: Any) -> Any:
    return (await data_of(schema, mutation(deed, answer), who, input=wish))[deed]


async def go(http: httpx.AsyncClient, door: Any, body: bytes | None = None) -> httpx.Response:
    headers = {"authorization": door["authorization"]}
    return await http.request(door["method"], door["url"], headers=headers, content=body)


def public(dispute: Dispute) -> str:
    return encode_id(Prefix.DISPUTE, dispute.id)


async def shown(who: Actor, order: Order) -> list[Any]:
    found = await data_of(shop_schema, LOOK, who, id=encode_id(Prefix.ORDER, order.id))
    evidence: list[Any] = found["order"]["disputes"][0]["evidence"]
    return evidence


async def sent(
    http: httpx.AsyncClient, who: Actor, case: Dispute, body: bytes, name: str = "photo.jpg"
) -> str:
    add = await do(shop_schema, "orderDisputeEvidenceAdd", who, disputeId=public(case), name=name)
    answer = await go(http, add["door"], body)
    assert answer.status_code == 201, answer.text
    evidence_id: str = answer.json()["evidenceId"]
    return evidence_id


async def test_both_sides_lay_files_before_each_other(http: httpx.AsyncClient) -> None:
    who, order, _, case = await a_case()
    operator = await make.operator("aftersales:read", "aftersales:decide")
    version = (await Order.get(id=order.id)).version
    photo = await sent(http, who, case, jpeg(exif(6)), "../../我的 卡<1>.png")
    wish = {"disputeId": public(case), "name": "answer"}
    add = await do(admin_schema, "disputeEvidenceAdd", operator, **wish)
    assert (await go(http, add["door"], PDF)).status_code == 201
    first, second = await shown(who, order)
    assert (first["side"], first["name"], first["mediaType"]) == (
        "BUYER",
        "我的 卡_1_",
        "image/jpeg",
    )
    assert (second["side"], second["name"], second["mediaType"]) == (
        "STAFF",
        "answer",
        "application/pdf",
    )
    assert (
        await Order.get(id=order.id)
    ).version == version + 2  # who watches the order looks again
    for schema, name, actor in (
        (shop_schema, "orderDisputeEvidenceOpen", who),
        (admin_schema, "disputeEvidenceOpen", operator),
    ):
        opened = await do(schema, name, actor, evidenceId=photo)
        answer = await go(http, opened["door"])
        assert answer.status_code == 200
        assert PLACE not in answer.content
        assert answer.content.startswith(b"\xff\xd8")
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith('attachment; filename="__ __1_.jpg"; filename*=UTF-8')
    async with connection() as conn:
        looks = "SELECT count(*) FROM audit_entries WHERE action = 'evidence.open'"
        assert await conn.fetchval(looks) == 2
        added = "SELECT actor_kind, actor_id FROM audit_entries WHERE action = 'evidence.add'"
        assert [tuple(row) for row in await conn.fetch(f"{added} ORDER BY id")] == [
            ("user", who.user_id),
            ("operator", operator.user_id),
        ]


async def test_a_file_is_nowhere_in_the_open(http: httpx.AsyncClient) -> None:
    who, _, _, case = await a_case()
    body = PDF + b"CODE-1234\n%%EOF"
    await sent(http, who, case, body, "CODE-1234.pdf")
    content, row = await EvidenceContent.get(), await Evidence.get()
    assert len(content.sealed) == len(body) + 28
    for kept in (content.sealed, row.name_sealed):
        assert b"CODE-1234" not in kept
    async with connection() as conn:
        for table in ("outbox_events", "audit_entries"):
            said = await conn.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table} t")
            assert "CODE-1234" not in said


async def test_a_guest_lays_files_before_the_shop(http: httpx.AsyncClient) -> None:
    _, order, _, case = await a_case()
    guest = {"number": order.number, "token": guest_token(order.id)}
    add = await do(
        shop_schema, "orderDisputeEvidenceAddByGuest", ANONYMOUS,
        guest=guest, disputeId=public(case), name="photo",
    )  # fmt: skip
    assert (await go(http, add["door"], png())).status_code == 201
    wish = {"guest": guest, "evidenceId": add["door"]["evidenceId"]}
    opened = await do(shop_schema, "orderDisputeEvidenceOpenByGuest", ANONYMOUS, **wish)
    assert (await go(http, opened["door"])).content == png()
    _, foreign, *_ = await a_case()
    other = {"number": foreign.number, "token": guest_token(foreign.id)}
    for proof in (other, {**guest, "token": "kmg_1_x"}):
        for name in ("orderDisputeEvidenceOpenByGuest", "orderDisputeEvidenceEraseByGuest"):
            answer = DOOR if "Open" in name else GONE
            refused = await do(shop_schema, name, ANONYMOUS, answer, **{**wish, "guest": proof})
            assert refused["userErrors"][0]["code"] == "NOT_FOUND"
    gone = await do(shop_schema, "orderDisputeEvidenceEraseByGuest", ANONYMOUS, GONE, **wish)
    assert gone["evidence"]["name"] is None
    assert gone["evidence"]["erasedAt"]


async def test_nobody_else_comes_near_a_file(http: httpx.AsyncClient) -> None:
    who, _, _, case = await a_case()
    stranger, _, _, own = await a_case()
    reader = await make.operator("aftersales:read")
    photo = await sent(http, who, case, png())
    wish = {"disputeId": public(case), "name": "x"}
    for name, more in (
        ("orderDisputeEvidenceAdd", wish),
        ("orderDisputeEvidenceOpen", {"evidenceId": photo}),
        ("orderDisputeEvidenceErase", {"evidenceId": photo}),
    ):
        answer = GONE if name.endswith("Erase") else DOOR
        refused = await do(shop_schema, name, stranger, answer, **more)
        assert refused["userErrors"][0]["code"] == "NOT_FOUND"
    for name, more in (
        ("disputeEvidenceAdd", wish),
        ("disputeEvidenceErase", {"evidenceId": photo}),
    ):
        answer = GONE if name.endswith("Erase") else DOOR
        result = await ask(admin_schema, mutation(name, answer), reader, input=more)
        assert result.errors[0].extensions["code"] == "FORBIDDEN"
    opened = (await do(shop_schema, "orderDisputeEvidenceOpen", who, evidenceId=photo))["door"]
    mine = await sent(http, stranger, own, png())
    for door in (
        {**opened, "authorization": ""},
        {**opened, "authorization": "Ticket "},
        {**opened, "authorization": "Ticket 99999999999.abc"},
        {**opened, "authorization": "Ticket ²³.abc"},
        {**opened, "authorization": opened["authorization"] + "x"},
        {**opened, "url": f"/evidence/{mine}"},
    ):
        refused = await http.get(
            door["url"], headers=[(b"authorization", door["authorization"].encode())]
        )
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            403,
            "EVIDENCE_DOOR_CLOSED",
        )
        assert refused.headers["cache-control"] == "no-store"
    assert (await http.get("/evidence/ord_x")).status_code in (403, 422)
    with make.later(minutes=11):
        assert (await go(http, opened)).status_code == 403


async def test_a_ticket_is_for_one_file_and_one_deed(http: httpx.AsyncClient) -> None:
    who, _, _, case = await a_case()
    add = await do(shop_schema, "orderDisputeEvidenceAdd", who, disputeId=public(case), name="x")
    door = add["door"]
    assert (await go(http, {**door, "method": "GET"})).status_code == 403
    both = await asyncio.gather(*(go(http, door, png()) for _ in range(4)))
    assert sorted(answer.status_code for answer in both) == [201, 403, 403, 403]
    opened = await do(shop_schema, "orderDisputeEvidenceOpen", who, evidenceId=door["evidenceId"])
    assert (await go(http, {**opened["door"], "method": "PUT"}, png())).status_code == 403
    assert await EvidenceContent.all().count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"", 422, "EVIDENCE_NOT_TAKEN", id="nothing"),
        pytest.param(b"<svg onload=alert(1)>", 422, "EVIDENCE_NOT_TAKEN", id="script"),
        pytest.param(jpeg()[:-2], 422, "EVIDENCE_NOT_TAKEN", id="a part of a picture"),
        pytest.param(b"%PDF-" + b"0" * aftersale.MAX_BYTES, 413, "BODY_TOO_LARGE", id="too large"),
    ],
)
async def test_what_is_no_evidence_is_not_kept_and_may_be_sent_better(
    http: httpx.AsyncClient, body: bytes, status: int, code: str
) -> None:
    who, order, _, case = await a_case()
    add = await do(shop_schema, "orderDisputeEvidenceAdd", who, disputeId=public(case), name="x")
    answer = await go(http, add["door"], body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert await shown(who, order) == []
    assert (await go(http, add["door"], png())).status_code == 201


async def refused_as(work: Any) -> str:
    with pytest.raises(Refused) as caught:
        await work
    refusal = caught.value.refusals[0]
    return f"{refusal.code} {getattr(refusal, 'reason', '')}".strip()


async def test_files_are_few_in_a_case_and_in_an_order() -> None:
    who, order, line = await bought(5)
    cases = await complain(who, order, await cards_of(line))
    mine = Caller(who, Side.BUYER)
    for case in cases[:4]:
        for _ in range(MAX_FILES):
            await aftersale.add_evidence(mine, case.id, "x")
        said = await refused_as(aftersale.add_evidence(mine, case.id, "x"))
        assert said == "EVIDENCE_NOT_TAKEN evidence_many"
    assert 4 * MAX_FILES == MAX_FILES_OF_ORDER
    assert "evidence_many" in await refused_as(aftersale.add_evidence(mine, cases[4].id, "x"))
    await aftersale.add_evidence(Caller(make.OPERATOR, Side.STAFF), cases[0].id, "x")
    with make.later(minutes=11):  # what nobody sent takes no room
        await aftersale.add_evidence(mine, cases[0].id, "x")
        assert await aftersale.forget_evidence() == 4 * MAX_FILES + 1
    assert await Evidence.all().count() == 1


async def test_many_at_once_are_not_more_than_few() -> None:
    who, _, _, case = await a_case()
    work = [aftersale.add_evidence(Caller(who, Side.BUYER), case.id, "x") for _ in range(20)]
    said = await asyncio.gather(*work, return_exceptions=True)
    assert sum(isinstance(each, aftersale.Ticket) for each in said) == MAX_FILES


async def test_nothing_is_added_to_a_decided_case_and_only_staff_erases_then(
    http: httpx.AsyncClient,
) -> None:
    who, order, _, case = await a_case()
    photo = await sent(http, who, case, png())
    add = await do(shop_schema, "orderDisputeEvidenceAdd", who, disputeId=public(case), name="x")
    await decide(case, Decision.REJECT)
    assert (await go(http, add["door"], png())).json()["error"]["code"] == "EVIDENCE_NOT_TAKEN"
    mine = Caller(who, Side.BUYER)
    evidence_id = decode_id(Prefix.EVIDENCE, photo)
    for work in (
        aftersale.add_evidence(mine, case.id, "x"),
        aftersale.erase_evidence(mine, evidence_id),
    ):
        assert await refused_as(work) == "EVIDENCE_NOT_TAKEN evidence_case_decided"
    operator = await make.operator("aftersales:decide")
    gone = await do(admin_schema, "disputeEvidenceErase", operator, GONE, evidenceId=photo)
    assert gone["evidence"]["name"] is None
    assert await EvidenceContent.all().count() == 0
    (left,) = await shown(who, order)
    assert (left["bytes"], left["name"]) == (len(png()), None)
    opened = await do(shop_schema, "orderDisputeEvidenceOpen", who, evidenceId=photo)
    assert opened["userErrors"][0]["code"] == "NOT_FOUND"


async def test_a_buyer_erases_what_the_buyer_sent_only(http: httpx.AsyncClient) -> None:
    who, _, _, case = await a_case()
    operator = await make.operator("aftersales:decide")
    add = await do(admin_schema, "disputeEvidenceAdd", operator, disputeId=public(case), name="x")
    await go(http, add["door"], png())
    theirs = {"evidenceId": add["door"]["evidenceId"]}
    refused = await do(shop_schema, "orderDisputeEvidenceErase", who, GONE, **theirs)
    assert refused["userErrors"][0]["code"] == "NOT_FOUND"
    mine = {"evidenceId": await sent(http, who, case, png())}
    opened = await do(shop_schema, "orderDisputeEvidenceOpen", who, **mine)
    gone = await do(shop_schema, "orderDisputeEvidenceErase", who, GONE, **mine)
    assert gone["userErrors"] == []
    assert (await go(http, opened["door"])).status_code == 404  # a ticket of before opens nothing


async def test_evidence_goes_when_its_time_is_over(http: httpx.AsyncClient) -> None:
    who, _, _, case = await a_case()
    await sent(http, who, case, png())
    with make.later(days=400):
        assert await aftersale.forget_evidence() == 0  # as long as nobody has decided
    await decide(case, Decision.REJECT)
    with make.later(days=179):
        assert await aftersale.forget_evidence() == 0
    with make.later(days=181):
        assert await aftersale.forget_evidence() == 1
        assert await aftersale.forget_evidence() == 0
    assert await EvidenceContent.all().count() == 0
    assert (await Evidence.get()).erased_by is None


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE evidence SET bytes = 7", "evidence_fixed"),
        ("UPDATE evidence SET state = 'AWAITED'", "evidence_fixed"),
        ("DELETE FROM evidence", "evidence_fixed"),
        ("DELETE FROM evidence_contents", "evidence_with_content"),
        (
            "INSERT INTO evidence_contents VALUES (gen_random_uuid(), '', 1, '')",
            "content_of_evidence",
        ),
    ],
)
async def test_the_database_keeps_evidence_as_it_came(
    http: httpx.AsyncClient, statement: str, constraint: str
) -> None:
    who, _, _, case = await a_case()
    await sent(http, who, case, png())
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await conn.execute(statement)
    assert caught.value.constraint_name == constraint  # type: ignore[attr-defined]
    assert await EvidenceContent.all().count() == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("photo.jpg", "photo"),
        ("/etc/passwd", "passwd"),
        ("C:\\fakepath\\IMG 1.PNG", "IMG 1"),
        ("..", "evidence"),
        ("", "evidence"),
        ("invoice\u202egpj.exe", "invoicegpj"),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie_ x"),
        ('"x"; filename="y".pdf', "_x__ filename=_y_"),
        ("卡密", "卡密"),
        ("x" * 500, "x" * 80),
    ],
)
def test_a_name_harms_nowhere(given: str, kept: str) -> None:
    assert plain_name(given) == kept


async def test_the_files_of_a_page_of_cases_are_one_statement() -> None:
    who, order, line = await bought(3)
    cases = await complain(who, order, await cards_of(line))
    for case in cases:
        await aftersale.add_evidence(Caller(who, Side.BUYER), case.id, "x")
    found = await aftersale.evidence_of([case.id for case in cases] + [UUID(int=0)])
    assert set(found) == {*(case.id for case in cases), UUID(int=0)}
    assert all(rows == [] for rows in found.values())  # nothing came yet
