"""What only WeChat Pay has: platform certificates that change, public keys, encrypted callbacks."""

import gzip
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.payments.wechat import WechatPay
from adapters.payments.wechat_bill import rows_of
from adapters.sandbox.protocol import (
    BEIJING,
    Asked,
    Fault,
    Trade,
    is_signed,
    make_certificate,
    make_key,
    public_pem,
    sign,
)
from adapters.sandbox.wechat_bill_file import bill_of
from adapters.sandbox.wechat_gateway import WechatGateway
from domain.bulk import Unreadable
from domain.kernel import clock
from domain.payments.ports import (
    Connection,
    Embedded,
    Forged,
    Notice,
    NoticeState,
    Paid,
    Pending,
    Redirect,
    RefundAccepted,
    RefundCompleted,
    RefundRejected,
    Started,
    Uncertain,
    Way,
    Why,
)
from tests.gateways import Bench, refund_of, wechat_bench

CERTIFICATES = "GET /v3/certificates"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    with wechat_bench() as bench:
        yield bench
        await bench.client.close()


def with_public_key(bench: Bench, *names: str) -> tuple[Connection, dict[str, Any]]:
    """The channel in public-key mode, and the keys by their names."""
    keys = {name: make_key() for name in names}
    settings = {
        **bench.connection.settings,
        "public_key_ids": ",".join(names),
        "public_keys": "\n".join(public_pem(key) for key in keys.values()),
    }
    return replace(bench.connection, settings=settings), keys


def sign_with(gateway: WechatGateway, name: str, key: Any) -> None:
    gateway.public_key_id = name
    gateway.platform[0] = (make_certificate(key), key)


async def test_a_changed_platform_certificate_is_fetched_when_it_is_first_met(
    bench: Bench,
) -> None:
    order = await bench.paid()
    asked = bench.gateway.asked.count(CERTIFICATES)
    assert asked == 1
    bench.gateway.change_certificate()
    headers, body = bench.gateway.notice(order.reference)
    notice = await bench.port.parse_callback(bench.connection, headers, body)
    assert isinstance(notice, Notice)
    assert bench.gateway.asked.count(CERTIFICATES) == asked + 1
    assert isinstance(await bench.port.query(bench.connection, order.reference), Paid)
    assert bench.gateway.asked.count(CERTIFICATES) == asked + 1


async def test_what_the_old_certificate_signed_still_counts_while_it_is_listed(
    bench: Bench,
) -> None:
    order = await bench.paid()
    old = bench.gateway.notice(order.reference)
    bench.gateway.change_certificate()
    assert isinstance(await bench.port.query(bench.connection, order.reference), Paid)
    assert isinstance(await bench.port.parse_callback(bench.connection, *old), Notice)
    bench.gateway.change_certificate(retire_old=True)
    assert isinstance(await bench.port.query(bench.connection, order.reference), Paid)
    forged = await bench.port.parse_callback(bench.connection, *old)
    assert forged == Forged(Why.CERTIFICATE)


async def test_an_ended_certificate_signs_nothing(bench: Bench) -> None:
    order = await bench.paid()
    bench.gateway.change_certificate(days=-1)
    result = await bench.port.query(bench.connection, order.reference)
    assert isinstance(result, Uncertain)
    assert result.why is Why.CERTIFICATE


async def test_serial_numbers_of_anybody_do_not_make_us_ask_again_and_again(bench: Bench) -> None:
    order = await bench.paid()
    patient = WechatPay(bench.client, refresh_seconds=60)
    assert isinstance(await patient.query(bench.connection, order.reference), Paid)
    asked = bench.gateway.asked.count(CERTIFICATES)
    headers, body = bench.gateway.notice(order.reference)
    for number in range(5):
        unknown = {**headers, "wechatpay-serial": f"{number + 1:X}"}
        forged = await patient.parse_callback(bench.connection, unknown, body)
        assert forged == Forged(Why.CERTIFICATE)
    assert bench.gateway.asked.count(CERTIFICATES) == asked
    unknown = {**headers, "wechatpay-serial": "no number"}
    assert isinstance(await bench.port.parse_callback(bench.connection, unknown, body), Forged)


async def test_certificates_that_none_of_them_has_signed_are_not_taken(bench: Bench) -> None:
    """The API v3 key alone opens them; somebody who has only that must not become WeChat Pay."""
    gateway = bench.gateway
    certificate, _ = gateway.platform[0]
    gateway.platform[0] = (certificate, make_key())  # signs with a key that is not in it
    result = await bench.port.start(bench.connection, bench.order())
    assert result == Uncertain(Why.CERTIFICATE, "http_200")


async def test_public_keys_are_told_apart_by_their_ids_while_one_follows_the_other(
    bench: Bench,
) -> None:
    connection, keys = with_public_key(bench, "PUB_KEY_ID_2", "PUB_KEY_ID_1")
    order = bench.order()
    for name, key in keys.items():
        sign_with(bench.gateway, name, key)
        assert isinstance(await bench.port.start(connection, order), Started)
        assert await bench.port.query(connection, order.reference) == Pending()
    sign_with(bench.gateway, "PUB_KEY_ID_1", keys["PUB_KEY_ID_2"])
    assert isinstance(await bench.port.query(connection, order.reference), Uncertain)
    sign_with(bench.gateway, "PUB_KEY_ID_3", keys["PUB_KEY_ID_2"])
    assert isinstance(await bench.port.query(connection, order.reference), Uncertain)
    assert CERTIFICATES not in bench.gateway.asked


async def test_ids_without_their_keys_are_a_fault_of_the_settings(bench: Bench) -> None:
    connection, _ = with_public_key(bench, "PUB_KEY_ID_1")
    for wrong in ({"public_key_ids": ""}, {"public_keys": ""}, {"public_keys": "PEM"}):
        broken = replace(connection, settings={**connection.settings, **wrong})
        result = await bench.port.query(broken, "p123456")
        assert result == Uncertain(Why.NOT_CONFIGURED, "public_keys")


async def test_the_mini_program_gets_parameters_that_the_merchant_has_signed(bench: Bench) -> None:
    result = await bench.port.start(bench.connection, bench.order(way=Way.IN_APP, payer="openid"))
    assert isinstance(result, Started)
    assert isinstance(result.action, Embedded)
    told = result.action.parameters
    assert set(told) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    text = "".join(f"{told[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package"))
    (key,) = bench.gateway.merchant_keys.values()
    assert is_signed(key, text, told["paySign"])
    assert told["package"].startswith("prepay_id=wx")
    assert told["paySign"] not in repr(result)


async def test_the_mobile_page_leads_back_to_the_order(bench: Bench) -> None:
    order = bench.order(way=Way.MOBILE_PAGE)
    result = await bench.port.start(bench.connection, order)
    assert isinstance(result, Started)
    assert isinstance(result.action, Redirect)
    assert parse_qs(urlsplit(result.action.url).query)["redirect_url"] == [order.return_url]


class Recording(WechatGateway):
    """Keeps what it was sent."""

    def answer(self, asked: Asked) -> Any:
        self.bodies = [*getattr(self, "bodies", []), asked.body]
        return super().answer(asked)


@pytest.mark.parametrize("split", ["true", ""])
async def test_money_is_kept_for_sharing_only_where_the_channel_says_so(
    bench: Bench, split: str
) -> None:
    bench.gateway.__class__ = Recording
    settings = {**bench.connection.settings, "profit_sharing": split}
    await bench.port.start(replace(bench.connection, settings=settings), bench.order())
    held = any(b'"settle_info":{"profit_sharing":true}' in body for body in bench.gateway.bodies)
    assert held is (split == "true")


@pytest.mark.parametrize(
    ("state", "expected"),
    [("PROCESSING", RefundAccepted), ("ABNORMAL", Uncertain), ("CLOSED", RefundRejected)],
)
async def test_a_refund_under_way_is_not_called_done(
    bench: Bench, state: str, expected: type
) -> None:
    order = await bench.paid()
    bench.gateway.refund_state = state
    refund = refund_of(order)
    assert isinstance(await bench.port.refund(bench.connection, refund), expected)
    assert isinstance(await bench.port.refund_query(bench.connection, refund), expected)


async def test_a_refunds_callback_names_the_refund(bench: Bench) -> None:
    order = await bench.paid()
    refund = refund_of(order)
    assert isinstance(await bench.port.refund(bench.connection, refund), RefundCompleted)
    told = bench.gateway.refund_notice(order.reference, refund.refund_reference)
    notice = await bench.port.parse_callback(bench.connection, *told)
    assert isinstance(notice, Notice)
    assert notice.state is NoticeState.REFUNDED
    assert (notice.reference, notice.refund_reference) == (
        order.reference,
        refund.refund_reference,
    )


async def test_a_callback_sealed_with_another_key_is_unreadable_though_signed(
    bench: Bench,
) -> None:
    order = await bench.paid()
    bench.gateway.api_v3_key, ours = "0" * 32, bench.gateway.api_v3_key
    told = bench.gateway.notice(order.reference)
    bench.gateway.api_v3_key = ours
    result = await bench.port.parse_callback(bench.connection, *told)
    assert result == Forged(Why.UNREADABLE)


async def test_a_bill_that_is_not_the_one_of_the_digest_is_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = iter([b"one", b"another"])
    monkeypatch.setattr("adapters.sandbox.wechat_gateway.bill_of", lambda *_: next(files))
    day = clock.now().astimezone(BEIJING).date()
    result = await bench.port.statement(bench.connection, day)
    assert result == Uncertain(Why.SIGNATURE, "hash")


def test_a_bill_that_is_cut_off_is_not_read() -> None:
    whole = bill_of("1", "a", [])
    packed = gzip.compress(whole)
    assert list(rows_of(BytesIO(whole))) == list(rows_of(BytesIO(packed))) == []
    broken = [b"", whole[: len(whole) // 2], whole.replace(b"`0,", b"`1,"), packed[:-9], b"\xff"]
    for each in (*broken, gzip.compress(whole.replace(b"`0,", b"`1,"))):
        with pytest.raises(Unreadable):
            list(rows_of(BytesIO(each)))


def test_a_bill_of_many_rows_is_never_in_memory_as_a_whole() -> None:
    order = Trade("p1", 1234, "CNY", "", clock.now(), "paid", "42", paid_at=clock.now())
    text = bill_of("1", "a", [order]).decode().splitlines(keepends=True)
    count = 100_000
    with TemporaryFile() as file:
        with gzip.GzipFile(fileobj=file, mode="wb") as packed:
            packed.write(text[0].encode())
            for _ in range(count // 100):
                packed.write(text[1].encode() * 100)
            packed.write(text[2].encode() + text[3].replace("`1,", f"`{count},", 1).encode())
        file.seek(0)
        tracemalloc.start()
        assert sum(1 for _ in rows_of(file)) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 1024 * 1024


def test_the_simulator_refuses_a_request_that_it_has_seen_before() -> None:
    """The twin of the adapter's fresh nonces: who repeats a request is turned away."""
    key = make_key()
    gateway = WechatGateway("1900007291", "wx1", "0" * 32, {"AB": key.public_key()})
    now = str(int(datetime.now(UTC).timestamp()))
    signature = sign(key, f"GET\n/v3/certificates\n{now}\nn1\n\n")
    said = (
        f'mchid="1900007291",nonce_str="n1",signature="{signature}",timestamp="{now}",'
        'serial_no="AB"'
    )
    asked = Asked(
        "GET",
        "/v3/certificates",
        {"authorization": f"WECHATPAY2-SHA256-RSA2048 {said}"},
        b"",
    )
    assert [gateway.answer(asked).status for _ in range(2)] == [200, 401]


async def test_a_signed_answer_about_another_merchant_is_not_ours(bench: Bench) -> None:
    order = await bench.paid()
    bench.gateway.faults.append(Fault.OTHER_MERCHANT)
    result = await bench.port.query(bench.connection, order.reference)
    assert result == Uncertain(Why.UNKNOWN, "other_merchant")


async def test_a_payment_without_a_moment_that_has_a_zone_is_not_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await bench.paid()
    shown = bench.gateway._shown
    for moment in ("2026-11-26T10:00:00", "", None, 7):
        monkeypatch.setattr(
            bench.gateway, "_shown", lambda trade, at=moment: shown(trade) | {"success_time": at}
        )
        result = await bench.port.query(bench.connection, order.reference)
        assert result == Uncertain(Why.UNREADABLE)
