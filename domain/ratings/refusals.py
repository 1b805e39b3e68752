"""What ratings refuse. Nothing has changed then."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class LineNotRatable(Refusal):
    """A line that is not rated now; `reason` is a key of the texts."""

    code: ClassVar[str] = "LINE_NOT_RATABLE"
    sku: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RatingTextBanned(Refusal):
    """A text with a word that nobody may publish here."""

    code: ClassVar[str] = "RATING_TEXT_BANNED"
    word: str
