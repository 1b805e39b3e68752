"""What messages refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal
from domain.notifications.models import NotificationState


@dataclass(frozen=True, kw_only=True)
class ChannelAddressInvalid(Refusal):
    """The address is none that this medium is sent to."""

    code: ClassVar[str] = "CHANNEL_ADDRESS_INVALID"
    known: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ChannelTaken(Refusal):
    """The site has a channel to its buyers of this medium already."""

    code: ClassVar[str] = "CHANNEL_TAKEN"


@dataclass(frozen=True, kw_only=True)
class PlaceholderUnknown(Refusal):
    """A template names what its event does not have, or what its readers must not see."""

    code: ClassVar[str] = "PLACEHOLDER_UNKNOWN"
    known: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CodesNotAllowed(Refusal):
    """The site does not allow codes in its messages."""

    code: ClassVar[str] = "NOTIFY_CODES_NOT_ALLOWED"


@dataclass(frozen=True, kw_only=True)
class NotRetryable(Refusal):
    """Only a failed or uncertain message is sent again."""

    code: ClassVar[str] = "NOTIFICATION_NOT_RETRYABLE"
    state: NotificationState
