"""Pure rules of buying for stock (rows D4, D5, D10). Amounts in units of 1/10000, rates too.

Nothing here reads a clock or a database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isqrt
from uuid import UUID

SCALE = 10_000
WEEK, MONTH = 7, 28
SURE = 16_500  # so many standard deviations of a day's sales are kept against bad luck: 1.65
A_SHARE, B_SHARE = 8_000, 9_500


class AbcClass(StrEnum):
    """How much of all sales a variant makes: A four fifths in all, B most of the rest, C little."""

    A = "a"
    B = "b"
    C = "c"


# How many days' sales are bought at once: what sells is not out, the rest ties up little.
COVER_DAYS = {AbcClass.A: 14, AbcClass.B: 7, AbcClass.C: 3}


@dataclass(frozen=True, slots=True)
class Position:
    """What there is of a variant, what is under way, and what was sold on each of the last days,
    the newest one last."""

    available: int
    on_order: int
    daily: Sequence[int]
    safety_stock: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a purchase takes to come, and for how long it should last afterwards."""

    lead_days: int
    cover_days: int


@dataclass(frozen=True, slots=True)
class Need:
    """How many pieces are to be bought, and from what that follows. `per_day` in 1/10000."""

    quantity: int
    per_day: int
    safety: int
    reorder_point: int
    target: int


def need_of(position: Position, plan: Plan) -> Need:
    """Buy up to the target once what is there and under way is at the reorder point or below the
    safety stock; before that nothing."""
    pace, swing = per_day(position.daily), spread(position.daily)
    chance = _up(SURE * swing * isqrt(plan.lead_days * SCALE**2), SCALE**3)
    safety = max(position.safety_stock, chance)
    reorder = _up(pace * plan.lead_days, SCALE) + safety
    target = _up(pace * (plan.lead_days + plan.cover_days), SCALE) + safety
    have = position.available + position.on_order
    low = have < position.safety_stock or (pace > 0 and have <= reorder)
    return Need(max(0, target - have) if low else 0, pace, safety, reorder, target)


def per_day(daily: Sequence[int]) -> int:
    """How many pieces a day is to be expected, in 1/10000: the last week and the last four weeks
    count the same, so that the plan follows a change within days and no single day."""
    week, month = daily[-WEEK:], daily[-MONTH:]
    of_week = sum(week) * SCALE // WEEK
    of_month = sum(month) * SCALE // MONTH
    return (of_week + of_month + 1) // 2


def spread(daily: Sequence[int]) -> int:
    """How much days differ: the standard deviation of the last four weeks, in 1/10000."""
    month = [0] * (MONTH - len(daily[-MONTH:])) + list(daily[-MONTH:])
    total, squares = sum(month), sum(each * each for each in month)
    return isqrt((squares * MONTH - total * total) * SCALE**2 // MONTH**2)


def classes(revenues: Mapping[UUID, int]) -> dict[UUID, AbcClass]:
    """The class of each variant by its share in what all of them bring in."""
    total, before = sum(revenues.values()), 0
    found: dict[UUID, AbcClass] = {}
    for variant_id, revenue in sorted(revenues.items(), key=lambda one: (-one[1], one[0])):
        share = before * SCALE // total if total else SCALE
        if revenue <= 0:
            found[variant_id] = AbcClass.C
        elif share < A_SHARE:
            found[variant_id] = AbcClass.A
        else:
            found[variant_id] = AbcClass.B if share < B_SHARE else AbcClass.C
        before += revenue
    return found


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a purchase must keep within. None: unknown, which bounds nothing; never of `budget`."""

    budget: int
    balance: int | None = None
    approved: int | None = None  # what is left of the approved amount
    least: int = 1
    most: int = 100_000


def affordable(quantity: int, unit_cost: int, bounds: Bounds) -> int:
    """How many of the wanted pieces can be bought within all bounds (row D4); 0 when not even the
    least quantity can. Never more than wanted, but for the least that is sold at once."""
    money = [bounds.budget, bounds.balance, bounds.approved]
    can = min(max(0, each) // unit_cost for each in money if each is not None)
    found = min(max(quantity, bounds.least), bounds.most, can)
    return found if found >= bounds.least and quantity > 0 else 0


def limited_by(quantity: int, found: int, unit_cost: int, bounds: Bounds) -> str | None:
    """Which bound made it fewer than wanted."""
    if found >= quantity:
        return None
    named = {"budget": bounds.budget, "balance": bounds.balance, "approved": bounds.approved}
    can = {name: max(0, each) // unit_cost for name, each in named.items() if each is not None}
    tightest = min(can, key=lambda name: can[name])
    return tightest if can[tightest] < min(quantity, bounds.most) else "max_quantity"


def approvals_needed(amount: int, *, auto: bool, auto_limit: int, two_from: int) -> int:
    """How many operators must approve: none of what is bought by itself, two of what is large."""
    if auto and amount <= auto_limit and amount < two_from:
        return 0
    return 2 if amount >= two_from else 1


def turnover(cost_of_sales: int, opening: int, closing: int) -> int | None:
    """How often the average stock was sold in a time, in 1/10000; None without any stock."""
    average = (max(0, opening) + max(0, closing)) // 2
    return cost_of_sales * SCALE // average if average else None


def _up(value: int, by: int) -> int:
    return -(-value // by)
