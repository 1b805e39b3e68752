"""Buying for stock: for the back office."""

from datetime import datetime

import strawberry

from domain import replenishment
from domain.fulfilment import AttemptStatus
from domain.kernel import Prefix
from domain.replenishment import AbcClass, BudgetPeriod, ProposalState, ReplenishMode
from domain.suppliers import SupplierTier
from resolvers import replenishment as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="How a variant is bought for stock.")
@presents(replenishment.ReplenishPolicy)
class ReplenishPolicy:
    variant_id: strawberry.ID | None = field(
        resolvers.variant_of, description="Null: all without a policy of their own."
    )
    mode: ReplenishMode
    lead_days: int = field(description="How long a purchase takes to come.")
    cover_days: int | None = field(
        description="How long it should last; null: 14 days of class A, 7 of B, 3 of C."
    )
    max_quantity: int
    auto_limit: Money = field(
        resolvers.auto_limit, description="Up to this `AUTO` buys without approval."
    )
    two_approvals_from: Money = field(
        resolvers.two_approvals_from, description="From this on two must approve."
    )


@strawberry.type(description="What may be spent on stock. Without one for all nothing is bought.")
@presents(replenishment.PurchaseBudget)
class PurchaseBudget:
    id: strawberry.ID = id_field(Prefix.PURCHASE_BUDGET)
    supplier_id: strawberry.ID | None = field(
        resolvers.supplier_of, description="Null: all suppliers together."
    )
    period: BudgetPeriod
    amount: Money = field(resolvers.amount)
    spent: Money = field(
        resolvers.spent,
        cost=1,
        description="In this period: what purchases cost, and what those under way may cost.",
    )


@strawberry.type(description="One offer that a proposal was made from.")
@presents(resolvers.Considered)
class ConsideredOffer:
    supplier_code: str
    item: str
    cost: Money
    quantity: int = field(description="So many could be bought from it.")
    limited_by: str | None = field(
        description="budget, balance, max_quantity, or why it is not asked; null: nothing."
    )


@strawberry.type(description="From what a proposal follows, as it was then.")
@presents(resolvers.Explanation)
class PurchaseReason:
    available: int
    on_order: int
    safety_stock: int
    per_day: int = field(description="Pieces that are expected to be sold a day, in 1/10000.")
    safety: int = field(description="What is kept against bad luck, at least the safety stock.")
    reorder_point: int
    target: int
    needed: int
    abc: AbcClass
    lead_days: int
    cover_days: int
    offers: list[ConsideredOffer] = field(size=10)


@strawberry.type(description="One try to buy for stock from one offer.")
@presents(replenishment.StockPurchase)
class StockPurchase:
    id: strawberry.ID = id_field(Prefix.STOCK_PURCHASE)
    supplier_id: strawberry.ID = id_field(Prefix.SUPPLIER, "supplier_id")
    supplier_code: str = field(resolvers.supplier_code_of)
    item: str
    quantity: int
    reference: str = field(description="Ours, told to the supplier; stable for life.")
    status: AttemptStatus
    category: str | None
    reserved: Money = field(resolvers.reserved, description="What it may cost at most.")
    cost: Money | None = field(resolvers.purchase_cost)
    upstream_id: str | None
    received: int = field(description="Cards that came and were new.")
    duplicates: int
    batch_id: strawberry.ID | None = field(resolvers.batch_of)
    opened_at: datetime
    finished_at: datetime | None


@strawberry.type(description="So many pieces to be bought for stock, for at most so much; and why.")
@presents(replenishment.PurchaseProposal)
class PurchaseProposal:
    id: strawberry.ID = id_field(Prefix.PURCHASE_PROPOSAL)
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    sku: str = field(resolvers.sku_of)
    state: ProposalState
    quantity: int
    unit_cost: Money = field(resolvers.unit_cost)
    amount: Money = field(resolvers.amount)
    received: int
    approvals_needed: int
    reason: PurchaseReason = field(resolvers.explanation)
    proposed_by: strawberry.ID | None = field(
        resolvers.proposed_by, description="Null: the planner."
    )
    first_by: strawberry.ID | None = field(resolvers.first_by, description="Who approved it.")
    second_by: strawberry.ID | None = field(resolvers.second_by)
    note: str
    proposed_at: datetime
    closed_at: datetime | None
    purchases: list[StockPurchase] = field(resolvers.purchases_of, size=5)


@strawberry.type(description="What a variant needs now. `perDay` in 1/10000.")
@presents(replenishment.Need)
class StockNeed:
    quantity: int
    per_day: int
    safety: int
    reorder_point: int
    target: int


@strawberry.type(description="How a variant's stock stands; sales of the last four weeks.")
@presents(replenishment.StockFigures)
class StockFigures:
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    sku: str
    abc: AbcClass | None
    available: int
    worth: Money = field(resolvers.worth, description="What is available has cost.")
    sold: int
    revenue: Money = field(resolvers.revenue)
    cost_of_sales: Money = field(resolvers.cost_of_sales)
    turnover: int | None = field(
        description="How often the average stock was sold, in 1/10000; null: there was none."
    )
    ages: list[int] = field(
        size=4, description="What is available by age: up to 7, 30, 90 days, and beyond."
    )
    need: StockNeed | None = field(description="Null: it has no policy.")


@strawberry.type(description="What was bought from suppliers of one tier.")
@presents(replenishment.TierShare)
class SupplyShare:
    tier: SupplierTier
    cost: Money = field(resolvers.tier_cost)
    purchases: int
    share: int = field(description="Of all, in 1/10000.")


@strawberry.type(description="From how near the maker goods came.")
@presents(replenishment.SupplyShares)
class SupplyShares:
    total: Money = field(resolvers.total)
    direct: int | None = field(
        description="What came from makers, in 1/10000; null: nothing was bought."
    )
    tiers: list[SupplyShare] = field(size=3)


@strawberry.type
class ReplenishPolicySavePayload:
    policy: ReplenishPolicy | None
    user_errors: list[UserError]


@strawberry.type
class PurchaseBudgetSavePayload:
    budget: PurchaseBudget | None
    user_errors: list[UserError]


@strawberry.type
class PurchaseBudgetDeletePayload:
    budget: PurchaseBudget | None
    user_errors: list[UserError]


@strawberry.type
class PurchaseProposePayload:
    proposal: PurchaseProposal | None
    user_errors: list[UserError]


@strawberry.type
class PurchaseApprovePayload:
    proposal: PurchaseProposal | None
    user_errors: list[UserError]


@strawberry.type
class PurchaseGiveUpPayload:
    purchase: StockPurchase | None
    user_errors: list[UserError]


@strawberry.type
class PurchaseDeclinePayload:
    proposal: PurchaseProposal | None
    user_errors: list[UserError]


@strawberry.type
class ReplenishmentAdminQuery:
    purchase_proposals: Connection[PurchaseProposal] = field(
        resolvers.purchase_proposals,
        permissions=[Scope("purchases:read")],
        description="Newest first.",
    )
    purchase_budgets: list[PurchaseBudget] = field(
        resolvers.purchase_budgets, permissions=[Scope("purchases:read")], size=10
    )
    replenish_policies: list[ReplenishPolicy] = field(
        resolvers.replenish_policies, permissions=[Scope("purchases:read")], size=50
    )
    stock_figures: Connection[StockFigures] = field(
        resolvers.stock_figures,
        permissions=[Scope("purchases:read")],
        description="Of every variant that ever had cards, by sku: turnover, age, class, need.",
    )
    supply_shares: SupplyShares = field(
        resolvers.supply_shares,
        permissions=[Scope("purchases:read")],
        description="From suppliers of which tier goods were bought in a time.",
    )


@strawberry.type
class ReplenishmentAdminMutation:
    replenish_policy_save: ReplenishPolicySavePayload = mutation(
        resolvers.replenish_policy_save,
        payload=ReplenishPolicySavePayload,
        entity="policy",
        permissions=[Scope("purchases:write")],
        description="Keep the policy of a SKU, or without one of all the rest.",
    )
    purchase_budget_save: PurchaseBudgetSavePayload = mutation(
        resolvers.purchase_budget_save,
        payload=PurchaseBudgetSavePayload,
        entity="budget",
        permissions=[Scope("purchases:write")],
        description="Keep the budget of a supplier, or of all, for a day or a month.",
    )
    purchase_budget_delete: PurchaseBudgetDeletePayload = mutation(
        resolvers.purchase_budget_delete,
        payload=PurchaseBudgetDeletePayload,
        entity="budget",
        permissions=[Scope("purchases:write")],
        description="Take a budget away.",
    )
    purchase_propose: PurchaseProposePayload = mutation(
        resolvers.purchase_propose,
        payload=PurchaseProposePayload,
        entity="proposal",
        permissions=[Scope("purchases:write")],
        description="Propose a purchase by hand; somebody else approves it.",
    )
    purchase_approve: PurchaseApprovePayload = mutation(
        resolvers.purchase_approve,
        payload=PurchaseApprovePayload,
        entity="proposal",
        permissions=[Scope("purchases:approve")],
        description="Approve a proposal; with the last approval that it needs it is bought.",
    )
    purchase_decline: PurchaseDeclinePayload = mutation(
        resolvers.purchase_decline,
        payload=PurchaseDeclinePayload,
        entity="proposal",
        permissions=[Scope("purchases:approve")],
        description="Decline a proposal.",
    )
    purchase_give_up: PurchaseGiveUpPayload = mutation(
        resolvers.purchase_give_up,
        payload=PurchaseGiveUpPayload,
        entity="purchase",
        permissions=[Scope("purchases:approve")],
        description="Say that an open purchase was surely not sold: the next offer is tried.",
    )
