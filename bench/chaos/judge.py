"""Compares both books of a run. Pure: two books in, every difference out, each with its name.

It knows nothing of how the house fulfils a line. It counts codes, receipts and money.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from bench.chaos.books import Attempt, Card, Line, Ours, Theirs
from bench.chaos.shop import cost_of
from bench.chaos.vendors import BY_CODE

ENDED = frozenset({"DELIVERED", "PARTIALLY_DELIVERED", "REFUNDED"})
# They tell no price of what they did: ours is that of the list, at most the guard.
TELLS_NO_PRICE = frozenset({"dayuanren"})


@dataclass(frozen=True, order=True)
class Violation:
    """One broken promise: its name, and what it is about."""

    name: str
    about: str


def judge(theirs: Sequence[Theirs], ours: Ours) -> list[Violation]:
    """All differences between the suppliers' book and ours."""
    return sorted(
        {
            *_unknown(theirs, ours),
            *_per_purchase(theirs, ours),
            *_codes(theirs, ours),
            *_lines(theirs, ours),
            *_order_of_attempts(ours),
            *_money_of_buyers(ours),
            *_money_of_suppliers(ours),
        }
    )


def judge_orders(ours: Ours, placed: Mapping[str, object]) -> list[Violation]:
    """Whether each purchase made one order, and each order came to its end."""
    keys = Counter(order.key for order in ours.orders)
    found = [
        Violation("order_twice", str(key)) for key, number in keys.items() if key and number > 1
    ]
    found += [Violation("order_lost", key) for key in placed if not keys[key]]
    found += [
        Violation("order_not_ended", f"{order.id} is {order.status}")
        for order in ours.orders
        if order.status not in ENDED
    ]
    return sorted(found)


def _unknown(theirs: Sequence[Theirs], ours: Ours) -> Iterator[Violation]:
    """What they have and we never asked for, or asked somebody else for."""
    asked = {attempt.reference: attempt.supplier for attempt in ours.attempts}
    for entry in theirs:
        if asked.get(entry.reference) != entry.supplier:
            yield Violation("not_ordered", f"{entry.supplier} {entry.reference}")


def _per_purchase(theirs: Sequence[Theirs], ours: Ours) -> Iterator[Violation]:
    """Each purchase has the same end in both books, and cost the same."""
    known = {entry.reference: entry for entry in theirs}
    for attempt in ours.attempts:
        entry = known.get(attempt.reference)
        told = f"{attempt.supplier} {attempt.reference}"
        if attempt.finished_at is None:
            yield Violation("purchase_open", f"{told} is {attempt.status}")
        elif attempt.status == "succeeded":
            yield from _bought(told, attempt, entry)
        elif entry is not None and entry.has_goods:
            yield Violation("bought_unknown", f"{told} was delivered and stands as rejected")


def _bought(told: str, attempt: Attempt, entry: Theirs | None) -> Iterator[Violation]:
    if entry is None or entry.state == "rejected":
        yield Violation("never_bought", f"{told} stands as bought")
        return
    if entry.state in ("refunded", "cancelled"):
        if "taken_back" not in attempt.incidents:
            yield Violation("taken_back_unknown", told)
        return
    vendor = BY_CODE[entry.supplier]
    cost = cost_of(entry.charged, vendor.rate)
    if vendor.adapter not in TELLS_NO_PRICE and cost != attempt.cost:
        yield Violation("cost_differs", f"{told}: they charged {cost}, ours says {attempt.cost}")


def _codes(theirs: Sequence[Theirs], ours: Ours) -> Iterator[Violation]:
    """Every code that they delivered is a card of ours, once, and we have none of our own making.

    A code that they sold a second time is the one exception: it is stored where it came first.
    """
    stored = Counter(card.code for card in ours.cards)
    by_reference = {entry.reference: set(entry.codes) for entry in theirs}
    known = {code for entry in theirs if entry.has_goods for code in entry.codes}
    for code, number in stored.items():
        if number > 1:
            yield Violation("code_stored_twice", masked(code))
    for entry in theirs:
        if entry.has_goods:
            for code in entry.codes:
                if not stored[code]:
                    yield Violation("code_lost", f"{entry.reference} {masked(code)}")
    given_back = {entry.reference for entry in theirs if entry.state in ("refunded", "cancelled")}
    for card in ours.cards:
        if card.reference in given_back:
            continue
        if card.code not in known:
            yield Violation("code_from_nowhere", masked(card.code))
        elif card.code not in by_reference.get(card.reference or "", set()):
            yield Violation("code_of_another", f"{card.reference} {masked(card.code)}")


def _lines(theirs: Sequence[Theirs], ours: Ours) -> Iterator[Violation]:
    """No line has more than it paid for, and what it was bought beyond that is told."""
    cards_of: dict[UUID | None, list[Card]] = defaultdict(list)
    went_to: dict[str, set[UUID | None]] = defaultdict(set)
    for card in ours.cards:
        cards_of[card.line_id].append(card)
        went_to[card.reference or ""].add(card.line_id)
    attempts_of: dict[UUID, list[Attempt]] = defaultdict(list)
    for attempt in ours.attempts:
        attempts_of[attempt.line_id].append(attempt)
    known = {entry.reference: entry for entry in theirs}
    for line in ours.lines:
        attempts = attempts_of[line.id]
        if line.cards:
            yield from _card_line(line, cards_of[line.id])
            yield from _kept_elsewhere(line, attempts, went_to)
        else:
            yield from _topup_line(line, attempts, known)


def _card_line(line: Line, cards: Sequence[Card]) -> Iterator[Violation]:
    told = f"{line.sku} {line.id}"
    if len({card.code for card in cards}) != len(cards):
        yield Violation("code_given_twice", told)
    if line.delivered > line.quantity or len(cards) > line.quantity:
        yield Violation("delivered_too_much", told)
    if len(cards) != line.delivered:
        yield Violation("delivered_differs", f"{told}: {len(cards)} cards, {line.delivered} told")
    if line.status == "DELIVERED" and not cards:
        yield Violation("delivered_nothing", told)


def _kept_elsewhere(
    line: Line, attempts: Sequence[Attempt], went_to: Mapping[str, set[UUID | None]]
) -> Iterator[Violation]:
    """Cards that were bought for a line and are not its own are told as an incident."""
    for attempt in attempts:
        if went_to.get(attempt.reference, set()) - {line.id} and not attempt.incidents:
            yield Violation("parked_untold", f"{attempt.supplier} {attempt.reference}")


def _topup_line(
    line: Line, attempts: Sequence[Attempt], known: Mapping[str, Theirs]
) -> Iterator[Violation]:
    """A top-up reaches its account at most once, or a person was told of it."""
    told = f"{line.sku} {line.id}"
    made = [
        attempt
        for attempt in attempts
        if attempt.reference in known and known[attempt.reference].has_goods
    ]
    untold = [attempt for attempt in made if not attempt.incidents]
    if len(untold) > 1 or (untold and line.status == "REFUNDED"):
        yield Violation("topped_up_twice", told)
    if line.status == "DELIVERED" and line.delivered > 0 and not made:
        taken_back = any("taken_back" in attempt.incidents for attempt in attempts)
        if not taken_back:
            yield Violation("topped_up_never", told)


def _order_of_attempts(ours: Ours) -> Iterator[Violation]:
    """Nothing was bought elsewhere while it was not known what became of the purchase before."""
    for before, attempt in pairwise(ours.attempts):
        known = before.finished_at is not None and before.finished_at <= attempt.opened_at
        # What was rejected and came late ended a second time, and that is told.
        if before.line_id == attempt.line_id and not (known or "came_late" in before.incidents):
            yield Violation("bought_while_unknown", attempt.reference)


def _money_of_buyers(ours: Ours) -> Iterator[Violation]:
    """What a buyer has left is what came in, less the orders, and with what was given back."""
    spent: Counter[UUID] = Counter()
    buyer_of = {order.id: order.buyer_id for order in ours.orders}
    totals: Counter[UUID] = Counter()
    for line in ours.lines:
        price = line.unit_price * line.quantity
        totals[line.order_id] += price
        back = price if line.status == "REFUNDED" else line.refunded
        spent[buyer_of[line.order_id]] += price - back
    for order in ours.orders:
        if totals[order.id] != order.total:
            yield Violation("total_differs", str(order.id))
    for buyer, balance, topped_up in ours.wallets:
        if buyer in spent and balance != topped_up - spent[buyer]:
            yield Violation("wallet_differs", f"{buyer}: {balance}, not {topped_up - spent[buyer]}")


def _money_of_suppliers(ours: Ours) -> Iterator[Violation]:
    """What the ledger owes a supplier is what its purchases cost."""
    costs: Counter[str] = Counter()
    for attempt in ours.attempts:
        if attempt.status == "succeeded":
            costs[attempt.supplier] += attempt.cost or 0
    for supplier, owed in ours.owed:
        if owed != costs[supplier]:
            yield Violation("owed_differs", f"{supplier}: {owed}, not {costs[supplier]}")


def masked(code: str) -> str:
    """A code as it may be told: its last four letters."""
    return f"...{code[-4:]}"
