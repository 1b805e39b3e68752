"""The face of our own gift cards."""

from domain.giftcards.counter import (
    CardsAtCounter,
    CounterWish,
    activate_sold,
    lock_for_counter,
    note_counter_sale,
    sold_to_walk_in,
)
from domain.giftcards.events import REDEEMED
from domain.giftcards.expiry import expire_due
from domain.giftcards.giving_back import Owed, owed_on, void_refunded
from domain.giftcards.issuing import Issue, issue
from domain.giftcards.models import (
    Activation,
    Breakage,
    CounterPayment,
    CounterSale,
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
    GiftCardNotForCounter,
    GiftCardShort,
    GiftCardUnusable,
    ProgramTermsFixed,
)
from domain.giftcards.rules import CounterFault, ProgramDraft, limits

__all__ = [
    "REDEEMED",
    "Activation",
    "Breakage",
    "CardsAtCounter",
    "CounterFault",
    "CounterPayment",
    "CounterSale",
    "CounterWish",
    "GiftCard",
    "GiftCardLocked",
    "GiftCardMistyped",
    "GiftCardMove",
    "GiftCardMoveNotAllowed",
    "GiftCardNotAccepted",
    "GiftCardNotForCounter",
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
    "activate_sold",
    "cards_of_holder",
    "expire_due",
    "issue",
    "limits",
    "list_cards",
    "list_programs",
    "lock_for_counter",
    "move_cards",
    "moves_of",
    "note_counter_sale",
    "owed_on",
    "programs_by_id",
    "redeem",
    "save_program",
    "sold_to_walk_in",
    "use_once",
    "void_refunded",
]
