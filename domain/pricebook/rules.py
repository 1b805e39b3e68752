"""Pure rules of the price book. Amounts in units of 1/10000, rates in 1/10000."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.kernel import Money
from domain.pricing import TIERS

WHOLE = 10_000
MAX_NOTE_LETTERS = 200
MAX_STEPS = 10
MAX_PIECES = 1_000_000
MAX_VOLUME = 10**15


@dataclass(frozen=True, slots=True)
class Step:
    """From so many pieces on, one costs `units`."""

    from_quantity: int
    units: int


@dataclass(frozen=True, slots=True)
class LadderStep:
    """The same with its currency, as it is shown."""

    from_quantity: int
    price: Money


def reduced(units: int, off_rate: int) -> int:
    """A price with so much of it off; what does not come out even goes up."""
    return -(-units * (WHOLE - off_rate) // WHOLE)


def own_by_list(prices: Mapping[str, int], agents: Sequence[tuple[str, bool]]) -> list[int | None]:
    """The own price of each agent, told by its tier and whether it is a promoter, where nobody has
    prices, ladders or volumes of their own: the least of its tier's price and the dearer ones."""
    reach = [1 if leaf else TIERS.index(tier) + 1 for tier, leaf in agents]
    return [min((prices[t] for t in TIERS[:end] if t in prices), default=None) for end in reach]


def paid_up(own: Sequence[int | None]) -> tuple[int | None, ...]:
    """What agents of one line pay, nearest first, by the own price of each (mission row E2).

    Each pays the highest of its own price and those above, so that nobody pays less than whom it
    stands below. None where there is no price at all.
    """
    found: list[int | None] = []
    highest: int | None = None
    for price in reversed(own):
        known = [each for each in (price, highest) if each is not None]
        highest = max(known) if known else None
        found.append(highest)
    return tuple(reversed(found))


def step_fault(steps: Sequence[Step], listed: int) -> tuple[int, str, str] | None:
    """What is wrong with a ladder beside the list price for one piece: which step, the reason, the
    field. Quantities rise from 2 on, and each price is lower than the one before."""
    quantity, price = 1, listed
    for place, step in enumerate(steps):
        if place >= MAX_STEPS:
            return place, "price_steps_many", "fromQuantity"
        if not quantity < step.from_quantity <= MAX_PIECES:
            return place, "price_steps_rise", "fromQuantity"
        if not 0 < step.units < price:
            return place, "price_steps_fall", "price"
        quantity, price = step.from_quantity, step.units
    return None


def price_at(steps: Sequence[Step], listed: int, quantity: int) -> int:
    """What one costs when so many are bought at once: never more than the list price."""
    reached = [step.units for step in steps if step.from_quantity <= quantity]
    return min([listed, *reached])


@dataclass(frozen=True, slots=True)
class VolumeStep:
    """From so much turned over in a month, in units, so much is off."""

    from_volume: int
    off_rate: int


def volume_fault(steps: Sequence[VolumeStep]) -> tuple[int, str, str] | None:
    """What is wrong with a ladder of volumes: which step, the reason, the field. Volumes and rates
    rise from step to step."""
    volume, rate = 0, 0
    for place, step in enumerate(steps):
        if place >= MAX_STEPS:
            return place, "price_steps_many", "fromVolume"
        if not volume < step.from_volume <= MAX_VOLUME:
            return place, "volume_steps_rise", "fromVolume"
        if not rate < step.off_rate < WHOLE:
            return place, "volume_rates_rise", "offRate"
        volume, rate = step.from_volume, step.off_rate
    return None


def rate_at(steps: Sequence[VolumeStep], volume: int) -> int:
    """What is off for so much turned over."""
    return max((step.off_rate for step in steps if step.from_volume <= volume), default=0)
