"""Pure rules of coupons: which of them apply to a basket, and what comes off which line.

Amounts are integers in units of 1/10000 of the basket's currency. Nothing is lost in rounding: what
comes off is shared out to lines by largest remainder, in whole minor units where the prices are
such, and each piece keeps a price (mission rows J1, J15; invariant I11). Golden cases worked by
hand stand in docs/coupons.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.coupons.models import CampaignKind, DiscountBearer
from domain.kernel import minor_step, share_out

PERCENT_SCALE = 1_000_000  # stands for 100 %
WHOLE = 10_000
MAX_TOGETHER = 3  # campaigns on one order
BEARERS = (DiscountBearer.PLATFORM, DiscountBearer.AGENT, DiscountBearer.SUPPLIER)
MAX_GIVEN = 10  # coupons that a buyer names for one order or quote


class Why(StrEnum):
    """Why a coupon does not apply; a key of the texts."""

    NOT_ACCEPTED = "not_accepted"  # unknown, not the caller's, or of a campaign nobody may use
    USED = "used"
    NOT_RUNNING = "not_running"
    NOT_YET = "not_yet"
    OVER = "over"
    OTHER_SITE = "other_site"
    OTHER_TIER = "other_tier"
    OTHER_CURRENCY = "other_currency"
    NOT_FIRST_ORDER = "not_first_order"
    EXHAUSTED = "exhausted"
    USER_LIMIT = "user_limit"
    DEVICE_LIMIT = "device_limit"
    NOTHING_IN_SCOPE = "nothing_in_scope"
    BELOW_MINIMUM = "below_minimum"
    TOO_FEW = "too_few"
    NOT_TOGETHER = "not_together"
    NOTHING_OFF = "nothing_off"
    PRICE_FLOOR = "price_floor"


@dataclass(frozen=True, slots=True)
class Step:
    """From so much on, so much comes off."""

    least: int
    off: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a campaign says of prices; see `Campaign`."""

    id: UUID
    kind: CampaignKind
    value: int = 0
    cap: int | None = None
    steps: tuple[Step, ...] = ()
    repeats: bool = False
    free_sku: str | None = None
    beside: int = 0
    minimum: int = 0
    group: str | None = None
    priority: int = 100
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the basket, at the price before coupons. `open`: coupons may touch it; money on
    an own gift card is never sold for less, and a gift has no price. A `part` of a bundle is
    called by the bundle's sku, and is no piece that could be free."""

    sku: str
    quantity: int
    unit_price: int
    open: bool = True
    part: bool = False

    @property
    def total(self) -> int:
        """What it costs."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Candidate:
    """A coupon that may apply. `skus` are in its scope; `barred` says why it is out whatever is
    bought; `left` is what its budget still holds; `given` that the buyer asks for it by name."""

    terms: Terms
    skus: frozenset[str]
    barred: Why | None = None
    left: int | None = None
    given: bool = False
    facts: Any = None  # the caller's own


@dataclass(frozen=True, slots=True)
class Applied:
    """A coupon that applies: what comes off in all, and of each line of the basket."""

    candidate: Candidate
    amount: int
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A coupon that does not, and why; `missing` is what more has to be bought."""

    candidate: Candidate
    why: Why
    missing: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a basket's coupons: those that apply, in the order in which they come off."""

    applied: tuple[Applied, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @property
    def total(self) -> int:
        """What comes off in all."""
        return sum(each.amount for each in self.applied)


def apply(candidates: Sequence[Candidate], items: Sequence[Item], currency: str) -> Outcome:
    """Which coupons apply to a basket, and what each takes off which line.

    Those that the buyer names come first, in their order; then automatic ones, the largest saving
    first. Of one group one applies, groups combine, one without a group stands alone, and never
    more than `MAX_TOGETHER`. They come off by priority, each from what the earlier ones have left;
    minimum and steps are of prices before coupons.
    """
    step = _step(items, currency)
    rejected: list[Rejected] = []
    usable: list[tuple[Candidate, int]] = []
    for candidate in candidates:
        off = _off(candidate, items, _totals(items), step)
        if isinstance(off, Rejected):
            rejected.append(off)
        else:
            usable.append((candidate, off))
    named = [candidate for candidate, _ in usable if candidate.given]
    unnamed = [each for each in usable if not each[0].given]
    unnamed.sort(key=lambda each: (-each[1], each[0].terms.priority, each[0].terms.id))
    chosen: list[Candidate] = []
    for candidate in [*named, *(candidate for candidate, _ in unnamed)]:
        if _fits(candidate, chosen):
            chosen.append(candidate)
        else:
            rejected.append(Rejected(candidate, Why.NOT_TOGETHER))
    applied, late = _take(chosen, items, step)
    return Outcome(tuple(applied), (*rejected, *late))


def _take(
    chosen: Sequence[Candidate], items: Sequence[Item], step: int
) -> tuple[list[Applied], list[Rejected]]:
    left = _totals(items)
    applied: list[Applied] = []
    rejected: list[Rejected] = []
    for candidate in sorted(chosen, key=lambda each: (each.terms.priority, each.terms.id)):
        off = _off(candidate, items, left, step)
        if isinstance(off, Rejected):
            rejected.append(off)
            continue
        parts = _shared(candidate, items, left, off, step)
        left = [rest - part for rest, part in zip(left, parts, strict=True)]
        applied.append(Applied(candidate, off, tuple(parts)))
    return applied, rejected


def _fits(candidate: Candidate, chosen: Sequence[Candidate]) -> bool:
    if not chosen:
        return True
    groups = {each.terms.group for each in chosen}
    alone = candidate.terms.group is None or None in groups
    return not alone and candidate.terms.group not in groups and len(chosen) < MAX_TOGETHER


def _off(
    candidate: Candidate, items: Sequence[Item], left: Sequence[int], step: int
) -> int | Rejected:
    """What comes off, of what is `left` of each line; or why nothing does."""
    terms = candidate.terms
    if candidate.barred is not None:
        return Rejected(candidate, candidate.barred)
    scope = [place for place, item in enumerate(items) if item.open and item.sku in candidate.skus]
    if not scope:
        return Rejected(candidate, Why.NOTHING_IN_SCOPE)
    before = sum(items[place].total for place in scope)
    if before < terms.minimum:
        return Rejected(candidate, Why.BELOW_MINIMUM, terms.minimum - before)
    wished = _wished(candidate, items, scope, before, sum(left[place] for place in scope))
    if isinstance(wished, Rejected):
        return wished
    if terms.cap is not None:
        wished = min(wished, terms.cap)
    if candidate.left is not None and wished > candidate.left:
        return Rejected(candidate, Why.EXHAUSTED)
    most = sum(_room(items[place], left[place], step) for place in _touched(candidate, items))
    wished = min(wished, most) // step * step
    return wished if wished > 0 else Rejected(candidate, Why.NOTHING_OFF)


def _wished(
    candidate: Candidate, items: Sequence[Item], scope: Sequence[int], before: int, rest: int
) -> int | Rejected:
    terms = candidate.terms
    if terms.kind is CampaignKind.FIXED:
        return terms.value
    if terms.kind is CampaignKind.PERCENT:
        return rest * terms.value // PERCENT_SCALE
    if terms.kind is CampaignKind.THRESHOLD:
        reached = [each for each in terms.steps if each.least <= before]
        if not reached:
            least = min(each.least for each in terms.steps)
            return Rejected(candidate, Why.BELOW_MINIMUM, least - before)
        best = max(reached, key=lambda each: each.least)
        return best.off * (before // best.least) if terms.repeats else best.off
    return _free(candidate, items, scope)


def _free(candidate: Candidate, items: Sequence[Item], scope: Sequence[int]) -> int | Rejected:
    """The price of one piece: of the named one, else of the cheapest in scope."""
    terms = candidate.terms
    whole = [items[place] for place in scope if not items[place].part]
    pieces = sum(item.quantity for item in whole)
    if terms.free_sku is None:
        if pieces <= terms.beside:
            return Rejected(candidate, Why.TOO_FEW, terms.beside + 1 - pieces)
        return min(item.unit_price for item in whole)
    free = [item for item in items if item.open and not item.part and item.sku == terms.free_sku]
    if not free:
        return Rejected(candidate, Why.TOO_FEW, 1)
    beside = pieces - (1 if terms.free_sku in candidate.skus else 0)
    if beside < terms.beside:
        return Rejected(candidate, Why.TOO_FEW, terms.beside - beside)
    return min(item.unit_price for item in free)


def _touched(candidate: Candidate, items: Sequence[Item]) -> list[int]:
    """The lines that what comes off is shared out to: those in scope, and the free piece's. All of
    them together pay for it, so that each goes back for what was really paid for it."""
    wanted = candidate.skus | ({candidate.terms.free_sku} if candidate.terms.free_sku else set())
    return [place for place, item in enumerate(items) if item.open and item.sku in wanted]


def _shared(
    candidate: Candidate, items: Sequence[Item], left: Sequence[int], off: int, step: int
) -> list[int]:
    touched = _touched(candidate, items)
    rooms = [_room(items[place], left[place], step) // step for place in touched]
    shares = share_out(off // step, [left[place] // step for place in touched])
    if any(share > room for share, room in zip(shares, rooms, strict=True)):
        shares = share_out(off // step, rooms)  # no share of this is above its room
    parts = [0] * len(items)
    for place, share in zip(touched, shares, strict=True):
        parts[place] = share * step
    return parts


def _room(item: Item, left: int, step: int) -> int:
    """What may come off a line at most: each piece keeps one step of its price."""
    return max(0, left - item.quantity * step)


def _totals(items: Sequence[Item]) -> list[int]:
    return [item.total for item in items]


def _step(items: Sequence[Item], currency: str) -> int:
    """A minor unit where all prices are in whole ones, so that what goes back can be charged."""
    step = minor_step(currency)
    return step if all(item.unit_price % step == 0 for item in items if item.open) else 1


@dataclass(frozen=True, slots=True)
class Piece:
    """So many pieces of a line at one price, and what came off them by each coupon in its order."""

    quantity: int
    unit_price: int
    off: tuple[int, ...] = field(default=())

    @property
    def discount(self) -> int:
        """What came off all of these."""
        return sum(self.off)


def pieces_of(item: Item, off: Sequence[int], currency: str) -> list[Piece]:
    """A line once `off` came off it, by coupon: one price for all pieces, or two that differ by one
    step where it does not divide; they sum to the last 1/10000."""
    taken = sum(off)
    if taken == 0:
        return [Piece(item.quantity, item.unit_price, tuple(off))]
    rest = item.total - taken
    minor = minor_step(currency)
    coarse = rest % minor == 0 and item.unit_price % minor == 0 and rest >= item.quantity * minor
    step = minor if coarse else 1
    unit, dearer = divmod(rest // step, item.quantity)
    cheap = item.quantity - dearer
    if dearer == 0:
        return [Piece(item.quantity, unit * step, tuple(off))]
    first = share_out((item.unit_price - unit * step) * cheap, list(off))
    second = [whole - part for whole, part in zip(off, first, strict=True)]
    return [
        Piece(cheap, unit * step, tuple(first)),
        Piece(dearer, (unit + 1) * step, tuple(second)),
    ]


def borne(amount: int, shares: Sequence[int]) -> dict[DiscountBearer, int]:
    """Who pays for what came off, by the shares of platform, agent and supplier; they sum to it."""
    parts = share_out(amount, list(shares))
    return dict(
        zip(
            (DiscountBearer.PLATFORM, DiscountBearer.AGENT, DiscountBearer.SUPPLIER),
            parts,
            strict=True,
        )
    )
