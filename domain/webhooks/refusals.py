"""What webhooks refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class WebhookUrlInvalid(Refusal):
    """The address is none that webhooks are sent to."""

    code: ClassVar[str] = "WEBHOOK_URL_INVALID"


@dataclass(frozen=True, kw_only=True)
class EventUnknown(Refusal):
    """There is no such event to hear of."""

    code: ClassVar[str] = "EVENT_UNKNOWN"
    known: tuple[str, ...]
