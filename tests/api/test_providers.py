"""Providers over the API: three people, three models, a statement to take away (row H7)."""

from typing import Any

import pytest

from domain.kernel import Prefix, encode_id
from schema.admin import schema as admin
from tests import banking, make, providing
from tests.api import test_bulk
from tests.api.asking import ask, data_of
from tests.api.test_payout_files import session
from tests.printed import words_of
from tests.providing import IN_APRIL, MARCH, World, by_result
from tests.settling import give_back, on

pytestmark = pytest.mark.usefixtures("db")
ERRORS = "userErrors { code field message ... on ProviderOutOfOrderError { nextPeriod } }"
SAVE = f"""
mutation($input: ProviderSaveInput!) {{ providerSave(input: $input) {{
  provider {{ id code }} {ERRORS} }} }}
"""
OPEN = f"""
mutation($input: ProviderContractOpenInput!) {{ providerContractOpen(input: $input) {{
  contract {{ id title }} {ERRORS} }} }}
"""
PROPOSE_TERMS = f"""
mutation($input: ProviderTermsProposeInput!) {{ providerTermsPropose(input: $input) {{
  terms {{ id state }} {ERRORS} }} }}
"""
DECIDE_TERMS = f"""
mutation($input: ProviderTermsDecideInput!) {{ providerTermsDecide(input: $input) {{
  terms {{ id state decidedBy }} {ERRORS} }} }}
"""
RECORD = f"""
mutation($input: ProviderItemRecordInput!) {{ providerItemRecord(input: $input) {{
  item {{ id price {{ amount }} }} replayed {ERRORS} }} }}
"""
DECIDE_ITEM = f"""
mutation($input: ProviderItemDecideInput!) {{ providerItemDecide(input: $input) {{
  item {{ state }} {ERRORS} }} }}
"""
PROPOSE = f"""
mutation($input: ProviderStatementProposeInput!) {{ providerStatementPropose(input: $input) {{
  statement {{ id state payable {{ amount }} }} replayed {ERRORS} }} }}
"""
DECIDE = f"""
mutation($input: ProviderStatementDecideInput!) {{ providerStatementDecide(input: $input) {{
  statement {{ state payable {{ amount }} }} {ERRORS} }} }}
"""
PREVIEW = """
query($id: ID!, $period: String!) { providerStatementPreview(contractId: $id, period: $period) {
  lines { kind basis ratePercent each { amount } exact amount { amount } }
  facts { sold { amount } soldCost { amount } returned { amount } orders ordersLost }
  total { amount } payable { amount } carriedIn { amount } carriedOut { amount } } }
"""
PROPOSE_ACCOUNT = f"""
mutation($input: ProviderAccountProposeInput!) {{ providerAccountPropose(input: $input) {{
  account {{ id masked state }} {ERRORS} }} }}
"""
DECIDE_ACCOUNT = f"""
mutation($input: ProviderAccountDecideInput!) {{ providerAccountDecide(input: $input) {{
  account {{ state usableFrom }} {ERRORS} }} }}
"""
MAKE_FILE = f"""
mutation($input: ProviderFileMakeInput!) {{ providerFileMake(input: $input) {{
  file {{ id number count total {{ amount }} digest madeBy }} replayed {ERRORS} }} }}
"""
PAID = """
{ providers { nodes { accounts { masked state usableFrom retiredAt }
    contracts { statements { nodes { payments { reference state amount { amount } } } } } } }
  providerFiles { nodes { number progress { sent paid notPaid } } } }
"""
ALL = """
{ providers { nodes { code name kind contracts { id title provider { code }
  terms { number model fee { amount } basis ratePercent perOrder { amount } siteId productIds
    steps { at amount { amount } ratePercent } services { code name price { amount } }
    validFrom validUntil state proposedBy decidedBy }
  items { nodes { code quantity doneOn evidence state statementId } }
  statements { nodes { period state lines { kind code itemId amount { amount } } } } } } } }
"""


async def done(actor: Any, mutation: str, **given: object) -> dict[str, Any]:
    """The payload of a mutation that nobody refused."""
    (payload,) = (await data_of(admin, mutation, actor, input=given)).values()
    assert payload["userErrors"] == [], payload
    return dict(payload)


async def refused(actor: Any, mutation: str, **given: object) -> dict[str, Any]:
    """The one refusal of a mutation."""
    (payload,) = (await data_of(admin, mutation, actor, input=given)).values()
    (error,) = payload["userErrors"]
    return dict(error)


def yuan(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def test_a_contract_from_its_terms_to_what_is_owed() -> None:
    with on(1):
        clerk, chief = (
            await make.operator(*providing.SCOPES),
            await make.operator(*providing.SCOPES),
        )
        save = {"code": "CARE-9", "name": "客服外包", "kind": "COMPANY"}
        provider = (await done(clerk, SAVE, **save))["provider"]
        opened = await done(clerk, OPEN, providerId=provider["id"], title="客服")
        contract = opened["contract"]["id"]
        terms = {
            "contractId": contract,
            "model": "BASE_EXTRAS",
            "fromMonth": MARCH,
            "fee": yuan("2000"),
            "services": [{"code": "hour", "name": "工时", "price": yuan("85")}],
        }
        wrong = await refused(clerk, PROPOSE_TERMS, **{**terms, "services": []})
        assert (wrong["code"], wrong["field"]) == ("INVALID", ["services"])
        made = (await done(clerk, PROPOSE_TERMS, **terms))["terms"]
        own = await refused(clerk, DECIDE_TERMS, id=made["id"], approve=True)
        assert own["code"] == "FOUR_EYES"
        agreed = await done(chief, DECIDE_TERMS, id=made["id"], approve=True)
        assert agreed["terms"]["state"] == "APPROVED"
        item = {
            "contractId": contract,
            "code": "hour",
            "quantity": 12,
            "doneOn": "2031-03-01",
            "evidence": "工单 88",
            "idempotencyKey": "key",
        }
        recorded = await done(clerk, RECORD, **item)
        assert recorded["item"]["price"]["amount"] == "85.00"
        assert (await done(clerk, RECORD, **item))["replayed"]
        await done(chief, DECIDE_ITEM, id=recorded["item"]["id"], approve=True)
        early = await refused(clerk, PROPOSE, contractId=contract, period=MARCH)
        assert early["code"] == "SETTLEMENT_TOO_EARLY"
    with on(IN_APRIL):
        gap = await refused(clerk, PROPOSE, contractId=contract, period="2031-02")
        assert (gap["code"], gap["nextPeriod"]) == ("PROVIDER_OUT_OF_ORDER", MARCH)
        statement = (await done(clerk, PROPOSE, contractId=contract, period=MARCH))["statement"]
        assert (await done(clerk, PROPOSE, contractId=contract, period=MARCH))["replayed"]
        stale = await refused(chief, DECIDE, id=statement["id"], approve=True)
        assert stale["code"] == "STEP_UP_REQUIRED"
        await make.step_up_again(chief)
        owed = await done(chief, DECIDE, id=statement["id"], approve=True)
    assert owed["statement"] == {"state": "APPROVED", "payable": {"amount": "3020.00"}}
    (told,) = (await data_of(admin, ALL, clerk))["providers"]["nodes"]
    (shown,) = told["contracts"]
    assert shown["provider"]["code"] == "CARE-9"
    (lines,) = [each["lines"] for each in shown["statements"]["nodes"]]
    assert [(each["kind"], each["amount"]["amount"]) for each in lines] == [
        ("FEE", "2000.00"),
        ("EXTRA", "1020.00"),
    ]
    assert shown["items"]["nodes"][0]["statementId"] == statement["id"]
    reader = await make.operator("orders:read")
    answer = await ask(admin, ALL, reader)
    assert answer.errors[0].extensions["code"] == "FORBIDDEN"


async def test_what_is_owed_goes_to_the_bank_in_a_file() -> None:
    with on(1):
        world = await providing.world()
        await world.agree(by_result(world.site))
        channel = await banking.channel()
    with on(3):
        await world.sold("400")
    with on(IN_APRIL):
        await world.stated(MARCH)
        await make.step_up_again(world.clerk)
        wish = {
            "providerId": encode_id(Prefix.PROVIDER, world.contract.provider_id),
            "account": "6222000012345678",
            "name": "流量科技",
            "bank": "工商银行",
        }
        told = (await done(world.clerk, PROPOSE_ACCOUNT, **wish))["account"]
        assert told["masked"] == "****5678"
        own = await refused(world.clerk, DECIDE_ACCOUNT, id=told["id"], approve=True)
        assert own["code"] == "FOUR_EYES"
        await done(world.chief, DECIDE_ACCOUNT, id=told["id"], approve=True)
        payer = await make.operator("providers:pay", "providers:read")
        made = {
            "channelId": encode_id(Prefix.PAYOUT_CHANNEL, channel.id),
            "idempotencyKey": "key",
        }
        file = (await done(payer, MAKE_FILE, **made))["file"]
        assert (await done(payer, MAKE_FILE, **made))["replayed"]
        assert (file["count"], file["total"]["amount"]) == (1, "20.00")
    (shown,) = (await data_of(admin, PAID, payer))["providers"]["nodes"]
    (payment,) = shown["contracts"][0]["statements"]["nodes"][0]["payments"]
    assert (payment["state"], payment["amount"]["amount"]) == ("SENT", "20.00")
    assert shown["accounts"][0]["masked"] == "****5678"
    (listed,) = (await data_of(admin, PAID, payer))["providerFiles"]["nodes"]
    assert listed["progress"] == {"sent": 1, "paid": 0, "notPaid": 0}
    path = f"/admin/provider-files/{file['id']}"
    token, _ = await session("providers:pay")
    other_token, _ = await session("providers:pay")
    taken = await test_bulk.call("GET", path, token)
    assert (taken.status, taken.headers["cache-control"]) == (200, "no-store")
    assert b"6222000012345678" in taken.body
    results = banking.results((payment["reference"], "20.00", "成功"))
    booked = await test_bulk.call("POST", f"{path}/results", other_token, [results])
    assert booked.json == {"booked": 1, "known": 0}
    wrong = await test_bulk.call("POST", f"{path}/results", other_token, [b"x"])
    assert wrong.json["error"]["code"] == "PAYOUT_FILE_INVALID"
    reader, _ = await session("providers:read")
    assert (await test_bulk.call("GET", path, reader)).status == 403


async def test_a_look_before_and_the_statement_as_files() -> None:
    with on(1):
        world: World = await providing.world()
        await world.agree(by_result(world.site, rate=35_000))
    with on(3):
        sold = await world.sold("123.45")
        await world.sold("100")
        await give_back(*sold, amount="20")
    contract = encode_id(Prefix.PROVIDER_CONTRACT, world.contract.id)
    with on(IN_APRIL):
        asked = await data_of(admin, PREVIEW, world.clerk, id=contract, period=MARCH)
        draft = asked["providerStatementPreview"]
        made = await world.stated(MARCH)
    assert [line["exact"] for line in draft["lines"]] == ["7.82075", "-0.7"]
    assert [line["amount"]["amount"] for line in draft["lines"]] == ["7.82", "-0.70"]
    assert draft["lines"][0]["basis"] == "223.45"
    assert (draft["total"], draft["facts"]["orders"]) == ({"amount": "7.12"}, 2)
    path = f"/admin/provider-statements/{encode_id(Prefix.PROVIDER_STATEMENT, made.id)}"
    token = await make.token(await make.operator("providers:read"))
    table = await test_bulk.call("GET", path, token)
    assert table.status == 200
    assert table.rows[1] == ["RESULT", "", "223.45", "3.5", "", "7.82075", "7.82", "CNY"]
    assert ["payable", "", "", "", "", "", "7.12", "CNY"] in table.rows
    chinese = await test_bulk.call(
        "GET", path, token, headers={"accept-language": "zh-CN"}, format="pdf"
    )
    said = words_of(chinese.body)
    for words in ("服务商结算单", "流量科技有限公司", "按效果付费", "3.5 %", "7.12", "已批准"):
        assert words in said
    assert (await test_bulk.call("GET", path, token, format="doc")).status == 422
    other = await make.token(await make.operator("settlements:read"))
    assert (await test_bulk.call("GET", path, other)).status == 403
