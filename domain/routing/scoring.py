"""Pure rules of how well a supplier does (mission rows D11, D13): its score, its demotion, and when
its balance is low. Rates and scores in 1/10000, amounts in units of 1/10000."""

from dataclasses import dataclass
from datetime import timedelta

from domain.kernel import SCALE
from domain.routing.models import Demotion

BEST = SCALE
# Of the score: how much goes through, how soon, how many cards are bad, how soon it makes good.
SUCCESS_SHARE, LATENCY_SHARE, QUALITY_SHARE, REFUND_SHARE = 5_500, 1_500, 2_000, 1_000
GOOD_LATENCY_MS, BAD_LATENCY_MS = 5_000, 120_000
BAD_INVALID_RATE = 1_000  # a tenth of the cards
ENOUGH_SEEN = 20  # fewer say nothing
GOOD_REFUND_HOURS, BAD_REFUND_HOURS = 24, 14 * 24
DEMOTED_BELOW, RESTORED_FROM = 6_000, 7_000  # apart, so that nobody goes to and fro
DOWNS = 3  # times in a row without an answer
WEEK = timedelta(days=7)
REMIND_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """What a score is made of. `refund_hours` is how long it takes to make good, None: it never had
    to; of the cards `seen`, delivered or checked, so many were invalid."""

    success: int = BEST
    latency_ms: int = 0
    seen: int = 0
    invalid: int = 0
    refund_hours: int | None = None

    @property
    def invalid_rate(self) -> int:
        """How many of its cards were bad; 0 while too few were looked at."""
        return SCALE * self.invalid // self.seen if self.seen >= ENOUGH_SEEN else 0


def score_of(facts: HealthFacts) -> int:
    """How well a supplier does: 10000 at best, 0 at worst."""
    parts = (
        (SUCCESS_SHARE, facts.success),
        (LATENCY_SHARE, _falling(facts.latency_ms, GOOD_LATENCY_MS, BAD_LATENCY_MS)),
        (QUALITY_SHARE, _falling(facts.invalid_rate, 0, BAD_INVALID_RATE)),
        (REFUND_SHARE, _falling(facts.refund_hours or 0, GOOD_REFUND_HOURS, BAD_REFUND_HOURS)),
    )
    return sum(share * part for share, part in parts) // SCALE


def demotion_of(score: int, downs: int, before: Demotion | None) -> Demotion | None:
    """Why a supplier is asked after all others, None when it is not."""
    if downs >= DOWNS:
        return Demotion.UNREACHABLE
    line = RESTORED_FROM if before is Demotion.SCORE else DEMOTED_BELOW
    return Demotion.SCORE if score < line else None


def low_line(own: int | None, spent_in_a_week: int) -> int:
    """Below which a balance is low: the operator's line, else what two days use."""
    return spent_in_a_week * 2 // 7 if own is None else own


def suggested_top_up(balance: int, line: int, spent_in_a_week: int) -> int:
    """What would last for a week above the line; never below zero."""
    return max(0, line + spent_in_a_week - balance)


def _falling(value: int, good: int, bad: int) -> int:
    """10000 up to `good`, 0 from `bad` on, and a straight line between."""
    if value <= good:
        return BEST
    return max(0, BEST * (bad - value) // (bad - good))
