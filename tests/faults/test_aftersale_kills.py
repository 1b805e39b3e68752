"""kill -9 at each commit boundary of after-sale: it is done once, or not at all (rows M1, M2)."""

from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from domain.aftersale import Dispute, SupplierClaim
from domain.identity.models import User, UserRole
from domain.kernel import Actor, Prefix, encode_id
from domain.orders import Order
from tests import make
from tests.domain.aftersale.test_disputes import bought, cards_of, complain
from tests.faults.conftest import Installation
from tests.faults.test_gift_kills import post
from tests.faults.test_kills import no_violations, number_of

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
