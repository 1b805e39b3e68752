"""The face of our own gift cards."""

from domain.giftcards.events import REDEEMED
from domain.giftcards.expiry import expire_due
from domain.giftcards.giving_back import Owed, owed_on, void_refunded
from domain.giftcards.issuing import Issue, issue
from domain.giftcards.models import (
    Activation,
    Breakage,
    GiftCard,
    GiftCardMove,
    GiftCardProgram,
    GiftCardReason,
    GiftCardRedemption,
    GiftCardStatus,
    GiftCardValue,
)
from domain.giftcards.moves import move_cards
from domain.giftcards.programs import save_program
from domain.giftcards.queries import (
    cards_of_holder,
    list_cards,
    list_programs,
    moves_of,
    programs_by_id,
)
from domain.giftcards.redeeming import Redeemed, redeem, use_once
from domain.giftcards.refusals import (
    GiftCardLocked,
    GiftCardMistyped,
    GiftCardMoveNotAllowed,
    GiftCardNotAccepted,
    GiftCardShort,
    GiftCardUnusable,
    ProgramTermsFixed,
)
from domain.giftcards.rules import ProgramDraft, limits

__all__ = [
    "REDEEMED",
    "Activation",
    "Breakage",
    "GiftCard",
    "GiftCardLocked",
    "GiftCardMistyped",
    "GiftCardMove",
    "GiftCardMoveNotAllowed",
    "GiftCardNotAccepted",
    "GiftCardProgram",
    "GiftCardReason",
    "GiftCardRedemption",
    "GiftCardShort",
    "GiftCardStatus",
    "GiftCardUnusable",
    "GiftCardValue",
    "Issue",
    "Owed",
    "ProgramDraft",
    "ProgramTermsFixed",
    "Redeemed",
    "cards_of_holder",
    "expire_due",
    "issue",
    "limits",
    "list_cards",
    "list_programs",
    "move_cards",
    "moves_of",
    "owed_on",
    "programs_by_id",
    "redeem",
    "save_program",
    "use_once",
    "void_refunded",
]
