"""Another Kameng tells what changes of its goods, over the wire: it makes us ask, and is refused
when it is forged, old or told before (rows D6, O5)."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import pytest

from adapters.http import Answer, PartnerClient
from adapters.suppliers.kameng import Kameng
from domain import fulfilment, pricing, sourcing, suppliers
from domain.fulfilment import SupplierCallback
from domain.fulfilment import SupplierCallbackOutcome as Outcome
from domain.kernel import connection
from domain.priceguard import GuardAction, GuardWish, save_guard
from domain.pricing.models import Price
from domain.sourcing import SyncPolicy
from domain.suppliers import (
    Availability,
    CatalogueItem,
    Connection,
    GoodsNotice,
    Pushes,
    SupplierOffer,
)
from tests import make
from tests.adapters.test_following import NAMES, follow, read, sells
from tests.adapters.test_supplier_answers import Answering
from tests.adapters.test_supplier_callbacks import listening, public_at
from tests.suppliers import KINDS, Bench

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.xdist_group("simulator")]
Called = tuple[dict[str, str], bytes]


@pytest.fixture
async def bench(simulator: str) -> AsyncIterator[Bench]:
    client = PartnerClient()
    made = Bench(KINDS["kameng cards"], simulator, client)
    suppliers.register(made.goods.adapter, made.port)
    yield made
    await client.close()


def notice(bench: Bench, *items: str, spoil: str = "") -> Called:
    """What the other instance would call back about these items."""
    wish = {"dialect": "kameng", "supplier": bench.supplier, "items": items, "spoil": spoil}
    made = bench.control("callbacks", wish)
    headers = {name.lower(): value for name, value in made["headers"].items()}
    return headers, made["body"].encode()


async def take(supplier: UUID, called: Called) -> int:
    heard = await fulfilment.take_callback(supplier, *called)
    assert heard is not None
    return heard.reply.status


async def judged(supplier: UUID) -> list[tuple[Outcome, str]]:
    rows = await SupplierCallback.filter(supplier_id=supplier).order_by("id")
    return [(row.outcome, row.why) for row in rows]


async def cost(offer: SupplierOffer) -> int:
    await offer.refresh_from_db()
    return offer.cost


async def test_a_price_that_changes_there_is_told_asked_for_and_raises_ours(bench: Bench) -> None:
    sells(bench, 80)
    supplier, offer = await follow(bench)
    await save_guard(make.OPERATOR, GuardWish(GuardAction.RAISE_TO_FLOOR, min_margin_rate=500))
    await read(bench, supplier)
    assert (await SyncPolicy.get()).pushes is Pushes.OFFERED
    with listening() as address, public_at(address.origin):
        there = {"supplier": bench.supplier, "url": suppliers.callback_url(supplier)}
        bench.control("webhooks", there)
        sells(bench, 100, [offer.item, NAMES[0]])
        (called,) = address.wait(1)
    assert await take(supplier, called) == 200
    assert await cost(offer) == make.yuan(80)  # what it says is not believed: it makes us ask
    assert await sourcing.ask_told(supplier) == 2
    assert await cost(offer) == make.yuan(100)
    async with connection() as conn:
        told = "SELECT count(*) FROM outbox_events WHERE type = 'supplier.catalogue_changed'"
        assert await conn.fetchval(told) == 1
    await pricing.watch_prices([offer.variant_id])
    assert (await Price.get(variant_id=offer.variant_id)).amount == make.yuan(105)
    sells(bench, 100, [offer.item], stock=0)
    await take(supplier, notice(bench, offer.item))
    await sourcing.ask_told(supplier)
    await offer.refresh_from_db()
    assert offer.availability is Availability.SOLD_OUT
    policy = await SyncPolicy.get()
    assert policy.pushes is Pushes.ACTIVE
    assert policy.pushed_at is not None
    await read(bench, supplier)  # and the list is read as before
    assert (await SyncPolicy.get()).pushes is Pushes.ACTIVE


async def test_what_is_forged_old_or_came_before_is_refused_recorded_and_asks_nothing(
    bench: Bench,
) -> None:
    sells(bench, 80)
    supplier, offer = await follow(bench)
    await read(bench, supplier)
    sells(bench, 100, [offer.item])
    for spoil in ("wrong_signature", "stale_timestamp", "other_connection"):
        assert await take(supplier, notice(bench, offer.item, spoil=spoil)) == 400
    untouched = notice(bench, NAMES[0])
    headers, body = untouched
    assert await take(supplier, (headers, body.replace(NAMES[0].encode(), b"item-001"))) == 400
    assert await sourcing.told_due(10) == []
    assert await sourcing.ask_told(supplier) == 0
    assert await cost(offer) == make.yuan(80)
    once = notice(bench, offer.item)
    assert [await take(supplier, once) for _ in range(2)] == [200, 200]
    assert await sourcing.ask_told(supplier) == 1
    assert [await take(supplier, once) for _ in range(2)] == [200, 200]
    assert await sourcing.ask_told(supplier) == 0
    assert await judged(supplier) == [
        (Outcome.REFUSED, "signature"),
        (Outcome.REFUSED, "stale"),
        (Outcome.REFUSED, "signature"),
        (Outcome.REFUSED, "signature"),
        (Outcome.ASKED, ""),
        (Outcome.DUPLICATE, ""),
        (Outcome.DUPLICATE, ""),
        (Outcome.DUPLICATE, ""),
    ]


async def test_out_of_order_says_what_is_true_now(bench: Bench) -> None:
    sells(bench, 80)
    supplier, offer = await follow(bench)
    await read(bench, supplier)
    sells(bench, 100, [offer.item])
    older = notice(bench, offer.item)
    sells(bench, 90, [offer.item])
    newer = notice(bench, offer.item)
    await take(supplier, newer)
    await sourcing.ask_told(supplier)
    assert await cost(offer) == make.yuan(90)
    await take(supplier, older)
    await sourcing.ask_told(supplier)
    assert await cost(offer) == make.yuan(90)


async def test_who_is_not_followed_is_thanked_and_not_asked(bench: Bench) -> None:
    sells(bench, 80)
    supplier, offer = await follow(bench)
    await sourcing.save_policy(make.OPERATOR, sourcing.SyncWish(bench.supplier, enabled=False))
    sells(bench, 100, [offer.item])
    assert await take(supplier, notice(bench, offer.item)) == 200
    assert await judged(supplier) == [(Outcome.KNOWN, "not_followed")]
    assert await sourcing.ask_told(supplier) == 0


async def test_some_items_are_asked_for_at_once(bench: Bench) -> None:
    sells(bench, 80)
    found = await bench.port.products(bench.connection, [NAMES[5], NAMES[0], "none"])
    assert sorted(each.item for each in found) == [NAMES[0], NAMES[5]]
    assert all(isinstance(each, CatalogueItem) and each.stock is None for each in found)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, b'{"data": {"catalogPush": {"active": true}}}'), Pushes.ACTIVE),
        (Answer(200, b'{"data": {"catalogPush": {"active": false}}}'), Pushes.OFFERED),
        # An instance of before: there is no such field.
        (Answer(200, b'{"errors": [{"extensions": {"code": "QUERY_INVALID"}}]}'), Pushes.NONE),
        (Answer(200, b'{"errors": [{"extensions": {"code": "RATE_LIMITED"}}]}'), Pushes.UNKNOWN),
        (Answer(503, b"{}"), Pushes.UNKNOWN),
        (Answer(200, b"<html>"), Pushes.UNKNOWN),
    ],
)
async def test_what_it_can_is_asked_and_an_old_instance_cannot(
    answer: Answer, said: Pushes
) -> None:
    house = Connection("peer", "http://peer.test", "key=a&signing_secret=b")
    assert await Kameng(Answering(answer)).pushes_of(house) is said  # type: ignore[arg-type]


async def test_items_that_are_none_are_left_out_of_a_notice(bench: Bench) -> None:
    _, body = notice(bench, "a")
    content: dict[str, Any] = orjson.loads(body)
    assert content["type"] == "goods.changed"
    told = await bench.port.parse_callback(bench.connection, *notice(bench, "a", "", "b\n"))
    assert isinstance(told, GoodsNotice)
    assert told.items == ("a", "b")
