"""The life of a commission: pending, available, owed; released by a sweep that may die anywhere."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from domain import checkout, commissions, ledger, refunds
from domain.agents.models import Agent
from domain.checkout import LineWish, Purchase
from domain.commissions import (
    CommissionState,
    RuleKind,
    balances_of,
    list_commissions,
    move_to_wallet,
    release_due,
    releasing,
)
from domain.commissions.models import (
    Commission,
    CommissionBook,
    CommissionClawback,
    CommissionRelease,
    CommissionSweep,
)
from domain.commissions.rules import calendar, release_at
from domain.invariants import find_violations
from domain.kernel import Actor, Money, Refused, clock, connection, page_request, transaction
from domain.ledger import AccountKind, account_id
from domain.orders import Order, OrderLine
from domain.refunds import RefundDestination, RefundReason, RefundWish
from tests import make

pytestmark = pytest.mark.usefixtures("db")
OPERATOR = make.OPERATOR


async def sold(
    agent: Agent, price: str = "100", quantity: int = 1, buyer: Actor | None = None
) -> tuple[Order, OrderLine]:
    """A delivered order of a customer of the agent, who earns 10 % of it."""
    variant = await make.variant(
        price=make.yuan(price), cards=quantity, unit_cost=make.yuan("0.5"), max_quantity=1_000
    )
    who = buyer or await make.buyer(make.yuan(10_000), referrer=agent.id)
    wish = Purchase((LineWish(variant.sku, quantity),), f"key-{variant.sku}")
    order = (await checkout.place_order(who, wish)).order
    return order, await OrderLine.get(order_id=order.id)


async def give_back(order: Order, line: OrderLine, amount: str | None, key: str) -> None:
    lines = {line.id: None if amount is None else make.yuan(amount)}
    wallet = RefundDestination.WALLET
    wish = RefundWish(order.id, RefundReason.GOODWILL, wallet, lines=lines)
    await refunds.refund_order(OPERATOR, wish, key)


async def held(agent: Agent) -> tuple[int, int, int]:
    found = await balances_of(agent.id, make.CNY)
    return found.pending.units, found.available.units, found.owed.units


async def released(**time: int) -> int:
    with make.later(**time):
        return await release_due()


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


@pytest.fixture
async def agent() -> Agent:
    made = await make.agent()
    await make.rule(1, RuleKind.PERCENT, 100_000, hold_days=2)
    return made


async def test_what_is_earned_is_available_on_its_day_and_not_before(agent: Agent) -> None:
    order, _ = await sold(agent)
    assert await held(agent) == (make.yuan(10), 0, 0)
    with make.later(days=1):
        assert await release_due() == 0
    (shown,) = (await list_commissions(agent.id, page_request("c", 5, None))).rows
    assert shown.state is CommissionState.PENDING
    due = shown.available_at
    with clock.fixed(lambda: due + timedelta(seconds=119)):
        assert await release_due() == 0
    with clock.fixed(lambda: due + timedelta(seconds=120)):
        assert await release_due() == 1
        assert await release_due() == 0
    assert await held(agent) == (0, make.yuan(10), 0)
    (shown,) = (await list_commissions(agent.id, page_request("c", 5, None))).rows
    assert (shown.state, shown.order_number) == (CommissionState.AVAILABLE, order.number)
    await all_is_well()


@pytest.mark.parametrize(
    ("hold_days", "sold_at", "expected"),
    [
        (0, "2030-03-01T15:59:59.5+00:00", "2030-03-01T16:00:00+00:00"),
        (0, "2030-03-01T16:00:00+00:00", "2030-03-01T16:01:00+00:00"),
        (1, "2030-03-01T15:59:59+00:00", "2030-03-01T16:00:00+00:00"),  # a second before midnight
        (1, "2030-03-01T16:00:00+00:00", "2030-03-02T16:00:00+00:00"),  # at midnight in Beijing
        (3, "2030-02-27T01:00:00+00:00", "2030-03-01T16:00:00+00:00"),
        (90, "2030-01-01T00:00:00+00:00", "2030-03-31T16:00:00+00:00"),
    ],
)
def test_days_are_those_of_the_business(hold_days: int, sold_at: str, expected: str) -> None:
    found = release_at(datetime.fromisoformat(sold_at), hold_days)
    assert found == datetime.fromisoformat(expected)


def test_where_a_day_begins_is_a_setting() -> None:
    moment = datetime.fromisoformat("2030-03-01T23:30:00+00:00")
    usual, calendar.utc_offset = calendar.utc_offset, timedelta(0)
    try:
        assert release_at(moment, 1) == datetime.fromisoformat("2030-03-02T00:00:00+00:00")
    finally:
        calendar.utc_offset = usual


async def test_one_transfer_for_each_agent_however_much_it_earned(agent: Agent) -> None:
    other = await make.agent()
    for _ in range(3):
        await sold(agent)
    await sold(other, "50")
    assert await released(days=3) == 2
    assert await CommissionRelease.all().count() == 2
    assert await ledger.Transfer.filter(kind="commission_released").count() == 2
    assert (await CommissionRelease.get(agent_id=agent.id)).lines == 3
    assert await held(agent) == (0, make.yuan(30), 0)
    assert await held(other) == (0, make.yuan(5), 0)
    (sweep,) = await CommissionSweep.all()
    assert (sweep.lines, sweep.amount) == (4, make.yuan(35))
    await all_is_well()


async def test_a_commission_is_never_written_into_what_was_released(agent: Agent) -> None:
    """Whether a clock is behind, or another one was ahead: it comes after what was swept."""
    long_ago = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    await make.rule(1, RuleKind.FIXED, 10_000, valid_from=long_ago)
    with clock.fixed(lambda: long_ago):
        await sold(agent)
    behind = await Commission.get(agent_id=agent.id)
    assert behind.release_at > clock.now()
    assert await released(days=20) == 1
    await sold(agent)
    ahead = await Commission.get(agent_id=agent.id, id__not=behind.id)
    assert ahead.release_at > behind.release_at + timedelta(days=19)
    assert await released(days=21) == 1
    assert await held(agent) == (0, 10_000 + make.yuan(10), 0)


async def test_pending_commission_gets_less_by_a_refund(agent: Agent) -> None:
    order, line = await sold(agent, quantity=2)
    await give_back(order, line, "30.03", "a")
    assert await held(agent) == (make.yuan("16.997"), 0, 0)
    (taken,) = await CommissionClawback.all()
    assert (taken.pending, taken.available, taken.owed) == (make.yuan("3.003"), 0, 0)
    await released(days=3)
    assert await held(agent) == (0, make.yuan("16.997"), 0)
    await all_is_well()


async def test_available_commission_is_debited_and_what_was_taken_out_is_owed(
    agent: Agent,
) -> None:
    order, line = await sold(agent)
    await released(days=3)
    await give_back(order, line, "20", "a")
    assert await held(agent) == (0, make.yuan(8), 0)
    owner = make.actor_of(await make.User.get(id=agent.user_id))
    await move_to_wallet(owner, make.money(5), "out")
    await give_back(order, line, None, "b")
    assert await held(agent) == (0, 0, make.yuan(5))
    last = await CommissionClawback.all().order_by("-id").first()
    assert last is not None
    assert (last.pending, last.available, last.owed) == (0, make.yuan(3), make.yuan(5))
    await all_is_well()
    # What is earned later makes it up first.
    await sold(agent, "30")
    await released(days=6)
    assert await held(agent) == (0, 0, make.yuan(2))
    await sold(agent, "70")
    await released(days=9)
    assert await held(agent) == (0, make.yuan(5), 0)
    assert [each.offset_debt for each in await CommissionRelease.all().order_by("id")] == [
        0,
        make.yuan(3),
        make.yuan(2),
    ]
    await all_is_well()


async def test_a_refund_of_two_lines_takes_from_one_book_twice(agent: Agent) -> None:
    buyer = await make.buyer(make.yuan(1_000), referrer=agent.id)
    skus = [(await make.variant(price=make.yuan(100), cards=1, unit_cost=1)).sku for _ in range(2)]
    wish = Purchase(tuple(LineWish(sku, 1) for sku in skus), "both")
    order = (await checkout.place_order(buyer, wish)).order
    await released(days=3)
    owner = make.actor_of(await make.User.get(id=agent.user_id))
    await move_to_wallet(owner, make.money(15), "out")
    wish_back = RefundWish(order.id, RefundReason.GOODWILL, RefundDestination.WALLET)
    await refunds.refund_order(OPERATOR, wish_back, "all")
    assert await held(agent) == (0, 0, make.yuan(15))
    await all_is_well()


async def test_a_debt_is_never_made_up_twice(agent: Agent) -> None:
    order, line = await sold(agent)
    await released(days=3)
    owner = make.actor_of(await make.User.get(id=agent.user_id))
    await move_to_wallet(owner, make.money(10), "out")
    await give_back(order, line, None, "a")
    debt = account_id(AccountKind.COMMISSION_DEBT, agent.id, make.CNY)
    pending = account_id(AccountKind.COMMISSION, agent.id, make.CNY)
    legs = [(pending, -make.yuan(11)), (debt, make.yuan(11))]
    with pytest.raises(asyncpg.CheckViolationError, match="account_debt_not_above_zero"):
        await booked(ledger.TransferKind.COMMISSION_RELEASED, agent.id, legs)


async def booked(kind: ledger.TransferKind, why: UUID, legs: list[tuple[UUID, int]]) -> None:
    async with transaction() as conn:
        await ledger.post(conn, [ledger.Posting(kind, why, make.CNY, legs)])


async def test_commission_and_wallet_are_two_things(agent: Agent) -> None:
    owner_id = agent.user_id
    owner = make.actor_of(await make.User.get(id=owner_id))
    await sold(agent)
    with pytest.raises(Refused) as refused:
        await move_to_wallet(owner, make.money(1), "early")
    assert refused.value.refusals[0].code == "COMMISSION_SHORT"
    await released(days=3)
    assert (await ledger.wallet_of(owner_id, make.CNY)).available.units == 0
    moved = await move_to_wallet(owner, make.money(4), "one")
    again = await move_to_wallet(owner, make.money(4), "one")
    assert (moved.replayed, again.replayed) == (False, True)
    assert (await ledger.wallet_of(owner_id, make.CNY)).available.units == make.yuan(4)
    assert await held(agent) == (0, make.yuan(6), 0)
    for amount, code in (
        (make.money("6.0001"), "INVALID"),
        (Money(-100, make.CNY), "INVALID"),
        (make.money("6.01"), "COMMISSION_SHORT"),
    ):
        with pytest.raises(Refused) as refused:
            await move_to_wallet(owner, amount, f"{amount}")
        assert refused.value.refusals[0].code == code
    stranger = await make.buyer()
    with pytest.raises(Refused) as refused:
        await move_to_wallet(stranger, make.money(1), "mine")
    assert refused.value.refusals[0].code == "FORBIDDEN"
    await all_is_well()


async def test_two_hundred_moves_at_once_leave_what_was_there(agent: Agent) -> None:
    for _ in range(3):
        await sold(agent)
    await released(days=3)
    owner = make.actor_of(await make.User.get(id=agent.user_id))

    async def move(number: int) -> str:
        try:
            await move_to_wallet(owner, make.money("0.25"), f"move{number}")
        except Refused as refused:
            return refused.refusals[0].code
        return "moved"

    told = Counter(await asyncio.gather(*(move(number) for number in range(200))))
    assert set(told) <= {"moved", "COMMISSION_SHORT", "BUSY"}
    wallet = (await ledger.wallet_of(agent.user_id, make.CNY)).available.units
    assert 0 < wallet == told["moved"] * make.yuan("0.25")
    assert await held(agent) == (0, make.yuan(30) - wallet, 0)
    if not told["BUSY"]:
        assert wallet == make.yuan(30)
    await all_is_well()


async def test_whoever_sweeps_at_once_releases_each_commission_once(agent: Agent) -> None:
    others = [await make.agent() for _ in range(4)]
    for each in (agent, *others):
        await sold(each)
    with make.later(days=3), pytest.MonkeyPatch.context() as patch:
        patch.setattr(releasing, "SLICE", 1)
        told = await asyncio.gather(*(release_due() for _ in range(6)))
    assert sum(told) == 5
    assert await CommissionSweep.all().count() == 1
    for each in (agent, *others):
        assert await held(each) == (0, make.yuan(10), 0)
    await all_is_well()


async def test_what_is_due_is_counted_some_at_a_time(agent: Agent) -> None:
    others = [await make.agent() for _ in range(3)]
    for day, each in enumerate((agent, *others)):
        with make.later(days=day):
            await sold(each)
    with make.later(days=9), pytest.MonkeyPatch.context() as patch:
        patch.setattr(releasing, "AT_ONCE", 1)
        assert await release_due() == 4
    assert await CommissionSweep.all().count() == 2  # each of two of them
    for each in (agent, *others):
        assert await held(each) == (0, make.yuan(10), 0)
    await all_is_well()


class Died(Exception):
    """The process was killed here."""


@pytest.mark.parametrize("point", ["commissions.marked", "commissions.released"])
async def test_a_sweep_that_dies_is_gone_on_with(
    agent: Agent, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [await make.agent() for _ in range(3)]
    for each in (agent, *others):
        await sold(each)
    monkeypatch.setattr(releasing, "SLICE", 2)

    def die(name: str) -> None:
        if name == point:
            raise Died

    monkeypatch.setattr(releasing, "crash_point", die)
    with pytest.raises(Died):
        await released(days=3)
    await all_is_well()
    monkeypatch.setattr(releasing, "crash_point", lambda name: None)
    await released(days=3)
    for each in (agent, *others):
        assert await held(each) == (0, make.yuan(10), 0)
    await all_is_well()


async def race_of_refund_and_release(agent: Agent) -> tuple[int, int, int]:
    """A refund decides that its commission is pending, and a sweep comes before it commits."""
    order, line = await sold(agent)
    with make.later(days=3):
        assert await releasing._mark()
        wish = RefundWish(order.id, RefundReason.GOODWILL, RefundDestination.WALLET)
        reached, go_on = asyncio.Event(), asyncio.Event()
        written = commissions.write_clawbacks

        async def pause(conn: asyncpg.Connection, refund_id: UUID, taken: list) -> None:
            reached.set()
            await go_on.wait()
            await written(conn, refund_id, taken)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(commissions, "write_clawbacks", pause)
            refund = asyncio.create_task(refunds.refund_order(OPERATOR, wish, "race"))
            await reached.wait()
            await release_due()  # leaves the book alone that the refund has locked
            go_on.set()
            await refund
        await release_due()
    assert line.id
    return await held(agent)


async def test_a_refund_and_a_release_at_once_take_the_same_money_once(agent: Agent) -> None:
    assert await race_of_refund_and_release(agent) == (0, 0, 0)
    await all_is_well()


async def test_twin_without_the_lock_of_the_book_the_agent_would_keep_it(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    from domain.commissions import books

    unlocked = books._LOCK.replace("FOR UPDATE OF k", "")
    opened = "SELECT 1 FROM unnest($1::uuid[], $2::uuid[], $3::text[]) LIMIT 0"
    monkeypatch.setattr(books, "_LOCK", unlocked)
    monkeypatch.setattr(books, "_OPEN", opened)
    pending, available, _ = await race_of_refund_and_release(agent)
    assert (pending, available) == (-make.yuan(10), make.yuan(10))
    assert "I14" in {each.name for each in await find_violations() if each.violations}


BREACHES = (
    "UPDATE commission_books SET released_up_to = released_up_to + interval '1 year',"
    " due_up_to = due_up_to + interval '1 year'",
    "UPDATE commission_releases SET earned = earned + 1",
    "UPDATE commission_releases SET lines = lines + 1",
    "UPDATE commission_releases SET offset_debt = 1",
    "UPDATE commissions SET release_at = release_at + interval '1 year'",
    "DELETE FROM commission_releases",
    "DELETE FROM transfers WHERE kind = 'commission_released'",
    "UPDATE accounts SET balance = -1 WHERE kind = 'commission_debt'",
)


@pytest.mark.parametrize("breach", BREACHES)
async def test_a_broken_promise_is_found(agent: Agent, breach: str) -> None:
    await sold(agent)
    await released(days=3)
    await all_is_well()
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # past all triggers
        assert await conn.execute(breach) not in ("UPDATE 0", "DELETE 0")
    assert "I14" in {each.name for each in await find_violations() if each.violations}


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE commission_releases SET earned = earned + 1", "append-only"),
        ("DELETE FROM commission_sweeps", "append-only"),
        ("UPDATE commission_books SET released_up_to = NULL, due_up_to = NULL", "stays released"),
        ("DELETE FROM commission_books", "stays released"),
        ("UPDATE commission_rules SET value = 1", "kept as it is"),
        ("DELETE FROM commission_rules", "kept as it is"),
    ],
)
async def test_the_database_refuses_what_must_not_be(agent: Agent, sql: str, why: str) -> None:
    await sold(agent)
    await released(days=3)
    with pytest.raises(asyncpg.RestrictViolationError, match=why):
        async with connection() as conn:
            await conn.execute(sql)
    assert await CommissionBook.all().count() == 1
