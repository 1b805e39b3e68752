"""The judge of a chaos run finds what is wrong with either book, and nothing where all is well."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from bench.chaos.books import Attempt, Card, Line, Order, Ours, Theirs
from bench.chaos.judge import judge, judge_orders
from bench.chaos.plan import Do, drawn
from bench.chaos.vendors import ORDER_FAULTS, VENDORS

START = datetime(2026, 1, 1, tzinfo=UTC)
BUYER, ORDER, CARDS, TOPUP = (UUID(int=number) for number in range(1, 5))
Books = tuple[list[Theirs], Ours]


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def honest() -> Books:
    """An order of two cards and a top-up: the first supplier of the cards had none."""
    theirs = [
        Theirs("plain-cards", "k1", "rejected", 2, 0),
        Theirs("hook-cards", "k2", "completed", 2, 160, ("/A", "/B")),
        Theirs("hook-topups", "k3", "completed", 1, 80, (), "R1"),
    ]
    ours = Ours(
        attempts=(
            Attempt("k1", "plain-cards", CARDS, 1, "rejected", False, None, at(0), at(1)),
            Attempt("k2", "hook-cards", CARDS, 2, "succeeded", False, 160, at(2), at(3)),
            Attempt("k3", "hook-topups", TOPUP, 1, "succeeded", False, 80, at(0), at(3)),
        ),
        lines=(
            Line(CARDS, ORDER, "CARD", True, 2, 2, "DELIVERED", 100, 0),
            Line(TOPUP, ORDER, "TOPUP", False, 1, 1, "DELIVERED", 100, 0, "R1"),
        ),
        orders=(Order(ORDER, BUYER, "DELIVERED", 300, at(0), at(3), "key"),),
        cards=(Card("/A", "k2", CARDS), Card("/B", "k2", CARDS)),
        wallets=((BUYER, 700, 1_000),),
        owed=(("plain-cards", 0), ("hook-cards", 160), ("hook-topups", 80)),
    )
    return theirs, ours


def theirs(change: Callable[[list[Theirs]], list[Theirs]]) -> Callable[[Books], Books]:
    return lambda books: (change(books[0]), books[1])


def ours(**changes: Callable[[Ours], object]) -> Callable[[Books], Books]:
    def doctored(books: Books) -> Books:
        made = {name: change(books[1]) for name, change in changes.items()}
        return books[0], replace(books[1], **made)  # type: ignore[arg-type]

    return doctored


def attempt(number: int, **changes: object) -> Callable[[Ours], object]:
    def doctored(book: Ours) -> tuple[Attempt, ...]:
        found = list(book.attempts)
        found[number] = replace(found[number], **changes)  # type: ignore[arg-type]
        return tuple(found)

    return doctored


DOCTORED: dict[str, Callable[[Books], Books]] = {
    "not_ordered": theirs(lambda book: [*book, Theirs("hook-cards", "k9", "accepted", 1, 0)]),
    "bought_unknown": theirs(
        lambda book: [replace(book[0], state="completed", codes=("/A", "/B")), *book[1:]]
    ),
    "never_bought": theirs(lambda book: book[:2]),
    "taken_back_unknown": theirs(
        lambda book: [*book[:2], replace(book[2], state="refunded", receipt="")]
    ),
    "cost_differs": theirs(lambda book: [*book[:2], replace(book[2], charged=81)]),
    "purchase_open": ours(attempts=attempt(2, status="uncertain", finished_at=None)),
    "code_lost": ours(cards=lambda book: book.cards[:1]),
    "code_stored_twice": ours(cards=lambda book: (*book.cards, Card("/A", "k2", None))),
    "code_given_twice": ours(cards=lambda book: (book.cards[0], book.cards[0])),
    "code_from_nowhere": ours(cards=lambda book: (*book.cards, Card("/C", "k2", None))),
    "code_of_another": ours(cards=lambda book: (Card("/A", "k1", CARDS), book.cards[1])),
    "delivered_too_much": ours(
        lines=lambda book: (replace(book.lines[0], quantity=1, unit_price=200), book.lines[1])
    ),
    "delivered_differs": ours(
        lines=lambda book: (replace(book.lines[0], delivered=1), book.lines[1])
    ),
    "delivered_nothing": ours(
        cards=lambda book: (), lines=lambda book: (replace(book.lines[0], delivered=0),)
    ),
    "parked_untold": ours(cards=lambda book: (book.cards[0], Card("/B", "k2", None))),
    "topped_up_twice": lambda books: (
        [*books[0], Theirs("plain-topups", "k4", "completed", 1, 80, (), "R2")],
        replace(
            books[1],
            attempts=(
                *books[1].attempts,
                Attempt("k4", "plain-topups", TOPUP, 2, "succeeded", False, 80, at(4), at(5)),
            ),
        ),
    ),
    "topped_up_never": theirs(lambda book: [*book[:2], replace(book[2], receipt="")]),
    "bought_while_unknown": ours(attempts=attempt(0, finished_at=at(3))),
    "total_differs": ours(orders=lambda book: (replace(book.orders[0], total=301),)),
    "wallet_differs": ours(wallets=lambda book: ((BUYER, 701, 1_000),)),
    "owed_differs": ours(owed=lambda book: (("hook-cards", 161),)),
}


def test_honest_books_agree() -> None:
    books = honest()
    assert judge(*books) == []
    assert judge_orders(books[1], {"key": "ord"}) == []


@pytest.mark.parametrize("name", DOCTORED)
def test_a_doctored_book_is_found(name: str) -> None:
    found = {violation.name for violation in judge(*DOCTORED[name](honest()))}
    assert name in found


def test_what_a_person_was_told_of_is_no_violation() -> None:
    """Late goods on the shelf, and a top-up that was taken back."""
    known, book = honest()
    known[0] = replace(known[0], state="completed", codes=("/C", "/D"), charged=160)
    known[2] = replace(known[2], state="refunded", receipt="")
    late, bought, back = book.attempts
    late = replace(
        late, status="succeeded", parked=True, cost=160, finished_at=at(9), incidents=("came_late",)
    )
    back = replace(back, incidents=("taken_back",))
    cards = (*book.cards, Card("/C", "k1", None), Card("/D", "k1", None))
    owed = (("plain-cards", 160), *book.owed[1:])
    assert judge(known, replace(book, attempts=(late, bought, back), cards=cards, owed=owed)) == []


def test_each_order_is_there_once_and_ended() -> None:
    _, book = honest()
    (order,) = book.orders
    again = replace(order, id=UUID(int=9), status="DELIVERING")
    found = judge_orders(replace(book, orders=(order, again)), {"key": "", "other": ""})
    assert [each.name for each in found] == ["order_lost", "order_not_ended", "order_twice"]


def test_the_same_seed_draws_the_same_plan_and_each_fault_is_in_it() -> None:
    plan = drawn(7, 60)
    assert plan == drawn(7, 60) != drawn(8, 60)
    armed = {deed.fault for deed in plan.deeds if deed.do is Do.FAULT}
    assert set(ORDER_FAULTS) <= armed
    by_code = {vendor.code: vendor for vendor in VENDORS}
    assert all(
        by_code[deed.supplier].fits(deed.fault)
        for deed in plan.deeds
        if deed.fault in ORDER_FAULTS and deed.fault is not None
    )
