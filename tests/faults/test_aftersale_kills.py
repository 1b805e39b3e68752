"""kill -9 at each commit boundary of after-sale: it is done once, or not at all (rows M1, M2)."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from adapters.sandbox.simulator import load_items
from domain.aftersale import Decision, Dispute, SupplierClaim
from domain.catalog import DeliveryKind
from domain.catalog.models import Variant
from domain.identity.models import User, UserRole
from domain.kernel import Actor, Prefix, connection, encode_id
from domain.orders import Order
from tests import make
from tests.domain.aftersale.test_disputes import bought, cards_of, complain, decide
from tests.domain.aftersale.test_pictures import png
from tests.faults.conftest import Installation
from tests.faults.test_gift_kills import post
from tests.faults.test_kills import PROGRAMS, no_violations, number_of, run, when_closed
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("kills")
POINTS = ["aftersale.written", "aftersale.committed"]
OPEN = """mutation Open($input: OrderDisputeOpenInput!) { orderDisputeOpen(input: $input) {
    disputes { id state } userErrors { code } } }"""
DECIDE = """mutation Decide($input: DisputeDecideInput!) { disputeDecide(input: $input) {
    dispute { dispute { state replacementCardId refundId } claim { amount { amount } } }
    userErrors { code } } }"""
SETTLE = """mutation Settle($input: SupplierClaimSettleInput!) {
    supplierClaimSettle(input: $input) { claim { state } userErrors { code } } }"""


async def operator() -> str:
    """The token of who may do all of after-sale."""
    made = await make.user(role=UserRole.OPERATOR)
    await User.filter(id=made.id).update(scopes=["aftersales:decide", "aftersales:claims"])
    return await make.token(make.actor_of(made))


async def dies(
    installation: Installation, point: str, root: str, token: str, query: str, wish: dict[str, Any]
) -> None:
    """The API dies in a call, and is started again."""
    installation.start("serve", crash_at=point)
    with pytest.raises(httpx.TransportError):
        await post(installation, root, token, query, wish)
    installation.kill("serve")
    installation.start("serve")


async def a_case() -> tuple[Actor, Order, Dispute]:
    who, order, line = await bought(1, stock=2, supplied=True)
    (case,) = await complain(who, order, await cards_of(line))
    return who, order, case


@pytest.mark.parametrize("point", POINTS)
async def test_the_api_dies_while_a_case_is_opened(installation: Installation, point: str) -> None:
    who, order, line = await bought(2)
    ids = [encode_id(Prefix.CARD, card.id) for card in await cards_of(line)]
    wish = {"orderId": encode_id(Prefix.ORDER, order.id), "cardIds": ids, "reason": "CODE_USED"}
    wish["idempotencyKey"] = uuid4().hex
    token = await make.token(who)
    await dies(installation, point, "shop", token, OPEN, wish)
    committed = 2 if point == "aftersale.committed" else 0
    assert await number_of("disputes") == committed
    assert await number_of("cards", "state = 'disputed'") == committed
    answer = (await post(installation, "shop", token, OPEN, wish))["data"]["orderDisputeOpen"]
    assert [each["state"] for each in answer["disputes"]] == ["OPEN", "OPEN"]
    assert await number_of("outbox_events", "type = 'order.dispute_opened'") == 2
    await no_violations()


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("decision", ["REPLACE", "REFUND", "REJECT"])
async def test_the_api_dies_while_a_case_is_decided(
    installation: Installation, point: str, decision: str
) -> None:
    _, _, case = await a_case()
    token = await operator()
    wish = {"disputeId": encode_id(Prefix.DISPUTE, case.id), "decision": decision, "reason": "seen"}
    wish["idempotencyKey"] = uuid4().hex
    more = {} if decision == "REJECT" else {"invalid": True}
    await dies(installation, point, "admin", token, DECIDE, {**wish, **more})
    committed = point == "aftersale.committed"
    assert await number_of("disputes", "decided_at IS NOT NULL") == int(committed)
    assert await number_of("supplier_claims") == int(committed and bool(more))
    answer = await post(installation, "admin", token, DECIDE, {**wish, **more})
    done = answer["data"]["disputeDecide"]
    assert done["userErrors"] == []
    assert done["dispute"]["dispute"]["state"] == f"{decision.removesuffix('E')}ED"
    assert await number_of("supplier_claims") == len(more)
    assert await number_of("outbox_events", "type = 'order.dispute_decided'") == 1
    await no_violations()


@pytest.mark.parametrize("point", POINTS)
async def test_the_api_dies_while_a_claim_is_settled(
    installation: Installation, point: str
) -> None:
    _, _, case = await a_case()
    token = await operator()
    wish = {"disputeId": encode_id(Prefix.DISPUTE, case.id), "decision": "REFUND", "reason": "seen"}
    installation.start("serve")
    values = {**wish, "invalid": True, "idempotencyKey": uuid4().hex}
    assert (await post(installation, "admin", token, DECIDE, values))["data"]
    installation.kill("serve")
    claim = await SupplierClaim.get()
    wish = {"claimId": encode_id(Prefix.SUPPLIER_CLAIM, claim.id), "outcome": "CREDITED"}
    wish |= {"note": "by mail", "idempotencyKey": uuid4().hex}
    await dies(installation, point, "admin", token, SETTLE, wish)
    committed = int(point == "aftersale.committed")
    assert await number_of("transfers", "kind = 'supplier_claim_settled'") == committed
    answer = (await post(installation, "admin", token, SETTLE, wish))["data"]
    assert answer["supplierClaimSettle"]["claim"] == {"state": "CREDITED"}
    assert await number_of("transfers", "kind = 'supplier_claim_settled'") == 1
    await no_violations()


EVIDENCE = """mutation Add($input: OrderDisputeEvidenceAddInput!) {
    orderDisputeEvidenceAdd(input: $input) { door { url authorization } userErrors { code } } }"""


async def put(installation: Installation, door: dict[str, str]) -> httpx.Response:
    """The file of a door, sent."""
    return await run(
        httpx.put,
        f"{installation.origin}{door['url']}",
        content=png(),
        headers={"Authorization": door["authorization"]},
        timeout=20,
    )


@pytest.mark.parametrize("point", POINTS)
async def test_the_api_dies_while_evidence_comes(installation: Installation, point: str) -> None:
    who, _, case = await a_case()
    wish = {"disputeId": encode_id(Prefix.DISPUTE, case.id), "name": "proof"}
    installation.start("serve")
    answer = await post(installation, "shop", await make.token(who), EVIDENCE, wish)
    door = answer["data"]["orderDisputeEvidenceAdd"]["door"]
    installation.kill("serve")
    installation.start("serve", crash_at=point)
    with pytest.raises(httpx.TransportError):
        await put(installation, door)
    installation.kill("serve")
    installation.start("serve")
    committed = int(point == "aftersale.committed")
    assert await number_of("evidence_contents") == committed
    again = await put(installation, door)
    assert again.status_code == (403 if committed else 201)  # a ticket lets one file in
    assert await number_of("evidence", "state = 'STORED'") == 1
    assert await number_of("outbox_events", "type = 'order.dispute_evidence_added'") == 1
    await no_violations()


async def test_a_worker_dies_with_the_answer_of_a_supplier_and_it_is_asked_again(
    installation: Installation,
) -> None:
    """A top-up that was delivered, and then taken back by its supplier: the case knows it."""
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.DIRECT_TOPUP)
    item = await make.simulated_offer(
        variant, installation.simulator, make.yuan(80), "alpha", "mobile=account"
    )
    token = await make.token(await make.buyer())
    client = Client(f"{installation.origin}/graphql/shop", token)
    for each in PROGRAMS:
        installation.start(each, crash_at="aftersale.asked" if each == "worker" else "")
    await load_items(installation.simulator, [item])
    fault = {"supplier": "alpha", "fault": "refund_after_success"}
    await run(httpx.post, f"{installation.simulator}/control/faults", json=fault)
    bought = await run(client.buy, variant.sku, account=[{"key": "account", "value": "10001"}])
    await when_closed()
    order = await run(client.order, bought["order"]["id"])
    line = {"lineId": order["lines"][0]["id"]}
    wish = {"orderId": order["id"], "lines": [line], "reason": "NOT_ARRIVED", "idempotencyKey": "k"}
    answer = await post(installation, "shop", token, OPEN, wish)
    assert answer["data"]["orderDisputeOpen"]["userErrors"] == []
    await run(installation.wait_for_crash, "worker")
    assert await number_of("disputes", "check_result IS NOT NULL") == 0
    installation.start("worker")
    async with connection() as conn:  # the one that died would be asked again after a minute
        await conn.execute("UPDATE disputes SET ask_at = now()")
    for _ in range(300):
        if await number_of("disputes", "check_result = 'INVALID' AND state = 'CHECKING'"):
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("nobody has asked the supplier")
    assert await number_of("fulfilment_attempts") == 1  # asked, not bought again
    await no_violations()


@pytest.mark.parametrize(
    "point", ["fulfilment.supplier_answered", "fulfilment.replacement_written"]
)
async def test_a_worker_dies_with_a_replacement_in_its_hands_and_one_is_bought(
    installation: Installation, point: str
) -> None:
    """The card was sold from the shelf, none is left there, and a supplier has it."""
    who, order, line = await bought(1)
    variant = await Variant.get(id=line.variant_id)
    item = await make.simulated_offer(variant, installation.simulator, make.yuan(40), "alpha")
    (case,) = await complain(who, order, await cards_of(line))
    await decide(case, Decision.REPLACE, invalid=True, from_supplier=True)
    for each in PROGRAMS:
        installation.start(each, crash_at=point if each == "worker" else "")
    await load_items(installation.simulator, [item])
    await run(installation.wait_for_crash, "worker")
    assert await number_of("disputes", "state = 'REPLACED'") == 0
    installation.start("worker")
    async with connection() as conn:  # what the one that died has begun is asked about soon anyway
        await conn.execute("UPDATE fulfilment_attempts SET next_query_at = now()")
    for _ in range(600):
        if await number_of("dispute_reorders", "state = 'DONE'"):
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("nobody has given the case its card")
    assert await number_of("disputes", "state = 'REPLACED'") == 1
    assert await number_of("fulfilment_attempts", "status = 'succeeded' AND parked") == 1
    assert await number_of("fulfilment_attempts") == 1
    book = (await run(httpx.get, f"{installation.simulator}/control/book")).json()
    assert len(book["orders"]) == 1
    await no_violations()
