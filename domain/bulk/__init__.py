"""The face of long work: files are looked at and read, jobs are made, worked off and shown."""

from domain.bulk.cells import plain_cell, safe_cell
from domain.bulk.models import Job, JobState
from domain.bulk.printing import Document, Part, as_pdf
from domain.bulk.problems import (
    Problem,
    as_ranges,
    first_problems,
    read_problems,
    record_problems,
)
from domain.bulk.running import (
    FINISHED,
    JobEnded,
    Outcome,
    Work,
    list_due,
    register,
    run_job,
    times,
)
from domain.bulk.service import (
    QUEUED,
    Upload,
    begin_upload,
    cancel_job,
    forget_old_jobs,
    get_job,
    list_jobs,
    queue_work,
    subjects_of,
)
from domain.bulk.sheets import (
    Cell,
    Sheet,
    Unreadable,
    code_of,
    is_workbook,
    read_workbook,
    text_of,
)
from domain.bulk.survey import ENCODINGS, Survey, survey
from domain.bulk.writing import OutRow, Table, Value, as_csv, write_workbook

__all__ = [
    "ENCODINGS",
    "FINISHED",
    "QUEUED",
    "Cell",
    "Document",
    "Job",
    "JobEnded",
    "JobState",
    "OutRow",
    "Outcome",
    "Part",
    "Problem",
    "Sheet",
    "Survey",
    "Table",
    "Unreadable",
    "Upload",
    "Value",
    "Work",
    "as_csv",
    "as_pdf",
    "as_ranges",
    "begin_upload",
    "cancel_job",
    "code_of",
    "first_problems",
    "forget_old_jobs",
    "get_job",
    "is_workbook",
    "list_due",
    "list_jobs",
    "plain_cell",
    "queue_work",
    "read_problems",
    "read_workbook",
    "record_problems",
    "register",
    "run_job",
    "safe_cell",
    "subjects_of",
    "survey",
    "text_of",
    "times",
    "write_workbook",
]
