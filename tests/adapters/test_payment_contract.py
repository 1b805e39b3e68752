"""The payment port's contract, held for each vendor against a simulator of its protocol (row F1).

Three sentences matter more than all others: who says `Closed` or `NotFound` has no money, who says
`RefundRejected` has refunded nothing, and a callback that the vendor has not signed is none. The
simulator's own book is the judge.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.sandbox.protocol import Fault
from domain.kernel import clock
from domain.payments.ports import (
    Closed,
    Connection,
    Embedded,
    Forged,
    NotFound,
    Notice,
    NoticeState,
    Paid,
    Pending,
    QrCode,
    Redirect,
    RefundCompleted,
    RefundRejected,
    Refused,
    Started,
    Statement,
    StatementKind,
    Uncertain,
    Way,
    Why,
)
from tests.gateways import BENCHES, Bench, refund_of

ACTIONS = {
    Way.QR: QrCode,
    Way.PAGE: Redirect,
    Way.MOBILE_PAGE: Redirect,
    Way.IN_APP: Embedded,
}
NO_ANSWERS = (Fault.DROPPED, Fault.NO_ANSWER, Fault.SERVER_ERROR, Fault.HTML)
UNTRUE = (Fault.UNSIGNED, Fault.WRONG_SIGNATURE, Fault.UNKNOWN_STATE, Fault.OTHER_REFERENCE)


@pytest.fixture(scope="module", params=sorted(BENCHES))
async def started(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    with BENCHES[request.param]() as bench:
        yield bench
        await bench.client.close()


@pytest.fixture
def bench(started: Bench) -> Bench:
    started.gateway.faults.clear()
    return started


def only_where_answers_are_signed(bench: Bench, fault: Fault) -> None:
    if fault in (Fault.UNSIGNED, Fault.WRONG_SIGNATURE) and not bench.signs_answers:
        pytest.skip("TLS alone says whose the answers of this vendor are")


def unreachable(connection: Connection) -> Connection:
    return replace(connection, base_url="http://127.0.0.1:9", timeout_seconds=1)


# --- beginning ------------------------------------------------------------------------------------


async def test_each_way_begins_with_its_own_action(bench: Bench) -> None:
    for way in bench.ways:
        result = await bench.port.start(bench.connection, bench.order(way=way))
        assert isinstance(result, Started), way
        assert isinstance(result.action, ACTIONS[way])
    assert bench.port.capabilities.ways == set(bench.ways)


async def test_what_was_begun_is_pending_then_paid_with_the_vendors_own_figures(
    bench: Bench,
) -> None:
    order = bench.order(amount=100)  # one fen
    await bench.port.start(bench.connection, order)
    assert await bench.port.query(bench.connection, order.reference) == Pending()
    bench.gateway.pay(order.reference)
    paid = await bench.port.query(bench.connection, order.reference)
    assert isinstance(paid, Paid)
    assert (paid.amount, paid.currency) == (100, "CNY")
    assert paid.merchant == bench.connection.merchant
    assert paid.provider_id == bench.gateway.trades[order.reference].provider_id
    assert abs(clock.now() - paid.paid_at) < timedelta(minutes=1)


async def test_the_same_reference_again_is_the_same_payment(bench: Bench) -> None:
    order = bench.order()
    first = await bench.port.start(bench.connection, order)
    again = await bench.port.start(bench.connection, order)
    assert isinstance(first, Started)
    assert isinstance(again, Started)
    dearer = await bench.port.start(bench.connection, replace(order, amount=order.amount + 100))
    assert not isinstance(dearer, Started)
    assert bench.gateway.trades[order.reference].fen == order.amount // 100


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": 123_450}, Why.AMOUNT),  # half a fen
        ({"amount": 0}, Why.AMOUNT),
        ({"amount": -100}, Why.AMOUNT),
        ({"currency": "USD"}, Why.CURRENCY),
        ({"way": Way.IN_APP, "payer": ""}, Why.PAYER),
    ],
)
async def test_what_the_vendor_cannot_take_is_refused_before_it_is_asked(
    bench: Bench, changes: dict[str, object], why: Why
) -> None:
    before = len(bench.gateway.asked)
    if Way.IN_APP not in bench.ways and "payer" in changes:
        why = Why.WAY_UNKNOWN
    result = await bench.port.start(bench.connection, bench.order(**changes))
    assert isinstance(result, Refused)
    assert result.why is why
    assert len(bench.gateway.asked) == before


@pytest.mark.parametrize("fault", [*NO_ANSWERS, Fault.UNSIGNED, Fault.WRONG_SIGNATURE])
async def test_a_beginning_without_a_true_answer_is_uncertain(bench: Bench, fault: Fault) -> None:
    only_where_answers_are_signed(bench, fault)
    order = bench.order()
    bench.gateway.faults.append(fault)
    assert isinstance(await bench.port.start(bench.connection, order), Uncertain)
    begun = order.reference in bench.gateway.trades
    assert begun is (fault is not Fault.DROPPED)
    state = await bench.port.query(bench.connection, order.reference)
    assert state == (Pending() if begun else NotFound())


async def test_a_vendor_that_is_not_there_was_surely_not_reached(bench: Bench) -> None:
    away = unreachable(bench.connection)
    assert await bench.port.start(away, bench.order()) == Refused(Why.PROVIDER_DOWN, "ConnectError")
    order = await bench.paid()
    for answer in (
        await bench.port.query(away, order.reference),
        await bench.port.close(away, order.reference),
        await bench.port.refund(away, refund_of(order)),
        await bench.port.refund_query(away, refund_of(order)),
        await bench.port.statement(away, clock.now().date()),
    ):
        assert isinstance(answer, Uncertain)


# --- asking ---------------------------------------------------------------------------------------


async def test_what_was_never_begun_is_not_found(bench: Bench) -> None:
    assert await bench.port.query(bench.connection, bench.order().reference) == NotFound()


@pytest.mark.parametrize("fault", [*NO_ANSWERS, *UNTRUE])
async def test_an_answer_that_is_not_true_tells_nothing(bench: Bench, fault: Fault) -> None:
    only_where_answers_are_signed(bench, fault)
    order = await bench.paid()
    bench.gateway.faults.append(fault)
    assert isinstance(await bench.port.query(bench.connection, order.reference), Uncertain)
    assert isinstance(await bench.port.query(bench.connection, order.reference), Paid)


async def test_an_unsigned_not_found_is_not_believed(bench: Bench) -> None:
    only_where_answers_are_signed(bench, Fault.UNSIGNED)
    bench.gateway.faults.append(Fault.UNSIGNED)
    assert isinstance(await bench.port.query(bench.connection, bench.order().reference), Uncertain)


async def test_another_amount_is_told_as_it_is(bench: Bench) -> None:
    """The domain compares; an adapter that corrected it would hide it."""
    order = await bench.paid()
    bench.gateway.faults.append(Fault.OTHER_AMOUNT)
    paid = await bench.port.query(bench.connection, order.reference)
    assert isinstance(paid, Paid)
    assert paid.amount == order.amount + 100


# --- closing --------------------------------------------------------------------------------------


async def test_what_is_closed_can_be_paid_by_nobody(bench: Bench) -> None:
    order = bench.order()
    await bench.port.start(bench.connection, order)
    assert await bench.port.close(bench.connection, order.reference) == Closed()
    with pytest.raises(ValueError, match="nobody"):
        bench.gateway.pay(order.reference)
    assert await bench.port.query(bench.connection, order.reference) == Closed()
    assert await bench.port.close(bench.connection, order.reference) == Closed()


async def test_what_is_paid_is_not_closed(bench: Bench) -> None:
    order = await bench.paid()
    assert isinstance(await bench.port.close(bench.connection, order.reference), Paid)
    assert await bench.port.close(bench.connection, bench.order().reference) == NotFound()


@pytest.mark.parametrize("fault", [*NO_ANSWERS, Fault.UNSIGNED, Fault.WRONG_SIGNATURE])
async def test_a_closing_without_a_true_answer_is_uncertain(bench: Bench, fault: Fault) -> None:
    only_where_answers_are_signed(bench, fault)
    order = bench.order()
    await bench.port.start(bench.connection, order)
    bench.gateway.faults.append(fault)
    assert isinstance(await bench.port.close(bench.connection, order.reference), Uncertain)


# --- giving back ----------------------------------------------------------------------------------


async def test_a_refund_is_made_once_however_often_it_is_asked_for(bench: Bench) -> None:
    order = await bench.paid()
    refund = refund_of(order, 50_000)
    for _ in range(2):
        done = await bench.port.refund(bench.connection, refund)
        assert isinstance(done, RefundCompleted)
        assert done.amount == 50_000
    assert isinstance(await bench.port.refund_query(bench.connection, refund), RefundCompleted)
    assert bench.gateway.trades[order.reference].refunded == 500
    rest = await bench.port.refund(bench.connection, refund_of(order, 73_400))
    assert isinstance(rest, RefundCompleted)
    assert bench.gateway.trades[order.reference].refunded == 1_234


async def test_what_was_paid_and_refunded_is_still_paid(bench: Bench) -> None:
    order = await bench.paid()
    await bench.port.refund(bench.connection, refund_of(order))
    assert isinstance(await bench.port.query(bench.connection, order.reference), Paid)


async def test_more_than_was_paid_is_rejected_and_nothing_moves(bench: Bench) -> None:
    order = await bench.paid()
    await bench.port.refund(bench.connection, refund_of(order, 100_000))
    rejected = await bench.port.refund(bench.connection, refund_of(order, 100_000))
    assert isinstance(rejected, RefundRejected)
    assert bench.gateway.trades[order.reference].refunded == 1_000


async def test_a_merchant_without_money_hears_so(bench: Bench) -> None:
    order = await bench.paid()
    bench.gateway.balance_fen, before = 0, bench.gateway.balance_fen
    rejected = await bench.port.refund(bench.connection, refund_of(order))
    bench.gateway.balance_fen = before
    assert isinstance(rejected, RefundRejected)
    assert rejected.why is Why.BALANCE
    assert bench.gateway.trades[order.reference].refunded == 0


@pytest.mark.parametrize("fault", [*NO_ANSWERS, *UNTRUE, Fault.OTHER_AMOUNT])
async def test_a_refund_without_a_true_answer_is_never_called_rejected(
    bench: Bench, fault: Fault
) -> None:
    order = await bench.paid()
    refund = refund_of(order)
    bench.gateway.faults.append(fault)
    first = await bench.port.refund(bench.connection, refund)
    assert not isinstance(first, RefundRejected)
    done = await bench.port.refund_query(bench.connection, refund)
    made = bool(bench.gateway.trades[order.reference].refunds)
    assert isinstance(done, RefundCompleted if made else NotFound)
    assert not (made and fault is Fault.DROPPED)
    again = await bench.port.refund(bench.connection, refund)
    assert isinstance(again, RefundCompleted)
    assert bench.gateway.trades[order.reference].refunded == 1_234


async def test_a_refused_refund_that_cannot_be_asked_about_is_uncertain(bench: Bench) -> None:
    order = bench.order()
    await bench.port.start(bench.connection, order)
    bench.gateway.faults[:] = bench.unasked  # another amount does nothing here
    assert isinstance(await bench.port.refund(bench.connection, refund_of(order)), Uncertain)
    assert isinstance(await bench.port.refund(bench.connection, refund_of(order)), RefundRejected)


# --- being called back ----------------------------------------------------------------------------


async def test_a_true_callback_is_read(bench: Bench) -> None:
    order = await bench.paid()
    headers, body = bench.gateway.notice(order.reference)
    notice = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(notice, Notice)
    assert notice.state is NoticeState.PAID
    assert (notice.reference, notice.amount, notice.currency) == (
        order.reference,
        order.amount,
        "CNY",
    )
    assert notice.merchant == bench.connection.merchant
    assert notice.provider_id == bench.gateway.trades[order.reference].provider_id
    assert abs(clock.now() - notice.at) < timedelta(minutes=1)


async def test_a_callback_that_was_touched_is_forged(bench: Bench) -> None:
    order = await bench.paid()
    headers, body = bench.gateway.notice(order.reference)
    for place in range(0, len(body), max(1, len(body) // 40)):
        touched = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        result = await bench.port.parse_callback(bench.connection, headers, touched)
        assert isinstance(result, Forged), touched


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"{}", b"null", b"a=1&a=2", b"sign=&sign_type="]
)
async def test_rubbish_is_forged(bench: Bench, body: bytes) -> None:
    headers, _ = bench.gateway.notice((await bench.paid()).reference)
    for sent in (headers, {}):
        assert isinstance(await bench.port.parse_callback(bench.connection, sent, body), Forged)


async def test_a_callback_by_somebody_else_is_forged(bench: Bench) -> None:
    order = await bench.paid()
    headers, body = bench.gateway.notice(order.reference, Fault.WRONG_SIGNATURE)
    result = await bench.port.parse_callback(bench.connection, headers, body)
    assert result == Forged(Why.SIGNATURE)


async def test_a_callback_shows_its_age(bench: Bench) -> None:
    """A replayed one is true and old: the domain asks before it believes."""
    order = await bench.paid()
    headers, body = bench.gateway.notice(order.reference, Fault.STALE)
    notice = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(notice, Notice)
    age = (clock.now() - notice.at).total_seconds()
    assert age > bench.port.capabilities.callback_max_age_seconds


async def test_a_callback_of_another_merchant_or_amount_says_so(bench: Bench) -> None:
    order = await bench.paid()
    headers, body = bench.gateway.notice(order.reference, Fault.OTHER_MERCHANT)
    other = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(other, Forged) or other.merchant != bench.connection.merchant
    headers, body = bench.gateway.notice(order.reference, Fault.OTHER_AMOUNT)
    dearer = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(dearer, Notice)
    assert dearer.amount == order.amount + 100


async def test_a_callback_in_an_unknown_state_is_not_paid(bench: Bench) -> None:
    headers, body = bench.gateway.notice((await bench.paid()).reference, Fault.UNKNOWN_STATE)
    notice = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(notice, Notice)
    assert notice.state is NoticeState.OTHER


async def test_another_channels_key_does_not_open_it(bench: Bench) -> None:
    order = await bench.paid()
    with BENCHES[bench.name]() as other:
        headers, body = other.gateway.notice((await other.paid()).reference)
        await other.client.close()
    assert isinstance(await bench.port.parse_callback(bench.connection, headers, body), Forged)
    assert order.reference not in other.gateway.trades


# --- keys -----------------------------------------------------------------------------------------


async def test_a_new_merchant_key_works_beside_the_old_one_and_after_it(bench: Bench) -> None:
    with BENCHES[bench.name]() as own:
        order = await own.paid()
        renewed = own.new_key(own)
        for connection in (own.connection, renewed):
            assert isinstance(await own.port.query(connection, order.reference), Paid)
        own.revoke_old_keys(own)
        assert isinstance(await own.port.query(renewed, order.reference), Paid)
        refused = await own.port.start(own.connection, own.order())
        assert isinstance(refused, Refused)
        assert refused.why is Why.AUTH
        assert isinstance(await own.port.query(own.connection, order.reference), Uncertain)
        await own.client.close()


async def test_a_channel_that_is_not_filled_in_says_which_field_and_shows_no_key(
    bench: Bench,
) -> None:
    for name in bench.port.secret_names:
        hidden = {**bench.connection.secrets, name: "not-a-key-but-secret"}
        broken = replace(bench.connection, secrets=hidden)
        refused = await bench.port.start(broken, bench.order())
        assert refused == Refused(Why.NOT_CONFIGURED, name)
        assert isinstance(await bench.port.query(broken, "p123456"), Uncertain)
        assert isinstance(await bench.port.parse_callback(broken, {}, b""), Forged)


async def test_nothing_of_a_key_is_in_a_repr(bench: Bench) -> None:
    shown = repr(bench.connection) + repr(bench.port) + repr(vars(bench.port))
    for secret in bench.connection.secrets.values():
        assert secret.strip()[40:80] not in shown if len(secret) > 80 else secret not in shown


# --- statements -----------------------------------------------------------------------------------


async def test_a_statement_lists_what_was_paid_and_given_back(bench: Bench) -> None:
    order = await bench.paid()
    refund = refund_of(order, 50_000)
    await bench.port.refund(bench.connection, refund)
    day = (clock.now() + bench.day_begins).date()  # as the vendor counts days
    statement = await bench.port.statement(bench.connection, day)
    assert isinstance(statement, Statement)
    ours = [row for row in statement.rows if row.reference == order.reference]
    assert ours == [row for row in statement.rows if row.reference == order.reference]
    assert [(row.kind, row.amount, row.refund_reference) for row in ours] == [
        (StatementKind.PAYMENT, 123_400, ""),
        (StatementKind.REFUND, 50_000, refund.refund_reference),
    ]
    assert tuple(row.fee for row in ours) == bench.fees
    assert ours[0].provider_id == bench.gateway.trades[order.reference].provider_id


async def test_a_day_to_come_has_no_statement_and_an_old_one_is_empty(bench: Bench) -> None:
    tomorrow = (clock.now() + bench.day_begins).date() + timedelta(days=1)
    refused = await bench.port.statement(bench.connection, tomorrow)
    assert isinstance(refused, Refused)
    assert refused.why is Why.NOT_READY
    past = tomorrow - timedelta(days=9)
    empty = await bench.port.statement(bench.connection, past)
    assert isinstance(empty, Statement)
    assert (empty.day, list(empty.rows)) == (past, [])


async def test_two_at_once_do_not_disturb_each_other(bench: Bench) -> None:
    orders = [bench.order(amount=100 * (n + 1)) for n in range(5)]
    await asyncio.gather(*(bench.port.start(bench.connection, order) for order in orders))
    for order in orders:
        assert bench.gateway.trades[order.reference].fen == order.amount // 100
