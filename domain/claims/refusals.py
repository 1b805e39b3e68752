"""What claim links refuse. Only who holds a good token hears more than that there is none."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class ClaimLinkUnknown(Refusal):
    """No link has this token: never made, forged, or cut when it was copied."""

    code: ClassVar[str] = "CLAIM_LINK_UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class ClaimLinkUsed(Refusal):
    """The link was claimed as often as it may be."""

    code: ClassVar[str] = "CLAIM_LINK_USED"


@dataclass(frozen=True, kw_only=True)
class ClaimLinkExpired(Refusal):
    """The link's time is over."""

    code: ClassVar[str] = "CLAIM_LINK_EXPIRED"
    expired_at: datetime


@dataclass(frozen=True, kw_only=True)
class ClaimLinkRevoked(Refusal):
    """Who made the link has taken it back."""

    code: ClassVar[str] = "CLAIM_LINK_REVOKED"


@dataclass(frozen=True, kw_only=True)
class ClaimProofNeeded(Refusal):
    """The link is somebody's, who proves it by the one-time code sent there."""

    code: ClassVar[str] = "CLAIM_PROOF_NEEDED"
    recipient: str


@dataclass(frozen=True, kw_only=True)
class ClaimProofWrong(Refusal):
    """The one-time code is wrong, too old, or was tried too often."""

    code: ClassVar[str] = "CLAIM_PROOF_WRONG"


@dataclass(frozen=True, kw_only=True)
class ClaimCodesSpent(Refusal):
    """So many one-time codes were sent for this link, or to its recipient, that no more are."""

    code: ClassVar[str] = "CLAIM_CODES_SPENT"
    most: int


@dataclass(frozen=True, kw_only=True)
class ClaimCodeJustSent(Refusal):
    """A code is on its way; the next one may be asked for a little later."""

    code: ClassVar[str] = "CLAIM_CODE_JUST_SENT"
    retryable: ClassVar[bool] = True
    seconds: int


@dataclass(frozen=True, kw_only=True)
class ClaimNothingLeft(Refusal):
    """None of the cards can be shown: not delivered yet, replaced or refunded."""

    code: ClassVar[str] = "CLAIM_NOTHING_LEFT"
    retryable: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class RecipientUnreachable(Refusal):
    """No channel of the shop sends codes to such a contact."""

    code: ClassVar[str] = "CLAIM_RECIPIENT_UNREACHABLE"


@dataclass(frozen=True, kw_only=True)
class TooManyLinks(Refusal):
    """The order has as many links as it may have."""

    code: ClassVar[str] = "CLAIM_LINKS_TOO_MANY"
    most: int
