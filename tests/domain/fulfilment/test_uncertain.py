"""Purchases whose outcome stays unknown: told once, and ended by operators who know."""

import asyncio
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from domain import fulfilment, ledger
from domain.fulfilment import (
    AttemptStatus,
    AttemptVerdict,
    Doubt,
    FoundGoods,
    FulfilmentAttempt,
    VerdictState,
    service,
)
from domain.fulfilment.rules import times
from domain.kernel import Actor, Refused, connection, new_id, page_request
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus
from domain.suppliers import Accepted, Category, NotFound, Rejected, Uncertain
from tests import make
from tests.domain.fulfilment.test_fulfilment import (
    COST,
    Scripted,
    balance,
    goods,
    no_violations,
    paid_line,
    port,
    query_now,
    state_of,
    told_of,
)
from tests.domain.fulfilment.test_topup import late_line

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
ALL = page_request("uncertainAttempts", 50, None)
OTHER = replace(make.OPERATOR, user_id=new_id())
CODES = (("", "FOUND-0001"), ("42", "FOUND-0002"))


def codes_of(caught: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [each.code for each in caught.value.refusals]


async def uncertain_line(
    port: Scripted, items: list[str], quantity: int = 1
) -> tuple[Actor, FulfilmentAttempt]:
    buyer, line_id = await paid_line(items, quantity)
    port.submits = {item: [goods(quantity, start=90)] for item in items}
    port.submits[items[0]] = [Uncertain()]
    await fulfilment.fulfil_line(line_id)
    return buyer, (await fulfilment.attempts_of([line_id]))[0]


async def go_on() -> None:
    """What the worker does after the event that operators' decisions record."""
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT payload->>'lineId' AS line FROM outbox_events WHERE type = 'delivery.next_step'"
        )
    for row in rows:
        await fulfilment.fulfil_line(UUID(row["line"]))


@pytest.fixture
def two_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "alone_units", make.yuan(100) - 1)


async def test_a_long_uncertainty_is_told_once_and_stands_in_the_queue(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    assert await fulfilment.watch_uncertain() == 0
    assert (await fulfilment.uncertain_attempts(make.OPERATOR, ALL)).rows == []
    with make.later(minutes=16):
        assert [await fulfilment.watch_uncertain() for _ in range(3)] == [1, 0, 0]
        (waiting,) = (await fulfilment.uncertain_attempts(make.OPERATOR, ALL)).rows
    assert (waiting.attempt.id, waiting.sku) == (attempt.id, waiting.sku)
    assert 15 * 60 < waiting.age_seconds < 17 * 60
    told = [kind for _, kind, _ in await told_of(attempt)]
    assert told == ["delivery.uncertain", "delivery.uncertain_long"]


async def test_an_outcome_takes_it_out_of_the_queue_untold(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    port.queries = {"first": [goods()]}
    await query_now(attempt.line_id)
    with make.later(minutes=16):
        assert await fulfilment.watch_uncertain() == 0
        assert (await fulfilment.uncertain_attempts(make.OPERATOR, ALL)).rows == []


async def test_surely_not_sold_goes_on_to_the_next(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"])
    verdict = await fulfilment.give_up(make.OPERATOR, attempt.id, "they said so by telephone")
    assert (verdict.state, verdict.alone) == (VerdictState.AGREED, True)
    await go_on()
    assert await state_of(attempt.line_id) == (
        LineStatus.DELIVERED,
        [AttemptStatus.REJECTED, AttemptStatus.SUCCEEDED],
    )
    with pytest.raises(Refused) as caught:
        await fulfilment.give_up(make.OPERATOR, attempt.id, "again")
    assert codes_of(caught) == ["ATTEMPT_CLOSED"]
    await no_violations()


async def test_the_operator_was_wrong_and_the_goods_become_stock(port: Scripted) -> None:
    """Nobody is believed for good: the supplier is asked again, and never delivers twice."""
    _, attempt = await uncertain_line(port, ["first", "second"])
    await fulfilment.give_up(make.OPERATOR, attempt.id, "surely not")
    await go_on()
    assert (await FulfilmentAttempt.get(id=attempt.id)).doubt is Doubt.GIVEN_UP
    port.queries = {"first": [NotFound(), goods(start=1)]}
    for seconds in (100, 1_000):
        with make.later(seconds=seconds):
            for each in await fulfilment.list_doubted(5):
                await fulfilment.recheck_attempt(each)
    after = await FulfilmentAttempt.get(id=attempt.id)
    assert (after.status, after.parked) == (AttemptStatus.SUCCEEDED, True)
    assert (await told_of(attempt))[-1][1:] == ("delivery.incident", "came_late")
    await no_violations()


async def test_nobody_left_gives_the_price_back(port: Scripted) -> None:
    buyer, attempt = await uncertain_line(port, ["first"])
    await fulfilment.give_up(make.OPERATOR, attempt.id, "surely not")
    await go_on()
    assert (await state_of(attempt.line_id))[0] is LineStatus.REFUNDED
    assert await balance(buyer) == make.yuan(1_000)
    await no_violations()


@pytest.mark.usefixtures("two_needed")
async def test_above_the_amount_another_operator_has_to_agree(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"])
    verdict = await fulfilment.give_up(make.OPERATOR, attempt.id, "surely not")
    assert verdict.state is VerdictState.ASKED
    await go_on()
    assert (await state_of(attempt.line_id))[1] == [AttemptStatus.UNCERTAIN]
    with make.later(minutes=16):
        (waiting,) = (await fulfilment.uncertain_attempts(make.OPERATOR, ALL)).rows
    assert waiting.verdict is not None
    assert waiting.verdict.id == verdict.id
    with pytest.raises(Refused) as caught:
        await fulfilment.decide_give_up(make.OPERATOR, verdict.id, agree=True)
    assert codes_of(caught) == ["FOUR_EYES"]
    with pytest.raises(Refused) as caught:
        await fulfilment.give_up(OTHER, attempt.id, "me too")
    assert codes_of(caught) == ["VERDICT_PENDING"]
    await fulfilment.decide_give_up(OTHER, verdict.id, agree=True)
    await go_on()
    assert (await state_of(attempt.line_id))[0] is LineStatus.DELIVERED
    await no_violations()


@pytest.mark.usefixtures("two_needed")
async def test_what_the_second_does_not_agree_to_stays_uncertain(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"])
    verdict = await fulfilment.give_up(make.OPERATOR, attempt.id, "surely not")
    await fulfilment.decide_give_up(OTHER, verdict.id, agree=False)
    assert (await state_of(attempt.line_id))[1] == [AttemptStatus.UNCERTAIN]
    with pytest.raises(Refused) as caught:
        await fulfilment.decide_give_up(OTHER, verdict.id, agree=True)
    assert codes_of(caught) == ["ATTEMPT_CLOSED"]
    again = await fulfilment.give_up(make.OPERATOR, attempt.id, "surely not, in writing")
    assert again.state is VerdictState.ASKED


@pytest.mark.usefixtures("two_needed")
async def test_an_answer_that_comes_meanwhile_counts_and_not_the_verdict(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"])
    verdict = await fulfilment.give_up(make.OPERATOR, attempt.id, "surely not")
    port.queries = {"first": [goods()]}
    await query_now(attempt.line_id)
    with pytest.raises(Refused) as caught:
        await fulfilment.decide_give_up(OTHER, verdict.id, agree=True)
    assert codes_of(caught) == ["ATTEMPT_CLOSED"]
    await fulfilment.decide_give_up(OTHER, verdict.id, agree=False)
    assert await state_of(attempt.line_id) == (LineStatus.DELIVERED, [AttemptStatus.SUCCEEDED])
    await no_violations()


async def test_giving_up_and_an_answer_at_once_end_it_once(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"])
    results = await asyncio.gather(
        fulfilment.give_up(make.OPERATOR, attempt.id, "surely not"),
        service.book(attempt, goods(start=5)),
        return_exceptions=True,
    )
    assert not any(isinstance(each, BaseException) for each in results[1:])
    await go_on()
    assert (await state_of(attempt.line_id))[0] is LineStatus.DELIVERED
    await no_violations()


async def test_found_codes_are_delivered(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"], 2)
    found = FoundGoods(attempt.id, 2 * COST, CODES, upstream_id="up-7", note="by mail")
    after = await fulfilment.deliver_found(make.OPERATOR, found)
    assert (after.status, after.upstream_id, after.cost) == (
        AttemptStatus.SUCCEEDED,
        "up-7",
        2 * COST,
    )
    assert (await state_of(attempt.line_id))[0] is LineStatus.DELIVERED
    owed = account_id(AccountKind.SUPPLIER, attempt.supplier_id, make.CNY)
    assert await ledger.balance_of(owed) == 2 * COST
    with pytest.raises(Refused) as caught:
        await fulfilment.deliver_found(make.OPERATOR, found)
    assert codes_of(caught) == ["ATTEMPT_CLOSED"]
    async with connection() as conn:
        told = await conn.fetchval("SELECT string_agg(details::text, ' ') FROM audit_entries")
        events = await conn.fetchval("SELECT string_agg(payload::text, ' ') FROM outbox_events")
    assert "FOUND-0001" not in told + events + repr(found)
    await no_violations()


async def test_too_few_found_codes_are_stock_and_the_next_is_asked(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"], 2)
    await fulfilment.deliver_found(make.OPERATOR, FoundGoods(attempt.id, COST, CODES[:1]))
    await go_on()
    assert await state_of(attempt.line_id) == (
        LineStatus.DELIVERED,
        [AttemptStatus.SUCCEEDED, AttemptStatus.SUCCEEDED],
    )
    await no_violations()


async def test_goods_of_a_rejected_attempt_become_stock(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Rejected(Category.OUT_OF_STOCK)], "second": [goods(start=9)]}
    await fulfilment.fulfil_line(line_id)
    first = (await fulfilment.attempts_of([line_id]))[0]
    await fulfilment.deliver_found(make.OPERATOR, FoundGoods(first.id, COST, CODES[:1]))
    assert (await FulfilmentAttempt.get(id=first.id)).parked
    await no_violations()


@pytest.mark.parametrize(
    "change",
    [
        {"codes": ()},
        {"codes": (("", " "),)},
        {"codes": (("", "A\nB"),)},
        {"codes": (("", "x" * 401),)},
        {"receipt": "R-1"},
        {"cost": -1},
        {"upstream_id": "x" * 97},
    ],
)
async def test_found_goods_are_checked(port: Scripted, change: dict[str, object]) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    found = replace(FoundGoods(attempt.id, COST, CODES[:1]), **change)  # type: ignore[arg-type]
    with pytest.raises(Refused) as caught:
        await fulfilment.deliver_found(make.OPERATOR, found)
    assert codes_of(caught) == ["INVALID"]
    assert (await state_of(attempt.line_id))[1] == [AttemptStatus.UNCERTAIN]


async def test_a_found_receipt_ends_a_top_up(port: Scripted) -> None:
    _, attempt = await late_line(port)
    found = FoundGoods(attempt.id, COST, receipt="R-9")
    await fulfilment.deliver_found(make.OPERATOR, found)
    assert (await FulfilmentAttempt.get(id=attempt.id)).parked
    await no_violations()


@pytest.mark.parametrize(
    ("scopes", "who"),
    [({"suppliers:read"}, "resolve"), ({"suppliers:read", "supply:resolve"}, "approve")],
)
async def test_who_may_not_decide_does_not(port: Scripted, scopes: set[str], who: str) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    actor = replace(OTHER, scopes=frozenset(scopes))
    if who == "resolve":
        for work in (
            fulfilment.give_up(actor, attempt.id, "x"),
            fulfilment.deliver_found(actor, FoundGoods(attempt.id, 1, CODES[:1])),
        ):
            with pytest.raises(Refused) as caught:
                await work
            assert codes_of(caught) == ["FORBIDDEN"]
    else:
        with pytest.raises(Refused) as caught:
            await fulfilment.decide_give_up(actor, new_id(), agree=True)
        assert codes_of(caught) == ["FORBIDDEN"]


async def test_plain_sql_cannot_agree_alone_or_change_a_verdict(port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first"])
    verdict = await fulfilment.give_up(make.OPERATOR, attempt.id, "surely not")
    async with connection() as conn:
        for change in (
            "UPDATE attempt_verdicts SET reason = 'other'",
            "DELETE FROM attempt_verdicts",
            "INSERT INTO attempt_verdicts SELECT uuidv7(), attempt_id, 'agreed', reason, false,"
            " asked_by, asked_at, asked_by, asked_at FROM attempt_verdicts",
        ):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await conn.execute(change)
    assert (await AttemptVerdict.get(id=verdict.id)).reason == "surely not"


async def test_an_accepted_order_may_be_given_up_by_hand_only(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Accepted("up-1")], "second": [goods()]}
    port.queries = {"first": [NotFound()] * 3}
    await fulfilment.fulfil_line(line_id)
    for after in (60, 600, 6_000):
        await query_now(line_id, after)
    (attempt,) = await fulfilment.attempts_of([line_id])
    assert attempt.status is AttemptStatus.ACCEPTED
    await fulfilment.give_up(make.OPERATOR, attempt.id, "cancelled in writing")
    await go_on()
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    await no_violations()
