"""Callbacks of each dialect, as the simulator sends them: believed never too early, never twice.

The simulator calls a real address; what comes there is handed to the house, and what a job would do
then is done here. The supplier's own book is the judge.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.http import PartnerClient
from adapters.sandbox.dialects.desk import access
from adapters.sandbox.faults import Fault
from domain import checkout, fulfilment, orders, sites, suppliers
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.fulfilment import AttemptStatus, FulfilmentAttempt, HeardBack, SupplierCallback
from domain.fulfilment import SupplierCallbackOutcome as Outcome
from domain.invariants import find_violations
from domain.kernel import clock, connection
from domain.orders import LineStatus
from tests import make
from tests.suppliers import COST, Bench, Dayuanren, GenericHttp, Goods, Hook, Kameng, Kashangwl

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.xdist_group("simulator")]
PHONE = "13800138000"
DIALECTS = {
    "generic_http": Goods("generic_http", GenericHttp),
    "generic_http top-up": Goods("generic_http", GenericHttp, {"mobile": PHONE}),
    "kashangwl": Goods("kashangwl", Kashangwl),
    "kashangwl top-up": Goods("kashangwl", Kashangwl, {"recharge_account": PHONE}),
    "dayuanren": Goods(
        "dayuanren",
        Dayuanren,
        {"mobile": PHONE},
        item=lambda number: f"{number}100",
        asked=lambda item: f"{item}/100",
        most=1,
    ),
    "kameng": Goods("kameng", Kameng),
    "hook": Goods("hook", Hook),
}
PROVES = ("hook",)  # its callbacks carry the goods under a signature of the whole body
SENT = {
    Fault.ASYNC_DELIVERY: 1,
    Fault.LOST_CALLBACK: 0,
    Fault.DUPLICATE_CALLBACK: 5,
    Fault.OUT_OF_ORDER_CALLBACK: 2,
    Fault.CONTRADICTORY_CALLBACK: 2,
    Fault.FORGED_CALLBACK: 1,
    Fault.STALE_CALLBACK: 1,
    Fault.REPLAYED_CALLBACK: 2,
    Fault.OTHER_CALLBACK: 1,
}
Called = tuple[dict[str, str], bytes]


@dataclass
class Address:
    """Where the simulator calls back."""

    origin: str
    received: list[Called] = field(default_factory=list)

    def wait(self, number: int) -> list[Called]:
        """What came, once so many have, and no more than that."""
        deadline = time.monotonic() + 10
        while len(self.received) < number and time.monotonic() < deadline:
            time.sleep(0.02)
        if number == 0:
            time.sleep(0.6)
        assert len(self.received) == number, self.received
        return self.received


@contextmanager
def listening() -> Iterator[Address]:
    address = Address("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            address.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing: the test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    address.origin = f"http://127.0.0.1:{server.server_port}"
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Shop:
    """A supplier of one dialect, and a paid line that it is to deliver."""

    bench: Bench
    supplier_id: UUID
    line_id: UUID
    address: Address

    async def attempt(self) -> FulfilmentAttempt:
        (found,) = await fulfilment.attempts_of([self.line_id])
        return found

    async def line(self) -> LineStatus:
        return (await orders.OrderLine.get(id=self.line_id)).status

    async def take(self, called: Called) -> HeardBack:
        heard = await fulfilment.take_callback(self.supplier_id, *called)
        assert heard is not None
        return heard

    async def judged(self) -> list[tuple[Outcome, str]]:
        rows = await SupplierCallback.filter(supplier_id=self.supplier_id).order_by("id")
        return [(row.outcome, row.why) for row in rows]

    async def do_jobs(self) -> None:
        """What the events of callbacks make the worker do."""
        async with connection() as conn:
            rows = await conn.fetch(
                "UPDATE outbox_events SET published_at = now() WHERE published_at IS NULL"
                " AND type = 'delivery.next_step' RETURNING payload->>'then' AS then,"
                " payload->>'attemptId' AS attempt, payload->>'lineId' AS line"
            )
        for row in rows:
            match row["then"]:
                case "query":
                    await fulfilment.query_attempt(UUID(row["attempt"]))
                case "recheck":
                    await fulfilment.recheck_attempt(UUID(row["attempt"]))
                case _:
                    await fulfilment.fulfil_line(UUID(row["line"]))

    async def ask_later(self) -> None:
        """What the sweep does, some time later."""
        async with connection() as conn:
            due = "UPDATE fulfilment_attempts SET next_query_at = now() WHERE finished_at IS NULL"
            await conn.execute(due)
        for each in (await fulfilment.list_due(10)).attempts:
            await fulfilment.query_attempt(each)

    def booked(self) -> dict[str, Any]:
        """The one order in the supplier's book."""
        answer = self.bench.control_get("book", supplier=self.bench.supplier)
        (order,) = answer["orders"]
        return dict(order)


@contextmanager
def public_at(origin: str) -> Iterator[None]:
    before = sites.addresses.public
    sites.addresses.public = origin
    try:
        yield
    finally:
        sites.addresses.public = before


@pytest.fixture(params=sorted(DIALECTS))
async def goods(request: pytest.FixtureRequest) -> Goods:
    return DIALECTS[request.param]


async def shop_of(goods: Goods, simulator: str, address: Address, fault: Fault | None) -> Shop:
    """A line bought from a supplier of this dialect, whose submission meets the fault."""
    bench = Bench(goods, simulator, PartnerClient())
    item = goods.item(int(uuid4().int % 10**9))
    row: dict[str, Any] = {"item": item, "price": "80.0000", "stock": -1}
    if goods.account:
        row["account"] = list(goods.account)
    bench.control("items", {"supplier": bench.supplier, "items": [row]})
    if fault:
        bench.control("faults", {"supplier": bench.supplier, "fault": fault, "item": item})
    kind = DeliveryKind.DIRECT_TOPUP if goods.account else DeliveryKind.CARD_CODE
    variant = await make.variant(price=make.yuan(100), delivery_kind=kind)
    url, secret = access(goods.adapter, bench.supplier, simulator)
    wish = suppliers.SupplierWish(bench.supplier, bench.supplier, goods.adapter, url, secret)
    supplier = await suppliers.save_supplier(make.OPERATOR, wish)
    mapping = dict.fromkeys(goods.account, "account")
    offer = suppliers.OfferWish(
        variant.sku, bench.supplier, goods.asked(item), COST, field_mapping=mapping
    )
    await suppliers.save_offer(make.OPERATOR, offer)
    with public_at(address.origin):
        url = suppliers.callback_url(supplier.id)
        if goods.adapter == "kameng":
            bench.control("webhooks", {"supplier": bench.supplier, "url": url})
        account = (("account", PHONE),) if goods.account else ()
        wanted = Purchase((LineWish(variant.sku, goods.most, account=account),), uuid4().hex)
        placed = await checkout.place_order(await make.buyer(), wanted)
        await fulfilment.fulfil_line(placed.lines[0].id)
    await bench.client.close()
    return Shop(bench, supplier.id, placed.lines[0].id, address)


async def all_is_well(shop: Shop) -> None:
    found = {each.name: each.violations for each in await find_violations() if each.violations}
    assert found == {}
    attempt = await shop.attempt()
    assert attempt.status is AttemptStatus.SUCCEEDED
    assert not attempt.parked
    assert await shop.line() is LineStatus.DELIVERED
    assert shop.booked()["submissions"] == 1
    async with connection() as conn:
        told = "SELECT count(*) FROM outbox_events WHERE type = 'delivery.incident'"
        assert await conn.fetchval(told) == 0


@pytest.mark.parametrize("fault", list(SENT))
async def test_whatever_is_called_back_the_goods_come_once(
    goods: Goods, simulator: str, fault: Fault
) -> None:
    with listening() as address:
        shop = await shop_of(goods, simulator, address, fault)
        assert await shop.line() is LineStatus.DELIVERING
        called = address.wait(SENT[fault])
    proves = goods.adapter in PROVES
    with public_at(address.origin):
        heard = []
        for each in called:
            heard.append(await shop.take(each))
            if fault is not Fault.DUPLICATE_CALLBACK:
                await shop.do_jobs()
        if fault is Fault.DUPLICATE_CALLBACK:
            assert (await shop.line() is LineStatus.DELIVERED) is proves
            await shop.do_jobs()
        untrue = fault in (Fault.FORGED_CALLBACK, Fault.STALE_CALLBACK, Fault.OTHER_CALLBACK)
        if untrue:
            assert [each.reply.status < 300 for each in heard] == [False]
            assert await shop.line() is LineStatus.DELIVERING
        if untrue or fault in (Fault.LOST_CALLBACK, Fault.REPLAYED_CALLBACK, Fault.ASYNC_DELIVERY):
            for _ in range(4):
                await shop.ask_later()
    judged = await shop.judged()
    match fault:
        case Fault.FORGED_CALLBACK | Fault.OTHER_CALLBACK:
            assert judged == [(Outcome.REFUSED, "signature")]
        case Fault.STALE_CALLBACK:
            assert judged == [(Outcome.REFUSED, "stale")]
        case Fault.REPLAYED_CALLBACK:
            assert judged[1] == (Outcome.DUPLICATE, "")
        case Fault.OUT_OF_ORDER_CALLBACK:
            assert judged[1] == (Outcome.KNOWN, "")
        case Fault.CONTRADICTORY_CALLBACK:
            assert judged[0] == (Outcome.ASKED, "")  # a failure is never believed unasked
        case Fault.DUPLICATE_CALLBACK | Fault.ASYNC_DELIVERY:
            assert judged[0][0] is (Outcome.BOOKED if proves else Outcome.ASKED)
    if not untrue:
        assert all(each.reply.status == 200 for each in heard)
    await all_is_well(shop)


async def test_a_callback_delivers_before_the_next_question(goods: Goods, simulator: str) -> None:
    with listening() as address, public_at(address.origin):
        shop = await shop_of(goods, simulator, address, Fault.DUPLICATE_CALLBACK)
        for each in address.wait(5):
            await shop.take(each)
        moment = clock.now()
        with clock.fixed(lambda: moment):
            await shop.do_jobs()
    await all_is_well(shop)


@pytest.mark.parametrize("name", ["generic_http", "kashangwl", "dayuanren", "kameng", "hook"])
async def test_a_notice_at_another_door_is_refused(name: str, simulator: str) -> None:
    """Signed rightly by one supplier, and sent to the address of another of its kind."""
    with listening() as address, public_at(address.origin):
        shop = await shop_of(DIALECTS[name], simulator, address, Fault.DUPLICATE_CALLBACK)
        other = await shop_of(DIALECTS[name], simulator, address, None)
        mine = suppliers.callback_url(shop.supplier_id)
        notice = shop.bench.control(
            "callbacks",
            {
                "dialect": shop.bench.goods.adapter,
                "supplier": shop.bench.supplier,
                "reference": (await shop.attempt()).reference,
                "state": "failed",
            },
        )
        assert mine
        called = (
            {key.lower(): value for key, value in notice["headers"].items()},
            notice["body"].encode(),
        )
        heard = await other.take(called)
        (told,) = [each for each in await other.judged() if each[0] is Outcome.REFUSED]
        await other.do_jobs()
    assert heard.reply.status >= 400
    # The simulator's hooks share one secret: there the reference alone tells.
    assert told[1] == ("other_connection" if name == "hook" else "signature")
    assert await shop.line() is LineStatus.DELIVERING
    assert (await shop.attempt()).status is AttemptStatus.ACCEPTED
