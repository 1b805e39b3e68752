"""A supplier's address changes while purchases begin: nobody is asked about what was bought from
somebody else, however close together both happen."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from domain import fulfilment, suppliers
from domain.fulfilment import AttemptStatus, service
from domain.kernel import Refused, transaction
from domain.suppliers import Category, Connection, Rejected, Submission, SubmitResult, Uncertain
from server.settings import Settings
from server.wiring import _limit_supply
from tests import make
from tests.domain.fulfilment.test_fulfilment import Scripted, paid_line, state_of

pytestmark = pytest.mark.usefixtures("db")
OLD, NEW = "http://supplier.test", "http://other.test"
NO, SILENCE = Rejected(Category.OUT_OF_STOCK), Uncertain(Category.UNKNOWN)


@dataclass
class Placed(Scripted):
    """Remembers where each purchase was sent to."""

    places: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event | None = None

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        self.places.append(connection.base_url)
        self.asked.set()
        said = await super().submit(connection, submission)
        if self.answers:
            await self.answers.wait()
        return said


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Placed:
    for name in ("open_purchases", "hold_purchases"):
        monkeypatch.setattr(suppliers.places, name, getattr(suppliers.places, name))
    _limit_supply(Settings())
    made = Placed(submits={"first": [NO], "second": [SILENCE]})
    suppliers.register("scripted", made)
    return made


async def move(item: str) -> str:
    """Another address for a supplier; where it is then, or the code of the refusal."""
    wish = suppliers.SupplierWish(f"s-{item}", item, "scripted", NEW, "secret")
    try:
        return (await suppliers.save_supplier(make.OPERATOR, wish)).base_url
    except Refused as refused:
        return refused.refusals[0].code


async def bought_while_it_moves(
    monkeypatch: pytest.MonkeyPatch, line_id: UUID, place: str, item: str, *, after: bool = False
) -> str:
    """Buy a line, and change the address of a supplier before (or after) one of the steps of the
    transaction that opens its attempt."""
    now, original = asyncio.Event(), getattr(service, place)

    async def moves() -> str:
        await now.wait()
        return await move(item)

    moving = asyncio.create_task(moves())

    async def meanwhile(*args: Any, **named: Any) -> Any:
        done = await original(*args, **named) if after else None
        now.set()
        await asyncio.wait([moving], timeout=0.5)
        return done or await original(*args, **named)

    monkeypatch.setattr(service, place, meanwhile)
    await fulfilment.fulfil_line(line_id)
    return await moving


STEPS = [
    ("go_on", "second", False, "SUPPLIER_HAS_OPEN_PURCHASES", OLD),  # the way has been read
    ("_opened", "first", False, NEW, NEW),  # it is read after the commit
    ("_opened", "first", True, "SUPPLIER_HAS_OPEN_PURCHASES", OLD),
]


@pytest.mark.parametrize(("place", "item", "after", "said", "there"), STEPS)
async def test_whoever_has_the_order_is_asked_about_it(
    port: Placed,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    item: str,
    *,
    after: bool,
    said: str,
    there: str,
) -> None:
    port.submits["first"] = [NO if item == "second" else SILENCE]
    _, line_id = await paid_line(["first", "second"])
    assert await bought_while_it_moves(monkeypatch, line_id, place, item, after=after) == said
    assert (await state_of(line_id))[1][-1] is AttemptStatus.UNCERTAIN
    assert port.places[-1] == there
    assert (await suppliers.Supplier.get(code=f"s-{item}")).base_url == there


@pytest.mark.parametrize(
    ("adapter", "secret", "said"),
    [
        ("kashangwl", "customer_id=2&key=k", "SUPPLIER_HAS_OPEN_PURCHASES"),
        ("kashangwl", "customer_id=1&key=rotated", ""),
        ("dayuanren", "userid=2&key=k", "SUPPLIER_HAS_OPEN_PURCHASES"),
        ("dayuanren", "userid=1&key=rotated", ""),
    ],
)
async def test_another_account_at_the_same_vendor_is_another_party(
    port: Placed, monkeypatch: pytest.MonkeyPatch, adapter: str, secret: str, said: str
) -> None:
    async def one_open(_: Any, ids: Any) -> dict[UUID, int]:
        return {ids[0]: 1}

    name = "customer_id" if adapter == "kashangwl" else "userid"
    wish = suppliers.SupplierWish("vendor", "Vendor", adapter, OLD, f"{name}=1&key=k")
    await suppliers.save_supplier(make.OPERATOR, wish)
    monkeypatch.setattr(suppliers.places, "open_purchases", one_open)
    told = ""
    try:
        await suppliers.save_supplier(make.OPERATOR, replace(wish, secret=secret))
    except Refused as refused:
        told = refused.refusals[0].code
    assert told == said
    await suppliers.save_supplier(make.OPERATOR, replace(wish, secret=secret, same_party=True))


async def test_without_the_hold_another_party_would_be_asked(
    port: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the order goes to one address, and the other one is asked about it."""
    suppliers.places.hold_purchases = ()
    _, line_id = await paid_line(["first", "second"])
    assert await bought_while_it_moves(monkeypatch, line_id, "go_on", "second") == NEW
    assert port.places == [OLD, OLD]
    assert (await suppliers.Supplier.get(code="s-second")).base_url == NEW


async def test_whoever_looks_while_an_address_changes_buys_at_the_new_one(port: Placed) -> None:
    """Between a no and the next order its way is read with the attempts, once they may be."""
    _, line_id = await paid_line(["first", "second"])
    port.answers = asyncio.Event()
    buying = asyncio.create_task(fulfilment.fulfil_line(line_id))
    await port.asked.wait()
    async with transaction() as conn:
        await fulfilment.hold_attempts(conn)
        port.answers.set()
        await asyncio.wait([buying], timeout=0.5)
        await conn.execute("UPDATE suppliers SET base_url = $1", NEW)
    await buying
    assert port.places == [OLD, NEW]
