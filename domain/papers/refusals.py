"""What the door for documents refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class PaperNotTaken(Refusal):
    """A document that is not kept; `reason` is a key of the texts."""

    code: ClassVar[str] = "PAPER_NOT_TAKEN"
    reason: str


@dataclass(frozen=True, kw_only=True)
class PaperDoorClosed(Refusal):
    """The ticket is not this document's, has ended, or was used."""

    code: ClassVar[str] = "PAPER_DOOR_CLOSED"
