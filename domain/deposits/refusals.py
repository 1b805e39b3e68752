"""What deposits refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Money, Refusal


@dataclass(frozen=True, kw_only=True)
class DepositShort(Refusal):
    """More is asked back than is there, or than is not asked back already."""

    code: ClassVar[str] = "DEPOSIT_SHORT"
    available: Money


@dataclass(frozen=True, kw_only=True)
class DepositTooLarge(Refusal):
    """Nobody deposits more than the limit; it is never a way to store money."""

    code: ClassVar[str] = "DEPOSIT_TOO_LARGE"
    most: Money


@dataclass(frozen=True, kw_only=True)
class DepositReturnClosed(Refusal):
    """No return waits that could be taken back, or one waits already."""

    code: ClassVar[str] = "DEPOSIT_RETURN_CLOSED"
    reason: str
