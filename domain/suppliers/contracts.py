"""Contracts with suppliers, as operators keep them (mission row D9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import audit, catalog
from domain.kernel import (
    Actor,
    Invalid,
    NotFound,
    Refused,
    clock,
    new_id,
    refuse_unless,
    transaction,
)
from domain.suppliers.models import ContractTerm, Supplier, SupplierContract
from domain.suppliers.service import WRITE_SCOPE

READ_SCOPE = "suppliers:read"
MAX_TERMS, MAX_NOTE, MAX_QUANTITY, WHOLE = 500, 500, 1_000_000, 10_000


@dataclass(frozen=True, slots=True)
class TermWish:
    """What a contract shall say of one variant; `unit_cost` in units, None: the list's price."""

    sku: str
    unit_cost: int | None = None
    min_quantity: int = 1
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class ContractWish:
    """A contract as it shall be; see `SupplierContract`."""

    supplier_code: str
    number: str
    valid_from: datetime
    valid_until: datetime
    terms: Sequence[TermWish] = ()
    minimum: int = 0
    rebate_from: int = 0
    rebate_rate: int = 0
    note: str = ""


async def save_contract(actor: Actor, wish: ContractWish) -> SupplierContract:
    """Keep a contract, or change the one of this supplier and number. Audited.

    From `valid_from` on its prices are what its supplier's offers cost; what is exclusive in it is
    bought from nobody else. Needs `suppliers:write`. Refuses an unknown supplier or SKU, a SKU
    twice, times that do not last, numbers out of limits, and one that was ended.
    """
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    supplier = await Supplier.filter(code=wish.supplier_code).first()
    if supplier is None:
        raise Refused(NotFound(what="supplier", field=("supplierCode",)))
    variants = await catalog.variants_by_sku([term.sku for term in wish.terms])
    for place, term in enumerate(wish.terms):
        path = ("terms", str(place), "sku")
        refuse_unless(term.sku in variants, NotFound(what="variant", field=path))
    moment = clock.now()
    async with transaction() as conn:
        found = SupplierContract.filter(supplier_id=supplier.id, number=wish.number)
        contract = await found.select_for_update().first()
        contract = contract or SupplierContract(
            id=new_id(),
            supplier_id=supplier.id,
            number=wish.number,
            version=0,
            created_at=moment,
        )
        refuse_unless(contract.ended_at is None, Invalid(reason="contract_over", field=("number",)))
        values = ("valid_from", "valid_until", "minimum", "rebate_from", "rebate_rate", "note")
        contract.update_from_dict({name: getattr(wish, name) for name in values})
        contract.version, contract.updated_at = contract.version + 1, moment
        await contract.save(force_create=contract.version == 1)
        await ContractTerm.filter(contract_id=contract.id).delete()
        for term in wish.terms:
            await ContractTerm.create(
                contract_id=contract.id,
                variant_id=variants[term.sku].id,
                unit_cost=term.unit_cost,
                min_quantity=term.min_quantity,
                exclusive=term.exclusive,
            )
        details = {
            "supplier": supplier.code,
            "number": wish.number,
            "from": wish.valid_from.isoformat(),
            "until": wish.valid_until.isoformat(),
            "terms": [[t.sku, t.unit_cost, t.min_quantity, t.exclusive] for t in wish.terms],
        }
        await audit.record(conn, actor, "supplier_contract.save", contract.id, details)
    return contract


async def end_contract(actor: Actor, contract_id: UUID, reason: str) -> SupplierContract:
    """End a contract now. Needs `suppliers:write` and a reason; audited. A second time changes
    nothing."""
    actor.require_scope(WRITE_SCOPE)
    fits = 0 < len(reason.strip()) <= MAX_NOTE
    refuse_unless(fits, Invalid(reason="review_reason", field=("reason",)))
    async with transaction() as conn:
        contract = await SupplierContract.filter(id=contract_id).select_for_update().first()
        if contract is None:
            raise Refused(NotFound(what="supplier contract", field=("id",)))
        if contract.ended_at is None:
            contract.ended_at = contract.updated_at = clock.now()
            contract.version += 1
            await contract.save()
            details = {"number": contract.number, "reason": reason.strip()}
            await audit.record(conn, actor, "supplier_contract.end", contract.id, details)
    return contract


async def list_contracts(actor: Actor, supplier_code: str | None = None) -> list[SupplierContract]:
    """The contracts of a supplier, or of all, the newest first; needs `suppliers:read`."""
    actor.require_scope(READ_SCOPE)
    rows = SupplierContract.all().order_by("-valid_from", "-id")
    if supplier_code is not None:
        supplier = await Supplier.filter(code=supplier_code).first()
        rows = rows.filter(supplier_id=supplier.id if supplier else new_id())
    return await rows


async def terms_of_contracts(contract_ids: Sequence[UUID]) -> dict[UUID, list[ContractTerm]]:
    """What contracts say of variants; one statement for all."""
    found: dict[UUID, list[ContractTerm]] = {each: [] for each in contract_ids}
    for term in await ContractTerm.filter(contract_id__in=list(contract_ids)).order_by("id"):
        found[term.contract_id].append(term)
    return found


def _check(wish: ContractWish) -> None:
    fits = 0 < len(wish.number.strip()) <= 64 and wish.number.isprintable()
    refuse_unless(fits, Invalid(reason="contract_number", field=("number",)))
    lasts = wish.valid_from < wish.valid_until
    refuse_unless(lasts, Invalid(reason="window", field=("validUntil",)))
    amounts = (("minimum", wish.minimum), ("rebateFrom", wish.rebate_from))
    for name, amount in amounts:
        refuse_unless(amount >= 0, Invalid(reason="contract_amount", field=(name,)))
    fits = 0 <= wish.rebate_rate <= WHOLE
    refuse_unless(fits, Invalid(reason="contract_rate", field=("rebateRate",)))
    refuse_unless(len(wish.note) <= MAX_NOTE, Invalid(reason="contract_note", field=("note",)))
    fits = len(wish.terms) <= MAX_TERMS
    refuse_unless(fits, Invalid(reason="contract_terms", field=("terms",)))
    once = len({term.sku for term in wish.terms}) == len(wish.terms)
    refuse_unless(once, Invalid(reason="sku_twice", field=("terms",)))
    for place, term in enumerate(wish.terms):
        path = ("terms", str(place))
        priced = term.unit_cost is None or term.unit_cost > 0
        refuse_unless(priced, Invalid(reason="offer_cost", field=(*path, "unitCost")))
        fits = 1 <= term.min_quantity <= MAX_QUANTITY
        refuse_unless(fits, Invalid(reason="contract_quantity", field=(*path, "minQuantity")))
