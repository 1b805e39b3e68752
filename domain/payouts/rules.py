"""Pure rules of payouts: what fee and tax leave, when to ask again, what a name must agree with."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.kernel import SCALE, minor_step
from domain.realname import RealNameLevel

LEASE = timedelta(seconds=60)
PAUSES = (10, 20, 60, 180, 600, 1_800, 3_600)  # seconds between questions
RATE_SCALE = 10_000
VISIBLE_LETTERS = 4


@dataclass(slots=True)
class Limits:
    """What an installation allows; set once by the wiring. Amounts in units of 1/10000."""

    daily_cap: int = 50_000 * SCALE  # of one agent
    without_approval: int = 0  # up to this much a clean payout needs nobody
    cooling_off: timedelta = timedelta(hours=24)  # after a changed destination
    alert: timedelta = timedelta(hours=1)  # so long after it was sent its end should be known
    slow_alert: timedelta = timedelta(hours=48)  # of what a bank or its receiver has to do
    real_name_level: RealNameLevel = RealNameLevel.BASIC  # that an agent must have


limits = Limits()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a channel keeps of a payout: a fixed fee, rates in 1/10000."""

    fee_fixed: int
    fee_rate: int
    tax_rate: int


def kept_of(amount: int, terms: Terms, currency: str) -> tuple[int, int]:
    """Fee and tax of an amount, in units: whole cents, rounded up, so that what is left is payable
    and nobody pays a fraction for somebody else."""
    step = minor_step(currency)
    fee = terms.fee_fixed + _part(amount, terms.fee_rate, step)
    return -(-fee // step) * step, _part(amount, terms.tax_rate, step)


def _part(amount: int, rate: int, step: int) -> int:
    return -(-amount * rate // (RATE_SCALE * step)) * step


def pause(tries: int) -> timedelta:
    """How long to wait after so many questions."""
    return timedelta(seconds=PAUSES[min(tries, len(PAUSES) - 1)])


def is_settled(
    submitted_at: datetime | None,
    moment: datetime,
    settle_seconds: float,
    answers: int,
    needed: int,
) -> bool:
    """Whether "not found" may be believed: often enough in a row, and long enough after it was
    sent, so that nothing of it can still be on its way."""
    if submitted_at is None:
        return False
    return answers >= needed and (moment - submitted_at).total_seconds() >= settle_seconds


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same person's, whatever their width, spaces and dots."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in folded if letter not in " ·.•-'’" and letter.isprintable())


def masked(account: str) -> str:
    """An account as it may be shown: its last letters."""
    if "@" in account:
        name, _, host = account.partition("@")
        return f"{name[:1]}***@{host}"[:64]
    shown = account[-VISIBLE_LETTERS:] if len(account) > 2 * VISIBLE_LETTERS else account[-1:]
    return f"****{shown}"


def normalised(account: str) -> str:
    """An account so that two ways to write it are one."""
    return "".join(unicodedata.normalize("NFKC", account).split()).casefold()
