"""What the house asks of whoever sends webhooks. Adapters answer; nothing is raised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class SendFault(StrEnum):
    """Why no answer came."""

    REFUSED_ADDRESS = "refused_address"  # private, loopback, metadata: never called
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receiver answered: a status with the beginning of its text, or a fault."""

    status: int | None
    text: str = field(default="", repr=False)
    fault: SendFault | None = None
    retry_after_seconds: int | None = None


class WebhookSender(Protocol):
    """One POST to an address that a stranger chose."""

    async def send(self, url: str, headers: Mapping[str, str], body: str) -> Receipt:
        """Send once, follow nothing, and never call an address that is not public."""
