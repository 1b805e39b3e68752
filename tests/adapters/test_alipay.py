"""What only Alipay has: pages that we sign, trades that begin with the buyer, forms called back."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2 as httpx
import orjson
import pytest

from adapters.payments.alipay_bill import rows_of
from adapters.sandbox.protocol import BEIJING, Answered, Asked, Fault, make_key, public_pem
from domain.bulk import Unreadable
from domain.kernel import clock
from domain.payments.ports import (
    Embedded,
    Forged,
    NotFound,
    Notice,
    NoticeState,
    Paid,
    Pending,
    QrCode,
    Redirect,
    Refused,
    Started,
    Uncertain,
    Way,
    Why,
)
from tests.gateways import Bench, alipay_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    with alipay_bench() as bench:
        yield bench
        await bench.client.close()


@pytest.mark.parametrize("way", [Way.PAGE, Way.MOBILE_PAGE])
async def test_a_page_is_an_address_that_alipay_takes_from_the_buyers_browser(
    bench: Bench, way: Way
) -> None:
    order = bench.order(way=way)
    result = await bench.port.start(bench.connection, order)
    assert isinstance(result, Started)
    assert isinstance(result.action, Redirect)
    assert bench.gateway.asked == []
    assert await bench.port.query(bench.connection, order.reference) == NotFound()
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(result.action.url)).status_code == 200
    assert await bench.port.query(bench.connection, order.reference) == Pending()
    bench.gateway.pay(order.reference)
    assert isinstance(await bench.port.query(bench.connection, order.reference), Paid)
    told = bench.gateway.forms[1]
    assert (told["return_url"], told["notify_url"]) == (
        order.return_url,
        bench.connection.notify_url,
    )


async def test_a_page_whose_amount_was_changed_on_the_way_makes_no_trade(bench: Bench) -> None:
    order = bench.order(way=Way.PAGE)
    result = await bench.port.start(bench.connection, order)
    assert isinstance(result, Started)
    assert isinstance(result.action, Redirect)
    async with httpx.AsyncClient() as browser:
        await browser.get(result.action.url.replace("12.34", "00.01"))
    assert bench.gateway.trades == {}


async def test_a_code_begins_a_trade_when_it_is_scanned_and_not_after_its_time(
    bench: Bench,
) -> None:
    order = bench.order(way=Way.QR, expires_at=clock.now() - timedelta(seconds=1))
    result = await bench.port.start(bench.connection, order)
    assert isinstance(result, Started)
    assert isinstance(result.action, QrCode)
    assert await bench.port.query(bench.connection, order.reference) == NotFound()
    bench.gateway.open(order.reference)
    with pytest.raises(ValueError, match="nobody"):
        bench.gateway.pay(order.reference)


@pytest.mark.parametrize(
    ("payer", "name"), [("2088102146225135", "buyer_id"), ("074a1CcTG1Lelx", "buyer_open_id")]
)
async def test_the_mini_program_gets_the_trades_number(bench: Bench, payer: str, name: str) -> None:
    order = bench.order(way=Way.IN_APP, payer=payer)
    result = await bench.port.start(bench.connection, order)
    assert isinstance(result, Started)
    assert isinstance(result.action, Embedded)
    trade = bench.gateway.trades[order.reference]
    assert result.action.parameters == {"tradeNO": trade.provider_id}
    content = orjson.loads(bench.gateway.forms[0]["biz_content"])
    assert content[name] == payer
    assert content["total_amount"] == "12.34"
    assert content["op_app_id"] == bench.connection.merchant


@pytest.mark.parametrize("split", ["true", ""])
async def test_money_is_kept_for_sharing_only_where_the_channel_says_so(
    bench: Bench, split: str
) -> None:
    settings = {**bench.connection.settings, "profit_sharing": split}
    await bench.port.start(replace(bench.connection, settings=settings), bench.order())
    content = orjson.loads(bench.gateway.forms[0]["biz_content"])
    assert content.get("extend_params") == ({"royalty_freeze": "true"} if split else None)


async def test_times_are_told_in_beijing_wherever_the_server_stands(bench: Bench) -> None:
    order = bench.order()
    await bench.port.start(bench.connection, order)
    trade = bench.gateway.trades[order.reference]
    assert abs(trade.expires_at - order.expires_at) < timedelta(seconds=1)


async def test_alipays_own_key_can_be_changed_while_both_are_filled_in(bench: Bench) -> None:
    order = await bench.paid()
    old, new = bench.gateway.own_key, make_key()
    both = public_pem(new) + public_pem(old)
    settings = {**bench.connection.settings, "alipay_public_keys": both}
    connection = replace(bench.connection, settings=settings)
    for key in (old, new):
        bench.gateway.own_key = key
        assert isinstance(await bench.port.query(connection, order.reference), Paid)
        told = bench.gateway.notice(order.reference)
        assert isinstance(await bench.port.parse_callback(connection, *told), Notice)
    result = await bench.port.query(bench.connection, order.reference)
    assert result == Uncertain(Why.SIGNATURE)


async def test_a_callback_for_another_seller_is_forged_though_signed(bench: Bench) -> None:
    order = await bench.paid()
    told = bench.gateway.notice(order.reference, seller_id="2088000000000000")
    result = await bench.port.parse_callback(bench.connection, *told)
    assert result == Forged(Why.UNKNOWN, "other_seller")


async def test_the_weaker_signature_is_not_taken(bench: Bench) -> None:
    headers, body = bench.gateway.notice((await bench.paid()).reference)
    weaker = body.replace(b"sign_type=RSA2", b"sign_type=RSA")
    result = await bench.port.parse_callback(bench.connection, headers, weaker)
    assert isinstance(result, Forged)


async def test_a_field_that_is_there_twice_is_forged(bench: Bench) -> None:
    headers, body = bench.gateway.notice((await bench.paid()).reference)
    for more in (b"&total_amount=12.34", b"&total_amount=99.00", b"&sign=x", b"&new=1"):
        result = await bench.port.parse_callback(bench.connection, headers, body + more)
        assert isinstance(result, Forged)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"trade_status": "TRADE_FINISHED"}, NoticeState.PAID),
        ({"trade_status": "WAIT_BUYER_PAY"}, NoticeState.OTHER),
        ({"trade_status": "TRADE_CLOSED"}, NoticeState.CLOSED),
        (
            {
                "trade_status": "TRADE_CLOSED",
                "gmt_refund": "2026-11-26 10:00:00",
                "out_biz_no": "r1",
            },
            NoticeState.REFUNDED,
        ),
        ({"gmt_refund": "2026-11-26 10:00:00", "out_biz_no": "r1"}, NoticeState.REFUNDED),
    ],
)
async def test_a_callback_says_what_its_state_means(
    bench: Bench, changes: dict[str, str], state: NoticeState
) -> None:
    order = await bench.paid()
    notice = await bench.port.parse_callback(
        bench.connection, *bench.gateway.notice(order.reference, **changes)
    )
    assert isinstance(notice, Notice)
    assert notice.state is state
    assert notice.refund_reference == changes.get("out_biz_no", "")


async def test_an_amount_that_is_none_makes_a_callback_unreadable(bench: Bench) -> None:
    order = await bench.paid()
    for amount in ("", "NaN", "1e999999", "12.34567", "a"):
        told = bench.gateway.notice(order.reference, total_amount=amount)
        result = await bench.port.parse_callback(bench.connection, *told)
        assert result == Forged(Why.UNREADABLE)


async def test_what_stands_beside_the_signed_part_is_not_believed(bench: Bench) -> None:
    """The object is read from the letters that were signed, and from nowhere else."""
    order = bench.order()
    await bench.port.start(bench.connection, order)
    true = bench.gateway.answer
    name = b'"alipay_trade_query_response":'
    ours = order.reference.encode()
    lie = b'{"code":"10000","trade_status":"TRADE_CLOSED","out_trade_no":"%s"}' % ours

    lies = [name + lie + b",", b'"other":{' + name + lie + b"},"]

    def answer(asked: Asked) -> Answered:
        answered: Answered = true(asked)
        return replace(answered, body=answered.body.replace(b"{", b"{" + lies.pop(), 1))

    bench.gateway.answer = answer
    for _ in range(2):
        result = await bench.port.query(bench.connection, order.reference)
        assert result == Uncertain(Why.SIGNATURE)
    assert lies == []


async def test_a_bill_at_somebody_elses_address_is_not_fetched(bench: Bench) -> None:
    day = clock.now().astimezone(BEIJING).date()
    for there in (
        "https://example.org",
        "https://alipay.com.example.org",
        "https://u@x.alipay.com",
    ):
        bench.gateway.bill_host = there
        result = await bench.port.statement(bench.connection, day)
        assert result == Uncertain(Why.UNREADABLE)


def test_a_bill_that_is_cut_off_is_not_read(bench: Bench) -> None:
    whole = bench.gateway._archive()
    assert list(rows_of(BytesIO(whole))) == []
    for broken in (b"", b"PK", whole[: len(whole) // 2]):
        with pytest.raises(Unreadable):
            list(rows_of(BytesIO(broken)))


async def test_a_door_that_refuses_our_signature_is_a_sure_no_to_a_beginning_only(
    bench: Bench,
) -> None:
    bench.gateway.app_keys.clear()
    started = await bench.port.start(bench.connection, bench.order())
    assert started == Refused(Why.AUTH, "isv.invalid-signature")
    assert isinstance(await bench.port.query(bench.connection, "p123456"), Uncertain)


async def test_an_old_callback_shows_its_age_by_the_time_that_alipay_wrote(bench: Bench) -> None:
    order = await bench.paid()
    headers, body = bench.gateway.notice(order.reference, Fault.STALE)
    notice = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(notice, Notice)
    assert clock.now() - notice.at > timedelta(minutes=29)
    form = dict(parse_qsl(body.decode())) | {"notify_time": "2099-01-01 00:00:00"}
    renewed = urlencode(form).encode()
    assert isinstance(await bench.port.parse_callback(bench.connection, headers, renewed), Forged)
    assert urlsplit(bench.connection.base_url).path == "/gateway.do"
