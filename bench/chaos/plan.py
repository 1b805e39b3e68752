"""What a run does, drawn from its seed: purchases, faults, kills. The same seed, the same plan.

Only the plan is the seed's. How processes and messages fall between it is the machine's.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from adapters.sandbox.faults import LIST_FAULTS, Fault
from bench.chaos.vendors import ORDER_FAULTS, VENDORS

CARD_VARIANTS, TOPUP_VARIANTS, OFFERS_EACH = 8, 6, 4
BUYERS = 8
WORKERS, SCHEDULERS = 3, 2
SHORT = 300  # fewer orders are sold by fewer processes
FOLLOWED = tuple(vendor.code for vendor in VENDORS)
# Where a process dies: each stands at a boundary of a commit.
CRASHES = {
    "worker": (
        "fulfilment.attempt_committed",
        "fulfilment.supplier_answered",
        "fulfilment.outcome_committed",
        "fulfilment.part_written",
        "fulfilment.ready_sold",
    ),
    "scheduler": ("relay.sent", "relay.marked"),
    "web": (
        "checkout.before_commit",
        "checkout.after_commit",
        "callbacks.stored",
        "callbacks.judged",
    ),
}
QUIET_END = 0.9  # from here on no fault is switched on but those that have never fired
_KILLS = {  # one kill, and one death at a point, in so many orders; and one more of each
    "worker": (120, 120),
    "scheduler": (500, 500),
    "web": (1_000, 500),
    "simulator": (700, 0),
}
MORE = 200  # purchases beyond the wanted ones, while a fault has never fired


class Do(StrEnum):
    """What is done to the installation."""

    FAULT = "fault"
    CLEAR = "clear"
    KILL = "kill"
    CRASH = "crash"  # killed, and started so that it dies at a point of its own
    CUT_VALKEY = "cut_valkey"
    FLUSH_VALKEY = "flush_valkey"


@dataclass(frozen=True)
class Deed:
    """One deed, done before the order of this number is placed."""

    at: int
    do: Do
    program: str = ""
    point: str = ""
    supplier: str = ""
    fault: Fault | None = None
    times: int = 1
    probability: float = 1.0
    hold_seconds: float | None = None


@dataclass(frozen=True)
class Purchase:
    """One order: who buys, and how many of which SKU. Its number makes the idempotency key."""

    number: int
    buyer: int
    lines: tuple[tuple[str, int], ...]
    phone: str


@dataclass(frozen=True)
class Offered:
    """One offer of a variant: whose, under which number, and at what price (units of 1/10000)."""

    sku: str
    supplier: str
    number: int
    price: int
    priority: int
    weight: int


@dataclass(frozen=True)
class Plan:
    """All of it."""

    seed: int
    orders: int
    offers: tuple[Offered, ...]
    purchases: tuple[Purchase, ...]  # the wanted ones, and more
    deeds: tuple[Deed, ...]


def drawn(seed: int, orders: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(f"kameng chaos {seed} {orders}")
    return Plan(
        seed,
        orders,
        tuple(_offers(chance)),
        tuple(_purchase(chance, number) for number in range(orders + MORE)),
        tuple(sorted(_deeds(chance, orders), key=lambda each: each.at)),
    )


def processes_of(orders: int) -> dict[str, int]:
    """How many processes of each kind a run of so many orders has."""
    long = orders > SHORT
    return {
        "simulator": 1,
        "web": 1,
        "worker": WORKERS if long else WORKERS - 1,
        "scheduler": SCHEDULERS if long else SCHEDULERS - 1,
    }


def sku_of(number: int, *, cards: bool) -> str:
    """The SKU of a variant of the run."""
    return f"CHAOS-{'CARD' if cards else 'TOPUP'}-{number}"


def _offers(chance: random.Random) -> list[Offered]:
    found = []
    for cards, variants in ((True, CARD_VARIANTS), (False, TOPUP_VARIANTS)):
        sellers = [vendor for vendor in VENDORS if vendor.sells_cards is cards]
        for variant in range(variants):
            for vendor in chance.sample(sellers, OFFERS_EACH):
                price = chance.randrange(800, 900) * 1_000  # 80 to 90
                if vendor.rate != "1":
                    price = chance.randrange(1_130, 1_270) * 100  # 11.30 to 12.70 of its own
                sku = sku_of(variant, cards=cards)
                priority, weight = chance.choice((10, 20, 30)), chance.choice((50, 100, 200))
                offer = Offered(sku, vendor.code, variant, price, priority, weight)
                found.append(offer)
    return found


def _purchase(chance: random.Random, number: int) -> Purchase:
    lines: dict[str, int] = {}
    for _ in range(chance.choice((1, 1, 1, 2))):
        cards = chance.random() < 0.6
        variant = chance.randrange(CARD_VARIANTS if cards else TOPUP_VARIANTS)
        quantity = chance.choice((1, 1, 2, 3, 4)) if cards else chance.choice((1, 1, 1, 2))
        lines[sku_of(variant, cards=cards)] = quantity
    phone = f"+86138{chance.randrange(10**7):07d}9"
    return Purchase(number, chance.randrange(BUYERS), tuple(lines.items()), phone)


def _deeds(chance: random.Random, orders: int) -> list[Deed]:
    end = int(orders * QUIET_END)

    def moment(first: float = 0.02, last: float = 1.0) -> int:
        return chance.randrange(int(end * first), max(int(end * first) + 1, int(end * last)))

    deeds = [_fault(chance, fault, moment()) for fault in _armed(chance, orders)]
    deeds += [
        Deed(moment(), Do.FAULT, supplier=chance.choice(FOLLOWED), fault=fault)
        for fault in sorted(LIST_FAULTS)
        for _ in range(2 + orders // 200)
    ]
    deeds += [
        Deed(moment(), Do.CLEAR, supplier=chance.choice(FOLLOWED)) for _ in range(orders // 100)
    ]
    for kind, processes in processes_of(orders).items():
        kills, crashes = _KILLS[kind]
        killed = 1 + orders // kills
        armed = 1 + orders // crashes if crashes else 0
        deeds += _kills(chance, kind, processes, killed, armed, moment)
    deeds += [Deed(moment(0.3, 0.8), do) for do in (Do.CUT_VALKEY, Do.FLUSH_VALKEY)]
    return deeds


def _armed(chance: random.Random, orders: int) -> list[Fault]:
    """Each fault of orders as often as any other."""
    found: list[Fault] = []
    while len(found) < max(len(ORDER_FAULTS), orders // 4):
        found += chance.sample(ORDER_FAULTS, len(ORDER_FAULTS))
    return found


def _fault(chance: random.Random, fault: Fault, at: int) -> Deed:
    vendor = chance.choice([each for each in VENDORS if each.fits(fault)])
    times, probability = chance.choice((1, 1, 2, 3)), chance.choice((1.0, 0.7, 0.4))
    pause = chance.choice((0.4, 1.0, 3.0)) if fault is Fault.SLOW else None
    return Deed(
        at,
        Do.FAULT,
        supplier=vendor.code,
        fault=fault,
        times=times,
        probability=probability,
        hold_seconds=pause,
    )


def _kills(
    chance: random.Random,
    kind: str,
    processes: int,
    kills: int,
    crashes: int,
    moment: Callable[[], int],
) -> list[Deed]:
    names = [f"{kind}-{number}" for number in range(1, processes + 1)]
    deeds = [Deed(moment(), Do.KILL, program=chance.choice(names)) for _ in range(kills)]
    points = CRASHES.get(kind, ())
    for number in range(crashes):
        point = points[(number + chance.randrange(len(points))) % len(points)]
        deeds.append(Deed(moment(), Do.CRASH, program=chance.choice(names), point=point))
    return deeds
