"""Agents rise and fall by what they really sold: once a month, never backwards (rows G6, G7)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain import agents, checkout, payouts, refunds, tiers
from domain.agents import AgentStatus, ChangeKind, ChangeReason, Tier, Why
from domain.agents.models import Agent, AgentChange
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, Invalid, PageRequest, Refused, clock, connection, new_id
from domain.kernel.models import OutboxEvent
from domain.refunds import RefundDestination, RefundReason, RefundWish
from domain.tiers import (
    ChangeState,
    PromotionTiming,
    ReviewOutcome,
    TermsWish,
    TierChange,
    TierReview,
    TierTerms,
)
from domain.tiers.rules import month_of, months_before, start_of
from tests import court, make, teller
from tests.court import said

pytestmark = pytest.mark.usefixtures("db")
PAGE = PageRequest(20, None, "test")
STAFF = make.OPERATOR


def month(back: int) -> date:
    """A month so many before this one."""
    return months_before(month_of(clock.now()), back)


@contextmanager
def on(back: int, day: int = 15) -> Iterator[None]:
    """Noon of a day of the month so many before this one."""
    moment = start_of(month(back)) + timedelta(days=day - 1, hours=12)
    with clock.fixed(lambda: moment):
        yield


async def terms(tier: Tier = Tier.SILVER, sales: int = 100, **changes: Any) -> TierTerms:
    """In force for half a year."""
    wish = replace(TermsWish(tier, 1, make.money(sales)), **changes)
    with on(6, 1):
        return await tiers.set_terms(STAFF, wish)


async def seller(tier: Tier = Tier.BRONZE, parent: Agent | None = None) -> Agent:
    with on(5):
        return await make.agent(parent, tier=tier)


async def sell(agent: Agent, yuan: int, back: int = 1, buyer: Actor | None = None) -> Any:
    """One delivered sale to a customer of an agent."""
    with on(back):
        variant = await make.variant(price=make.yuan(yuan), cards=1)
        buyer = buyer or await make.buyer(referrer=agent.id)
        wish = Purchase((LineWish(variant.sku, 1),), str(new_id()))
        return (await checkout.place_order(buyer, wish)).order


async def review(back: int = 1) -> int:
    """The review of a month, on the fifth of the next one, and what counts at once."""
    with on(back - 1, 5):
        await tiers.apply_due()
        done = await tiers.review_due()
        await tiers.apply_due()
    return done


async def tier_of(agent: Agent) -> Tier:
    return (await Agent.get(id=agent.id)).tier


async def outcomes(agent: Agent) -> list[str]:
    """What was found, oldest first."""
    rows = await TierReview.filter(agent_id=agent.id).order_by("month")
    return [row.outcome.value for row in rows]


async def test_who_sold_enough_rises_and_who_did_not_stays() -> None:
    await terms(sales=100)
    good, poor = await seller(), await seller()
    await sell(good, 60)
    await sell(good, 40)
    await sell(poor, 99)
    assert await review() == 2
    assert (await tier_of(good), await tier_of(poor)) == (Tier.SILVER, Tier.BRONZE)
    change = await AgentChange.filter(agent_id=good.id, kind=ChangeKind.TIER).get()
    assert (change.reason, change.changed_by) == (ChangeReason.PERFORMANCE, None)
    told = await OutboxEvent.filter(type="tier.promoted").get()
    assert told.payload["target"] == "silver"


async def test_the_same_month_again_changes_nothing() -> None:
    await terms(sales=100)
    agent = await seller()
    await sell(agent, 100)
    assert await review() == 1
    before = await TierReview.all().values(), await TierChange.all().values()
    events = await OutboxEvent.all().count()
    await sell(agent, 900)  # even if more of that month turns up
    for _ in range(3):
        assert await review() == 0
    assert (await TierReview.all().values(), await TierChange.all().values()) == before
    with on(0, 5):
        counts = await asyncio.gather(*(tiers.review_due() for _ in range(5)))
    assert counts == [0] * 5
    assert await OutboxEvent.filter(type__startswith="tier.").count() <= events


async def test_many_workers_look_at_an_agent_once() -> None:
    await terms(sales=100)
    agent = await seller()
    await sell(agent, 100)

    async def work() -> int:
        done = await tiers.review_due()
        return done + await tiers.apply_due()

    with on(0, 5):
        await asyncio.gather(*(work() for _ in range(8)))
        await tiers.apply_due()
    assert await outcomes(agent) == ["promoted"]
    assert await AgentChange.filter(agent_id=agent.id, kind=ChangeKind.TIER).count() == 1


async def test_who_writes_a_row_of_an_agent_is_waited_for_and_hinders_nothing(
    database_url: str,
) -> None:
    await terms(sales=100, timing=PromotionTiming.NEXT_PERIOD)
    agent = await seller()
    await sell(agent, 100, 2)
    await review(2)
    other = await asyncpg.connect(database_url)
    row = "SELECT 1 FROM agents WHERE id = $1 FOR KEY SHARE"
    try:
        async with other.transaction():
            await other.execute(row, agent.id)
            with on(0, 1):
                assert await tiers.apply_due() == 0  # it took too long
        (change,) = await TierChange.all()
        assert (change.state, change.hindrance) == ("waiting", "")
        booking = other.transaction()
        await booking.start()
        await other.execute(row, agent.id)
        with on(0, 1):
            done, _ = await asyncio.gather(tiers.apply_due(), _ends(booking))
        assert done == 1
    finally:
        await other.close()
    assert await tier_of(agent) is Tier.SILVER


async def _ends(booking: Any) -> None:
    await asyncio.sleep(0.2)
    await booking.commit()


async def test_refunded_sales_do_not_count() -> None:
    await terms(sales=100)
    agent = await seller()
    order = await sell(agent, 60)
    await sell(agent, 60)
    with on(0, 2):
        wish = RefundWish(order.id, RefundReason.GOODWILL, RefundDestination.WALLET)
        staff = await make.operator("*")
        await refunds.refund_order(staff, wish, "k")
    await review()
    assert await tier_of(agent) is Tier.BRONZE
    (row,) = (await tiers.list_reviews(agent.id, PAGE)).rows
    found = row.measures["silver"]
    assert (found["sales"], found["quantity"], found["customers"]) == (make.yuan(60), 1, 1)


async def test_what_an_agent_buys_itself_and_what_others_sell_do_not_count() -> None:
    await terms(sales=100)
    top = await seller()
    below = await seller(parent=top)
    await make.top_up(top.user_id, make.yuan(500))
    await sell(top, 200, buyer=court.actor_of(top))  # for its own stock
    friend = await make.buyer(referrer=top.id)
    await agents.mark_relation(STAFF, top.id, friend.require_user(), related=True, note="a cousin")
    await sell(top, 200, buyer=friend)
    await sell(below, 200)  # the downline's sale is the downline's
    await review()
    assert (await tier_of(top), await tier_of(below)) == (Tier.BRONZE, Tier.SILVER)
    row = await TierReview.get(agent_id=top.id)
    assert row.measures["silver"]["sales"] == 0


async def test_customers_complaints_and_penalties_count() -> None:
    await terms(sales=0, customers=2, max_complaints=0)
    one, two, punished = [await seller() for _ in range(3)]
    twice = await make.buyer(referrer=one.id)
    await sell(one, 50, buyer=twice)
    await sell(one, 50, buyer=twice)
    for agent in (two, punished):
        await sell(agent, 50)
        await sell(agent, 50)
    with on(1, 1):
        await court.imposed(await court.noticed(punished))
    await review()
    assert [await tier_of(each) for each in (one, two, punished)] == [
        Tier.BRONZE,
        Tier.SILVER,
        Tier.BRONZE,
    ]


async def test_rolling_months_sum() -> None:
    await terms(sales=300, months=3)
    agent = await seller()
    for back in (3, 2):
        await sell(agent, 100, back)
    await review(2)
    assert await tier_of(agent) is Tier.BRONZE
    await sell(agent, 100, 1)
    await review(1)
    assert await tier_of(agent) is Tier.SILVER


async def test_a_tier_is_lost_after_its_grace_one_at_a_time_and_with_notice() -> None:
    """The example of docs/tiers.md."""
    await terms(sales=100, grace=1)
    await terms(Tier.GOLD, 500, grace=0)
    agent = await seller(Tier.GOLD)
    await review(4)  # April, say: nothing was sold
    with on(3, 28):
        await tiers.apply_due()
    assert await tier_of(agent) is Tier.GOLD  # it was told, and has to the month's end
    change = await TierChange.filter(agent_id=agent.id).get()
    assert change.effective_at == start_of(month(2))
    with on(2, 1):
        assert await tiers.apply_due() == 1
    assert await tier_of(agent) is Tier.SILVER
    await review(3)
    await review(2)
    assert await outcomes(agent) == ["demoted", "warned", "demoted"]
    await review(1)
    assert await tier_of(agent) is Tier.BRONZE
    types = [each.type for each in await OutboxEvent.filter(type__startswith="tier.")]
    assert sorted(types) == ["tier.demoted", "tier.demoted", "tier.warned"]


async def test_a_good_month_within_the_grace_forgets_the_bad_one() -> None:
    await terms(sales=100, grace=1)
    agent = await seller(Tier.SILVER)
    await review(4)
    await sell(agent, 100, 3)
    await review(3)
    await review(2)
    assert await outcomes(agent) == ["warned", "kept", "warned"]
    assert await tier_of(agent) is Tier.SILVER


async def test_a_promotion_of_the_next_period_waits_for_it() -> None:
    await terms(sales=100, timing=PromotionTiming.NEXT_PERIOD)
    agent = await seller()
    await sell(agent, 100, 2)
    await review(2)
    assert await tier_of(agent) is Tier.BRONZE
    with on(1, 30):
        assert await tiers.apply_due() == 0
    with on(0, 1):
        assert await tiers.apply_due() == 1
        assert await tiers.apply_due() == 0
    assert await tier_of(agent) is Tier.SILVER


async def test_terms_that_come_into_force_later_do_not_look_back() -> None:
    agent = await seller()
    await sell(agent, 100)
    await tiers.set_terms(STAFF, TermsWish(Tier.SILVER, 1, make.money(100)))
    assert await review() == 0  # the month had ended before
    assert await outcomes(agent) == []


async def test_a_pin_is_by_hand_and_audited_and_reviews_change_nothing() -> None:
    await terms(sales=100, grace=0)
    agent, other = await seller(), await seller(Tier.SILVER)
    with on(2):
        until = clock.now() + timedelta(days=60)
        await tiers.pin_tier(STAFF, agent.id, Tier.GOLD, until, "a partner of many years")
        again = tiers.pin_tier(STAFF, agent.id, Tier.GOLD, until, "x")
        assert await said(again) == "tier_pinned"
    assert await tier_of(agent) is Tier.GOLD
    await review(2)
    assert (await outcomes(agent), await outcomes(other)) == (["pinned"], ["demoted"])
    with on(1, 20):
        await tiers.pin_tier(STAFF, other.id, Tier.SILVER, clock.now() + timedelta(days=9), "x")
    waiting = await TierChange.filter(agent_id=other.id).get()
    assert waiting.state is ChangeState.CANCELLED
    with on(1, 25):
        await tiers.unpin_tier(STAFF, other.id, "enough")
        assert await said(tiers.unpin_tier(STAFF, other.id, "x")) == "tier_not_pinned"
    async with connection() as conn:
        actions = await conn.fetch("SELECT action FROM audit_entries WHERE action LIKE 'tier.%'")
    assert sorted(row["action"] for row in actions) == [
        "tier.pin",
        "tier.pin",
        "tier.set_terms",
        "tier.unpin",
    ]


async def test_a_change_that_was_overtaken_comes_to_nothing() -> None:
    await terms(sales=100, timing=PromotionTiming.NEXT_PERIOD)
    moved, closed = await seller(), await seller()
    for agent in (moved, closed):
        await sell(agent, 100, 2)
    await review(2)
    await agents.set_tier(STAFF, moved.id, Tier.GOLD)
    await agents.set_status(STAFF, closed.id, AgentStatus.CLOSED, Why(ChangeReason.OWN_WISH))
    with on(0, 2):
        assert await tiers.apply_due() == 2
    assert (await tier_of(moved), await tier_of(closed)) == (Tier.GOLD, Tier.BRONZE)
    states = {row.state for row in await TierChange.all()}
    assert states == {ChangeState.CANCELLED}


async def test_what_prices_forbid_waits_and_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    await terms(sales=100)
    agent = await seller()
    await sell(agent, 100)

    async def forbid(*_: object) -> None:
        raise Refused(Invalid(reason="price"))

    with monkeypatch.context() as patched:
        patched.setattr("domain.tiers.reviewing.change_tier", forbid)
        await review()
        with on(0, 7):
            await tiers.apply_due()
    change = await TierChange.get()
    assert (change.state, change.hindrance) == (ChangeState.WAITING, "INVALID")
    assert await OutboxEvent.filter(type="tier.hindered").count() == 1
    with on(0, 9):
        await tiers.apply_due()
    assert await tier_of(agent) is Tier.SILVER


@pytest.mark.parametrize("point", ["tiers.reviewed", "tiers.applied"])
async def test_whoever_dies_in_between_has_done_nothing(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await terms(sales=100)
    agent = await seller()
    await sell(agent, 100)

    def dies(name: str) -> None:
        if name == point:
            raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("domain.tiers.reviewing.crash_point", dies)
        with pytest.raises(ZeroDivisionError):
            await review()
    assert await tier_of(agent) is Tier.BRONZE
    await review()
    assert await tier_of(agent) is Tier.SILVER
    assert await outcomes(agent) == [ReviewOutcome.PROMOTED.value]
    assert await AgentChange.filter(agent_id=agent.id, kind=ChangeKind.TIER).count() == 1


async def test_progress_says_what_is_missing() -> None:
    """The example of docs/tiers.md."""
    await terms(sales=100, customers=2)
    await terms(Tier.GOLD, 500)
    agent = await seller()
    await sell(agent, 80, 1)
    with on(1, 20):
        progress = await tiers.progress_of(agent)
        assert (progress.tier, progress.keep, progress.month) == (Tier.BRONZE, None, month(0))
    rise = progress.rise
    assert rise is not None
    assert (rise.tier, rise.met) == (Tier.SILVER, False)
    assert [(each.criterion.value, each.have, each.missing) for each in rise.points] == [
        ("sales", make.yuan(80), make.yuan(20)),
        ("customers", 1, 1),
        ("compliance", 0, 0),
    ]
    gold = await seller(Tier.GOLD)
    with on(1, 20):
        top = await tiers.progress_of(gold)
    assert top.keep is not None
    assert (top.keep.tier, top.rise, top.misses) == (Tier.GOLD, None, 0)


FORBIDDEN = ("recruits", "deposit", "own_purchases", "price", "fee", "downline_sales")


@pytest.mark.parametrize("criterion", FORBIDDEN)
async def test_no_tier_can_ask_for_what_must_not_be_asked(criterion: str) -> None:
    """`money.md` part 7: neither the code nor the table has a place for it."""
    with pytest.raises(TypeError):
        TermsWish(Tier.SILVER, 1, make.money(1), **{criterion: 5})
    with pytest.raises(asyncpg.UndefinedColumnError):
        async with connection() as conn:
            await conn.execute(f"UPDATE tier_terms SET {criterion} = 5")


async def test_the_columns_of_terms_are_these_and_no_others() -> None:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'tier_terms'"
        )
    assert {row[0] for row in rows} == {
        *("id", "tier", "months", "sales", "quantity", "customers", "max_complaints", "clean"),
        *("grace", "timing", "payout_daily_cap", "effective_at", "set_by", "set_at"),
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tier": Tier.BRONZE}, "tier_without_terms"),
        ({"tier": Tier.RETAIL}, "tier_without_terms"),
        ({"months": 0}, "tier_months"),
        ({"months": 13}, "tier_months"),
        ({"sales": make.money(0)}, "tier_stands_on_sales"),
        ({"quantity": -1}, "tier_numbers"),
        ({"max_complaints": 10_001}, "tier_complaints"),
        ({"grace": 13}, "tier_grace"),
        ({"payout_daily_cap": make.money(0)}, "tier_numbers"),
        ({"effective_at": datetime.fromisoformat("2020-01-01T00:00:00+00:00")}, "deposit_time"),
    ],
)
async def test_terms_that_make_no_sense_are_refused(changes: dict[str, Any], reason: str) -> None:
    wish = replace(TermsWish(Tier.SILVER, 1, make.money(100)), **changes)
    assert await said(tiers.set_terms(STAFF, wish)) == reason
    assert await TierTerms.all().count() == 0


REFUSED = [
    ("UPDATE tier_terms SET sales = 1", "terms stay"),
    ("UPDATE tier_reviews SET outcome = 'kept', target = NULL", "a review stays"),
    ("DELETE FROM tier_reviews", "a review does not go"),
    ("UPDATE tier_changes SET target = 'gold'", "a change is what was found"),
    ("UPDATE tier_changes SET state = 'waiting', ended_at = NULL", "a change ends once"),
    ("UPDATE tier_changes SET effective_at = effective_at - interval '1 year'", "never backwards"),
    (
        "INSERT INTO tier_changes SELECT gen_random_uuid(), agent_id, id, 'bronze', 'gold',"
        " 'waiting', now(), now(), now(), '', NULL FROM tier_reviews",
        "a change without its review",
    ),
    (
        "INSERT INTO tier_terms SELECT gen_random_uuid(), 'silver', 1, 0, 0, 0, NULL, true, 0,"
        " 'at_once', NULL, now(), NULL, now()",
        "terms that ask for no sales",
    ),
    (
        "INSERT INTO tier_terms SELECT gen_random_uuid(), 'bronze', 1, 5, 0, 0, NULL, true, 0,"
        " 'at_once', NULL, now(), NULL, now()",
        "terms of bronze",
    ),
    (
        "INSERT INTO tier_terms SELECT gen_random_uuid(), 'silver', 1, 5, 0, 0, NULL, true, 0,"
        " 'at_once', NULL, now() - interval '1 day', NULL, now()",
        "terms for the past",
    ),
    (
        "INSERT INTO tier_reviews SELECT gen_random_uuid(), agent_id, month, tier, target, outcome,"
        " misses, measures, at FROM tier_reviews",
        "a second review of a month",
    ),
]


@pytest.mark.parametrize("statement", [pytest.param(sql, id=name) for sql, name in REFUSED])
async def test_the_database_refuses_what_must_not_be(statement: str) -> None:
    await terms(sales=100)
    agent = await seller()
    await sell(agent, 100)
    await review()
    with pytest.raises(asyncpg.PostgresError):
        async with connection() as conn:
            await conn.execute(statement)
    assert await outcomes(agent) == ["promoted"]


async def test_nobody_rises_to_pay_less_than_whom_it_stands_below() -> None:
    await terms(sales=100)
    top = await seller()
    below = await seller(parent=top)
    await sell(below, 200)
    listed = {Tier.BRONZE: make.yuan(48), Tier.SILVER: make.yuan(47)}
    await make.variant(price=make.yuan(50), tier_prices=listed)
    await review()
    change = await TierChange.get(agent_id=below.id)
    assert (change.state, change.hindrance) == (ChangeState.WAITING, "AGENT_PRICE_INVERTED")
    assert await tier_of(below) is Tier.BRONZE
    await agents.set_tier(STAFF, top.id, Tier.SILVER)
    with on(0, 8):
        assert await tiers.apply_due() == 1
    assert await tier_of(below) is Tier.SILVER


async def test_a_tier_brings_a_cap_of_its_own() -> None:
    payouts.register(teller.ADAPTER, teller.Teller())
    agent, actor = await teller.earner(100)
    channel = await teller.channel()
    await agents.set_tier(STAFF, agent.id, Tier.GOLD)
    await terms(Tier.GOLD, payout_daily_cap=make.money(20))
    ask = payouts.request_payout
    assert await said(ask(actor, channel.id, make.money(21), "a")) == "PAYOUT_DAILY_CAP"
    assert await said(ask(actor, channel.id, make.money(20), "b")) == "done"
    assert await said(ask(actor, channel.id, make.money(10), "c")) == "PAYOUT_DAILY_CAP"
    await agents.set_tier(STAFF, agent.id, Tier.SILVER)  # of which nothing is said
    assert await said(ask(actor, channel.id, make.money(10), "d")) == "done"
