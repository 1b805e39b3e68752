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
class LineNotDisputable(Refusal):
    """A line that no case can be opened for, or decided so; `reason` is a key of the texts."""

    code: ClassVar[str] = "LINE_NOT_DISPUTABLE"
    sku: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class NotSurelyUndelivered(Refusal):
    """Nothing proves that goods did not arrive, so they are not delivered twice."""

    code: ClassVar[str] = "NOT_SURELY_UNDELIVERED"
    sku: str


@dataclass(frozen=True, kw_only=True)
class DisputeTooLate(Refusal):
    """The time to complain about goods, or to appeal, is over."""

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
class ReplacementOrdered(Refusal):
    """A replacement is on its way from a supplier: nothing else is decided until it is known."""

    code: ClassVar[str] = "REPLACEMENT_ORDERED"


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


@dataclass(frozen=True, kw_only=True)
class EvidenceNotTaken(Refusal):
    """A file that is not kept; `reason` is a key of the texts."""

    code: ClassVar[str] = "EVIDENCE_NOT_TAKEN"
    reason: str


@dataclass(frozen=True, kw_only=True)
class EvidenceDoorClosed(Refusal):
    """A ticket for a file that is wrong, too old, or was used."""

    code: ClassVar[str] = "EVIDENCE_DOOR_CLOSED"
