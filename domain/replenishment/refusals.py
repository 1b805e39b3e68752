"""Why a proposal cannot be made or approved."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class NothingToBuy(Refusal):
    """No offer may be bought from within budget, balance and price; `why` says what is missing."""

    code: ClassVar[str] = "NOTHING_TO_BUY"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ProposalRunning(Refusal):
    """Another proposal for the variant is not over yet."""

    code: ClassVar[str] = "PROPOSAL_RUNNING"
    sku: str


@dataclass(frozen=True, kw_only=True)
class ProposalOver(Refusal):
    """It was approved, declined or has expired."""

    code: ClassVar[str] = "PROPOSAL_OVER"
    state: str


@dataclass(frozen=True, kw_only=True)
class OtherEyesNeeded(Refusal):
    """Whoever proposed or approved it already cannot approve it (again)."""

    code: ClassVar[str] = "OTHER_EYES_NEEDED"
