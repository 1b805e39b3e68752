"""Reads of suppliers' lists and of the runs that read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.kernel import Actor, Page, PageRequest, connection, page_of
from domain.sourcing.models import CatalogueRun, SupplierItem, SyncPolicy
from domain.suppliers import Supplier, SupplierOffer

READ_SCOPE = "suppliers:read"
Listed = tuple[UUID, str]  # supplier and item

_ITEMS = """
SELECT i.id FROM supplier_items i
WHERE i.supplier_id = $1 AND i.item > $2
    AND ($3 = '' OR strpos(lower(i.name), lower($3)) > 0 OR strpos(i.item, $3) > 0)
    AND ($4::bool IS NULL OR $4 = EXISTS (SELECT 1 FROM supplier_offers o
        WHERE o.supplier_id = i.supplier_id AND coalesce(o.listed_item, o.item) = i.item))
ORDER BY i.item LIMIT $5
"""
_LAST = """
SELECT DISTINCT ON (supplier_id) id FROM catalogue_runs
WHERE supplier_id = ANY($1) ORDER BY supplier_id, id DESC
"""


@dataclass(frozen=True, slots=True)
class FollowedSupplier:
    """A supplier whose list is followed, and the last run."""

    supplier: Supplier
    policy: SyncPolicy
    last_run: CatalogueRun | None


async def list_items(
    actor: Actor,
    page: PageRequest,
    supplier_code: str,
    *,
    search: str = "",
    mapped: bool | None = None,
) -> Page[SupplierItem]:
    """What a supplier lists, by item; needs `suppliers:read`. `mapped`: only what some offer is
    for, or only what none is for."""
    actor.require_scope(READ_SCOPE)
    supplier = await Supplier.filter(code=supplier_code).first()
    if supplier is None:
        return page_of(page, [], lambda item: (item.item,))
    after = page.after[0] if page.after else ""
    async with connection() as conn:
        found = await conn.fetch(_ITEMS, supplier.id, after, search, mapped, page.first + 1)
    rows = await SupplierItem.filter(id__in=[row["id"] for row in found]).order_by("item")
    return page_of(page, sorted(rows, key=lambda each: each.item), lambda item: (item.item,))


async def offers_of_items(items: Sequence[Listed]) -> dict[Listed, list[SupplierOffer]]:
    """The offers that listed items are for, each by its supplier and name; one statement."""
    found: dict[Listed, list[SupplierOffer]] = {each: [] for each in items}
    suppliers = list({supplier_id for supplier_id, _ in items})
    for offer in await SupplierOffer.filter(supplier_id__in=suppliers).order_by("id"):
        key = (offer.supplier_id, offer.listed_item or offer.item)  # type: ignore[attr-defined]
        if key in found:
            found[key].append(offer)
    return found


async def list_followed(actor: Actor) -> list[FollowedSupplier]:
    """All suppliers whose list is followed, or was; needs `suppliers:read`."""
    actor.require_scope(READ_SCOPE)
    policies = {row.supplier_id: row for row in await SyncPolicy.all()}
    async with connection() as conn:
        last = await conn.fetch(_LAST, list(policies))
    runs = await CatalogueRun.filter(id__in=[row["id"] for row in last])
    by_supplier = {run.supplier_id: run for run in runs}
    rows = await Supplier.filter(id__in=list(policies)).order_by("code")
    return [FollowedSupplier(row, policies[row.id], by_supplier.get(row.id)) for row in rows]
