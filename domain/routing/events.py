"""What routing tells the operators."""

from datetime import datetime
from uuid import UUID

from domain.kernel import Connection, Event, Prefix, encode_id, record_events

BREAKER_OPENED = "supplier.breaker_opened"

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
    sequence = await conn.fetchval(_NEXT_SEQUENCE, supplier_id)
    await record_events(conn, [Event(BREAKER_OPENED, supplier_id, sequence, payload)])
