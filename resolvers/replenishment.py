"""How buying for stock is answered (back office)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import strawberry
from strawberry import Parent

from domain import replenishment, suppliers
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from domain.replenishment import (
    BudgetPeriod,
    ContractProgress,
    ProposalState,
    PurchaseBudget,
    PurchaseProposal,
    ReplenishMode,
    ReplenishPolicy,
    StockFigures,
    StockPurchase,
    SupplyShares,
    TierShare,
)
from domain.suppliers import CURRENCY
from resolvers.batches import there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


@dataclass(frozen=True, slots=True)
class Considered:
    """One offer that a proposal was made from."""

    supplier_code: str
    item: str
    cost: Money
    quantity: int
    limited_by: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """From what a proposal follows."""

    available: int
    on_order: int
    safety_stock: int
    per_day: int
    safety: int
    reorder_point: int
    target: int
    needed: int
    abc: replenishment.AbcClass
    lead_days: int
    cover_days: int
    offers: list[Considered]


async def purchase_proposals(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    states: list[ProposalState] | None = None,
) -> Page[PurchaseProposal]:
    """Proposals, newest first."""
    asked = page_request(f"purchaseProposals {states}", first, after)
    return await replenishment.list_proposals(info.context.actor, asked, states)


async def purchase_budgets(info: Info) -> list[PurchaseBudget]:
    """All budgets, those for all suppliers first."""
    return await replenishment.list_budgets(info.context.actor)


async def replenish_policies(info: Info) -> list[ReplenishPolicy]:
    """All policies, that of all the rest first."""
    return await replenishment.list_policies(info.context.actor)


async def stock_figures(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[StockFigures]:
    """How the stock of each variant stands, by sku."""
    return await replenishment.stock_figures(
        info.context.actor, page_request("stockFigures", first, after)
    )


async def supply_shares(info: Info, since: datetime, until: datetime) -> SupplyShares:
    """From how near the maker goods came in a time."""
    return await replenishment.supply_shares(info.context.actor, since, until)


async def replenish_policy_save(
    info: Info,
    mode: ReplenishMode,
    sku: str | None = None,
    lead_days: int = 1,
    cover_days: int | None = None,
    max_quantity: int = 500,
    auto_limit: MoneyInput | None = None,
    two_approvals_from: MoneyInput | None = None,
) -> ReplenishPolicy:
    """Keep the policy of a SKU, or of all the rest."""
    two = _units(two_approvals_from, "twoApprovalsFrom")
    wish = replenishment.PolicyWish(
        mode, sku, lead_days, cover_days, max_quantity, _units(auto_limit, "autoLimit") or 0
    )
    if two is not None:
        wish = replenishment.PolicyWish(
            mode, sku, lead_days, cover_days, max_quantity, wish.auto_limit, two
        )
    return await replenishment.save_policy(info.context.actor, wish)


async def purchase_budget_save(
    info: Info, period: BudgetPeriod, amount: MoneyInput, supplier_code: str | None = None
) -> PurchaseBudget:
    """Keep a budget."""
    units = money_of(amount, "amount", currency=CURRENCY).units
    wish = replenishment.BudgetWish(period, units, supplier_code)
    return await replenishment.save_budget(info.context.actor, wish)


async def purchase_budget_delete(info: Info, id: strawberry.ID) -> PurchaseBudget:
    """Take a budget away."""
    budget = decode_id(Prefix.PURCHASE_BUDGET, id)
    return await replenishment.delete_budget(info.context.actor, budget)


async def purchase_propose(info: Info, sku: str, quantity: int | None = None) -> PurchaseProposal:
    """Propose a purchase by hand."""
    return await replenishment.propose(info.context.actor, sku, quantity)


async def purchase_approve(
    info: Info, proposal_id: strawberry.ID, note: str = ""
) -> PurchaseProposal:
    """Approve a proposal."""
    proposal = decode_id(Prefix.PURCHASE_PROPOSAL, proposal_id, field=("proposalId",))
    return await replenishment.approve(info.context.actor, proposal, note)


async def purchase_decline(info: Info, proposal_id: strawberry.ID, reason: str) -> PurchaseProposal:
    """Decline a proposal."""
    proposal = decode_id(Prefix.PURCHASE_PROPOSAL, proposal_id, field=("proposalId",))
    return await replenishment.decline(info.context.actor, proposal, reason)


async def purchase_give_up(info: Info, purchase_id: strawberry.ID, reason: str) -> StockPurchase:
    """Say that a purchase was surely not sold."""
    purchase = decode_id(Prefix.STOCK_PURCHASE, purchase_id, field=("purchaseId",))
    return await replenishment.give_up(info.context.actor, purchase, reason)


async def purchases_of(proposal: Parent[PurchaseProposal], info: Info) -> list[StockPurchase]:
    """The purchases of a proposal, oldest first."""
    return await info.context.loaders.stock_purchases.load(proposal.id)


def explanation(proposal: Parent[PurchaseProposal]) -> Explanation:
    """From what a proposal follows."""
    told: dict[str, Any] = proposal.reason
    names = ("available", "on_order", "safety_stock", "per_day", "safety", "reorder_point")
    values = {name: told[name] for name in (*names, "target", "needed", "lead_days", "cover_days")}
    offers = [
        Considered(
            row["supplier"],
            row["item"],
            Money(row["cost"], CURRENCY),
            row["quantity"],
            row["limited_by"],
        )
        for row in told["offers"]
    ]
    return Explanation(**values, abc=replenishment.AbcClass(told["abc"]), offers=offers)


def unit_cost(proposal: Parent[PurchaseProposal]) -> Money:
    """What a piece costs at the first choice."""
    return Money(proposal.unit_cost, CURRENCY)


def amount(row: Parent[PurchaseProposal | PurchaseBudget]) -> Money:
    """What may be spent at most."""
    return Money(row.amount, CURRENCY)


async def spent(budget: Parent[PurchaseBudget]) -> Money:
    """What counts against a budget now."""
    return Money(await replenishment.spent_of(budget), CURRENCY)


def supplier_of(budget: Parent[PurchaseBudget]) -> strawberry.ID | None:
    """Whose budget it is."""
    if budget.supplier_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.SUPPLIER, budget.supplier_id))


def variant_of(policy: Parent[ReplenishPolicy]) -> strawberry.ID | None:
    """For which variant it is."""
    if policy.variant_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.VARIANT, policy.variant_id))


def approver(user_id: Any) -> strawberry.ID | None:
    """A user's public id."""
    return None if user_id is None else strawberry.ID(encode_id(Prefix.USER, user_id))


def proposed_by(proposal: Parent[PurchaseProposal]) -> strawberry.ID | None:
    """Who proposed it."""
    return approver(proposal.proposed_by)


def first_by(proposal: Parent[PurchaseProposal]) -> strawberry.ID | None:
    """Who approved it first."""
    return approver(proposal.first_by)


def second_by(proposal: Parent[PurchaseProposal]) -> strawberry.ID | None:
    """Who approved it besides."""
    return approver(proposal.second_by)


def auto_limit(policy: Parent[ReplenishPolicy]) -> Money:
    """Up to what it is bought without approval."""
    return Money(policy.auto_limit, CURRENCY)


def two_approvals_from(policy: Parent[ReplenishPolicy]) -> Money:
    """From what on two must approve."""
    return Money(policy.two_approvals_from, CURRENCY)


def purchase_cost(purchase: Parent[StockPurchase]) -> Money | None:
    """What the supplier charged."""
    return None if purchase.cost is None else Money(purchase.cost, CURRENCY)


def reserved(purchase: Parent[StockPurchase]) -> Money:
    """What it may cost at most."""
    return Money(purchase.reserved, CURRENCY)


def batch_of(purchase: Parent[StockPurchase]) -> strawberry.ID | None:
    """The batch that came of it."""
    if purchase.batch_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.CARD_BATCH, purchase.batch_id))


def worth(figures: Parent[StockFigures]) -> Money:
    """What is available has cost."""
    return Money(figures.worth, CURRENCY)


def revenue(figures: Parent[StockFigures]) -> Money:
    """What was sold in four weeks brought in."""
    return Money(figures.revenue, CURRENCY)


def cost_of_sales(figures: Parent[StockFigures]) -> Money:
    """What was sold in four weeks had cost."""
    return Money(figures.cost, CURRENCY)


def tier_cost(share: Parent[TierShare]) -> Money:
    """What was bought from a tier."""
    return Money(share.cost, CURRENCY)


def total(shares: Parent[SupplyShares]) -> Money:
    """What was bought of all."""
    return Money(shares.total, CURRENCY)


async def progress_of(
    contract: Parent[suppliers.SupplierContract], info: Info
) -> ContractProgress | None:
    """How far a contract is fulfilled."""
    return await info.context.loaders.contract_progress.load(contract.id)


def bought(progress: Parent[ContractProgress]) -> Money:
    """What was bought under it."""
    return Money(progress.bought, CURRENCY)


def missing(progress: Parent[ContractProgress]) -> Money:
    """What is still to be bought."""
    return Money(progress.missing, CURRENCY)


def rebate(progress: Parent[ContractProgress]) -> Money:
    """What its supplier is to give back."""
    return Money(progress.rebate, CURRENCY)


def _units(given: MoneyInput | None, field: str) -> int | None:
    return money_of(given, field, currency=CURRENCY).units if given else None


async def sku_of(row: Parent[PurchaseProposal], info: Info) -> str:
    """Which variant it is about, as operators call it."""
    return there(await info.context.loaders.variants.load(row.variant_id)).sku


async def supplier_code_of(row: Parent[StockPurchase], info: Info) -> str:
    """The code of its supplier."""
    return await info.context.loaders.supplier_codes.load(row.supplier_id)
