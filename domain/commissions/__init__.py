"""The face of commissions."""

from domain.commissions.awarding import Award, AwardClawback, record_awards, take_back_awards
from domain.commissions.books import Book, lock_books, open_released
from domain.commissions.clawing_back import (
    Clawback,
    Returned,
    clawbacks_due,
    legs_of_clawbacks,
    write_clawbacks,
)
from domain.commissions.earning import (
    INSERT_COMMISSIONS,
    commission_columns,
    legs_of,
    record_earned,
)
from domain.commissions.figures import Before, EarnedIn, Earnings, earnings_of
from domain.commissions.importing import import_rules, scope_id_of
from domain.commissions.models import (
    AwardKind,
    Commission,
    CommissionAward,
    CommissionAwardClawback,
    CommissionClawback,
    CommissionRule,
    RuleKind,
    RuleScope,
)
from domain.commissions.moving import Moved, book_with, move_to_wallet
from domain.commissions.promises import PROMISES
from domain.commissions.queries import (
    CommissionBalances,
    CommissionState,
    EarnedCommission,
    balances_of,
    balances_of_agents,
    list_commissions,
    net_of_lines,
)
from domain.commissions.refusals import CommissionShort
from domain.commissions.releasing import release_due
from domain.commissions.rules import (
    MAX_BENEFICIARIES,
    NO_COUPON,
    Beneficiary,
    Coupon,
    Earned,
    Rule,
    borne,
    calendar,
    coupon_of,
    day_of,
    explain,
    read_rules,
    read_terms,
    split,
    still_due,
    terms_of,
)
from domain.commissions.ruling import RuleDraft, end_rule, list_rules, save_rule
from domain.commissions.simulating import SimulatedShare, Simulation, SimulationWish, simulate
from domain.commissions.statements import RULES_OF_VARIANT

__all__ = [
    "INSERT_COMMISSIONS",
    "MAX_BENEFICIARIES",
    "NO_COUPON",
    "PROMISES",
    "RULES_OF_VARIANT",
    "Award",
    "AwardClawback",
    "AwardKind",
    "Before",
    "Beneficiary",
    "Book",
    "Clawback",
    "Commission",
    "CommissionAward",
    "CommissionAwardClawback",
    "CommissionBalances",
    "CommissionClawback",
    "CommissionRule",
    "CommissionShort",
    "CommissionState",
    "Coupon",
    "Earned",
    "EarnedCommission",
    "EarnedIn",
    "Earnings",
    "Moved",
    "Returned",
    "Rule",
    "RuleDraft",
    "RuleKind",
    "RuleScope",
    "SimulatedShare",
    "Simulation",
    "SimulationWish",
    "balances_of",
    "balances_of_agents",
    "book_with",
    "borne",
    "calendar",
    "clawbacks_due",
    "commission_columns",
    "coupon_of",
    "day_of",
    "earnings_of",
    "end_rule",
    "explain",
    "import_rules",
    "legs_of",
    "legs_of_clawbacks",
    "list_commissions",
    "list_rules",
    "lock_books",
    "move_to_wallet",
    "net_of_lines",
    "open_released",
    "read_rules",
    "read_terms",
    "record_awards",
    "record_earned",
    "release_due",
    "save_rule",
    "scope_id_of",
    "simulate",
    "split",
    "still_due",
    "take_back_awards",
    "terms_of",
    "write_clawbacks",
]
