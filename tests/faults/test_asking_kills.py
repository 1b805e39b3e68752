"""A worker dies with what a supplier told it: it asks again, and what came is there once."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2 as httpx
import pytest

from adapters.http import PartnerClient
from adapters.sandbox.simulator import load_items
from adapters.suppliers.generic_http import GenericHttp
from domain import checkout, fulfilment, sourcing, suppliers
from domain.fulfilment import Doubt, FulfilmentAttempt, service
from domain.kernel import clock, connection
from domain.routing import SupplierReading
from domain.sourcing import CatalogueRun, RunState, SyncWish
from domain.suppliers import Category, Completed, Rejected, SupplierOffer
from tests import make
from tests.faults.conftest import Installation
from tests.faults.test_kills import bought_upstream, no_violations, number_of, run

pytestmark = pytest.mark.xdist_group("kills")
PATIENCE_SECONDS = 150


async def until(done: Callable[[], Awaitable[bool]], what: str) -> None:
    for _ in range(PATIENCE_SECONDS * 5):
        if await done():
            return
        await asyncio.sleep(0.2)
    pytest.fail(f"{what} within {PATIENCE_SECONDS} s")


async def due_now(table: str, column: str) -> None:
    """The lease of who died is over: nobody wants to wait for it here."""
    async with connection() as conn:
        sql = f"UPDATE {table} SET {column} = now() WHERE {column} IS NOT NULL"
        await conn.execute(sql)


async def offered(installation: Installation) -> tuple[make.Variant, SupplierOffer]:
    variant = await make.variant(price=make.yuan(100))
    item = await make.simulated_offer(variant, installation.simulator, make.yuan(80))
    installation.start("simulator")
    await load_items(installation.simulator, [item])
    return variant, await SupplierOffer.get(item=item["supplier_item"])


async def dies(installation: Installation, point: str) -> None:
    installation.start("worker", crash_at=point)
    installation.start("scheduler")
    await run(installation.wait_for_crash, "worker", 90)


@pytest.mark.parametrize("point", ["sourcing.page_answered", "sourcing.page_committed"])
async def test_a_list_is_read_to_its_end_and_a_price_changes_once(
    installation: Installation, point: str
) -> None:
    _, offer = await offered(installation)
    others = [{"item": f"other-{number:03}", "price": "9", "stock": 5} for number in range(150)]
    rows = [{"item": offer.item, "price": "85", "stock": -1}, *others]
    wish = {"supplier": "alpha", "items": rows}
    told = await run(httpx.post, f"{installation.simulator}/control/items", json=wish)
    assert told.status_code == 200
    sync = SyncWish("alpha", pause_ms=0, tolerance=0, settle_seconds=0)
    await sourcing.save_policy(make.OPERATOR, sync)
    await dies(installation, point)
    installation.start("worker")
    await due_now("catalogue_runs", "next_at")

    async def read() -> bool:
        return await CatalogueRun.filter(state=RunState.DONE).exists()

    await until(read, "no list was read")
    assert await CatalogueRun.all().count() == 1
    assert (await CatalogueRun.get()).items == len(rows)
    await offer.refresh_from_db()
    assert offer.cost == make.yuan(85)
    assert await number_of("supplier_items") == len(rows)
    await no_violations()


async def test_late_goods_are_stock_once(installation: Installation) -> None:
    variant, _ = await offered(installation)
    wish = checkout.Purchase((checkout.LineWish(variant.sku, 1),), "key")
    placed = await checkout.place_order(await make.buyer(), wish)
    step = await service._open_attempt(placed.lines[0].id)
    assert step is not None
    attempt = step.attempt
    client = PartnerClient()
    _, to = await suppliers.connection_of(attempt.supplier_id)
    sold = await GenericHttp(client).submit(to, service.submission_of(attempt))
    await client.close()
    assert isinstance(sold, Completed)  # and nobody here has heard of it
    await service.book(attempt, Rejected(Category.PROVIDER_DOWN))
    doubt = {"recheck_at": clock.now(), "doubt": Doubt.NOT_FOUND}
    await FulfilmentAttempt.filter(id=attempt.id).update(**doubt)
    await fulfilment.fulfil_line(placed.lines[0].id)
    await dies(installation, "fulfilment.recheck_answered")
    installation.start("worker")
    await due_now("fulfilment_attempts", "recheck_at")

    async def parked() -> bool:
        return (await FulfilmentAttempt.get(id=attempt.id)).parked

    await until(parked, "nothing was parked")
    assert await number_of("cards", "state = 'available'") == 1
    assert await number_of("supply_incidents", "kind = 'came_late'") == 1
    assert await number_of("order_lines", "status = 'REFUNDED'") == 1
    assert await run(bought_upstream, installation) == 1
    await no_violations()


async def test_a_balance_is_noted_when_it_is_told_again(installation: Installation) -> None:
    await offered(installation)
    await dies(installation, "routing.poll_answered")
    assert await SupplierReading.all().count() == 0
    installation.start("worker")
    await due_now("supplier_gates", "next_poll_at")

    async def noted() -> bool:
        return await SupplierReading.all().count() == 1

    await until(noted, "nothing was noted")
    assert (await SupplierReading.get()).balance is not None
