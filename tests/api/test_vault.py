"""Looks of the staff and exports, as a console sees them; and the archive over HTTP."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pyrage
import pytest
from starlette.applications import Starlette

from domain import identity, vault
from domain.cards.models import Card
from domain.identity.models import User
from domain.kernel import Actor, ActorKind, Prefix, connection, encode_id, new_id
from resolvers.context import Context
from schema.admin import schema
from schema.documents import Door
from server.app import RequestFrame
from server.downloads import card_export_route
from server.settings import Settings
from tests import make
from tests.api.asking import Tries, ask, data_of

pytestmark = pytest.mark.usefixtures("db")
KEY = pyrage.x25519.Identity.generate()
REQUEST = "id requesterId cardIds reason caseId status approverId decision goodUntil"
ERRORS = "userErrors { __typename code message field ... on StepUpRequiredError { enrolled } }"
REVEAL = f"""
mutation R($input: CardRevealByStaffInput!) {{ cardRevealByStaff(input: $input) {{
  request {{ {REQUEST} }} secrets {{ cardId number secret }} replayed {ERRORS}
}} }}
"""
OPEN = f"""
mutation O($input: CardRevealOpenInput!) {{ cardRevealOpen(input: $input) {{
  request {{ id }} secrets {{ secret }} {ERRORS}
}} }}
"""
APPROVE = f"""
mutation A($input: CardRevealApproveInput!) {{ cardRevealApprove(input: $input) {{
  request {{ {REQUEST} }} {ERRORS}
}} }}
"""
REJECT = f"""
mutation A($input: CardRevealRejectInput!) {{ cardRevealReject(input: $input) {{
  request {{ {REQUEST} }} {ERRORS}
}} }}
"""
REVEALS = "query Q($status: RevealStatus) { staffReveals(status: $status) { nodes { id status } } }"
LOOKS = "query Q($id: ID!) { cardLooks(cardId: $id) { count lastAt } }"
EXPORT_FIELDS = "id status cards path recipientPublicKey batchId approverId expiresAt failureCode"
EXPORT = f"""
mutation E($input: CardsExportInput!) {{ cardsExport(input: $input) {{
  export {{ {EXPORT_FIELDS} }} {ERRORS}
}} }}
"""
EXPORT_APPROVE = f"""
mutation E($input: CardExportApproveInput!) {{ cardExportApprove(input: $input) {{
  export {{ {EXPORT_FIELDS} }} {ERRORS}
}} }}
"""
EXPORTS = f"query {{ cardExports {{ nodes {{ {EXPORT_FIELDS} }} }} }}"


@pytest.fixture(autouse=True)
def _one_a_day() -> Iterator[None]:
    before = vault.limits.reveals_per_day
    vault.limits.reveals_per_day = 1
    yield
    vault.limits.reveals_per_day = before


async def stocked(count: int) -> list[str]:
    stock = await make.stock(await make.variant(), count)
    return [encode_id(Prefix.CARD, card.id) for card in stock]


def given(ids: list[str], key: str = "key") -> dict[str, Any]:
    return {"cardIds": ids, "reason": "dead", "caseId": "case-7", "idempotencyKey": key}


async def run(query: str, actor: Actor, **fields: Any) -> dict[str, Any]:
    data = await data_of(schema, query, actor, input=fields)
    (payload,) = data.values()
    return payload


async def test_a_look_that_one_person_may_take_alone() -> None:
    ids, clerk = await stocked(1), await make.operator("cards:reveal")
    shown = await run(REVEAL, clerk, **given(ids))
    assert shown["userErrors"] == []
    assert shown["request"]["status"] == "GRANTED"
    assert shown["request"]["cardIds"] == ids
    assert [each["cardId"] for each in shown["secrets"]] == ids
    assert (await data_of(schema, LOOKS, clerk, id=ids[0]))["cardLooks"]["count"] == 1


async def test_four_eyes_from_the_request_to_the_codes() -> None:
    ids = await stocked(2)
    clerk, chief = await make.operator("cards:reveal"), await make.operator("cards:approve")
    asked = await run(REVEAL, clerk, **given(ids))
    assert (asked["request"]["status"], asked["secrets"]) == ("WAITING", [])
    listed = await data_of(schema, REVEALS, chief, status="WAITING")
    request_id = asked["request"]["id"]
    assert listed["staffReveals"]["nodes"] == [{"id": request_id, "status": "WAITING"}]
    stranger = await make.operator("cards:reveal")
    assert (await data_of(schema, REVEALS, stranger))["staffReveals"]["nodes"] == []
    approved = await run(APPROVE, chief, id=request_id)
    assert approved["request"]["approverId"] == encode_id(Prefix.USER, chief.require_user())
    again = await run(REVEAL, clerk, **given(ids))
    assert (len(again["secrets"]), again["replayed"]) == (2, True)
    assert len((await run(OPEN, clerk, id=request_id))["secrets"]) == 2


async def test_refusals_say_what_to_do_in_both_languages() -> None:
    ids, clerk = await stocked(2), await make.operator("*")
    asked = await run(REVEAL, clerk, **given(ids))
    for language, own, waits in (
        ("en", "another operator", "second person"),
        ("zh", "另一位", "批准"),
    ):
        for query, word in ((APPROVE, own), (OPEN, waits)):
            data = await data_of(
                schema, query, clerk, language, input={"id": asked["request"]["id"]}
            )
            (payload,) = data.values()
            (error,) = payload["userErrors"]
            assert word in error["message"]
    chief = await make.operator("cards:approve")
    rejected = await run(REJECT, chief, id=asked["request"]["id"], reason="no such case")
    assert rejected["request"]["decision"] == "no such case"


async def test_without_a_step_up_the_answer_says_so_and_shows_nothing() -> None:
    ids, clerk = await stocked(1), await make.operator("cards:reveal", stepped_up=False)
    refused = await run(REVEAL, clerk, **given(ids))
    (error,) = refused["userErrors"]
    assert (error["__typename"], error["enrolled"]) == ("StepUpRequiredError", False)
    assert (refused["request"], refused["secrets"]) == (None, [])


async def test_looks_are_counted_and_one_a_request() -> None:
    ids, clerk, tries = await stocked(1), await make.operator("cards:reveal"), Tries()
    context = Context(actor=clerk, language="en", request_id="test", rate_limits=tries)
    await schema.execute(
        REVEAL,
        variable_values={"input": given(ids)},
        context_value=context,
        root_value=Door(),
    )
    assert tries.seen == [("reveal", str(clerk.user_id))]
    one = 'cardRevealOpen(input: {id: "srv_0"}) { request { id } }'
    twice = await ask(schema, f"mutation {{ a: {one} b: {one} }}", clerk)
    assert [each.extensions["code"] for each in twice.errors] == ["LIMIT_EXCEEDED"]


async def test_nobody_of_the_others_gets_as_far_as_the_domain() -> None:
    ids = await stocked(1)
    buyer, agent = await make.buyer(), await make.agent()
    posing = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    key = Actor(kind=ActorKind.KEY, user_id=buyer.user_id, key_id=new_id())
    wish = {"recipientPublicKey": str(KEY.to_public()), "reason": "r", "idempotencyKey": "k"}
    for actor in (buyer, posing, key):
        for query, fields in ((REVEAL, given(ids)), (EXPORT, wish)):
            refused = await ask(schema, query, actor, input=fields)
            assert [each.extensions["code"] for each in refused.errors] == ["FORBIDDEN"]
        for query in (REVEALS, EXPORTS):
            refused = await ask(schema, query, actor)
            assert [each.extensions["code"] for each in refused.errors] == ["FORBIDDEN"]
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM staff_looks") == 0
        assert await conn.fetchval("SELECT count(*) FROM card_exports") == 0


async def over_http(actor: Actor | None, path: str, method: str = "POST", **more: str) -> Any:
    """The door for archives, with the token of a fresh session that has stepped up."""
    app = Starlette(routes=[card_export_route(Settings(_env_file=None))])
    app.add_middleware(RequestFrame)
    headers = dict(more)
    if actor is not None:
        signed_in = await identity.open_session(await User.get(id=actor.require_user()), "test")
        if actor.session_id is not None:
            await make.Session.filter(id=signed_in.session_id).update(
                stepped_up_at=(await make.Session.get(id=actor.session_id)).stepped_up_at
            )
        headers["authorization"] = f"Bearer {signed_in.access_token}"
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers)


async def test_an_export_over_graphql_and_http() -> None:
    variant = await make.variant(cards=3)
    taker = await make.operator("cards:export")
    chief, other = await make.operator("cards:approve"), await make.operator("cards:export")
    wish = {
        "variantId": encode_id(Prefix.VARIANT, variant.id),
        "recipientPublicKey": str(KEY.to_public()),
        "reason": "moving",
        "idempotencyKey": "key",
    }
    asked = (await run(EXPORT, taker, **wish))["export"]
    assert (asked["status"], asked["path"]) == ("WAITING", None)
    approved = await run(EXPORT_APPROVE, chief, id=asked["id"])
    assert approved["export"]["status"] == "APPROVED"
    (row,) = await vault.CardExport.all()
    await vault.write_export(row.id)
    (listed,) = (await data_of(schema, EXPORTS, taker))["cardExports"]["nodes"]
    assert (listed["status"], listed["cards"]) == ("READY", 5)
    path = listed["path"]
    assert path == f"/admin/card-exports/{asked['id']}"
    assert (await data_of(schema, EXPORTS, other))["cardExports"]["nodes"] == []
    for actor, status, code in (
        (None, 401, "UNAUTHENTICATED"),
        (other, 404, "NOT_FOUND"),
        (chief, 403, "FORBIDDEN"),
        (await make.buyer(), 403, "FORBIDDEN"),
        (replace(taker, session_id=None), 403, "STEP_UP_REQUIRED"),
    ):
        refused = await over_http(actor, path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert (await over_http(taker, path, "GET")).status_code == 405
    assert (await over_http(taker, "/admin/card-exports/nonsense")).status_code == 422
    response = await over_http(taker, path)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/x-tar"
    assert "attachment" in response.headers["content-disposition"]
    with tarfile.open(fileobj=io.BytesIO(response.content)) as tar:
        names = tar.getnames()
        manifest = json.loads(pyrage.decrypt(tar.extractfile("manifest.json.age").read(), [KEY]))
        rows = pyrage.decrypt(tar.extractfile("cards-0001.csv.age").read(), [KEY]).decode()
    assert names == ["manifest.json.age", "cards-0001.csv.age"]
    assert manifest["export"] == asked["id"]
    assert len(rows.splitlines()) == 6
    again = await over_http(taker, path, **{"accept-language": "zh"})
    assert (again.status_code, again.json()["error"]["code"]) == (410, "REQUEST_NOT_OPEN")
    assert "下载" in again.json()["error"]["message"]


async def test_a_partners_key_does_not_open_the_door_for_archives() -> None:
    owner = await make.user()
    made = await identity.create_api_key(
        make.OPERATOR, owner.id, "site", ["*"], require_signature=False
    )
    refused = await over_http(None, "/admin/card-exports/exp_0", authorization=f"Bearer {made.key}")
    assert refused.json()["error"]["code"] == "FORBIDDEN"


async def test_planting_over_graphql() -> None:
    variant = await make.variant()
    keeper = await make.operator("cards:canary")
    plant = """
    mutation P($input: CardCanaryPlantInput!) {
      cardCanaryPlant(input: $input) { planted { batchId count } userErrors { code field } }
    }
    """
    variant_id = encode_id(Prefix.VARIANT, variant.id)
    done = await run(plant, keeper, variantId=variant_id, count=2, idempotencyKey="k")
    assert (done["planted"]["count"], done["userErrors"]) == (2, [])
    assert await Card.filter(variant_id=variant.id, state="canary").count() == 2
    wish = {"variantId": variant_id, "count": 2, "secretForm": "####", "idempotencyKey": "l"}
    weak = await run(plant, keeper, **wish)
    assert weak["userErrors"] == [{"code": "INVALID", "field": ["secretForm"]}]
