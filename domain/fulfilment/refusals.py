"""What working on lines, attempts and incidents is refused for. Nothing has changed then."""

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


@dataclass(frozen=True, kw_only=True)
class AttemptClosed(Refusal):
    """The attempt is over, or what was asked about it is decided."""

    code: ClassVar[str] = "ATTEMPT_CLOSED"


@dataclass(frozen=True, kw_only=True)
class VerdictPending(Refusal):
    """An operator has said already that the attempt was not sold, and another one has to agree."""

    code: ClassVar[str] = "VERDICT_PENDING"


@dataclass(frozen=True, kw_only=True)
class IncidentClosed(Refusal):
    """The incident has ended."""

    code: ClassVar[str] = "INCIDENT_CLOSED"


@dataclass(frozen=True, kw_only=True)
class ResolutionUnusable(Refusal):
    """The incident cannot end in this way."""

    code: ClassVar[str] = "RESOLUTION_UNUSABLE"
    reason: str
