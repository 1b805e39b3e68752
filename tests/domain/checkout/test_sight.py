"""READ leaves out what nobody has ever used here, and misses nothing of it (decision 0098)."""

import re
from collections.abc import Iterator

import pytest

from domain import checkout, pricebook
from domain.agents import Tier
from domain.catalog import PartDraft
from domain.checkout import LineWish, NotForSale, Purchase, service
from domain.checkout import statements as sql
from domain.checkout.reading import Sight, sight
from domain.commissions import RuleKind
from domain.kernel import Actor, ActorKind, Refused, clock, connection, new_id
from domain.pricing import TIERS
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture(autouse=True)
def _nothing_is_known() -> Iterator[None]:
    """As in a process that has just begun."""
    before, sight.filled = sight.filled, frozenset()
    yield
    sight.filled = before | sight.filled


def buy(sku: str, quantity: int = 1) -> Purchase:
    return Purchase((LineWish(sku, quantity),), str(new_id()))


async def test_what_is_watched_is_an_ordinary_table() -> None:
    """Of a partitioned table the pages are those of its parts; it would look empty for ever."""
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT relname FROM pg_class WHERE relname = ANY($1::text[]) AND relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace",
            sorted(sql.WATCHED),
        )
    assert {row["relname"] for row in rows} == sql.WATCHED


@pytest.mark.parametrize("number", range(len(sql._IDLE)))
def test_a_piece_is_read_as_soon_as_one_of_its_tables_is_known(number: int) -> None:
    tables, piece, answer = sql._IDLE[number]
    assert sql._READ.count(piece) == 1
    assert piece not in sql._READ.replace(piece, answer)
    idle, known = sql.reading(frozenset()).text, sql.reading(sql.WATCHED).text
    for table in tables:
        assert f"pg_relation_size('{table}')" in idle
        assert f" {table} " in known
    own_rows = r" (?:FROM|JOIN) (?!stock_policies)(\w+)"  # a policy is read for its other columns
    assert sql.WATCHED.isdisjoint(re.findall(own_rows, idle))
    assert "pg_relation_size" not in known


async def test_with_empty_tables_the_short_statement_says_what_the_long_one_says() -> None:
    await make.rule(1, RuleKind.PERCENT, 50_000)
    agent = (await make.agent_chain())[-1]
    variant = await make.variant(
        cards=2, tier_prices={Tier.BRONZE: make.yuan(48), Tier.GOLD: make.yuan(45)}
    )
    buyers = await make.buyer(referrer=agent.id), Actor(kind=ActorKind.USER, user_id=agent.user_id)
    for buyer in buyers:
        said = []
        for known in (frozenset[str](), sql.WATCHED):
            sight.filled = known
            async with connection() as conn:
                (row,) = await service.read(conn, buyer, buy(variant.sku), clock.now())
            plain = {name: text for name, text in row.items() if name not in _OF_CHANCE}
            said.append((plain, service.shelves_of([row], service.seen_in([row]))))
        assert said[0] == said[1]


_OF_CHANCE = ("filled", "cards", "own_prices")  # the last is judged by the shelf


async def test_a_bundle_made_meanwhile_is_seen_at_once_and_costs_one_look_more() -> None:
    first, second = await make.variant(cards=4), await make.variant(cards=4)
    buyer = await make.buyer()
    await checkout.place_order(buyer, buy(first.sku))
    bundle = await make.bundle(PartDraft(first.sku, 1, 5_000), PartDraft(second.sku, 1, 5_000))
    sight.filled -= {"bundle_components"}
    for looks in (2, 1):
        async with count_statements() as seen:
            placed = await checkout.place_order(buyer, buy(bundle.sku))
        assert [each.sku for each in placed.lines] == [first.sku, second.sku]
        assert len(seen) == looks + 1


async def test_without_the_second_look_a_bundle_could_not_be_bought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin."""
    monkeypatch.setattr(Sight, "learned", lambda self, rows: False)
    first = await make.variant(cards=4)
    bundle = await make.bundle(PartDraft(first.sku, 2, 10_000))
    with pytest.raises(Refused) as refused:
        await checkout.place_order(await make.buyer(), buy(bundle.sku))
    assert isinstance(refused.value.refusals[0], NotForSale)


async def test_an_agents_own_price_counts_from_the_next_purchase_on() -> None:
    agent = await make.agent(tier=Tier.GOLD)
    variant = await make.variant(cards=3, tier_prices={Tier.GOLD: make.yuan(45)})
    buyer = Actor(kind=ActorKind.USER, user_id=agent.user_id)
    await make.top_up(agent.user_id, make.yuan(500))
    assert (await checkout.place_order(buyer, buy(variant.sku))).order.total == make.yuan(45)
    wish = pricebook.AgentPriceWish(agent.id, variant.id, None, price=make.money(44))
    await pricebook.set_agent_price(make.OPERATOR, wish)
    assert (await checkout.place_order(buyer, buy(variant.sku))).order.total == make.yuan(44)


@pytest.mark.parametrize("tier", TIERS)
def test_by_the_list_an_agent_pays_the_least_of_its_tier_and_dearer_ones(tier: str) -> None:
    prices = {"retail": 49, "bronze": 48, "gold": 45}
    expected = {"retail": 49, "bronze": 48, "silver": 48, "gold": 45}
    assert pricebook.own_by_list(prices, [(tier, False), (tier, True)]) == [expected[tier], 49]
    assert pricebook.own_by_list({}, [(tier, False)]) == [None]
