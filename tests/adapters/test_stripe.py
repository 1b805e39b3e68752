"""What only Stripe has: sessions that are looked for, signatures with a time, keys used once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from adapters.payments import stripe
from adapters.payments.stripe_wire import born_at, config_of, signed_at
from adapters.sandbox.protocol import Asked
from domain.kernel import clock, new_id
from domain.payments.ports import (
    Closed,
    Forged,
    NotFound,
    Notice,
    NoticeState,
    Paid,
    Pending,
    Redirect,
    RefundAccepted,
    RefundCompleted,
    RefundRejected,
    Refused,
    Started,
    Uncertain,
    Why,
)
from tests.gateways import Bench, refund_of, stripe_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    with stripe_bench() as bench:
        yield bench
        await bench.client.close()


def remembered(bench: Bench) -> list[Asked]:
    """All requests from now on, as they came in."""
    seen: list[Asked] = []
    answer = bench.gateway.answer

    def remembering(asked: Asked) -> object:
        seen.append(asked)
        return answer(asked)

    bench.gateway.answer = remembering
    return seen


async def test_a_session_says_what_is_paid_and_where_to_go_back(bench: Bench) -> None:
    seen = remembered(bench)
    order = bench.order()
    started = await bench.port.start(bench.connection, order)
    assert isinstance(started, Started)
    assert isinstance(started.action, Redirect)
    (asked,) = seen
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    assert form["line_items[0][price_data][unit_amount]"] == "1234"
    assert form["line_items[0][price_data][currency]"] == "cny"
    assert form["success_url"] == form["cancel_url"] == order.return_url
    assert form["client_reference_id"] == order.reference == asked.headers["idempotency-key"]
    end = datetime.fromtimestamp(int(form["expires_at"]), UTC)
    assert end - clock.now() > timedelta(minutes=30)
    again = await bench.port.start(bench.connection, order)
    assert again == started
    assert seen[1].body == asked.body, "the same key with other words would be refused"


async def test_without_an_address_to_go_back_to_the_channels_own_is_used(bench: Bench) -> None:
    seen = remembered(bench)
    await bench.port.start(bench.connection, bench.order(return_url=""))
    assert parse_qs(seen[0].body.decode())["success_url"] == ["https://shop.example/"]
    nowhere = replace(bench.connection, settings={"return_url": ""})
    refused = await bench.port.start(nowhere, bench.order(return_url=""))
    assert isinstance(refused, Refused)


async def test_a_session_is_found_behind_many_others(bench: Bench) -> None:
    bench.gateway.page_rows = 3
    order = await bench.paid()
    for _ in range(10):
        await bench.port.start(bench.connection, bench.order())
    assert isinstance(await bench.port.query(bench.connection, order.reference), Paid)
    assert await bench.port.query(bench.connection, bench.order().reference) == NotFound()


async def test_a_list_that_was_not_read_to_its_end_is_no_not_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.gateway.page_rows = 1
    monkeypatch.setattr(stripe, "MOST_PAGES", 3)
    for _ in range(4):
        await bench.port.start(bench.connection, bench.order())
    unknown = await bench.port.query(bench.connection, bench.order().reference)
    assert unknown == Uncertain(Why.UNKNOWN, "list_too_long")


async def test_our_own_references_are_looked_for_where_they_were_born(bench: Bench) -> None:
    reference = new_id().hex
    born = born_at(reference)
    assert born is not None
    assert abs(clock.now() - born) < timedelta(seconds=5)
    order = bench.order(reference=reference)
    await bench.port.start(bench.connection, order)
    seen = remembered(bench)
    assert await bench.port.query(bench.connection, reference) == Pending()
    (asked,) = seen
    since = int(parse_qs(asked.path.partition("?")[2])["created[gte]"][0])
    assert since == int((born - timedelta(minutes=5)).timestamp())
    # What is not there is looked for in all of its life before it is called missing.
    assert await bench.port.query(bench.connection, new_id().hex) == NotFound()
    assert len(seen) == 3


@pytest.mark.parametrize("reference", ["", "p" * 31, "f" * 12 + "7" + "0" * 19, "z" * 32])
def test_others_tell_no_time(reference: str) -> None:
    assert born_at(reference) is None


async def test_a_session_of_two_references_or_another_merchant_tells_nothing(
    bench: Bench,
) -> None:
    order = await bench.paid()
    other = replace(bench.connection, merchant="acct_other")
    state = await bench.port.query(other, order.reference)
    assert state == Uncertain(detail="other_merchant")


@pytest.mark.parametrize(("status", "expected"), [("open", Pending), ("complete", Pending)])
async def test_what_is_not_paid_yet_is_pending(bench: Bench, status: str, expected: type) -> None:
    """A bank transfer: the session is complete, and the money still on its way."""
    order = bench.order()
    await bench.port.start(bench.connection, order)
    shown = bench.gateway._session
    bench.gateway._session = lambda trade, *, expand: {
        **shown(trade, expand=expand),
        "status": status,
    }
    assert isinstance(await bench.port.query(bench.connection, order.reference), expected)
    bench.gateway._session = shown
    assert await bench.port.close(bench.connection, order.reference) == Closed()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("succeeded", RefundCompleted),
        ("pending", RefundAccepted),
        ("requires_action", RefundAccepted),
        ("failed", RefundRejected),
        ("canceled", RefundRejected),
        ("looking", Uncertain),
    ],
)
async def test_a_refund_is_what_stripe_says_of_it(
    bench: Bench, status: str, expected: type
) -> None:
    order = await bench.paid()
    refund = refund_of(order)
    shown = bench.gateway._refund_shown
    bench.gateway._refund_shown = lambda trade, number: {**shown(trade, number), "status": status}
    assert isinstance(await bench.port.refund(bench.connection, refund), expected)
    assert isinstance(await bench.port.refund_query(bench.connection, refund), expected)


async def test_a_refunds_callback_names_the_refund(bench: Bench) -> None:
    order = await bench.paid()
    refund = refund_of(order)
    await bench.port.refund(bench.connection, refund)
    told = bench.gateway.refund_notice(order.reference, refund.refund_reference)
    notice = await bench.port.parse_callback(bench.connection, *told)
    assert isinstance(notice, Notice)
    assert notice.state is NoticeState.REFUNDED
    assert (notice.reference, notice.refund_reference) == (order.reference, refund.refund_reference)


async def test_both_secrets_count_while_they_are_rolled(bench: Bench) -> None:
    headers, body = bench.gateway.notice((await bench.paid()).reference)
    old = bench.connection.secrets["webhook_secret"]
    for both in (f"whsec_new,{old}", f"{old} whsec_new"):
        secrets = {**bench.connection.secrets, "webhook_secret": both}
        rolled = replace(bench.connection, secrets=secrets)
        assert isinstance(await bench.port.parse_callback(rolled, headers, body), Notice)
    secrets = {**bench.connection.secrets, "webhook_secret": "whsec_new"}
    gone = replace(bench.connection, secrets=secrets)
    assert await bench.port.parse_callback(gone, headers, body) == Forged(Why.SIGNATURE)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.replace("v1=", "v0="),
        lambda said: said.partition(",")[2],  # without its time
        lambda said: said.replace("t=", "t=1,t="),
        lambda said: said.replace("t=", "t=0"),
        lambda said: said.replace("t=", "t=-"),
        lambda said: "",
        lambda said: ",".join(["v1=0"] * 40 + [said]),
    ],
)
async def test_a_signature_that_is_not_as_agreed_is_none(bench: Bench, change: object) -> None:
    headers, body = bench.gateway.notice((await bench.paid()).reference)
    config = config_of(bench.connection)
    assert signed_at(config, headers, body) is not None
    assert callable(change)
    headers["stripe-signature"] = change(headers["stripe-signature"])
    assert signed_at(config, headers, body) is None


async def test_events_that_we_do_not_act_on_are_noted(bench: Bench) -> None:
    order = bench.order()
    await bench.port.start(bench.connection, order)
    session = bench.gateway._session(bench.gateway.trades[order.reference], expand=False)
    for event, state in (
        ("checkout.session.expired", NoticeState.CLOSED),
        ("checkout.session.completed", NoticeState.OTHER),  # complete, and not paid yet
        ("charge.succeeded", NoticeState.OTHER),
    ):
        told = bench.gateway._callback(event, session, None)
        notice = await bench.port.parse_callback(bench.connection, *told)
        assert isinstance(notice, Notice)
        assert notice.state is state


@pytest.mark.parametrize(
    "event", ["charge.succeeded", "checkout.session.completed", "refund.updated"]
)
async def test_events_of_other_software_on_the_account_are_about_nothing_of_ours(
    bench: Bench, event: str
) -> None:
    session = bench.gateway._session(
        bench.gateway.trades[(await bench.paid()).reference], expand=False
    )
    foreign = {**session, "metadata": {}, "client_reference_id": "theirs"}
    told = bench.gateway._callback(event, foreign, None)
    notice = await bench.port.parse_callback(bench.connection, *told)
    assert isinstance(notice, Notice)
    assert (notice.state, notice.reference, notice.merchant) == (NoticeState.OTHER, "", "")
