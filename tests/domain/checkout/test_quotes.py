"""A quote locks prices for one order: in time, for its buyer, never below cost (row E6, bug 10)."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import checkout, quotes
from domain.agents import Tier
from domain.checkout import LineWish, PriceBelowCost, PriceChanged, Purchase, Quoted, service
from domain.checkout import statements as sql
from domain.checkout.reading import sight
from domain.commissions import RuleKind
from domain.invariants import find_violations
from domain.kernel import MAIN_SITE_ID, Actor, Money, NotFound, Refusal, Refused, clock, connection
from domain.orders import OrderStatus
from domain.pricing.models import Price
from domain.quotes import QuoteLinesDiffer, QuoteOver, QuoteUsed, TooManyQuotes
from domain.quotes import service as service_of_quotes
from domain.suppliers.models import SupplierOffer
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")


async def quoted(buyer: Actor, sku: str, quantity: int = 1) -> Quoted:
    return await checkout.keep_quote(buyer, [LineWish(sku, quantity)])


def order(sku: str, quote: UUID | None, key: str = "key", quantity: int = 1, **more: Any) -> Any:
    return Purchase((LineWish(sku, quantity),), key, quote_id=quote, **more)


async def reprice(variant: make.Variant, amount: int) -> None:
    await Price.filter(variant_id=variant.id).update(amount=amount)


async def refusal_of(buyer: Actor, purchase: Purchase) -> Refusal:
    with pytest.raises(Refused) as refused:
        await checkout.place_order(buyer, purchase)
    return refused.value.refusals[0]


async def number_of(table: str) -> int:
    async with connection() as conn:
        found: int = await conn.fetchval(f"SELECT count(*) FROM {table}")
    return found


@pytest.mark.parametrize("by_channel", [False, True])
async def test_an_order_by_a_quote_keeps_the_price_that_was_locked(by_channel: bool) -> None:
    variant = await make.variant(price=make.yuan(49), cards=3)
    buyer = await make.buyer()
    kept = await quoted(buyer, variant.sku, 2)
    assert kept.total == make.yuan(98)
    await reprice(variant, make.yuan(60))
    purchase = order(variant.sku, kept.id, quantity=2, by_channel=by_channel)
    placed = await checkout.place_order(buyer, purchase)
    assert placed.order.total == make.yuan(98)
    assert placed.lines[0].unit_price == make.yuan(49)
    without = await checkout.place_order(buyer, order(variant.sku, None, "other"))
    assert without.order.total == make.yuan(60)
    assert [each for each in await find_violations() if each.violations] == []


async def test_a_quote_costs_the_purchase_no_statement_more() -> None:
    variant = await make.variant(cards=3)
    buyer = await make.buyer()
    kept = await quoted(buyer, variant.sku)
    async with count_statements() as seen:
        await checkout.place_order(buyer, order(variant.sku, kept.id))
    by_quote = sql.reading(sight.filled, quoted=True)
    assert seen == [by_quote.text, sql.WRITES[True, False, False].text]
    async with count_statements() as seen:
        await checkout.place_order(buyer, order(variant.sku, None, "plain"))
    assert seen == [
        sql.reading(sight.filled).text,
        sql.WRITES[False, False, False].text,
    ]


async def test_asking_what_it_costs_writes_nothing() -> None:
    variant = await make.variant(price=make.yuan(49), cards=1)
    buyer = await make.buyer(0)
    await checkout.quote_lines(buyer, [LineWish(variant.sku, 1)])
    async with count_statements() as seen:
        answer = await checkout.quote_lines(buyer, [LineWish(variant.sku, 1)])
    assert (answer.total, answer.id, answer.valid_until) == (make.yuan(49), None, None)
    assert seen == [sql.reading(sight.filled).text]
    assert await number_of("quotes") == 0


async def test_an_agent_is_quoted_its_own_tier() -> None:
    agent = await make.agent(tier=Tier.GOLD)
    variant = await make.variant(cards=1, tier_prices={Tier.GOLD: make.yuan(45)})
    answer = await quoted(make.Actor(kind=make.ActorKind.USER, user_id=agent.user_id), variant.sku)
    assert answer.total == make.yuan(45)


async def test_agents_earn_by_the_lists_of_now_and_within_the_margin() -> None:
    """The buyer pays 49; the agent's own price rose to 50: there is no difference to earn."""
    chain = await make.agent_chain()
    await make.rule(1, RuleKind.PRICE_DIFFERENCE)
    variant = await make.variant(cards=2, tier_prices={Tier.BRONZE: make.yuan(47)})
    buyer = await make.buyer(referrer=chain[2].id)
    first, second = [await quoted(buyer, variant.sku) for _ in range(2)]
    await checkout.place_order(buyer, order(variant.sku, first.id, "first"))
    assert await number_of("commissions") == 1
    await Price.filter(variant_id=variant.id, tier="bronze").update(amount=make.yuan(50))
    await checkout.place_order(buyer, order(variant.sku, second.id, "second"))
    assert await number_of("commissions") == 1


async def test_the_floor_is_above_the_lock() -> None:
    own = await make.variant(price=make.yuan(49), cards=1, unit_cost=make.yuan(40))
    made = await make.variant(price=make.yuan(49))
    offer = await make.offer(made, make.yuan(40))
    buyer = await make.buyer()
    first, second = await quoted(buyer, own.sku), await quoted(buyer, made.sku)
    async with connection() as conn:
        await conn.execute("UPDATE cards SET unit_cost = $1", make.yuan(50))
    await SupplierOffer.filter(id=offer.id).update(cost=make.yuan(50))
    for sku, kept in ((own.sku, first), (made.sku, second)):
        refusal = await refusal_of(buyer, order(sku, kept.id))
        assert refusal == PriceBelowCost(sku=sku, field=("lines", "0"))
        with pytest.raises(Refused):
            await quoted(buyer, sku)
    assert await number_of("orders") == 0
    assert await number_of("quote_uses") == 0


async def test_a_quote_is_good_for_one_order_and_the_key_still_replays() -> None:
    variant = await make.variant(cards=3)
    buyer = await make.buyer()
    kept = await quoted(buyer, variant.sku)
    first = await checkout.place_order(buyer, order(variant.sku, kept.id))
    again = await checkout.place_order(buyer, order(variant.sku, kept.id))
    assert (again.replayed, again.order.id) == (True, first.order.id)
    for by_channel in (False, True):
        second = order(variant.sku, kept.id, "second", by_channel=by_channel)
        assert await refusal_of(buyer, second) == QuoteUsed(field=("quoteId",))


async def test_a_quote_is_its_buyers_in_time_and_for_its_lines() -> None:
    variant, other = await make.variant(cards=3), await make.variant(cards=3)
    buyer, stranger = await make.buyer(), await make.buyer()
    kept = await quoted(buyer, variant.sku)
    field = ("quoteId",)
    unknown = NotFound(what="quote", field=field)
    assert await refusal_of(stranger, order(variant.sku, kept.id)) == unknown
    differs = QuoteLinesDiffer(field=field)
    assert await refusal_of(buyer, order(other.sku, kept.id)) == differs
    assert await refusal_of(buyer, order(variant.sku, kept.id, quantity=2)) == differs
    later = clock.now() + quotes.times.valid
    with clock.fixed(lambda: later):
        assert await refusal_of(buyer, order(variant.sku, kept.id)) == QuoteOver(field=field)
    just_in_time = later - timedelta(seconds=1)
    with clock.fixed(lambda: just_in_time):
        placed = await checkout.place_order(buyer, order(variant.sku, kept.id))
    assert placed.order.status is OrderStatus.DELIVERED


async def test_another_total_than_expected_is_refused_with_both_amounts() -> None:
    variant = await make.variant(price=make.yuan(49), cards=2)
    buyer = await make.buyer(0)  # a wrong price is told before a short balance
    for by_channel in (False, True):
        wish = order(variant.sku, None, expected_total=make.yuan(48), by_channel=by_channel)
        refusal = await refusal_of(buyer, wish)
        assert isinstance(refusal, PriceChanged)
        assert refusal.expected == Money(make.yuan(48), make.CNY)
        assert refusal.actual == Money(make.yuan(49), make.CNY)
        assert refusal.field == ("expectedTotal",)
    await make.top_up(buyer.require_user(), make.yuan(49))
    wish = order(variant.sku, None, expected_total=make.yuan(49))
    assert (await checkout.place_order(buyer, wish)).order.total == make.yuan(49)


async def race_for(kept: Quoted, sku: str, buyer: Actor, *, by_channel: bool) -> list[str]:
    """Five orders by one quote, none of which writes before all have looked."""
    together, read, waited = asyncio.Barrier(5), service.read, set()

    async def read_together(conn: Any, actor: Actor, purchase: Purchase, moment: Any) -> Any:
        rows = await read(conn, actor, purchase, moment)
        if purchase.idempotency_key not in waited:
            waited.add(purchase.idempotency_key)
            await together.wait()
        return rows

    async def buy(key: str) -> str:
        try:
            wish = order(sku, kept.id, key, by_channel=by_channel)
            await checkout.place_order(buyer, wish)
        except Refused as refused:
            return refused.refusals[0].code
        return "sold"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "read", read_together)
        return await asyncio.gather(*(buy(f"key{number}") for number in range(5)))


@pytest.mark.parametrize("by_channel", [False, True])
async def test_of_five_orders_by_one_quote_one_is_placed(by_channel: bool) -> None:
    variant = await make.variant(cards=10)
    buyer = await make.buyer()
    kept = await quoted(buyer, variant.sku)
    answers = await race_for(kept, variant.sku, buyer, by_channel=by_channel)
    assert Counter(answers) == {"sold": 1, QuoteUsed.code: 4}
    assert await number_of("orders") == await number_of("quote_uses") == 1


async def test_twin_without_its_key_one_quote_would_sell_many_times() -> None:
    variant = await make.variant(cards=60)
    buyer = await make.buyer()
    kept = await quoted(buyer, variant.sku)
    async with connection() as conn:
        await conn.execute("ALTER TABLE quote_uses DROP CONSTRAINT quote_uses_pkey")
    try:
        answers = await race_for(kept, variant.sku, buyer, by_channel=False)
    finally:
        async with connection() as conn:
            await conn.execute("TRUNCATE quote_uses")
            await conn.execute("ALTER TABLE quote_uses ADD PRIMARY KEY (quote_id)")
    # Who wanted a card that another took looks again, and finds the quote used.
    assert answers.count("sold") > 1


async def six_quotes_at_once(buyer: Actor, sku: str) -> tuple[list[Quoted], list[Refused]]:
    """As many as are kept, and the refusals; each takes a while, so that they surely overlap."""
    slow = service_of_quotes._UNUSED.replace(
        "SELECT count(*)", "SELECT count(*) + 0 * (pg_sleep(0.2) IS NULL)::int"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service_of_quotes, "OPEN_LIMIT", 2)
        patch.setattr(service_of_quotes, "_UNUSED", slow)
        done = await asyncio.gather(*(quoted(buyer, sku) for _ in range(6)), return_exceptions=True)
    kept = [each for each in done if isinstance(each, Quoted)]
    refused = [each for each in done if isinstance(each, Refused)]
    assert len(kept) + len(refused) == 6
    return kept, refused


async def test_nobody_keeps_more_quotes_than_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = await make.variant(cards=5)
    buyer = await make.buyer()
    kept, refused = await six_quotes_at_once(buyer, variant.sku)
    assert len(kept) == 2
    assert {each.refusals for each in refused} == {(TooManyQuotes(most=2),)}
    monkeypatch.setattr(service_of_quotes, "OPEN_LIMIT", 2)
    await checkout.place_order(buyer, order(variant.sku, kept[0].id))
    await quoted(buyer, variant.sku)  # a used one is no burden


async def test_twin_without_their_turn_six_at_once_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service_of_quotes, "_ALONE", "SELECT $1::text")
    variant = await make.variant(cards=5)
    kept, _ = await six_quotes_at_once(await make.buyer(), variant.sku)
    assert len(kept) > 2


async def test_the_database_refuses_an_order_at_another_total_and_any_change() -> None:
    variant = await make.variant(price=make.yuan(49), cards=2)
    buyer = await make.buyer()
    kept = await quoted(buyer, variant.sku)
    await reprice(variant, make.yuan(60))
    dear = await checkout.place_order(buyer, order(variant.sku, None))
    use = "INSERT INTO quote_uses (quote_id, order_id, used_at) VALUES ($1, $2, $3)"
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError, match="costs what was quoted"):
            await conn.execute(use, kept.id, dear.order.id, clock.now())
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("UPDATE quotes SET total = 1")
    placed = await checkout.place_order(buyer, order(variant.sku, kept.id, "mine"))
    async with connection() as conn:
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("DELETE FROM quote_uses WHERE order_id = $1", placed.order.id)


async def test_unused_quotes_go_after_a_week_and_used_ones_stay() -> None:
    variant = await make.variant(cards=2)
    buyer = await make.buyer()
    used, unused = await quoted(buyer, variant.sku), await quoted(buyer, variant.sku)
    await checkout.place_order(buyer, order(variant.sku, used.id))
    assert await quotes.forget_unused() == 0
    later = clock.now() + timedelta(days=8)
    with clock.fixed(lambda: later):
        assert await quotes.forget_unused() == 1
    assert [each.id for each in await quotes.Quote.all()] == [used.id]
    assert unused.id is not None
    assert (await quotes.Quote.get(id=used.id)).site_id == MAIN_SITE_ID
