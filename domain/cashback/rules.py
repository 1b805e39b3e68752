"""Pure rules of cashback: how much, and how much of it goes back (mission row H11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.kernel import plain
from domain.priceguard import Margin

WHOLE = 10_000
MAX_RATE, MAX_HOLD_DAYS, MAX_CAP = 5_000, 90, 10**12


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a line the buyer keeps; amounts in units of 1/10000, all pieces together.

    `shares` is what agents have of it. `price` is of all pieces, of which `refunded` went back;
    `cost` is of the `pieces` that are left. `reserved` is what bonus plans of that time may take of
    the margin, in 1/10000: what a sale brought is given away once.
    """

    price: int
    refunded: int
    cost: int
    shares: int
    pieces: int
    margin: Margin
    reserved: int = 0

    @property
    def paid(self) -> int:
        """What is left of the price."""
        return self.price - self.refunded

    @property
    def room(self) -> int:
        """What is left of it above the floor (cost and least margin) and the agents' shares, but
        for what is reserved of that."""
        above = self.paid - self.margin.floor(self.cost, self.pieces) - self.shares
        return max(0, above) * max(0, WHOLE - self.reserved) // WHOLE


def cashback_of(terms: Mapping[str, Any], kept: Kept) -> int:
    """What a rule gives for a line, rounded down: never above its cap, nor into the floor."""
    if kept.pieces <= 0:
        return 0
    if terms["rate"] is not None:
        wished = kept.paid * terms["rate"] // WHOLE
    else:
        wished = terms["fixed"] * kept.pieces
    return int(max(0, min(wished, terms["cap"], kept.room, kept.paid)))


def still_back(amount: int, taken: int, returned: int, basis: int) -> int:
    """What of a cashback is to go back once `returned` of its `basis` went back, of which `taken`
    did before. All of it in the end, and never more, in however many parts."""
    return max(0, amount * min(returned, basis) // basis - taken) if basis else 0


def explain(terms: Mapping[str, Any], language: str) -> str:
    """How it comes about, in English or Chinese."""
    cap = plain(terms["cap"])
    if terms["rate"] is not None:
        rate = f"{terms['rate'] // 100}.{terms['rate'] % 100:02d}".rstrip("0").rstrip(".")
        english = f"{rate} % of what you paid and kept, at most {cap}"
        chinese = f"实付且未退款金额的 {rate}%，最多 {cap}"
    else:
        each = plain(terms["fixed"])
        english = f"{each} for each piece that you kept, at most {cap}"
        chinese = f"未退款的每件 {each}，最多 {cap}"
    return chinese if language == "zh" else english
