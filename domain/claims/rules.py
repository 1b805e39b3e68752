"""Pure rules of claim links: their limits, their tokens, their one-time codes."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from domain.claims.models import LinkState

MAX_USES = 20
MAX_LIFE = timedelta(days=90)
MIN_LIFE = timedelta(minutes=1)
MAX_LINKS_OF_AN_ORDER = 50
MIN_CLAIM_KEY_LETTERS = 16  # a claimer's key shows the codes again, so nobody may guess it
SHOWN_AGAIN_FOR = timedelta(hours=24)  # to the claimer whose connection broke
CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=10)
MAX_CODES = 5  # one-time codes of a link, ever
MAX_TRIES = 5  # of one code
CODE_PAUSE = timedelta(seconds=60)  # between two codes of a link
# To one recipient by all links together: nobody makes the shop pester a stranger.
MAX_CODES_TO_ONE, CODES_COUNTED_FOR = 10, timedelta(hours=24)
PREFIX = "kml_"
PATH = "/c/"
_ID_BYTES, _TAG_BYTES = 16, 32


@dataclass(frozen=True, slots=True)
class Signed:
    """What a link's signature covers: none of it can be changed in the database unnoticed."""

    id: UUID
    order_id: UUID
    expires_at: datetime
    max_uses: int
    recipient: bytes  # its digest; empty when the link is nobody's in particular

    def message(self) -> bytes:
        """The bytes that are signed; all but the last are of a fixed length."""
        moment = int(self.expires_at.timestamp() * 1_000_000)
        numbers = moment.to_bytes(8, "big") + self.max_uses.to_bytes(2, "big")
        return self.id.bytes + self.order_id.bytes + numbers + self.recipient


@dataclass(frozen=True, slots=True)
class Token:
    """The parts of a token as it came; whether it is good is told by its link's row."""

    link_id: UUID
    tag: bytes = field(repr=False)


def signed_tag(key: bytes, signed: Signed) -> bytes:
    """HMAC-SHA256 by the key of claim links."""
    return hmac.digest(key, signed.message(), "sha256")


def written(link_id: UUID, tag: bytes) -> str:
    """The token: `kml_` and 64 letters."""
    return PREFIX + urlsafe_b64encode(link_id.bytes + tag).decode()


def read_token(text: str) -> Token | None:
    """The parts of a token; None for a text of another form."""
    letters = text.removeprefix(PREFIX)
    if not text.startswith(PREFIX) or len(letters) != 64 or not letters.isascii():
        return None
    try:
        raw = urlsafe_b64decode(letters)
    except ValueError:
        return None
    if len(raw) != _ID_BYTES + _TAG_BYTES or written(UUID(bytes=raw[:16]), raw[16:]) != text:
        return None
    return Token(UUID(bytes=raw[:_ID_BYTES]), raw[_ID_BYTES:])


def address(base: str, token: str) -> str:
    """The link itself. What stands behind `#` is never sent to a server, so it is in no log."""
    return f"{base.rstrip('/')}{PATH}#{token}"


def state_of(
    revoked_at: datetime | None, expires_at: datetime, uses: int, max_uses: int, moment: datetime
) -> LinkState:
    """Where a link stands at this moment."""
    if revoked_at is not None:
        return LinkState.REVOKED
    if uses >= max_uses:
        return LinkState.USED_UP
    return LinkState.EXPIRED if expires_at <= moment else LinkState.OPEN


def one_time_code(key: bytes, challenge_id: UUID) -> str:
    """The code of a challenge: made when it is sent and when it is checked, never stored."""
    number = int.from_bytes(hmac.digest(key, challenge_id.bytes, "sha256")[:8], "big")
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
