"""Orders, payments and cards through whatever people, vendors, suppliers and deaths do (I1 to I22).

Real PostgreSQL; the vendor of payments and the supplier of codes keep books of their own. A process
dies at a crash point: what was said to others before stands, what was not committed does not, and
whoever comes next finds it so. When it is over, the schedulers run until nothing is due; then
everything has ended, all promises hold, both books agree, and what the outside saw is what is here.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain import (
    aftersale,
    catalog,
    checkout,
    fulfilment,
    ledger,
    orders,
    payments,
    reconciliation,
    refunds,
    sites,
)
from domain import suppliers as supply
from domain.aftersale import AppealWish, Decision, DecisionWish, DisputeReason, DisputeWish
from domain.cards.models import Card, CardBatch
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase, ending, incoming
from domain.fulfilment import HandOver
from domain.fulfilment import service as fulfilling
from domain.invariants import find_violations
from domain.kernel import Actor, Refused, clock, connection
from domain.ledger import AccountKind
from domain.orders import CLOSED_ORDERS, LineStatus, Order, OrderLine
from domain.payments import Payment, PaymentChannel, PaymentStatus, StartWish, Way
from domain.refunds import RefundDestination, RefundReason, RefundWish
from tests import make, vendor
from tests.conftest import _empty as empty
from tests.domain.refunds.test_refunds import balance, wallet
from tests.upstream import MOODS, Upstream
from tests.vendor import SIGNED, Vendor, told

pytestmark = pytest.mark.usefixtures("db")
START = make.yuan(5_000)
OTHER_OPERATOR = replace(make.OPERATOR, user_id=UUID(int=2))
NO_DEATH = 99
DEEDS = (
    *("buy", "place", "start", "cancel", "reveal", "complain", "complain", "appeal"),  # the buyer
    *("pay", "call_back", "call_back"),  # the vendor
    *("poll", "expire", "send_refunds", "fulfil", "fulfil", "ask"),  # the schedulers
    *("refund", "refund", "decide", "decide", "by_hand", "confirm", "clear"),  # the operators
)
Step = tuple[str, int, int]  # a deed, about what, and where the process dies of it
STEP = st.tuples(st.sampled_from(DEEDS), st.integers(0, 10**6), st.integers(0, 7))
# One order is paid and delivered, one waits for its supplier, and one that waits for its money may
# be paid twice.
MORNING = tuple(
    (deed, index, NO_DEATH)
    for deed, index in (
        *(("buy", 3), ("buy", 0), ("buy", 13)),
        *(("start", 1), ("start", 1), ("pay", 0)),
    )
)


class Died(BaseException):
    """The process ends here: nobody who catches exceptions hears of it."""


# Where a process may die that does one of these; whoever does another lives.
DEATHS: Mapping[str, Sequence[str]] = {
    "buy": ("checkout.unpaid_written", "checkout.before_commit", "checkout.after_commit"),
    "start": ("payments.start_committed", "payments.started"),
    "cancel": ("checkout.end_written",),
    "expire": ("checkout.end_written",),
    "complain": ("aftersale.written", "aftersale.committed"),
    "decide": ("aftersale.written", "aftersale.committed"),
    "refund": ("refunds.written", "refunds.committed"),
    "send_refunds": ("payments.refund_committed", "payments.refund_answered"),
    "poll": ("payments.query_answered", "checkout.confirm_written", "checkout.confirmed"),
    "call_back": (
        "callbacks.stored",
        "callbacks.judged",
        "checkout.confirm_written",
        "checkout.confirmed",
    ),
    "fulfil": (
        "fulfilment.attempt_committed",
        "fulfilment.supplier_answered",
        "fulfilment.outcome_committed",
    ),
}


class Life:
    """One shop with one buyer, and everything that may happen to the orders of it."""

    armed: ClassVar[str] = ""  # where the process is to die

    def __init__(self) -> None:
        self.bank = Vendor()
        self.upstream = Upstream()
        self.channels: list[PaymentChannel] = []
        self.skus: list[str] = []
        self.buyer: Actor
        self.purchases: list[tuple[Purchase, UUID | None]] = []  # with the order that was answered
        self.codes: dict[str, UUID] = {}  # each code that was shown, and to which order
        self.number = 0

    async def begin(self) -> "Life":
        """A shop with three goods: four cards, what a supplier has, and work by hand."""
        self.channels = [await vendor.channel(self.bank) for _ in range(2)]
        self.buyer = await make.buyer(START)
        supply.register("upstream", self.upstream)
        own, bought = await make.variant(cards=4), await make.variant()
        by_hand = await make.variant(delivery_kind=DeliveryKind.MANUAL)
        code = f"up-{bought.sku}"
        wish = supply.SupplierWish(code, code, "upstream", "http://up.test", "secret")
        await supply.save_supplier(make.OPERATOR, wish)
        offer = supply.OfferWish(bought.sku, code, "item", make.yuan(40))
        await supply.save_offer(make.OPERATOR, offer)
        self.skus = [own.sku, bought.sku, by_hand.sku]
        return self

    async def do(self, deed: str, index: int, death: int) -> None:
        """A deed, in which the process may die; a refusal is an answer like any other."""
        points = DEATHS.get(deed, ())
        Life.armed = points[death] if death < len(points) else ""
        with suppress(Died):
            await getattr(self, deed)(index)
        Life.armed = ""

    async def answer(self, work: Awaitable[Any]) -> Any:
        """The result; None when it was refused."""
        try:
            return await work
        except Refused:
            return None

    def key(self) -> str:
        self.number += 1
        return f"key{self.number}"

    async def one(self, model: Any, index: int, **filters: object) -> Any:
        """One of the rows that there are; None of none."""
        rows = await model.filter(**filters).order_by("id")
        return rows[index % len(rows)] if rows else None

    # --- the deeds -----------------------------------------------------------------------------

    async def buy(self, index: int) -> None:
        """One or two lines, by wallet or by channel."""
        also = [self.skus[1]] if index % 4 == 0 else []
        skus = dict.fromkeys([self.skus[index % 3], *also])
        lines = tuple(LineWish(sku, 1 + index % 2) for sku in skus)
        self.purchases.append((Purchase(lines, self.key(), by_channel=index % 5 < 3), None))
        await self.place(len(self.purchases) - 1)

    async def place(self, index: int) -> None:
        """The same key is the same order, whether its answer was lost or not."""
        index %= len(self.purchases)
        purchase, known = self.purchases[index]
        placed = await self.answer(checkout.place_order(self.buyer, purchase))
        if placed is None:
            assert known is None, "what was answered is answered again"
            return
        assert known in (None, placed.order.id)
        assert placed.replayed or known is None
        self.purchases[index] = (purchase, placed.order.id)
        other = replace(purchase, by_channel=not purchase.by_channel)
        with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
            await checkout.place_order(self.buyer, other)

    async def start(self, index: int) -> None:
        order = await self.one(Order, index)
        wish = StartWish(order.id, self.channels[self.number % 2].id, Way.PAGE, self.key())
        await self.answer(payments.start_payment(self.buyer, wish))

    async def cancel(self, index: int) -> None:
        order = await self.one(Order, index)
        await self.answer(checkout.cancel_order(self.buyer, order.id))

    async def reveal(self, index: int) -> None:
        """A code is shown to one order, and only to that."""
        order = await self.one(Order, index)
        for code in await self.answer(orders.reveal_cards(self.buyer, order.id, None)) or ():
            assert self.codes.setdefault(code.secret, order.id) == order.id

    async def complain(self, index: int) -> None:
        card = await self.one(Card, index, order_line_id__isnull=False)
        if card is None:
            return
        line = await OrderLine.get(id=card.order_line_id)
        invalid, key = DisputeReason.CODE_INVALID, self.key()
        wish = DisputeWish(card_ids=(card.id,), reason=invalid, text="used", idempotency_key=key)
        await self.answer(aftersale.open_disputes(self.buyer, line.order_id, wish))

    async def appeal(self, index: int) -> None:
        dispute = await self.one(aftersale.Dispute, index)
        if dispute is not None:
            wish = AppealWish(dispute.id, "look again", self.key())
            await self.answer(aftersale.appeal(self.buyer, wish))

    async def pay(self, index: int) -> None:
        """At the vendor's, which now and then takes money for what it had closed."""
        payment = await self.one(Payment, index)
        entry = self.bank.entries.get(payment.reference) if payment else None
        if entry is not None and entry.paid is None and (not entry.closed or index % 2):
            entry.closed = False
            self.bank.pay(payment.reference)

    async def call_back(self, index: int) -> None:
        """The truth, mostly, and sometimes twice; or one of the lies."""
        payment = await self.one(Payment, index // 8)
        other = await self.one(Payment, index // 8 + 1)
        lie = ("", "", "", "", "amount", "number", "another's", "signature")[index % 8]
        entry = self.bank.entries.get(payment.reference) if payment else None
        if entry is None or (entry.paid is None and not lie):
            return
        facts = entry.paid or payments.ports.Paid(
            f"F{self.key()}", payment.amount, "CNY", vendor.MERCHANT, clock.now()
        )
        changes = {"amount": {"amount": "0.01"}, "number": {"provider_id": self.key()}}
        whose = other if lie == "another's" else payment
        body = told(whose.reference, facts, **changes.get(lie, {}))
        signed = {"signature": "guessed"} if lie == "signature" else SIGNED
        for _ in range(1 + index % 2):
            await self.answer(checkout.take_callback(payment.channel_id, signed, body))

    async def poll(self, index: int) -> None:
        payment = await self.one(Payment, index)
        if payment is not None:
            with make.later(minutes=1):
                await self.answer(checkout.query_payment(payment.id))

    async def expire(self, index: int) -> None:
        order = await self.one(Order, index)
        with make.later(minutes=16):
            await self.answer(checkout.expire_order(order.id))

    async def send_refunds(self, index: int) -> None:
        with make.later(hours=1):
            for refund in await payments.due_refunds(5):
                await self.answer(payments.run_refund(refund))

    async def fulfil(self, index: int) -> None:
        self.upstream.mood = MOODS[index % len(MOODS)]
        for line in (await fulfilment.list_due(5)).lines:
            await self.answer(fulfilment.fulfil_line(line))

    async def ask(self, index: int) -> None:
        with make.later(minutes=1 + index % 9):
            for attempt in (await fulfilment.list_due(5)).attempts:
                await self.answer(fulfilment.query_attempt(attempt))

    async def by_hand(self, index: int) -> None:
        hand = DeliveryKind.MANUAL
        line = await self.one(OrderLine, index, delivery_kind=hand, due_at__isnull=False)
        if line is None:
            return
        await self.answer(fulfilment.claim_line(make.OPERATOR, line.id))
        if index % 3:
            done = HandOver(line.id, "done", "", make.yuan(1), self.key())
            await self.answer(fulfilment.deliver_line(make.OPERATOR, done))
        else:
            await self.answer(fulfilment.fail_line(make.OPERATOR, line.id, "no", self.key()))

    async def refund(self, index: int) -> None:
        """The whole order, a card of it, or some money of a line."""
        order = await self.one(Order, index)
        line = await self.one(OrderLine, index // 2, order_id=order.id)
        card = await self.one(Card, index // 3, order_line_id=line.id)
        wished: dict[str, Any] = {}
        if index % 3 == 1:
            wished = {"lines": {line.id: make.yuan(index % 5) or None}}
        elif index % 3 == 2 and card is not None:
            wished = {"card_ids": (card.id,)}
        way = RefundDestination.WALLET if index % 2 else RefundDestination.CHANNEL
        wish = RefundWish(order.id, RefundReason.GOODWILL, way, **wished)
        await self.answer(refunds.refund_order(make.OPERATOR, wish, self.key()))

    async def decide(self, index: int) -> None:
        dispute = await self.one(aftersale.Dispute, index // 6)
        if dispute is not None:
            who = OTHER_OPERATOR if index % 2 else make.OPERATOR
            decision = tuple(Decision)[index % len(Decision)]
            wish = DecisionWish(dispute.id, decision, "as we found", self.key())
            await self.answer(aftersale.decide(who, wish))

    async def confirm(self, index: int) -> None:
        payment = await self.one(Payment, index)
        if payment is not None:
            by_hand = (make.OPERATOR, payment.id, "H1", "seen", self.key())
            await self.answer(checkout.confirm_by_hand(*by_hand))

    async def clear(self, index: int) -> None:
        """Money in suspense goes back."""
        payment = await self.one(Payment, index, status=PaymentStatus.SUSPENDED)
        if payment is not None:
            await self.answer(payments.refund_suspended(make.OPERATOR, payment.id))

    # --- the end -------------------------------------------------------------------------------

    async def finish(self) -> None:
        """What schedulers and operators do until nothing is left (I22)."""
        self.upstream.mood = "good"
        for round_ in range(4):
            with make.later(days=round_ + 1):
                await checkout.expire_orders()
                for payment in await payments.due_payments(100):
                    await checkout.query_payment(payment)
                due = await fulfilment.list_due(100)
                for line in due.lines:
                    await fulfilment.fulfil_line(line)
                for attempt in due.attempts:
                    await fulfilment.query_attempt(attempt)
                for refund in await payments.due_refunds(100):
                    await payments.run_refund(refund)
                for line in await OrderLine.filter(
                    delivery_kind=DeliveryKind.MANUAL, due_at__isnull=False
                ):
                    await fulfilment.claim_line(OTHER_OPERATOR, line.id)
                    await fulfilment.fail_line(OTHER_OPERATOR, line.id, "no", f"end{line.id}")

    async def explain(self) -> None:
        found = await find_violations()
        assert [each for each in found if each.violations and each.name != "I17"] == []
        await all_has_ended()
        await self.money_is_explained()
        await self.goods_are_explained()
        with make.later(days=5):
            report = await reconciliation.reconcile(whole=True)
            assert (report.found, report.open) == (0, 0)
            assert (await reconciliation.recount()).found == 0

    async def money_is_explained(self) -> None:
        """What the buyer spent, here and at the vendor's, is what the shop has earned and keeps."""
        received = sum(entry.paid.amount for entry in self.bank.entries.values() if entry.paid)
        unknown = 0  # a vendor that takes money for what it said was closed is found by statements
        for reference, entry in self.bank.entries.items():
            payment = await Payment.get(reference=reference)
            if entry.paid is None:
                assert payment.status not in payments.MONEY_IS_HERE, "booked, and nobody paid"
            elif payment.status not in payments.MONEY_IS_HERE:
                assert payment.status is PaymentStatus.CLOSED, payment.status
                unknown += entry.paid.amount
        sent = sum(self.bank.refunds.values())
        spent = START - await wallet(self.buyer) + received - unknown - sent
        kept = await balance(AccountKind.REVENUE) + await balance(AccountKind.SUSPENSE)
        assert spent == kept
        assert await balance(AccountKind.PREPAYMENT) == 0
        assert await balance(AccountKind.REFUND_DUE) == 0

    async def goods_are_explained(self) -> None:
        """What the supplier sold is in the store, and each code is with one order at most."""
        bought = await CardBatch.filter(supplier_attempt_id__isnull=False)
        sold = sum(len(codes) for codes in self.upstream.book.values())
        assert sum(batch.accepted for batch in bought) == sold
        for index in range(await Order.all().count()):
            await self.reveal(index)


async def all_has_ended() -> None:
    for order in await Order.all():
        assert order.status in CLOSED_ORDERS, order.status
    assert await OrderLine.filter(status__in=[LineStatus.QUEUED, LineStatus.DELIVERING]) == []
    assert await Payment.filter(status__in=list(payments.OPEN_PAYMENTS)) == []
    assert await Card.filter(state="reserved") == []
    async with connection() as conn:
        for table in ("payment_refunds", "fulfilment_attempts"):
            sql = f"SELECT count(*) FROM {table} WHERE finished_at IS NULL"
            assert await conn.fetchval(sql) == 0, table


def crash_point(name: str) -> None:
    """As the real one, but what dies is only what was to come."""
    if name == Life.armed:
        raise Died


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes die at a word."""
    for name, module in list(sys.modules.items()):
        if name.startswith("domain.") and hasattr(module, "crash_point"):
            monkeypatch.setattr(module, "crash_point", crash_point)


async def lived(database_url: str, steps: Sequence[Step]) -> None:
    """A whole life, to its end; and an empty installation after it."""
    try:
        life = await Life().begin()
        for step in (*MORNING, *steps):
            await life.do(*step)
        await life.finish()
        await life.explain()
    finally:
        Life.armed = ""
        await empty(database_url)
        await ledger.open_platform_accounts("CNY")
        await sites.open_main_site()
        await catalog.open_plain_types()


# Without shrinking, which takes minutes here: a life that fails is told as it was.
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(STEP, min_size=25, max_size=45))
async def test_whatever_happens_to_orders_every_yuan_and_every_card_is_explained(
    deaths: None, database_url: str, steps: list[Step]
) -> None:
    await lived(database_url, steps)


# --- twins: a guard less, and the same look at the end finds it ---------------------------------


def gullible(patch: pytest.MonkeyPatch) -> None:
    """A signed callback is believed, and nobody asks the vendor."""

    async def believe(channel: Any, callback: Any, notice: Any, payment: Any) -> Any:
        facts = payments.ports.Paid(
            notice.provider_id, notice.amount, notice.currency, notice.merchant, notice.at
        )
        return await incoming._confirm(callback, notice, payment, facts)

    patch.setattr(incoming, "_ask_first", believe)


def hasty(patch: pytest.MonkeyPatch) -> None:
    """No answer of a supplier is taken for a no."""
    real = fulfilling.book

    async def book(attempt: Any, result: Any) -> bool:
        silent = isinstance(result, supply.Uncertain)
        return await real(attempt, supply.Rejected(supply.Category.UNKNOWN) if silent else result)

    patch.setattr(fulfilling, "book", book)


def greedy(patch: pytest.MonkeyPatch) -> None:
    """What an order held stays held when it ends."""

    async def keep(conn: Any, hold: Any) -> bool:
        return False

    face = SimpleNamespace(holds_of_lines=ending.cards.holds_of_lines, release_hold=keep)
    patch.setattr(ending, "cards", face)


@pytest.mark.parametrize(
    ("broken", "steps"),
    [
        (gullible, [("call_back", 13, NO_DEATH)]),
        (hasty, [("fulfil", 4, NO_DEATH)]),
        (greedy, [("buy", 0, NO_DEATH), ("cancel", 3, NO_DEATH)]),
    ],
)
async def test_a_shop_without_one_of_its_guards_is_found_out(
    deaths: None,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[pytest.MonkeyPatch], None],
    steps: list[Step],
) -> None:
    await lived(database_url, steps)
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        await lived(database_url, steps)
