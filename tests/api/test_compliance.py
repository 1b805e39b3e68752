"""The report that counsel gets, in both languages."""

import pytest

from domain.commissions import RuleKind
from schema.admin import schema as admin
from tests import make
from tests.api import test_bulk
from tests.api.asking import ask, data_of
from tests.printed import words_of

pytestmark = pytest.mark.usefixtures("db")
REPORT = """
{ complianceReport { depth hardDepth agentsAt more
  plans { kind basis scope level mostPercent mostEach { amount } holdDays
    warnings { code message } }
  warnings { code message } guards { name present } } }
"""


async def test_counsel_reads_what_is_paid_by_what_and_what_to_ask() -> None:
    await make.rule(2, RuleKind.PERCENT, 15_000)
    staff = await make.operator("compliance:read")
    told = (await data_of(admin, REPORT, staff, "zh"))["complianceReport"]
    (plan,) = told["plans"]
    assert (plan["basis"], plan["level"], plan["mostPercent"]) == ("NET_PRICE", 2, "1.5")
    advice = {each["code"]: each["message"] for each in plan["warnings"]}
    assert "下级" in advice["DOWNLINE_SALES"]
    assert {each["code"] for each in told["warnings"]} >= {"NO_AGREEMENT"}
    assert all(guard["present"] for guard in told["guards"])
    english = (await data_of(admin, REPORT, staff))["complianceReport"]
    assert english["plans"][0]["warnings"][0]["message"].startswith("This pays an agent")
    refused = await ask(admin, REPORT, await make.operator("commissions:read"))
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"


async def test_counsel_takes_the_report_away_in_its_own_language() -> None:
    await make.rule(2, RuleKind.PERCENT, 15_000)
    token = await make.token(await make.operator("compliance:read"))
    path = "/admin/compliance-report.pdf"
    english = await test_bulk.call("GET", path, token)
    assert (english.status, english.headers["content-type"]) == (200, "application/pdf")
    said = words_of(english.body)
    for words in ("1.5 %", "all goods", "This pays an agent", "commission_on_consumer_sale_only"):
        assert words in said
    assert "MISSING" not in said
    chinese = await test_bulk.call("GET", path, token, headers={"accept-language": "zh-CN"})
    said = words_of(chinese.body)
    for words in ("合规报告", "全部商品", "下级", "不构成法律意见"):
        assert words in said
    other = await make.token(await make.operator("commissions:read"))
    assert (await test_bulk.call("GET", path, other)).status == 403
    assert (await test_bulk.call("GET", path, "")).status == 401
