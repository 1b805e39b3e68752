"""The purchase on real PostgreSQL: everything in one transaction, or nothing."""

import pytest

from domain import checkout, ledger
from domain.agents import Tier
from domain.catalog import VariantStatus
from domain.checkout import LineWish, NotForSale, PriceBelowCost, PriceChanged, Purchase, StockShort
from domain.checkout import statements as sql
from domain.checkout.reading import sight
from domain.commissions import RuleKind
from domain.kernel import IdempotencyKeyReused, Money, Refusal, Refused, connection, crash
from domain.ledger import AccountKind, BalanceShort, account_id
from domain.orders import LineStatus, OrderStatus
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
STATEMENTS_OF_A_PURCHASE = 2  # READ and WRITE: nothing is read for the answer


def wish(sku: str, quantity: int = 1, key: str = "key", **more: int) -> Purchase:
    return Purchase((LineWish(sku, quantity, **more),), key)


async def counts() -> dict[str, int]:
    tables = (
        "orders",
        "order_lines",
        "transfers",
        "commissions",
        "outbox_events",
        "idempotency_keys",
    )
    async with connection() as conn:
        found = {table: await conn.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
        found["outbox_events"] = await conn.fetchval(
            "SELECT count(*) FROM outbox_events WHERE type LIKE 'order.%'"
        )
        found["sold"] = await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'sold'")
    return found


async def refusal_of(actor: make.Actor, purchase: Purchase) -> Refusal:
    """The refusal, with the proof that nothing has changed."""
    before = await counts()
    with pytest.raises(Refused) as refused:
        await checkout.place_order(actor, purchase)
    assert await counts() == before
    return refused.value.refusals[0]


async def test_a_purchase_pays_delivers_splits_and_tells_in_one_go() -> None:
    chain = await make.agent_chain()
    for level, value in ((1, 30_000), (2, 10_000), (3, 5_000)):
        await make.rule(level, RuleKind.PERCENT, value)
    variant = await make.variant(price=make.yuan(49), cards=3, unit_cost=make.yuan(40))
    buyer = await make.buyer(make.yuan(100), referrer=chain[2].id)
    placed = await checkout.place_order(buyer, wish(variant.sku, 2))
    assert placed.order.status is OrderStatus.DELIVERED
    assert placed.order.total == make.yuan(98)
    assert [line.status for line in placed.lines] == [LineStatus.DELIVERED]
    assert placed.lines[0].cost == make.yuan(80)
    assert placed.cards is not None
    assert len(placed.cards[placed.lines[0].id]) == 2
    wallet = await ledger.wallet_of(buyer.require_user(), make.CNY)
    assert wallet.available == Money(make.yuan(2), make.CNY)
    balances = {
        kind: await ledger.balance_of(account_id(kind, None, make.CNY))
        for kind in (AccountKind.REVENUE, AccountKind.PREPAYMENT, AccountKind.COST)
    }
    assert balances == {
        AccountKind.REVENUE: make.yuan(98),
        AccountKind.PREPAYMENT: 0,
        AccountKind.COST: -make.yuan(80),
    }
    earned = [
        await ledger.balance_of(account_id(AccountKind.COMMISSION, agent.id, make.CNY))
        for agent in reversed(chain)
    ]
    assert earned == [make.yuan("2.94"), make.yuan("0.98"), make.yuan("0.49")]
    assert await counts() == {
        "orders": 1,
        "order_lines": 1,
        "transfers": 4,
        "commissions": 3,
        "outbox_events": 2,
        "idempotency_keys": 2,
        "sold": 2,
    }  # one transfer, one event and one key are the top-up's, one transfer the card purchase's


async def test_a_purchase_costs_a_fixed_number_of_statements() -> None:
    chain = await make.agent_chain()
    await make.rule(1, RuleKind.PRICE_DIFFERENCE)
    variant = await make.variant(cards=20, tier_prices={Tier.BRONZE: make.yuan(47)})
    brought, alone = await make.buyer(referrer=chain[2].id), await make.buyer()
    for buyer, agents in ((brought, 3), (alone, 0)):
        for quantity in (1, 5):
            async with count_statements() as statements:
                key = f"key{agents}-{quantity}"
                placed = await checkout.place_order(buyer, wish(variant.sku, quantity, key))
            assert len(placed.order.agent_chain) == agents
            assert len(statements) == STATEMENTS_OF_A_PURCHASE


async def test_the_same_key_answers_with_the_same_order() -> None:
    variant = await make.variant(cards=5)
    buyer = await make.buyer()
    first = await checkout.place_order(buyer, wish(variant.sku))
    again = await checkout.place_order(buyer, wish(variant.sku))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.order.id == first.order.id
    assert [line.id for line in again.lines] == [line.id for line in first.lines]
    assert (await counts())["sold"] == 1
    assert await refusal_of(buyer, wish(variant.sku, 2)) == IdempotencyKeyReused(
        field=("idempotencyKey",)
    )


async def test_a_refused_purchase_leaves_its_key_free() -> None:
    variant = await make.variant(cards=1)
    buyer = await make.buyer(0)
    assert isinstance(await refusal_of(buyer, wish(variant.sku)), BalanceShort)
    await make.top_up(buyer.require_user(), make.yuan(49))
    assert (await checkout.place_order(buyer, wish(variant.sku))).order.total == make.yuan(49)


async def test_refusals_name_what_is_wrong() -> None:
    variant = await make.variant(price=make.yuan(49), cards=2)
    hidden = await make.variant(cards=1, status=VariantStatus.DRAFT)
    buyer = await make.buyer(make.yuan(60))
    at_line = ("lines", "0")
    assert await refusal_of(buyer, wish("NO-SUCH-SKU")) == NotForSale(
        sku="NO-SUCH-SKU", field=(*at_line, "sku")
    )
    assert isinstance(await refusal_of(buyer, wish(hidden.sku)), NotForSale)
    assert await refusal_of(buyer, wish(variant.sku, 3)) == StockShort(
        sku=variant.sku, requested=3, available=2, field=(*at_line, "quantity")
    )
    changed = await refusal_of(buyer, wish(variant.sku, expected_price=make.yuan(48)))
    assert changed == PriceChanged(
        sku=variant.sku,
        expected=Money(make.yuan(48), make.CNY),
        actual=Money(make.yuan(49), make.CNY),
        field=(*at_line, "expectedUnitPrice"),
    )
    assert await refusal_of(buyer, wish(variant.sku, 2)) == BalanceShort(
        required=Money(make.yuan(98), make.CNY), available=Money(make.yuan(60), make.CNY)
    )


async def test_a_sale_below_cost_is_refused_unless_an_operator_allowed_it() -> None:
    inverted = await make.variant(price=make.yuan(49), cards=1, unit_cost=make.yuan(50))
    allowed = await make.variant(
        price=make.yuan(49), cards=1, unit_cost=make.yuan(50), sold_below_cost=True
    )
    buyer = await make.buyer()
    refused = await refusal_of(buyer, wish(inverted.sku))
    assert refused == PriceBelowCost(sku=inverted.sku, field=("lines", "0"))
    placed = await checkout.place_order(buyer, wish(allowed.sku))
    assert placed.order.status is OrderStatus.DELIVERED


async def test_a_line_without_own_stock_waits_for_a_supplier_and_is_paid() -> None:
    chain = await make.agent_chain()
    await make.rule(1, RuleKind.PERCENT, 10_000)
    variant = await make.variant(price=make.yuan(49))
    await make.offer(variant, make.yuan(40))
    buyer = await make.buyer(make.yuan(49), referrer=chain[2].id)
    placed = await checkout.place_order(buyer, wish(variant.sku))
    line = placed.lines[0]
    assert (placed.order.status, line.status) == (OrderStatus.PAID, LineStatus.QUEUED)
    assert line.max_unit_cost == make.yuan(49)
    assert line.terms is not None
    assert [member["level"] for member in line.terms["chain"]] == [1, 2, 3]
    prepaid = account_id(AccountKind.PREPAYMENT, None, make.CNY)
    assert await ledger.balance_of(prepaid) == make.yuan(49)


async def test_an_agent_buys_at_its_tier_and_nobody_earns_on_it() -> None:
    chain = await make.agent_chain()
    await make.rule(1, RuleKind.PERCENT, 10_000)
    variant = await make.variant(cards=1, tier_prices={Tier.BRONZE: make.yuan(45)})
    buyer = make.Actor(kind=make.ActorKind.USER, user_id=chain[2].user_id)
    await make.top_up(chain[2].user_id, make.yuan(45))
    placed = await checkout.place_order(buyer, wish(variant.sku))
    assert placed.order.total == make.yuan(45)
    assert placed.order.consumer is False
    assert (await counts())["commissions"] == 0


async def test_the_crash_points_of_the_purchase_exist() -> None:
    assert {"checkout.before_commit", "checkout.after_commit"} <= crash.POINTS


async def test_the_long_statements_of_a_purchase_stay_prepared() -> None:
    """The driver keeps none above 15,360 letters unless it is told to; parsed and planned anew,
    READ takes ten times as long."""
    variant, buyer = await make.variant(cards=2), await make.buyer()
    for key in ("one", "two"):
        await checkout.place_order(buyer, wish(variant.sku, key=key))
    async with connection() as conn:
        kept = {
            row["statement"] for row in await conn.fetch("SELECT * FROM pg_prepared_statements")
        }
    read, write = sql.reading(sight.filled).text, sql.WRITES[False, False, False].text
    assert len(sql.reading(sql.WATCHED).text) > 15_360
    assert {read, write} <= kept
