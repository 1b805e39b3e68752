"""The face of statements: what partners booked, compared with what we have."""

from domain.statements.importing import (
    StatementImport,
    StatementWish,
    check_wish,
    import_file,
)
from domain.statements.judging import DIFFERENCES_FOUND, judge_all, look_again, look_at_open
from domain.statements.layouts import COLUMNS, Layout, layout_from, save_layout
from domain.statements.models import (
    DifferenceState,
    LineKind,
    Outcome,
    Party,
    StatementDifference,
    StatementFile,
    StatementLayout,
    StatementLine,
    StatementSource,
    StatementTally,
)
from domain.statements.pulling import NotThere, Pulled, list_due, pull, pull_day
from domain.statements.queries import (
    SourceDay,
    StatementReport,
    difference_table,
    fees_of,
    line_table,
    lines_by_id,
    list_differences,
    raw_of,
    report_of,
    sources_by_id,
)
from domain.statements.reading import format_names, register_format
from domain.statements.refusals import (
    DifferenceClosed,
    StatementFileInvalid,
    StatementFormatUnknown,
    StepUnusable,
)
from domain.statements.rehearsal import Foreseen, StatementRehearsal, rehearse, sums_of
from domain.statements.rules import CODES, Line, Step, Subject, steps_of
from domain.statements.settling import ask_partner, ask_to_settle, decide
from domain.statements.sources import source_of_channel, source_of_payouts, source_of_supplier
from domain.statements.uploaded import (
    begin_statement_import,
    source_of,
    work_off_statement_import,
)

__all__ = [
    "CODES",
    "COLUMNS",
    "DIFFERENCES_FOUND",
    "DifferenceClosed",
    "DifferenceState",
    "Foreseen",
    "Layout",
    "Line",
    "LineKind",
    "NotThere",
    "Outcome",
    "Party",
    "Pulled",
    "SourceDay",
    "StatementDifference",
    "StatementFile",
    "StatementFileInvalid",
    "StatementFormatUnknown",
    "StatementImport",
    "StatementLayout",
    "StatementLine",
    "StatementRehearsal",
    "StatementReport",
    "StatementSource",
    "StatementTally",
    "StatementWish",
    "Step",
    "StepUnusable",
    "Subject",
    "ask_partner",
    "ask_to_settle",
    "begin_statement_import",
    "check_wish",
    "decide",
    "difference_table",
    "fees_of",
    "format_names",
    "import_file",
    "judge_all",
    "layout_from",
    "line_table",
    "lines_by_id",
    "list_differences",
    "list_due",
    "look_again",
    "look_at_open",
    "pull",
    "pull_day",
    "raw_of",
    "register_format",
    "rehearse",
    "report_of",
    "save_layout",
    "source_of",
    "source_of_channel",
    "source_of_payouts",
    "source_of_supplier",
    "sources_by_id",
    "steps_of",
    "sums_of",
    "work_off_statement_import",
]
