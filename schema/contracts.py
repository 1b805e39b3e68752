"""Contracts with suppliers: for the back office."""

from datetime import datetime

import strawberry

from domain import replenishment, suppliers
from domain.kernel import Prefix
from resolvers import contracts as resolvers
from resolvers import replenishment as stock
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.scalars import Money, id_field


@strawberry.type(description="What a contract says of one variant.")
@presents(suppliers.ContractTerm)
class ContractTerm:
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    sku: str = field(resolvers.sku_of)
    unit_cost: Money | None = field(
        resolvers.unit_cost, description="For one piece; null: the price of the supplier's list."
    )
    min_quantity: int = field(description="Of a purchase for stock.")
    exclusive: bool = field(description="It is bought from this supplier only.")


@strawberry.type(description="How far a contract is fulfilled.")
@presents(replenishment.ContractProgress)
class ContractProgress:
    bought: Money = field(stock.bought)
    missing: Money = field(stock.missing, description="Of the minimum.")
    rebate: Money = field(stock.rebate, description="What its supplier is to give back so far.")


@strawberry.type(description="What was agreed with a supplier for a time. Rates in 1/10000.")
@presents(suppliers.SupplierContract)
class SupplierContract:
    id: strawberry.ID = id_field(Prefix.SUPPLIER_CONTRACT)
    supplier_id: strawberry.ID = id_field(Prefix.SUPPLIER, "supplier_id")
    supplier_code: str = field(resolvers.supplier_code_of)
    number: str
    valid_from: datetime
    valid_until: datetime
    ended_at: datetime | None = field(description="When it was ended early.")
    terms: list[ContractTerm] = field(resolvers.terms_of, size=50)
    minimum: Money = field(resolvers.minimum, description="To be bought within its time.")
    rebate_from: Money = field(resolvers.rebate_from)
    rebate_rate: int = field(description="Of all that was bought, from `rebateFrom` on.")
    note: str
    progress: ContractProgress | None = field(stock.progress_of)


@strawberry.type
class SupplierContractSavePayload:
    contract: SupplierContract | None
    user_errors: list[UserError]


@strawberry.type
class SupplierContractEndPayload:
    contract: SupplierContract | None
    user_errors: list[UserError]


@strawberry.type
class ContractsAdminQuery:
    supplier_contracts: list[SupplierContract] = field(
        resolvers.supplier_contracts,
        permissions=[Scope("suppliers:read")],
        size=20,
        description="Newest first.",
    )


@strawberry.type
class ContractsAdminMutation:
    supplier_contract_save: SupplierContractSavePayload = mutation(
        resolvers.supplier_contract_save,
        payload=SupplierContractSavePayload,
        entity="contract",
        permissions=[Scope("suppliers:write")],
        description="Keep a contract, or change the one of this supplier and number. While it is in"
        " force, its prices are what the supplier's offers cost.",
    )
    supplier_contract_end: SupplierContractEndPayload = mutation(
        resolvers.supplier_contract_end,
        payload=SupplierContractEndPayload,
        entity="contract",
        permissions=[Scope("suppliers:write")],
        description="End a contract now.",
    )
