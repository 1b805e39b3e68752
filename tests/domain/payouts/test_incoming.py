"""Callbacks of payout channels: hints, whoever signed them, and what the channel says counts."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import orjson
import pytest

from adapters.sandbox.protocol import Fault
from adapters.sandbox.transfer_book import Plan
from domain import payouts
from domain.commissions import balances_of
from domain.invariants import find_violations
from domain.kernel import callbacks, connection, page_request
from domain.payouts import (
    DestinationWish,
    Payout,
    PayoutCallback,
    PayoutCallbackOutcome,
    PayoutChannel,
    PayoutStatus,
)
from tests import make, teller
from tests.payout_benches import PayoutBench, alipay, wechat

pytestmark = pytest.mark.usefixtures("db")
S, Told = PayoutStatus, PayoutCallbackOutcome


@pytest.fixture
async def bench(db: None) -> AsyncIterator[PayoutBench]:
    with wechat() as made:
        before = payouts.adapter_of("wechat")
        payouts.register("wechat", made.port)
        yield made
        payouts.register("wechat", before)
        await made.client.close()


@pytest.fixture
async def alipay_bench(db: None) -> AsyncIterator[PayoutBench]:
    with alipay() as made:
        before = payouts.adapter_of("alipay")
        payouts.register("alipay", made.port)
        yield made
        payouts.register("alipay", before)
        await made.client.close()


async def channel(bench: PayoutBench, code: str = "") -> PayoutChannel:
    where = bench.connection
    return await teller.channel(
        code or bench.name,
        bench.name,
        merchant=where.merchant,
        base_url=where.base_url,
        settings=dict(where.settings),
        secrets=dict(where.secrets),
    )


async def sent(bench: PayoutBench, plan: Plan = Plan.WAITING, yuan: str = "10") -> Payout:
    """A payout that the channel has."""
    of = await PayoutChannel.filter(code=bench.name).first() or await channel(bench)
    _, actor = await teller.earner(yuan, account="")
    wish = DestinationWish(bench.kind, f"account-{make.new_id().hex[:12]}", "王小明")
    await payouts.save_destination(actor, wish)
    payout = (await payouts.request_payout(actor, of.id, make.money(yuan), "a")).payout
    await payouts.approve_payout(await make.operator("payouts:approve"), payout.id)
    bench.desk.plan(plan)
    await payouts.run_payout(payout.id)
    return await Payout.get(id=payout.id)


async def call(
    bench: PayoutBench, payout: Payout, fault: Fault | None = None, of: PayoutChannel | None = None
) -> PayoutCallback:
    """The callback of a payout, as it is now there."""
    headers, body = bench.gateway.transfer_notice(payout.reference, fault)
    there = of.id if of else payout.channel_id
    heard = await payouts.take_callback(there, headers, body)
    assert heard is not None
    kept = await PayoutCallback.filter(channel_id=there).order_by("-id").first()
    assert kept is not None
    return kept


async def test_a_receiver_confirms_and_the_callback_makes_us_ask(bench: PayoutBench) -> None:
    payout = await sent(bench)
    assert (payout.status, payout.waits) == (S.ACCEPTED, True)
    assert set(payouts.action_of(payout)) == {"mchId", "appId", "package"}
    bench.desk.confirm(payout.reference)
    kept = await call(bench, payout)
    assert (kept.outcome, kept.payout_id) == (Told.BOOKED, payout.id)
    assert payout.reference.encode() not in kept.raw_sealed
    assert (await Payout.get(id=payout.id)).status is S.SUCCEEDED
    assert (await call(bench, payout)).outcome is Told.KNOWN
    assert [each for each in await find_violations() if each.violations] == []


async def test_many_at_once_book_it_once(bench: PayoutBench) -> None:
    payout = await sent(bench)
    bench.desk.confirm(payout.reference)
    notices = [bench.gateway.transfer_notice(payout.reference) for _ in range(6)]
    await asyncio.gather(
        *(payouts.take_callback(payout.channel_id, *notice) for notice in notices),
        payouts.run_payout(payout.id),
    )
    assert (await Payout.get(id=payout.id)).status is S.SUCCEEDED
    outcomes = [each.outcome for each in await PayoutCallback.all()]
    assert outcomes.count(Told.BOOKED) <= 1
    assert bench.desk.paid(payout.reference) == 1
    assert [each for each in await find_violations() if each.violations] == []


async def test_a_signed_untruth_moves_nothing(bench: PayoutBench) -> None:
    """It says SUCCESS; the channel, which is asked, says that it waits."""
    payout = await sent(bench)
    bill = bench.gateway.transfers.bills[payout.reference]
    bill.state = "paid"
    headers, body = bench.gateway.transfer_notice(payout.reference)
    bill.state = "waiting"
    await payouts.take_callback(payout.channel_id, headers, body)
    assert (await PayoutCallback.get()).outcome is Told.KNOWN
    assert (await Payout.get(id=payout.id)).status is S.ACCEPTED


@pytest.mark.parametrize("fault", [Fault.WRONG_SIGNATURE])
async def test_what_wechat_pay_has_not_signed_is_refused(bench: PayoutBench, fault: Fault) -> None:
    payout = await sent(bench)
    bench.desk.confirm(payout.reference)
    kept = await call(bench, payout, fault)
    assert (kept.outcome, kept.why, kept.reference) == (Told.REFUSED, "signature", None)
    assert (await Payout.get(id=payout.id)).status is S.ACCEPTED


async def test_what_is_not_about_a_payout_of_this_channel_is_refused(bench: PayoutBench) -> None:
    payout, other = await sent(bench), await channel(bench, "second")
    kept = await call(bench, payout, of=other)
    assert (kept.outcome, kept.why) == (Told.REFUSED, "other_channel")
    kept = await call(bench, payout, Fault.OTHER_REFERENCE)
    assert (kept.outcome, kept.why) == (Told.REFUSED, "reference_unknown")
    kept = await call(bench, payout, Fault.OTHER_MERCHANT)
    assert (kept.outcome, kept.why) == (Told.REFUSED, "merchant")


async def test_a_channel_that_does_not_answer_is_asked_again_soon(bench: PayoutBench) -> None:
    payout = await sent(bench)
    bench.desk.confirm(payout.reference)
    await Payout.filter(id=payout.id).update(next_try_at=payout.requested_at.replace(year=2030))
    notice = bench.gateway.transfer_notice(payout.reference)
    bench.gateway.faults.append(Fault.SERVER_ERROR)
    heard = await payouts.take_callback(payout.channel_id, *notice)
    assert heard is not None
    assert heard.reply.status == 400  # send it again
    assert (await PayoutCallback.get()).outcome is Told.UNPROVEN
    assert payout.id in await payouts.due_payouts(5)
    await payouts.run_payout(payout.id)
    assert (await Payout.get(id=payout.id)).status is S.SUCCEEDED


async def test_an_end_that_the_channel_denies_is_a_case(bench: PayoutBench) -> None:
    payout = await sent(bench, Plan.NO_ACCOUNT)
    assert payout.status is S.FAILED
    bill = bench.gateway.transfers.bills[payout.reference]
    bill.state = "paid"  # the vendor erred
    assert (await call(bench, payout)).outcome is Told.KNOWN
    case = await payouts.PayoutCase.get(payout_id=payout.id)
    assert case.kind is payouts.CaseKind.CONTRADICTED
    assert (await balances_of(payout.agent_id, make.CNY)).available.units == make.yuan(10)


async def test_strangers_leave_little_and_one_body_is_judged_so_often(bench: PayoutBench) -> None:
    payout = await sent(bench)
    for number in range(callbacks.MOST_FORGED + 3):
        body = orjson.dumps({"n": number, "fill": "x" * 10_000})
        heard = await payouts.take_callback(payout.channel_id, {}, body)
        assert heard is not None
        assert heard.kept is (number < callbacks.MOST_FORGED)
    assert await PayoutCallback.all().count() == callbacks.MOST_FORGED
    assert max(len(each.raw_sealed) for each in await PayoutCallback.all()) < 5_000
    notice = bench.gateway.transfer_notice(payout.reference)
    for number in range(callbacks.MOST_REPEATS + 2):
        heard = await payouts.take_callback(payout.channel_id, *notice)
        assert heard is not None
        assert heard.kept is (number < callbacks.MOST_REPEATS)
    assert await payouts.take_callback(make.new_id(), {}, b"") is None
    payouts.register(teller.ADAPTER, teller.Teller())
    silent = await teller.channel("silent")
    assert await payouts.take_callback(silent.id, {}, b"") is None
    reader = await make.operator("payouts:read")
    page = page_request("callbacks", 5, None)
    assert len((await payouts.list_callbacks(reader, page, payout.channel_id)).rows) == 5


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payout_callbacks SET outcome = 'BOOKED'",
        "UPDATE payout_callbacks SET raw_sealed = ''",
        "DELETE FROM payout_callbacks",
    ],
)
async def test_the_database_keeps_what_came(bench: PayoutBench, sql: str) -> None:
    payout = await sent(bench)
    await call(bench, payout)
    with pytest.raises(asyncpg.RestrictViolationError, match="judged once"):
        async with connection() as conn:
            await conn.execute(sql)


async def test_what_waits_is_cancelled_and_is_the_agents_again(
    bench: PayoutBench,
) -> None:
    payout = await sent(bench)
    await Payout.filter(id=payout.id).update(cancel_wanted=True)
    await make.hurry_payouts()
    await payouts.run_payout(payout.id)
    done = await Payout.get(id=payout.id)
    assert (done.status, done.why) == (S.FAILED, "cancelled")
    assert bench.desk.paid(payout.reference) == 0
    assert [each for each in await find_violations() if each.violations] == []


async def test_a_message_of_alipay_makes_us_ask_and_what_came_back_is_the_agents(
    alipay_bench: PayoutBench,
) -> None:
    bench = alipay_bench
    slow = await sent(bench, Plan.SLOW)
    assert slow.status is S.ACCEPTED
    bench.gateway.transfers.move(slow.reference, "working", "paid")
    assert (await call(bench, slow)).outcome is Told.BOOKED
    assert (await Payout.get(id=slow.id)).status is S.SUCCEEDED
    bench.gateway.transfers.move(slow.reference, "paid", "returned")
    assert (await call(bench, slow)).outcome is Told.BOOKED
    assert (await Payout.get(id=slow.id)).status is S.RETURNED
    assert (await balances_of(slow.agent_id, make.CNY)).available.units == make.yuan(10)
    forged = await call(bench, slow, Fault.WRONG_SIGNATURE)
    assert (forged.outcome, forged.why) == (Told.REFUSED, "signature")
    refused = await sent(bench, Plan.NAME_WRONG)
    assert (refused.status, refused.why) == (S.FAILED, "name")
    assert [each for each in await find_violations() if each.violations] == []
