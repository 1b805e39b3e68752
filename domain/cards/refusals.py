"""What the card store refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class CardFileInvalid(Refusal):
    """A card file that cannot be read as a whole; nothing of it was stored. No code is shown."""

    code: ClassVar[str] = "CARD_FILE_INVALID"
    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class CardSealBroken(Refusal):
    """A sealed code was altered, moved, cut or replayed: it is not shown, and this is audited."""

    code: ClassVar[str] = "CARD_SEAL_BROKEN"
