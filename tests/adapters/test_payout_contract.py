"""The payout port's contract, held for each channel against a simulator of its protocol (row H3).

Two sentences matter more than all others: who says `Rejected` has paid nothing and never will under
that reference, and whatever is lost on the way, one reference is paid once. The simulator's own
book is the judge.
"""

import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.sandbox.transfer_book import Plan
from domain.payouts.ports import (
    Accepted,
    NotFound,
    Paid,
    PayoutOrder,
    QueryResult,
    Rejected,
    Returned,
    Uncertain,
    Why,
)
from tests.payout_benches import BENCHES, PayoutBench

TRIES = int(os.environ.get("PAYOUT_TRIES", "30"))
MOST_LOOKS = 12


@pytest.fixture(scope="module", params=sorted(BENCHES))
async def started(request: pytest.FixtureRequest, simulator: str) -> AsyncIterator[PayoutBench]:
    with BENCHES[request.param](simulator) as bench:
        await bench.port.query(bench.connection, bench.order())  # keys are fetched, so that faults
        yield bench  # spoil what they are meant to spoil
        await bench.client.close()


@pytest.fixture
def bench(started: PayoutBench) -> PayoutBench:
    if started.gateway is not None:
        started.gateway.faults.clear()
        started.gateway.transfers.plans.clear()
    return started


async def submitted(bench: PayoutBench, order: PayoutOrder) -> QueryResult:
    return await bench.port.submit(bench.connection, order)


async def looked(bench: PayoutBench, order: PayoutOrder) -> QueryResult:
    return await bench.port.query(bench.connection, order)


async def test_what_is_sent_is_paid_and_found_again(bench: PayoutBench) -> None:
    order = bench.order()
    told = await submitted(bench, order)
    assert isinstance(told, Paid)
    found = await looked(bench, order)
    assert isinstance(found, Paid)
    assert found.provider_id == told.provider_id
    assert bench.desk.paid(order.reference) == 1


async def test_the_same_reference_again_is_the_same_payout(bench: PayoutBench) -> None:
    order = bench.order()
    first = await submitted(bench, order)
    assert await submitted(bench, order) == first
    assert bench.desk.paid(order.reference) == 1


async def test_the_same_reference_with_another_amount_pays_nothing_more(bench: PayoutBench) -> None:
    order = bench.order()
    await submitted(bench, order)
    told = await submitted(bench, replace(order, amount=order.amount * 2))
    assert told == Uncertain(Why.REFERENCE_USED, told.detail if isinstance(told, Uncertain) else "")
    assert bench.desk.paid(order.reference) == 1


async def test_what_got_lost_after_it_was_paid_is_found(bench: PayoutBench) -> None:
    order = bench.order()
    bench.desk.lose_answer()
    assert isinstance(await submitted(bench, order), Uncertain)
    assert isinstance(await looked(bench, order), Paid)
    assert bench.desk.paid(order.reference) == 1


async def test_what_never_arrived_is_not_found_and_may_be_sent_again(bench: PayoutBench) -> None:
    order = bench.order()
    bench.desk.lose_request()
    assert isinstance(await submitted(bench, order), Uncertain)
    assert await looked(bench, order) == NotFound()
    assert isinstance(await submitted(bench, order), Paid)
    assert bench.desk.paid(order.reference) == 1


async def test_an_answer_that_is_none_says_nothing(bench: PayoutBench) -> None:
    order = bench.order()
    bench.desk.garble()
    assert isinstance(await submitted(bench, order), Uncertain)
    assert isinstance(await looked(bench, order), Paid)


async def test_what_is_worked_on_is_accepted_until_it_is_done(bench: PayoutBench) -> None:
    order = bench.order()
    bench.desk.plan(Plan.SLOW)
    assert isinstance(await submitted(bench, order), Accepted)
    seen = [await looked(bench, order) for _ in range(3)]
    assert isinstance(seen[-1], Paid)
    assert all(isinstance(each, Accepted | Paid) for each in seen)


async def test_what_is_not_found_for_a_while_was_paid_all_the_same(bench: PayoutBench) -> None:
    order = bench.order()
    bench.desk.plan(Plan.HIDDEN)
    await submitted(bench, order)
    seen = [await looked(bench, order) for _ in range(3)]
    assert seen[0] == NotFound()
    assert isinstance(seen[-1], Paid)
    again = await submitted(bench, order)
    assert isinstance(again, Paid)
    assert bench.desk.paid(order.reference) == 1


async def test_who_is_rejected_has_nothing_and_never_will(bench: PayoutBench) -> None:
    order = bench.order()
    bench.desk.plan(Plan.NO_ACCOUNT)
    told = await submitted(bench, order)
    assert (type(told), getattr(told, "why", None)) == (Rejected, Why.RECEIVER)
    again = await submitted(bench, order)
    assert isinstance(again, Rejected)
    assert bench.desk.paid(order.reference) == 0


async def test_a_receiver_confirms_with_what_was_handed_over(bench: PayoutBench) -> None:
    if not bench.port.capabilities.cancel:
        pytest.skip("nobody confirms there")
    order = bench.order()
    bench.desk.plan(Plan.WAITING)
    told = await submitted(bench, order)
    assert isinstance(told, Accepted)
    assert told.waits
    assert told.action
    assert not any(value in repr(told) for value in told.action.values() if len(value) > 20)
    bench.desk.confirm(order.reference)
    assert isinstance(await looked(bench, order), Paid)
    cancelled = await bench.port.cancel(bench.connection, order)
    assert isinstance(cancelled, Paid)  # too late, and it says so


async def test_what_waits_is_let_go_and_pays_nothing(bench: PayoutBench) -> None:
    if not bench.port.capabilities.cancel:
        pytest.skip("nobody confirms there")
    order = bench.order()
    bench.desk.plan(Plan.WAITING)
    await submitted(bench, order)
    told = await bench.port.cancel(bench.connection, order)
    assert isinstance(told, Rejected)
    assert told.why is Why.CANCELLED
    assert bench.desk.paid(order.reference) == 0


async def test_nobody_there_is_uncertain(bench: PayoutBench) -> None:
    nowhere = replace(bench.connection, base_url="http://127.0.0.1:9", timeout_seconds=1)
    for deed in (bench.port.submit, bench.port.query, bench.port.cancel):
        assert isinstance(await deed(nowhere, bench.order()), Uncertain)


async def test_keys_that_are_none_end_no_payout(bench: PayoutBench) -> None:
    wrong = replace(bench.connection, secrets=dict.fromkeys(bench.port.secret_names, "no-such-key"))
    order = bench.order()
    for deed in (bench.port.submit, bench.port.query):
        assert isinstance(await deed(wrong, order), Uncertain)
    assert bench.desk.paid(order.reference) == 0


async def test_no_repr_shows_an_account_or_a_key(bench: PayoutBench) -> None:
    shown = repr(bench.order()) + repr(bench.connection)
    for hidden in (bench.account, "王小明", *bench.connection.secrets.values()):
        assert hidden not in shown


async def test_many_that_are_lost_anyhow_are_paid_once_each(bench: PayoutBench) -> None:
    """2,000 with `PAYOUT_TRIES=2000`: answers lost after the money left, requests lost before."""
    seed = random.Random(11)
    orders = [bench.order() for _ in range(TRIES)]
    lost = 0
    for order in orders:
        how = seed.choice([bench.desk.lose_answer] * 3 + [bench.desk.lose_request])
        how()
        told: QueryResult = await submitted(bench, order)
        lost += isinstance(told, Uncertain)
        for _ in range(MOST_LOOKS):
            if isinstance(told, Paid):
                break
            told = await looked(bench, order)
            if told == NotFound():
                told = await submitted(bench, order)
        assert isinstance(told, Paid)
    assert lost == TRIES
    assert [bench.desk.paid(order.reference) for order in orders] == [1] * TRIES


async def test_what_comes_back_is_told_as_that(bench: PayoutBench) -> None:
    if bench.name == "wechat":
        pytest.skip("WeChat Pay's transfers do not come back")
    order = bench.order()
    bench.desk.plan(Plan.RETURNED)
    await submitted(bench, order)
    assert isinstance(await looked(bench, order), Returned)
