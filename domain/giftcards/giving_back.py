"""Sold gift cards whose price goes back with a refund: void, and owed no more (decision 0037).

In the caller's transaction, which has locked the cards themselves; it books the money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit
from domain.giftcards.events import moved
from domain.giftcards.models import GiftCardStatus
from domain.giftcards.moves import lock_rows, move_rows
from domain.giftcards.refusals import GiftCardMoveNotAllowed
from domain.giftcards.rules import MOVES
from domain.kernel import Actor, Connection, Refused, record_events


@dataclass(frozen=True, slots=True)
class Owed:
    """What is left on a sold gift card, and what it held when it was sold, in units.

    A card of uses was sold holding what was paid for it.
    """

    left: int
    held: int


async def owed_on(conn: Connection, card_ids: Sequence[UUID]) -> dict[UUID, Owed]:
    """What is owed on sold gift cards, which are locked from now on.

    Refuses (GIFT_CARD_MOVE_NOT_ALLOWED) one that is used up, void, or expired with nothing left.
    """
    rows = await lock_rows(conn, sorted(card_ids))
    refused = [
        GiftCardMoveNotAllowed(
            number=row["number"],
            source=GiftCardStatus(row["status"]),
            target=GiftCardStatus.VOID,
            field=("cardIds",),
        )
        for row in rows
        if not _may_go(row)
    ]
    if refused:
        raise Refused(*refused)
    return {
        row["card_id"]: Owed(row["balance_units"], row["face_units"] or row["unit_price"])
        for row in rows
    }


async def void_refunded(
    conn: Connection, actor: Actor, owed: Mapping[UUID, Owed], reason: str
) -> None:
    """Make cards void whose rest goes back; audited, with events. The caller books the money."""
    rows = await lock_rows(conn, sorted(owed))
    await move_rows(conn, actor, rows, GiftCardStatus.VOID, reason)
    for row in rows:
        details = {"from": row["status"], "to": GiftCardStatus.VOID.value, "reason": reason}
        await audit.record(conn, actor, "gift_card.move", row["card_id"], details)
    await record_events(conn, [moved(row, GiftCardStatus.VOID, reason) for row in rows])


def _may_go(row: Any) -> bool:
    left = row["balance_units"] or row["uses_left"]
    return bool(left) and GiftCardStatus.VOID in MOVES[GiftCardStatus(row["status"])]
