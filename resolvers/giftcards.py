"""How the fields of our own gift cards are answered."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import checkout, giftcards, ledger
from domain.kernel import Money, Page, Prefix, clock, decode_id, encode_id, page_request
from resolvers.batches import there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


@dataclass(frozen=True)
class IssueOutcome:
    """What the payload shows of an issue."""

    issue: giftcards.Issue
    replayed: bool


@dataclass(frozen=True)
class RedemptionOutcome:
    """What the payload shows of a redemption."""

    redemption: giftcards.Redeemed
    wallet: ledger.Wallet
    replayed: bool


@dataclass(frozen=True)
class UseOutcome:
    """What the payload shows of a use."""

    use: giftcards.Redeemed
    replayed: bool


@dataclass(frozen=True)
class CounterOutcome:
    """What the payload shows of a sale over a counter."""

    sale: checkout.SoldAtCounter
    replayed: bool


async def gift_card_program_save(
    info: Info,
    name_zh: str,
    name_en: str,
    value: giftcards.GiftCardValue,
    id: strawberry.ID | None = None,
    sku: str | None = None,
    face_value: MoneyInput | None = None,
    uses: int | None = None,
    valid_days: int | None = None,
    transferable: bool = True,
    activation: giftcards.Activation = giftcards.Activation.ON_SALE,
    breakage: giftcards.Breakage = giftcards.Breakage.KEPT,
    prefix: str = "GC",
    expected_version: int | None = None,
) -> giftcards.GiftCardProgram:
    """Make the program of a variant, or change one (back office)."""
    face = None if face_value is None else money_of(face_value, "faceValue")
    draft = giftcards.ProgramDraft(
        name_zh=name_zh,
        name_en=name_en,
        value=value,
        face_units=face.units if face else None,
        currency=face.currency if face else "CNY",
        uses=uses,
        valid_days=valid_days,
        transferable=transferable,
        activation=activation,
        breakage=breakage,
        prefix=prefix,
    )
    return await giftcards.save_program(
        info.context.actor,
        draft,
        sku=sku,
        program_id=None if id is None else decode_id(Prefix.GIFT_CARD_PROGRAM, id),
        expected_version=expected_version,
    )


async def gift_card_issue(
    info: Info, idempotency_key: str, program_id: strawberry.ID, quantity: int
) -> IssueOutcome:
    """Issue cards of a program (back office)."""
    program = decode_id(Prefix.GIFT_CARD_PROGRAM, program_id, field=("programId",))
    issue = await giftcards.issue(info.context.actor, program, quantity, idempotency_key)
    return IssueOutcome(issue, issue.replayed)


async def gift_cards_move(
    info: Info, card_ids: list[strawberry.ID], to: giftcards.GiftCardStatus, reason: str = ""
) -> list[giftcards.GiftCard]:
    """Activate, freeze, make good again or void cards (back office)."""
    ids = [decode_id(Prefix.CARD, each, field=("cardIds",)) for each in card_ids]
    return await giftcards.move_cards(info.context.actor, ids, to, reason)


async def gift_card_redeem(
    info: Info, idempotency_key: str, code: str, amount: MoneyInput | None = None
) -> RedemptionOutcome:
    """Move what a gift card holds, or a part of it, into the caller's wallet."""
    actor = info.context.actor
    part = None if amount is None else money_of(amount, "amount")
    done = await giftcards.redeem(actor, code, part, idempotency_key)
    wallet = await ledger.wallet_of(actor.require_user(), done.currency)
    return RedemptionOutcome(done, wallet, done.replayed)


async def gift_card_use(info: Info, idempotency_key: str, code: str) -> UseOutcome:
    """Take one use of a card of uses, at the till (back office and partners)."""
    done = await giftcards.use_once(info.context.actor, code, idempotency_key)
    return UseOutcome(done, done.replayed)


async def gift_card_counter_sell(
    info: Info,
    idempotency_key: str,
    unit_price: MoneyInput,
    paid_by: giftcards.CounterPayment,
    numbers: list[str] | None = None,
    batch_id: strawberry.ID | None = None,
    login: str | None = None,
    note: str = "",
) -> CounterOutcome:
    """Sell printed cards over a counter and make them good (back office)."""
    batch = None
    if batch_id is not None:
        batch = decode_id(Prefix.CARD_BATCH, batch_id, field=("batchId",))
    sale = checkout.AtCounter(
        cards=giftcards.CounterWish(tuple(numbers or ()), batch),
        unit_price=money_of(unit_price, "unitPrice"),
        paid_by=paid_by,
        login=login,
        note=note,
    )
    sold = await checkout.sell_at_counter(info.context.actor, sale, idempotency_key)
    return CounterOutcome(sold, sold.replayed)


async def gift_cards_of_viewer(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[giftcards.GiftCard]:
    """The gift cards that the caller bought, newest first."""
    page = page_request("giftCards", first, after)
    return await giftcards.cards_of_holder(info.context.actor, page)


async def name_of(card: Parent[giftcards.GiftCard], info: Info) -> str:
    """Its program's name, in the language asked for."""
    program = await program_of(card, info)
    return program.name_zh if info.context.language == "zh" else program.name_en


def standing(card: Parent[giftcards.GiftCard]) -> giftcards.GiftCardStatus:
    """Where it stands at this moment; a card is over when its time is, booked or not."""
    return card.status_at(clock.now())


def amount_of(done: Parent[giftcards.Redeemed]) -> Money:
    """What went into the wallet."""
    return Money(done.redemption.units, done.currency)


def balance_after(done: Parent[giftcards.Redeemed]) -> Money:
    """What is left on the card."""
    return Money(done.redemption.balance_after, done.currency)


def redemption_id(done: Parent[giftcards.Redeemed]) -> strawberry.ID:
    """The redemption's own id."""
    return strawberry.ID(encode_id(Prefix.GIFT_CARD_REDEMPTION, done.redemption.id))


def redeemed_at(done: Parent[giftcards.Redeemed]) -> datetime:
    """When it was taken."""
    return done.redemption.at


def uses_left(done: Parent[giftcards.Redeemed]) -> int:
    """What is left on a card of uses."""
    return done.redemption.uses_after


def order_id_of(sold: Parent[checkout.SoldAtCounter]) -> strawberry.ID:
    """The order that a counter made."""
    return strawberry.ID(encode_id(Prefix.ORDER, sold.order.id))


def order_number_of(sold: Parent[checkout.SoldAtCounter]) -> str:
    """What a counter prints on the receipt."""
    return sold.order.number


def total_of(sold: Parent[checkout.SoldAtCounter]) -> Money:
    """What a counter received."""
    return Money(sold.order.total, sold.order.currency)


async def gift_card_programs(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[giftcards.GiftCardProgram]:
    """All programs, newest first (back office)."""
    page = page_request("giftCardPrograms", first, after)
    return await giftcards.list_programs(info.context.actor, page)


async def gift_card_files(
    info: Info,
    program_id: strawberry.ID | None = None,
    batch_id: strawberry.ID | None = None,
    status: giftcards.GiftCardStatus | None = None,
    number: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[giftcards.GiftCard]:
    """Issued cards, newest first (back office)."""
    program = batch = None
    if program_id is not None:
        program = decode_id(Prefix.GIFT_CARD_PROGRAM, program_id, field=("programId",))
    if batch_id is not None:
        batch = decode_id(Prefix.CARD_BATCH, batch_id, field=("batchId",))
    return await giftcards.list_cards(
        info.context.actor,
        page_request("giftCardFiles", first, after),
        program_id=program,
        batch_id=batch,
        status=status,
        number=number,
    )


def face_value(row: Parent[giftcards.GiftCardProgram | giftcards.GiftCard]) -> Money | None:
    """What a fresh card holds; null for one of uses."""
    return None if row.face_units is None else Money(row.face_units, row.currency)


async def program_of(card: Parent[giftcards.GiftCard], info: Info) -> giftcards.GiftCardProgram:
    """The terms of a card, in one statement for a whole page."""
    return there(await info.context.loaders.gift_programs.load(card.program_id))


async def moves_of(card: Parent[giftcards.GiftCard], info: Info) -> list[giftcards.GiftCardMove]:
    """Every move of a card, newest first."""
    return await info.context.loaders.gift_moves.load(card.card_id)


def holder_id(card: Parent[giftcards.GiftCard]) -> strawberry.ID | None:
    """Who bought it."""
    return _user(card.holder_id)


def mover_id(move: Parent[giftcards.GiftCardMove]) -> strawberry.ID | None:
    """Who moved it; null for the system."""
    return _user(move.moved_by)


def _user(user_id: UUID | None) -> strawberry.ID | None:
    return None if user_id is None else strawberry.ID(encode_id(Prefix.USER, user_id))
