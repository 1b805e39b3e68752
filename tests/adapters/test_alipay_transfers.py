"""Alipay's transfers: yuan texts, certificates, refused receivers, what comes back, callbacks."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from alipay import DCAliPay

from adapters.payouts.alipay import _chain, _read
from adapters.sandbox.protocol import Fault, make_key
from adapters.sandbox.transfer_book import Plan
from adapters.sandbox.transfer_desk import certificate_pem
from domain.kernel import clock
from domain.payouts.ports import (
    Forged,
    NotFound,
    Notice,
    Paid,
    Receiver,
    Rejected,
    Uncertain,
    Why,
)
from tests.payout_benches import PayoutBench, alipay


@pytest.fixture
async def bench() -> AsyncIterator[PayoutBench]:
    with alipay() as made:
        yield made
        await made.client.close()


async def test_it_is_asked_for_in_yuan_by_login_or_number_with_certificates(
    bench: PayoutBench,
) -> None:
    order = bench.order(12_300)
    assert isinstance(await bench.port.submit(bench.connection, order), Paid)
    form = bench.gateway.forms[-1]
    content = orjson.loads(form["biz_content"])
    assert (content["trans_amount"], content["out_biz_no"]) == ("1.23", order.reference)
    assert content["payee_info"] == {
        "identity": "wang@example.com",
        "identity_type": "ALIPAY_LOGON_ID",
        "name": "王小明",
    }
    assert len(form["app_cert_sn"]) == len(form["alipay_root_cert_sn"]) == 32
    by_number = bench.order(account="2088102146225135")
    await bench.port.submit(bench.connection, by_number)
    content = orjson.loads(bench.gateway.forms[-1]["biz_content"])
    assert content["payee_info"]["identity_type"] == "ALIPAY_USER_ID"


async def test_what_can_never_be_sent_is_rejected_unsent(bench: PayoutBench) -> None:
    nameless = bench.order()
    nameless = replace(nameless, receiver=Receiver(bench.kind, bench.account, ""))
    for order, why in (
        (bench.order(900), Why.AMOUNT),
        (bench.order(12_345), Why.AMOUNT),
        (bench.order(currency="USD"), Why.CURRENCY),
        (nameless, Why.NAME),
    ):
        assert await bench.port.submit(bench.connection, order) == Rejected(why)
    assert bench.gateway.forms == []


@pytest.mark.parametrize(
    ("plan", "why"), [(Plan.BALANCE_SHORT, Why.BALANCE), (Plan.BUSY, Why.UNKNOWN)]
)
async def test_an_error_of_one_request_ends_no_payout(
    bench: PayoutBench, plan: Plan, why: Why
) -> None:
    order = bench.order()
    bench.desk.plan(plan)
    told = await bench.port.submit(bench.connection, order)
    assert isinstance(told, Uncertain)
    assert told.why is why
    assert await bench.port.query(bench.connection, order) == NotFound()
    assert isinstance(await bench.port.submit(bench.connection, order), Paid)


async def test_a_receiver_that_is_refused_is_rejected_only_when_nothing_is_there(
    bench: PayoutBench,
) -> None:
    order = bench.order()
    bench.desk.plan(Plan.NAME_WRONG)
    told = await bench.port.submit(bench.connection, order)
    assert told == Rejected(Why.NAME, "PAYEE_USER_INFO_ERROR")
    other = bench.order()
    bench.desk.plan(Plan.NO_ACCOUNT)
    bench.gateway.faults += [None, Fault.NO_ANSWER]  # the question behind it is lost
    assert isinstance(await bench.port.submit(bench.connection, other), Uncertain)


async def test_not_found_says_nothing_of_a_transfer_older_than_thirty_days(
    bench: PayoutBench,
) -> None:
    order = bench.order()
    assert await bench.port.query(bench.connection, order) == NotFound()
    old = replace(order, first_sent_at=clock.now() - timedelta(days=31))
    assert await bench.port.query(bench.connection, old) == Uncertain(Why.TOO_OLD)


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault.UNSIGNED, Fault.WRONG_SIGNATURE, Fault.UNKNOWN_STATE),
        *(Fault.OTHER_REFERENCE, Fault.OTHER_AMOUNT),
    ],
)
async def test_an_answer_that_is_untrue_is_not_believed(bench: PayoutBench, fault: Fault) -> None:
    order = bench.order()
    assert isinstance(await bench.port.submit(bench.connection, order), Paid)
    bench.gateway.faults.append(fault)
    assert isinstance(await bench.port.query(bench.connection, order), Uncertain)
    assert isinstance(await bench.port.query(bench.connection, order), Paid)


@pytest.mark.parametrize("name", ["app_cert", "alipay_certs", "alipay_root_cert"])
async def test_a_certificate_that_is_none_is_named_and_ends_nothing(
    bench: PayoutBench, name: str
) -> None:
    settings = {**bench.connection.settings, name: "no certificate"}
    told = await bench.port.submit(replace(bench.connection, settings=settings), bench.order())
    assert told == Uncertain(Why.NOT_CONFIGURED, name)


async def test_an_older_certificate_of_alipay_is_believed_beside_the_new_one(
    bench: PayoutBench,
) -> None:
    both = certificate_pem(make_key()) + bench.connection.settings["alipay_certs"]
    settings = {**bench.connection.settings, "alipay_certs": both}
    told = await bench.port.submit(replace(bench.connection, settings=settings), bench.order())
    assert isinstance(told, Paid)
    assert len(_chain(both)) == 2
    chained = certificate_pem(make_key()) + "\r\n" + certificate_pem(make_key())
    _, _, root = _read(settings["app_cert"], both, chained)
    assert len(root) == 65  # two numbers and what joins them


async def test_a_message_names_its_transfer_and_only_when_alipay_has_signed_it(
    bench: PayoutBench,
) -> None:
    order = bench.order()
    await bench.port.submit(bench.connection, order)
    headers, body = bench.gateway.transfer_notice(order.reference)
    told = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(told, Notice)
    assert (told.reference, told.merchant, told.state) == (
        order.reference,
        bench.gateway.app_id,
        "SUCCESS",
    )
    headers, forged = bench.gateway.transfer_notice(order.reference, Fault.WRONG_SIGNATURE)
    told = await bench.port.parse_callback(bench.connection, headers, forged)
    assert told == Forged(Why.SIGNATURE)
    altered = body.replace(order.reference.encode(), b"0" * 32)
    assert await bench.port.parse_callback(bench.connection, headers, altered) == Forged(
        Why.SIGNATURE
    )
    assert (bench.port.reply(True).body, bench.port.reply(False).body) == (b"success", b"fail")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_certificates_have_the_numbers_that_alipays_own_library_gives_them() -> None:
    app, root = certificate_pem(make_key()), certificate_pem(make_key())
    _, number, roots = _read(app, certificate_pem(make_key()), root + root)
    assert number == DCAliPay.get_cert_sn(app)
    assert roots == DCAliPay.get_root_cert_sn(f"{root}\n\n{root}")
