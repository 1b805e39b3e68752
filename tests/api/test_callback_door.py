"""The door of payment channels: how often, how large, how slowly; what strangers leave there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from domain import checkout, fulfilment, payments, suppliers
from domain.fulfilment import SupplierCallback
from domain.kernel import MAX_CALLBACK_BYTES, clock, connection
from domain.kernel.callbacks import MOST_BEGUN_BYTES, MOST_FORGED, MOST_REPEATS
from domain.orders import Order, OrderStatus
from domain.payments import PaymentCallback, PaymentChannel
from schema.fields import RateZone
from server import metrics
from server.callbacks import callback_routes
from server.rate_limits import RateLimiter, windows_with
from server.settings import Settings
from tests import make, vendor
from tests.domain.payments.test_paying import started, unpaid
from tests.vendor import SIGNED, Vendor, told

pytestmark = pytest.mark.usefixtures("db")
BODY_SECONDS = 0.3
LIMIT = 60


@pytest_asyncio.fixture
async def door(test_settings: Settings) -> AsyncIterator[Starlette]:
    app = Starlette(routes=callback_routes(test_settings, BODY_SECONDS))
    windows = windows_with(LIMIT)
    app.state.rate_limits = RateLimiter(test_settings.redis_url, windows=windows)
    yield app
    await app.state.rate_limits.close()


@pytest_asyncio.fixture
async def channel() -> PaymentChannel:
    return await vendor.channel(Vendor())


async def call(
    door: Starlette,
    channel_id: object,
    content: object,
    ip: str,
    whose: str = "payments",
    **headers: str,
) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=door, client=(ip, 1234))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
        url = f"/callbacks/{whose}/{channel_id}"
        return await client.post(url, content=content, headers=headers)


def an_ip() -> str:
    """An address that no other test has counted for."""
    number = uuid4().int
    return f"10.{number % 256}.{number // 256 % 256}.{number // 65_536 % 256}"


def turned_away(why: str) -> float:
    return (
        metrics.REGISTRY.get_sample_value(
            "kameng_payment_callbacks_turned_away_total", {"why": why}
        )
        or 0.0
    )


async def test_a_large_body_is_not_read(door: Starlette, channel: PaymentChannel) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 16_384
            yield b"x" * 16_384

    answer = await call(door, channel.id, endless(), an_ip())
    assert answer.status_code == 413
    assert read <= MAX_CALLBACK_BYTES + 2 * 16_384
    said = await call(door, channel.id, b"x" * (MAX_CALLBACK_BYTES + 1), an_ip())
    assert said.status_code == 413
    assert await PaymentCallback.all().count() == 0
    assert (await call(door, channel.id, b"x" * MAX_CALLBACK_BYTES, an_ip())).status_code != 413


async def test_a_dripping_body_is_not_waited_for(door: Starlette, channel: PaymentChannel) -> None:
    before = turned_away("slow")

    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x"
            await asyncio.sleep(0.05)

    async with asyncio.timeout(4):
        answer = await call(door, channel.id, dripping(), an_ip())
    assert answer.status_code == 408
    assert await PaymentCallback.all().count() == 0
    assert turned_away("slow") == before + 1


async def test_one_address_floods_neither_another_nor_another_channel(
    door: Starlette, channel: PaymentChannel
) -> None:
    other = await vendor.channel(Vendor(), merchant="merchant-2")
    flooder, honest = an_ip(), an_ip()
    statuses = [(await call(door, channel.id, b"x", flooder)).status_code for _ in range(LIMIT + 5)]
    assert statuses[:LIMIT].count(429) == 0
    assert statuses[LIMIT:] == [429] * 5
    late = await call(door, channel.id, b"x", flooder)
    assert 0 < int(late.headers["retry-after"]) <= 61
    assert (await call(door, channel.id, b"x", honest)).status_code != 429
    assert (await call(door, other.id, b"x", flooder)).status_code != 429


async def test_who_tries_ids_of_channels_is_stopped(door: Starlette) -> None:
    ip = an_ip()
    found = [(await call(door, uuid4(), b"x", ip)).status_code for _ in range(4 * LIMIT + 3)]
    assert found == [404] * (4 * LIMIT) + [429] * 3
    assert (await call(door, "no-id", b"x", ip)).status_code == 404


def test_the_usual_limit_lets_a_vendor_send_everything_again() -> None:
    config = Settings(_env_file=None)
    (window,) = windows_with(config.callbacks_per_minute)[RateZone.CALLBACK].subject
    assert window.amount >= 100 * 60  # a hundred a second
    assert windows_with(60)[RateZone.CALLBACK].everyone == []


async def test_strangers_leave_little_behind(door: Starlette, channel: PaymentChannel) -> None:
    """What nobody has signed is kept shortly, and of a flood only the beginning."""
    before = turned_away("flood")
    for number in range(MOST_FORGED + 10):
        heard = await checkout.take_callback(
            channel.id, {"x-long": "h" * 9_000}, b"forged %d" % number * 4_000
        )
        assert heard is not None
        assert heard.reply.status != 200
        assert heard.kept == (number < MOST_FORGED)
    assert await PaymentCallback.all().count() == MOST_FORGED
    async with connection() as conn:
        longest = await conn.fetchval("SELECT max(length(raw_sealed)) FROM payment_callbacks")
    assert longest < MOST_BEGUN_BYTES + 200
    await call(door, channel.id, b"one more", an_ip())
    assert turned_away("flood") == before + 1
    with make.later(hours=2):
        heard = await checkout.take_callback(channel.id, {}, b"forged later")
    assert heard is not None
    assert heard.kept


async def test_a_flood_of_forgeries_hides_no_true_callback(channel: PaymentChannel) -> None:
    bank = payments.port_of(vendor.ADAPTER)
    assert isinstance(bank, Vendor)
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, channel)
    for number in range(MOST_FORGED + 1):
        await checkout.take_callback(channel.id, {}, b"forged %d" % number)
    paid = bank.pay(payment.reference)
    body = told(payment.reference, paid)
    for _ in range(MOST_REPEATS + 5):
        heard = await checkout.take_callback(channel.id, SIGNED, body)
        assert heard is not None
        assert heard.reply.status == 200
    assert (await Order.get(id=order.id)).status is OrderStatus.DELIVERED
    assert await PaymentCallback.filter(payment_id=payment.id).count() == MOST_REPEATS
    assert not heard.kept


async def test_old_forgeries_go_and_nothing_else_does(channel: PaymentChannel) -> None:
    bank = payments.port_of(vendor.ADAPTER)
    assert isinstance(bank, Vendor)
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    payment = await started(buyer, await unpaid(buyer, variant.sku), channel)
    with make.later(days=-40):
        await checkout.take_callback(channel.id, {}, b"forged")
        await checkout.take_callback(
            channel.id, SIGNED, told(payment.reference, bank.pay(payment.reference), amount="1")
        )
    await checkout.take_callback(channel.id, {}, b"forged of today")
    assert await PaymentCallback.all().count() == 3
    assert await payments.forget_forged() == 1
    assert await payments.forget_forged() == 0
    kept = await PaymentCallback.all().order_by("id")
    assert [each.reference for each in kept] == [payment.reference, None]
    async with connection() as conn:
        for each in kept:
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute("DELETE FROM payment_callbacks WHERE id = $1", each.id)
    assert clock.now() - kept[0].received_at > timedelta(days=39)


# --- the door of suppliers: the same bounds ------------------------------------------------------


async def a_supplier() -> UUID:
    wish = suppliers.SupplierWish("s", "s", "generic_http", "http://supplier.test", "secret")
    return (await suppliers.save_supplier(make.OPERATOR, wish)).id


async def test_the_door_of_suppliers_has_the_same_bounds(door: Starlette) -> None:
    supplier, ip = await a_supplier(), an_ip()
    large = b"x" * (MAX_CALLBACK_BYTES + 1)
    assert (await call(door, supplier, large, an_ip(), "suppliers")).status_code == 413
    assert (await call(door, uuid4(), b"x", an_ip(), "suppliers")).status_code == 404
    assert (await call(door, "no-id", b"x", an_ip(), "suppliers")).status_code == 404
    statuses = [
        (await call(door, supplier, b"x%d" % number, ip, "suppliers")).status_code
        for number in range(LIMIT + 2)
    ]
    assert statuses == [400] * LIMIT + [429] * 2
    assert await SupplierCallback.all().count() == min(LIMIT, MOST_FORGED)


async def test_strangers_leave_little_behind_at_suppliers_too() -> None:
    supplier = await a_supplier()
    with make.later(days=-40):
        await fulfilment.take_callback(supplier, {}, b"forged long ago")
    for number in range(MOST_FORGED + 5):
        heard = await fulfilment.take_callback(
            supplier, {"x-long": "h" * 9_000}, b"forged %d" % number * 4_000
        )
        assert heard is not None
        assert (heard.reply.status, heard.kept) == (400, number < MOST_FORGED)
    async with connection() as conn:
        longest = await conn.fetchval("SELECT max(length(raw_sealed)) FROM supplier_callbacks")
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("DELETE FROM supplier_callbacks")
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("UPDATE supplier_callbacks SET outcome = 'BOOKED'")
    assert longest < MOST_BEGUN_BYTES + 200
    assert await fulfilment.forget_callbacks() == 1
    assert await fulfilment.forget_callbacks() == 0
