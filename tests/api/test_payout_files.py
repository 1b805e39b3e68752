"""Files for a bank over the API: made, taken away, handed over, and their results brought."""

from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from domain import identity, payouts
from domain.identity.models import UserRole
from domain.kernel import Actor, Prefix, Refused, encode_id
from schema.admin import schema as admin
from server.payout_files import payout_file_routes
from server.settings import Settings
from tests import banking, make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
MAKE = """mutation Make($input: PayoutFileMakeInput!) { payoutFileMake(input: $input) {
    file { id number state count total { amount } digest batchId madeBy }
    userErrors { code field message } } }"""
HAND_OVER = """mutation Hand($input: PayoutFileHandOverInput!) { payoutFileHandOver(input: $input) {
    file { state handedOverBy } userErrors { code } } }"""
FILES = """{ payoutFiles { nodes { number state progress { open succeeded failed returned }
    results { name rows booked known differenceCount differences {
        line kind reference payoutId told amount { amount } } } } } }"""


class _Numbered:
    """What the server's own middleware gives each request."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["request_id"] = "request-7"
        await self.app(scope, receive, send)


APP = Starlette(
    routes=payout_file_routes(Settings(_env_file=None)), middleware=[Middleware(_Numbered)]
)


async def session(*scopes: str) -> tuple[str, Actor]:
    """An operator who has just shown a second factor, and the token of that session."""
    made = await make.user(role=UserRole.OPERATOR)
    made.scopes = list(scopes)
    await made.save()
    signed_in = await identity.open_session(made, "test")
    actor = await identity.actor_of_token(signed_in.access_token, "127.0.0.1")
    assert actor is not None
    await make.step_up(actor)
    return signed_in.access_token, actor


async def call(method: str, path: str, token: str, content: bytes = b"") -> httpx2.Response:
    transport = httpx2.ASGITransport(app=APP, client=("127.0.0.1", 1))
    headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
        return await client.request(method, path, headers=headers, content=content)


async def test_a_batch_goes_to_the_bank_and_its_results_come_back() -> None:
    scopes = ("payouts:read", "payouts:propose", "payouts:approve", "payouts:files")
    (token, one), (other_token, other) = await session(*scopes), await session(*scopes)
    of = await banking.channel()
    batch = await banking.approved(of, banking.Desk(one, other), "10", "20")
    wish = {
        "channelId": encode_id(Prefix.PAYOUT_CHANNEL, of.id),
        "batchId": encode_id(Prefix.PAYOUT_BATCH, batch.id),
    }
    own = (await data_of(admin, MAKE, other, input=wish))["payoutFileMake"]
    assert own["userErrors"][0]["code"] == "FOUR_EYES"
    made = (await data_of(admin, MAKE, one, input=wish))["payoutFileMake"]["file"]
    assert (made["state"], made["count"], made["total"]["amount"]) == ("MADE", 2, "30.00")

    path = f"/admin/payout-files/{made['id']}"
    first, again = await call("GET", path, token), await call("GET", path, token)
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-store")
    assert first.content == again.content
    assert first.headers["content-disposition"] == f'attachment; filename="{made["number"]}.csv"'

    carried = (await data_of(admin, HAND_OVER, one, input={"id": made["id"]}))["payoutFileHandOver"]
    assert carried["file"]["state"] == "HANDED_OVER"
    paid, failed = await payouts.Payout.filter(batch_id=batch.id).order_by("id")
    content = banking.results(
        (paid.reference, "10", "成功"), (failed.reference, "20", "失败"), ("nobodys", "1", "成功")
    )
    refused = await call("POST", f"{path}/results", token, content)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FOUR_EYES")
    told = await call("POST", f"{path}/results?name=bank.csv", other_token, content)
    assert told.json() == {
        "rows": 3,
        "booked": 2,
        "known": 0,
        "replayed": False,
        "differenceCount": 1,
        "differences": [{"line": 4, "kind": "UNKNOWN_REFERENCE", "payout": None, "told": "paid"}],
    }
    (shown,) = (await data_of(admin, FILES, one))["payoutFiles"]["nodes"]
    assert shown["state"] == "DONE"
    assert shown["progress"] == {"open": 0, "succeeded": 1, "failed": 1, "returned": 0}
    (result,) = shown["results"]
    assert (result["name"], result["differenceCount"]) == ("bank.csv", 1)
    assert result["differences"][0]["reference"] == "nobodys"


async def test_results_that_are_not_as_agreed_are_refused_with_their_line() -> None:
    scopes = ("payouts:read", "payouts:propose", "payouts:approve", "payouts:files")
    (_, one), (token, other) = await session(*scopes), await session(*scopes)
    of = await banking.channel()
    batch = await banking.approved(of, banking.Desk(one, other), "10")
    made = await payouts.make_file(one, of.id, batch.id)
    await payouts.hand_over(one, made.id)
    path = f"/admin/payout-files/{encode_id(Prefix.PAYOUT_FILE, made.id)}/results"
    told = await call("POST", path, token, banking.results(("r", "1", "maybe")))
    assert told.status_code == 422
    assert told.json()["error"] == {
        "code": "PAYOUT_FILE_INVALID",
        "message": "Line 2: The result is none of paid, failed and returned. Nothing of the file"
        " was taken.",
    }


async def test_whoever_may_not_take_a_file_away() -> None:
    people, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people, "10")
    made = await payouts.make_file(people.one, of.id, batch.id)
    path = f"/admin/payout-files/{encode_id(Prefix.PAYOUT_FILE, made.id)}"
    token, _ = await session("payouts:read", "payouts:approve")
    for method, where in (("GET", path), ("POST", f"{path}/results")):
        refused = await call(method, where, token)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    stale_user = await make.operator("payouts:files", stepped_up=False)
    stale = await make.token(stale_user)
    refused = await call("GET", path, stale)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "STEP_UP_REQUIRED")
    stranger, _ = await session("payouts:read")
    wish = {"channelId": encode_id(Prefix.PAYOUT_CHANNEL, of.id)}
    reader = await identity.actor_of_token(stranger, "127.0.0.1")
    assert reader is not None
    told = await ask(admin, MAKE, reader, input=wish)
    assert [error.extensions["code"] for error in told.errors] == ["FORBIDDEN"]


async def test_the_encoding_of_a_bank_is_one_that_it_can_have() -> None:
    with pytest.raises(Refused):
        await banking.channel(settings={**banking.SETTINGS, "encoding": "latin-1"})
