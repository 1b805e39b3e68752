"""Cashback for goods that were kept: once for each line, back with them, never into the floor."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import cashback, checkout, ledger, priceguard
from domain.cashback import CashbackScope, Kept, RuleWish, cashback_of, service, still_back
from domain.cashback.models import Cashback, CashbackReturn
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind
from domain.identity.models import User, UserRole
from domain.invariants import find_violations
from domain.kernel import Actor, Money, Refused, clock, connection, new_id, transaction
from domain.kernel.models import OutboxEvent
from domain.ledger import AccountKind, account_id
from domain.orders import Order
from domain.priceguard import Margin
from tests import make
from tests.bonus_benches import draft, give_back, in_force
from tests.court import said

pytestmark = pytest.mark.usefixtures("db")
STAFF = make.OPERATOR


def wish(**changes: Any) -> RuleWish:
    """2 % of what was paid, at most 5, ten days after the delivery."""
    made = RuleWish(
        name="autumn",
        cap=make.yuan(5),
        valid_until=clock.now() + timedelta(days=60),
        rate=200,
        hold_days=10,
    )
    return replace(made, **changes)


async def buy(buyer: Actor, yuan: int | str, quantity: int = 1, **changes: Any) -> Order:
    variant = await make.variant(price=make.yuan(yuan), cards=quantity, **changes)
    purchase = Purchase((LineWish(variant.sku, quantity),), str(new_id()))
    return (await checkout.place_order(buyer, purchase)).order


async def looked(days: int = 11) -> None:
    """The chain is sealed and followed now, and again so many days later."""
    for later in (0, days):
        with make.later(days=later):
            while await ledger.seal_committed():
                pass
            await cashback.follow_chain()
            await cashback.credit_due()


async def wallet(buyer: Actor) -> int:
    """In 1/100 yuan."""
    units = await ledger.balance_of(account_id(AccountKind.WALLET, buyer.user_id, make.CNY))
    return units // 100


async def all_is_well() -> None:
    while await ledger.seal_committed():
        pass
    broken = {each.name for each in await find_violations() if each.violations}
    assert broken - {"I16"} == set()


async def test_what_was_bought_and_kept_brings_cashback_once_and_in_time() -> None:
    await cashback.save_rule(STAFF, wish())
    buyer = await make.buyer(make.yuan(1_000))
    await buy(buyer, 100)
    await buy(buyer, 400)
    await looked(days=9)
    assert await wallet(buyer) == 500_00
    waiting = await Cashback.filter(buyer_id=buyer.user_id)
    assert {row.state.value for row in waiting} == {"waiting"}
    with make.later(days=11):
        await asyncio.gather(*(cashback.credit_due() for _ in range(4)))
        assert await cashback.credit_due() == 0
    assert await wallet(buyer) == 507_00  # 2.00, and 8.00 at most 5.00
    told = await OutboxEvent.filter(type="cashback.credited").order_by("id")
    assert sorted(each.payload["amount"] for each in told) == ["2.00", "5.00"]
    await all_is_well()


async def test_guests_agents_gifts_stored_value_and_other_goods_bring_none() -> None:
    shelf = await make.product()
    await cashback.save_rule(STAFF, wish(scope=CashbackScope.PRODUCT, scope_id=shelf.id))
    login, guest = await make.buyer(), make.actor_of(await make.user(role=UserRole.GUEST))
    await make.top_up(guest.require_user(), make.yuan(500))
    await buy(login, 100)  # of another product
    await buy(guest, 100, of=shelf)
    program = await make.gift_program(price=make.yuan(100), cards=1)
    gift = await Variant.get(id=program.variant_id)
    await checkout.place_order(login, Purchase((LineWish(gift.sku, 1),), "gift"))
    await buy(login, 100, of=shelf)
    await looked()
    assert await Cashback.all().count() == 1
    assert await wallet(login) == 702_00
    await all_is_well()


async def test_the_narrowest_rule_counts_and_one_that_ended_no_more() -> None:
    shelf = await make.product()
    await cashback.save_rule(STAFF, wish())
    await cashback.save_rule(
        STAFF, wish(scope=CashbackScope.CATEGORY, scope_id=shelf.category_id, rate=300)
    )
    narrow = await cashback.save_rule(
        STAFF, wish(scope=CashbackScope.PRODUCT, scope_id=shelf.id, rate=None, fixed=make.yuan(1))
    )
    buyer = await make.buyer()
    await buy(buyer, 100, 2, of=shelf)
    await cashback.end_rule(STAFF, narrow.id)
    assert await said(cashback.end_rule(STAFF, narrow.id)) == "cashback_ended"
    await buy(buyer, 100, of=shelf)
    await looked()
    amounts = sorted(row.amount // 10_000 for row in await Cashback.all())
    assert amounts == [2, 3]
    await all_is_well()


async def test_no_cashback_takes_a_sale_below_its_floor() -> None:
    with_guard = priceguard.GuardWish(site_id=None, tier=None, min_margin=make.yuan(3))
    await priceguard.save_guard(STAFF, with_guard)
    await cashback.save_rule(STAFF, wish(rate=5_000, cap=make.yuan(100)))
    await make.rule(1, RuleKind.PERCENT, 20_000)
    agent = await make.agent()
    buyer, stranger = await make.buyer(referrer=agent.id), await make.buyer()
    await buy(buyer, 100, unit_cost=make.yuan(90))  # 10 less 3 less 2 of the agent
    await buy(stranger, 100, unit_cost=make.yuan(97))  # nothing is left above the floor
    await looked()
    assert sorted(row.amount for row in await Cashback.all()) == [0, make.yuan(5)]
    assert {row.state.value for row in await Cashback.all()} == {"credited", "nothing"}
    await all_is_well()


async def test_what_bonus_plans_may_take_of_a_sale_is_not_given_to_its_buyer_as_well() -> None:
    await in_force(draft(0, cap_margin_rate=4_000), 0)
    await cashback.save_rule(STAFF, wish(rate=5_000, cap=make.yuan(100)))
    buyer = await make.buyer()
    await buy(buyer, 100, unit_cost=make.yuan(90))
    await looked()
    (row,) = await Cashback.all()
    assert row.amount == make.yuan(6)  # 10 above the cost, of which plans may take 4
    await all_is_well()


async def test_what_went_back_before_brings_nothing_and_what_goes_back_later_is_taken() -> None:
    await cashback.save_rule(STAFF, wish())
    buyer = await make.buyer()
    early, late = await buy(buyer, 200), await buy(buyer, 100)
    await give_back(early, "100")
    await looked()
    assert await wallet(buyer) == 804_00
    with make.later(days=12):
        await give_back(early, "50")
        await looked(0)
        await give_back(early)
        await give_back(late, "33.33")
    with make.later(days=13):
        await looked(0)
    rows = {row.order_line_id: row for row in await Cashback.all()}
    assert len(rows) == 2
    gone = sum(row.amount for row in await CashbackReturn.all())
    assert gone == make.yuan(2) + make.yuan("0.6666")
    await all_is_well()


async def test_what_is_not_in_the_wallet_any_more_is_made_up_by_later_cashback() -> None:
    await cashback.save_rule(STAFF, wish(rate=1_000, cap=make.yuan(50)))
    buyer = await make.buyer(make.yuan(100))
    order = await buy(buyer, 100)
    await looked()
    assert await wallet(buyer) == 10_00
    with make.later(days=12):
        await buy(buyer, 8, unit_cost=make.yuan(1))
        await give_back_outside(order)
        await looked(0)
        (back,) = await CashbackReturn.all()
        assert (back.amount, back.short) == (make.yuan(10), make.yuan(8))
        assert await wallet(buyer) == 0
    with make.later(days=12):
        await looked()
    assert await wallet(buyer) == 0  # 0.80, all of it for what was short
    await all_is_well()


async def give_back_outside(order: Order) -> None:
    """All of it, and the money is spent at once."""
    await give_back(order)
    buyer = make.actor_of(await user_of(order.buyer_id))
    left = await ledger.balance_of(account_id(AccountKind.WALLET, order.buyer_id, make.CNY))
    goods = Money(left - make.yuan(2), make.CNY)
    variant = await make.variant(price=goods.units, cards=1, unit_cost=goods.units - 1)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), str(new_id())))


async def user_of(user_id: UUID) -> Any:
    return await User.get(id=user_id)


async def test_twin_without_the_lock_a_refund_is_lost_between_two_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A credit that does not see the refund, which is looked at before the credit is there."""
    assert await race_of_credit_and_refund() == make.yuan(2)
    await all_is_well()
    monkeypatch.setattr(service, "LOCK", "SELECT sequence FROM cashback_cursor WHERE id = 1")
    assert await race_of_credit_and_refund() == 0


async def race_of_credit_and_refund() -> int:
    """What of a cashback of 2 is taken back when its line is refunded while it is credited."""
    await cashback.save_rule(STAFF, wish())
    buyer = await make.buyer()
    order = await buy(buyer, 100)
    await looked(0)
    read, go_on = asyncio.Event(), asyncio.Event()
    credits = service._credits

    async def slowly(*given: Any) -> Any:
        found = await credits(*given)
        read.set()
        await go_on.wait()
        return found

    with make.later(days=11):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(service, "_credits", slowly)
            credit = asyncio.create_task(cashback.credit_due())
            await read.wait()
        await give_back(order)
        while await ledger.seal_committed():
            pass
        follow = asyncio.create_task(cashback.follow_chain())
        await ended_or_waiting(follow)  # with the lock it waits for the credit
        go_on.set()
        await credit
        await follow
    return sum(row.amount for row in await CashbackReturn.filter(buyer_id=buyer.user_id))


async def ended_or_waiting(task: asyncio.Task[int]) -> None:
    """The task is done, or the database says that somebody waits for a lock."""
    while not task.done():
        async with connection() as conn:
            waits = await conn.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            )
        if waits:
            return
        await asyncio.sleep(0.01)


money = st.integers(0, 10**9)


@given(money, st.lists(st.integers(0, 10**9), max_size=6), st.integers(1, 10**9))
def test_parts_that_go_back_sum_to_what_one_takes(
    amount: int, parts: list[int], basis: int
) -> None:
    taken = gone = 0
    for part in parts:
        gone += part
        taken += still_back(amount, taken, gone, basis)
    assert taken == amount * min(gone, basis) // basis <= amount
    assert still_back(amount, taken, basis, basis) == amount - taken


rates = st.integers(0, 9_000)


@given(money, money, money, money, st.integers(0, 9), rates, st.integers(1, 10**6))
def test_it_never_passes_its_cap_nor_the_floor(
    price: int, refunded: int, cost: int, shares: int, pieces: int, rate: int, cap: int
) -> None:
    kept = Kept(price, min(price, refunded), cost, shares, pieces, Margin(rate, 5))
    for terms in ({"rate": 5_000, "cap": cap}, {"rate": None, "fixed": 700, "cap": cap}):
        amount = cashback_of(terms, kept)
        assert 0 <= amount <= min(cap, kept.paid)
        floor = Margin(rate, 5).floor(cost, pieces) + shares
        assert amount == 0 or kept.paid - amount >= floor


@pytest.mark.parametrize(("changes", "why"), [
    ({"name": " "}, "bonus_name"),
    ({"rate": None}, "cashback_value"),
    ({"fixed": 1}, "cashback_value"),
    ({"rate": 5_001}, "cashback_value"),
    ({"cap": 0}, "cashback_cap"),
    ({"hold_days": 91}, "commission_hold_days"),
    ({"scope": CashbackScope.CATEGORY, "scope_id": new_id()}, "category"),
    ({"scope": CashbackScope.PRODUCT, "scope_id": new_id()}, "product"),
    ({"site_id": new_id()}, "site"),
])  # fmt: skip
async def test_a_rule_without_a_bound_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused) as refused:
        await cashback.save_rule(STAFF, wish(**changes))
    (refusal,) = refused.value.refusals
    assert why in (getattr(refusal, "reason", None), getattr(refusal, "what", None))


async def test_a_rule_is_for_a_time() -> None:
    now = clock.now()
    for changes in (
        {"valid_until": now + timedelta(days=367)},
        {"valid_until": now - timedelta(days=1)},
        {"valid_from": now - timedelta(days=1)},
    ):
        assert await said(cashback.save_rule(STAFF, wish(**changes))) == "cashback_validity"


KEPT = (
    ("UPDATE cashback_rules SET rate = 4000", "cashback_rule_kept"),
    ("UPDATE cashback_rules SET valid_until = valid_until + interval '1 h'", "cashback_rule_kept"),
    ("DELETE FROM cashback_rules", "cashback_rule_kept"),
    ("UPDATE cashbacks SET amount = amount - 1", "cashback_kept"),
    ("UPDATE cashbacks SET buyer_id = gen_random_uuid()", "cashback_kept"),
    ("DELETE FROM cashbacks", "cashback_kept"),
    ("DELETE FROM cashback_returns", None),
    ("INSERT INTO cashback_returns SELECT gen_random_uuid(), cashback_id, buyer_id, currency,"
     " 1000000, 0, now() FROM cashback_returns", "cashback_return_within"),
)  # fmt: skip


@pytest.mark.parametrize(("sql", "name"), KEPT)
async def test_what_was_written_stays(sql: str, name: str | None) -> None:
    await cashback.save_rule(STAFF, wish())
    order = await buy(await make.buyer(), 100)
    await looked()
    with make.later(days=12):
        await give_back(order, "50")
        await looked(0)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        async with connection() as conn:
            await conn.execute(sql)
    assert name is None or refused.value.constraint_name == name


@pytest.mark.parametrize("breach", [
    "UPDATE cashbacks SET amount = amount + 1",
    "UPDATE cashback_returns SET amount = amount + 1",
    "DELETE FROM cashbacks",
    "DELETE FROM transfers WHERE kind = 'cashback_credited'",
    "UPDATE cashbacks SET amount = amount + 1, offset_short = 1",
])  # fmt: skip
async def test_a_broken_promise_is_found(breach: str) -> None:
    await cashback.save_rule(STAFF, wish())
    order = await buy(await make.buyer(), 100)
    await looked()
    with make.later(days=12):
        await give_back(order, "50")
        await looked(0)
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        assert await conn.execute(breach) not in ("UPDATE 0", "DELETE 0")
    assert "H11" in {each.name for each in await find_violations() if each.violations}
