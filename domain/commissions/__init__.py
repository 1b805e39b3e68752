"""The face of commissions."""

from domain.commissions.clawing_back import (
    Clawback,
    Returned,
    clawbacks_due,
    legs_of_clawbacks,
    write_clawbacks,
)
from domain.commissions.importing import import_rules
from domain.commissions.models import (
    Commission,
    CommissionClawback,
    CommissionRule,
    RuleKind,
    RuleScope,
)
from domain.commissions.queries import RULES_OF_VARIANT, EarnedCommission, list_commissions
from domain.commissions.rules import (
    MAX_BENEFICIARIES,
    Beneficiary,
    Earned,
    Rule,
    borne,
    explain,
    read_rules,
    read_terms,
    split,
    still_due,
    terms_of,
)
from domain.commissions.service import (
    INSERT_COMMISSIONS,
    commission_columns,
    legs_of,
    record_earned,
    save_rule,
)

__all__ = [
    "INSERT_COMMISSIONS",
    "MAX_BENEFICIARIES",
    "RULES_OF_VARIANT",
    "Beneficiary",
    "Clawback",
    "Commission",
    "CommissionClawback",
    "CommissionRule",
    "Earned",
    "EarnedCommission",
    "Returned",
    "Rule",
    "RuleKind",
    "RuleScope",
    "borne",
    "clawbacks_due",
    "commission_columns",
    "explain",
    "import_rules",
    "legs_of",
    "legs_of_clawbacks",
    "list_commissions",
    "read_rules",
    "read_terms",
    "record_earned",
    "save_rule",
    "split",
    "still_due",
    "terms_of",
    "write_clawbacks",
]
