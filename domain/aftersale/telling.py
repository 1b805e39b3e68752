"""What is told of a case; never a code, never what its buyer wrote."""

from typing import Any
from uuid import UUID

from domain import orders
from domain.aftersale.models import Dispute
from domain.kernel import Connection, Prefix, encode_id, seal_small, unseal_small
from domain.orders import LockedOrder


async def tell(conn: Connection, order: LockedOrder, event: str, dispute: Dispute) -> None:
    """The next event of the case's order, in the caller's transaction, which has locked it."""
    await orders.order_told(conn, order, event, {"dispute": told(dispute)})


def told(dispute: Dispute) -> dict[str, Any]:
    """A case as plain values. What the house decided is told by its state, not by its words."""
    replacement = dispute.replacement_id
    return {
        "disputeId": encode_id(Prefix.DISPUTE, dispute.id),
        "lineId": encode_id(Prefix.ORDER_LINE, dispute.line_id),
        "cardId": dispute.card_id and encode_id(Prefix.CARD, dispute.card_id),
        "quantity": dispute.quantity,
        "reason": dispute.reason.value,
        "state": dispute.state.value,
        "replacementCardId": replacement and encode_id(Prefix.CARD, replacement),
    }


def seal_words(purpose: str, text: str, dispute_id: UUID) -> bytes | None:
    """What a buyer wrote, sealed: people paste codes into it. None for nothing."""
    return seal_small(purpose, text.strip(), str(dispute_id)) if text.strip() else None


def words_of(purpose: str, sealed: bytes | None, dispute_id: UUID) -> str:
    """What a buyer wrote."""
    return unseal_small(purpose, sealed, str(dispute_id)) if sealed else ""
