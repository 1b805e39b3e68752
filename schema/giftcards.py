"""Our own gift cards: what their buyers see, and what the back office does with them."""

from datetime import datetime

import strawberry

from domain import checkout, giftcards
from domain.giftcards import (
    Activation,
    Breakage,
    CounterFault,
    GiftCardReason,
    GiftCardStatus,
    GiftCardValue,
)
from domain.kernel import Prefix
from resolvers import giftcards as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.ledger import Wallet
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="The terms of all gift cards of one variant.")
@presents(giftcards.GiftCardProgram)
class GiftCardProgram:
    id: strawberry.ID = id_field(Prefix.GIFT_CARD_PROGRAM)
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    name_zh: str
    name_en: str
    value: GiftCardValue
    face_value: Money | None = field(
        resolvers.face_value, description="What a fresh card holds; null for one of uses."
    )
    uses: int | None = field(description="How many uses a fresh card has; null for one of money.")
    valid_days: int | None = field(description="From activation; null: without end.")
    transferable: bool = field(
        description="Whoever has the code may use it; else its buyer alone may."
    )
    activation: Activation
    breakage: Breakage
    prefix: str = field(description="How the numbers of its cards begin.")
    version: int = field(description="Send it back as `expectedVersion`.")
    created_at: datetime
    updated_at: datetime


@strawberry.type(description="One move of a gift card. Never changed.")
@presents(giftcards.GiftCardMove)
class GiftCardMove:
    from_status: GiftCardStatus
    to_status: GiftCardStatus
    moved_by: strawberry.ID | None = field(
        resolvers.mover_id, description="The operator or buyer; null for the system."
    )
    reason: str
    at: datetime


@strawberry.type(description="A gift card as the back office sees it: never its code.")
@presents(giftcards.GiftCard)
class GiftCardFile:
    id: strawberry.ID = id_field(Prefix.CARD, "card_id")
    number: str = field(description="For people; it tells nothing of the code.")
    program: GiftCardProgram = field(resolvers.program_of)
    batch_id: strawberry.ID = id_field(Prefix.CARD_BATCH, "batch_id")
    status: GiftCardStatus
    balance: Money = field(description="What is owed on it; zero until it is sold.")
    uses_left: int
    holder_id: strawberry.ID | None = field(resolvers.holder_id, description="Who bought it.")
    sold_at: datetime | None
    activated_at: datetime | None
    expires_at: datetime | None
    moves: list[GiftCardMove] = field(resolvers.moves_of, description="Newest first.")


@strawberry.type(description="A gift card of the caller's own; its code is shown by its order.")
@presents(giftcards.GiftCard)
class GiftCard:
    id: strawberry.ID = id_field(Prefix.CARD, "card_id")
    number: str = field(description="For talks with support; it tells nothing of the code.")
    name: str = field(resolvers.name_of)
    status: GiftCardStatus = field(resolvers.standing)
    face_value: Money | None = field(resolvers.face_value)
    balance: Money = field(description="What is left on it.")
    uses_left: int
    sold_at: datetime | None
    activated_at: datetime | None
    expires_at: datetime | None = field(description="Until when it is good; null: without end.")


@strawberry.type(description="Money that went from a gift card into a wallet.")
@presents(giftcards.Redeemed)
class GiftCardRedemption:
    id: strawberry.ID = field(resolvers.redemption_id)
    amount: Money = field(resolvers.amount_of)
    balance_after: Money = field(resolvers.balance_after, description="What is left on the card.")
    at: datetime = field(resolvers.redeemed_at)


@strawberry.type(description="One use that was taken from a card of uses.")
@presents(giftcards.Redeemed)
class GiftCardUse:
    id: strawberry.ID = field(resolvers.redemption_id)
    number: str = field(description="The card's number; it tells nothing of its code.")
    uses_left: int = field(resolvers.uses_left)
    at: datetime = field(resolvers.redeemed_at)


@strawberry.type(description="Printed gift cards that went over a counter, as an order.")
@presents(checkout.SoldAtCounter)
class GiftCardCounterSale:
    order_id: strawberry.ID = field(resolvers.order_id_of)
    order_number: str = field(resolvers.order_number_of, description="For the receipt.")
    quantity: int
    total: Money = field(resolvers.total_of)


@strawberry.type(description="Why the card is not good; told to its buyer and to operators.")
@presents(giftcards.GiftCardUnusable)
class GiftCardUnusableError(UserError):
    number: str
    why: GiftCardReason


@strawberry.type(description="The card holds less than was asked for.")
@presents(giftcards.GiftCardShort)
class GiftCardShortError(UserError):
    requested: Money
    available: Money


@strawberry.type(description="Too many tries that came to nothing.")
@presents(giftcards.GiftCardLocked)
class GiftCardLockedError(UserError):
    minutes: int = field(description="When to try again.")


@strawberry.type(description="A card that no counter sells, and why.")
@presents(giftcards.GiftCardNotForCounter)
class GiftCardCounterError(UserError):
    number: str
    why: CounterFault


@strawberry.type(description="Cards that were issued together, as a batch of the card store.")
@presents(giftcards.Issue)
class GiftCardIssue:
    program_id: strawberry.ID = id_field(Prefix.GIFT_CARD_PROGRAM, "program_id")
    batch_id: strawberry.ID = id_field(Prefix.CARD_BATCH, "batch_id")
    quantity: int


@strawberry.type(description="A gift card does not take this step from where it stands.")
@presents(giftcards.GiftCardMoveNotAllowed)
class GiftCardMoveError(UserError):
    number: str = field(description="Which card.")
    source: GiftCardStatus
    target: GiftCardStatus


@strawberry.type
class GiftCardProgramSavePayload:
    program: GiftCardProgram | None
    user_errors: list[UserError]


@strawberry.type
class GiftCardIssuePayload:
    issue: GiftCardIssue | None
    replayed: bool = field(
        default=False, description="The key came before: this is what was issued then."
    )
    user_errors: list[UserError]


@strawberry.type
class GiftCardsMovePayload:
    cards: list[GiftCardFile] = field(default_factory=list)
    user_errors: list[UserError]


@strawberry.type
class GiftCardRedeemPayload:
    redemption: GiftCardRedemption | None
    wallet: Wallet | None
    replayed: bool = field(
        default=False, description="The key came before: this is what was taken then."
    )
    user_errors: list[UserError]


@strawberry.type
class GiftCardUsePayload:
    use: GiftCardUse | None
    replayed: bool = field(
        default=False, description="The key came before: this is the use that was taken then."
    )
    user_errors: list[UserError]


@strawberry.type
class GiftCardCounterSellPayload:
    sale: GiftCardCounterSale | None
    replayed: bool = field(
        default=False, description="The key came before: this is what was sold then."
    )
    user_errors: list[UserError]


@strawberry.type
class GiftCardUseMutation:
    gift_card_use: GiftCardUsePayload = mutation(
        resolvers.gift_card_use,
        payload=GiftCardUsePayload,
        permissions=[Scope("giftcards:redeem")],
        rate=Rate(RateZone.GIFT_CARD_USE),
        sensitive=True,
        description="Take one use from a card of uses, at a till, once for each `idempotencyKey`."
        " Tries that come to nothing are counted by code, caller and address; too many lock. Only"
        " an operator hears why a card is not good.",
    )


@strawberry.type
class GiftCardMutation:
    gift_card_redeem: GiftCardRedeemPayload = mutation(
        resolvers.gift_card_redeem,
        payload=GiftCardRedeemPayload,
        permissions=[SignedIn()],
        rate=Rate(RateZone.GIFT_CARD),
        sensitive=True,
        description="Move what a gift card holds, or the `amount`, into the caller's wallet."
        " A wrong code and one that is not good get the same answer, unless the caller bought it."
        " Tries are counted; too many lock.",
    )


@strawberry.type
class GiftCardsAdminQuery:
    gift_card_programs: Connection[GiftCardProgram] = field(
        resolvers.gift_card_programs,
        permissions=[Scope("giftcards:read")],
        description="Newest first.",
    )
    gift_card_files: Connection[GiftCardFile] = field(
        resolvers.gift_card_files,
        permissions=[Scope("giftcards:read")],
        description="Newest first; of one program, batch, status or number. No code is taken or"
        " shown here.",
    )


@strawberry.type
class GiftCardsAdminMutation(GiftCardUseMutation):
    gift_card_counter_sell: GiftCardCounterSellPayload = mutation(
        resolvers.gift_card_counter_sell,
        payload=GiftCardCounterSellPayload,
        permissions=[Scope("giftcards:sell")],
        description="Sell printed cards (of a program that is activated BY_HAND) for money that was"
        " received over a counter, and make them good: by their `numbers`, or a whole `batchId`;"
        " all of them or none. `login` names the buyer; left out, it is somebody who walked in."
        " Booked, audited, once for each `idempotencyKey`.",
    )
    gift_card_program_save: GiftCardProgramSavePayload = mutation(
        resolvers.gift_card_program_save,
        payload=GiftCardProgramSavePayload,
        entity="program",
        permissions=[Scope("giftcards:write")],
        description="Make the program of the variant `sku`, of kind GIFT_CARD, or change the one of"
        " this `id`. Once cards are issued only its names change.",
    )
    gift_card_issue: GiftCardIssuePayload = mutation(
        resolvers.gift_card_issue,
        payload=GiftCardIssuePayload,
        permissions=[Scope("giftcards:write")],
        description="Issue cards, sealed and for sale. The same `idempotencyKey` again: none.",
    )
    gift_cards_move: GiftCardsMovePayload = mutation(
        resolvers.gift_cards_move,
        payload=GiftCardsMovePayload,
        entity="cards",
        permissions=[Scope("giftcards:write")],
        description="Activate (also: make good again), freeze or void cards: all of them or none."
        " A sold card that is voided is paid back to its buyer. Audited.",
    )
