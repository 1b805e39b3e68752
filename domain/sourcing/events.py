"""What following a supplier's list tells."""

from collections.abc import Iterable
from uuid import UUID

from domain.kernel import Connection, Event, Prefix, encode_id, record_events
from domain.sourcing.models import CatalogueRun

CHANGED = "supplier.catalogue_changed"
INCOMPLETE = "supplier.catalogue_incomplete"
TOLD = "supplier.goods_told"

# Whoever tells has locked the run, or the supplier.
_NEXT_SEQUENCE = "SELECT coalesce(max(sequence), 0) + 1 FROM outbox_events WHERE subject = $1"


async def tell_changed(
    conn: Connection, subject: UUID, supplier_id: UUID, variant_ids: Iterable[UUID]
) -> None:
    """Offers of these variants cost something else, are to be had, or are not any more."""
    ids = [encode_id(Prefix.VARIANT, each) for each in sorted(set(variant_ids))]
    if ids:
        payload = {"supplierId": encode_id(Prefix.SUPPLIER, supplier_id), "variantIds": ids}
        sequence = await conn.fetchval(_NEXT_SEQUENCE, subject)
        await record_events(conn, [Event(CHANGED, subject, sequence, payload)])


async def tell_told(conn: Connection, subject: UUID, supplier_id: UUID) -> None:
    """A supplier said of some items that they changed: a job asks for them at once."""
    payload = {"supplierId": encode_id(Prefix.SUPPLIER, supplier_id)}
    await record_events(conn, [Event(TOLD, subject, 1, payload)])


async def tell_incomplete(conn: Connection, run: CatalogueRun) -> None:
    """A list could not be read to its end, or lacks too much to be believed."""
    payload = {
        "supplierId": encode_id(Prefix.SUPPLIER, run.supplier_id),
        "runId": encode_id(Prefix.CATALOGUE_RUN, run.id),
        "state": run.state.value,
        "items": run.items,
        "missing": run.missing,
        "detail": run.detail,
    }
    sequence = await conn.fetchval(_NEXT_SEQUENCE, run.id)
    await record_events(conn, [Event(INCOMPLETE, run.id, sequence, payload)])
