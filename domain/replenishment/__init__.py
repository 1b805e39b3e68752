"""The face of replenishment: buying for stock."""

from domain.replenishment.approving import approve, decline
from domain.replenishment.budgets import (
    BudgetWish,
    delete_budget,
    left_of,
    list_budgets,
    save_budget,
    spent_of,
)
from domain.replenishment.buying import (
    ask_again,
    ask_soon,
    buy,
    hold_purchases,
    list_due,
    open_purchases,
    query_purchase,
    recheck_purchase,
)
from domain.replenishment.events import APPROVED
from domain.replenishment.giving_up import give_up
from domain.replenishment.models import (
    BudgetPeriod,
    ProposalState,
    PurchaseBudget,
    PurchaseProposal,
    ReplenishMode,
    ReplenishPolicy,
    SalesDay,
    StockPurchase,
)
from domain.replenishment.planning import plan_all, plan_some, propose
from domain.replenishment.queries import list_proposals, purchases_of
from domain.replenishment.refusals import (
    NothingToBuy,
    OtherEyesNeeded,
    ProposalOver,
    ProposalRunning,
)
from domain.replenishment.reporting import (
    ContractProgress,
    StockFigures,
    SupplyShares,
    TierShare,
    progress_of,
    stock_figures,
    supply_shares,
)
from domain.replenishment.rules import AbcClass, Need
from domain.replenishment.selling import count_days
from domain.replenishment.service import PolicyWish, list_policies, save_policy

__all__ = [
    "APPROVED",
    "AbcClass",
    "BudgetPeriod",
    "BudgetWish",
    "ContractProgress",
    "Need",
    "NothingToBuy",
    "OtherEyesNeeded",
    "PolicyWish",
    "ProposalOver",
    "ProposalRunning",
    "ProposalState",
    "PurchaseBudget",
    "PurchaseProposal",
    "ReplenishMode",
    "ReplenishPolicy",
    "SalesDay",
    "StockFigures",
    "StockPurchase",
    "SupplyShares",
    "TierShare",
    "approve",
    "ask_again",
    "ask_soon",
    "buy",
    "count_days",
    "decline",
    "delete_budget",
    "give_up",
    "hold_purchases",
    "left_of",
    "list_budgets",
    "list_due",
    "list_policies",
    "list_proposals",
    "open_purchases",
    "plan_all",
    "plan_some",
    "progress_of",
    "propose",
    "purchases_of",
    "query_purchase",
    "recheck_purchase",
    "save_budget",
    "save_policy",
    "spent_of",
    "stock_figures",
    "supply_shares",
]
