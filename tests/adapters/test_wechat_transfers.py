"""WeChat Pay's transfers: sealed names, states, age, pace, signatures, callbacks."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from adapters.pacing import Pace
from adapters.sandbox.protocol import Fault, public_pem
from adapters.sandbox.transfer_book import Plan
from domain.kernel import SCALE, clock
from domain.payouts.ports import (
    Accepted,
    Forged,
    NotFound,
    Notice,
    Paid,
    PayoutOrder,
    Receiver,
    Rejected,
    Uncertain,
    Why,
)
from tests.payout_benches import PayoutBench, wechat


@pytest.fixture
async def bench() -> AsyncIterator[PayoutBench]:
    with wechat() as made:
        yield made
        await made.client.close()


def named(order: PayoutOrder, name: str) -> PayoutOrder:
    who = order.receiver
    return replace(order, receiver=Receiver(who.kind, who.account, name))


async def test_a_name_is_sealed_for_wechat_pay_and_needed_from_2000_yuan(
    bench: PayoutBench,
) -> None:
    large = bench.order(2_000 * SCALE)
    assert isinstance(await bench.port.submit(bench.connection, large), Paid)
    assert bench.gateway.transfers.bills[large.reference].name == "王小明"
    assert "王小明".encode() not in bench.gateway.now_asked.body
    nameless = named(bench.order(2_000 * SCALE), "")
    assert await bench.port.submit(bench.connection, nameless) == Rejected(Why.NAME)
    small = named(bench.order(1 * SCALE), "")
    assert isinstance(await bench.port.submit(bench.connection, small), Paid)
    assert bench.port.capabilities.name_from == 2_000 * SCALE


async def test_a_name_is_sealed_for_the_public_key_where_the_operator_has_one(
    bench: PayoutBench,
) -> None:
    bench.gateway.public_key_id = "PUB_KEY_ID_0119000072912025"
    settings = {
        **bench.connection.settings,
        "public_key_ids": "PUB_KEY_ID_0119000072912025",
        "public_keys": public_pem(bench.gateway.signing_key),
    }
    connection = replace(bench.connection, settings=settings)
    order = bench.order(2_500 * SCALE)
    assert isinstance(await bench.port.submit(connection, order), Paid)
    assert bench.gateway.transfers.bills[order.reference].name == "王小明"


async def test_what_can_never_be_sent_is_rejected_unsent(bench: PayoutBench) -> None:
    for order, why in (
        (bench.order(12_345), Why.AMOUNT),
        (bench.order(currency="USD"), Why.CURRENCY),
    ):
        assert await bench.port.submit(bench.connection, order) == Rejected(why)
    assert bench.gateway.asked == []


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
    assert isinstance(await bench.port.submit(bench.connection, order), Paid)  # the same number


async def test_not_found_says_nothing_of_a_bill_older_than_thirty_days(bench: PayoutBench) -> None:
    order = bench.order()
    assert await bench.port.query(bench.connection, order) == NotFound()
    old = replace(order, first_sent_at=clock.now() - timedelta(days=31))
    assert await bench.port.query(bench.connection, old) == Uncertain(Why.TOO_OLD)


async def test_a_confirmation_that_was_lost_is_fetched_under_the_same_number(
    bench: PayoutBench,
) -> None:
    order = bench.order()
    await bench.port.query(bench.connection, order)
    bench.desk.plan(Plan.WAITING)
    bench.desk.lose_answer()
    assert isinstance(await bench.port.submit(bench.connection, order), Uncertain)
    told = await bench.port.query(bench.connection, order)
    assert isinstance(told, Accepted)
    bill = bench.gateway.transfers.bills[order.reference]
    assert told.action == {
        "mchId": bench.gateway.mchid,
        "appId": bench.gateway.appid,
        "package": bill.package,
    }
    known = await bench.port.query(bench.connection, replace(order, action_known=True))
    assert (known.waits, known.action) == (True, {}) if isinstance(known, Accepted) else known
    assert (bill.submissions, bill.paid) == (2, 0)


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault.UNSIGNED, Fault.WRONG_SIGNATURE, Fault.STALE, Fault.UNKNOWN_STATE),
        *(Fault.OTHER_REFERENCE, Fault.OTHER_AMOUNT, Fault.OTHER_MERCHANT),
    ],
)
async def test_an_answer_that_is_untrue_is_not_believed(bench: PayoutBench, fault: Fault) -> None:
    order = bench.order()
    assert isinstance(await bench.port.submit(bench.connection, order), Paid)
    bench.gateway.faults.append(fault)
    assert isinstance(await bench.port.query(bench.connection, order), Uncertain)
    assert isinstance(await bench.port.query(bench.connection, order), Paid)


async def test_a_receiver_that_does_not_confirm_in_time_has_nothing(bench: PayoutBench) -> None:
    order = bench.order()
    bench.desk.plan(Plan.WAITING)
    await bench.port.submit(bench.connection, order)
    bench.gateway.transfers.move(order.reference, "waiting", "failed", "overdue")
    told = await bench.port.query(bench.connection, order)
    assert told == Rejected(Why.NOT_CONFIRMED, "OVERDUE_CLOSE")


@pytest.mark.parametrize("name", ["transfer_scene_id", "report_infos", "appid"])
async def test_a_channel_that_is_not_configured_says_so_and_ends_nothing(
    bench: PayoutBench, name: str
) -> None:
    settings = {**bench.connection.settings, name: ""}
    told = await bench.port.submit(replace(bench.connection, settings=settings), bench.order())
    assert told == Uncertain(Why.NOT_CONFIGURED, name)


async def test_a_callback_names_its_bill_and_only_when_wechat_pay_has_signed_it(
    bench: PayoutBench,
) -> None:
    order = bench.order()
    await bench.port.submit(bench.connection, order)
    headers, body = bench.gateway.transfer_notice(order.reference)
    told = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(told, Notice)
    assert (told.reference, told.merchant, told.state) == (
        order.reference,
        bench.gateway.mchid,
        "SUCCESS",
    )
    assert order.reference.encode() not in body  # it was encrypted
    forged, same = bench.gateway.transfer_notice(order.reference, Fault.WRONG_SIGNATURE)
    assert await bench.port.parse_callback(bench.connection, forged, same) == Forged(Why.SIGNATURE)
    altered = orjson.dumps({**orjson.loads(body), "event_type": "X"})
    assert await bench.port.parse_callback(bench.connection, headers, altered) == Forged(
        Why.SIGNATURE
    )
    other = replace(bench.connection, secrets={**bench.connection.secrets, "api_v3_key": "x" * 32})
    assert isinstance(await bench.port.parse_callback(other, headers, body), Forged)
    assert (bench.port.reply(True).status, bench.port.reply(False).status) == (204, 400)


async def test_calls_of_one_merchant_are_spread_and_those_of_another_do_not_wait() -> None:
    pace = Pace(50)
    began = time.monotonic()
    for _ in range(6):
        await pace.wait("one")
    spent = time.monotonic() - began
    assert spent >= 0.1
    before = time.monotonic()
    await pace.wait("other")
    assert time.monotonic() - before < spent
