"""A small world for settlement: a calendar of its own, agents, sales on days of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

from domain import checkout, commissions, refunds, settlement
from domain.agents.models import Agent
from domain.checkout import LineWish, Purchase
from domain.commissions import release_due
from domain.invariants import find_violations
from domain.kernel import Actor, clock
from domain.orders import Order, OrderLine
from domain.refunds import RefundDestination, RefundReason, RefundWish
from domain.settlement import SettlementStatement, counting
from tests import make

NOON = datetime(2031, 3, 1, 4, tzinfo=UTC)  # noon of the first day where the business is
_numbers = count(1)


@contextmanager
def on(day: int, minutes: int = 0) -> Iterator[None]:
    """Noon of a day of March, and so many minutes."""
    moment = NOON + timedelta(days=day - 1, minutes=minutes)
    with clock.fixed(lambda: moment):
        yield


def name(day: int) -> str:
    """The period that is one day of March."""
    return f"2031-03-{day:02}"


async def sold(
    agent: Agent, price: str = "100", buyer: Actor | None = None
) -> tuple[Order, OrderLine]:
    """A delivered order of a customer of the agent."""
    variant = await make.variant(price=make.yuan(price), cards=1, unit_cost=make.yuan("0.5"))
    who = buyer or await make.buyer(make.yuan(10_000), referrer=agent.id)
    wish = Purchase((LineWish(variant.sku, 1),), f"key-{variant.sku}")
    order = (await checkout.place_order(who, wish)).order
    return order, await OrderLine.get(order_id=order.id)


async def give_back(order: Order, line: OrderLine, amount: str | None = None) -> None:
    """A refund of a line, or of a part of it."""
    lines = {line.id: None if amount is None else make.yuan(amount)}
    wish = RefundWish(order.id, RefundReason.GOODWILL, RefundDestination.WALLET, lines=lines)
    await refunds.refund_order(make.OPERATOR, wish, f"back-{next(_numbers)}")


async def released(day: int) -> None:
    """What is due by noon of that day becomes available."""
    with on(day):
        await release_due()


async def moved(actor: Actor, amount: int | str) -> None:
    """Available commission goes into the wallet."""
    await commissions.move_to_wallet(actor, make.money(amount), f"move-{next(_numbers)}")


async def settled(day: int, actor: Actor = make.OPERATOR) -> settlement.SettlementRun:
    """The frozen run of one day."""
    with on(day + 1):
        started = await settlement.start_run(actor, name(day), make.CNY)
        return await settlement.count_run(started.run.id)


async def statement(run: settlement.SettlementRun, agent: Agent) -> SettlementStatement:
    """What the run says of an agent."""
    return await SettlementStatement.get(run_id=run.id, agent_id=agent.id)


async def all_is_well() -> None:
    """No promise of the house is broken."""
    assert [each for each in await find_violations() if each.violations] == []


@contextmanager
def slices_of(agents: int) -> Iterator[None]:
    """Runs look at so few agents at once."""
    usual, counting.SLICE = counting.SLICE, agents
    try:
        yield
    finally:
        counting.SLICE = usual
