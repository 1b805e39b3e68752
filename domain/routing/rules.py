"""Pure rules of routing: who is excluded and why, who comes first, when a breaker opens.

Rates and shares are integers in 1/10000, amounts in units of 1/10000 of the currency.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from domain.kernel import SCALE
from domain.routing.models import PolicyKind, PolicyScope
from domain.suppliers import Availability, Candidate, Category, RateLimit

SUPPLIER_FAILURES, OFFER_FAILURES = 5, 3  # in a row, and the breaker opens
FIRST_COOLDOWN, LAST_COOLDOWN = timedelta(seconds=30), timedelta(minutes=10)
PROBE_LEASE = timedelta(seconds=60)  # a probe whose worker died is followed by another
RATE_PENALTY = timedelta(seconds=5)  # a supplier that says "too often" is left alone so long
BALANCE_FRESH = timedelta(minutes=15)  # an older balance excludes nobody
HALF_LIFE = timedelta(hours=6)  # bad experience fades, so that a demoted offer gets its chance
MEMORY = 50  # about so many attempts make an offer's experience
BEST = SCALE
MOST_SHOWN = 50
NEXT_FEW = 5  # offers that a line looks at when it goes on after a rejection


class Exclusion(StrEnum):
    """Why an offer is not asked."""

    DISABLED = "disabled"
    SUPPLIER_PAUSED = "supplier_paused"
    NOT_AVAILABLE = "not_available"  # the supplier's own list says that it is not to be had
    EXCLUSIVE = "exclusive"  # a contract says that it is bought from another supplier
    NOT_AUTHORISED = "not_authorised"
    TRIED = "tried"  # it has surely rejected this line already
    ABOVE_MAX_COST = "above_max_cost"
    SUPPLIER_BREAKER = "supplier_breaker"
    OFFER_BREAKER = "offer_breaker"
    PROBING = "probing"  # one line tries whether it works again
    BALANCE_SHORT = "balance_short"
    QUOTA_FULL = "quota_full"  # as many open attempts as allowed
    PACED = "paced"  # as many calls as allowed


# These end by themselves: a line may wait for them.
PASSING = frozenset(
    {
        Exclusion.SUPPLIER_BREAKER,
        Exclusion.OFFER_BREAKER,
        Exclusion.PROBING,
        Exclusion.BALANCE_SHORT,
        Exclusion.QUOTA_FULL,
        Exclusion.PACED,
    }
)


class Fault(StrEnum):
    """Whose fault an outcome is."""

    NOBODYS = "nobodys"  # the goods came, or the buyer's account was wrong
    OFFERS = "offers"
    SUPPLIERS = "suppliers"
    PACE = "pace"  # ours: we asked too often


_FAULTS = {
    Category.OUT_OF_STOCK: Fault.OFFERS,
    Category.PRICE_EXCEEDED: Fault.OFFERS,
    Category.PRODUCT_GONE: Fault.OFFERS,
    Category.INVALID_ACCOUNT: Fault.NOBODYS,
    Category.RATE_LIMITED: Fault.PACE,
}
# The next purchase would surely fail as well: the breaker opens at once, and somebody is told.
DEMOTING = frozenset({Category.AUTH, Category.INSUFFICIENT_BALANCE})


@dataclass(frozen=True, slots=True)
class Policy:
    """How the offers of a variant are ranked; see `RoutingPolicy`."""

    kind: PolicyKind = PolicyKind.PRIORITY
    scope: PolicyScope = PolicyScope.DEFAULT
    failure_cost_rate: int = 500
    cost_tolerance: int | None = None
    wait_seconds: int = 120
    parts: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """A gate as it was read; see `Gate`."""

    failures: int = 0
    trips: int = 0
    open_until: datetime | None = None
    probe_until: datetime | None = None
    reason: str = ""
    success: int = BEST
    samples: int = 0
    latency_ms: int = 0
    measured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What else of a supplier's gate counts: pace, balance, open attempts."""

    paced_until: datetime | None = None
    balance: int | None = None
    balance_at: datetime | None = None
    health: int = BEST  # the score of the supplier
    demoted: bool = False  # it is asked after all others
    open_attempts: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """One offer with all that is known of it."""

    candidate: Candidate
    supplier: Standing = Standing()
    offer: Standing = Standing()
    account: Account = Account()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a line needs: so many pieces, none dearer than the guard, from none that was tried."""

    quantity: int
    max_unit_cost: int | None = None
    tried: Collection[UUID] = ()


def excluded(route: Route, wanted: Wanted, moment: datetime) -> Exclusion | None:
    """Why an offer is not asked now; None when it may be (rows D2, D7)."""
    return _never(route.candidate, wanted) or _not_now(route, wanted, moment)


def _never(candidate: Candidate, wanted: Wanted) -> Exclusion | None:
    if not candidate.enabled:
        return Exclusion.DISABLED
    if not candidate.active:
        return Exclusion.SUPPLIER_PAUSED
    if candidate.availability is not Availability.ON_SALE:
        return Exclusion.NOT_AVAILABLE
    if candidate.barred:
        return Exclusion.EXCLUSIVE
    if not candidate.authorised:
        return Exclusion.NOT_AUTHORISED
    if candidate.offer_id in wanted.tried:
        return Exclusion.TRIED
    guard = wanted.max_unit_cost
    if guard is not None and candidate.cost + candidate.fee > guard:
        return Exclusion.ABOVE_MAX_COST
    return None


def _not_now(route: Route, wanted: Wanted, moment: datetime) -> Exclusion | None:
    own = breaker(route.supplier, moment)
    if own is not None:
        return Exclusion.PROBING if own == "probing" else Exclusion.SUPPLIER_BREAKER
    of_offer = breaker(route.offer, moment)
    if of_offer is not None:
        return Exclusion.PROBING if of_offer == "probing" else Exclusion.OFFER_BREAKER
    account, candidate = route.account, route.candidate
    if _is_short(account, candidate.cost * wanted.quantity, moment):
        return Exclusion.BALANCE_SHORT
    if candidate.max_open is not None and account.open_attempts >= candidate.max_open:
        return Exclusion.QUOTA_FULL
    if next_slot(account.paced_until, candidate.pace, moment) > moment:
        return Exclusion.PACED
    return None


def _is_short(account: Account, needed: int, moment: datetime) -> bool:
    balance = fresh_balance(account, moment)
    return balance is not None and balance < needed


def fresh_balance(account: Account, moment: datetime) -> int | None:
    """What we have left at a supplier, when it told that lately."""
    if account.balance is None or account.balance_at is None:
        return None
    return account.balance if moment - account.balance_at < BALANCE_FRESH else None


def breaker(standing: Standing, moment: datetime) -> str | None:
    """`open`, or `probing` while one line tries; None when it is closed, or this is the probe."""
    if standing.open_until is None:
        return None
    if moment < standing.open_until:
        return "open"
    if standing.probe_until is not None and moment < standing.probe_until:
        return "probing"
    return None


def is_half_open(standing: Standing, moment: datetime) -> bool:
    """Whether whoever is let through now is the probe."""
    return standing.open_until is not None and standing.open_until <= moment


def is_counted(route: Route, moment: datetime) -> bool:
    """Whether something is taken of a supplier by asking it: a probe, an open attempt, a slot."""
    bounded = route.candidate.max_open is not None or route.candidate.pace is not None
    probe = is_half_open(route.supplier, moment) or is_half_open(route.offer, moment)
    return bounded or probe


def next_slot(paced_until: datetime | None, limit: RateLimit | None, moment: datetime) -> datetime:
    """When the next call may leave. `limit` calls may come at once; then one each interval."""
    if paced_until is None:
        return moment
    if limit is None:  # only a supplier that complained is paced
        return max(moment, paced_until)
    burst = timedelta(seconds=limit.seconds / limit.calls * (limit.calls - 1))
    return max(moment, paced_until - burst)


def paced_after(
    paced_until: datetime | None, limit: RateLimit | None, moment: datetime
) -> datetime | None:
    """The pace once a call has left now."""
    if limit is None:
        return paced_until
    begun = moment if paced_until is None else max(moment, paced_until)
    return begun + timedelta(seconds=limit.seconds / limit.calls)


def fault_of(category: Category) -> Fault:
    """Whose fault a rejection, or a silence, is."""
    return _FAULTS.get(category, Fault.SUPPLIERS)


def after_answer(
    standing: Standing, *, failed: bool, reason: str, most: int, moment: datetime
) -> Standing:
    """The breaker once a submission was answered, or was not.

    An answer to what was sent before the breaker opened neither closes nor prolongs it.
    """
    is_open = standing.open_until is not None and moment < standing.open_until
    if is_open:
        return standing
    if not failed:
        return replace(standing, failures=0, trips=0, open_until=None, probe_until=None, reason="")
    failures = standing.failures + 1
    if failures < most and standing.open_until is None:
        return replace(standing, failures=failures)
    trips = standing.trips + 1
    return replace(
        standing,
        failures=failures,
        trips=trips,
        open_until=moment + cooldown(trips),
        probe_until=None,
        reason=reason,
    )


def cooldown(trips: int) -> timedelta:
    """How long a breaker stays open: longer each time in a row."""
    doubled: timedelta = FIRST_COOLDOWN * 2 ** min(trips - 1, 10)
    return min(LAST_COOLDOWN, doubled)


def measured(
    standing: Standing, *, good: bool, latency: timedelta | None, moment: datetime
) -> Standing:
    """The experience with one more outcome; the newest ones count most (row D11)."""
    before = success_now(standing, moment)
    samples = min(standing.samples + 1, MEMORY)
    weight = max(samples, 5)  # the very first failure says something, and not everything
    success = before + ((BEST if good else 0) - before) // weight
    latency_ms = standing.latency_ms
    if latency is not None:
        took = min(int(latency.total_seconds() * 1000), 2**31 - 1)
        latency_ms = took if not latency_ms else latency_ms + (took - latency_ms) // weight
    return replace(
        standing,
        success=min(BEST, max(0, success)),
        samples=samples,
        latency_ms=latency_ms,
        measured_at=moment,
    )


def success_now(standing: Standing, moment: datetime) -> int:
    """How often it is expected to succeed; what went wrong long ago fades."""
    if standing.measured_at is None:
        return standing.success
    age = max(timedelta(0), moment - standing.measured_at)
    lacking: float = (BEST - standing.success) * 0.5 ** (age / HALF_LIFE)
    return BEST - round(lacking)


def landed_cost(candidate: Candidate, success: int, failure_cost_rate: int) -> int:
    """What one piece costs all in all: price, fee, and the failures to be expected (row D3)."""
    failing = -(-candidate.cost * (BEST - success) * failure_cost_rate // (BEST * SCALE))
    return candidate.cost + candidate.fee + failing


@dataclass(frozen=True, slots=True)
class Ranked:
    """An offer at its place. `score` is how well it fits the policy, 10000 at best."""

    route: Route
    landed: int
    success: int
    score: int


def rank(
    policy: Policy, routes: Sequence[Route], key: UUID | None, moment: datetime
) -> list[Ranked]:
    """All offers, first choice first; always the same for the same line (`key`) and facts."""
    found = []
    for route in routes:
        success = success_now(route.offer, moment)
        landed = landed_cost(route.candidate, success, policy.failure_cost_rate)
        found.append(Ranked(route, landed, success, 0))
    match policy.kind:
        case PolicyKind.PRIORITY:
            found.sort(key=_by_priority)
        case PolicyKind.LOWEST_COST:
            found.sort(key=lambda each: (each.landed, *_second_choice(each)))
        case PolicyKind.BEST_SUCCESS:
            found.sort(key=lambda each: (-(each.success // 100), *_second_choice(each)))
        case PolicyKind.WEIGHTED:
            found.sort(key=lambda each: (_lot(each.route.candidate, key), *_by_priority(each)))
    found.sort(key=lambda each: each.route.account.demoted)  # stable: the order stays within each
    return _scored(policy.kind, found)


def _by_priority(each: Ranked) -> tuple[int, int, int, UUID]:
    of = each.route.candidate
    return (of.offer_priority, of.supplier_priority, of.cost, of.offer_id)


def _second_choice(each: Ranked) -> tuple[int, int, int, int, int, int, UUID]:
    latency = each.route.offer.latency_ms
    return (each.landed, -each.success, latency, *_by_priority(each))


def _lot(candidate: Candidate, key: UUID | None) -> float:
    """A lot of the line for the offer, drawn so that each comes first as often as its weight says;
    the same line draws the same lots in every process."""
    if candidate.weight == 0:
        return math.inf
    seed = (key.bytes if key else b"") + candidate.offer_id.bytes
    drawn = int.from_bytes(blake2b(seed, digest_size=7).digest()) + 1
    return -math.log(drawn / (2**56 + 1)) / candidate.weight


def _scored(kind: PolicyKind, found: list[Ranked]) -> list[Ranked]:
    if not found:
        return found
    weights = sum(each.route.candidate.weight for each in found) or 1
    cheapest = min(each.landed for each in found)
    steps = sorted({_by_priority(each)[:2] for each in found})
    places = {step: place for place, step in enumerate(steps, start=1)}
    scored = []
    for each in found:
        match kind:
            case PolicyKind.PRIORITY:
                score = BEST // places[_by_priority(each)[:2]]
            case PolicyKind.LOWEST_COST:
                score = BEST * cheapest // each.landed
            case PolicyKind.BEST_SUCCESS:
                score = each.success
            case PolicyKind.WEIGHTED:
                score = BEST * each.route.candidate.weight // weights
        scored.append(Ranked(each.route, each.landed, each.success, score))
    return scored


def keep_order(ranked: Sequence[Ranked], before: Mapping[UUID, int]) -> list[Ranked]:
    """The order that the line began with; offers that are new since come behind it."""
    if not before:
        return list(ranked)
    last = len(before)
    return sorted(ranked, key=lambda each: before.get(each.route.candidate.offer_id, last))


def max_cost(line_guard: int, candidate: Candidate, tolerance: int | None) -> int:
    """What the supplier may charge for a piece: the quoted cost and some tolerance, and together
    with the fee never more than the line's guard (row D7, invariant I18)."""
    most = line_guard - candidate.fee
    if tolerance is None:
        return most
    return min(most, candidate.cost + candidate.cost * tolerance // SCALE)


def opens_again(route: Route, why: Exclusion, moment: datetime) -> datetime:
    """When a passing exclusion is worth another look."""
    soon = moment + timedelta(seconds=2)
    moments = {
        Exclusion.SUPPLIER_BREAKER: route.supplier.open_until,
        Exclusion.OFFER_BREAKER: route.offer.open_until,
        Exclusion.PACED: next_slot(route.account.paced_until, route.candidate.pace, moment),
        Exclusion.BALANCE_SHORT: moment + timedelta(seconds=15),
    }
    return max(moments.get(why) or soon, moment + timedelta(milliseconds=200))
