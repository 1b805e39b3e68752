"""What bonus plans refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class BonusTeamOff(Refusal):
    """This installation pays no team awards."""

    code: ClassVar[str] = "BONUS_TEAM_OFF"


@dataclass(frozen=True, kw_only=True)
class BonusSamePerson(Refusal):
    """Whoever proposed a plan does not decide it."""

    code: ClassVar[str] = "BONUS_SAME_PERSON"


@dataclass(frozen=True, kw_only=True)
class BonusNotPossible(Refusal):
    """The plan is not where this could be done; `reason` is a key of the texts."""

    code: ClassVar[str] = "BONUS_NOT_POSSIBLE"
    reason: str


@dataclass(frozen=True, kw_only=True)
class BonusCapsExceeded(Refusal):
    """All plans of one time together could take more than the margin; `taken` of 10,000 is what
    the others may take already."""

    code: ClassVar[str] = "BONUS_CAPS_EXCEEDED"
    taken: int
