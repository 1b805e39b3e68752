"""What gift cards refuse. Who does not own a card hears one answer, whatever is wrong with it."""

from dataclasses import dataclass
from typing import ClassVar

from domain.giftcards.models import GiftCardReason, GiftCardStatus
from domain.giftcards.rules import CounterFault
from domain.kernel import Money, Refusal


@dataclass(frozen=True, kw_only=True)
class ProgramTermsFixed(Refusal):
    """Cards of the program were issued: their terms are a promise and stay; names may change."""

    code: ClassVar[str] = "GIFT_CARD_TERMS_FIXED"


@dataclass(frozen=True, kw_only=True)
class GiftCardMoveNotAllowed(Refusal):
    """A card does not go from where it stands to where it should; `number` names it."""

    code: ClassVar[str] = "GIFT_CARD_MOVE_NOT_ALLOWED"
    number: str
    source: GiftCardStatus
    target: GiftCardStatus


@dataclass(frozen=True, kw_only=True)
class GiftCardMistyped(Refusal):
    """The check letter does not fit, or it is no code at all: told before anything is looked up."""

    code: ClassVar[str] = "GIFT_CARD_MISTYPED"


@dataclass(frozen=True, kw_only=True)
class GiftCardNotAccepted(Refusal):
    """The one answer for who does not own the card: there is none, or it is not good now."""

    code: ClassVar[str] = "GIFT_CARD_NOT_ACCEPTED"


@dataclass(frozen=True, kw_only=True)
class GiftCardUnusable(Refusal):
    """The real reason (mission row K5), for the buyer of the card and for staff only."""

    code: ClassVar[str] = "GIFT_CARD_UNUSABLE"
    number: str
    why: GiftCardReason
    reason: str  # the same, as a key of the texts


@dataclass(frozen=True, kw_only=True)
class GiftCardShort(Refusal):
    """A good card that holds less than was asked for."""

    code: ClassVar[str] = "GIFT_CARD_BALANCE_INSUFFICIENT"
    requested: Money
    available: Money


@dataclass(frozen=True, kw_only=True)
class GiftCardLocked(Refusal):
    """Too many tries that came to nothing; it is not told whose were counted."""

    code: ClassVar[str] = "GIFT_CARD_LOCKED"
    retryable: ClassVar[bool] = True
    minutes: int


@dataclass(frozen=True, kw_only=True)
class GiftCardNotForCounter(Refusal):
    """A card that no counter sells: not printed, sold, held, frozen or void; `number` names it."""

    code: ClassVar[str] = "GIFT_CARD_NOT_FOR_COUNTER"
    number: str
    why: CounterFault
    reason: str  # the same, as a key of the texts
