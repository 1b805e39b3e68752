"""What tiers refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class TierPinNotPossible(Refusal):
    """The agent is not active, is pinned already, or is not; `reason` is a key of the texts."""

    code: ClassVar[str] = "TIER_PIN_NOT_POSSIBLE"
    reason: str
