"""A real-name check over the API: submitted, its document sealed by the door, decided by staff."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from domain import realname
from domain.kernel import Prefix, decode_id
from domain.realname.ports import Confirmed
from schema.admin import schema as admin
from schema.shop import schema as shop
from server.app import RequestFrame
from server.papers import paper_routes
from server.settings import Settings
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.aftersale.test_pictures import png

pytestmark = pytest.mark.usefixtures("db")

SUBMIT = """
mutation Submit($input: RealNameSubmitInput!) {
  realNameSubmit(input: $input) { case { id state level } userErrors { code message field } } }
"""
SEND = """
mutation Send($input: RealNameDocumentSendInput!) {
  realNameDocumentSend(input: $input) { door { method url authorization } userErrors { code } } }
"""
SEEN = "{ viewer { realNameLevel realNameCase { state reason documents { label mediaType } } } }"
CASES = """
{ realNameCases(states: [REVIEW]) { nodes {
  userId samePerson case { id documents { id label } } } } }
"""
LOOK = """
mutation Look($input: RealNameLookInput!) {
  realNameLook(input: $input) { look { name number } userErrors { code } } }
"""
OPEN = """
mutation Open($input: RealNameDocumentOpenInput!) {
  realNameDocumentOpen(input: $input) { door { method url authorization } userErrors { code } } }
"""
DECIDE = """
mutation Decide($input: RealNameDecideInput!) {
  realNameDecide(input: $input) { case { state } userErrors { code message } } }
"""
CLAIM = {"name": "张三", "number": "11010519491231002X", "level": "FULL"}


class Agreeable:
    """A provider that confirms everybody."""

    async def check(self, question: realname.ports.Question) -> Confirmed:
        return Confirmed()


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = RequestFrame(Starlette(routes=paper_routes(Settings(_env_file=None))))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        yield client


async def go(http: httpx.AsyncClient, door: Any, body: bytes | None = None) -> httpx.Response:
    headers = {"authorization": door["authorization"]}
    return await http.request(door["method"], door["url"], headers=headers, content=body)


async def test_from_the_claim_to_the_level(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    realname.ports.register("agreeable", Agreeable())
    monkeypatch.setattr(realname.provider, "name", "agreeable")
    who = await make.buyer(0)
    done = (await data_of(shop, SUBMIT, who, input=CLAIM))["realNameSubmit"]
    assert (done["case"]["state"], done["userErrors"]) == ("CHECKING", [])
    case = done["case"]["id"]
    await realname.check_case(decode_id(Prefix.REAL_NAME_CASE, case))
    wish = {"caseId": case, "label": "id_front"}
    door = (await data_of(shop, SEND, who, input=wish))["realNameDocumentSend"]["door"]
    sent = await go(http, door, png())
    assert (sent.status_code, sent.json()["mediaType"]) == (201, "image/png")
    again = await go(http, door, png())
    assert (again.status_code, "PAPER_DOOR_CLOSED" in again.text) == (422, True)
    staff = await make.operator("realname:read", "realname:decide")
    (waiting,) = (await data_of(admin, CASES, staff))["realNameCases"]["nodes"]
    (paper,) = waiting["case"]["documents"]
    look = (await data_of(admin, LOOK, staff, input={"caseId": case}))["realNameLook"]
    assert look["look"] == {"name": "张三", "number": "11010519491231002X"}
    opened = await data_of(admin, OPEN, staff, input={"paperId": paper["id"]})
    shown = await go(http, opened["realNameDocumentOpen"]["door"])
    assert (shown.status_code, shown.content) == (200, png())
    assert "sandbox" in shown.headers["content-security-policy"]
    decision = {"caseId": case, "passed": True, "note": "as shown"}
    decided = (await data_of(admin, DECIDE, staff, input=decision))["realNameDecide"]
    assert decided["case"] == {"state": "PASSED"}
    seen = (await data_of(shop, SEEN, who))["viewer"]
    assert seen["realNameLevel"] == "FULL"
    assert seen["realNameCase"]["documents"] == [{"label": "id_front", "mediaType": "image/png"}]


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_wrong_number_is_told_at_its_field(language: str) -> None:
    wish = {**CLAIM, "number": "123"}
    done = await data_of(shop, SUBMIT, await make.buyer(0), language, input=wish)
    (error,) = done["realNameSubmit"]["userErrors"]
    assert (error["code"], error["field"]) == ("INVALID", ["number"])
    assert "123" not in error["message"]


async def test_staff_without_the_scope_see_and_decide_nothing() -> None:
    staff = await make.operator("agents:write")
    for query, given in ((CASES, {}), (LOOK, {"input": {"caseId": "rnc_x"}})):
        refused = await ask(admin, query, staff, **given)
        assert refused.errors[0].extensions["code"] == "FORBIDDEN"
