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


@given(some.integers(0, 1_000))
def test_pauses_grow_and_never_end(queries: int) -> None:
    pause, later = rules.next_query_in(queries), rules.next_query_in(queries + 1)
    assert timedelta(0) < pause <= later <= timedelta(seconds=rules.QUERY_PAUSES[-1])


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
