"""Plans in force and months of sales, for tests of bonuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from domain import bonuses, checkout, ledger, refunds
from domain.agents import Agent
from domain.bonuses import BonusBasis, BonusPlan, PlanDraft
from domain.bonuses.rules import month_of, start_of
from domain.checkout import LineWish, Purchase
from domain.commissions import AwardKind, CommissionAward
from domain.kernel import Actor, clock, new_id
from domain.orders import Order, OrderLine
from domain.refunds import RefundDestination, RefundReason, RefundWish
from tests import make

YUAN = make.yuan(1)


def month(back: int) -> date:
    """A month so many before this one."""
    found = month_of(clock.now())
    for _ in range(back):
        found = (found - timedelta(days=1)).replace(day=1)
    return found


@contextmanager
def on(back: int, day: int = 15) -> Iterator[None]:
    """Noon of a day of the month so many before this one."""
    moment = start_of(month(back)) + timedelta(days=day - 1, hours=12)
    with clock.fixed(lambda: moment):
        yield


def draft(back: int = 1, **changes: Any) -> PlanDraft:
    """5 % of sales from 100 on and 10 % from 1000 on, within half of the margin, for one month."""
    wish = PlanDraft(
        kind=AwardKind.PERFORMANCE,
        name="Performance",
        basis=BonusBasis.OWN_SALES,
        steps=((make.yuan(100), 500), (make.yuan(1000), 1000)),
        cap_margin_rate=5_000,
        first_month=month(back),
        last_month=month(back),
        note="test",
    )
    return replace(wish, **changes)


def team(back: int = 1, **changes: Any) -> PlanDraft:
    """1 % of what two levels sell, from 100 on, for who has sold 10 itself."""
    wish = draft(
        back,
        kind=AwardKind.TEAM,
        name="Team",
        basis=BonusBasis.TEAM_SALES,
        depth=2,
        steps=((make.yuan(100), 100),),
        min_own_sales=make.yuan(10),
        cap_margin_rate=1_000,
    )
    return replace(wish, **changes)


async def in_force(wish: PlanDraft, back: int = 1, day: int = 2) -> BonusPlan:
    """Proposed by one and approved by another on a day of a month, the second."""
    with on(back, day):
        plan = await bonuses.propose_plan(await make.operator("bonuses:write"), wish)
        boss = await make.operator("bonuses:approve")
        return await bonuses.decide_plan(boss, plan.id, approve=True)


async def sell(
    agent: Agent, yuan: int | str, back: int = 1, buyer: Actor | None = None, **wish: Any
) -> Order:
    """One delivered piece to a customer of an agent; it cost 40."""
    with on(back):
        variant = await make.variant(price=make.yuan(yuan), cards=1, **wish)
        buyer = buyer or await make.buyer(make.yuan(100_000), referrer=agent.id)
        purchase = Purchase((LineWish(variant.sku, 1),), str(new_id()))
        return (await checkout.place_order(buyer, purchase)).order


async def give_back(order: Order, yuan: str | None = None, **changes: Any) -> None:
    """Money of the only line of an order, or all of it."""
    line = await OrderLine.get(order_id=order.id)
    lines = {} if yuan is None else {line.id: make.yuan(yuan)}
    wallet = RefundDestination.WALLET
    wish = RefundWish(order.id, RefundReason.GOODWILL, wallet, lines=lines, **changes)
    await refunds.refund_order(await make.operator("*"), wish, str(new_id()))


async def awarded(back: int = 0, day: int = 9) -> int:
    """The awards of what is over by a day of a month."""
    with on(back, day):
        return await bonuses.award_due()


async def taken_back(back: int = 0) -> None:
    """What refunds took, once they are sealed."""
    with on(back, 20):
        while await ledger.seal_committed():
            pass
        await bonuses.take_back_due()


async def amounts() -> dict[Any, str]:
    """What each agent was awarded, in yuan."""
    return {
        row.agent_id: f"{row.amount / YUAN:.4f}".rstrip("0").rstrip(".")
        for row in await CommissionAward.all()
    }
