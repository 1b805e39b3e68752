"""What is told of gift cards: ids, statuses, amounts; never a code."""

from typing import Any

from domain.giftcards.models import GiftCardStatus
from domain.kernel import Event, Prefix, encode_id

MOVED = "gift_card.moved"


def moved(row: Any, to: GiftCardStatus, reason: str) -> Event:
    """The event `gift_card.moved`; its sequence is the card's version after the move."""
    payload = {
        "cardId": encode_id(Prefix.CARD, row["card_id"]),
        "number": row["number"],
        "from": row["status"],
        "to": to.value,
        "reason": reason,
    }
    return Event(MOVED, row["card_id"], row["version"] + 1, payload)
