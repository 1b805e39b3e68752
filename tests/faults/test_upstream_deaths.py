"""Processes die with what suppliers told them, while they tell partners, and while callbacks come
in: asked again, each item is booked once, each change told once, each rest kept once (row D6)."""

from uuid import UUID

import pytest

from domain import fulfilment, payouts, peers, replenishment, sourcing, suppliers
from domain.fulfilment import AttemptStatus, SupplierCallback, service
from domain.payouts import Payout, PayoutStatus
from domain.peers import GOODS_CHANGED
from domain.sourcing import CatalogueRun, RunState, ToldItem
from domain.suppliers import Availability, OfferChange
from tests import make
from tests.domain.fulfilment.test_fulfilment import Scripted, goods, port
from tests.domain.fulfilment.test_rest import Calling, first_of, in_part, rests, shelf
from tests.domain.payouts.test_incoming import bench, sent
from tests.domain.peers.test_telling import partner, price
from tests.domain.replenishment import test_buying as stock
from tests.domain.replenishment.test_seats import uncertain
from tests.domain.sourcing.test_following import Listing, again, followed, offered, read
from tests.domain.sourcing.test_pushed import Pushing, tell
from tests.faults.dying import Mortal
from tests.faults.test_kills import no_violations, number_of
from tests.payout_benches import PayoutBench

pytestmark = pytest.mark.xdist_group("deaths")
__all__ = ["bench", "port"]


@pytest.fixture
def stock_port() -> stock.Scripted:
    made = stock.Scripted()
    suppliers.register("scripted", made)
    return made


async def ask_told(port: Pushing, supplier_id: UUID) -> None:
    suppliers.register("listing", port)
    await sourcing.ask_told(supplier_id)


@pytest.mark.parametrize("point", ["sourcing.told_answered", "sourcing.told_written"])
async def test_what_a_supplier_says_has_changed_is_asked_for_again_and_booked_once(
    mortal: Mortal, point: str
) -> None:
    port = Pushing()
    suppliers.register("listing", port)
    port.sell("a", make.yuan(70))
    supplier = await followed(port)
    offer = await offered("a")
    await read(supplier)
    changes = await OfferChange.filter(offer_id=offer.id).count()
    port.sell("a", make.yuan(75))
    assert await tell(supplier, "a")
    await mortal.dies(point, ask_told, port, supplier)
    assert (await again(offer)).cost == make.yuan(70)
    assert await sourcing.told_due(9) == []  # its lease is not over
    with make.later(minutes=2):
        assert await sourcing.told_due(9) == [supplier]
        assert [await sourcing.ask_told(supplier) for _ in range(2)] == [1, 0]
    assert (await again(offer)).cost == make.yuan(75)
    assert await OfferChange.filter(offer_id=offer.id).count() == changes + 1
    with make.later(minutes=3):
        assert [await sourcing.ask_told(supplier) for _ in range(2)] == [1, 0]  # once more
    assert await OfferChange.filter(offer_id=offer.id).count() == changes + 1
    assert await ToldItem.all().count() == 0
    await no_violations()


async def read_list(port: Listing, supplier_id: UUID) -> None:
    suppliers.register("listing", port)
    await read(supplier_id)


async def test_what_a_list_lacks_is_asked_about_again(mortal: Mortal) -> None:
    port = Listing()
    suppliers.register("listing", port)
    for number in range(9):
        port.sell(f"i{number}", make.yuan(70))
    supplier = await followed(port)
    offer = await offered("i8")
    await read(supplier)
    del port.goods["i8"]
    await mortal.dies("sourcing.missing_answered", read_list, port, supplier)
    assert (await again(offer)).availability is Availability.ON_SALE
    run = await read(supplier, after=200)
    assert (run.state, run.missing) == (RunState.DONE, 1)
    assert (await again(offer)).availability is Availability.GONE
    assert await CatalogueRun.all().count() == 2
    await no_violations()


@pytest.mark.parametrize("point", ["peers.looked", "peers.told_written"])
async def test_a_partner_is_told_of_a_change_once(mortal: Mortal, point: str) -> None:
    variant = await make.variant(cards=1)
    await partner()  # it was told everything
    await price(variant, 51)
    await mortal.dies(point, peers.tell_partners)
    assert await number_of("outbox_events", f"type = '{GOODS_CHANGED}'") == 0
    assert [await peers.tell_partners() for _ in range(2)] == [1, 0]
    assert await number_of("outbox_events", f"type = '{GOODS_CHANGED}'") == 1
    await no_violations()


async def recheck_all(port: Scripted) -> None:
    suppliers.register("scripted", port)
    for each in await fulfilment.list_doubted(10):
        await fulfilment.recheck_attempt(each)


async def test_a_rest_that_comes_after_all_is_stock_once(mortal: Mortal, port: Scripted) -> None:
    _, line_id = await in_part(port)
    port.queries = {"first": [goods(5)]}
    await mortal.dies("fulfilment.rest_written", recheck_all, port, days=1)
    assert (await shelf(line_id), len(await rests(line_id))) == (0, 0)
    port.queries = {"first": [goods(5), goods(5)]}
    with make.later(days=2):
        await recheck_all(port)
        await service.book(await first_of(line_id), goods(5))  # and once more, late
    assert (await shelf(line_id), len(await rests(line_id))) == (2, 1)
    assert await number_of("supply_incidents", "kind = 'came_late'") == 1
    await no_violations()


async def test_a_purchase_for_stock_is_given_up_and_bought_elsewhere_once(
    mortal: Mortal, stock_port: stock.Scripted
) -> None:
    variant = await uncertain(stock_port)
    (purchase,) = await stock.bought(variant)
    operator = await make.operator("purchases:approve")
    give_up = (replenishment.give_up, operator, purchase.id, "surely not")
    await mortal.dies("replenishment.given_up_written", *give_up)
    assert (await stock.bought(variant))[0].status is AttemptStatus.UNCERTAIN
    assert await number_of("audit_entries", "action = 'purchase.give_up'") == 0
    await give_up[0](*give_up[1:])
    await stock.work()
    statuses = [each.status for each in await stock.bought(variant)]
    assert statuses == [AttemptStatus.REJECTED, AttemptStatus.SUCCEEDED]
    assert await stock.on_shelf(variant) == 5
    await stock.books_agree()


# --- callbacks ------------------------------------------------------------------------------------


async def hear_supplier(port: Calling, supplier_id: UUID, reference: str) -> None:
    suppliers.register("scripted", port)
    await fulfilment.take_callback(supplier_id, {"reference": reference}, b"one")


@pytest.mark.parametrize("point", ["callbacks.stored", "callbacks.judged"])
async def test_a_supplier_calls_back_again_and_is_asked(mortal: Mortal, point: str) -> None:
    port = Calling()
    suppliers.register("scripted", port)
    _, line_id = await in_part(port)
    first = await first_of(line_id)
    await mortal.dies(point, hear_supplier, port, first.supplier_id, first.reference)
    assert await SupplierCallback.all().count() == 1
    await hear_supplier(port, first.supplier_id, first.reference)
    assert await fulfilment.list_doubted(10) == [first.id]
    port.queries = {"first": [goods(5)]}
    await fulfilment.recheck_attempt(first.id)
    assert (await shelf(line_id), len(await rests(line_id))) == (2, 1)
    await no_violations()


@pytest.mark.parametrize("point", ["callbacks.stored", "callbacks.judged"])
async def test_a_bank_calls_back_again_and_a_payout_is_booked_once(
    mortal: Mortal, bench: PayoutBench, point: str
) -> None:
    payout = await sent(bench)
    bench.desk.confirm(payout.reference)
    headers, body = bench.gateway.transfer_notice(payout.reference, None)
    await mortal.dies(point, payouts.take_callback, payout.channel_id, headers, body)
    booked = point == "callbacks.judged"
    now = (await Payout.get(id=payout.id)).status
    assert now is (PayoutStatus.SUCCEEDED if booked else PayoutStatus.ACCEPTED)
    heard = await payouts.take_callback(payout.channel_id, headers, body)
    assert heard is not None
    assert heard.reply.status < 300
    assert (await Payout.get(id=payout.id)).status is PayoutStatus.SUCCEEDED
    assert bench.desk.paid(payout.reference) == 1
    assert await number_of("transfers", "kind = 'payout_paid'") == 1
    await no_violations()
