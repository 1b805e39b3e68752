"""A payout channel inside the test's own process, with a book of its own and faults on demand."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from domain import checkout, payouts
from domain.agents.models import Agent
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission, CommissionRule, RuleKind, release_due
from domain.identity.models import User
from domain.kernel import SCALE, Actor, clock
from domain.payouts import ChannelWish, DestinationKind, DestinationWish, PayoutChannel
from domain.payouts.ports import (
    Accepted,
    Capabilities,
    Connection,
    NotFound,
    Paid,
    PayoutOrder,
    QueryResult,
    Rejected,
    Returned,
    SubmitResult,
    Uncertain,
    Why,
)
from tests import make

ADAPTER = "teller"
Fault = Callable[["Teller", PayoutOrder], SubmitResult]


def lost_after(teller: "Teller", order: PayoutOrder) -> SubmitResult:
    """Paid, and nobody hears it."""
    teller.pay(order)
    return Uncertain(Why.PROVIDER_DOWN, "timeout")


def lost_before(teller: "Teller", order: PayoutOrder) -> SubmitResult:
    """Nothing arrived, and nobody knows."""
    return Uncertain(Why.PROVIDER_DOWN, "timeout")


@dataclass
class Teller:
    """The port, and what was really paid, by reference."""

    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            destinations=frozenset({DestinationKind.SANDBOX}),
            currencies=frozenset({"CNY"}),
            cancel=True,
            settle_seconds=60,
            not_found_answers=2,
        )
    )
    setting_names: frozenset[str] = frozenset()
    secret_names: frozenset[str] = frozenset({"key"})
    paid: dict[str, PayoutOrder] = field(default_factory=dict)
    submitted: Counter[str] = field(default_factory=Counter)
    queried: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)  # one for each next submission
    scripted: dict[str, list[QueryResult]] = field(default_factory=dict)  # by reference

    def pay(self, order: PayoutOrder) -> Paid:
        """Pay, once for each reference."""
        first = self.paid.setdefault(order.reference, order)
        assert (first.amount, first.receiver) == (order.amount, order.receiver)
        return Paid(f"T{order.reference[:8]}")

    async def submit(self, connection: Connection, order: PayoutOrder) -> SubmitResult:
        self.submitted[order.reference] += 1
        if self.faults:
            return self.faults.pop(0)(self, order)
        return self.pay(order)

    async def query(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        self.queried[order.reference] += 1
        script = self.scripted.get(order.reference)
        if script:
            return script.pop(0)
        known = order.reference in self.paid
        return Paid(f"T{order.reference[:8]}") if known else NotFound()

    async def cancel(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        if order.reference in self.paid:
            return await self.query(connection, order)
        return Rejected(Why.CANCELLED)


def says(result: SubmitResult) -> Fault:
    """Answer just this."""
    return lambda teller, order: result


async def channel(code: str = "desk", adapter: str = ADAPTER, **changes: object) -> PayoutChannel:
    """A channel from one yuan up, without fees."""
    wish = ChannelWish(
        code=code,
        adapter=adapter,
        merchant="merchant-1",
        name_zh="打款",
        name_en="Payouts",
        base_url="http://127.0.0.1:9",
        minimum=SCALE,
        maximum=10_000 * SCALE,
        daily_cap=1_000_000 * SCALE,
        secrets={"key": "secret"},
    )
    return await payouts.save_channel(make.OPERATOR, replace(wish, **changes))


async def earner(yuan: int | str = 100, account: str = "sandbox-1") -> tuple[Agent, Actor]:
    """An agent that has so much commission available, its login stepped up, its destination set."""
    agent = await make.agent()
    owner = await User.get(id=agent.user_id)
    actor = await make.session_of(owner)
    await make.proven_name(owner, "王小明")
    await earn(agent, yuan)
    if account:
        wish = DestinationWish(DestinationKind.SANDBOX, account, "王小明")
        await payouts.save_destination(actor, wish)
    return agent, actor


async def earn(agent: Agent, yuan: int | str) -> None:
    """So much more becomes available to it, by a real sale."""
    if not await CommissionRule.filter(level=1).exists():
        await make.rule(1, RuleKind.PERCENT, 100_000, hold_days=0)
    price = make.yuan(yuan) * 10
    variant = await make.variant(price=price, cards=1, unit_cost=price // 2)
    buyer = await make.buyer(price, referrer=agent.id)
    placed = await checkout.place_order(
        buyer, Purchase((LineWish(variant.sku, 1),), f"earn-{variant.sku}")
    )
    assert placed.order.total == price
    last = await Commission.filter(agent_id=agent.id).order_by("-release_at").first()
    assert last is not None
    due = last.release_at + timedelta(minutes=3)
    with clock.fixed(lambda: due):
        await release_due()


def is_returned(number: str = "T1") -> QueryResult:
    """Paid, and it came back."""
    return Returned(number)


WAITS = Accepted("T1", waits=True, action={"package": "confirm-me"})
