"""How contracts with suppliers are answered (back office)."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import suppliers
from domain.kernel import Money, Prefix, decode_id
from domain.suppliers import CURRENCY, ContractTerm, SupplierContract
from resolvers.batches import there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def supplier_contracts(
    info: Info, supplier_code: str | None = None
) -> list[SupplierContract]:
    """The contracts of a supplier, or of all, the newest first."""
    return await suppliers.list_contracts(info.context.actor, supplier_code)


@strawberry.input(description="What a contract says of one variant.")
class ContractTermInput:
    sku: str
    unit_cost: MoneyInput | None = strawberry.field(
        default=None, description="For one piece; left out: the price of the supplier's list."
    )
    min_quantity: int = strawberry.field(default=1, description="Of a purchase for stock.")
    exclusive: bool = strawberry.field(
        default=False, description="It is bought from this supplier only."
    )


async def supplier_contract_save(
    info: Info,
    supplier_code: str,
    number: str,
    valid_from: datetime,
    valid_until: datetime,
    terms: list[ContractTermInput],
    minimum: MoneyInput | None = None,
    rebate_from: MoneyInput | None = None,
    rebate_rate: int = 0,
    note: str = "",
) -> SupplierContract:
    """Keep a contract, or change the one of this supplier and number."""
    wish = suppliers.ContractWish(
        supplier_code,
        number,
        valid_from,
        valid_until,
        [
            suppliers.TermWish(
                term.sku,
                _units(term.unit_cost, "terms", str(place), "unitCost"),
                term.min_quantity,
                term.exclusive,
            )
            for place, term in enumerate(terms)
        ],
        _units(minimum, "minimum") or 0,
        _units(rebate_from, "rebateFrom") or 0,
        rebate_rate,
        note,
    )
    return await suppliers.save_contract(info.context.actor, wish)


async def supplier_contract_end(info: Info, id: strawberry.ID, reason: str) -> SupplierContract:
    """End a contract now."""
    contract = decode_id(Prefix.SUPPLIER_CONTRACT, id)
    return await suppliers.end_contract(info.context.actor, contract, reason)


async def terms_of(contract: Parent[SupplierContract], info: Info) -> list[ContractTerm]:
    """What a contract says of variants."""
    return await info.context.loaders.contract_terms.load(contract.id)


def minimum(contract: Parent[SupplierContract]) -> Money:
    """What is to be bought within its time."""
    return Money(contract.minimum, CURRENCY)


def rebate_from(contract: Parent[SupplierContract]) -> Money:
    """From what on something is given back."""
    return Money(contract.rebate_from, CURRENCY)


def unit_cost(term: Parent[ContractTerm]) -> Money | None:
    """What a piece costs by contract."""
    return None if term.unit_cost is None else Money(term.unit_cost, CURRENCY)


def _units(given: MoneyInput | None, *field: str) -> int | None:
    return money_of(given, *field, currency=CURRENCY).units if given else None


async def sku_of(row: Parent[ContractTerm], info: Info) -> str:
    """Which variant it is about, as operators call it."""
    return there(await info.context.loaders.variants.load(row.variant_id)).sku


async def supplier_code_of(row: Parent[SupplierContract], info: Info) -> str:
    """The code of its supplier."""
    return await info.context.loaders.supplier_codes.load(row.supplier_id)
