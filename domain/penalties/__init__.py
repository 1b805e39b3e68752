"""The face of penalties: cases against agents, and what they keep an agent from."""

from domain.penalties.deciding import close_due, decide, decide_appeal
from domain.penalties.events import DISMISSED, IMPOSED, NOTICED, OVERTURNED, UPHELD
from domain.penalties.hearing import answer, appeal, open_own_document, send_own_document
from domain.penalties.inspecting import (
    Report,
    draw_round,
    list_inspections,
    report_inspection,
    sampling,
    send_inspection_document,
)
from domain.penalties.models import (
    Inspection,
    InspectionRound,
    InspectionState,
    PenaltyCase,
    PenaltyRestriction,
    PenaltyState,
    PenaltyStep,
    Violation,
)
from domain.penalties.noticing import (
    give_notice,
    open_case,
    open_document,
    send_evidence,
    withdraw,
)
from domain.penalties.queries import (
    PublishedPenalty,
    cases_against,
    get_case,
    list_cases,
    list_published,
    require_unrestricted,
)
from domain.penalties.refusals import (
    PenaltyNotPossible,
    PenaltyOffTheLadder,
    PenaltySamePerson,
)
from domain.penalties.rules import Sanction, times
from domain.penalties.statements import RESTRICTED

__all__ = [
    "DISMISSED",
    "IMPOSED",
    "NOTICED",
    "OVERTURNED",
    "RESTRICTED",
    "UPHELD",
    "Inspection",
    "InspectionRound",
    "InspectionState",
    "PenaltyCase",
    "PenaltyNotPossible",
    "PenaltyOffTheLadder",
    "PenaltyRestriction",
    "PenaltySamePerson",
    "PenaltyState",
    "PenaltyStep",
    "PublishedPenalty",
    "Report",
    "Sanction",
    "Violation",
    "answer",
    "appeal",
    "cases_against",
    "close_due",
    "decide",
    "decide_appeal",
    "draw_round",
    "get_case",
    "give_notice",
    "list_cases",
    "list_inspections",
    "list_published",
    "open_case",
    "open_document",
    "open_own_document",
    "report_inspection",
    "require_unrestricted",
    "sampling",
    "send_evidence",
    "send_inspection_document",
    "send_own_document",
    "times",
    "withdraw",
]
