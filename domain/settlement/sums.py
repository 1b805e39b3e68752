"""What statements sum to: the same words for one of them and for all of a run."""

from dataclasses import dataclass, field
from typing import Any

from domain.kernel import Money
from domain.settlement.statements import AMOUNTS


@dataclass(frozen=True, slots=True)
class Balances:
    """What there is of commission at one moment."""

    pending: Money
    available: Money
    owed: Money


@dataclass(slots=True)
class Sums:
    """Amounts by the names of the columns of statements, in units of 1/10000."""

    currency: str
    amounts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(AMOUNTS, 0))

    def money(self, name: str) -> Money:
        """One of the amounts."""
        return Money(self.amounts[name], self.currency)

    @property
    def opening(self) -> Balances:
        """Before."""
        return self._balances("opening")

    @property
    def closing(self) -> Balances:
        """After."""
        return self._balances("closing")

    @property
    def earned(self) -> Money:
        """By sales."""
        return self.money("earned")

    @property
    def clawed_back(self) -> Money:
        """By refunds, wherever it was."""
        names = ("clawed_pending", "clawed_available", "clawed_owed")
        return Money(sum(self.amounts[name] for name in names), self.currency)

    @property
    def released(self) -> Money:
        """From pending to available, or to what was owed."""
        return self.money("released")

    @property
    def repaid(self) -> Money:
        """Of what came in, what made up for what was owed."""
        return self.money("repaid")

    @property
    def to_wallet(self) -> Money:
        """Moved, to buy with."""
        return self.money("to_wallet")

    @property
    def withdrawn(self) -> Money:
        """Taken for payouts."""
        return self.money("withdrawn")

    @property
    def given_back(self) -> Money:
        """Of payouts that were given up, failed or returned."""
        return self.money("given_back")

    def _balances(self, side: str) -> Balances:
        names = (f"{side}_{name}" for name in ("pending", "available", "owed"))
        return Balances(*(self.money(name) for name in names))


@dataclass(slots=True)
class Totals(Sums):
    """The sums of many statements."""

    statements: int = 0
    lines: int = 0

    def add(self, row: Any) -> None:
        """Some more of them."""
        self.statements += row["statements"]
        self.lines += row["lines"]
        for name in AMOUNTS:
            self.amounts[name] += row[name]
