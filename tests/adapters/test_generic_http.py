"""The supplier port's contract, held against every fault that the simulator knows.

One sentence matters more than all others: who says `Rejected` has surely not bought, and who bought
is in the end told so. The supplier's own book is the judge (invariant I9).
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from adapters.http import PartnerClient
from adapters.sandbox.faults import Fault
from adapters.sandbox.simulator import load_items, sandbox_secret
from adapters.suppliers.generic_http import GenericHttp
from domain.kernel import clock
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    Connection,
    NotFound,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    Uncertain,
)

pytestmark = pytest.mark.xdist_group("simulator")
SUPPLIER = "alpha"
COST = 80 * 10_000
QUERIES = 12
REJECTED_AT_ONCE = {
    Fault.STOCK_OUT,
    Fault.PRICE_CHANGE,
    Fault.INSUFFICIENT_BALANCE,
    Fault.RATE_LIMITED,
    Fault.AUTH_REVOKED,
}
HIDES_WHAT_IT_DID = {
    Fault.TIMEOUT_AFTER_SUCCESS,
    Fault.ERROR_BUT_DONE,
    Fault.GARBAGE,
    Fault.UNKNOWN_STATE,
    Fault.NOT_FOUND_TEMPORARILY,
    Fault.APPEARS_LATE,
}
DID_NOTHING_UNSAID = {Fault.TIMEOUT_BEFORE_ACCEPT, Fault.ERROR_THEN_OK}


@pytest.fixture
async def port() -> AsyncIterator[GenericHttp]:
    client = PartnerClient()
    yield GenericHttp(client)
    await client.close()


@pytest.fixture
def connection(simulator: str) -> Connection:
    return Connection(SUPPLIER, f"{simulator}/{SUPPLIER}", sandbox_secret(SUPPLIER), 0.6)


async def wanted(
    simulator: str,
    quantity: int = 2,
    fault: Fault | None = None,
    account: dict[str, str] | None = None,
) -> Submission:
    """An order for an item of its own, whose first submission meets the fault.

    With an account the item is a direct top-up that asks for what the account names.
    """
    item = f"item-{uuid4().hex[:12]}"
    row = {"supplier_code": SUPPLIER, "supplier_item": item, "cost": "80"}
    mapping = "|".join(f"{name}={name}" for name in account or ())
    await load_items(simulator, [{**row, "field_mapping": mapping}])
    if fault:
        switch = {"supplier": SUPPLIER, "fault": fault.value, "item": item, "hold_seconds": 2}
        assert httpx.post(f"{simulator}/control/faults", json=switch).status_code == 200
    valid_until = clock.now() + timedelta(seconds=20)
    reference = f"k{uuid4().hex}"
    return Submission(reference, item, quantity, COST, "CNY", valid_until, account or {})


def booked(simulator: str, submission: Submission) -> dict[str, Any] | None:
    """What the supplier's own book says of the order."""
    book = httpx.get(f"{simulator}/control/book", params={"supplier": SUPPLIER}).json()
    found = [each for each in book["orders"] if each["reference"] == submission.reference]
    assert len(found) <= 1
    return found[0] if found else None


async def told_in_the_end(
    port: GenericHttp, connection: Connection, submission: Submission, first: SubmitResult
) -> QueryResult:
    """Ask until it is definite, as the house does; the submission is never sent again."""
    result: QueryResult = first
    for _ in range(QUERIES):
        if isinstance(result, Completed | Rejected):
            return result
        result = await port.query(connection, submission)
    return result


async def test_an_honest_supplier(
    port: GenericHttp, connection: Connection, simulator: str
) -> None:
    submission = await wanted(simulator)
    result = await port.submit(connection, submission)
    assert isinstance(result, Completed)
    assert (len(result.codes), result.cost) == (2, 2 * COST)
    again = await port.query(connection, submission)
    assert isinstance(again, Completed)
    assert again.codes == result.codes


async def test_the_same_reference_again_buys_nothing(
    port: GenericHttp, connection: Connection, simulator: str
) -> None:
    submission = await wanted(simulator)
    first = await port.submit(connection, submission)
    second = await port.submit(connection, submission)
    assert first == second
    assert booked(simulator, submission)["charged"] == "160.0000"


@pytest.mark.parametrize("fault", list(Fault))
async def test_no_fault_makes_it_say_rejected_of_a_purchase(
    port: GenericHttp, connection: Connection, simulator: str, fault: Fault
) -> None:
    submission = await wanted(simulator, fault=fault)
    first = await port.submit(connection, submission)
    if fault in REJECTED_AT_ONCE:
        assert isinstance(first, Rejected), first
    if fault in HIDES_WHAT_IT_DID | DID_NOTHING_UNSAID:
        assert isinstance(first, Uncertain), first
    told = await told_in_the_end(port, connection, submission, first)
    book = booked(simulator, submission)
    bought = book is not None and book["codes"] > 0 and book["charged"] != "0.0000"
    if isinstance(told, Rejected):
        assert not bought, book
    elif isinstance(told, NotFound):
        assert book is None, book
    elif bought and fault is not Fault.NEVER_FINAL:
        assert isinstance(told, Completed), told
        assert len(told.codes) == book["codes"]
    if fault in HIDES_WHAT_IT_DID:
        assert isinstance(told, Completed), told


@pytest.mark.parametrize("fault", list(Fault))
async def test_no_fault_makes_it_say_rejected_of_a_top_up(
    port: GenericHttp, connection: Connection, simulator: str, fault: Fault
) -> None:
    submission = await wanted(simulator, fault=fault, account={"mobile": "+8613800138000"})
    first = await port.submit(connection, submission)
    if fault in REJECTED_AT_ONCE | {Fault.INVALID_ACCOUNT}:
        assert isinstance(first, Rejected), first
    if fault in HIDES_WHAT_IT_DID | DID_NOTHING_UNSAID:
        assert isinstance(first, Uncertain), first
    told = await told_in_the_end(port, connection, submission, first)
    book = booked(simulator, submission)
    topped_up = book is not None and book["state"] in ("completed", "partial", "accepted")
    if isinstance(told, Rejected):
        assert not topped_up, book
    elif isinstance(told, NotFound):
        assert book is None, book
    elif topped_up and fault is not Fault.NEVER_FINAL:
        assert isinstance(told, Completed), told
        assert (told.codes, told.receipt) == ((), book["receipt"])
        assert told.whole is (fault is not Fault.PARTIAL_DELIVERY)
        assert told.share == (0 if told.whole else 5_000)
    if fault in HIDES_WHAT_IT_DID:
        assert isinstance(told, Completed), told


@pytest.mark.parametrize("account", [{"mobile": ""}, {"mobile": "+8613800130404"}])
async def test_an_account_that_the_supplier_does_not_know_is_rejected(
    port: GenericHttp, connection: Connection, simulator: str, account: dict[str, str]
) -> None:
    submission = await wanted(simulator, account=account)
    result = await port.submit(connection, submission)
    assert isinstance(result, Rejected)
    assert result.category is Category.INVALID_ACCOUNT
    assert booked(simulator, submission)["charged"] == "0.0000"
    assert account["mobile"] not in repr(submission) or not account["mobile"]


async def test_nobody_there_is_a_rejection_and_a_wrong_secret_too(
    port: GenericHttp, connection: Connection, simulator: str
) -> None:
    submission = await wanted(simulator)
    nobody = Connection(SUPPLIER, "http://127.0.0.1:9", "secret", 0.5)
    assert isinstance(await port.submit(nobody, submission), Rejected)
    wrong = Connection(SUPPLIER, connection.base_url, "wrong", 0.5)
    assert isinstance(await port.submit(wrong, submission), Rejected)
    # Of an order that may exist, neither says anything.
    assert isinstance(await port.query(nobody, submission), Uncertain)
    assert isinstance(await port.query(wrong, submission), Uncertain)
    assert booked(simulator, submission) is None


async def test_after_its_time_the_supplier_does_not_begin(
    port: GenericHttp, connection: Connection, simulator: str
) -> None:
    fresh = await wanted(simulator)
    late = Submission(
        fresh.reference, fresh.item, 1, COST, "CNY", clock.now() - timedelta(seconds=1)
    )
    assert isinstance(await port.submit(connection, late), Rejected)
    assert booked(simulator, late) is None


async def test_the_balance_goes_down_by_what_was_charged(
    port: GenericHttp, connection: Connection, simulator: str
) -> None:
    before = await port.balance(connection)
    submission = await wanted(simulator, quantity=1)
    assert not isinstance(await port.submit(connection, submission), Accepted)
    after = await port.balance(connection)
    assert before is not None
    assert after == before - COST


async def test_nothing_secret_shows_in_a_repr(
    port: GenericHttp, connection: Connection, simulator: str
) -> None:
    result = await port.submit(connection, await wanted(simulator))
    assert isinstance(result, Completed)
    shown = repr((connection, result, result.codes))
    assert connection.secret not in shown
    assert all(code.secret not in shown for code in result.codes)
