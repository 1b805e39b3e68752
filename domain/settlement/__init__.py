"""The face of settlement."""

from domain.settlement.counting import border_at
from domain.settlement.models import (
    Objection,
    ObjectionState,
    ProposalState,
    RunState,
    SettlementPayout,
    SettlementProposal,
    SettlementRun,
    SettlementStatement,
)
from domain.settlement.objecting import (
    WAITING,
    answer_objection,
    appeal_objection,
    list_objections,
    objections_of_agent,
    open_objection,
)
from domain.settlement.paying import ask_for_payouts, propose_payouts
from domain.settlement.printing import statement_pdf
from domain.settlement.promises import PROMISES
from domain.settlement.queries import (
    EarnedByRule,
    Proposal,
    Statement,
    Withheld,
    get_run,
    get_statement,
    list_runs,
    list_withheld,
    proposals_of,
    statements_of_agent,
    statements_of_run,
    totals_of,
)
from domain.settlement.refusals import (
    ObjectionNotPossible,
    SettlementOutOfOrder,
    SettlementTooEarly,
    SettlementUnfinished,
)
from domain.settlement.rules import Period, period_of
from domain.settlement.running import (
    FROZEN,
    SETTLE,
    Started,
    check_period,
    count_run,
    dry_run,
    start_run,
)
from domain.settlement.statements import AMOUNTS
from domain.settlement.sums import Balances, Sums, Totals
from domain.settlement.tables import run_table, statement_table
from domain.settlement.working import (
    queue_dry_run,
    queue_payouts,
    queue_run,
    report_of,
    work_off_settlement,
)

__all__ = [
    "AMOUNTS",
    "FROZEN",
    "PROMISES",
    "SETTLE",
    "WAITING",
    "Balances",
    "EarnedByRule",
    "Objection",
    "ObjectionNotPossible",
    "ObjectionState",
    "Period",
    "Proposal",
    "ProposalState",
    "RunState",
    "SettlementOutOfOrder",
    "SettlementPayout",
    "SettlementProposal",
    "SettlementRun",
    "SettlementStatement",
    "SettlementTooEarly",
    "SettlementUnfinished",
    "Started",
    "Statement",
    "Sums",
    "Totals",
    "Withheld",
    "answer_objection",
    "appeal_objection",
    "ask_for_payouts",
    "border_at",
    "check_period",
    "count_run",
    "dry_run",
    "get_run",
    "get_statement",
    "list_objections",
    "list_runs",
    "list_withheld",
    "objections_of_agent",
    "open_objection",
    "period_of",
    "proposals_of",
    "propose_payouts",
    "queue_dry_run",
    "queue_payouts",
    "queue_run",
    "report_of",
    "run_table",
    "start_run",
    "statement_pdf",
    "statement_table",
    "statements_of_agent",
    "statements_of_run",
    "totals_of",
    "work_off_settlement",
]
