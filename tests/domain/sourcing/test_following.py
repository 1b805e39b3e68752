"""Offers follow their supplier's list: price, availability, what is gone, what is doubted (D6)."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import pricing, sourcing, suppliers
from domain.catalog.models import DeliveryKind
from domain.kernel import Refused, clock, connection, page_request
from domain.priceguard import GuardAction, GuardWish, save_guard
from domain.pricing.models import Price
from domain.sourcing import CatalogueRun, MapWish, RunState, SupplierItem, SyncWish
from domain.suppliers import (
    Availability,
    Capabilities,
    CatalogueItem,
    CataloguePage,
    Category,
    Connection,
    NotFound,
    OfferChange,
    OwnReference,
    QueryResult,
    Submission,
    SubmitResult,
    SupplierOffer,
    SupplierPort,
    Uncertain,
)
from tests import make

pytestmark = pytest.mark.usefixtures("db")
PAGE = page_request("test", None, None)


LISTS = Capabilities(OwnReference.RETURNS_FIRST, True, True, catalogue_page=2, product=True)


@dataclass
class Listing(SupplierPort):
    """A supplier with a list, which a test changes at will."""

    capabilities: Capabilities = LISTS
    goods: dict[str, CatalogueItem] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)  # there, and left out of the list
    answers: list[Uncertain] = field(default_factory=list)  # instead of the next pages
    asked: list[str | None] = field(default_factory=list)

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        return Uncertain()

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        return Uncertain()

    async def catalogue(
        self, connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        self.asked.append(cursor)
        await asyncio.sleep(0)
        if self.answers:
            return self.answers.pop(0)
        names = sorted(name for name in self.goods if name not in self.lost)
        after = [name for name in names if name > (cursor or "")][:3]
        more = after[1] if len(after) > 2 else None
        return CataloguePage(tuple(self.goods[name] for name in after[:2]), more)

    async def product(
        self, connection: Connection, item: str
    ) -> CatalogueItem | NotFound | Uncertain:
        return self.goods.get(item) or NotFound()

    def sell(self, item: str, cost: int, **more: Any) -> None:
        self.goods[item] = CatalogueItem(item, f"Item {item}", cost, "CNY", **more)


@pytest.fixture
def port() -> Listing:
    made = Listing()
    suppliers.register("listing", made)
    return made


async def followed(port: Listing, **wish: Any) -> UUID:
    saved = await suppliers.save_supplier(
        make.OPERATOR,
        suppliers.SupplierWish("lister", "Lister", "listing", "http://lister.test", "secret"),
    )
    values = {"pause_ms": 0, "tolerance": 0, "settle_seconds": 0, **wish}
    await sourcing.save_policy(make.OPERATOR, SyncWish("lister", **values))
    return saved.id


async def offered(item: str, cost: int = make.yuan(80), **more: Any) -> SupplierOffer:
    variant = await make.variant(price=make.yuan(90), **more.pop("variant", {}))
    wish = suppliers.OfferWish(variant.sku, "lister", item, cost, **more)
    return await suppliers.save_offer(make.OPERATOR, wish)


async def read(supplier_id: UUID, after: float = 0) -> CatalogueRun:
    """Read the list now, or so many seconds later, as the sweeper would; the newest run."""
    policy = await sourcing.SyncPolicy.get(supplier_id=supplier_id)
    moment = clock.now() + timedelta(seconds=after)
    if not await CatalogueRun.filter(supplier_id=supplier_id, next_at__isnull=False).exists():
        policy.next_at = moment
        await policy.save()
    with clock.fixed(lambda: moment):
        assert supplier_id in await sourcing.list_due(10)
        await sourcing.read_list(supplier_id)
    return await CatalogueRun.filter(supplier_id=supplier_id).order_by("-id").first()


async def again(offer: SupplierOffer) -> SupplierOffer:
    return await SupplierOffer.get(id=offer.id)


async def told(name: str) -> list[dict[str, Any]]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT payload FROM outbox_events WHERE type = $1 ORDER BY id", name
        )
    return [dict(row) for row in rows]


async def test_offers_follow_price_and_availability_and_keep_their_history(port: Listing) -> None:
    for number in range(5):
        port.sell(f"i{number}", make.yuan(70 + number), stock=None if number else 0)
    supplier = await followed(port)
    dear, out = await offered("i4"), await offered("i0")
    fixed = await offered("i3", follows=False)
    run = await read(supplier)
    assert (run.state, run.pages, run.items, run.changed) == (RunState.DONE, 3, 5, 2)
    assert (await again(dear)).cost == make.yuan(74)
    assert ((await again(out)).availability, (await again(out)).stock) == ("sold_out", 0)
    assert (await again(fixed)).cost == make.yuan(80)
    assert await suppliers.variants_with_offers([dear.variant_id, out.variant_id]) == {
        dear.variant_id
    }
    changes = await OfferChange.filter(offer_id=dear.id).order_by("id")
    assert [(each.old_cost, each.new_cost) for each in changes] == [
        (None, make.yuan(80)),
        (make.yuan(80), make.yuan(74)),
    ]
    assert len(await told("supplier.catalogue_changed")) == 2
    assert (await read(supplier)).changed == 0
    assert len(await told("supplier.catalogue_changed")) == 2


async def test_a_price_that_rises_raises_ours_and_a_sold_out_item_ends_nothing_else(
    port: Listing,
) -> None:
    """D6's own proof: what the list says reaches the shelf, by the guard's policy."""
    port.sell("a", make.yuan(80))
    supplier = await followed(port)
    offer = await offered("a")
    await save_guard(make.OPERATOR, GuardWish(GuardAction.RAISE_TO_FLOOR, min_margin_rate=500))
    await read(supplier)
    port.sell("a", make.yuan(100))
    await read(supplier)
    assert await pricing.watch_prices([offer.variant_id]) == 1
    assert (await Price.get(variant_id=offer.variant_id)).amount == make.yuan(105)
    port.sell("a", make.yuan(60))
    await read(supplier)
    await pricing.watch_prices()
    assert (await Price.get(variant_id=offer.variant_id)).amount == make.yuan(90)


async def test_what_the_supplier_says_is_gone_is_gone_and_comes_back(port: Listing) -> None:
    for number in range(6):
        port.sell(f"i{number}", make.yuan(80))
    supplier = await followed(port)
    offer = await offered("i5")
    never_listed = await offered("nothing")
    await read(supplier)
    assert (await again(never_listed)).availability == Availability.GONE
    kept = port.goods.pop("i5")
    port.lost = {"i4"}  # left out of the list, but the supplier has it
    run = await read(supplier)
    assert (run.state, run.missing) == (RunState.DONE, 2)
    assert (await again(offer)).availability == Availability.GONE
    assert (await SupplierItem.get(item="i4")).availability == Availability.ON_SALE
    port.goods["i5"] = kept
    await read(supplier)
    assert (await again(offer)).availability == Availability.ON_SALE


async def test_without_a_way_to_ask_an_item_is_gone_when_it_was_missing_twice(
    port: Listing,
) -> None:
    port.capabilities = Capabilities(OwnReference.RETURNS_FIRST, True, True, catalogue_page=2)
    port.sell("a", make.yuan(80))
    port.sell("b", make.yuan(80))
    supplier = await followed(port)
    offer = await offered("b")
    await read(supplier)
    del port.goods["b"]
    await read(supplier)
    assert (await again(offer)).availability == Availability.ON_SALE
    await read(supplier)
    assert (await again(offer)).availability == Availability.GONE


async def test_half_a_catalogue_delists_nothing_until_somebody_believes_it(port: Listing) -> None:
    for number in range(20):
        port.sell(f"i{number:02}", make.yuan(80))
    supplier = await followed(port)
    offer = await offered("i19")
    await read(supplier)
    port.goods = {name: port.goods[name] for name in list(port.goods)[:10]}
    for _ in range(3):  # not even when it is told again and again
        run = await read(supplier)
        assert (run.state, run.missing) == (RunState.SUSPICIOUS, 10)
    assert (await again(offer)).availability == Availability.ON_SALE
    assert len(await told("supplier.catalogue_incomplete")) == 3
    accepted = await sourcing.accept_run(make.OPERATOR, run.id)
    assert accepted.state is RunState.DONE
    assert (await again(offer)).availability == Availability.GONE
    with pytest.raises(Refused) as refused:
        await sourcing.accept_run(make.OPERATOR, run.id)
    assert refused.value.refusals[0].code == "CATALOGUE_RUN_OVER"


async def test_a_broken_page_is_asked_for_again_and_the_run_goes_on_where_it_stood(
    port: Listing,
) -> None:
    for number in range(6):
        port.sell(f"i{number}", make.yuan(80))
    supplier = await followed(port)
    port.answers = [Uncertain(detail="http_200")]
    run = await read(supplier)
    assert (run.state, run.pages, run.failures) == (RunState.READING, 0, 1)
    assert run.next_at is not None
    assert supplier not in await sourcing.list_due(10)
    port.asked.clear()
    port.answers = []
    run = await read(supplier, after=20)
    assert (run.state, run.pages, run.items) == (RunState.DONE, 3, 6)
    assert port.asked == [None, "i1", "i3"]


async def test_a_supplier_that_is_asked_too_often_is_left_alone_and_given_up_in_the_end(
    port: Listing,
) -> None:
    port.sell("a", make.yuan(80))
    supplier = await followed(port)
    offer = await offered("a")
    port.answers = [Uncertain(Category.RATE_LIMITED, "http_429")] * 6
    begun = clock.now()
    run = await read(supplier)
    assert run.next_at is not None
    assert run.next_at - begun >= timedelta(seconds=59)
    for number in range(5):
        run = await read(supplier, after=1_000 * (number + 1))
    assert (run.state, run.detail) == (RunState.FAILED, "http_429")
    assert (await again(offer)).availability == Availability.ON_SALE
    assert len(await told("supplier.catalogue_incomplete")) == 1


async def test_a_list_without_end_is_given_up(port: Listing) -> None:
    port.sell("a", make.yuan(80))
    supplier = await followed(port)

    async def stuck(connection: Connection, cursor: str | None = None) -> CataloguePage:
        return CataloguePage((port.goods["a"],), "same")

    port.catalogue = stuck  # type: ignore[method-assign]
    run = await read(supplier)
    assert (run.state, run.detail) == (RunState.FAILED, "list_without_end")


async def test_whoever_dies_in_between_has_lost_a_page_and_nothing_else(port: Listing) -> None:
    for number in range(6):
        port.sell(f"i{number}", make.yuan(70))
    supplier = await followed(port)
    offer = await offered("i5")

    whole, port.asked = port.catalogue, []

    async def once_then_die(
        connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        if cursor:
            raise asyncio.CancelledError
        return await whole(connection, cursor)

    port.catalogue = once_then_die  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await read(supplier)
    port.catalogue = whole  # type: ignore[method-assign]
    assert supplier not in await sourcing.list_due(10)  # its lease is not over
    run = await read(supplier, after=120)
    assert (run.state, run.items, run.pages) == (RunState.DONE, 6, 3)
    assert port.asked == [None, "i1", "i3"]
    assert (await again(offer)).cost == make.yuan(70)


async def test_only_one_reads_at_a_time(port: Listing) -> None:
    for number in range(6):
        port.sell(f"i{number}", make.yuan(80))
    supplier = await followed(port)
    await asyncio.gather(*(sourcing.read_list(supplier) for _ in range(8)))
    assert port.asked == [None, "i1", "i3"]
    assert await CatalogueRun.all().count() == 1


async def test_a_supplier_without_a_list_is_asked_for_what_we_offer(port: Listing) -> None:
    port.capabilities = Capabilities(OwnReference.RETURNS_FIRST, True, True, product=True)
    for number in range(12):
        port.sell(f"i{number:02}", make.yuan(70))
    supplier = await followed(port)
    offers = [await offered(f"i{number:02}") for number in range(11)]
    gone = await offered("never")
    run = await read(supplier)
    assert (run.state, run.items, run.pages) == (RunState.DONE, 11, 2)
    assert port.asked == []
    assert {(await again(each)).cost for each in offers} == {make.yuan(70)}
    assert (await again(gone)).availability == Availability.GONE


async def test_another_rate_converts_all_costs_again_without_asking(port: Listing) -> None:
    port.goods["usd"] = CatalogueItem("usd", "Card", make.yuan(10), "USD")
    saved = suppliers.SupplierWish(
        "lister", "Lister", "listing", "http://lister.test", "secret", settings={"rate": "7.1"}
    )
    supplier = await followed(port)
    offer = await offered("usd")
    await read(supplier)
    assert (await again(offer)).cost == make.yuan(80)  # nobody said what a dollar costs
    await suppliers.save_supplier(make.OPERATOR, saved)
    port.asked.clear()
    assert await sourcing.convert_again(supplier) == 1
    assert (await again(offer)).cost == make.yuan(71)
    assert port.asked == []
    assert len(await told("supplier.saved")) == 2


async def test_many_items_serve_one_variant_each_with_its_units(port: Listing) -> None:
    port.sell("q1", make.yuan(1), face_value=make.yuan(1), account_fields=("qq",))
    port.sell("q50", make.yuan(49), face_value=make.yuan(50), account_fields=("qq",))
    supplier = await followed(port)
    await read(supplier)
    variant = await make.variant(
        price=make.yuan(60),
        delivery_kind=DeliveryKind.DIRECT_TOPUP,
        face_units=make.yuan(50),
        face_currency="CNY",
    )
    items = {row.item: row for row in await SupplierItem.all()}
    with pytest.raises(Refused) as refused:
        await sourcing.map_item(make.OPERATOR, MapWish(items["q1"].id, variant.sku))
    assert refused.value.refusals[0].code == "FACE_VALUE_DIFFERS"
    wish = MapWish(items["q1"].id, variant.sku, units=50, field_mapping={})
    small = await sourcing.map_item(make.OPERATOR, wish)
    large = await sourcing.map_item(
        make.OPERATOR, MapWish(items["q50"].id, variant.sku, field_mapping={})
    )
    assert (small.cost, small.units, large.cost) == (make.yuan(50), 50, make.yuan(49))
    port.sell("q1", make.yuan("0.9"), face_value=make.yuan(1))
    await read(supplier)
    assert (await again(small)).cost == make.yuan(45)
    page = await sourcing.list_items(make.OPERATOR, PAGE, "lister", mapped=True)
    assert [each.item for each in page.rows] == ["q1", "q50"]
    assert (await sourcing.list_items(make.OPERATOR, PAGE, "lister", mapped=False)).rows == []


async def test_who_tells_nothing_of_its_goods_cannot_be_followed(port: Listing) -> None:
    port.capabilities = Capabilities(OwnReference.RETURNS_FIRST, True, True)
    with pytest.raises(Refused) as refused:
        await followed(port)
    assert refused.value.refusals[0].code == "CATALOGUE_NOT_TOLD"
