"""What a supplier says has changed is asked for, and booked as a page of its list is (row D6)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from domain import sourcing, suppliers
from domain.kernel import clock, connection, new_id, transaction
from domain.sourcing import SupplierItem, SyncPolicy, ToldItem
from domain.sourcing.rules import MAX_FAILURES, MOST_TOLD
from domain.suppliers import (
    Availability,
    CatalogueItem,
    CataloguePage,
    Connection,
    NotFound,
    OfferChange,
    Pushes,
    Uncertain,
)
from tests import make
from tests.domain.sourcing.test_following import LISTS, Listing, again, followed, offered, read
from tests.domain.sourcing.test_following import told as events

pytestmark = pytest.mark.usefixtures("db")


async def _nothing() -> None:
    """What happens while a page is on its way: nothing."""


@dataclass
class Pushing(Listing):
    """A supplier with a list that also answers for some items at once."""

    questions: list[Sequence[str]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] = _nothing
    pushes: Pushes = Pushes.OFFERED

    async def products(
        self, connection: Connection, items: Sequence[str]
    ) -> tuple[CatalogueItem, ...] | Uncertain:
        self.questions.append(list(items))
        if self.answers:
            return self.answers.pop(0)
        there = [self.goods[each] for each in items if each in self.goods]
        return tuple(each for each in there if each.item not in self.lost)

    async def catalogue(
        self, connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        page = await super().catalogue(connection, cursor)
        await self.meanwhile()
        return page

    async def pushes_of(self, connection: Connection) -> Pushes:
        return self.pushes


@pytest.fixture
def port() -> Pushing:
    made = Pushing(replace(LISTS, products_at_once=2))
    suppliers.register("listing", made)
    return made


async def tell(supplier_id: UUID, *items: str) -> bool:
    async with transaction() as conn:
        return await sourcing.note_told(conn, supplier_id, new_id(), items)


async def tell_and_ask(supplier_id: UUID, *items: str) -> int:
    assert await tell(supplier_id, *items)
    return await sourcing.ask_told(supplier_id)


async def test_what_is_told_is_asked_for_and_the_offer_follows(port: Pushing) -> None:
    for name in "abcd":
        port.sell(name, make.yuan(70))
    supplier = await followed(port)
    offers = {name: await offered(name) for name in "abcd"}
    await read(supplier)
    for name in "abcd":
        port.sell(name, make.yuan(75), stock=0 if name == "b" else None)
    assert await tell_and_ask(supplier, "c", "a", "b", "a", "", "x" * 97) == 3
    assert port.questions == [["a", "b"], ["c"]]
    costs = {name: (await again(offer)).cost for name, offer in offers.items()}
    assert costs == {name: make.yuan(70 if name == "d" else 75) for name in "abcd"}
    assert (await again(offers["b"])).availability is Availability.SOLD_OUT
    # A stock that is not told is unknown, which is not zero.
    assert (await SupplierItem.get(item="a")).stock is None
    assert (await again(offers["a"])).availability is Availability.ON_SALE
    assert await OfferChange.filter(offer_id=offers["a"].id).count() == 3
    assert len(await events("supplier.goods_told")) == 1
    assert await sourcing.ask_told(supplier) == 0
    with make.later(minutes=1):
        assert await sourcing.ask_told(supplier) == 3  # once more
    assert await ToldItem.all().count() == 0


async def test_it_takes_the_damped_way_of_the_list(port: Pushing) -> None:
    port.sell("a", make.yuan(70))
    supplier = await followed(port, tolerance=100, settle_seconds=600)
    offer = await offered("a", make.yuan(70))
    await read(supplier)
    port.sell("a", make.yuan(70) + 1_000)
    await tell_and_ask(supplier, "a")
    assert (await again(offer)).cost == make.yuan(70)
    with make.later(minutes=11):
        await tell_and_ask(supplier, "a")
    assert (await again(offer)).cost == make.yuan(70) + 1_000


async def test_what_changed_is_asked_for_once_more(port: Pushing) -> None:
    """It went to and fro between two looks of the supplier, who tells of it no more."""
    port.sell("a", make.yuan(70))
    port.sell("b", make.yuan(70))
    supplier = await followed(port)
    offer = await offered("a")
    await read(supplier)
    port.pushes = Pushes.ACTIVE
    port.sell("a", make.yuan(90))
    await read(supplier, after=3_600)
    assert (await again(offer)).cost == make.yuan(90)
    port.sell("a", make.yuan(70))
    with make.later(minutes=61):
        assert await sourcing.told_due(10) == [supplier]
        assert await sourcing.ask_told(supplier) == 1
        assert (await again(offer)).cost == make.yuan(70)
    with make.later(minutes=62):
        assert await sourcing.ask_told(supplier) == 1  # the same again: that is how it stands
    with make.later(minutes=70):
        assert await sourcing.told_due(10) == []
    assert port.questions == [["a"], ["a"]]


async def test_what_is_back_is_asked_for_when_it_has_been_back_for_a_while(port: Pushing) -> None:
    port.sell("a", make.yuan(70), stock=0)
    supplier = await followed(port, settle_seconds=600)
    offer = await offered("a", make.yuan(70))
    await read(supplier)
    port.sell("a", make.yuan(70))
    await tell_and_ask(supplier, "a")
    with make.later(minutes=1):
        await sourcing.ask_told(supplier)
        assert (await again(offer)).availability is Availability.SOLD_OUT
        assert await sourcing.told_due(10) == []
    with make.later(minutes=11):
        assert await sourcing.told_due(10) == [supplier]
        await sourcing.ask_told(supplier)
    assert (await again(offer)).availability is Availability.ON_SALE
    assert await ToldItem.all().count() == 0


async def test_what_is_left_out_of_an_answer_is_gone_only_when_the_supplier_says_so(
    port: Pushing,
) -> None:
    port.sell("a", make.yuan(70))
    port.sell("b", make.yuan(70))
    supplier = await followed(port)
    kept, gone = await offered("a"), await offered("b")
    await read(supplier)
    port.lost = {"a"}
    del port.goods["b"]
    await tell_and_ask(supplier, "a", "b")
    assert (await again(kept)).availability is Availability.ON_SALE
    assert (await again(gone)).availability is Availability.GONE
    assert await port.product(Connection("x", "", ""), "b") == NotFound()


async def test_a_page_that_was_asked_for_earlier_does_not_overwrite_what_was_asked_for_since(
    port: Pushing,
) -> None:
    """The page is on its way while a push tells of a change, is asked about and booked."""
    port.sell("a", make.yuan(70))
    port.sell("b", make.yuan(70))
    supplier = await followed(port)
    dear, gone = await offered("a"), await offered("b")
    await read(supplier)

    async def changes() -> None:
        port.sell("a", make.yuan(90))
        port.goods.pop("b", None)
        later = clock.now() + timedelta(seconds=1)
        with clock.fixed(lambda: later):
            await tell_and_ask(supplier, "a", "b")

    port.meanwhile = changes
    run = await read(supplier, after=60)
    assert (await again(dear)).cost == make.yuan(90)
    assert (await again(gone)).availability is Availability.GONE
    item = await SupplierItem.get(item="a")
    assert (item.seen_run, item.missed) == (run.id, 0)  # it is no missing one for all that
    # Without what happened in between the same page is believed.
    port.meanwhile = _nothing
    port.sell("a", make.yuan(70))
    port.sell("b", make.yuan(70))
    await read(supplier, after=120)
    assert (await again(dear)).cost == make.yuan(70)
    assert (await again(gone)).availability is Availability.ON_SALE


async def test_what_is_told_again_while_it_is_asked_about_is_asked_again(port: Pushing) -> None:
    port.sell("a", make.yuan(70))
    supplier = await followed(port)
    await offered("a")
    await tell(supplier, "a")
    claimed = await ToldItem.get()
    with make.later(seconds=1):
        await tell(supplier, "a")
    async with connection() as conn:
        done = "DELETE FROM told_items WHERE item = 'a' AND told_at = $1"
        await conn.execute(done, claimed.told_at)  # as the first answer does
    assert await ToldItem.all().count() == 1
    with make.later(seconds=2):
        assert await sourcing.ask_told(supplier) == 1


async def test_who_does_not_answer_is_asked_later_some_times_and_the_list_is_read_anyway(
    port: Pushing,
) -> None:
    port.sell("a", make.yuan(70))
    supplier = await followed(port)
    offer = await offered("a")
    await tell(supplier, "a")
    port.answers = [Uncertain(detail="down")] * MAX_FAILURES
    for hours in range(MAX_FAILURES):
        with make.later(hours=hours):
            assert supplier in await sourcing.told_due(10)
            assert await sourcing.ask_told(supplier) == 0
            assert supplier not in await sourcing.told_due(10)
    assert await ToldItem.all().count() == 0
    assert len(port.questions) == MAX_FAILURES
    await read(supplier)
    assert (await again(offer)).cost == make.yuan(70)


async def test_who_died_asking_is_followed_by_another(port: Pushing) -> None:
    port.sell("a", make.yuan(70))
    supplier = await followed(port)
    await tell(supplier, "a")
    async with connection() as conn:
        lease = "UPDATE told_items SET due_at = now() + interval '90 seconds', tries = 1"
        await conn.execute(lease)
    assert await sourcing.ask_told(supplier) == 0
    with make.later(seconds=91):
        assert await sourcing.told_due(10) == [supplier]
        assert await sourcing.ask_told(supplier) == 1


async def test_of_too_many_at_once_the_whole_list_is_read(port: Pushing) -> None:
    supplier = await followed(port)
    await SyncPolicy.filter(supplier_id=supplier).update(next_at=clock.now() + timedelta(hours=1))
    assert await tell(supplier, *(f"i{number}" for number in range(MOST_TOLD + 1)))
    assert await ToldItem.all().count() == 0
    assert await sourcing.list_due(10) == [supplier]


async def test_of_who_is_not_followed_nothing_is_noted(port: Pushing) -> None:
    supplier = await followed(port)
    await sourcing.save_policy(make.OPERATOR, sourcing.SyncWish("lister", enabled=False))
    assert not await tell(supplier, "a")
    assert await ToldItem.all().count() == 0
    assert await events("supplier.goods_told") == []


async def test_each_reading_notes_whether_the_supplier_tells_by_itself(port: Pushing) -> None:
    port.sell("a", make.yuan(70))
    supplier = await followed(port)
    for said, kept in (
        (Pushes.OFFERED, Pushes.OFFERED),
        (Pushes.UNKNOWN, Pushes.OFFERED),
        (Pushes.NONE, Pushes.NONE),
    ):
        port.pushes = said
        await read(supplier)
        assert (await SyncPolicy.get(supplier_id=supplier)).pushes is kept
    moment = clock.now()
    with clock.fixed(lambda: moment):
        await tell(supplier, "a")
    policy = await SyncPolicy.get(supplier_id=supplier)
    assert (policy.pushes, policy.pushed_at) == (Pushes.ACTIVE, moment)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "INSERT INTO told_items SELECT gen_random_uuid(), supplier_id, item, told_at, due_at, 0"
            " FROM told_items",
            "told_item_once",
        ),
        ("UPDATE told_items SET supplier_id = gen_random_uuid()", "told_item_of_a_supplier"),
    ],
)
async def test_the_database_refuses(port: Pushing, statement: str, constraint: str) -> None:
    await tell(await followed(port), "a")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        async with transaction() as conn:
            await conn.execute(statement)
    assert refused.value.constraint_name == constraint
