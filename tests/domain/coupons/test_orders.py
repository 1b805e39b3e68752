"""Coupons on orders, from the quote to the refund, on real PostgreSQL (rows J1, J15; I11)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from domain import checkout, costs, coupons, fulfilment, ledger, orders, refunds, risk
from domain.agents import Tier
from domain.catalog import PartDraft, WhenOut
from domain.checkout import LineWish, Purchase, ReviewDecision
from domain.commissions import RuleKind
from domain.coupons import CampaignKind, CampaignState, DiscountBearer, NamedCoupons, UseState, Why
from domain.coupons.models import CampaignCounter, CouponUse
from domain.kernel import Refused, clock, connection, new_id, transaction
from domain.ledger import AccountKind, account_id
from domain.orders import Order, OrderLine, OrderStatus
from domain.refunds import RefundDestination, RefundReason, RefundWish
from domain.risk import Condition, RiskCase, RiskDecision, RiskKind, RuleDraft
from tests import make, vendor
from tests.domain.checkout.test_exchange import abroad, goods, shopper
from tests.domain.coupons.selling import (
    all_is_well,
    bought,
    campaign,
    codes,
    refusal,
    states,
    wish,
)
from tests.domain.fulfilment.test_manual import hand_over, operator
from tests.domain.payments.test_paying import called_back, started
from tests.statements import count_statements
from tests.vendor import Vendor, told

pytestmark = pytest.mark.usefixtures("db")


async def test_a_code_lowers_the_price_of_its_line_and_is_used_once() -> None:
    variant = await make.variant(price=make.yuan(49), cards=3, unit_cost=make.yuan(30))
    (code, *_), buyer = await codes(await campaign("5")), await make.buyer(make.yuan(100))
    placed = await bought(buyer, variant.sku, code.lower())
    assert placed.order.total == make.yuan(44)
    (line,) = await OrderLine.filter(order_id=placed.order.id)
    assert (line.unit_price, line.discount) == (make.yuan(44), make.yuan(5))
    assert await states() == ["used"]
    wallet = await ledger.wallet_of(buyer.require_user(), make.CNY)
    assert wallet.available.units == make.yuan(56)
    assert (await refusal(buyer, variant.sku, code, key="b")).code == "COUPON_EXHAUSTED"
    again = await bought(buyer, variant.sku, code.lower())
    assert (again.replayed, again.order.id) == (True, placed.order.id)
    await all_is_well()


async def test_a_purchase_with_coupons_is_two_statements_and_one_without_stays_at_two() -> None:
    variant = await make.variant(cards=9, unit_cost=make.yuan(20))
    await campaign("5")
    buyer = await make.buyer()
    async with count_statements() as plain:
        await bought(buyer, variant.sku, key="a")
    async with count_statements() as named:
        await bought(buyer, variant.sku, "SUMMER", key="b")
    assert (len(plain), len(named)) == (2, 2)
    await campaign("1", automatic=True)
    async with count_statements() as first:
        await bought(buyer, variant.sku, key="c")
    async with count_statements() as later:
        await bought(buyer, variant.sku, key="d")
    assert (len(first), len(later)) == (3, 2)  # whoever sees the first campaign reads once more
    assert await states() == ["used", "used", "used"]


async def test_what_does_not_divide_becomes_two_lines_and_goes_back_by_what_was_paid() -> None:
    variant = await make.variant(price=make.yuan(10), cards=3, unit_cost=make.yuan(5))
    await campaign("10", given_back=True)
    buyer = await make.buyer(make.yuan(30))
    placed = await bought(buyer, variant.sku, "SUMMER", quantity=3)
    lines = await OrderLine.filter(order_id=placed.order.id).order_by("position")
    assert [(each.quantity, each.unit_price) for each in lines] == [
        (1, make.yuan("6.66")),
        (2, make.yuan("6.67")),
    ]
    back = refunds.RefundWish(
        placed.order.id, RefundReason.OTHER, RefundDestination.WALLET, "x", {lines[0].id: None}
    )
    await refunds.refund_order(make.OPERATOR, back, "one")
    wallet = await ledger.wallet_of(buyer.require_user(), make.CNY)
    assert wallet.available.units == make.yuan("16.66")
    assert await checkout.give_back_coupons(placed.order.id) == 0
    await refunds.refund_order(make.OPERATOR, replace(back, lines={}), "rest")
    wallet = await ledger.wallet_of(buyer.require_user(), make.CNY)
    assert wallet.available.units == make.yuan(30)
    assert await checkout.coupons_to_give_back(9) == [placed.order.id]
    given = await asyncio.gather(*(checkout.give_back_coupons(placed.order.id) for _ in range(4)))
    assert sorted(given) == [0, 0, 0, 1]
    assert await states() == ["returned"]
    await all_is_well()


async def test_a_campaign_that_gives_nothing_back_keeps_its_coupon_used() -> None:
    variant = await make.variant(cards=2, unit_cost=make.yuan(5))
    await campaign("10")
    placed = await bought(await make.buyer(), variant.sku, "SUMMER")
    back = RefundWish(placed.order.id, RefundReason.OTHER, RefundDestination.WALLET, "x")
    await refunds.refund_order(make.OPERATOR, back, "all")
    assert await checkout.give_back_coupons(placed.order.id) == 0
    assert await states() == ["used"]


async def test_what_is_quoted_with_coupons_is_what_is_charged() -> None:
    variant = await make.variant(price=make.yuan(49), cards=3, unit_cost=make.yuan(20))
    await campaign("5", stack_group="a")
    await campaign("1", kind=CampaignKind.PERCENT, value=100_000, automatic=True, stack_group="b")
    await campaign("9", automatic=True, minimum=make.yuan(100))
    buyer = await make.buyer()
    asked = NamedCoupons(("SUMMER", "NONE"))
    quoted = await checkout.quote_lines(buyer, [LineWish(variant.sku, 2)], coupons=asked)
    assert quoted.total == make.yuan(98) - make.yuan(5) - make.yuan("9.30")
    assert quoted.asked.unknown == (2,)
    (low,) = quoted.asked.outcome.rejected
    assert (low.why, low.missing) == (Why.BELOW_MINIMUM, make.yuan(2))
    placed = await bought(buyer, variant.sku, "SUMMER", quantity=2, expected_total=quoted.total)
    assert placed.order.total == quoted.total
    await all_is_well()


async def test_no_coupon_sells_below_the_floor_and_an_automatic_one_keeps_nobody_away() -> None:
    variant = await make.variant(price=make.yuan(49), cards=3, unit_cost=make.yuan(46))
    await campaign("5")
    buyer = await make.buyer()
    low = await refusal(buyer, variant.sku, "SUMMER")
    assert (low.code, low.field) == ("COUPON_INELIGIBLE", ("couponCodes",))
    assert low.reason == "coupon_price_floor"
    named = NamedCoupons(("SUMMER",))
    quoted = await checkout.quote_lines(buyer, [LineWish(variant.sku, 1)], coupons=named)
    assert quoted.total == make.yuan(49)
    assert [each.why for each in quoted.asked.outcome.rejected] == [Why.PRICE_FLOOR]
    await campaign("4", automatic=True)
    quoted = await checkout.quote_lines(buyer, [LineWish(variant.sku, 1)])
    assert quoted.total == make.yuan(49)
    assert (await bought(buyer, variant.sku)).order.total == make.yuan(49)
    assert await states() == []


async def test_why_a_coupon_does_not_apply_is_told_by_a_stable_code() -> None:
    variant, other = await make.variant(cards=9, unit_cost=1), await make.variant()
    buyer = await make.buyer()
    tomorrow, now = clock.now() + timedelta(days=1), clock.now()
    cases = {
        "AAA": ({"skus": [other.sku]}, "coupon_nothing_in_scope"),
        "BBB": ({"minimum": make.yuan(60)}, "coupon_below_minimum"),
        "CCC": ({"starts_at": tomorrow}, "coupon_not_yet"),
        "DDD": ({"ends_at": now - timedelta(minutes=1)}, "coupon_over"),
        "EEE": ({"tiers": [Tier.GOLD]}, "coupon_other_tier"),
        "FFF": ({"currency": "USD"}, "coupon_other_currency"),
    }
    for word, (changes, reason) in cases.items():
        await campaign("5", public_code=word, **changes)
        found = await refusal(buyer, variant.sku, word)
        assert (found.code, getattr(found, "reason", "")) == ("COUPON_INELIGIBLE", reason)
        assert found.field == ("couponCodes", "0")
    await campaign("5", public_code="GGG", running=False)
    assert (await refusal(buyer, variant.sku, "GGG")).code == "COUPON_NOT_ACCEPTED"
    assert (await refusal(buyer, variant.sku, "NONE")).code == "COUPON_NOT_ACCEPTED"
    assert await Order.all().count() == 0


async def test_first_orders_and_limits_of_a_buyer_and_a_device() -> None:
    variant = await make.variant(cards=9, unit_cost=1)
    await campaign("5", public_code="FIRST", first_order=True, per_user=1)
    await campaign("5", public_code="ONCE", per_user=1)
    await campaign("5", public_code="DEVICE", per_device=1)
    one, two = await make.buyer(), replace(await make.buyer(), ip="10.0.0.1")
    await bought(one, variant.sku, "FIRST", key="a")
    found = await refusal(one, variant.sku, "FIRST", key="b")
    assert getattr(found, "reason", "") == "coupon_not_first_order"
    await bought(one, variant.sku, "ONCE", key="c")
    found = await refusal(one, variant.sku, "ONCE", key="d")
    assert getattr(found, "reason", "") == "coupon_user_limit"
    await bought(two, variant.sku, "DEVICE", key="e")
    three = replace(await make.buyer(), ip="10.0.0.1")
    found = await refusal(three, variant.sku, "DEVICE", key="f")
    assert getattr(found, "reason", "") == "coupon_device_limit"
    await bought(replace(three, ip="10.0.0.2"), variant.sku, "DEVICE", key="g")


async def test_the_nearest_agent_bears_its_share_of_what_it_earns_from_the_list() -> None:
    agent = await make.agent(tier=Tier.GOLD)
    await make.rule(1, RuleKind.PRICE_DIFFERENCE)
    variant = await make.variant(
        price=make.yuan(49),
        cards=3,
        unit_cost=make.yuan(30),
        tier_prices={Tier.GOLD: make.yuan(45)},
    )
    await campaign("2", public_code="HOUSE")
    await campaign("2", public_code="SHARED", platform_share=2_500, agent_share=7_500)
    buyer = await make.buyer(referrer=agent.id)
    earned = account_id(AccountKind.COMMISSION, agent.id, make.CNY)
    await bought(buyer, variant.sku, "HOUSE", key="a")
    assert await ledger.balance_of(earned) == make.yuan(4)
    placed = await bought(buyer, variant.sku, "SHARED", key="b")
    assert await ledger.balance_of(earned) == make.yuan(4) + make.yuan("2.50")
    (found,) = (await costs.breakdowns_of(make.OPERATOR, [placed.order.id])).values()
    assert found.borne == {
        DiscountBearer.PLATFORM: make.yuan("0.50"),
        DiscountBearer.AGENT: make.yuan("1.50"),
        DiscountBearer.SUPPLIER: 0,
    }
    assert sum(found.parts.values()) == found.total == make.yuan(47)
    await all_is_well()


async def test_a_line_that_is_delivered_later_remembers_who_bears_its_coupon() -> None:
    agent = await make.agent()
    await make.rule(1, RuleKind.PERCENT, 100_000)
    variant = await make.variant(price=make.yuan(50), delivery_kind="MANUAL")
    await campaign("10", platform_share=8_000, agent_share=2_000)
    placed = await bought(await make.buyer(referrer=agent.id), variant.sku, "SUMMER")
    (line,) = placed.lines
    worker = operator()
    await fulfilment.claim_line(worker, line.id)
    await fulfilment.deliver_line(worker, hand_over(line.id))
    earned = account_id(AccountKind.COMMISSION, agent.id, make.CNY)
    assert await ledger.balance_of(earned) == make.yuan(4) - make.yuan(2)
    await all_is_well()


async def test_an_order_that_is_paid_later_remembers_who_bears_its_coupon() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    agent = await make.agent(tier=Tier.GOLD)
    await make.rule(1, RuleKind.PRICE_DIFFERENCE)
    prices = {Tier.GOLD: make.yuan(45)}
    variant = await make.variant(
        price=make.yuan(49), cards=1, unit_cost=make.yuan(30), tier_prices=prices
    )
    await campaign("2", platform_share=2_500, agent_share=7_500)
    buyer = await make.buyer(0, referrer=agent.id)
    order = await unpaid(buyer, variant.sku, "SUMMER")
    payment = await started(buyer, order, channel)
    paid = told(payment.reference, bank.pay(payment.reference))
    assert await called_back(channel, paid) == "TAKEN"
    earned = account_id(AccountKind.COMMISSION, agent.id, make.CNY)
    assert await ledger.balance_of(earned) == make.yuan(4) - make.yuan("1.50")
    await all_is_well()


async def test_without_an_agent_who_earns_the_house_bears_the_agents_share() -> None:
    variant = await make.variant(cards=1, unit_cost=1)
    await campaign("2", platform_share=0, agent_share=10_000)
    await bought(await make.buyer(), variant.sku, "SUMMER")
    use = await CouponUse.get()
    assert (use.platform_amount, use.agent_amount) == (make.yuan(2), 0)


async def test_a_bundle_is_lowered_as_a_whole_and_its_gift_is_not_touched() -> None:
    first, second = (
        await make.variant(cards=4, unit_cost=1),
        await make.variant(cards=2, unit_cost=1),
    )
    gift = await make.variant(cards=2, unit_cost=1)
    bundle = await make.bundle(
        PartDraft(first.sku, 2, 3_333),
        PartDraft(second.sku, 1, 6_667),
        PartDraft(gift.sku, 1, 0, 1, WhenOut.SKIP),
        price=make.yuan(100),
    )
    await campaign("10", skus=[bundle.sku])
    placed = await bought(await make.buyer(), bundle.sku, "SUMMER", quantity=2)
    assert placed.order.total == make.yuan(190)
    lines = await OrderLine.filter(order_id=placed.order.id)
    assert sum(line.discount for line in lines) == make.yuan(10)
    assert [line.discount for line in lines if line.gift] == [0]
    await all_is_well()


async def test_abroad_a_campaign_in_the_currency_of_the_site_is_booked_in_the_houses() -> None:
    variant, site = await goods("10", cards=3, cost="1"), await abroad()
    await campaign("1", currency="USD", kind=CampaignKind.FIXED)
    who = await shopper(site)
    named = NamedCoupons(("SUMMER",))
    purchase = Purchase((LineWish(variant.sku, 3),), "key", currency="USD", coupons=named)
    placed = await checkout.place_order(who, purchase)
    assert placed.paid is not None
    assert placed.paid.total == make.yuan(29)
    use = await CouponUse.get()
    assert (use.amount, use.currency) == (make.yuan(1), "USD")
    lines = await OrderLine.filter(order_id=placed.order.id)
    assert use.house_amount == sum(line.discount for line in lines) > make.yuan(7)
    await all_is_well()


async def test_own_gift_cards_are_never_sold_for_less() -> None:
    variant = await make.variant(cards=1, unit_cost=1)
    planned = coupons.Item(variant.sku, 1, make.yuan(49), open=False)
    candidate = coupons.Candidate(
        coupons.Terms(new_id(), CampaignKind.FIXED, make.yuan(5)), frozenset({variant.sku})
    )
    (rejected,) = coupons.apply([candidate], [planned], make.CNY).rejected
    assert rejected.why is Why.NOTHING_IN_SCOPE


async def test_a_held_order_has_used_its_coupon_and_a_rejected_one_gives_it_back() -> None:
    variant = await make.variant(cards=2, unit_cost=1)
    await campaign("5", given_back=True, max_uses=1)
    any_amount = (Condition(RiskKind.AMOUNT, 1),)
    await risk.save_rule(make.OPERATOR, RuleDraft("any", any_amount, RiskDecision.REVIEW))
    placed = await bought(await make.buyer(), variant.sku, "SUMMER")
    assert (placed.order.status, await states()) == (OrderStatus.RISK_REVIEW, ["used"])
    case = await RiskCase.get(order_id=placed.order.id)
    await checkout.decide_case(make.OPERATOR, case.id, ReviewDecision.REJECT, "no")
    assert await checkout.give_back_coupons(placed.order.id) == 1
    assert await states() == ["returned"]
    await all_is_well()


async def unpaid(buyer: make.Actor, sku: str, *named: str, key: str = "key") -> orders.Order:
    return (await bought(buyer, sku, *named, key=key, by_channel=True)).order


async def test_an_unpaid_order_locks_its_coupon_and_gives_it_back_once() -> None:
    variant = await make.variant(cards=5, unit_cost=1)
    (code, *_) = await codes(await campaign("5", max_uses=1, budget=make.yuan(5)))
    buyer, other = await make.buyer(0), await make.buyer()
    order = await unpaid(buyer, variant.sku, code)
    assert (order.total, await states()) == (make.yuan(44), ["locked"])
    assert (await refusal(other, variant.sku, code)).code == "COUPON_EXHAUSTED"
    await asyncio.gather(*(checkout.cancel_order(buyer, order.id) for _ in range(4)))
    assert await states() == ["released"]
    counter = await CampaignCounter.get()
    assert (counter.uses, counter.amount) == (0, 0)
    async with transaction() as conn:
        assert await coupons.release(conn, order.id) == 0
    assert (await CampaignCounter.get()).uses == 0
    await bought(other, variant.sku, code)
    await all_is_well()


async def test_without_the_guard_of_its_state_a_coupon_would_be_released_twice() -> None:
    """The twin: what makes the second release nothing is the state of the row."""
    variant = await make.variant(cards=5, unit_cost=1)
    await campaign("5", max_uses=2)
    order = await unpaid(await make.buyer(0), variant.sku, "SUMMER")
    await unpaid(await make.buyer(0), variant.sku, "SUMMER", key="b")
    async with transaction() as conn:
        for _ in range(2):  # as code without a guard would do
            await conn.execute("UPDATE coupon_counters SET uses = uses - 1")
    assert (await CampaignCounter.get()).uses == 0
    async with transaction() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as error:
            await coupons.release(conn, order.id)
    assert error.value.constraint_name == "campaign_taken_not_negative"


async def test_an_order_that_expires_gives_its_coupon_back() -> None:
    variant = await make.variant(cards=5, unit_cost=1)
    await campaign("5", per_user=1)
    buyer = await make.buyer(0)
    order = await unpaid(buyer, variant.sku, "SUMMER")
    with make.later(hours=3):
        await checkout.expire_orders()
        assert (await Order.get(id=order.id)).status is OrderStatus.EXPIRED
        assert await states() == ["released"]
        await unpaid(buyer, variant.sku, "SUMMER", key="b")
    assert await states() == ["locked", "released"]


async def test_a_paid_order_uses_what_it_locked_and_a_late_one_takes_it_again() -> None:
    bank = Vendor()
    variant, channel = await make.variant(cards=5, unit_cost=1), await vendor.channel(bank)
    await campaign("5", max_uses=1)
    buyer = await make.buyer(0)
    order = await unpaid(buyer, variant.sku, "SUMMER")
    payment = await started(buyer, order, channel)
    await checkout.cancel_order(buyer, order.id)
    assert await states() == ["released"]
    paid = bank.pay(payment.reference)
    assert await called_back(channel, told(payment.reference, paid)) == "TAKEN"
    assert await states() == ["used"]
    assert (await Order.get(id=order.id)).status is OrderStatus.DELIVERED
    await all_is_well()


async def test_money_that_comes_late_for_a_price_that_is_gone_is_in_suspense() -> None:
    bank = Vendor()
    variant, channel = await make.variant(cards=5, unit_cost=1), await vendor.channel(bank)
    await campaign("5", max_uses=1)
    buyer = await make.buyer(0)
    order = await unpaid(buyer, variant.sku, "SUMMER")
    payment = await started(buyer, order, channel)
    await checkout.cancel_order(buyer, order.id)
    await bought(await make.buyer(), variant.sku, "SUMMER")
    paid = bank.pay(payment.reference)
    outcome = await called_back(channel, told(payment.reference, paid))
    assert outcome == "SUSPENDED coupon_gone"
    assert (await Order.get(id=order.id)).status is OrderStatus.CANCELLED
    assert await states() == ["released", "used"]
    await all_is_well()


async def race(buyers: list[make.Actor], sku: str, *named: str) -> list[str]:
    async def one(buyer: make.Actor, number: int) -> str:
        try:
            await bought(buyer, sku, *named, key=f"key{number}")
        except Refused as refused:
            return refused.refusals[0].code
        return "bought"

    return list(await asyncio.gather(*(one(each, n) for n, each in enumerate(buyers))))


async def test_the_last_use_raced_for_by_a_hundred_buyers_is_used_once() -> None:
    variant = await make.variant(cards=100, unit_cost=1)
    await campaign("5", max_uses=1)
    buyers = [await make.buyer() for _ in range(100)]
    answers = await race(buyers, variant.sku, "SUMMER")
    assert sorted(set(answers)) == ["COUPON_EXHAUSTED", "bought"]
    assert answers.count("bought") == 1
    assert await states() == ["used"]
    await all_is_well()


async def test_one_code_raced_for_is_used_once_and_a_budget_is_never_passed() -> None:
    variant = await make.variant(cards=60, unit_cost=1)
    (code, *_) = await codes(await campaign("5"))
    buyers = [await make.buyer() for _ in range(20)]
    assert (await race(buyers, variant.sku, code)).count("bought") == 1
    await campaign("5", public_code="BUDGET", budget=make.yuan(18))
    answers = await race(buyers, variant.sku, "BUDGET")
    assert answers.count("bought") == 3
    await all_is_well()


async def test_one_buyer_at_once_does_not_pass_the_own_limit() -> None:
    variant = await make.variant(cards=30, unit_cost=1)
    await campaign("5", per_user=2)
    buyer = await make.buyer()
    answers = await race([buyer] * 10, variant.sku, "SUMMER")
    assert answers.count("bought") == 2
    await all_is_well()


async def test_without_the_trigger_the_last_use_would_be_used_more_than_once() -> None:
    """The twin: what refuses the second is the database, not the look before it."""
    variant = await make.variant(cards=40, unit_cost=1)
    await campaign("5", max_uses=1)
    buyers = [await make.buyer() for _ in range(20)]
    async with connection() as conn:
        await conn.execute("ALTER TABLE coupon_uses DISABLE TRIGGER coupon_uses_move")
    try:
        answers = await race(buyers, variant.sku, "SUMMER")
    finally:
        async with connection() as conn:
            await conn.execute("ALTER TABLE coupon_uses ENABLE TRIGGER coupon_uses_move")
    assert answers.count("bought") > 1


def use_of(order: str = "order_id", coupon: str = "coupon_id") -> str:
    """A second use like the one that there is."""
    return (
        "INSERT INTO coupon_uses (id, campaign_id, campaign_version, coupon_id, order_id, user_id,"
        " position, state, name_zh, name_en, currency, amount, parts, house_amount,"
        " platform_amount, agent_amount, supplier_amount, given_back, locked_at, used_at)"
        f" SELECT $1, campaign_id, campaign_version, {coupon}, {order}, user_id, position, state,"
        " name_zh, name_en, currency, amount, parts, house_amount, platform_amount, agent_amount,"
        " supplier_amount, given_back, locked_at, used_at FROM coupon_uses LIMIT 1"
    )


async def broken(statement: str, *values: object) -> str:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as error:
        async with transaction() as conn:
            await conn.execute(statement, *values)
    return str(error.value.constraint_name)


async def test_the_database_refuses_what_must_never_be_of_a_use() -> None:
    variant = await make.variant(cards=3, unit_cost=1)
    made = await campaign("5")
    (code, *_) = await codes(made)
    await bought(await make.buyer(), variant.sku, code)
    assert await broken(use_of(), new_id()) == "coupon_once_an_order"
    for change, name in (
        ("state = 'locked', used_at = NULL", "coupon_use_moves"),
        ("state = 'returned', ended_at = now()", "coupon_use_not_given_back"),
        ("amount = 1", "coupon_use_stays"),
        ("house_amount = 1", "coupon_use_stays"),
        ("coupon_id = NULL", "coupon_use_stays"),
        ("used_at = NULL", "coupon_use_times_of_its_state"),
    ):
        assert await broken(f"UPDATE coupon_uses SET {change}") == name
    with pytest.raises(asyncpg.PostgresError):
        async with transaction() as conn:
            await conn.execute("DELETE FROM coupon_uses")
    second = (await bought(await make.buyer(), variant.sku, key="b")).order.id
    assert await broken(use_of("$2"), new_id(), second) == "coupon_used_once"
    await coupons.save_campaign(make.OPERATOR, replace(_wish_of(made), max_uses=1), made.id)
    loose = use_of("$2", "NULL::uuid")
    assert await broken(loose, new_id(), second) == "campaign_uses_within"
    with pytest.raises(asyncpg.RestrictViolationError):
        async with transaction() as conn:
            await conn.execute("UPDATE order_lines SET discount = discount + 1")


def _wish_of(made: coupons.Campaign) -> coupons.CampaignWish:
    return coupons.CampaignWish(
        name_zh=made.name_zh,
        name_en=made.name_en,
        kind=made.kind,
        currency=made.currency,
        value=made.value,
        starts_at=made.starts_at,
        public_code=made.public_code,
    )


async def test_a_limit_below_what_orders_hold_is_refused_and_one_above_counts_them() -> None:
    variant = await make.variant(cards=5, unit_cost=1)
    made = await campaign("5")
    for key in "ab":
        await bought(await make.buyer(), variant.sku, "SUMMER", key=key)
    with pytest.raises(Refused, match="CAMPAIGN_LIMIT_BELOW_USE"):
        await coupons.save_campaign(make.OPERATOR, replace(_wish_of(made), max_uses=1), made.id)
    await coupons.save_campaign(make.OPERATOR, replace(_wish_of(made), max_uses=3), made.id)
    await bought(await make.buyer(), variant.sku, "SUMMER", key="c")
    assert (await refusal(await make.buyer(), variant.sku, "SUMMER")).code == "COUPON_EXHAUSTED"
    await all_is_well()


async def test_a_paused_campaign_is_not_used_and_what_is_locked_stays() -> None:
    variant = await make.variant(cards=5, unit_cost=1)
    made = await campaign("5")
    order = await unpaid(await make.buyer(0), variant.sku, "SUMMER")
    await coupons.move_campaign(make.OPERATOR, made.id, CampaignState.PAUSED)
    found = await refusal(await make.buyer(), variant.sku, "SUMMER")
    assert getattr(found, "reason", "") == "coupon_not_running"
    await coupons.move_campaign(make.OPERATOR, made.id, CampaignState.ENDED)
    assert await states(order.id) == [UseState.LOCKED.value]
    with pytest.raises(Refused, match="INVALID"):
        await checkout.place_order(await make.buyer(), wish(variant.sku, 1, "x", "AB", "ab"))
