"""What an agent earned today and this month: read as it is, never counted ahead."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from domain import checkout, commissions, fulfilment
from domain.agents.models import Agent
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.commissions import CommissionState, Earnings, RuleKind, move_to_wallet, release_due
from domain.fulfilment import HandOver
from domain.kernel import Actor, ActorKind, clock
from tests import make
from tests.domain.commissions.test_life import agent, give_back, sold
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["agent"]
# Noon of the 15th of last month: ids carry the time at which they were really made, so a day that
# is over holds them all.
NOON = (clock.now().replace(day=1) - timedelta(days=1)).replace(
    day=15, hour=4, minute=0, second=0, microsecond=0
)


@contextmanager
def at(**ago: int) -> Iterator[None]:
    """So long before that noon."""
    moment = NOON - timedelta(**ago)
    with clock.fixed(lambda: moment):
        yield


async def earnings(of: Agent) -> Earnings:
    found, _ = await commissions.earnings_of([of.id], make.CNY)
    return found[of.id]


def told(state: Earnings) -> list[tuple[int, int, int, int]]:
    """Orders, sold, earned, taken back, in yuan: of today and of the month."""
    return [
        (
            part.orders,
            *(money.units // make.SCALE for money in (part.sold, part.earned, part.taken_back)),
        )
        for part in (state.today, state.month)
    ]


async def test_today_and_the_month_are_told_with_what_came_last() -> None:
    with at(days=30):
        one = await make.agent()
        await make.rule(1, RuleKind.PERCENT, 100_000, hold_days=2)
        await sold(one, "900")  # last month's
    assert told(await earnings(one))[0] == (0, 0, 0, 0)
    with at(days=3):
        early, line = await sold(one, "100")
    with at():
        late, _ = await sold(one, "60", quantity=2)
        state = await earnings(one)
        assert told(state) == [(1, 120, 12, 0), (2, 220, 22, 0)]
        assert state.day.day == 15
        assert [each.order_number for each in state.recent[:2]] == [late.number, early.number]
    with at(minutes=-1):
        await give_back(early, line, "50", "half")
        state = await earnings(one)
        assert told(state) == [(1, 120, 12, 5), (2, 220, 22, 5)], "on the day of the refund"
        newest = state.recent[0]
        assert (newest.order_number, newest.clawed_back.units) == (early.number, make.yuan(5))
        assert state.balances.pending.units == make.yuan(90 + 10 + 12 - 5)
    with at(hours=-13):  # one in the night of the 16th, by the calendar of the business
        state = await earnings(one)
        assert told(state) == [(0, 0, 0, 0), (2, 220, 22, 5)]
        assert state.day.day == 16


async def test_a_release_and_a_move_to_the_wallet_are_seen(agent: Agent) -> None:
    await sold(agent)
    (pending,) = (await earnings(agent)).recent
    assert pending.state is CommissionState.PENDING
    with make.later(days=3):
        await release_due()
    state = await earnings(agent)
    assert state.recent[0].state is CommissionState.AVAILABLE
    assert state.balances.available.units == make.yuan(10)
    own = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    await move_to_wallet(own, make.money(4), "key")
    assert (await earnings(agent)).balances.available.units == make.yuan(6)


async def test_an_order_of_two_days_counts_once() -> None:
    with at(days=1):
        one = await make.agent()
        await make.rule(1, RuleKind.PERCENT, 100_000)
        cards = await make.variant(price=make.yuan(100), cards=1)
        by_hand = await make.variant(price=make.yuan(50), delivery_kind=DeliveryKind.MANUAL)
        buyer = await make.buyer(referrer=one.id)
        wish = Purchase((LineWish(cards.sku, 1), LineWish(by_hand.sku, 1)), "two")
        _, line = (await checkout.place_order(buyer, wish)).lines
    with at():
        operator = await make.operator("orders:fulfil")
        await fulfilment.claim_line(operator, line.id)
        await fulfilment.deliver_line(
            operator, HandOver(line.id, "Here it is.", "ticket", make.yuan(30), line.id.hex)
        )
        assert told(await earnings(one)) == [(0, 50, 5, 0), (1, 150, 15, 0)]


async def test_many_agents_take_four_statements_and_what_is_over_is_read_once() -> None:
    with at():
        agents = [await make.agent() for _ in range(5)]
        await make.rule(1, RuleKind.PERCENT, 100_000)
        for each in agents[:3]:
            await sold(each)
        ids = [each.id for each in agents]
        async with count_statements() as first:
            found, before = await commissions.earnings_of(ids, make.CNY)
        async with count_statements() as again:
            same, _ = await commissions.earnings_of(ids, make.CNY, before)
    assert (len(first), len(again)) == (4, 3)
    assert found == same
    assert [found[each].today.orders for each in ids] == [1, 1, 1, 0, 0]
    with at(days=-1):
        async with count_statements() as next_day:
            await commissions.earnings_of(ids, make.CNY, before)
    assert len(next_day) == 4


async def test_right_after_midnight_nothing_is_kept() -> None:
    """A transaction that dated itself before midnight may still commit."""
    one = await make.agent()
    for ago, kept in ((timedelta(hours=12, minutes=-1), {}), (timedelta(), {one.id})):
        moment = NOON - ago
        with clock.fixed(lambda moment=moment: moment):
            _, before = await commissions.earnings_of([one.id], make.CNY)
            assert set(before) == set(kept)
