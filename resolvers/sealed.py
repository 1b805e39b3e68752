"""Codes in the open, or sealed for a public key that the caller sent (mission row B2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain import cards
from domain.kernel import Prefix, Recipient, encode_id


@dataclass(frozen=True)
class Revealed:
    """What a reveal answers: never both. A repr shows neither."""

    secrets: Sequence[cards.OpenedCard] = field(repr=False)
    sealed: str | None = field(repr=False)


def recipient_of(public_key: str | None) -> Recipient | None:
    """Whom to seal for; a key that is none is refused before anything is looked at."""
    return None if public_key is None else Recipient(public_key)


def revealed_to(recipient: Recipient | None, opened: Sequence[cards.OpenedCard]) -> Revealed:
    """The codes as they were asked for."""
    if recipient is None:
        return Revealed(opened, None)
    shown = [
        {
            "cardId": encode_id(Prefix.CARD, card.card_id),
            "number": card.number,
            "secret": card.secret,
            "expiresOn": card.expires_on,
        }
        for card in opened
    ]
    return Revealed((), recipient.seal_json({"cards": shown}))
