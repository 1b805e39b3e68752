"""What the card store refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class CardFileInvalid(Refusal):
    """A card file that cannot be read as a whole; nothing of it was stored. No code is shown."""

    code: ClassVar[str] = "CARD_FILE_INVALID"
    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class CardSealBroken(Refusal):
    """A sealed code was altered, moved, cut or replayed: it is not shown, and this is audited."""

    code: ClassVar[str] = "CARD_SEAL_BROKEN"


@dataclass(frozen=True, kw_only=True)
class CardMoveNotAllowed(Refusal):
    """The table of moves does not list it: the card stays where it is."""

    code: ClassVar[str] = "CARD_MOVE_NOT_ALLOWED"
    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class CardBatchFrozen(Refusal):
    """The batch is under suspicion; an operator unfreezes it first."""

    code: ClassVar[str] = "CARD_BATCH_FROZEN"
    why: str


@dataclass(frozen=True, kw_only=True)
class CardChecksOpen(Refusal):
    """Cards of the batch were picked for a check that nobody has judged yet."""

    code: ClassVar[str] = "CARD_CHECKS_OPEN"
    number: int


@dataclass(frozen=True, kw_only=True)
class CardsShort(Refusal):
    """Fewer cards than asked for can be held."""

    code: ClassVar[str] = "CARDS_SHORT"
    requested: int
    available: int


@dataclass(frozen=True, kw_only=True)
class HoldLimitReached(Refusal):
    """The buyer holds too many unpaid cards of this variant already."""

    code: ClassVar[str] = "HOLD_LIMIT_REACHED"
    limit: int
    held: int


@dataclass(frozen=True, kw_only=True)
class AddressHoldLimitReached(Refusal):
    """Too many unpaid cards are held from the caller's network address, by whomever.

    `retry_after`: seconds until the first of them are free again, if nobody pays them.
    """

    code: ClassVar[str] = "ADDRESS_HOLD_LIMIT_REACHED"
    retryable: ClassVar[bool] = True
    limit: int
    retry_after: int


@dataclass(frozen=True, kw_only=True)
class HoldOver(Refusal):
    """The reservation has ended, or some of its cards were frozen: they are held no more."""

    code: ClassVar[str] = "HOLD_OVER"
