"""Refunds of any kind in any order, with looks, disputes and deaths between them (I1 to I21, H10).

Each example is one order on real PostgreSQL: own cards, a part of a bundle, a line by hand, with
three agents above its buyer. A death is a transaction that never commits.
"""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import cards, checkout, orders, payments, refunds
from domain.cards.models import Card, CardState
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind
from domain.fulfilment import HandOver, claim_line, deliver_line
from domain.kernel import Actor, Refused
from domain.ledger import AccountKind
from domain.orders import Order, OrderLine, OrderStatus
from domain.refunds import Refund, RefundDestination, RefundReason, RefundWish, service
from tests import make, vendor
from tests.domain.refunds.test_refunds import all_is_well, balance, wallet
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
STEPS = ("card", "cards", "line", "amount", "order", "reveal", "dispute", "judge", "send", "again")
DEATHS = ("refunds.written", "refunds.committed")
STEP = st.tuples(
    st.sampled_from(STEPS),
    st.integers(0, 7),
    st.integers(1, 3_000_000),
    st.booleans(),
    st.one_of(st.none(), st.none(), st.none(), st.sampled_from(DEATHS)),
)


class Died(Exception):
    """The process ends here."""


class Aftermath:
    """One delivered order, and what happened to it since."""

    buyer: Actor
    order: Order

    def __init__(self, by_channel: bool) -> None:
        self.by_channel = by_channel
        self.number = 0
        self.bank = Vendor()

    async def begin(self) -> "Aftermath":
        agents = await make.agent_chain()
        for level, percent in ((1, "3.33"), (2, "2"), (3, "0.7")):
            await make.rule(level, RuleKind.PERCENT, make.yuan(percent))
        self.buyer = await make.buyer(make.yuan(10_000), referrer=agents[2].id)
        own = await make.variant(price=make.yuan("10.01"), cards=3, unit_cost=make.yuan("3.33"))
        other = await make.variant(price=make.yuan("7.77"), cards=2, unit_cost=1)
        hand = await make.variant(price=make.yuan("20.01"), delivery_kind=DeliveryKind.MANUAL)
        wishes = (LineWish(own.sku, 3), LineWish(other.sku, 2), LineWish(hand.sku, 1))
        purchase = Purchase(wishes, f"key-{own.sku}", by_channel=self.by_channel)
        order = (await checkout.place_order(self.buyer, purchase)).order
        if self.by_channel:
            channel = await vendor.channel(self.bank)
            wish = payments.StartWish(order.id, channel.id, payments.Way.PAGE, "pay")
            payment = (await payments.start_payment(self.buyer, wish)).payment
            paid = self.bank.pay(payment.reference)
            await checkout.confirm_payment(payment.id, paid, "query")
        by_hand = (await orders.lines_of([order.id]))[order.id][2]
        await claim_line(make.OPERATOR, by_hand.id)
        done = HandOver(by_hand.id, "done", "", make.yuan(5), f"hand-{own.sku}")
        await deliver_line(make.OPERATOR, done)
        self.order = await Order.get(id=order.id)
        assert self.order.status is OrderStatus.DELIVERED
        return self

    async def cards(self) -> list[Card]:
        lines = [line.id for line in (await orders.lines_of([self.order.id]))[self.order.id]]
        return await Card.filter(order_line_id__in=lines).order_by("id")

    async def do(self, step: str, which: int, amount: int, flag: bool) -> None:
        """One step; a refusal is an answer like any other."""
        found = await self.cards()
        card = found[which % len(found)]
        if step == "reveal":
            await orders.reveal_cards(self.buyer, self.order.id, [card.id])
        elif step == "dispute":
            await cards.dispute_card(make.OPERATOR, card.id, "does not work")
        elif step == "judge":
            verdict = cards.Verdict.INVALID if flag else cards.Verdict.VALID
            await cards.judge_card(make.OPERATOR, card.id, verdict, "seen")
        elif step == "send":
            for due in await payments.due_refunds(10):
                await payments.run_refund(due)
        else:
            await self.refund(step, which, amount, flag, found)

    async def refund(
        self, step: str, which: int, amount: int, flag: bool, found: list[Card]
    ) -> None:
        lines = (await orders.lines_of([self.order.id]))[self.order.id]
        line, card = lines[which % len(lines)], found[which % len(found)]
        wished: dict[str, object] = {
            "card": {"card_ids": (card.id,)},
            "cards": {"card_ids": tuple({card.id, found[amount % len(found)].id})},
            "line": {"lines": {line.id: None}},
            "amount": {"lines": {line.id: amount}},
            "order": {},
            "again": {"lines": {line.id: 1}},
        }[step]  # type: ignore[assignment]
        self.number += step != "again"
        wish = RefundWish(
            self.order.id,
            RefundReason.CODE_INVALID,
            RefundDestination.CHANNEL if flag else RefundDestination.WALLET,
            clawback=which != 7,
            **wished,  # type: ignore[arg-type]
        )
        await refunds.refund_order(make.OPERATOR, wish, f"{self.order.id}-{self.number}")


def dying_at(point: str | None) -> Callable[[str], None]:
    def crash_point(name: str) -> None:
        if name == point:
            raise Died

    return crash_point


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(by_channel=st.booleans(), steps=st.lists(STEP, max_size=14))
async def test_whatever_is_refunded_in_whatever_order_every_unit_is_explained(
    by_channel: bool, steps: list[tuple[str, int, int, bool, str | None]]
) -> None:
    day = await Aftermath(by_channel).begin()
    with pytest.MonkeyPatch.context() as patch:
        for step, which, amount, flag, death in steps:
            patch.setattr(service, "crash_point", dying_at(death))
            with suppress(Refused, Died):
                await day.do(step, which, amount, flag)
            await all_is_well()
        patch.setattr(service, "crash_point", dying_at(None))
        with make.later(hours=2):
            for due in await payments.due_refunds(50):
                await payments.run_refund(due)
    await all_is_well()
    await explained(day)


async def explained(day: Aftermath) -> None:
    """What the buyer got is what the refunds say; a whole refund leaves no commission behind."""
    back = sum(each.amount for each in await Refund.filter(order_id=day.order.id))
    lines = await OrderLine.filter(order_id=day.order.id)
    assert back == sum(line.refunded_amount for line in lines) <= day.order.total
    through = sum(day.bank.refunds.values())
    paid = 0 if day.by_channel else day.order.total
    assert await wallet(day.buyer) == make.yuan(10_000) - paid + back - through
    status = (await Order.get(id=day.order.id)).status
    assert (status is OrderStatus.REFUNDED) == (back == day.order.total)
    gone = await Card.filter(
        order_line_id__in=[line.id for line in lines], state=CardState.REFUNDED
    ).count()
    by_hand = await refunds.RefundPart.filter(
        line_id__in=[line.id for line in lines], card_id__isnull=True, quantity__gt=0
    ).count()
    assert gone + by_hand == sum(line.refunded_quantity for line in lines)
    everything = all(each.clawback for each in await Refund.filter(order_id=day.order.id))
    if status is OrderStatus.REFUNDED and everything:
        agents = await orders.owners_of_lines([lines[0].id])
        for agent in agents[lines[0].id].agent_chain:
            assert await balance(AccountKind.COMMISSION, agent) == 0
