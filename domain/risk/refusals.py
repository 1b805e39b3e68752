"""Why an order is refused by a rule, or a case cannot be decided. Nothing has changed then."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class OrderBlocked(Refusal):
    """A rule refused the order. Which one is for the operators' eyes."""

    code: ClassVar[str] = "ORDER_BLOCKED"


@dataclass(frozen=True, kw_only=True)
class RiskCaseDecided(Refusal):
    """Somebody has released or rejected the order already."""

    code: ClassVar[str] = "RISK_CASE_DECIDED"
    state: str


@dataclass(frozen=True, kw_only=True)
class RiskCaseTaken(Refusal):
    """Another reviewer is at it; after half an hour anybody may go on."""

    code: ClassVar[str] = "RISK_CASE_TAKEN"
    retryable: ClassVar[bool] = True
