"""An agent's way over HTTP: from the application to money received, a refund of what was paid out
clawed back, and made up by the next commission (rows G1, H2, H3, H8, H10)."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2 as httpx
import pytest
from pyotp import TOTP

from adapters.sandbox.gateway import sandbox_gateway_secret
from server.seeding import SKU_OF_THE_PURCHASE
from tests.journeys.leak_ways import mutation
from tests.journeys.test_leaks import database_of, run
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("demo")
PASSWORD = "a-password-of-the-agents-way-7Q4"
NAME, NUMBER = "王小明", "11010119900307001"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ME = """{ viewer { realNameLevel agentApplication { state } agent { id code
  balances { pending { amount } available { amount } owed { amount } }
  commissions { nodes { state amount { amount } clawedBack { amount } explanation orderNumber } }
  withdrawals { nodes { id status net { amount } } } } } }"""
JOB = "query Job($id: ID!) { job(id: $id) { state settlement { statements } } }"
SETTLE = """mutation S($input: SettlementRunStartInput!) { settlementRunStart(input: $input) {
  job { id } userErrors { code } } }"""
RUNS = "{ settlementRuns { nodes { period } } }"
# Ten minutes pass for everything that commissions wait for.
PASS = """
UPDATE commissions SET release_at = release_at - interval '10 minutes';
UPDATE commission_clawbacks SET release_at = release_at - interval '10 minutes';
UPDATE commission_sweeps SET follows = follows - interval '10 minutes'
    WHERE follows > '2000-01-02';
UPDATE commission_sweeps SET up_to = up_to - interval '10 minutes';
UPDATE commission_releases SET follows = follows - interval '10 minutes',
    up_to = up_to - interval '10 minutes';
UPDATE commission_books SET released_up_to = released_up_to - interval '10 minutes',
    due_up_to = due_up_to - interval '10 minutes';
"""


@dataclass
class Visitor(Client):
    """A client with an address of its own: who shares the agent's address is no customer."""

    address: str = "127.0.0.1"

    def send(self, query: str, /, **variables: Any) -> dict[str, Any]:
        headers = {"Accept-Language": self.language}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = {"query": query, "variables": variables}
        way = httpx.HTTPTransport(local_address=self.address)
        with httpx.Client(transport=way, timeout=self.timeout) as client:
            result: dict[str, Any] = client.post(self.url, json=body, headers=headers).json()
        return result


def do(who: Client, deed: str, answer: str, /, **wish: Any) -> Any:
    payload = who.data(mutation(deed, answer), input=wish)[deed]
    assert payload["userErrors"] == [], (deed, payload)
    return payload


def until(ready: Callable[[], Any], what: str, seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, f"waited for {what} in vain"
        time.sleep(0.3)
    return found


def yuan(amount: object) -> dict[str, str]:
    return {"amount": str(amount), "currency": "CNY"}


def clerk(demo: dict[str, Any], login: str) -> Client:
    """A new operator who has just shown a second factor."""
    made = run(demo, "create-operator", login, password=PASSWORD)
    assert made.returncode == 0, made.stderr
    who = Client(demo["admin"])
    signed_in = do(who, "sessionCreate", "accessToken", **signed(login))
    who.token = signed_in["accessToken"]
    return stepped_up(who)


def signed(login: str) -> dict[str, str]:
    return {"login": login, "password": PASSWORD}


def stepped_up(who: Client) -> Client:
    app = do(who, "totpEnrol", "secret", password=PASSWORD)["secret"]
    do(who, "totpConfirm", "steppedUpUntil", code=TOTP(app).now())
    return who


def visitor(demo: dict[str, Any], address: str, login: str, promoter: str | None = None) -> Visitor:
    who = Visitor(demo["shop"], address=address)
    made = do(who, "userCreate", "accessToken", **signed(login), promoterCode=promoter)
    who.token = made["accessToken"]
    return who


def time_passes(demo: dict[str, Any]) -> None:
    async def work() -> None:
        conn = await asyncpg.connect(database_of(demo))
        try:
            await conn.execute(f"SET session_replication_role = replica; {PASS}")
        finally:
            await conn.close()

    asyncio.run(work())


def me(agent: Client) -> dict[str, Any]:
    found: dict[str, Any] = agent.data(ME)["viewer"]
    return found


def balances(agent: Client) -> tuple[Decimal, ...]:
    told = me(agent)["agent"]["balances"]
    return tuple(Decimal(told[name]["amount"]) for name in ("pending", "available", "owed"))


def joined(demo: dict[str, Any], one: Client, other: Client) -> Visitor:
    """An agent of its own application: a proven name, two looks, an accepted agreement."""
    agent = visitor(demo, "127.0.0.21", f"agent-{uuid4().hex[:8]}")
    letter = "10X98765432"[sum(int(n) * w for n, w in zip(NUMBER, WEIGHTS, strict=True)) % 11]
    do(agent, "realNameSubmit", "case { state }", name=NAME, number=NUMBER + letter)
    until(lambda: me(agent)["realNameLevel"] == "BASIC", "the real name")
    wish = {"name": "王小明的店", "statement": "Cards for my neighbours.", "type": "PROMOTER"}
    application = do(agent, "agentApply", "application { id state }", **wish)["application"]
    look = {"applicationId": application["id"], "passed": True, "findings": "genuine"}
    do(one, "agentApplicationCheck", "application { state }", **look)
    same = one.data(mutation("agentApplicationSample"), input=look)["agentApplicationSample"]
    assert [each["code"] for each in same["userErrors"]] == ["APPLICATION_SAME_REVIEWER"]
    do(other, "agentApplicationSample", "application { state }", **look)
    assert me(agent)["agentApplication"]["state"] == "ACTIVATED"
    agreed(agent, one)
    return stepped_up(agent)  # type: ignore[return-value]


def agreed(agent: Client, operator: Client) -> None:
    """What blocks payouts of promoters is published, and accepted with its digest."""
    texts = {"titleZh": "推广协议", "titleEn": "Promoters", "textZh": "如下。", "textEn": "As so."}
    wish = {"agreement": f"promoters-{uuid4().hex[:8]}", "types": ["PROMOTER"], **texts}
    do(operator, "agreementPublish", "version { id }", **wish, blocks=["PAYOUT"])
    (shown,) = agent.data("{ agreements(type: PROMOTER) { id digest } }")["agreements"]
    accepted = {"agreementVersionId": shown["id"], "digest": shown["digest"]}
    do(agent, "agreementAccept", "acceptance { acceptedAt }", **accepted)


def channel(demo: dict[str, Any], operator: Client) -> tuple[str, str]:
    """The sandbox's payout desk for a merchant of this walk: its id and the merchant."""
    merchant = f"walk-{uuid4().hex[:8]}"
    bounds = {"minimum": yuan("0.01"), "maximum": yuan(1000), "dailyCap": yuan(10_000)}
    names = {"nameZh": "打款", "nameEn": "Payouts", "code": merchant, "merchant": merchant}
    secret = [{"name": "key", "value": sandbox_gateway_secret(merchant)}]
    wish = {"adapter": "sandbox", "baseUrl": demo["simulator"], "secrets": secret}
    made = do(operator, "payoutChannelSave", "channel { id }", **wish, **names, **bounds)
    return made["channel"]["id"], merchant


def bought(demo: dict[str, Any], operator: Client, code: str, number: int) -> dict[str, Any]:
    """A customer of the agent, at an address of its own, buys with money of its own."""
    login = f"customer-{uuid4().hex[:8]}"
    customer = visitor(demo, f"127.0.0.{40 + number}", login, code)
    topped = {"login": login, "amount": yuan(200), "idempotencyKey": uuid4().hex}
    do(operator, "walletTopup", "replayed", **topped)
    payload = customer.buy(SKU_OF_THE_PURCHASE, 2)
    assert payload["userErrors"] == []
    assert payload["order"]["status"] == "DELIVERED"
    order: dict[str, Any] = payload["order"]
    return order


def test_from_the_application_to_the_money_and_a_refund_clawed_back(demo: dict[str, Any]) -> None:
    name = uuid4().hex[:8]
    one, other = clerk(demo, f"one-{name}"), clerk(demo, f"other-{name}")
    agent = joined(demo, one, other)
    own = me(agent)["agent"]
    rule = {"kind": "PERCENT", "percent": "2", "agentId": own["id"], "holdDays": 0}
    do(one, "commissionRuleSave", "rule { id }", **rule)

    # A customer buys, and the agent sees what it earned and why.
    order = bought(demo, one, own["code"], 1)
    (earned,) = me(agent)["agent"]["commissions"]["nodes"]
    assert (earned["state"], earned["orderNumber"]) == ("PENDING", order["number"])
    assert earned["explanation"]
    amount = Decimal(earned["amount"]["amount"])
    assert amount > 0
    assert balances(agent) == (amount, 0, 0)
    time_passes(demo)
    until(lambda: balances(agent) == (0, amount, 0), "the release")

    # It asks for all whole cents, another operator approves, and the desk pays.
    channel_id, merchant = channel(demo, one)
    account = {"kind": "SANDBOX", "account": f"account-{name}", "name": NAME}
    do(agent, "payoutDestinationSave", "destination { masked }", **account)
    cents = amount.quantize(Decimal("0.01"), rounding="ROUND_DOWN")
    asked = {"channelId": channel_id, "amount": yuan(cents), "idempotencyKey": uuid4().hex}
    payout = do(agent, "withdrawalRequest", "withdrawal { id status }", **asked)["withdrawal"]
    assert payout["status"] == "REQUESTED"
    batch = do(one, "payoutBatchPropose", "batch { id }", payoutIds=[payout["id"]])["batch"]
    decision = {"id": batch["id"], "approve": True}
    same = one.data(mutation("payoutBatchDecide"), input=decision)["payoutBatchDecide"]
    assert [each["code"] for each in same["userErrors"]] == ["PAYOUT_SAME_PERSON"]
    do(other, "payoutBatchDecide", "batch { status }", **decision)
    until(lambda: me(agent)["agent"]["withdrawals"]["nodes"][0]["status"] == "SUCCEEDED", "payout")
    desk = httpx.get(f"{demo['simulator']}/control/payouts", params={"merchant": merchant}).json()
    (paid,) = desk["payouts"]
    assert paid["state"] == "paid"

    # The sale goes back: what was paid out is owed.
    wish = {"orderId": order["id"], "reason": "GOODWILL", "destination": "WALLET"}
    do(one, "orderRefund", "replayed", **wish, idempotencyKey=uuid4().hex)
    rest = amount - cents
    assert balances(agent) == (0, 0, amount - rest)
    (gone,) = me(agent)["agent"]["commissions"]["nodes"]
    assert (gone["state"], Decimal(gone["clawedBack"]["amount"])) == ("TAKEN_BACK", amount)

    # The next commission makes it up first.
    bought(demo, one, own["code"], 2)
    second = Decimal(me(agent)["agent"]["commissions"]["nodes"][0]["amount"]["amount"])
    time_passes(demo)
    until(lambda: balances(agent)[0] == 0, "the second release")
    assert balances(agent) == (0, second - cents, 0)

    # A dry run of the month is worked off, and nothing of it stays.
    month = time.strftime("%Y-%m", time.gmtime(time.time() + 8 * 3600))
    begun = one.data(SETTLE, input={"period": month, "dryRun": True})["settlementRunStart"]
    job = begun["job"]["id"]
    until(lambda: one.data(JOB, id=job)["job"]["state"] == "SUCCEEDED", "the dry run")
    assert one.data(JOB, id=job)["job"]["settlement"] is not None
    assert one.data(RUNS)["settlementRuns"]["nodes"] == [], "a dry run writes nothing"
    checked = run(demo, "check-invariants")
    assert checked.returncode == 0, checked.stdout
