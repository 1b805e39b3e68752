"""Sites of another currency sell: at a rate that is kept, with books in the house's (row A9)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain import checkout, fulfilment, ledger, orders, pricing, refunds, risk, sites
from domain.cards.models import Card
from domain.catalog import PartDraft
from domain.checkout import LineWish, Purchase, ReviewDecision
from domain.commissions import RuleKind
from domain.invariants import find_violations
from domain.kernel import Actor, Money, Refused, clock, connection, transaction
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, Order, OrderLine, OrderStatus
from domain.pricing import RateWish, TierPrice, in_house
from domain.refunds import RefundDestination, RefundReason, RefundWish
from domain.risk import Condition, RiskCase, RiskDecision, RiskKind, RuleDraft
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
USD = "USD"
RATE = Decimal("7.1234")


async def abroad(rate: Decimal | None = RATE, days: int = 30) -> UUID:
    """A site that sells in dollars, at this rate."""
    draft = sites.SiteDraft("abroad", "海外站", "Abroad", USD)
    made = await sites.save_site(make.OPERATOR, draft)
    if rate is not None:
        await pricing.set_rate(make.OPERATOR, RateWish(USD, rate, days))
    return made.id


async def goods(price: str = "9.99", cards: int = 3, cost: str = "40", **more: Any) -> make.Variant:
    variant = await make.variant(
        price=make.yuan(80), cards=cards, unit_cost=make.yuan(cost), **more
    )
    await priced(variant.id, price)
    return variant


async def priced(variant_id: UUID, price: str, **tiers: str) -> None:
    prices = [TierPrice("retail", make.yuan(price))]
    prices += [TierPrice(tier, make.yuan(each)) for tier, each in tiers.items()]
    await pricing.set_prices(make.OPERATOR, variant_id, prices, USD)


async def shopper(site: UUID, dollars: str = "100", referrer: UUID | None = None) -> Actor:
    """Somebody at that site with dollars, and no yuan."""
    who = replace(await make.buyer(0, referrer), site_id=site)
    money, key = Money(make.yuan(dollars), USD), str(uuid4())
    await ledger.top_up(make.OPERATOR, who.require_user(), money, "cash", key, opens=True)
    return who


def wish(sku: str, quantity: int = 1, key: str = "key", **more: Any) -> Purchase:
    line = {name: more.pop(name) for name in ("expected_price",) if name in more}
    return Purchase((LineWish(sku, quantity, **line),), key, currency=USD, **more)


async def bought(who: Actor, sku: str, quantity: int = 1, key: str = "key") -> checkout.Placed:
    return await checkout.place_order(who, wish(sku, quantity, key))


async def balance(kind: AccountKind, currency: str = make.CNY, owner: UUID | None = None) -> int:
    return await ledger.balance_of(account_id(kind, owner, currency))


async def dollars_of(who: Actor) -> int:
    return await balance(AccountKind.WALLET, USD, who.require_user())


async def all_is_well() -> None:
    assert [each.name for each in await find_violations() if each.violations] == []


async def refusal(work: Any) -> Any:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value.refusals[0]


async def test_a_buyer_pays_in_dollars_and_the_books_are_in_yuan() -> None:
    variant, who = await goods(), await shopper(await abroad())
    async with count_statements() as seen:
        placed = await bought(who, variant.sku, 2)
    assert len(seen) == 2
    price = in_house(make.yuan("9.99"), 7_123_400)
    assert price == 711_628  # 71.1628 yuan, and half a unit up
    order, (line,) = placed.order, placed.lines
    assert (order.status, order.currency, order.total) == (OrderStatus.DELIVERED, "CNY", 2 * price)
    assert (line.unit_price, line.cost) == (price, make.yuan(80))
    assert placed.paid is not None
    assert (placed.paid.total, placed.paid.price_of(line.id)) == (
        make.yuan("19.98"),
        Money(make.yuan("9.99"), USD),
    )
    assert await dollars_of(who) == make.yuan("80.02")
    assert await balance(AccountKind.EXCHANGE, USD) == make.yuan("19.98")
    assert await balance(AccountKind.EXCHANGE) == -2 * price
    assert await balance(AccountKind.REVENUE) == 2 * price
    assert await balance(AccountKind.REVENUE, USD) == 0
    kept = (await orders.exchanges_of([order.id]))[order.id]
    assert kept == placed.paid
    assert len(await orders.reveal_cards(who, order.id, None)) == 2
    await all_is_well()


async def test_the_same_key_buys_once_and_another_currency_is_another_input() -> None:
    variant, who = await goods(), await shopper(await abroad())
    first, again = [await bought(who, variant.sku) for _ in range(2)]
    assert (again.replayed, again.order.id) == (True, first.order.id)
    assert await dollars_of(who) == make.yuan("90.01")
    other = replace(wish(variant.sku), currency="CNY")
    assert (await refusal(checkout.place_order(who, other))).code == "IDEMPOTENCY_KEY_REUSED"


async def test_without_a_rate_that_is_good_now_nothing_is_sold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = await abroad(rate=None)
    variant, who = await goods(), await shopper(site)
    missing = await refusal(bought(who, variant.sku))
    assert (missing.code, missing.currency) == ("EXCHANGE_RATE_MISSING", USD)
    await pricing.set_rate(make.OPERATOR, RateWish(USD, RATE, 1))
    first = await bought(who, variant.sku)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=1, seconds=1))
    assert (await refusal(bought(who, variant.sku, key="b"))).code == "EXCHANGE_RATE_MISSING"
    await pricing.set_rate(make.OPERATOR, RateWish(USD, Decimal(8), 1))
    later = await bought(who, variant.sku, key="b")
    assert (first.order.total, later.order.total) == (711_628, 799_200)
    assert (await orders.exchanges_of([first.order.id]))[first.order.id].rate == 7_123_400
    monkeypatch.undo()
    await all_is_well()


async def test_agents_earn_in_yuan_by_the_dollar_prices_of_their_tiers() -> None:
    agent, site = await make.agent(), await abroad(Decimal(7))
    await make.rule(1, RuleKind.PRICE_DIFFERENCE)
    variant = await goods("10", cost="1")
    await priced(variant.id, "10", gold="8")
    placed = await bought(await shopper(site, referrer=agent.id), variant.sku)
    assert placed.order.total == make.yuan(70)
    assert await balance(AccountKind.COMMISSION, owner=agent.id) == make.yuan(14)  # of 70 and 56
    await all_is_well()


async def test_no_sale_below_cost_at_the_rate_of_now() -> None:
    site = await abroad(Decimal("4.00"))
    variant, who = await goods("9.99", cost="40"), await shopper(site)
    assert (await refusal(bought(who, variant.sku))).code == "PRICE_BELOW_COST"  # 39.96 yuan
    assert (await refusal(checkout.quote_lines(who, [LineWish(variant.sku, 1)], USD))).code == (
        "PRICE_BELOW_COST"
    )
    await pricing.set_rate(make.OPERATOR, RateWish(USD, Decimal("4.01"), 1))
    assert (await bought(who, variant.sku)).order.total == in_house(make.yuan("9.99"), 4_010_000)


async def test_amounts_that_a_buyer_reads_are_in_dollars() -> None:
    variant, who = await goods(), await shopper(await abroad(), "5")
    short = await refusal(bought(who, variant.sku))
    assert (short.required, short.available) == (
        Money(make.yuan("9.99"), USD),
        Money(make.yuan(5), USD),
    )
    changed = await refusal(
        checkout.place_order(who, wish(variant.sku, expected_price=make.yuan("9.98")))
    )
    assert changed.actual == Money(make.yuan("9.99"), USD)
    other = await refusal(checkout.place_order(who, wish(variant.sku, expected_total=1)))
    assert other.actual == Money(make.yuan("9.99"), USD)
    quoted = await checkout.quote_lines(who, [LineWish(variant.sku, 2)], USD)
    assert (quoted.currency, quoted.total) == (USD, make.yuan("19.98"))


async def test_what_cannot_be_done_in_dollars_yet_is_refused() -> None:
    variant, who = await goods(), await shopper(await abroad())
    by_channel = checkout.place_order(who, wish(variant.sku, by_channel=True))
    assert (await refusal(by_channel)).reason == "currency_by_wallet"
    kept = checkout.keep_quote(who, [LineWish(variant.sku, 1)], USD)
    assert (await refusal(kept)).reason == "quote_currency"
    yuan = replace(wish(variant.sku), currency="CNY")  # nobody pays dollars' prices with yuan
    assert (await refusal(checkout.place_order(who, yuan))).reason == "currency_not_payable"
    assert await Order.all().count() == 0


async def give_back(order: Order, key: str, lines: dict[UUID, int | None]) -> refunds.Refund:
    values = {"reason": RefundReason.GOODWILL, "destination": RefundDestination.WALLET}
    asked = RefundWish(order_id=order.id, lines=lines, **values)  # type: ignore[arg-type]
    return (await refunds.refund_order(make.OPERATOR, asked, key)).refund


@pytest.mark.parametrize("parts", [(1,), (1, 2, 3), (333_333, 1), (711_627,), (500_000, 211_627)])
async def test_in_whatever_parts_it_goes_back_the_whole_is_the_whole(
    parts: tuple[int, ...],
) -> None:
    variant, who = await goods(), await shopper(await abroad())
    placed = await bought(who, variant.sku)
    (line,) = placed.lines
    for number, part in enumerate(parts):
        refund = await give_back(placed.order, f"part{number}", {line.id: part})
        paid = (await orders.given_back([refund.id]))[refund.id] if part > 1 else None
        assert paid is None or paid.currency == USD
    await give_back(placed.order, "rest", {line.id: None})
    assert await dollars_of(who) == make.yuan(100)
    assert await balance(AccountKind.EXCHANGE, USD) == 0
    assert await balance(AccountKind.EXCHANGE) == 0
    assert await balance(AccountKind.WALLET, owner=who.user_id) == 0
    assert (await orders.exchanges_of([placed.order.id]))[placed.order.id].back == make.yuan("9.99")
    await all_is_well()


async def test_what_nobody_delivers_goes_back_in_dollars() -> None:
    site = await abroad()
    variant, who = await goods(cards=0), await shopper(site)
    await make.offer(variant, make.yuan(50))
    placed = await bought(who, variant.sku, 2)
    (line,) = placed.lines
    assert line.max_unit_cost == 711_628  # what a supplier may cost, in yuan
    async with connection() as conn:
        await conn.execute("UPDATE supplier_offers SET enabled = false")
    await fulfilment.fulfil_line(line.id)
    stored = await OrderLine.get(id=line.id)
    assert (stored.status, stored.failure_code) == (LineStatus.REFUNDED, "NO_SUPPLIER")
    assert await dollars_of(who) == make.yuan(100)
    assert (await orders.given_back([line.id]))[line.id] == Money(make.yuan("19.98"), USD)
    await all_is_well()


async def test_a_bundle_splits_the_dollars_and_each_part_goes_back_alone() -> None:
    site = await abroad()
    first, second = await goods(cards=1, cost="1"), await goods(cards=1, cost="1")
    bundle = await make.bundle(PartDraft(first.sku, 1, 3_333), PartDraft(second.sku, 1, 6_667))
    await priced(bundle.id, "10")
    who = await shopper(site)
    placed = await bought(who, bundle.sku)
    assert placed.paid is not None
    assert sum(placed.paid.prices.values()) == placed.paid.total == make.yuan(10)
    for number, line in enumerate(placed.lines):
        await give_back(placed.order, f"r{number}", {line.id: None})
    assert await dollars_of(who) == make.yuan(100)
    await all_is_well()


@pytest.mark.parametrize("decision", list(ReviewDecision))
async def test_a_held_order_is_delivered_or_goes_back_in_dollars(decision: ReviewDecision) -> None:
    dear = (Condition(RiskKind.AMOUNT, make.yuan(40)),)
    await risk.save_rule(make.OPERATOR, RuleDraft("dear", dear, RiskDecision.REVIEW))
    variant, who = await goods(), await shopper(await abroad())
    placed = await bought(who, variant.sku)
    assert placed.order.status is OrderStatus.RISK_REVIEW
    assert placed.paid is not None
    assert await dollars_of(who) == make.yuan("90.01")
    case = await RiskCase.get(order_id=placed.order.id)
    await checkout.decide_case(make.OPERATOR, case.id, decision, "looked")
    back = decision is ReviewDecision.REJECT
    assert await dollars_of(who) == make.yuan(100 if back else "90.01")
    await all_is_well()


async def test_the_database_gives_back_no_more_than_was_paid() -> None:
    variant, who = await goods(), await shopper(await abroad())
    order = (await bought(who, variant.sku)).order
    for house, amount in ((711_629, 1), (1, make.yuan("9.99") + 1)):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            async with transaction() as conn:
                await conn.execute(
                    "INSERT INTO order_exchange_returns VALUES"
                    " (gen_random_uuid(), $1, gen_random_uuid(), $2, $3, now())",
                    order.id,
                    house,
                    amount,
                )
        assert refused.value.constraint_name == "exchange_return_within_paid"
    for table in ("exchange_rates", "order_exchanges"):
        async with connection() as conn:
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute(f"UPDATE {table} SET rate = rate + 1")


async def test_the_books_take_dollars_out_of_a_wallet_for_an_order_only() -> None:
    """What the exchange got of wallets, and gave back, is what orders say: else it is found."""
    variant, who = await goods(), await shopper(await abroad())
    await bought(who, variant.sku)
    await all_is_well()
    stolen = ledger.Posting(
        ledger.TransferKind.EXCHANGE,
        uuid4(),
        USD,
        [
            (account_id(AccountKind.WALLET, who.user_id, USD), -1),
            (account_id(AccountKind.EXCHANGE, None, USD), 1),
        ],
    )
    async with transaction() as conn:
        await ledger.post(conn, [stolen])
    assert [each.name for each in await find_violations() if each.violations] == ["A9"]


@pytest.mark.parametrize(
    ("rate", "fault"),
    [
        (RateWish("CNY", RATE, 1), "rate_currency"),
        (RateWish("XXX", RATE, 1), "rate_currency"),
        (RateWish(USD, Decimal(0), 1), "rate_value"),
        (RateWish(USD, Decimal("-7"), 1), "rate_value"),
        (RateWish(USD, Decimal("NaN"), 1), "rate_value"),
        (RateWish(USD, Decimal("7.1234567"), 1), "rate_value"),
        (RateWish(USD, Decimal("1000001"), 1), "rate_value"),
        (RateWish(USD, RATE, 0), "rate_days"),
        (RateWish(USD, RATE, 367), "rate_days"),
        (RateWish(USD, RATE, 1, "x" * 201), "text_too_long"),
    ],
)
async def test_a_rate_that_cannot_be_one_is_refused(rate: RateWish, fault: str) -> None:
    assert (await refusal(pricing.set_rate(make.OPERATOR, rate))).reason == fault
    clerk = replace(make.OPERATOR, scopes=frozenset({"products:write"}))
    assert (await refusal(pricing.set_rate(clerk, RateWish(USD, RATE, 1)))).code == "FORBIDDEN"


async def test_cards_are_sold_once_whatever_they_are_paid_in() -> None:
    variant, who = await goods(cards=1), await shopper(await abroad())
    at_home = await make.buyer()
    await bought(who, variant.sku)
    usual = Purchase((LineWish(variant.sku, 1),), "key")
    assert (await refusal(checkout.place_order(at_home, usual))).code == "OUT_OF_STOCK"
    assert await Card.filter(order_line_id__isnull=False).count() == 1
