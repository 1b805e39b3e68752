"""The supplier port's contract, held for each adapter against the simulator in its dialect (D1).

One sentence matters more than all others: who says `Rejected` has surely not bought, and who bought
is in the end told so. The supplier's own book is the judge (invariant I9).
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.http import PartnerClient
from adapters.sandbox.faults import CALLBACK_FAULTS, LIST_FAULTS, Fault
from domain.kernel import clock
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    NotFound,
    OwnReference,
    QueryResult,
    Rejected,
    SubmitResult,
    Uncertain,
)
from tests.suppliers import COST, KINDS, Bench

pytestmark = pytest.mark.xdist_group("simulator")
QUERIES = 12
REJECTED_AT_ONCE = {
    Fault.STOCK_OUT: Category.OUT_OF_STOCK,
    Fault.PRICE_CHANGE: Category.PRICE_EXCEEDED,
    Fault.INSUFFICIENT_BALANCE: Category.INSUFFICIENT_BALANCE,
    Fault.RATE_LIMITED: Category.RATE_LIMITED,
    Fault.AUTH_REVOKED: Category.AUTH,
}
HIDES_WHAT_IT_DID = (
    Fault.TIMEOUT_AFTER_SUCCESS,
    Fault.ERROR_BUT_DONE,
    Fault.GARBAGE,
    Fault.NOT_FOUND_TEMPORARILY,
    Fault.APPEARS_LATE,
)
DID_NOTHING_UNSAID = (Fault.TIMEOUT_BEFORE_ACCEPT, Fault.ERROR_THEN_OK, Fault.UNKNOWN_ERROR)
ABOUT_THE_ORDER = [
    fault
    for fault in Fault
    if fault not in {*CALLBACK_FAULTS, *LIST_FAULTS, Fault.STATEMENT_MISMATCH}
]


@pytest.fixture(params=sorted(KINDS))
async def bench(request: pytest.FixtureRequest, simulator: str) -> AsyncIterator[Bench]:
    client = PartnerClient()
    yield Bench(KINDS[request.param], simulator, client)
    await client.close()


async def in_the_end(bench: Bench, order: object, first: SubmitResult) -> QueryResult:
    """Ask until it is definite, as the house does; the submission is never sent again."""
    result: QueryResult = first
    for _ in range(QUERIES):
        if isinstance(result, Completed | Rejected):
            return result
        result = await bench.query(order)  # type: ignore[arg-type]
    return result


async def test_an_honest_supplier_delivers_and_tells_the_same_again(bench: Bench) -> None:
    order = bench.order()
    first = await bench.submit(order)
    assert isinstance(first, Accepted if bench.goods.asynchronous else Completed), first
    told = await in_the_end(bench, order, first)
    assert isinstance(told, Completed)
    assert told.cost == order.quantity * bench.cost
    assert told.whole
    book = bench.booked(order)
    assert book is not None
    assert len(told.codes) == book["codes"] == (0 if bench.goods.account else order.quantity)
    assert bool(told.receipt) is bool(bench.goods.account)
    assert (await bench.query(order)) == told or isinstance(first, Completed)


async def test_the_same_reference_again_buys_nothing(bench: Bench) -> None:
    order = bench.order()
    first = await bench.submit(order)
    second = await bench.submit(order)
    if bench.port.capabilities.own_reference is OwnReference.RETURNS_FIRST:
        assert second == first
    else:
        assert isinstance(second, Uncertain)
        assert second.category is Category.DUPLICATE_REFERENCE
    assert isinstance(await in_the_end(bench, order, second), Completed)
    book = bench.booked(order)
    assert book is not None
    assert book["charged"] == f"{COST * order.quantity / 10_000:.4f}"


@pytest.mark.parametrize("fault", ABOUT_THE_ORDER)
async def test_no_fault_makes_it_say_rejected_of_a_purchase(bench: Bench, fault: Fault) -> None:
    order = bench.order(fault)
    first = await bench.submit(order)
    told = await in_the_end(bench, order, first)
    book = bench.booked(order)
    bought = book is not None and book["state"] in ("completed", "partial")
    has_goods = bought and (book is not None and (book["codes"] > 0 or book["receipt"] != ""))
    if isinstance(told, Rejected):
        assert not bought, (told, book)
    elif isinstance(told, NotFound):
        assert book is None or book["state"] == "rejected", book
    elif has_goods and fault is not Fault.NEVER_FINAL:
        assert isinstance(told, Completed), (told, book)
        assert len(told.codes) == (book or {})["codes"]
    if fault in HIDES_WHAT_IT_DID:
        assert isinstance(first, Uncertain), first
        assert isinstance(told, Completed), told
    if fault in DID_NOTHING_UNSAID:
        assert isinstance(first, Uncertain), first
        assert isinstance(told, NotFound), told
    assert sum(bench.fired().values()) > 0 or not bench.goods.guard_upstream


@pytest.mark.parametrize("fault", list(REJECTED_AT_ONCE))
async def test_a_refusal_is_definite_at_once_and_says_why(bench: Bench, fault: Fault) -> None:
    if fault is Fault.PRICE_CHANGE and not bench.goods.guard_upstream:
        pytest.skip("it has no price guard: see the price that is asked before")
    order = bench.order(fault)
    result = await bench.submit(order)
    assert isinstance(result, Rejected), result
    assert result.category is REJECTED_AT_ONCE[fault]
    book = bench.booked(order)
    assert book is None or book["charged"] == "0.0000"


async def test_the_guard_is_kept_by_somebody(bench: Bench) -> None:
    order = bench.order(price=COST * 2)
    result = await bench.submit(order)
    assert isinstance(result, Rejected)
    assert result.category is Category.PRICE_EXCEEDED
    assert (bench.booked(order) or {"charged": "0.0000"})["charged"] == "0.0000"


async def test_what_is_not_sold_there_is_gone(bench: Bench) -> None:
    order = bench.order()
    unknown = replace(order, item=bench.goods.asked(bench.goods.item(1)))
    result = await bench.submit(unknown)
    assert isinstance(result, Rejected)
    assert result.category is Category.PRODUCT_GONE


async def test_an_account_that_nobody_knows_is_rejected(bench: Bench) -> None:
    if not bench.goods.account:
        pytest.skip("cards have no account")
    order = bench.order(account=dict.fromkeys(bench.goods.account, "13800130404"))
    result = await bench.submit(order)
    assert isinstance(result, Rejected)
    assert result.category is Category.INVALID_ACCOUNT
    assert "13800130404" not in repr(order)


async def test_a_state_that_nobody_knows_is_asked_again(bench: Bench) -> None:
    order = bench.order(Fault.UNKNOWN_STATE)
    first = await bench.submit(order)
    assert isinstance(first, Accepted | Uncertain), first
    assert isinstance(await in_the_end(bench, order, first), Completed)


async def test_goods_that_follow_are_accepted_and_come(bench: Bench) -> None:
    order = bench.order(Fault.ASYNC_DELIVERY)
    first = await bench.submit(order)
    assert isinstance(first, Accepted)
    assert isinstance(await bench.query(order), Accepted)
    assert isinstance(await bench.query(order), Completed)


async def test_what_is_never_done_stays_accepted(bench: Bench) -> None:
    order = bench.order(Fault.NEVER_FINAL)
    await bench.submit(order)
    assert [type(await bench.query(order)) for _ in range(3)] == [Accepted] * 3


@pytest.mark.parametrize("fault", [Fault.REFUND_LATER, Fault.REFUND_AFTER_SUCCESS])
async def test_what_is_given_back_is_told_so(bench: Bench, fault: Fault) -> None:
    order = bench.order(fault)
    await bench.submit(order)
    results = [await bench.query(order) for _ in range(3)]
    assert isinstance(results[-1], Rejected), results
    assert (bench.booked(order) or {})["state"] == "refunded"


async def test_a_part_is_told_as_a_part_with_its_price(bench: Bench) -> None:
    order = bench.order(Fault.PARTIAL_DELIVERY)
    told = await in_the_end(bench, order, await bench.submit(order))
    assert isinstance(told, Completed), told
    assert told.cost == order.quantity * bench.cost // 2
    if bench.goods.account:
        assert (told.whole, told.share) == (False, 5_000)
    else:
        assert len(told.codes) == order.quantity // 2


async def test_a_wrong_count_is_shown_as_it_came(bench: Bench) -> None:
    if bench.goods.account:
        pytest.skip("a top-up has no codes to miscount")
    for fault, pieces in ((Fault.WRONG_COUNT, 1), (Fault.SURPLUS, 3)):
        order = bench.order(fault)
        told = await in_the_end(bench, order, await bench.submit(order))
        assert isinstance(told, Completed), told
        assert (len(told.codes), told.cost) == (pieces, order.quantity * bench.cost)


async def test_done_and_nothing_shown_is_open_and_asked_again(bench: Bench) -> None:
    """Paid, and not one code: it permits nobody else, however often it is said (decision 0089)."""
    if bench.goods.account:
        pytest.skip("a top-up has no codes to withhold")
    order = bench.order(Fault.WRONG_COUNT, quantity=1)
    told = [await bench.submit(order), *[await bench.query(order) for _ in range(3)]]
    assert all(isinstance(each, Accepted) for each in told), told
    assert told[-1].withheld, told  # type: ignore[union-attr]
    booked = bench.booked(order) or {}
    assert (booked["codes"], booked["charged"] != "0.0000") == (0, True)


async def test_nobody_there_is_a_rejection_and_a_wrong_secret_too(bench: Bench) -> None:
    order = bench.order()
    nobody = replace(bench.connection, base_url="http://127.0.0.1:9", timeout_seconds=0.5)
    result = await bench.port.submit(nobody, order)
    assert isinstance(result, Rejected)
    assert result.category is Category.PROVIDER_DOWN
    assert isinstance(await bench.port.query(nobody, order), Uncertain)
    # Of an order that may exist, a wrong secret says nothing either.
    wrong = replace(bench.connection, secret=_spoiled(bench.connection.secret))
    assert isinstance(await bench.port.submit(wrong, order), Rejected)
    assert isinstance(await bench.port.query(wrong, order), Uncertain)
    assert await bench.port.balance(wrong) is None
    assert bench.booked(order) is None


def _spoiled(secret: str) -> str:
    """The same settings with other keys."""
    for name in ("key=", "client_secret=", "signing_secret=", "secret=whsec_"):
        secret = secret.replace(name, f"{name}YWJj")
    return secret if "=" in secret else f"{secret}x"


async def test_after_its_time_nothing_begins(bench: Bench) -> None:
    order = bench.order(valid_until=clock.now() - timedelta(seconds=1))
    assert isinstance(await bench.submit(order), Rejected)
    assert bench.booked(order) is None


async def test_the_balance_goes_down_by_what_was_charged(bench: Bench) -> None:
    before = await bench.port.balance(bench.connection)
    order = bench.order()
    await bench.submit(order)
    after = await bench.port.balance(bench.connection)
    assert before is not None
    assert after == before - order.quantity * bench.cost


async def test_nothing_secret_shows_in_a_repr(bench: Bench) -> None:
    order = bench.order()
    result = await in_the_end(bench, order, await bench.submit(order))
    assert isinstance(result, Completed)
    shown = repr((bench.connection, order, result, result.codes, bench.port))
    assert bench.connection.secret not in shown
    assert all(code.secret not in shown for code in result.codes)
    assert all(value not in shown for value in bench.goods.account.values())
