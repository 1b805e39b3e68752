"""Why a campaign, a claim or a coupon in an order is refused."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Money, Refusal


@dataclass(frozen=True, kw_only=True)
class CampaignStateWrong(Refusal):
    """A campaign does not take this step from where it stands."""

    code: ClassVar[str] = "CAMPAIGN_STATE_WRONG"
    state: str


@dataclass(frozen=True, kw_only=True)
class CampaignTermsFixed(Refusal):
    """What buyers were promised by its kind, currency or code does not change once it has run."""

    code: ClassVar[str] = "CAMPAIGN_TERMS_FIXED"


@dataclass(frozen=True, kw_only=True)
class CouponBatchNotReady(Refusal):
    """Its codes are still being made, or it was made void."""

    code: ClassVar[str] = "COUPON_BATCH_NOT_READY"


@dataclass(frozen=True, kw_only=True)
class CouponNotAccepted(Refusal):
    """No such coupon, or not the caller's, or not any more: all sound the same."""

    code: ClassVar[str] = "COUPON_NOT_ACCEPTED"


@dataclass(frozen=True, kw_only=True)
class CouponsLocked(Refusal):
    """Too many codes came to nothing; no code is looked at for a while."""

    code: ClassVar[str] = "COUPONS_LOCKED"


@dataclass(frozen=True, kw_only=True)
class CouponIneligible(Refusal):
    """A coupon that the order names does not apply; `missing` is what more has to be bought."""

    code: ClassVar[str] = "COUPON_INELIGIBLE"
    reason: str
    missing: Money | None = None


@dataclass(frozen=True, kw_only=True)
class CouponExhausted(Refusal):
    """A coupon was used, or of its campaign nothing is left."""

    code: ClassVar[str] = "COUPON_EXHAUSTED"


@dataclass(frozen=True, kw_only=True)
class LimitBelowUse(Refusal):
    """A limit that is below what orders hold already."""

    code: ClassVar[str] = "CAMPAIGN_LIMIT_BELOW_USE"
