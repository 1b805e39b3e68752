"""The face of commissions."""

from domain.commissions.importing import import_rules
from domain.commissions.models import Commission, CommissionRule, RuleKind, RuleScope
from domain.commissions.queries import RULES_OF_VARIANT, EarnedCommission, list_commissions
from domain.commissions.rules import (
    Beneficiary,
    Earned,
    Rule,
    borne,
    explain,
    read_rules,
    read_terms,
    split,
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
    "RULES_OF_VARIANT",
    "Beneficiary",
    "Commission",
    "CommissionRule",
    "Earned",
    "EarnedCommission",
    "Rule",
    "RuleKind",
    "RuleScope",
    "borne",
    "commission_columns",
    "explain",
    "import_rules",
    "legs_of",
    "list_commissions",
    "read_rules",
    "read_terms",
    "record_earned",
    "save_rule",
    "split",
    "terms_of",
]
