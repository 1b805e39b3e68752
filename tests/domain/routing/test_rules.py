"""The rules of routing, for all offers and all times."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.routing import rules
from domain.routing.models import PolicyKind
from domain.routing.rules import (
    BEST,
    Account,
    Exclusion,
    Policy,
    Route,
    Standing,
    Wanted,
    after_answer,
    cooldown,
    excluded,
    keep_order,
    landed_cost,
    max_cost,
    measured,
    next_slot,
    opens_again,
    paced_after,
    rank,
    success_now,
)
from domain.suppliers import Candidate, RateLimit

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SOON, LATER = NOW + timedelta(seconds=5), NOW + timedelta(hours=2)
COSTS = some.integers(1, 50)
PRIORITIES = some.integers(1, 3)
KINDS = some.sampled_from(PolicyKind)
CANDIDATES = some.builds(
    Candidate,
    offer_id=some.integers(1, 30).map(lambda number: UUID(int=number)),
    supplier_id=some.integers(1, 5).map(lambda number: UUID(int=number)),
    supplier_code=some.just("code"),
    item=some.just("item"),
    cost=COSTS,
    fee=some.integers(0, 3),
    currency=some.just("CNY"),
    supplier_priority=PRIORITIES,
    offer_priority=PRIORITIES,
    weight=some.integers(0, 300),
)
STANDINGS = some.builds(Standing, success=some.integers(0, BEST), latency_ms=some.integers(0, 9))
ROUTES = some.lists(
    some.builds(Route, candidate=CANDIDATES, offer=STANDINGS),
    max_size=8,
    unique_by=lambda route: route.candidate.offer_id,
)
CANDIDATE = Candidate(uuid4(), uuid4(), "one", "item", 100, 0, "CNY", 100, 100, 100)
ONE = Wanted(1, 100)


@given(ROUTES, COSTS, KINDS, some.data())
def test_failover_asks_each_fitting_offer_once_and_then_nobody(
    routes: list[Route], guard: int, kind: PolicyKind, data: some.DataObject
) -> None:
    tried: list[UUID] = []
    key = uuid4()
    while True:
        ranked = rank(Policy(kind), data.draw(some.permutations(routes)), key, NOW)
        wanted = Wanted(1, guard, tried)
        free = [each for each in ranked if excluded(each.route, wanted, NOW) is None]
        if not free:
            break
        tried.append(free[0].route.candidate.offer_id)
    assert len(set(tried)) == len(tried)
    fitting = [
        each.candidate for each in routes if each.candidate.cost + each.candidate.fee <= guard
    ]
    assert set(tried) == {each.offer_id for each in fitting}


@given(ROUTES, KINDS, some.uuids(), some.data())
def test_the_order_does_not_depend_on_the_order_of_rows(
    routes: list[Route], kind: PolicyKind, key: UUID, data: some.DataObject
) -> None:
    shuffled = data.draw(some.permutations(routes))
    ranked = rank(Policy(kind), routes, key, NOW)
    assert rank(Policy(kind), shuffled, key, NOW) == ranked
    assert all(0 <= each.score <= BEST for each in ranked)


@given(ROUTES)
def test_priority_is_the_order_that_always_was(routes: list[Route]) -> None:
    ranked = [each.route.candidate for each in rank(Policy(), routes, None, NOW)]
    ranks = [(each.offer_priority, each.supplier_priority, each.cost) for each in ranked]
    assert ranks == sorted(ranks)


def test_a_price_change_reorders_the_cheapest() -> None:
    cheap, dear = Route(CANDIDATE), Route(replace(CANDIDATE, offer_id=uuid4(), cost=101))
    policy = Policy(PolicyKind.LOWEST_COST)
    assert first_of(policy, [cheap, dear]) == cheap
    risen = replace(cheap, candidate=replace(CANDIDATE, cost=102))
    assert first_of(policy, [risen, dear]) == dear
    with_fee = replace(cheap, candidate=replace(CANDIDATE, fee=2))
    assert first_of(policy, [with_fee, dear]) == dear


def first_of(policy: Policy, routes: list[Route]) -> Route:
    return rank(policy, routes, None, NOW)[0].route


def test_failures_to_be_expected_cost_something() -> None:
    candidate = replace(CANDIDATE, cost=1_000, fee=7)
    assert landed_cost(candidate, BEST, 500) == 1_007
    assert landed_cost(candidate, BEST // 2, 500) == 1_007 + 25
    bad = Route(candidate, offer=Standing(success=BEST // 2))
    dear = Route(replace(CANDIDATE, offer_id=uuid4(), cost=1_020))
    assert first_of(Policy(PolicyKind.LOWEST_COST), [bad, dear]) == dear
    careless = Policy(PolicyKind.LOWEST_COST, failure_cost_rate=0)
    assert first_of(careless, [bad, dear]) == bad


def test_best_success_takes_the_cheaper_of_equals() -> None:
    good = Route(CANDIDATE, offer=Standing(success=9_950))
    better = Route(replace(CANDIDATE, offer_id=uuid4(), cost=200), offer=Standing(success=9_990))
    best = Route(replace(CANDIDATE, offer_id=uuid4(), cost=300))
    policy = Policy(PolicyKind.BEST_SUCCESS)
    assert first_of(policy, [good, better]) == good
    assert first_of(policy, [good, better, best]) == best


def test_weights_share_the_lines_out() -> None:
    routes = [
        Route(replace(CANDIDATE, offer_id=UUID(int=number), weight=weight))
        for number, weight in enumerate((300, 100, 0))
    ]
    policy = Policy(PolicyKind.WEIGHTED)
    keys = [UUID(int=number << 64) for number in range(2_000)]
    first = Counter(rank(policy, routes, key, NOW)[0].route.candidate.offer_id.int for key in keys)
    assert first[2] == 0
    assert 1_400 < first[0] < 1_600


def test_a_line_keeps_the_order_that_it_began_with() -> None:
    routes = [Route(replace(CANDIDATE, offer_id=UUID(int=number))) for number in range(3)]
    ranked = rank(Policy(), routes, None, NOW)
    kept = keep_order(ranked, {UUID(int=2): 0, UUID(int=1): 1})
    assert [each.route.candidate.offer_id.int for each in kept] == [2, 1, 0]


OPEN = Standing(failures=5, trips=1, open_until=SOON)
HALF_OPEN = replace(OPEN, open_until=NOW - timedelta(seconds=1))
PROBED = replace(HALF_OPEN, probe_until=SOON)


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (Route(CANDIDATE), None),
        (Route(replace(CANDIDATE, enabled=False)), Exclusion.DISABLED),
        (Route(replace(CANDIDATE, active=False)), Exclusion.SUPPLIER_PAUSED),
        (Route(replace(CANDIDATE, authorised=False)), Exclusion.NOT_AUTHORISED),
        (Route(replace(CANDIDATE, cost=101)), Exclusion.ABOVE_MAX_COST),
        (Route(replace(CANDIDATE, cost=99, fee=2)), Exclusion.ABOVE_MAX_COST),
        (Route(CANDIDATE, supplier=OPEN), Exclusion.SUPPLIER_BREAKER),
        (Route(CANDIDATE, offer=OPEN), Exclusion.OFFER_BREAKER),
        (Route(CANDIDATE, supplier=HALF_OPEN), None),
        (Route(CANDIDATE, supplier=PROBED), Exclusion.PROBING),
        (Route(CANDIDATE, offer=PROBED), Exclusion.PROBING),
        (Route(CANDIDATE, account=Account(balance=99, balance_at=NOW)), Exclusion.BALANCE_SHORT),
        (Route(CANDIDATE, account=Account(balance=100, balance_at=NOW)), None),
        (
            Route(CANDIDATE, account=Account(balance=0, balance_at=NOW - timedelta(hours=1))),
            None,
        ),
        (
            Route(replace(CANDIDATE, max_open=2), account=Account(open_attempts=2)),
            Exclusion.QUOTA_FULL,
        ),
        (Route(replace(CANDIDATE, max_open=2), account=Account(open_attempts=1)), None),
        (Route(CANDIDATE, account=Account(paced_until=SOON)), Exclusion.PACED),
    ],
)
def test_an_offer_is_left_out_for_one_reason(route: Route, why: Exclusion | None) -> None:
    assert excluded(route, ONE, NOW) is why
    if why in rules.PASSING:
        assert opens_again(route, why, NOW) > NOW


def test_a_breaker_opens_after_failures_in_a_row_and_longer_each_time() -> None:
    standing = Standing()
    for _ in range(4):
        standing = answer(standing, failed=True)
    assert standing.open_until is None
    assert answer(answer(standing, failed=False), failed=True).open_until is None
    standing = answer(standing, failed=True)
    assert standing.open_until == NOW + cooldown(1)
    assert answer(standing, failed=True) == standing  # of before it opened
    assert answer(standing, failed=False) == standing
    probe = standing.open_until
    again = answer(standing, failed=True, moment=probe)
    assert again.open_until == probe + cooldown(2)
    assert answer(again, failed=False, moment=again.open_until or NOW) == Standing()
    assert [cooldown(trips).total_seconds() for trips in (1, 2, 3, 9)] == [30, 60, 120, 600]


def answer(standing: Standing, *, failed: bool, moment: datetime = NOW) -> Standing:
    return after_answer(standing, failed=failed, reason="", most=5, moment=moment)


@given(some.lists(some.booleans(), max_size=80), some.timedeltas(timedelta(0), timedelta(days=9)))
def test_experience_is_a_rate_and_bad_experience_fades(
    outcomes: list[bool], age: timedelta
) -> None:
    standing = Standing()
    for good in outcomes:
        before = success_now(standing, NOW)
        standing = measured(standing, good=good, latency=timedelta(seconds=2), moment=NOW)
        assert 0 <= standing.success <= BEST
        assert standing.success >= before if good else standing.success <= before
    assert success_now(standing, NOW) <= success_now(standing, NOW + age) <= BEST


def test_a_pace_lets_a_burst_go_and_then_one_each_interval() -> None:
    limit = RateLimit(3, 10.0)
    paced: datetime | None = None
    for _ in range(3):
        assert next_slot(paced, limit, NOW) == NOW
        paced = paced_after(paced, limit, NOW)
    wait = next_slot(paced, limit, NOW) - NOW
    assert timedelta(seconds=3) < wait < timedelta(seconds=4)
    assert next_slot(paced, limit, NOW + wait) == NOW + wait
    assert next_slot(paced, limit, LATER) == LATER


@given(COSTS, some.integers(0, 3), COSTS, some.none() | some.integers(0, 5_000))
def test_no_supplier_may_charge_more_than_the_guard(
    cost: int, fee: int, guard: int, tolerance: int | None
) -> None:
    most = max_cost(guard, replace(CANDIDATE, cost=cost, fee=fee), tolerance)
    assert most + fee <= guard
    if tolerance is None:
        assert most + fee == guard
