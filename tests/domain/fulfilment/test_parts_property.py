"""Whatever suppliers answer, in whatever order: bought = delivered + stock, all of it owed for,
and paid = what was delivered + what went back."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from domain import checkout, fulfilment, ledger, orders, suppliers
from domain.kernel import connection, refuse_inside_a_transaction
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus
from domain.suppliers import (
    Accepted,
    Capabilities,
    Category,
    Completed,
    Connection,
    NotFound,
    OwnReference,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    SuppliedCode,
    SupplierPort,
    Uncertain,
)
from tests import make
from tests.domain.fulfilment.test_fulfilment import no_violations

pytestmark = pytest.mark.usefixtures("db")
SUPPLIERS, LINES = 4, 5
PRICE, COST = make.yuan(100), make.yuan(70)
# What became of an order, and what is said of it at first.
MOODS = ("whole", "whole", "part", "part", "part", "none", "surplus", "charges for all", "again")
SAYS = ("at once", "at once", "silent", "silent", "taken", "forgets")


@dataclass
class Moody(SupplierPort):
    """Suppliers that sell what they like, and say so when they like; with a book of the truth."""

    chance: random.Random
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            own_reference=OwnReference.RETURNS_FIRST,
            query_by_own_reference=True,
            price_guard=True,
            not_found_answers=2,
            settle_seconds=5,
            partial=True,
        )
    )
    book: dict[str, Completed | Rejected] = field(default_factory=dict)
    forgotten: dict[str, int] = field(default_factory=dict)
    sold: list[str] = field(default_factory=list)

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        refuse_inside_a_transaction()
        assert submission.reference not in self.book, "bought twice"
        self.book[submission.reference] = self._sell(submission)
        says = self.chance.choice(SAYS)
        if says == "forgets":  # it is found only after we gave it up
            self.forgotten[submission.reference] = self.chance.randint(2, 4)
        if says == "at once":
            return self.book[submission.reference]
        return Accepted("up") if says == "taken" else Uncertain()

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        refuse_inside_a_transaction()
        left = self.forgotten.get(submission.reference, 0)
        if left:
            self.forgotten[submission.reference] = left - 1
            return NotFound()
        if self.chance.random() < 0.2:
            return Uncertain()
        return self.book[submission.reference]

    def _sell(self, submission: Submission) -> Completed | Rejected:
        mood, quantity = self.chance.choice(MOODS), submission.quantity
        pieces = {"whole": quantity, "surplus": quantity + 1}.get(mood, quantity // 2)
        if mood == "none" or not pieces:
            return Rejected(Category.OUT_OF_STOCK)
        codes = [f"CODE-{len(self.sold) + n}" for n in range(pieces)]
        charged = quantity if mood == "charges for all" else pieces
        if mood == "again" and self.sold:
            codes[0] = self.chance.choice(self.sold)
        self.sold += codes
        told = tuple(SuppliedCode("", code) for code in codes)
        return Completed("up", told, COST * charged + self.chance.randint(0, 2))

    @property
    def charged(self) -> int:
        """What all of it cost."""
        return sum(each.cost for each in self.book.values() if isinstance(each, Completed))


async def bought_lines(port: Moody) -> tuple[make.Actor, list[UUID]]:
    suppliers.register("moody", port)
    variant = await make.variant(price=PRICE)
    for number in range(SUPPLIERS):
        code = f"m{number}"
        wish = suppliers.SupplierWish(code, code, "moody", "http://supplier.test", "secret")
        await suppliers.save_supplier(make.OPERATOR, wish)
        offer = suppliers.OfferWish(variant.sku, code, f"item-{number}", COST)
        await suppliers.save_offer(make.OPERATOR, offer)
    buyer, lines = await make.buyer(make.yuan(10_000)), []
    for number in range(LINES):
        wish = checkout.LineWish(variant.sku, port.chance.randint(1, 6))
        placed = await checkout.place_order(buyer, checkout.Purchase((wish,), f"key-{number}"))
        lines.append(placed.lines[0].id)
    return buyer, lines


async def until_nothing_is_due(lines: Iterable[UUID]) -> None:
    for line_id in lines:
        await fulfilment.fulfil_line(line_id)
    for day in range(1, 12):
        with make.later(hours=20 * day):
            due = await fulfilment.list_due(50)
            for attempt_id in due.attempts:
                await fulfilment.query_attempt(attempt_id)
            for line_id in due.lines:
                await fulfilment.fulfil_line(line_id)
            for attempt_id in await fulfilment.list_doubted(50):
                await fulfilment.recheck_attempt(attempt_id)


@pytest.mark.parametrize("seed", range(12))
async def test_bought_is_delivered_or_here_and_paid_is_delivered_or_back(seed: int) -> None:
    port = Moody(random.Random(seed))
    buyer, lines = await bought_lines(port)
    await until_nothing_is_due(lines)
    found = [await orders.OrderLine.get(id=line_id) for line_id in lines]
    assert all(each.status in (LineStatus.DELIVERED, LineStatus.REFUNDED) for each in found)
    paid = sum(each.quantity for each in found) * PRICE
    delivered = sum(each.delivered_quantity for each in found)
    back = sum(each.money_back for each in found)
    assert paid == delivered * PRICE + back
    wallet = await ledger.wallet_of(buyer.require_user(), make.CNY)
    assert wallet.available.units == make.yuan(10_000) - paid + back
    async with connection() as conn:
        states = dict(await conn.fetch("SELECT state, count(*) FROM cards GROUP BY 1"))
        open_ = await conn.fetchval("SELECT count(*) FROM card_holds WHERE state = 'open'")
    assert set(states) <= {"sold", "available"}
    assert (states.get("sold", 0), open_) == (delivered, 0)
    assert sum(states.values()) == len(set(port.sold))
    owed = [
        await ledger.balance_of(account_id(AccountKind.SUPPLIER, each.id, make.CNY))
        for each in await suppliers.list_suppliers(make.OPERATOR)
    ]
    assert sum(owed) == port.charged
    await no_violations()
