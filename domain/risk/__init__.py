"""The face of risk: rules as data, and the orders that they hold for a second look."""

from domain.risk.directory import NEWEST, rules_of
from domain.risk.facts import (
    OrderedLine,
    Try,
    deed_of,
    digest_of,
    facts_of,
    forget_sightings,
    note_hits,
    note_try,
    seen_of,
    seen_with,
)
from domain.risk.models import RiskCase, RiskCaseState, RiskDecision, RiskRule, RiskSubject
from domain.risk.queries import (
    ShownRule,
    ShownSignal,
    list_cases,
    list_rules,
    shown_rule,
    signals_of,
)
from domain.risk.refusals import OrderBlocked, RiskCaseDecided, RiskCaseTaken
from domain.risk.rules import Condition, Facts, RiskKind, Rule, Signal, Verdict, judge, masked
from domain.risk.service import (
    RuleDraft,
    claim_case,
    close_case,
    lock_case,
    open_case,
    order_of_case,
    save_rule,
)

__all__ = [
    "NEWEST",
    "Condition",
    "Facts",
    "OrderBlocked",
    "OrderedLine",
    "RiskCase",
    "RiskCaseDecided",
    "RiskCaseState",
    "RiskCaseTaken",
    "RiskDecision",
    "RiskKind",
    "RiskRule",
    "RiskSubject",
    "Rule",
    "RuleDraft",
    "ShownRule",
    "ShownSignal",
    "Signal",
    "Try",
    "Verdict",
    "claim_case",
    "close_case",
    "deed_of",
    "digest_of",
    "facts_of",
    "forget_sightings",
    "judge",
    "list_cases",
    "list_rules",
    "lock_case",
    "masked",
    "note_hits",
    "note_try",
    "open_case",
    "order_of_case",
    "rules_of",
    "save_rule",
    "seen_of",
    "seen_with",
    "shown_rule",
    "signals_of",
]
