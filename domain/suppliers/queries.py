"""Reads of suppliers and offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.catalog import OFFER_AUTHORISED
from domain.kernel import Actor, Page, PageRequest, clock, connection, page_of
from domain.suppliers.models import Availability, OfferChange, Supplier, SupplierOffer
from domain.suppliers.ports import RateLimit
from domain.suppliers.reaching import WAY
from domain.suppliers.statements import BARRED, OFFER_COST, USABLE

# A supplier without the document that the brand needs is asked for nothing (mission row A8).
_BRAND = (
    "(SELECT p.brand_id FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = $1)"
)
_AUTHORISED = OFFER_AUTHORISED.format(moment="$2", supplier="o.supplier_id", brand=_BRAND)
_ENABLED = f"""
SELECT DISTINCT o.variant_id FROM supplier_offers o JOIN suppliers s ON s.id = o.supplier_id
WHERE o.variant_id = ANY($1) AND {USABLE.format(moment="$2")}
"""  # noqa: S608 - words of this house
_CANDIDATE = f"""o.id, o.supplier_id, s.code, o.item, {OFFER_COST.format(moment="$2")}, o.fee,
    o.currency, s.priority, o.priority, o.weight,
    o.enabled, s.state = 'active', {_AUTHORISED}, s.max_open, o.units,
    {BARRED.format(moment="$2")}, o.availability,
    s.pace_calls, s.pace_seconds"""
_OFFERED = """FROM supplier_offers o JOIN suppliers s ON s.id = o.supplier_id
WHERE o.variant_id = $1"""
_FACTS = f"SELECT {_CANDIDATE} {_OFFERED}"
_ONE_OF_THEM = _FACTS + " AND o.id = $3"
# Some offers as `candidate_in` reads them, and as `way_in` does: a piece of a larger statement.
SOME_OFFERS = (
    (
        f"""
SELECT o.id AS offer_id, o.supplier_id, ROW({_CANDIDATE}) AS candidate, ROW({WAY}) AS way
{_OFFERED} AND o.id = ANY(:offers::uuid[])
"""
    )
    .replace("$1", ":variant")
    .replace("$2", ":moment")
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer of a variant, and what its operator says of it; amounts in units for one piece.

    `fee` is what a piece costs us beside the price; `units` of the item make one piece. It may be
    bought from while it is `enabled`, its supplier `active` and has it (`availability`), and the
    brand's document, where one is needed, in force (`authorised`).
    """

    offer_id: UUID
    supplier_id: UUID
    supplier_code: str
    item: str
    cost: int
    fee: int
    currency: str
    supplier_priority: int
    offer_priority: int
    weight: int
    enabled: bool = True
    active: bool = True
    authorised: bool = True
    max_open: int | None = None
    units: int = 1
    barred: bool = False  # a contract says that the variant is bought from another supplier
    availability: Availability = Availability.ON_SALE
    pace: RateLimit | None = None


async def variants_with_offers(variant_ids: Sequence[UUID]) -> set[UUID]:
    """Which of the variants some active supplier offers; one statement."""
    async with connection() as conn:
        return {
            row["variant_id"] for row in await conn.fetch(_ENABLED, list(variant_ids), clock.now())
        }


async def candidates_of(variant_id: UUID) -> list[Candidate]:
    """All offers of a variant; in the caller's transaction, if any."""
    async with connection() as conn:
        return [candidate_in(row) for row in await conn.fetch(_FACTS, variant_id, clock.now())]


async def candidate_now(variant_id: UUID, offer_id: UUID) -> Candidate | None:
    """One offer of a variant as it stands; in the caller's transaction, if any."""
    async with connection() as conn:
        row = await conn.fetchrow(_ONE_OF_THEM, variant_id, clock.now(), offer_id)
    return candidate_in(row) if row else None


async def list_suppliers(actor: Actor) -> list[Supplier]:
    """All suppliers, in the order of their priority; needs `suppliers:read`."""
    actor.require_scope("suppliers:read")
    return await Supplier.all().order_by("priority", "code")


async def codes_of(supplier_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The codes of suppliers; one statement for all. For the back office."""
    return dict(await Supplier.filter(id__in=list(supplier_ids)).values_list("id", "code"))


async def offers_of_suppliers(supplier_ids: Sequence[UUID]) -> dict[UUID, list[SupplierOffer]]:
    """The offers of suppliers; one statement for all."""
    found: dict[UUID, list[SupplierOffer]] = {each: [] for each in supplier_ids}
    rows = SupplierOffer.filter(supplier_id__in=list(supplier_ids)).order_by("item")
    for offer in await rows:
        found[offer.supplier_id].append(offer)  # type: ignore[attr-defined]
    return found


async def offer_history(actor: Actor, offer_id: UUID, page: PageRequest) -> Page[OfferChange]:
    """What an offer cost, and whether it could be had, newest first; needs `suppliers:read`."""
    actor.require_scope("suppliers:read")
    rows = OfferChange.filter(offer_id=offer_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda change: (change.id,))


def candidate_in(row: Sequence[Any]) -> Candidate:
    """An offer as it was read."""
    *told, availability, calls, seconds = row
    pace = RateLimit(calls, float(seconds)) if calls else None
    known = (*told, Availability(availability), pace)
    return Candidate(*known)
