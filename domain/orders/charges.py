"""What a buyer pays for, and what the shop bears for them: nothing is added behind a price (E7)."""

from dataclasses import dataclass
from enum import StrEnum


class ChargeKind(StrEnum):
    """What is charged for."""

    GOODS = "GOODS"
    PAYMENT_FEE = "PAYMENT_FEE"  # for paying by a channel


class Bearer(StrEnum):
    """Who bears it."""

    BUYER = "BUYER"
    SHOP = "SHOP"


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge, in units of 1/10000; of what the shop bears, nothing is the buyer's."""

    kind: ChargeKind
    amount: int
    bearer: Bearer


def charges_of(total: int) -> list[Charge]:
    """The charges of a purchase. What the buyer bears sums to `total`."""
    return [
        Charge(ChargeKind.GOODS, total, Bearer.BUYER),
        Charge(ChargeKind.PAYMENT_FEE, 0, Bearer.SHOP),
    ]
