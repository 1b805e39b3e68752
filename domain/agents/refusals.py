"""What the agent tree refuses."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class AgentDepthExceeded(Refusal):
    """A level too many is refused here, and a fourth one by the database for whoever writes (G2,
    G3). `max_depth` is what this house allows, three at most."""

    code: ClassVar[str] = "AGENT_DEPTH_EXCEEDED"
    max_depth: int


@dataclass(frozen=True, kw_only=True)
class AgentIsLeaf(Refusal):
    """Nobody stands below a promoter, and nobody with a downline becomes one."""

    code: ClassVar[str] = "AGENT_IS_LEAF"


@dataclass(frozen=True, kw_only=True)
class AgentMoveNotAllowed(Refusal):
    """An agent's status does not change so; a closed one stays closed."""

    code: ClassVar[str] = "AGENT_MOVE_NOT_ALLOWED"
    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class AgentOutOfReach(Refusal):
    """It is another agent's, or the caller's role does not show it (rows G4, G8)."""

    code: ClassVar[str] = "AGENT_OUT_OF_REACH"


class BlockedBy(StrEnum):
    """What keeps an agent from something, so that a front end knows where to lead it."""

    AGREEMENT = "agreement"
    DEPOSIT = "deposit"
    PENALTY = "penalty"


@dataclass(frozen=True, kw_only=True)
class AgentBlocked(Refusal):
    """An active agent may not do this now; `reason` is a key of the texts and says what to do."""

    code: ClassVar[str] = "AGENT_BLOCKED"
    reason: str

    @property
    def because(self) -> BlockedBy:
        """The same for programs."""
        return BlockedBy(self.reason.removeprefix("blocked_by_"))
