"""What working on manual lines is refused for. Nothing has changed when it is."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class LineClosed(Refusal):
    """The line was delivered or refunded already."""

    code: ClassVar[str] = "LINE_CLOSED"
    status: str


@dataclass(frozen=True, kw_only=True)
class LineTaken(Refusal):
    """Another operator works on the line."""

    code: ClassVar[str] = "LINE_TAKEN"


@dataclass(frozen=True, kw_only=True)
class LineNotClaimed(Refusal):
    """Only who has claimed a line ends it."""

    code: ClassVar[str] = "LINE_NOT_CLAIMED"
