"""The rules of fulfilment, for all offers and all times."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from domain.fulfilment import rules
from domain.suppliers import Capabilities, OwnReference

OPENED = datetime(2030, 1, 1, tzinfo=UTC)
CAPABILITIES = some.builds(
    Capabilities,
    own_reference=some.sampled_from(OwnReference),
    query_by_own_reference=some.booleans(),
    price_guard=some.booleans(),
    not_found_answers=some.integers(0, 5),
    settle_seconds=some.floats(0, 600),
)


@given(some.integers(0, 1_000), some.timedeltas(timedelta(0), timedelta(days=9)), some.booleans())
def test_pauses_grow_and_never_end(queries: int, age: timedelta, answered: bool) -> None:
    pause = rules.next_query_in(queries, age, answered=answered)
    later = rules.next_query_in(queries + 1, 2 * age, answered=answered)
    assert timedelta(0) < pause <= later <= timedelta(seconds=rules.QUERY_PAUSES[-1])
    assert pause <= max(age, timedelta(seconds=1))


def test_callbacks_that_ask_meanwhile_do_not_make_an_order_wait() -> None:
    """Nine questions in a minute and a half: the tenth is not asked ten minutes later."""
    age = timedelta(seconds=88)
    assert rules.next_query_in(9, age, answered=True) == age
    assert rules.next_query_in(9, age, answered=False) == age / 4


def test_an_outage_is_over_for_a_buyer_soon_after_it_is_over() -> None:
    """Whoever is asked and does not answer for an hour is not asked so often that it hurts."""
    age, asked = timedelta(seconds=1), 0
    while age < timedelta(hours=1):
        pause = rules.next_query_in(asked, age, answered=False)
        assert pause <= max(age / 4, timedelta(seconds=1))
        age, asked = age + pause, asked + 1
    assert asked < 45


@given(CAPABILITIES, some.timedeltas(timedelta(0), timedelta(days=2)), some.integers(0, 10))
def test_not_found_is_never_believed_too_early_or_of_whoever_cannot_know(
    capabilities: Capabilities, passed: timedelta, counted: int
) -> None:
    settle = timedelta(seconds=capabilities.settle_seconds)
    may = rules.may_count_not_found(capabilities, OPENED, OPENED + passed)
    able = capabilities.query_by_own_reference and capabilities.not_found_answers > 0
    assert may == (able and passed >= rules.VALID_FOR + settle)
    final = rules.is_final_not_found(capabilities, counted)
    assert not (final and capabilities.not_found_answers == 0)
    assert not (final and counted < capabilities.not_found_answers)
    if capabilities.not_found_answers:
        assert rules.is_final_not_found(capabilities, capabilities.not_found_answers)


def test_a_dead_workers_attempt_is_asked_for_when_it_cannot_begin_any_more() -> None:
    assert rules.FIRST_QUERY_AFTER > rules.VALID_FOR
