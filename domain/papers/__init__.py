"""The face of papers: sealed documents that belong to a case of some context."""

from domain.papers.models import Paper, PaperState
from domain.papers.pictures import SUFFIXES, MediaType, cleaned
from domain.papers.refusals import PaperDoorClosed, PaperNotTaken
from domain.papers.service import (
    MAX_BYTES,
    Ticket,
    erase_papers,
    expect_paper,
    fetch_paper,
    forget_unsent,
    open_paper,
    papers_of,
    store_paper,
)

__all__ = [
    "MAX_BYTES",
    "SUFFIXES",
    "MediaType",
    "Paper",
    "PaperDoorClosed",
    "PaperNotTaken",
    "PaperState",
    "Ticket",
    "cleaned",
    "erase_papers",
    "expect_paper",
    "fetch_paper",
    "forget_unsent",
    "open_paper",
    "papers_of",
    "store_paper",
]
