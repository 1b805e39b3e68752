"""Using gift cards: money into a wallet, or one of the uses (mission rows K1, K5, K6).

Whoever does not own a card hears one answer, whatever is wrong, after the same statements: the try
is counted, the key claimed, the card looked up once by the digest of its code, and all but the
count taken back.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import audit, cards, ledger
from domain.giftcards.events import redeemed
from domain.giftcards.guards import Try, count_try, take_back, tell_lockout
from domain.giftcards.issuing import code_index
from domain.giftcards.models import GiftCardRedemption, GiftCardStatus, GiftCardValue
from domain.giftcards.refusals import (
    GiftCardMistyped,
    GiftCardNotAccepted,
    GiftCardShort,
    GiftCardUnusable,
)
from domain.giftcards.rules import Standing
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Money,
    Refusal,
    Refused,
    act_as,
    claim_key,
    clock,
    connection,
    crash_point,
    input_hash,
    is_payable,
    look_up_key,
    new_id,
    plain,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id

USE_SCOPE = "giftcards:redeem"
TO_WALLET = "giftCardRedeem"
ONE_USE = "giftCardUse"
_NO_INDEX = b"\0" * 32
MAX_TYPED = 500  # of what may be the code of any card

_FIND = """
SELECT g.card_id, g.code_index, g.number, g.status, g.currency, g.balance_units, g.uses_left,
    g.holder_id, g.expires_at, p.value, p.transferable, card_delivered(c.state)
        AND c.state NOT IN ('disputed', 'invalid', 'refunded') AS delivered
FROM gift_cards g JOIN gift_card_programs p ON p.id = g.program_id JOIN cards c ON c.id = g.card_id
WHERE g.code_index = $1
"""
# The card first and then what it is worth, as a sale and a void do.
_HOLD_CARD = "SELECT 1 FROM cards WHERE id = $1 FOR NO KEY UPDATE"
_HOLD = _FIND + " FOR NO KEY UPDATE OF g"
_TAKE = """
UPDATE gift_cards SET balance_units = $2, uses_left = $3, status = $4::varchar,
    version = version + ($4::varchar <> status)::int,
    moved_by = CASE WHEN $4::varchar <> status THEN $5 ELSE moved_by END,
    moved_because = CASE WHEN $4::varchar <> status THEN 'redeemed' ELSE moved_because END,
    moved_at = CASE WHEN $4::varchar <> status THEN $6 ELSE moved_at END
WHERE card_id = $1
"""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What was taken from which card, and in which currency; `replayed`: by an earlier call."""

    redemption: GiftCardRedemption
    number: str
    currency: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody wants of the card behind a code."""

    operation: str
    wanted: GiftCardValue
    code: str = field(repr=False)  # seventeen letters
    index: bytes
    key: str
    hashed: bytes
    at_till: bool = False  # whoever presents it was looked at, and need not have bought it
    insider: bool = False  # staff hears the real reason


Take = Callable[[Connection, Any, UUID], Awaitable[GiftCardRedemption]]


async def redeem(actor: Actor, code: str, amount: Money | None, idempotency_key: str) -> Redeemed:
    """Move what a gift card holds, or a part of it, into the caller's wallet.

    Once for each key, and never more than the card holds, whoever else uses it at the moment.
    Refuses a code that was mistyped (GIFT_CARD_MISTYPED, no gift card is looked for), one that is
    not good (GIFT_CARD_UNUSABLE with the reason to the card's buyer, else GIFT_CARD_NOT_ACCEPTED),
    more than is left (GIFT_CARD_BALANCE_INSUFFICIENT), and anything after too many tries
    (GIFT_CARD_LOCKED).
    """
    user = actor.require_user()
    if amount is not None:
        payable = amount.units > 0 and is_payable(amount.units, amount.currency)
        refuse_unless(payable, Invalid(reason="amount_not_payable", field=("amount",)))
    asked = None if amount is None else [amount.units, amount.currency]
    wish = await _wish(actor, TO_WALLET, GiftCardValue.BALANCE, code, idempotency_key, asked)

    async def take(conn: Connection, row: Any, redemption_id: UUID) -> GiftCardRedemption:
        units = _units(row, amount)
        legs = [
            (account_id(AccountKind.GIFT_CARD, None, row["currency"]), -units),
            (account_id(AccountKind.WALLET, user, row["currency"]), units),
        ]
        await ledger.open_accounts(conn, [(AccountKind.WALLET, user, row["currency"])])
        return await _taken(conn, actor, row, redemption_id, units, 0, legs)

    return await _use(actor, wish, take)


async def use_once(actor: Actor, code: str, idempotency_key: str) -> Redeemed:
    """Take one use from a card of uses, for whoever stands at the till (row K3 builds on it).

    Its share of what was paid for the card becomes revenue. Needs `giftcards:redeem`; an operator
    hears the real reason of a refusal, a partner's key the one answer of all; else as `redeem`. Who
    presents the card is for the till to see.
    """
    actor.require_scope(USE_SCOPE)
    wish = replace(
        await _wish(actor, ONE_USE, GiftCardValue.COUNT, code, idempotency_key, None),
        at_till=True,
        insider=actor.is_staff(USE_SCOPE),
    )

    async def take(conn: Connection, row: Any, redemption_id: UUID) -> GiftCardRedemption:
        units = row["balance_units"] // row["uses_left"]  # the last use takes what is left
        legs = [
            (account_id(AccountKind.GIFT_CARD, None, row["currency"]), -units),
            (account_id(AccountKind.REVENUE, None, row["currency"]), units),
        ]
        return await _taken(conn, actor, row, redemption_id, units, 1, legs)

    return await _use(actor, wish, take)


async def _wish(
    actor: Actor, operation: str, wanted: GiftCardValue, code: str, key: str, asked: Any
) -> _Wish:
    letters = cards.read_code(code)
    if letters is None:
        async with transaction() as conn:  # none of ours, and yet a canary of another pool perhaps
            await cards.note_code(conn, actor, code[:MAX_TYPED], "redeem")
        raise Refused(GiftCardMistyped(field=("code",)))
    index = code_index(letters)
    return _Wish(operation, wanted, letters, index, key, input_hash([index.hex(), asked]))


async def _use(actor: Actor, wish: _Wish, take: Take) -> Redeemed:
    by = actor.require_user()
    async with connection() as conn:
        earlier = await look_up_key(conn, by, wish.operation, wish.key, wish.hashed)
    if earlier is not None:
        return await _replay(earlier)  # no try: it says nothing that was not said before
    tried = await count_try(actor, wish.code, wish.index)
    crash_point("giftcards.try_counted")
    try:
        done = await _take_once(actor, by, wish, tried, take)
    except Refused:
        await tell_lockout(actor, tried)
        raise
    crash_point("giftcards.after_commit")
    wake_relay()
    return done


async def _take_once(actor: Actor, by: UUID, wish: _Wish, tried: Try, take: Take) -> Redeemed:
    redemption_id, moment = new_id(), clock.now()
    async with transaction() as conn:
        earlier = await claim_key(conn, by, wish.operation, wish.key, wish.hashed, redemption_id)
        if earlier is None:
            row = await conn.fetchrow(_FIND, wish.index)
            _refuse(_verdict(row, wish, by, moment))
            await conn.fetch(_HOLD_CARD, row["card_id"])
            row = await conn.fetchrow(_HOLD, wish.index)
            _refuse(_verdict(row, wish, by, moment))
            redemption = await take(conn, row, redemption_id)
        await take_back(conn, tried)
        crash_point("giftcards.before_commit")
    if earlier is not None:
        return await _replay(earlier)
    return Redeemed(redemption, row["number"], row["currency"], replayed=False)


async def _replay(redemption_id: UUID) -> Redeemed:
    redemption = await GiftCardRedemption.get(id=redemption_id)
    async with connection() as conn:
        card = await conn.fetchrow(
            "SELECT number, currency FROM gift_cards WHERE card_id = $1", redemption.card_id
        )
    return Redeemed(redemption, card["number"], card["currency"], replayed=True)


def _verdict(row: Any, wish: _Wish, by: UUID, moment: datetime) -> Refusal | None:
    """Why the card is not good, as far as the caller may know; None when it is.

    The digest is compared once more, in constant time, so that the database's own comparison is
    not the one that decides.
    """
    found = hmac.compare_digest(row["code_index"] if row else _NO_INDEX, wish.index)
    if not found:
        return GiftCardNotAccepted(field=("code",))
    standing = Standing(
        GiftCardStatus(row["status"]),
        GiftCardValue(row["value"]),
        row["expires_at"],
        row["delivered"],
    )
    fault = standing.fault(wish.wanted, moment)
    own = row["holder_id"] == by
    if fault is None and (own or row["transferable"] or wish.at_till):
        return None
    if fault is None or not (own or wish.insider):
        return GiftCardNotAccepted(field=("code",))
    return GiftCardUnusable(
        number=row["number"], why=fault, reason=f"gift_card_{fault.value}", field=("code",)
    )


def _refuse(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise Refused(refusal)


def _units(row: Any, amount: Money | None) -> int:
    """How much to take: all of it, unless an amount is named."""
    left = Money(row["balance_units"], row["currency"])
    if amount is None:
        return left.units
    if amount.currency != left.currency:
        raise Refused(Invalid(reason="currency", field=("amount",)))
    if amount.units > left.units:
        raise Refused(GiftCardShort(requested=amount, available=left, field=("amount",)))
    return amount.units


async def _taken(
    conn: Connection,
    actor: Actor,
    row: Any,
    redemption_id: UUID,
    units: int,
    uses: int,
    legs: list[tuple[UUID, int]],
) -> GiftCardRedemption:
    """Book what is taken: the card, the redemption, the money, the audit row, the event."""
    moment = clock.now()
    balance, uses_left = row["balance_units"] - units, row["uses_left"] - uses
    empty = not balance and not uses_left
    status = GiftCardStatus.USED_UP if empty else GiftCardStatus.ACTIVE
    await conn.execute(
        _TAKE, row["card_id"], balance, uses_left, status.value, actor.user_id, moment
    )
    redemption = await GiftCardRedemption.create(
        id=redemption_id,
        card_id=row["card_id"],
        user_id=actor.require_user(),
        units=units,
        uses=uses,
        balance_after=balance,
        uses_after=uses_left,
        at=moment,
    )
    if empty:
        await act_as(conn, actor)
        await cards.mark_redeemed(conn, row["card_id"])
    kind, currency = TransferKind.GIFT_CARD_REDEMPTION, row["currency"]
    if units:
        await ledger.post(conn, [Posting(kind, redemption_id, currency, legs, row["number"])])
    details = {"amount": plain(units), "currency": currency, "uses": uses}
    await audit.record(conn, actor, "gift_card.redeem", row["card_id"], details)
    told = redeemed(row, redemption, status, into_wallet=not uses)
    await record_events(conn, [told])
    return redemption
