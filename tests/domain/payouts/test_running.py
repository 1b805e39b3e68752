"""Sending: paid once under one reference whatever is lost, and what is not known is asked about."""

import asyncio
import os
import random
from datetime import timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import ledger, payouts
from domain.agents.models import Agent
from domain.commissions import balances_of
from domain.invariants import find_violations
from domain.kernel import Actor, Refused, clock, connection, transaction
from domain.ledger import AccountKind, account_id
from domain.payouts import Payout, PayoutStatus, books, running
from domain.payouts.moves import MOVES
from domain.payouts.ports import (
    Accepted,
    NotFound,
    Paid,
    QueryResult,
    Rejected,
    Returned,
    Uncertain,
    Why,
)
from tests import make, teller

pytestmark = pytest.mark.usefixtures("db")
TRIES = int(os.environ.get("PAYOUT_TRIES", "300"))  # 2000 take a minute
S = PayoutStatus


@pytest.fixture(autouse=True)
async def desk() -> teller.Teller:
    made = teller.Teller()
    payouts.register(teller.ADAPTER, made)
    return made


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def approved(yuan: str = "10", **changes: object) -> tuple[Agent, Actor, Payout]:
    agent, actor = await teller.earner(100)
    channel = await teller.channel(**changes)
    payout = (await payouts.request_payout(actor, channel.id, make.money(yuan), "a")).payout
    await payouts.approve_payout(await make.operator("payouts:approve"), payout.id)
    return agent, actor, payout


async def run(payout: Payout, **time: int) -> Payout:
    """What the job does at some later moment."""
    with make.later(**time):
        await payouts.run_payout(payout.id)
    return await Payout.get(id=payout.id)


async def balance(kind: AccountKind) -> int:
    return await ledger.balance_of(account_id(kind, None, make.CNY))


async def available(agent: Agent) -> int:
    return (await balances_of(agent.id, make.CNY)).available.units


async def test_an_approved_payout_is_paid_and_booked(desk: teller.Teller) -> None:
    agent, _, payout = await approved("10", fee_fixed=make.yuan("0.50"), tax_rate=100)
    done = await run(payout)
    assert (done.status, done.provider_id) == (S.SUCCEEDED, f"T{payout.reference[:8]}")
    order = desk.paid[payout.reference]
    assert (order.amount, order.receiver.account) == (make.yuan("9.40"), "sandbox-1")
    assert "sandbox-1" not in repr(order)
    assert await balance(AccountKind.PAYOUT_FEE) == make.yuan("0.50")
    assert await balance(AccountKind.TAX_WITHHELD) == make.yuan("0.10")
    assert await balance(AccountKind.PAYOUT_TRANSIT) == 0
    assert await available(agent) == make.yuan(90)
    await run(payout, hours=1)
    assert desk.submitted[payout.reference] == 1
    await all_is_well()


async def test_what_got_lost_after_it_was_paid_is_found_by_a_query(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.lost_after]
    assert (await run(payout)).status is S.UNKNOWN
    assert await balance(AccountKind.PAYOUT_TRANSIT) == make.yuan(10)
    done = await run(payout, minutes=5)
    assert done.status is S.SUCCEEDED
    assert (desk.submitted[payout.reference], desk.queried[payout.reference]) == (1, 1)
    await all_is_well()


async def test_what_never_arrived_is_sent_again_under_its_reference(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.lost_before]
    assert (await run(payout)).status is S.UNKNOWN
    first = await run(payout, seconds=25)  # not found, and too early to believe it
    assert (first.status, first.not_found, desk.submitted[payout.reference]) == (S.UNKNOWN, 1, 1)
    done = await run(payout, minutes=5)
    assert (done.status, done.submissions) == (S.SUCCEEDED, 2)
    assert done.reference == payout.reference
    assert desk.submitted[payout.reference] == 2
    await all_is_well()


async def test_not_found_is_not_believed_too_early_or_once(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.lost_before]
    await run(payout)
    for seconds in (25, 50):
        await run(payout, seconds=seconds)
    assert desk.submitted[payout.reference] == 1  # often enough, too early
    desk.scripted[payout.reference] = [Uncertain(), NotFound()]
    await run(payout, minutes=3)
    assert desk.submitted[payout.reference] == 1


async def test_the_channel_that_knew_it_once_is_never_sent_it_again(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.says(Accepted("T1"))]
    assert (await run(payout)).status is S.ACCEPTED
    for minutes in (1, 10, 60, 600, 6_000):
        told = await run(payout, minutes=minutes)
        assert told.status is S.UNKNOWN
    assert desk.submitted[payout.reference] == 1
    desk.scripted[payout.reference] = [Accepted("T1"), Paid("T1")]
    assert (await run(payout, days=10)).status is S.ACCEPTED
    assert (await run(payout, days=11)).status is S.SUCCEEDED
    await all_is_well()


@pytest.mark.parametrize("why", [Why.RECEIVER, Why.BALANCE, Why.LIMIT])
async def test_what_is_surely_not_paid_is_the_agents_again(desk: teller.Teller, why: Why) -> None:
    agent, _, payout = await approved()
    desk.faults = [teller.says(Rejected(why))]
    done = await run(payout)
    assert (done.status, done.why) == (S.FAILED, why.value)
    assert await available(agent) == make.yuan(100)
    await all_is_well()


async def test_what_comes_back_is_the_agents_again_with_its_fee(desk: teller.Teller) -> None:
    agent, _, payout = await approved("10", fee_fixed=make.yuan(1))
    await run(payout)
    await payouts.book_result(payout.id, Returned("T1"))
    assert (await Payout.get(id=payout.id)).status is S.RETURNED
    assert await available(agent) == make.yuan(100)
    assert await balance(AccountKind.PAYOUT_FEE) == await balance(AccountKind.TAX_WITHHELD) == 0
    await payouts.book_result(payout.id, Returned("T1"))  # told once more
    await payouts.book_result(payout.id, Paid("T1"))  # and something untrue
    assert await available(agent) == make.yuan(100)
    await all_is_well()


async def test_a_receiver_confirms_or_lets_it_go(desk: teller.Teller) -> None:
    agent, actor, payout = await approved()
    desk.faults = [teller.says(teller.WAITS)]
    waiting = await run(payout)
    assert (waiting.status, waiting.waits) == (S.ACCEPTED, True)
    assert payouts.action_of(waiting) == {"package": "confirm-me"}
    assert b"confirm-me" not in (waiting.action_sealed or b"")
    desk.scripted[payout.reference] = [teller.WAITS]
    assert (await run(payout, minutes=5)).waits
    cancelled = await payouts.cancel_payout(actor, payout.id)
    assert (cancelled.status, cancelled.cancel_wanted) == (S.ACCEPTED, True)
    done = await run(payout)
    assert (done.status, done.why) == (S.FAILED, "cancelled")
    assert payouts.action_of(done) == {}
    assert await available(agent) == make.yuan(100)
    await all_is_well()


async def test_who_confirms_while_it_is_cancelled_has_it(desk: teller.Teller) -> None:
    _, actor, payout = await approved()
    desk.faults = [teller.says(teller.WAITS)]
    await run(payout)
    await payouts.cancel_payout(actor, payout.id)
    desk.pay(await running.order_of(payout))
    assert (await run(payout)).status is S.SUCCEEDED
    await all_is_well()


async def test_many_workers_send_it_once(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    await asyncio.gather(*(payouts.run_payout(payout.id) for _ in range(10)))
    assert desk.submitted[payout.reference] == 1
    await all_is_well()


async def test_twin_without_the_claim_many_workers_would_send_it_often(
    desk: teller.Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference is what then still keeps it paid once."""
    _, _, payout = await approved()
    unclaimed = "UPDATE payouts SET tries = tries + 1 WHERE id = $1 AND $2::timestamptz > $3"
    monkeypatch.setattr(running, "_CLAIM", f"{unclaimed} RETURNING status")
    monkeypatch.setattr(running, "_submit", _unguarded)
    found = await asyncio.gather(
        *(payouts.run_payout(payout.id) for _ in range(6)), return_exceptions=True
    )
    assert desk.submitted[payout.reference] > 1
    assert len(desk.paid) == 1
    assert found


async def _unguarded(conn: asyncpg.Connection, payout: Payout, *, again: bool = False) -> None:
    """What was noted is that it is sent, and nobody else sees it."""


class Died(Exception):
    """The process was killed here."""


@pytest.mark.parametrize("point", ["payouts.submitted", "payouts.answered", "payouts.booked"])
async def test_a_worker_that_dies_pays_once(
    desk: teller.Teller, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, _, payout = await approved()

    def die(name: str) -> None:
        if name == point:
            raise Died

    monkeypatch.setattr(running, "crash_point", die)
    with pytest.raises(Died):
        await payouts.run_payout(payout.id)
    await all_is_well()
    monkeypatch.setattr(running, "crash_point", lambda name: None)
    for minutes in (2, 10, 30):
        await run(payout, minutes=minutes)
    assert (await Payout.get(id=payout.id)).status is S.SUCCEEDED
    assert len(desk.paid) == 1
    assert await available(agent) == make.yuan(90)
    await all_is_well()


async def test_many_tries_that_hide_what_they_did_pay_once_each(
    desk: teller.Teller,
) -> None:
    """Timeout after success, before it, and answers that say nothing, in any mixture."""
    count, seed = TRIES, random.Random(7)
    agent, actor = await teller.earner(count)
    channel = await teller.channel()
    payouts.limits.daily_cap, usual = make.yuan(count), payouts.limits.daily_cap
    first = (await payouts.request_payout(actor, channel.id, make.money(1), "first")).payout
    payouts.limits.daily_cap = usual
    await _copies(first, agent, count - 1)
    desk.faults = [
        seed.choice([teller.lost_after, teller.lost_before, teller.lost_after])
        for _ in range(count)
    ]
    for hours in (0, 1, 2, 3):
        with make.later(hours=hours):
            due = await payouts.due_payouts(count)
            for start in range(0, len(due), 40):
                await asyncio.gather(
                    *(payouts.run_payout(each) for each in due[start : start + 40])
                )
    assert await Payout.filter(status=S.SUCCEEDED).count() == count
    assert len(desk.paid) == count
    assert max(desk.submitted.values()) == 2
    assert await available(agent) == 0
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(DISTINCT reference) FROM payouts") == count
    await all_is_well()


async def _copies(first: Payout, agent: Agent, count: int) -> None:
    """So many more of a payout, all approved, in two statements."""
    async with transaction() as conn:
        await conn.execute(
            "UPDATE payouts SET status = 'APPROVED', approved_at = requested_at,"
            " next_try_at = requested_at WHERE id = $1",
            first.id,
        )
        first = await Payout.get(id=first.id)
        made = []
        for _ in range(count):
            fresh = make.new_id()
            values = {name: getattr(first, name) for name in Payout._meta.db_fields}
            made.append(Payout(**{**values, "id": fresh, "reference": fresh.hex}))
        await Payout.bulk_create(made)
        rows = await payouts_book(conn, agent)
        await ledger.post(conn, [books.requested(each, rows) for each in made])


async def payouts_book(conn: asyncpg.Connection, agent: Agent) -> object:
    from domain.commissions import lock_books

    key = (agent.id, make.CNY)
    return (await lock_books(conn, [key]))[key]


ANSWERS: list[QueryResult] = [
    Accepted("T1"),
    teller.WAITS,
    Paid("T1"),
    Rejected(Why.RECEIVER),
    Returned("T1"),
    NotFound(),
    Uncertain(),
]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    deeds=st.lists(
        st.sampled_from(["approve", "run", "cancel", "refuse", *range(len(ANSWERS))]), max_size=10
    ),
    earlier=st.booleans(),
)
async def test_whatever_happens_in_whatever_order_the_books_agree(
    desk: teller.Teller, deeds: list[str | int], earlier: bool
) -> None:
    _, actor = await teller.earner(20, account=f"account-{make.new_id().hex[:8]}")
    channel = await teller.channel(fee_fixed=make.yuan("0.10"), tax_rate=200)
    payout = (await payouts.request_payout(actor, channel.id, make.money(10), "a")).payout
    clerk = await make.operator("payouts:approve")
    for hours, deed in enumerate(deeds, start=1):
        try:
            match deed:
                case "approve":
                    await payouts.approve_payout(clerk, payout.id)
                case "run":
                    await run(payout, hours=hours)
                case "cancel":
                    await payouts.cancel_payout(actor, payout.id)
                case "refuse":
                    await payouts.refuse_payout(clerk, payout.id, "no")
                case int(number):
                    answer = ANSWERS[number]
                    if not isinstance(answer, NotFound | Returned):
                        desk.faults = [teller.says(answer)]
                    desk.scripted[payout.reference] = [answer]
        except Refused:
            pass
    await all_is_well()
    assert earlier in (True, False)


async def test_the_database_knows_the_same_moves() -> None:
    async with connection() as conn:
        for before in S:
            for after in S:
                listed = await conn.fetchval(
                    "SELECT payout_move_listed($1, $2)", before.value, after.value
                )
                assert listed is (after in MOVES[before]), (before, after)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payouts SET status = 'REQUESTED'",
        "UPDATE payouts SET reference = 'another'",
        "UPDATE payouts SET amount = amount + 1",
        "UPDATE payouts SET destination_id = gen_random_uuid()",
        "UPDATE payouts SET approved_by = gen_random_uuid()",
        "UPDATE payouts SET approved_by = NULL, approved_at = now()",
        "DELETE FROM payouts",
    ],
)
async def test_the_database_refuses_what_must_not_be(sql: str) -> None:
    _, _, payout = await approved()
    await run(payout)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with connection() as conn:
            await conn.execute(sql)


BREACHES = (
    "UPDATE payouts SET status = 'FAILED' WHERE status = 'SUCCEEDED'",
    "UPDATE payouts SET amount = amount + 1",
    "UPDATE payouts SET fee = fee + 1",
    "DELETE FROM transfers WHERE kind = 'payout_paid'",
    "DELETE FROM transfers WHERE kind = 'payout_requested'",
    "DELETE FROM payouts",
)


@pytest.mark.parametrize("breach", BREACHES)
async def test_a_broken_promise_is_found(breach: str) -> None:
    _, _, payout = await approved()
    await run(payout)
    _, actor = await teller.earner(5, account="another-one")
    await payouts.request_payout(actor, payout.channel_id, make.money(5), "held")
    await all_is_well()
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # past all triggers
        assert await conn.execute(breach) not in ("UPDATE 0", "DELETE 0")
    assert "I-payout" in {each.name for each in await find_violations() if each.violations}


def test_pauses_grow_and_end() -> None:
    assert [running.pause(tries) for tries in (0, 1, 99)] == [
        timedelta(seconds=10),
        timedelta(seconds=20),
        timedelta(hours=1),
    ]
    assert clock.now()
