"""Refusals of orders."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class CardNotShown(Refusal):
    """A card of the order whose code is not shown now; `reason` is a key of the texts."""

    code: ClassVar[str] = "CARD_NOT_SHOWN"
    card: str  # masked
    reason: str


@dataclass(frozen=True, kw_only=True)
class AccountSealBroken(Refusal):
    """What a buyer filled in does not open: it was altered, or moved from another line."""

    code: ClassVar[str] = "ACCOUNT_SEAL_BROKEN"
