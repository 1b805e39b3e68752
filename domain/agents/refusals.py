"""What the agent tree refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class AgentDepthExceeded(Refusal):
    """A fourth level is refused here, and by the database for whoever else writes (G2, G3)."""

    code: ClassVar[str] = "AGENT_DEPTH_EXCEEDED"
    max_depth: int
