"""Statements in the back office: a day, one click, four eyes, files (row F5)."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from domain import bulk, payouts, statements
from domain.kernel import Actor, clock, decode_id
from domain.orders import Order, OrderStatus
from domain.payments import Payment, PaymentStatus
from domain.statements import CODES, StatementDifference, StatementLine
from domain.webhooks.models import OutboxEvent
from schema.admin import schema
from schema.locale import LANGUAGES, texts
from server import metrics
from tests import make, teller, vendor
from tests.api.asking import ask, data_of
from tests.api.test_bulk import call
from tests.statement_files import Row, at, csv_of, pay, row_of, take, today, yesterday_at_noon
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
REPORT = """
query Report($day: Date!) { statementReport(day: $day) {
  day open
  sources { whole source { party code }
    sums { kind outcome number late theirs { amount } ours { amount } fee { amount } } }
  differences { id kind outcome code message reference subjectId state steps
    theirs { amount currency } ours { amount } source { code } line { providerId raw } }
} }
"""
ASK = """
mutation Ask($input: StatementDifferenceAskInput!) { statementDifferenceAsk(input: $input) {
  difference { state steps } userErrors { code } } }
"""
SETTLE = """
mutation Settle($input: StatementDifferenceSettleInput!) {
  statementDifferenceSettle(input: $input) {
    difference { state steps note } userErrors { code } } }
"""
DECIDE = """
mutation Decide($input: StatementDifferenceDecideInput!) {
  statementDifferenceDecide(input: $input) { difference { state } userErrors { code } } }
"""
LAYOUT = """
mutation Save($input: StatementLayoutSaveInput!) { statementLayoutSave(input: $input) {
  layout { code } userErrors { code field } } }
"""
JOB = """
query Job($id: ID!) { job(id: $id) {
  state stored counts { name value } fault { code } problems { line reason message text }
  statementSums { kind outcome number theirs { amount } ours { amount } } } }
"""


async def operator(*scopes: str) -> Actor:
    return await make.operator(*(f"statements:{each}" for each in scopes))


async def report(actor: Actor, day: str, language: str = "en") -> dict[str, Any]:
    shown = await data_of(schema, REPORT, actor, language, day=day)
    found: dict[str, Any] = shown["statementReport"]
    return found


async def test_a_day_s_report_sums_up_and_names_each_difference() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    source = await statements.source_of_channel(channel.code)
    with at(yesterday_at_noon()):
        paid = [await pay(bank, channel) for _ in range(3)]
        unheard = await pay(bank, channel, booked=False)
        strange = Row("somebodyelses", make.yuan(9), clock.now(), provider_id="V77")
    day = today() - timedelta(days=1)
    rows = [row_of(each) for each in paid[:2]]
    unheard_row = row_of(unheard, at=rows[0].at)
    await take(source, *rows, unheard_row, strange, rows[0], day=day)
    shown = await report(await operator("read", "write"), day.isoformat())
    (one,) = shown["sources"]
    assert (one["whole"], one["source"]) == (True, {"party": "CHANNEL", "code": channel.code})
    sums = {row["outcome"]: (row["number"], row["theirs"]["amount"]) for row in one["sums"]}
    assert sums == {
        "MATCHED": (2, "98.00"),
        "MISSING_HERE": (2, "58.00"),
        "MISSING_THERE": (1, "0.00"),
        "DUPLICATE": (1, "49.00"),
    }
    (matched,) = [row for row in one["sums"] if row["outcome"] == "MATCHED"]
    assert (matched["ours"]["amount"], matched["fee"]["amount"]) == ("98.00", "0.40")
    by_code = {each["code"]: each for each in shown["differences"]}
    assert set(by_code) == {
        "payment_not_booked",
        "payment_unknown_here",
        "payment_twice",
        "payment_missing_there",
    }
    assert shown["open"] == 4
    assert by_code["payment_unknown_here"]["line"]["raw"].startswith("payment,somebodyelses,")
    assert by_code["payment_not_booked"]["steps"] == ["ASK", "SETTLE"]
    assert by_code["payment_not_booked"]["subjectId"].startswith("pay_")
    assert by_code["payment_missing_there"]["line"] is None
    chinese = await report(await operator("read", "write"), day.isoformat(), "zh")
    said = {each["code"]: each["message"] for each in chinese["differences"]}
    assert "查单" in said["payment_not_booked"]
    assert b"kameng_statement_differences_open 4.0" in await metrics.render()
    told = await OutboxEvent.filter(type="statement.differences_found").values_list("payload")
    assert [each["number"] for (each,) in told] == [4]
    assert told[0][0]["outcomes"] == {"DUPLICATE": 1, "MISSING_HERE": 2, "MISSING_THERE": 1}


async def test_one_click_asks_the_channel_and_pays_the_order() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    source = await statements.source_of_channel(channel.code)
    unheard = await pay(bank, channel, booked=False)
    await Payment.filter(id=unheard.id).update(status="CLOSED", next_query_at=None)
    await take(source, row_of(unheard))
    (found,) = (await report(await operator("read", "write"), today().isoformat()))["differences"]
    reader = await operator("read")
    denied = await ask(schema, ASK, reader, input={"id": found["id"]})
    assert [error.extensions["code"] for error in denied.errors] == ["FORBIDDEN"]
    clerk = await operator("write")
    done = await data_of(schema, ASK, clerk, input={"id": found["id"]})
    assert done["statementDifferenceAsk"] == {
        "difference": {"state": "RESOLVED", "steps": []},
        "userErrors": [],
    }
    assert (await Payment.get(id=unheard.id)).status is PaymentStatus.PAID
    assert (await Order.get(id=unheard.order_id)).status is OrderStatus.DELIVERED
    again = await data_of(schema, ASK, clerk, input={"id": found["id"]})
    assert again["statementDifferenceAsk"]["userErrors"] == [{"code": "STATEMENT_STEP_UNUSABLE"}]


async def test_whoever_explains_a_difference_does_not_agree_to_it() -> None:
    channel = await vendor.channel(Vendor())
    source = await statements.source_of_channel(channel.code)
    await take(source, Row("somebodyelses", make.yuan(9), clock.now()))
    found = await StatementDifference.get()
    clerk, chief = await operator("write", "approve"), await operator("approve", "read", "write")
    (shown,) = (await report(chief, today().isoformat()))["differences"]
    wish = {"id": shown["id"]}

    async def decide(actor: Actor, agree: bool) -> Any:
        said = await data_of(schema, DECIDE, actor, input={**wish, "agree": agree})
        return said["statementDifferenceDecide"]

    early = await decide(chief, True)
    assert early["userErrors"] == [{"code": "STATEMENT_DIFFERENCE_CLOSED"}]
    empty = await data_of(schema, SETTLE, clerk, input={**wish, "note": " "})
    assert empty["statementDifferenceSettle"]["userErrors"] == [{"code": "INVALID"}]
    asked = await data_of(schema, SETTLE, clerk, input={**wish, "note": "a till of ours"})
    assert asked["statementDifferenceSettle"]["difference"]["state"] == "ASKED"
    assert (await decide(clerk, True))["userErrors"] == [{"code": "FOUR_EYES"}]
    assert (await decide(chief, False))["difference"] == {"state": "OPEN"}
    await data_of(schema, SETTLE, clerk, input={**wish, "note": "a till of ours"})
    only_writes = replace(chief, scopes=frozenset({"statements:write"}))
    denied = await ask(schema, DECIDE, only_writes, input={**wish, "agree": True})
    assert [error.extensions["code"] for error in denied.errors] == ["FORBIDDEN"]
    assert (await decide(chief, True))["difference"] == {"state": "SETTLED"}
    assert (await decide(chief, True))["userErrors"] == [{"code": "STATEMENT_DIFFERENCE_CLOSED"}]
    await found.refresh_from_db()
    assert (found.asked_by, found.closed_by) == (clerk.user_id, chief.user_id)


async def test_a_partner_s_own_csv_is_uploaded_under_its_layout_and_taken_away_again() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    payment = await pay(bank, channel)
    clerk = await operator("read", "write")
    columns = {"reference": "商户订单号", "amount": "金额(分)", "at": "时间", "kind": "类型"}
    layout = {
        "code": "bank",
        "columns": [{"holds": holds, "column": name} for holds, name in columns.items()],
        "kinds": [{"word": "收款", "means": "PAYMENT"}],
        "amounts": "minor",
        "timeFormat": "%Y/%m/%d %H:%M",
        "encoding": "gb18030",
        "delimiter": ";",
    }
    bad = await data_of(schema, LAYOUT, clerk, input={**layout, "columns": layout["columns"][1:]})
    assert bad["statementLayoutSave"]["userErrors"][0]["field"] == ["layout", "columns"]
    await data_of(schema, LAYOUT, clerk, input=layout)
    assert payment.paid_at is not None
    when = payment.paid_at.strftime("%Y/%m/%d %H:%M")
    lines = [
        "某银行对账单",
        ";".join(columns.values()),
        f"{payment.reference};4900;{when};收款",
        f"strange;1,00;{when};提现",
        "#合计;1;;",
    ]
    token = await make.token(clerk)
    day = today().isoformat()
    query = {"channel": channel.code, "layout": "bank", "day": day}
    door = "/admin/imports/statements"
    body = "\r\n".join(lines).encode("gb18030")
    queued = await call("POST", door, token, [body], **query)
    assert queued.status == 202, queued.body
    job_id = decode_id("job", queued.json["jobId"])
    await bulk.run_job(job_id)
    job = await bulk.Job.get(id=job_id)
    assert job.result is not None
    assert (job.result["accepted"], job.result["rejected"]) == (2, 0)
    assert {each.outcome.value for each in await StatementLine.all()} == {"MATCHED", "NOTED"}
    there = "/admin/exports/statement-lines"
    rows = (await call("GET", there, token, day=day, channel=channel.code)).rows
    assert len(rows) == 3
    assert rows[0][:6] == ["day", "party", "source", "kind", "outcome", "reference"]
    assert rows[1][5] == payment.reference
    nobody = await make.token(await make.operator("orders:read"))
    refused = await call("GET", there, nobody, day=day, channel=channel.code)
    assert refused.status == 403
    refused = await call("POST", door, nobody, [b""], **query)
    assert refused.status == 403
    unknown = await call("POST", door, token, [b""], channel="x")
    assert unknown.status == 404


async def test_a_bank_s_file_of_payouts_is_uploaded_and_compared() -> None:
    desk = teller.Teller(faults=[teller.lost_after])
    payouts.register(teller.ADAPTER, desk)
    channel, (_, agent) = await teller.channel(), await teller.earner(100)
    asked = await payouts.request_payout(agent, channel.id, make.money(10), "key")
    await payouts.approve_payout(await make.operator("payouts:approve"), asked.payout.id)
    await payouts.run_payout(asked.payout.id)
    day = clock.now().astimezone(timezone(timedelta(hours=8))).date().isoformat()
    clerk = await operator("read", "write")
    token = await make.token(clerk)
    lost = Row(asked.payout.reference, make.yuan(10), clock.now(), kind="payout", fee=0)
    body = csv_of(lost, Row("nobody's", make.yuan(-9), clock.now(), kind="payout", fee=0)).read()
    queued = await call("POST", "/admin/imports/statements", token, [body], payout=channel.code)
    assert queued.status == 202, queued.body
    await bulk.run_job(decode_id("job", queued.json["jobId"]))
    shown = {each["code"]: each for each in (await report(clerk, day))["differences"]}
    assert set(shown) == {"payout_not_booked", "return_unknown_here"}
    found = shown["payout_not_booked"]
    assert found["subjectId"].startswith("pyo_")
    assert found["steps"] == ["ASK", "SETTLE"]
    done = await data_of(schema, ASK, clerk, input={"id": found["id"]})
    assert done["statementDifferenceAsk"]["difference"] == {"state": "RESOLVED", "steps": []}
    paid = await payouts.Payout.get(id=asked.payout.id)
    assert paid.status is payouts.PayoutStatus.SUCCEEDED
    unknown = await call("POST", "/admin/imports/statements", token, [b""], payout="x")
    assert unknown.status == 404


async def test_a_dry_run_tells_each_difference_by_its_line_and_stores_none() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    payment = await pay(bank, channel)
    clerk = await operator("write")
    token, door = await make.token(clerk), "/admin/imports/statements"
    dear = row_of(payment, amount=payment.amount + make.yuan(1))
    body = csv_of(dear, Row("strange", make.yuan(9), clock.now())).read() + b"payment,x,,,y,,,\r\n"
    asked = {"channel": channel.code, "day": today().isoformat(), "dry_run": "1"}
    queued = await call("POST", door, token, [body], **asked)
    assert queued.status == 202, queued.body
    await bulk.run_job(decode_id("job", queued.json["jobId"]))
    job = (await data_of(schema, JOB, clerk, id=queued.json["jobId"]))["job"]
    assert (job["state"], job["stored"], job["fault"]) == ("SUCCEEDED", False, None)
    assert {each["name"]: each["value"] for each in job["counts"]} == {
        "accepted": 2,
        "duplicates": 0,
        "rejected": 1,
        "resolves": 0,
    }
    assert [(each["outcome"], each["theirs"]["amount"]) for each in job["statementSums"]] == [
        ("AMOUNT_DIFFERS", "50.00"),
        ("MISSING_HERE", "9.00"),
    ]
    said = texts("en")
    assert [each.pop("message") for each in job["problems"]] == [
        said["differences"]["payment_differs"],
        said["differences"]["payment_unknown_here"],
        said["reasons"]["amount_not_a_number"],
    ]
    assert job["problems"] == [
        {"line": 2, "reason": "payment_differs", "text": f"50.00 / 49.00 CNY {payment.reference}"},
        {"line": 3, "reason": "payment_unknown_here", "text": "9.00 / - CNY strange"},
        {"line": 4, "reason": "amount_not_a_number", "text": ""},
    ]
    rows = (await call("GET", f"/admin/jobs/{queued.json['jobId']}/problems.csv", token)).rows
    assert [row[4] for row in rows[1:]] == [
        said["differences"]["payment_differs"],
        said["differences"]["payment_unknown_here"],
        said["reasons"]["amount_not_a_number"],
    ]
    assert await StatementLine.all().count() == await StatementDifference.all().count() == 0
    assert await statements.StatementSource.all().count() == 0
    unknown = await call("POST", door, token, [body], channel="x", dry_run="1")
    assert unknown.status == 404


async def test_differences_are_taken_away_as_csv() -> None:
    channel = await vendor.channel(Vendor())
    source = await statements.source_of_channel(channel.code)
    await take(source, Row("=cmd()", make.yuan(9), clock.now()))
    token = await make.token(await operator("read"))
    there = "/admin/exports/statement-differences"
    rows = (await call("GET", there, token, day=today().isoformat())).rows
    assert rows[1][1:] == [
        *("CHANNEL", channel.code, "PAYMENT", "MISSING_HERE", "payment_unknown_here", "'=cmd()"),
        *("CNY", "9.00", "", "OPEN", ""),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_difference_says_what_to_do(language: str) -> None:
    assert set(texts(language)["differences"]) == set(CODES)


async def test_the_same_bytes_under_another_layout_are_another_file() -> None:
    channel = await vendor.channel(Vendor())
    source = await statements.source_of_channel(channel.code)
    await statements.save_layout(
        make.OPERATOR,
        "swapped",
        statements.Layout(columns={"reference": "provider_id", "amount": "amount", "at": "at"}),
    )
    row = Row("one", make.yuan(9), clock.now(), provider_id="two")
    await take(source, row)
    wish = statements.StatementWish("bill.csv", layout="swapped")
    report = await statements.import_file(make.OPERATOR, source, wish, csv_of(row))
    assert (report.fresh, report.replayed) == (1, False)
    assert sorted([each.reference for each in await StatementLine.all()]) == ["one", "two"]
