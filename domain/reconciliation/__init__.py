"""The face of the reconciler: it alone reads both books, and changes neither."""

from domain.reconciliation.models import FindingState, Matter, ReconciliationFinding
from domain.reconciliation.queries import (
    BookLine,
    PlaceLine,
    Reconciliation,
    list_findings,
    reconciliation_of,
)
from domain.reconciliation.refusals import FindingClosed
from domain.reconciliation.service import (
    MISMATCH,
    RunReport,
    reconcile,
    recount,
    settle_finding,
)

__all__ = [
    "MISMATCH",
    "BookLine",
    "FindingClosed",
    "FindingState",
    "Matter",
    "PlaceLine",
    "Reconciliation",
    "ReconciliationFinding",
    "RunReport",
    "list_findings",
    "reconcile",
    "reconciliation_of",
    "recount",
    "settle_finding",
]
