"""What commissions refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Money, Refusal


@dataclass(frozen=True, kw_only=True)
class CommissionShort(Refusal):
    """Less commission is available than is to be taken out."""

    code: ClassVar[str] = "COMMISSION_SHORT"
    required: Money
    available: Money
