"""What suppliers show of their goods, read by each adapter from the simulator (row D6)."""

from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from adapters.goods import goods_in, stock_in
from adapters.http import PartnerClient
from adapters.sandbox.faults import Fault
from domain.kernel import SCALE
from domain.suppliers import CatalogueItem, CataloguePage, Category, NotFound, Uncertain
from tests.suppliers import KINDS, Bench

pytestmark = pytest.mark.xdist_group("simulator")
LISTING = ("generic cards", "kameng cards", "hook cards", "dayuanren", "reloadly cards")
SINGLE = ("generic cards", "kameng cards", "hook cards", "kashangwl cards", "reloadly cards")
_numbers = count(3_000_000)


@pytest.fixture
async def client() -> AsyncIterator[PartnerClient]:
    made = PartnerClient()
    yield made
    await made.close()


def stocked(
    kind: str, simulator: str, client: PartnerClient, number: int
) -> tuple[Bench, list[str]]:
    """A bench whose supplier sells so many items, at 80, 81, 82 and so on; every third is out."""
    bench = Bench(KINDS[kind], simulator, client)
    names = sorted(bench.goods.item(next(_numbers)) for _ in range(number))
    rows = [
        {"item": name, "price": f"{80 + place}", "stock": 0 if place % 3 == 2 else 5 + place}
        for place, name in enumerate(names)
    ]
    bench.control("items", {"supplier": bench.supplier, "items": rows})
    return bench, names


async def all_of(bench: Bench) -> tuple[list[CatalogueItem], int]:
    items: list[CatalogueItem] = []
    cursor, pages = None, 0
    while True:
        page = await bench.port.catalogue(bench.connection, cursor)
        assert isinstance(page, CataloguePage), page
        items, pages, cursor = [*items, *page.items], pages + 1, page.next_cursor
        if cursor is None:
            return items, pages


@pytest.mark.parametrize("kind", LISTING)
async def test_all_items_are_listed_once_with_price_and_what_is_known_of_their_stock(
    kind: str, simulator: str, client: PartnerClient
) -> None:
    bench, names = stocked(kind, simulator, client, 130)
    assert bench.port.capabilities_of(bench.connection).catalogue_page > 0
    items, pages = await all_of(bench)
    assert sorted(each.item for each in items) == names
    assert pages == (1 if kind == "dayuanren" else 3 if kind == "hook cards" else 2)
    by_name = {each.item: each for each in items}
    assert [by_name[name].cost for name in names] == [(80 + i) * SCALE for i in range(130)]
    stocks = [by_name[name].stock for name in names[:3]]
    known: dict[str, list[Any]] = {
        "generic cards": [5, 6, 0],
        "hook cards": [5, 6, 0],
        "kameng cards": [None, None, 0],  # that there are some, and not how many
    }
    assert stocks == known.get(kind, [None, None, None])
    assert {each.currency for each in items} == ({"USD"} if kind.startswith("reload") else {"CNY"})


@pytest.mark.parametrize("kind", SINGLE)
async def test_one_item_is_told_and_one_that_is_gone_is_surely_gone(
    kind: str, simulator: str, client: PartnerClient
) -> None:
    bench, names = stocked(kind, simulator, client, 3)
    told = await bench.port.product(bench.connection, names[1])
    assert isinstance(told, CatalogueItem), told
    assert (told.item, told.cost) == (names[1], 81 * SCALE)
    out = await bench.port.product(bench.connection, names[2])
    assert isinstance(out, CatalogueItem)
    assert out.stock == (None if kind == "reloadly cards" else 0)
    gone = bench.goods.item(next(_numbers))
    assert await bench.port.product(bench.connection, gone) == NotFound()


@pytest.mark.parametrize("kind", LISTING)
@pytest.mark.parametrize("fault", [Fault.LIST_GARBAGE, Fault.LIST_LIMITED])
async def test_what_is_no_list_says_nothing(
    kind: str, fault: Fault, simulator: str, client: PartnerClient
) -> None:
    bench, names = stocked(kind, simulator, client, 3)
    bench.control("faults", {"supplier": bench.supplier, "fault": fault, "times": 1})
    answer = await bench.port.catalogue(bench.connection)
    assert isinstance(answer, Uncertain), answer
    limited = fault is Fault.LIST_LIMITED
    assert answer.category is (Category.RATE_LIMITED if limited else Category.UNKNOWN)
    assert len((await all_of(bench))[0]) == len(names)


async def test_the_rate_of_a_connection_stands_with_its_secret_or_its_settings(
    simulator: str, client: PartnerClient
) -> None:
    bench = Bench(KINDS["reloadly cards"], simulator, client)
    assert bench.port.rate_of(bench.connection) == Decimal("7.1")
    plain = Bench(KINDS["generic cards"], simulator, client)
    assert plain.port.rate_of(plain.connection) is None


def test_a_row_that_cannot_be_read_is_left_out_and_the_others_stay() -> None:
    def read(row: dict[str, Any]) -> CatalogueItem:
        stock, unlimited = stock_in(row.get("stock"), endless=-1)
        return CatalogueItem(row["item"], "", row["cost"], "CNY", stock=stock, unlimited=unlimited)

    rows: list[Any] = [
        {"item": "a", "cost": 1, "stock": -1},
        {"item": "b", "cost": 0, "stock": 1},
        {"item": "c", "cost": 1, "stock": "many"},
        {"item": "", "cost": 1, "stock": 1},
        {"item": "d", "cost": 2**60, "stock": 1},
        {"item": "e", "cost": None, "stock": None},
    ]
    assert [(each.item, each.stock, each.unlimited) for each in goods_in(rows, read)] == [
        ("a", None, True),
        ("e", None, False),
    ]
