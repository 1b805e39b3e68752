"""What the ledger refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Money, Refusal


@dataclass(frozen=True, kw_only=True)
class BalanceShort(Refusal):
    """The wallet holds less than is needed."""

    code: ClassVar[str] = "BALANCE_INSUFFICIENT"
    required: Money
    available: Money
