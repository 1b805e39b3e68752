"""The face of long work: what an import left out."""

from domain.bulk.models import Job, JobState
from domain.bulk.problems import (
    Problem,
    as_ranges,
    first_problems,
    read_problems,
    record_problems,
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

__all__ = [
    "ENCODINGS",
    "Cell",
    "Job",
    "JobState",
    "Problem",
    "Sheet",
    "Survey",
    "Unreadable",
    "as_ranges",
    "code_of",
    "first_problems",
    "is_workbook",
    "read_problems",
    "read_workbook",
    "record_problems",
    "survey",
    "text_of",
]
