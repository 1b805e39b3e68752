"""What the reconciler refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class FindingClosed(Refusal):
    """The finding is not open any more."""

    code: ClassVar[str] = "FINDING_CLOSED"
    state: str
