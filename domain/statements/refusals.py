"""What statements refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class StatementFileInvalid(Refusal):
    """The file cannot be read as a whole; nothing of it was stored."""

    code: ClassVar[str] = "STATEMENT_FILE_INVALID"
    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class StatementFormatUnknown(Refusal):
    """Nobody reads this format here."""

    code: ClassVar[str] = "STATEMENT_FORMAT_UNKNOWN"
    known: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DifferenceClosed(Refusal):
    """The difference is not open any more, or not in the state that this needs."""

    code: ClassVar[str] = "STATEMENT_DIFFERENCE_CLOSED"
    state: str


@dataclass(frozen=True, kw_only=True)
class StepUnusable(Refusal):
    """This cannot be done about this difference."""

    code: ClassVar[str] = "STATEMENT_STEP_UNUSABLE"
