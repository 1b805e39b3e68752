"""What settlement refuses."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class SettlementTooEarly(Refusal):
    """The period is not over, or was over a moment ago: some of it may still be written."""

    code: ClassVar[str] = "SETTLEMENT_TOO_EARLY"
    ready_at: datetime


@dataclass(frozen=True, kw_only=True)
class SettlementOutOfOrder(Refusal):
    """Each run begins where the last one ended, or something would be in none, or in two."""

    code: ClassVar[str] = "SETTLEMENT_OUT_OF_ORDER"
    next_from: datetime


@dataclass(frozen=True, kw_only=True)
class SettlementUnfinished(Refusal):
    """The run before has not written all its statements yet."""

    code: ClassVar[str] = "SETTLEMENT_UNFINISHED"
    period: str


@dataclass(frozen=True, kw_only=True)
class ObjectionNotPossible(Refusal):
    """It is not where this could be done; `reason` is a key of the texts."""

    code: ClassVar[str] = "OBJECTION_NOT_POSSIBLE"
    reason: str
