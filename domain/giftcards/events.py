"""What is told of gift cards: ids, statuses, amounts; never a code nor an address."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from domain.giftcards.models import GiftCardRedemption, GiftCardStatus, GuardKind
from domain.kernel import Event, Prefix, encode_id, new_id, plain

MOVED = "gift_card.moved"
REDEEMED = "gift_card.redeemed"
LOCKED_OUT = "gift_card.locked_out"
_SUBJECTS = UUID("8c1c9f0a-3a83-5c67-8a5b-6f0f2f6d7e11")


def moved(row: Any, to: GiftCardStatus, reason: str) -> Event:
    """The event `gift_card.moved`; its sequence is the card's version after the move."""
    payload = {
        "cardId": encode_id(Prefix.CARD, row["card_id"]),
        "number": row["number"],
        "from": row["status"],
        "to": to.value,
        "reason": reason,
    }
    # A subject of its own: what the card store tells of the same card has other sequences.
    return Event(MOVED, uuid5(_SUBJECTS, str(row["card_id"])), row["version"] + 1, payload)


def redeemed(
    row: Any, redemption: GiftCardRedemption, status: GiftCardStatus, *, into_wallet: bool
) -> Event:
    """The event `gift_card.redeemed`: money into a wallet, or one use."""
    payload = {
        "redemptionId": encode_id(Prefix.GIFT_CARD_REDEMPTION, redemption.id),
        "cardId": encode_id(Prefix.CARD, redemption.card_id),
        "number": row["number"],
        "userId": encode_id(Prefix.USER, redemption.user_id),
        "amount": plain(redemption.units),
        "currency": row["currency"],
        "uses": redemption.uses,
        "intoWallet": into_wallet,
        "balanceAfter": plain(redemption.balance_after),
        "usesAfter": redemption.uses_after,
        "status": status.value,
    }
    return Event(REDEEMED, redemption.id, 1, payload)


def locked_out(kinds: Iterable[GuardKind], user_id: UUID | None, until: datetime) -> Event:
    """The event `gift_card.locked_out`: somebody guesses codes. It names the signed-in user, if
    any, and neither the address nor what was typed."""
    payload = {
        "kinds": [kind.value for kind in kinds],
        "userId": encode_id(Prefix.USER, user_id) if user_id else None,
        "until": until.isoformat(),
    }
    return Event(LOCKED_OUT, new_id(), 1, payload)
