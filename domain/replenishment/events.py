"""What buying for stock tells: ids, counts, amounts; never a code."""

from uuid import UUID

from domain.kernel import Connection, Event, Prefix, encode_id, plain, record_events
from domain.replenishment.models import PurchaseProposal, StockPurchase

PROPOSED = "purchase.proposed"
APPROVED = "purchase.approved"
DECLINED = "purchase.declined"
RECEIVED = "purchase.received"
DONE = "purchase.done"
FAILED = "purchase.failed"
UNCERTAIN = "purchase.uncertain"
INCIDENT = "purchase.incident"

# Whoever tells has locked the proposal.
_NEXT_SEQUENCE = "SELECT coalesce(max(sequence), 0) + 1 FROM outbox_events WHERE subject = $1"


async def tell_purchase(
    conn: Connection, name: str, proposal: PurchaseProposal, **more: object
) -> None:
    """The next event of a proposal."""
    payload = {
        "proposalId": encode_id(Prefix.PURCHASE_PROPOSAL, proposal.id),
        "variantId": encode_id(Prefix.VARIANT, proposal.variant_id),
        "quantity": proposal.quantity,
        "received": proposal.received,
        "amount": plain(proposal.amount),
        "approvalsNeeded": proposal.approvals_needed,
        **more,
    }
    sequence = await conn.fetchval(_NEXT_SEQUENCE, proposal.id)
    await record_events(conn, [Event(name, proposal.id, sequence, payload)])


def of_purchase(purchase: StockPurchase) -> dict[str, object]:
    """What an event says of one purchase."""
    return {
        "purchaseId": encode_id(Prefix.STOCK_PURCHASE, purchase.id),
        "supplierId": encode_id(Prefix.SUPPLIER, purchase.supplier_id),
        "cost": None if purchase.cost is None else plain(purchase.cost),
        "batchId": _batch(purchase.batch_id),
    }


def _batch(batch_id: UUID | None) -> str | None:
    return encode_id(Prefix.CARD_BATCH, batch_id) if batch_id else None
