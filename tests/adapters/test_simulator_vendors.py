"""WeChat Pay and Alipay as the simulator's process plays them: addresses, keys, pages, faults."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio

from adapters.http import PartnerClient
from adapters.payments.alipay import Alipay
from adapters.payments.stripe import Stripe
from adapters.payments.wechat import WechatPay
from adapters.sandbox.gateway import Caller
from adapters.sandbox.protocol import BEIJING, Asked
from adapters.sandbox.simulator import load_accounts
from adapters.sandbox.vendor_book import VendorBook
from adapters.sandbox.vendors import accounts, open_vendors
from domain.payments.ports import (
    Connection,
    NotFound,
    Paid,
    PaymentOrder,
    PaymentPort,
    Pending,
    QrCode,
    Redirect,
    RefundCompleted,
    Started,
    Statement,
    Uncertain,
    Way,
)
from tests.gateways import order_of, refund_of

WAYS = (Way.QR, Way.PAGE)
pytestmark = pytest.mark.xdist_group("simulator")
CODES = ["wechat", "alipay", "stripe"]


def page_of(url: httpx2.URL) -> httpx2.URL:
    return url.copy_with(query=None)


@dataclass
class Shop:
    """A merchant at one vendor of the simulator."""

    simulator: str
    name: str
    port: PaymentPort
    connection: Connection

    async def start(self, way: Way | None = None) -> tuple[PaymentOrder, str]:
        """A payment that has begun, and the address where it is paid."""
        order = order_of(way or next(each for each in WAYS if each in self.port.capabilities.ways))
        started = await self.port.start(self.connection, order)
        assert isinstance(started, Started)
        assert isinstance(started.action, QrCode | Redirect)
        action = started.action
        return order, action.content if isinstance(action, QrCode) else action.url

    async def control(self, path: str, **wish: object) -> None:
        async with httpx2.AsyncClient() as client:
            answer = await client.post(f"{self.simulator}/control/vendors/{path}", json=wish)
        assert answer.status_code == 200, answer.text

    async def pay(self, page: str) -> None:
        async with httpx2.AsyncClient(follow_redirects=True) as client:
            shown = await client.get(page)
            assert 'data-state="pending"' in shown.text
            paid = await client.post(shown.url, data={"deed": "lost"}, follow_redirects=False)
            assert paid.status_code == 303
            assert 'data-state="paid"' in (await client.get(page_of(shown.url))).text


@pytest_asyncio.fixture(params=CODES)
async def shop(request: pytest.FixtureRequest, simulator: str) -> AsyncIterator[Shop]:
    client = PartnerClient()
    ports: dict[str, PaymentPort] = {
        "wechat": WechatPay(client, refresh_seconds=0),
        "alipay": Alipay(client),
        "stripe": Stripe(client),
    }
    (account,) = [
        each for each in await load_accounts(simulator) if each["adapter"] == request.param
    ]
    connection = Connection(
        channel_id=uuid4(),
        merchant=account["merchant"],
        base_url=account["base_url"],
        notify_url="http://127.0.0.1:9/callbacks/payments/1",
        settings=account["settings"],
        secrets=account["secrets"],
        timeout_seconds=5,
    )
    yield Shop(simulator, request.param, ports[request.param], connection)
    await client.close()
    async with httpx2.AsyncClient() as cleaner:
        await cleaner.delete(f"{simulator}/control/vendors/faults")


@pytest.mark.parametrize("way", [Way.QR, Way.MOBILE_PAGE])
async def test_what_is_paid_on_the_page_is_paid_and_goes_back(shop: Shop, way: Way) -> None:
    if way not in shop.port.capabilities.ways:
        pytest.skip("not a way of this vendor")
    order, page = await shop.start(way)
    before = await shop.port.query(shop.connection, order.reference)
    assert isinstance(before, Pending | NotFound)
    await shop.pay(page)
    paid = await shop.port.query(shop.connection, order.reference)
    assert isinstance(paid, Paid)
    assert (paid.amount, paid.merchant) == (order.amount, shop.connection.merchant)
    refund = refund_of(order, 100)
    assert isinstance(await shop.port.refund(shop.connection, refund), RefundCompleted)
    async with httpx2.AsyncClient() as client:
        told = (await client.get(f"{shop.simulator}/control/vendors/payments")).json()
        desk = (await client.get(shop.simulator)).text
    (trade,) = [each for each in told[shop.name] if each["reference"] == order.reference]
    assert trade["refunds"] == {refund.refund_reference: 1}
    assert order.reference in desk
    assert not any(secret in desk for secret in shop.connection.secrets.values())


async def test_a_fault_spoils_as_many_answers_as_was_said(shop: Shop) -> None:
    order, page = await shop.start()
    await shop.pay(page)
    await shop.control("faults", vendor=shop.name, fault="unknown_state", times=2)
    for _ in range(2):
        spoiled = await shop.port.query(shop.connection, order.reference)
        assert isinstance(spoiled, Uncertain)
    assert isinstance(await shop.port.query(shop.connection, order.reference), Paid)


async def test_an_unknown_fault_or_vendor_is_malformed(shop: Shop) -> None:
    async with httpx2.AsyncClient() as client:
        for wish in ({"vendor": "else", "fault": "stale"}, {"vendor": shop.name, "fault": "x"}):
            answer = await client.post(f"{shop.simulator}/control/vendors/faults", json=wish)
            assert answer.status_code == 400
        nowhere = await client.get(f"{shop.simulator}/vendors/{shop.name}/pay/nothing")
        assert nowhere.status_code == 404


async def test_a_vendor_that_hangs_is_not_waited_for(shop: Shop) -> None:
    order, _ = await shop.start()
    await shop.control("faults", vendor=shop.name, fault="no_answer")
    connection = replace(shop.connection, timeout_seconds=0.5)
    assert isinstance(await shop.port.query(connection, order.reference), Uncertain)


@pytest.mark.parametrize("retire", [False, True])
async def test_a_certificate_may_change_while_it_runs(shop: Shop, retire: bool) -> None:
    order, page = await shop.start()
    await shop.control(f"certificate?retire={int(retire)}")
    await shop.pay(page)
    assert isinstance(await shop.port.query(shop.connection, order.reference), Paid)


async def test_a_statement_is_fetched_from_the_simulator(shop: Shop) -> None:
    order, page = await shop.start()
    await shop.pay(page)
    paid = await shop.port.query(shop.connection, order.reference)
    assert isinstance(paid, Paid)
    day = paid.paid_at.astimezone(UTC if shop.name == "stripe" else BEIJING).date()
    statement = await shop.port.statement(shop.connection, day)
    assert isinstance(statement, Statement)
    assert order.reference in {row.reference for row in statement.rows}


async def test_keys_trades_and_certificates_outlast_a_restart(tmp_path: Path) -> None:
    path, caller = tmp_path / "book", Caller()
    first = open_vendors(VendorBook(path), caller)
    first.change_certificate(retire_old=True)
    gateway = first.gateways["wechat"]
    serial = gateway.platform[0][0].serial_number  # type: ignore[union-attr]
    again = open_vendors(VendorBook(path), caller)
    assert accounts(again, "http://x") == accounts(first, "http://x")
    assert again.gateways["wechat"].platform[0][0].serial_number == serial  # type: ignore[union-attr]
    assert path.stat().st_mode & 0o077 == 0
    other = accounts(open_vendors(VendorBook(tmp_path / "other"), caller), "http://x")
    for theirs, ours in zip(other, accounts(first, "http://x"), strict=True):
        assert theirs["merchant"] == ours["merchant"], "else its channel could not be saved again"
        assert not set(theirs["secrets"].values()) & set(ours["secrets"].values())


async def test_nobody_is_heard_without_the_merchants_key(tmp_path: Path) -> None:
    vendors = open_vendors(VendorBook(tmp_path / "book"), Caller())
    refused = vendors.gateways["wechat"].answer(
        Asked("GET", "/vendors/wechat/v3/certificates", {}, b"")
    )
    assert refused.status == 401
    unsigned = vendors.gateways["alipay"].answer(
        Asked("POST", "/vendors/alipay/gateway.do", {}, b"method=alipay.trade.query&app_id=x")
    )
    assert b"isv.invalid-app-id" in unsigned.body
