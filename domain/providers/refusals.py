"""What providers' contracts refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class ProviderNotPossible(Refusal):
    """It is not where this could be done; `reason` is a key of the texts."""

    code: ClassVar[str] = "PROVIDER_NOT_POSSIBLE"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ProviderOutOfOrder(Refusal):
    """Each statement begins where the last one ended; `next_period` is the one that is next."""

    code: ClassVar[str] = "PROVIDER_OUT_OF_ORDER"
    next_period: str
