"""The face of tiers: what a tier takes, how far an agent is, what changes when."""

from domain.tiers.models import (
    ChangeState,
    PromotionTiming,
    ReviewOutcome,
    TierChange,
    TierPin,
    TierReview,
    TierTerms,
)
from domain.tiers.pinning import pin_tier, unpin_tier
from domain.tiers.queries import Aim, Progress, list_reviews, progress_of
from domain.tiers.refusals import TierPinNotPossible
from domain.tiers.reviewing import apply_due, review_due
from domain.tiers.rules import Criterion, Point, place, times
from domain.tiers.terms import (
    CURRENCY,
    TermsWish,
    current_terms,
    list_terms,
    payout_cap_of,
    set_terms,
)
from domain.tiers.volumes import count_volumes

__all__ = [
    "CURRENCY",
    "Aim",
    "ChangeState",
    "Criterion",
    "Point",
    "Progress",
    "PromotionTiming",
    "ReviewOutcome",
    "TermsWish",
    "TierChange",
    "TierPin",
    "TierPinNotPossible",
    "TierReview",
    "TierTerms",
    "apply_due",
    "count_volumes",
    "current_terms",
    "list_reviews",
    "list_terms",
    "payout_cap_of",
    "pin_tier",
    "place",
    "progress_of",
    "review_due",
    "set_terms",
    "times",
    "unpin_tier",
]
