"""A supplier's list is followed over the wire: prices, what is gone, lists that are none (D6)."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx2
import pytest

from adapters.http import PartnerClient
from adapters.sandbox.faults import Fault
from domain import pricing, sourcing, suppliers
from domain.kernel import clock
from domain.priceguard import GuardAction, GuardWish, save_guard
from domain.pricing.models import Price
from domain.sourcing import CatalogueRun, RunState, SyncWish
from domain.suppliers import Availability, OfferWish, SupplierOffer, SupplierWish
from tests import make
from tests.suppliers import KINDS, Bench

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.xdist_group("simulator")]
NAMES = [f"item-{number:03}" for number in range(120)]


@pytest.fixture(params=["generic cards", "kameng cards", "hook cards"])
async def bench(request: pytest.FixtureRequest, simulator: str) -> AsyncIterator[Bench]:
    client = PartnerClient()
    made = Bench(KINDS[request.param], simulator, client)
    suppliers.register(made.goods.adapter, made.port)
    yield made
    await client.close()


def sells(bench: Bench, price: int, names: list[str] = NAMES, stock: int = -1) -> None:
    rows = [{"item": name, "price": str(price), "stock": stock} for name in names]
    bench.control("items", {"supplier": bench.supplier, "items": rows})


async def follow(bench: Bench) -> tuple[UUID, SupplierOffer]:
    """The bench's supplier, followed, and an offer of its last item for a variant of ours."""
    to = bench.connection
    wish = SupplierWish(bench.supplier, "Lister", bench.goods.adapter, to.base_url, to.secret)
    saved = await suppliers.save_supplier(make.OPERATOR, wish)
    sync = SyncWish(bench.supplier, pause_ms=0, tolerance=0, settle_seconds=0)
    await sourcing.save_policy(make.OPERATOR, sync)
    variant = await make.variant(price=make.yuan(90))
    offer = OfferWish(variant.sku, bench.supplier, NAMES[-1], make.yuan(80))
    return saved.id, await suppliers.save_offer(make.OPERATOR, offer)


async def read(bench: Bench, supplier: UUID) -> CatalogueRun:
    """Read the list now, whatever it waits for; the newest run."""
    await sourcing.start_run(make.OPERATOR, bench.supplier)
    await CatalogueRun.filter(next_at__isnull=False).update(next_at=clock.now())
    await sourcing.read_list(supplier)
    return await CatalogueRun.filter(supplier_id=supplier).order_by("-id").first()


async def test_a_price_rise_upstream_changes_ours_and_a_removed_item_is_taken_off(
    bench: Bench,
) -> None:
    sells(bench, 80)
    supplier, offer = await follow(bench)
    await save_guard(make.OPERATOR, GuardWish(GuardAction.RAISE_TO_FLOOR, min_margin_rate=500))
    assert (await read(bench, supplier)).items == len(NAMES)
    sells(bench, 100)
    await read(bench, supplier)
    await offer.refresh_from_db()
    assert offer.cost == make.yuan(100)
    await pricing.watch_prices([offer.variant_id])
    assert (await Price.get(variant_id=offer.variant_id)).amount == make.yuan(105)
    there = f"{bench.simulator}/control/items"
    httpx2.delete(there, params={"supplier": bench.supplier, "item": NAMES[-1]})
    run = await read(bench, supplier)
    assert (run.state, run.missing) == (RunState.DONE, 1)
    await offer.refresh_from_db()
    assert offer.availability is Availability.GONE
    sells(bench, 80, [NAMES[-1]], stock=0)
    await read(bench, supplier)
    await offer.refresh_from_db()
    assert offer.availability is Availability.SOLD_OUT


async def test_no_fault_of_a_list_takes_anything_off(bench: Bench) -> None:
    sells(bench, 80)
    supplier, offer = await follow(bench)
    await read(bench, supplier)
    for fault in (Fault.LIST_GARBAGE, Fault.LIST_LIMITED):
        bench.control("faults", {"supplier": bench.supplier, "fault": fault, "times": 2})
        run = await read(bench, supplier)
        assert (run.state, run.failures) == (RunState.READING, 1), fault
        run = await read(bench, supplier)
        assert (run.state, run.failures) == (RunState.READING, 2), fault
        run = await read(bench, supplier)
        assert (run.state, run.items) == (RunState.DONE, len(NAMES)), fault
    half = {"supplier": bench.supplier, "fault": Fault.LIST_HALF, "times": None}
    bench.control("faults", half)
    run = await read(bench, supplier)
    assert (run.state, run.missing) == (RunState.SUSPICIOUS, len(NAMES) // 2)
    await offer.refresh_from_db()
    assert offer.availability is Availability.ON_SALE
