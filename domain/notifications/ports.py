"""What the house asks of whoever sends messages. Adapters answer; nothing is raised."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from domain.notifications.models import Medium


class SendResult(StrEnum):
    """What became of one try: a closed set, and whatever is not sure is UNCERTAIN."""

    SENT = "sent"
    REJECTED = "rejected"  # surely not sent, and it would be the same again
    NOT_SENT = "not_sent"  # surely not sent, and later it may work
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class SendReport:
    """The result with a short reason, and how the provider calls the message."""

    result: SendResult
    reason: str = ""
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message as it leaves. A repr shows neither address nor text."""

    id: str  # the same at each try, for providers that notice a repetition
    medium: Medium
    channel: str = field(repr=False)  # the channel's address with its secret
    recipient: str = field(repr=False)  # empty for a group
    subject: str = field(repr=False)
    body: str = field(repr=False)


class MessageSender(Protocol):
    """Sends on each medium."""

    async def send(self, message: OutgoingMessage) -> SendReport:
        """One try within a minute. Never calls an address inside the house."""
