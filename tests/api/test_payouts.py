"""Withdrawals through the schemas: an agent asks, two operators decide, the money arrives."""

from dataclasses import replace
from typing import Any

import pytest

from domain import payouts
from domain.kernel import Actor, Prefix, encode_id
from domain.payouts.ports import Accepted
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make, teller
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
METHODS = "{ payoutMethods { id name kinds minimum { amount } feeFixed { amount } } }"
SAVE = """mutation Save($input: PayoutDestinationSaveInput!) {
    payoutDestinationSave(input: $input) { destination { id kind masked usableFrom }
    userErrors { code field message } } }"""
ASK = """mutation Ask($input: WithdrawalRequestInput!) { withdrawalRequest(input: $input) {
    withdrawal { id status amount { amount } fee { amount } tax { amount } net { amount }
        destination { masked } } replayed
    userErrors { code field message
        ... on PayoutCapError { left { amount } } ... on PayoutCoolingError { usableFrom }
        ... on PayoutAmountError { minimum { amount } maximum { amount } } } } }"""
CANCEL = """mutation Cancel($input: WithdrawalCancelInput!) { withdrawalCancel(input: $input) {
    withdrawal { status } userErrors { code } } }"""
MINE = """{ viewer { agent { inPayout { amount } balances { available { amount } }
    payoutDestinations { masked } withdrawals { nodes { id status why note waits
        confirm { name value } net { amount } } } } } }"""
QUEUE = """{ payouts(statuses: [REQUESTED]) { nodes { id agentId reference risks batchId
    destination { masked kind } net { amount } } } }"""
PROPOSE = """mutation Propose($input: PayoutBatchProposeInput!) {
    payoutBatchPropose(input: $input) { batch { id count total { amount } status proposedBy }
    userErrors { code } } }"""
DECIDE = """mutation Decide($input: PayoutBatchDecideInput!) { payoutBatchDecide(input: $input) {
    batch { status decidedBy decision } userErrors { code message } } }"""
REFUSE = """mutation Refuse($input: PayoutRefuseInput!) { payoutRefuse(input: $input) {
    payout { status note } userErrors { code } } }"""
APPROVE = """mutation Approve($input: PayoutApproveInput!) { payoutApprove(input: $input) {
    payout { status approvedBy } userErrors { code } } }"""
BLOCK = """mutation Block($input: PayoutDestinationBlockInput!) {
    payoutDestinationBlock(input: $input) { destination { masked } userErrors { code } } }"""
CHANNEL = """mutation Channel($input: PayoutChannelSaveInput!) { payoutChannelSave(input: $input) {
    channel { id code adapter kinds byFile dailyCap { amount } version }
    userErrors { code field message } } }"""
CHANNELS = "{ payoutChannels { code } }"
BATCHES = "{ payoutBatches { nodes { id status } } }"


@pytest.fixture(autouse=True)
async def desk() -> teller.Teller:
    made = teller.Teller()
    payouts.register(teller.ADAPTER, made)
    return made


def yuan(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def mine(actor: Actor) -> dict[str, Any]:
    found: dict[str, Any] = (await data_of(shop, MINE, actor))["viewer"]["agent"]
    return found


async def an_agent(amount: int = 100) -> Actor:
    agent, actor = await teller.earner(amount, account="")
    return replace(actor, agent_id=agent.id)


async def test_from_the_wish_to_the_money(desk: teller.Teller) -> None:
    channel = await teller.channel(fee_fixed=make.yuan("0.50"), tax_rate=100)
    actor = await an_agent()
    (method,) = (await data_of(shop, METHODS, actor, "zh"))["payoutMethods"]
    assert (method["name"], method["kinds"]) == ("打款", ["SANDBOX"])
    assert (method["minimum"], method["feeFixed"]) == ({"amount": "1.00"}, {"amount": "0.50"})
    account = {"kind": "SANDBOX", "account": "account-4711", "name": "王小明"}
    saved = (await data_of(shop, SAVE, actor, input=account))["payoutDestinationSave"]
    assert saved["destination"]["masked"] == "****4711"
    wish = {"channelId": method["id"], "amount": yuan("10"), "idempotencyKey": "a"}
    asked = (await data_of(shop, ASK, actor, input=wish))["withdrawalRequest"]
    assert asked["userErrors"] == []
    assert asked["withdrawal"]["net"]["amount"] == "9.40"
    assert asked["withdrawal"]["destination"]["masked"] == "****4711"
    seen = await mine(actor)
    assert seen["inPayout"]["amount"] == "10.00"
    assert seen["balances"]["available"]["amount"] == "90.00"

    one = await make.operator("payouts:read", "payouts:propose")
    (waiting,) = (await data_of(admin, QUEUE, one))["payouts"]["nodes"]
    assert (waiting["id"], waiting["risks"]) == (asked["withdrawal"]["id"], ["first_payout"])
    assert "account-4711" not in repr(waiting)
    batch = (await data_of(admin, PROPOSE, one, input={"note": "today"}))["payoutBatchPropose"]
    assert (batch["batch"]["count"], batch["batch"]["total"]["amount"]) == (1, "10.00")
    other = await make.operator("payouts:approve", "payouts:read")
    decision = {"id": batch["batch"]["id"], "approve": True}
    decided = (await data_of(admin, DECIDE, other, input=decision))["payoutBatchDecide"]
    assert decided["batch"]["status"] == "APPROVED"
    (due,) = await payouts.due_payouts(5)
    await payouts.run_payout(due)
    (done,) = (await mine(actor))["withdrawals"]["nodes"]
    assert (done["status"], done["net"]["amount"]) == ("SUCCEEDED", "9.40")
    (paid,) = desk.paid.values()
    assert (paid.amount, paid.receiver.account) == (make.yuan("9.40"), "account-4711")
    (shown,) = (await data_of(admin, BATCHES, one))["payoutBatches"]["nodes"]
    assert shown["status"] == "APPROVED"
    assert channel.code == "desk"


async def test_who_must_confirm_gets_what_its_app_needs(desk: teller.Teller) -> None:
    channel = await teller.channel()
    agent, actor = await teller.earner(100)
    actor = replace(actor, agent_id=agent.id)
    await payouts.request_payout(actor, channel.id, make.money(10), "a")
    (waiting,) = (await data_of(admin, QUEUE, make.OPERATOR))["payouts"]["nodes"]
    clerk = await make.operator("payouts:approve")
    approved = (await data_of(admin, APPROVE, clerk, input={"id": waiting["id"]}))["payoutApprove"]
    assert approved["payout"]["status"] == "APPROVED"
    desk.faults = [teller.says(teller.WAITS)]
    (due,) = await payouts.due_payouts(5)
    await payouts.run_payout(due)
    (shown,) = (await mine(actor))["withdrawals"]["nodes"]
    assert shown["waits"]
    assert shown["confirm"] == [{"name": "package", "value": "confirm-me"}]
    back = (await data_of(shop, CANCEL, actor, input={"id": waiting["id"]}))["withdrawalCancel"]
    assert back["userErrors"] == []
    await payouts.run_payout(due)
    (shown,) = (await mine(actor))["withdrawals"]["nodes"]
    assert (shown["status"], shown["why"], shown["confirm"]) == ("FAILED", "cancelled", [])
    assert isinstance(teller.WAITS, Accepted)


async def test_refusals_say_what_to_do() -> None:
    channel = await teller.channel()
    channel_id = encode_id(Prefix.PAYOUT_CHANNEL, channel.id)
    agent, actor = await teller.earner(100)
    actor = replace(actor, agent_id=agent.id)

    async def refused(amount: str) -> dict[str, Any]:
        wish = {"channelId": channel_id, "amount": yuan(amount), "idempotencyKey": f"k{amount}"}
        told = (await data_of(shop, ASK, actor, input=wish))["withdrawalRequest"]
        assert told["withdrawal"] is None
        error: dict[str, Any] = told["userErrors"][0]
        return error

    small = await refused("0.50")
    assert (small["code"], small["minimum"]["amount"]) == ("PAYOUT_AMOUNT_OUT_OF_RANGE", "1.00")
    usual, payouts.limits.daily_cap = payouts.limits.daily_cap, make.yuan(20)
    try:
        capped = await refused("30")
    finally:
        payouts.limits.daily_cap = usual
    assert (capped["code"], capped["left"]["amount"]) == ("PAYOUT_DAILY_CAP", "20.00")
    assert (await refused("1000"))["code"] == "COMMISSION_SHORT"
    account = {"kind": "SANDBOX", "account": "another-account"}
    await data_of(shop, SAVE, actor, input=account)
    cooling = await refused("10")
    assert cooling["code"] == "PAYOUT_DESTINATION_COOLING"
    assert cooling["usableFrom"] is not None
    assert "Wait until then" in cooling["message"]


async def test_an_operator_refuses_with_a_word_and_blocks_an_account() -> None:
    channel = await teller.channel()
    agent, actor = await teller.earner(100)
    actor = replace(actor, agent_id=agent.id)
    payout = (await payouts.request_payout(actor, channel.id, make.money(10), "a")).payout
    clerk = await make.operator("payouts:approve", "payouts:write")
    wish = {"id": encode_id(Prefix.PAYOUT, payout.id), "note": "please call us"}
    assert (await data_of(admin, REFUSE, clerk, input=wish))["payoutRefuse"]["payout"] == {
        "status": "REFUSED",
        "note": "please call us",
    }
    (shown,) = (await mine(actor))["withdrawals"]["nodes"]
    assert shown["note"] == "please call us"
    where = encode_id(Prefix.PAYOUT_DESTINATION, payout.destination_id)
    blocked = await data_of(admin, BLOCK, clerk, input={"destinationId": where, "reason": "fraud"})
    assert blocked["payoutDestinationBlock"]["userErrors"] == []


async def test_a_channel_is_saved_and_its_secrets_never_shown() -> None:
    wish = {
        "code": "desk",
        "adapter": teller.ADAPTER,
        "merchant": "m1",
        "nameZh": "打款",
        "nameEn": "Payouts",
        "baseUrl": "https://pay.example",
        "minimum": yuan("1"),
        "maximum": yuan("100"),
        "dailyCap": yuan("1000"),
        "secrets": [{"name": "key", "value": "a-secret-key"}],
    }
    saved = (await data_of(admin, CHANNEL, make.OPERATOR, input=wish))["payoutChannelSave"]
    assert saved["userErrors"] == []
    assert (saved["channel"]["dailyCap"]["amount"], saved["channel"]["version"]) == ("1000.00", 1)
    again = {**wish, "secrets": None, "dailyCap": yuan("0.50")}
    wrong = (await data_of(admin, CHANNEL, make.OPERATOR, input=again))["payoutChannelSave"]
    assert wrong["userErrors"][0]["code"] == "INVALID"
    other = {**wish, "merchant": "m2"}
    stays = (await data_of(admin, CHANNEL, make.OPERATOR, input=other))["payoutChannelSave"]
    assert "stay for life" in stays["userErrors"][0]["message"]
    nobody = {**wish, "adapter": "nobody"}
    unknown = (await data_of(admin, CHANNEL, make.OPERATOR, input=nobody))["payoutChannelSave"]
    assert unknown["userErrors"][0]["code"] == "PAYOUT_ADAPTER_UNKNOWN"
    (kept,) = await payouts.list_channels(make.OPERATOR)
    assert b"a-secret-key" not in kept.secrets_sealed


async def test_nobody_sees_anothers_withdrawals() -> None:
    agent, owner = await teller.earner(10)
    child = await make.agent(agent)
    owner = replace(owner, agent_id=agent.id)
    query = """{ viewer { agent { downline { nodes { withdrawals { nodes { id } }
        inPayout { amount } payoutDestinations { masked } } } } } }"""
    told = await ask(shop, query, owner)
    (seen,) = told.data["viewer"]["agent"]["downline"]["nodes"]
    assert seen == {"withdrawals": None, "inPayout": None, "payoutDestinations": None}
    assert {error.extensions["code"] for error in told.errors} == {"AGENT_OUT_OF_REACH"}
    assert child.parent_id == agent.id


@pytest.mark.parametrize(
    ("query", "variables", "scopes"),
    [
        (QUEUE, {}, {"payouts:write", "payouts:approve"}),
        (CHANNELS, {}, {"payouts:write"}),
        (BATCHES, {}, {"payouts:approve"}),
        (PROPOSE, {"input": {}}, {"payouts:approve", "payouts:read"}),
        (DECIDE, {"input": {"id": "x", "approve": True}}, {"payouts:propose", "payouts:read"}),
        (APPROVE, {"input": {"id": "x"}}, {"payouts:propose", "payouts:write"}),
        (REFUSE, {"input": {"id": "x", "note": "y"}}, {"payouts:propose"}),
        (BLOCK, {"input": {"destinationId": "x", "reason": "y"}}, {"payouts:approve"}),
    ],
)
async def test_who_may_not(query: str, variables: dict[str, Any], scopes: set[str]) -> None:
    stranger = replace(make.OPERATOR, scopes=frozenset(scopes))
    refused = await ask(admin, query, stranger, **variables)
    assert [error.extensions["code"] for error in refused.errors] == ["FORBIDDEN"]
