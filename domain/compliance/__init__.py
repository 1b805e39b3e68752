"""The face of compliance: what counsel asks to see."""

from domain.compliance.printing import report_pdf
from domain.compliance.report import GUARDS, Guard, Report, make_report
from domain.compliance.rules import ComplianceWarning, Plan, PlanBasis, PlanKind

__all__ = [
    "GUARDS",
    "ComplianceWarning",
    "Guard",
    "Plan",
    "PlanBasis",
    "PlanKind",
    "Report",
    "make_report",
    "report_pdf",
]
