"""What gift cards refuse. Who does not own a card hears one answer, whatever is wrong with it."""

from dataclasses import dataclass
from typing import ClassVar

from domain.giftcards.models import GiftCardStatus
from domain.kernel import Refusal


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
