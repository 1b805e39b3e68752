"""The face of real names."""

from domain.realname import ports
from domain.realname.models import RealNameCase, RealNameLevel, RealNameState
from domain.realname.queries import (
    SAME_PERSON,
    last_case,
    levels_of,
    list_cases,
    others_of,
    passed_cases,
)
from domain.realname.refusals import RealNameCaseClosed, RealNameCaseOpen, RealNameNeeded
from domain.realname.rules import masked_name, reaches
from domain.realname.sealed import reseal_names
from domain.realname.service import (
    SUBMITTED,
    Claim,
    check_case,
    decide_case,
    level_of,
    list_due,
    open_document,
    open_words,
    provider,
    require_level,
    send_document,
    submit_name,
    words_of,
)

__all__ = [
    "SAME_PERSON",
    "SUBMITTED",
    "Claim",
    "RealNameCase",
    "RealNameCaseClosed",
    "RealNameCaseOpen",
    "RealNameLevel",
    "RealNameNeeded",
    "RealNameState",
    "check_case",
    "decide_case",
    "last_case",
    "level_of",
    "levels_of",
    "list_cases",
    "list_due",
    "masked_name",
    "open_document",
    "open_words",
    "others_of",
    "passed_cases",
    "ports",
    "provider",
    "reaches",
    "require_level",
    "reseal_names",
    "send_document",
    "submit_name",
    "words_of",
]
