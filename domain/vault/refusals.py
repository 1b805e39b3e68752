"""What vault refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class FourEyes(Refusal):
    """Whoever asks for something does not approve it."""

    code: ClassVar[str] = "FOUR_EYES"


@dataclass(frozen=True, kw_only=True)
class NotOpen(Refusal):
    """The request is not in the state that this needs: decided, rejected, fetched, run out."""

    code: ClassVar[str] = "REQUEST_NOT_OPEN"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ExportTooLarge(Refusal):
    """More cards than one export may take out."""

    code: ClassVar[str] = "EXPORT_TOO_LARGE"
    maximum: int


@dataclass(frozen=True, kw_only=True)
class ExportQuota(Refusal):
    """This operator has asked for as many exports as a day allows."""

    code: ClassVar[str] = "EXPORT_QUOTA"
    maximum: int
