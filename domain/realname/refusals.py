"""What real-name checks refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class RealNameNeeded(Refusal):
    """This needs a level of the real-name check that the user has not reached."""

    code: ClassVar[str] = "REAL_NAME_NEEDED"
    level: str


@dataclass(frozen=True, kw_only=True)
class RealNameCaseOpen(Refusal):
    """The user's last case is not over yet."""

    code: ClassVar[str] = "REAL_NAME_CASE_OPEN"


@dataclass(frozen=True, kw_only=True)
class RealNameCaseClosed(Refusal):
    """A case is not in the state that this needs; `reason` is a key of the texts."""

    code: ClassVar[str] = "REAL_NAME_CASE_CLOSED"
    reason: str
