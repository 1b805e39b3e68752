"""What after-sale refuses. Nothing has changed then."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class CardNotDisputable(Refusal):
    """A card that no case can be opened for; `reason` is a key of the texts."""

    code: ClassVar[str] = "CARD_NOT_DISPUTABLE"
    card: str  # masked
    reason: str


@dataclass(frozen=True, kw_only=True)
class DisputeTooLate(Refusal):
    """The time to complain about a card, or to appeal, is over."""

    code: ClassVar[str] = "DISPUTE_TOO_LATE"
    ended_at: datetime


@dataclass(frozen=True, kw_only=True)
class DisputeMoveNotAllowed(Refusal):
    """The table of moves does not list it: the case stays where it is."""

    code: ClassVar[str] = "DISPUTE_MOVE_NOT_ALLOWED"
    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class DisputeSameJudge(Refusal):
    """Whoever rejected a case does not decide on its appeal."""

    code: ClassVar[str] = "DISPUTE_SAME_JUDGE"


@dataclass(frozen=True, kw_only=True)
class ReplacementShort(Refusal):
    """No card to replace it with is on the shelf."""

    code: ClassVar[str] = "REPLACEMENT_SHORT"
    sku: str


@dataclass(frozen=True, kw_only=True)
class NotReplaceable(Refusal):
    """Goods that are not taken from a shelf of cards."""

    code: ClassVar[str] = "NOT_REPLACEABLE"
    sku: str


@dataclass(frozen=True, kw_only=True)
class ClaimSettled(Refusal):
    """What the supplier owed for this card is settled already."""

    code: ClassVar[str] = "CLAIM_SETTLED"
    state: str
