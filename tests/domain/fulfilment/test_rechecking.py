"""Attempts that are over and are asked about again: what turns up late is found, and told."""

import pytest

from domain import fulfilment
from domain.fulfilment import AttemptStatus, Doubt, FulfilmentAttempt
from domain.fulfilment.rules import MOST_RECHECKS
from domain.kernel import connection
from domain.orders import LineStatus
from domain.suppliers import Accepted, Category, NotFound, QueryResult, Rejected, Uncertain
from tests import make
from tests.domain.fulfilment.test_fulfilment import (
    Scripted,
    goods,
    no_violations,
    paid_line,
    port,
    query_now,
    state_of,
    told_of,
)

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
DAYS = 30 * 24 * 3_600


async def given_up(port: Scripted) -> FulfilmentAttempt:
    """The first supplier never found the order, and the second one delivered."""
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Uncertain()], "second": [goods(start=10)]}
    port.queries = {"first": [NotFound(), NotFound()]}
    await fulfilment.fulfil_line(line_id)
    for after in (60, 600):
        await query_now(line_id, after)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    return (await fulfilment.attempts_of([line_id]))[0]


async def recheck(after: int) -> int:
    """Ask again as the sweeper would; how many were asked."""
    with make.later(seconds=after):
        due = await fulfilment.list_doubted(10)
        for each in due:
            await fulfilment.recheck_attempt(each)
    return len(due)


async def doubt(attempt: FulfilmentAttempt) -> None:
    """What a callback does that says the contrary."""
    async with connection() as conn:
        sql = "UPDATE fulfilment_attempts SET recheck_at = now(), doubt = $2 WHERE id = $1"
        await conn.execute(sql, attempt.id, Doubt.CALLED_BACK.value)


async def test_an_order_that_turns_up_late_becomes_stock_and_is_told(port: Scripted) -> None:
    attempt = await given_up(port)
    assert (attempt.status, attempt.doubt) == (AttemptStatus.REJECTED, Doubt.NOT_FOUND)
    assert await recheck(0) == 0  # not before its time
    port.queries = {"first": [NotFound(), Accepted("up-1"), goods()]}
    for after in (2_000, 4_000, 8_000):
        assert await recheck(after) == 1
    assert await recheck(DAYS) == 0
    after = await FulfilmentAttempt.get(id=attempt.id)
    assert (after.status, after.parked) == (AttemptStatus.SUCCEEDED, True)
    assert (await told_of(attempt))[-1][1:] == ("delivery.incident", "came_late")
    async with connection() as conn:
        states = await conn.fetch("SELECT state, count(*) FROM cards GROUP BY state ORDER BY state")
    assert [tuple(row) for row in states] == [("available", 1), ("sold", 1)]
    assert len(port.submitted) == 2
    await no_violations()


async def test_what_never_turns_up_is_asked_for_some_times_and_no_more(port: Scripted) -> None:
    attempt = await given_up(port)
    port.queries = {"first": [NotFound()] * 20}
    asked = sum([await recheck(DAYS * number) for number in range(1, 10)])
    assert asked == MOST_RECHECKS == 20 - len(port.queries["first"])
    assert (await FulfilmentAttempt.get(id=attempt.id)).recheck_at is None
    assert [kind for _, kind, _ in await told_of(attempt)] == ["delivery.uncertain"]


async def test_a_question_that_nobody_answers_is_not_one_of_those_that_are_asked(
    port: Scripted,
) -> None:
    """The supplier is away for a day: what it delivered is found when it is back."""
    attempt = await given_up(port)
    port.queries = {"first": [Uncertain()] * MOST_RECHECKS + [goods()]}
    asked = sum([await recheck(3_600 * hour) for hour in range(1, 60)])
    assert asked == MOST_RECHECKS + 1
    after = await FulfilmentAttempt.get(id=attempt.id)
    assert (after.status, after.parked) == (AttemptStatus.SUCCEEDED, True)
    await no_violations()


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([Rejected(Category.UNKNOWN, "refunded")], "taken_back"),
        ([Uncertain(), Rejected(Category.UNKNOWN, "refunded")], "taken_back"),
        ([goods()], None),
        ([Uncertain()] * 2, "contradicted"),
    ],
)
async def test_a_contradiction_counts_when_the_supplier_says_so_itself(
    port: Scripted, answers: list[QueryResult], told: str | None
) -> None:
    _, line_id = await paid_line(["first"])
    port.submits, port.queries = {"first": [goods()]}, {"first": list(answers)}
    await fulfilment.fulfil_line(line_id)
    (attempt,) = await fulfilment.attempts_of([line_id])
    await doubt(attempt)
    for number in range(len(answers) + 2):
        await recheck(DAYS * number)
    assert port.queries["first"] == []
    heard = [reason for _, kind, reason in await told_of(attempt) if kind == "delivery.incident"]
    assert heard == ([told] if told else [])
    # What the buyer has he keeps.
    assert (await state_of(line_id)) == (LineStatus.DELIVERED, [AttemptStatus.SUCCEEDED])
    await no_violations()


async def test_two_workers_ask_once(port: Scripted) -> None:
    attempt = await given_up(port)
    port.queries = {"first": [NotFound()] * 2}
    with make.later(seconds=2_000):
        await fulfilment.recheck_attempt(attempt.id)
        await fulfilment.recheck_attempt(attempt.id)
    assert len(port.queries["first"]) == 1
