"""What payouts refuse."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.kernel import Money, Refusal


@dataclass(frozen=True, kw_only=True)
class PayoutChannelUnusable(Refusal):
    """The channel is switched off, or not one for this destination."""

    code: ClassVar[str] = "PAYOUT_CHANNEL_UNUSABLE"


@dataclass(frozen=True, kw_only=True)
class PayoutAmount(Refusal):
    """Less or more than one payout of this channel may be."""

    code: ClassVar[str] = "PAYOUT_AMOUNT_OUT_OF_RANGE"
    minimum: Money
    maximum: Money


@dataclass(frozen=True, kw_only=True)
class PayoutCap(Refusal):
    """So much of today's cap is left, of the agent's or of the channel's."""

    code: ClassVar[str] = "PAYOUT_DAILY_CAP"
    left: Money


@dataclass(frozen=True, kw_only=True)
class DestinationCooling(Refusal):
    """The destination was changed a short time ago."""

    code: ClassVar[str] = "PAYOUT_DESTINATION_COOLING"
    usable_from: datetime


@dataclass(frozen=True, kw_only=True)
class DestinationBlocked(Refusal):
    """No money is sent to this account."""

    code: ClassVar[str] = "PAYOUT_DESTINATION_BLOCKED"


@dataclass(frozen=True, kw_only=True)
class DestinationMissing(Refusal):
    """The agent has told no destination of this kind."""

    code: ClassVar[str] = "PAYOUT_DESTINATION_MISSING"
    kind: str


@dataclass(frozen=True, kw_only=True)
class DestinationName(Refusal):
    """The account is in somebody else's name, or in none where the channel asks for one."""

    code: ClassVar[str] = "PAYOUT_NAME_MISMATCH"
    reason: str


@dataclass(frozen=True, kw_only=True)
class AgentOnHold(Refusal):
    """An agent that is suspended takes nothing out; what it has stays its own."""

    code: ClassVar[str] = "PAYOUT_AGENT_ON_HOLD"


@dataclass(frozen=True, kw_only=True)
class PayoutMoveNotAllowed(Refusal):
    """It is past the point where this could be done."""

    code: ClassVar[str] = "PAYOUT_MOVE_NOT_ALLOWED"
    status: str


@dataclass(frozen=True, kw_only=True)
class PayoutAdapterUnknown(Refusal):
    """No adapter of this name sends payouts."""

    code: ClassVar[str] = "PAYOUT_ADAPTER_UNKNOWN"
    adapter: str
    known: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PayoutSamePerson(Refusal):
    """Whoever proposes payouts does not approve them."""

    code: ClassVar[str] = "PAYOUT_SAME_PERSON"


@dataclass(frozen=True, kw_only=True)
class PayoutCaseClosed(Refusal):
    """The case is not in the state that this needs."""

    code: ClassVar[str] = "PAYOUT_CASE_CLOSED"
    state: str


@dataclass(frozen=True, kw_only=True)
class PayoutVerdictUnusable(Refusal):
    """The verdict is one of the other kind of cases."""

    code: ClassVar[str] = "PAYOUT_VERDICT_UNUSABLE"


@dataclass(frozen=True, kw_only=True)
class PayoutFileInvalid(Refusal):
    """A results file that is not as agreed; nothing of it was taken."""

    code: ClassVar[str] = "PAYOUT_FILE_INVALID"
    line: int
    reason: str
