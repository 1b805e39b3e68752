"""What the simulator does by itself: names that fail, deliveries that are wrong, signatures."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any
from unittest.mock import ANY

import httpx2
import orjson
import pytest
import pytest_asyncio

from adapters.http import PartnerClient
from adapters.sandbox.faults import Fault
from adapters.sandbox.simulator import load_items, sandbox_secret
from adapters.signing import NONCE, SIGNATURE, TIMESTAMP, sign
from adapters.suppliers.generic_http import GenericHttp
from domain.kernel import clock, plain
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    Connection,
    Rejected,
    Submission,
    SubmitResult,
    Uncertain,
)
from tests import make

pytestmark = pytest.mark.xdist_group("simulator")
COST = make.yuan(80)
GUARD = make.yuan(100)
_numbers = count(1)


def submission(item: str, quantity: int = 1, **changes: Any) -> Submission:
    made = Submission(
        reference=f"k{next(_numbers):08d}",
        item=item,
        quantity=quantity,
        max_unit_cost=GUARD,
        currency=make.CNY,
        valid_until=clock.now() + timedelta(seconds=20),
    )
    return replace(made, **changes)


# --- against the simulator ----------------------------------------------------------------------


@dataclass
class Supplier:
    """One supplier of the simulator: the adapter that speaks to it, and its own book."""

    simulator: str
    adapter: GenericHttp
    connection: Connection

    async def offer(self, prefix: str = "item-", cost: int = COST) -> str:
        item = f"{prefix}{next(_numbers)}"
        row = {"supplier_code": self.connection.supplier_code, "supplier_item": item}
        assert await load_items(self.simulator, [{**row, "cost": plain(cost)}]) == 1
        return item

    def fault(self, fault: Fault, item: str, **more: Any) -> None:
        wish = {"supplier": self.connection.supplier_code, "fault": fault, "item": item, **more}
        httpx2.post(f"{self.simulator}/control/faults", json=wish).raise_for_status()

    def book(self, reference: str) -> list[dict[str, Any]]:
        """The orders that really stand under a reference."""
        shown = httpx2.get(f"{self.simulator}/control/book").json()
        return [order for order in shown["orders"] if order["reference"] == reference]

    async def submit(self, wanted: Submission) -> SubmitResult:
        return await self.adapter.submit(self.connection, wanted)

    async def query(self, wanted: Submission) -> Any:
        return await self.adapter.query(self.connection, wanted)


@pytest_asyncio.fixture
async def supplier(simulator: str) -> AsyncIterator[Supplier]:
    client = PartnerClient()
    connection = Connection("alpha", f"{simulator}/alpha", sandbox_secret("alpha"), 1.0)
    yield Supplier(simulator, GenericHttp(client), connection)
    await client.close()


async def test_an_item_that_nobody_sells_is_gone(supplier: Supplier) -> None:
    assert await supplier.submit(submission("nothing")) == Rejected(
        Category.PRODUCT_GONE, "product_gone"
    )


async def test_the_price_guard_is_the_suppliers_to_keep(supplier: Supplier) -> None:
    wanted = submission(await supplier.offer(cost=GUARD + 1))
    assert await supplier.submit(wanted) == Rejected(Category.PRICE_EXCEEDED, "price_exceeded")


@pytest.mark.parametrize(
    ("prefix", "category"),
    [("soldout-", Category.OUT_OF_STOCK), ("dearer-", Category.PRICE_EXCEEDED)],
)
async def test_a_name_alone_rejects(supplier: Supplier, prefix: str, category: Category) -> None:
    wanted = submission(await supplier.offer(prefix))
    assert await supplier.submit(wanted) == Rejected(category, category.value)
    assert [order["charged"] for order in supplier.book(wanted.reference)] == ["0.0000"]


async def test_a_slow_name_is_uncertain_and_then_there(supplier: Supplier) -> None:
    wanted = submission(await supplier.offer("slow-"))
    assert isinstance(await supplier.submit(wanted), Uncertain)
    assert isinstance(await supplier.query(wanted), Completed)
    assert len(supplier.book(wanted.reference)) == 1


async def test_goods_to_follow_are_accepted_and_come(supplier: Supplier) -> None:
    item = await supplier.offer()
    supplier.fault(Fault.ASYNC_DELIVERY, item)
    wanted = submission(item)
    assert isinstance(await supplier.submit(wanted), Accepted)
    assert isinstance(await supplier.query(wanted), Accepted)
    assert isinstance(await supplier.query(wanted), Completed)


async def test_what_is_taken_back_is_rejected_in_the_end(supplier: Supplier) -> None:
    item = await supplier.offer()
    supplier.fault(Fault.REFUND_LATER, item)
    wanted = submission(item)
    assert isinstance(await supplier.submit(wanted), Accepted)
    results = [await supplier.query(wanted) for _ in range(3)]
    assert results[-1] == Rejected(Category.UNKNOWN, "refunded")
    assert [order["codes"] for order in supplier.book(wanted.reference)] == [0]


@pytest.mark.parametrize(
    ("fault", "codes", "charged"),
    [
        (Fault.PARTIAL_DELIVERY, 2, 2),
        (Fault.WRONG_COUNT, 3, 4),
        (Fault.SURPLUS, 5, 4),
        (Fault.PRICE_IGNORED, 4, 8),
    ],
)
async def test_a_wrong_delivery_is_shown_as_it_is(
    supplier: Supplier, fault: Fault, codes: int, charged: int
) -> None:
    item = await supplier.offer()
    supplier.fault(fault, item)
    result = await supplier.submit(submission(item, quantity=4))
    assert isinstance(result, Completed)
    assert (len(result.codes), result.cost) == (codes, charged * COST)


async def test_a_part_of_a_single_card_is_none_and_refused(supplier: Supplier) -> None:
    item = await supplier.offer()
    supplier.fault(Fault.PARTIAL_DELIVERY, item)
    wanted = submission(item)
    assert await supplier.submit(wanted) == Rejected(Category.OUT_OF_STOCK, "out_of_stock")
    assert [order["charged"] for order in supplier.book(wanted.reference)] == ["0.0000"]


async def test_a_vendor_that_is_called_takes_back_what_it_has_not_delivered(
    supplier: Supplier,
) -> None:
    open_item, empty_item, item = [await supplier.offer() for _ in range(3)]
    supplier.fault(Fault.NEVER_FINAL, open_item)
    supplier.fault(Fault.WRONG_COUNT, empty_item)
    never, empty, done = (submission(each) for each in (open_item, empty_item, item))
    assert isinstance(await supplier.submit(never), Accepted)
    assert await supplier.submit(empty) == Accepted(ANY, withheld=True)  # paid, and nothing came
    assert isinstance(await supplier.submit(done), Completed)
    told = [call(supplier, each) for each in (never, empty, done)]
    assert told == ["cancelled", "cancelled", "completed"]
    assert await supplier.query(never) == Rejected(Category.UNKNOWN, "refunded")
    assert call(supplier, submission(item)) == "not_found"


def call(supplier: Supplier, wanted: Submission) -> str:
    asked = {"supplier": supplier.connection.supplier_code, "reference": wanted.reference}
    return str(httpx2.post(f"{supplier.simulator}/control/cancel", json=asked).json()["state"])


def test_faults_that_are_switched_off_tell_how_often_they_fired(simulator: str) -> None:
    wish = {"supplier": "cleared", "fault": Fault.STOCK_OUT, "times": 3}
    httpx2.post(f"{simulator}/control/faults", json=wish).raise_for_status()
    answer = httpx2.delete(f"{simulator}/control/faults", params={"supplier": "cleared"}).json()
    assert [(each["fault"], each["fired"]) for each in answer["cleared"]] == [("stock_out", 0)]
    assert [each for each in answer["faults"] if each["supplier"] == "cleared"] == []


# --- what the simulator refuses -----------------------------------------------------------------


@pytest.fixture
def signed() -> dict[str, Any]:
    body = orjson.dumps({"reference": f"signed-{next(_numbers)}"})
    parts = (str(int(clock.now().timestamp())), f"nonce-{next(_numbers)}")
    signature = sign(sandbox_secret("alpha"), "POST", "/alpha/orders", *parts, body)
    headers = {TIMESTAMP: parts[0], NONCE: parts[1], SIGNATURE: signature}
    return {"url": "/alpha/orders", "headers": headers, "content": body}


def test_a_signed_request_is_read_once(simulator: str, signed: dict[str, Any]) -> None:
    assert post(simulator, signed) == (400, "malformed")  # signed well, but no order
    assert post(simulator, signed) == (401, "replayed_nonce")


@pytest.mark.parametrize("part", ["content", "url", TIMESTAMP, NONCE, SIGNATURE])
def test_no_part_of_a_signed_request_can_be_changed(
    simulator: str, signed: dict[str, Any], part: str
) -> None:
    if part in signed["headers"]:
        old = signed["headers"][part]
        signed["headers"][part] = ("1" if old[0] != "1" else "2") + old[1:]
    elif part == "url":
        signed["url"] = "/beta/orders"
    else:
        signed["content"] += b" "
    assert post(simulator, signed) == (401, "auth")


def test_an_old_request_is_stale(simulator: str, signed: dict[str, Any]) -> None:
    old = str(int(clock.now().timestamp()) - 61)
    body, nonce = signed["content"], signed["headers"][NONCE]
    signature = sign(sandbox_secret("alpha"), "POST", "/alpha/orders", old, nonce, body)
    signed["headers"] |= {TIMESTAMP: old, SIGNATURE: signature}
    assert post(simulator, signed) == (401, "stale_timestamp")


def post(simulator: str, request: dict[str, Any]) -> tuple[int, str]:
    answer = httpx2.post(
        simulator + request["url"], headers=request["headers"], content=request["content"]
    )
    return answer.status_code, answer.json()["error"]
