"""The face of our own gift cards."""

from domain.giftcards.issuing import Issue, issue
from domain.giftcards.models import (
    Activation,
    Breakage,
    GiftCard,
    GiftCardMove,
    GiftCardProgram,
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
from domain.giftcards.refusals import GiftCardMoveNotAllowed, ProgramTermsFixed
from domain.giftcards.rules import ProgramDraft, limits

__all__ = [
    "Activation",
    "Breakage",
    "GiftCard",
    "GiftCardMove",
    "GiftCardMoveNotAllowed",
    "GiftCardProgram",
    "GiftCardStatus",
    "GiftCardValue",
    "Issue",
    "ProgramDraft",
    "ProgramTermsFixed",
    "cards_of_holder",
    "issue",
    "limits",
    "list_cards",
    "list_programs",
    "move_cards",
    "moves_of",
    "programs_by_id",
    "save_program",
]
