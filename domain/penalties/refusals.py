"""What penalties refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class PenaltyNotPossible(Refusal):
    """The case is not where this could be done; `reason` is a key of the texts."""

    code: ClassVar[str] = "PENALTY_NOT_POSSIBLE"
    reason: str


@dataclass(frozen=True, kw_only=True)
class PenaltyOffTheLadder(Refusal):
    """The step is not the one for the agent's so-manieth violation; `ordinal` says which it is."""

    code: ClassVar[str] = "PENALTY_OFF_THE_LADDER"
    ordinal: int


@dataclass(frozen=True, kw_only=True)
class PenaltySamePerson(Refusal):
    """Whoever had a hand in a case does not decide it, nor its appeal; nobody judges itself."""

    code: ClassVar[str] = "PENALTY_SAME_PERSON"
