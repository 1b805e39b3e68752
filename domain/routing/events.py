"""What routing tells the operators."""

from datetime import datetime
from typing import Any
from uuid import UUID

from domain.kernel import Connection, Event, Prefix, encode_id, record_events
from domain.routing.models import Demotion

BREAKER_OPENED = "supplier.breaker_opened"
BALANCE_LOW, BALANCE_RECOVERED = "supplier.balance_low", "supplier.balance_recovered"
TOP_UP_REMINDER = "supplier.top_up_reminder"
DEMOTED, RESTORED = "supplier.demoted", "supplier.restored"

# Two cannot count at once: whoever tells has locked the gate of the supplier.
_NEXT_SEQUENCE = "SELECT coalesce(max(sequence), 0) + 1 FROM outbox_events WHERE subject = $1"


async def tell_opened(
    conn: Connection, supplier_id: UUID, offer_id: UUID | None, reason: str, until: datetime
) -> None:
    """A breaker was closed and opened: of one offer, or of all that a supplier offers."""
    payload = {
        "supplierId": encode_id(Prefix.SUPPLIER, supplier_id),
        "offerId": encode_id(Prefix.SUPPLIER_OFFER, offer_id) if offer_id else None,
        "reason": reason,
        "openUntil": until.isoformat(),
    }
    await _tell(conn, BREAKER_OPENED, supplier_id, payload)


async def tell_balance(
    conn: Connection, event: str, supplier_id: UUID, facts: dict[str, Any]
) -> None:
    """A supplier's balance fell below its line, is still there a day later, or is above it again:
    `balance`, `line` and `suggested`, what would last for a week; amounts as decimals."""
    payload = {"supplierId": encode_id(Prefix.SUPPLIER, supplier_id), **facts}
    await _tell(conn, event, supplier_id, payload)


async def tell_health(
    conn: Connection, supplier_id: UUID, score: int, demotion: Demotion | None
) -> None:
    """A supplier is asked after all others from now on, or as before again."""
    payload = {
        "supplierId": encode_id(Prefix.SUPPLIER, supplier_id),
        "score": score,
        "reason": demotion.value if demotion else None,
    }
    await _tell(conn, DEMOTED if demotion else RESTORED, supplier_id, payload)


async def _tell(conn: Connection, event: str, supplier_id: UUID, payload: dict[str, Any]) -> None:
    sequence = await conn.fetchval(_NEXT_SEQUENCE, supplier_id)
    await record_events(conn, [Event(event, supplier_id, sequence, payload)])
