"""What coupons tell: ids, counts and amounts, never a code."""

from uuid import UUID

from domain.coupons.models import Campaign, CouponBatch
from domain.kernel import Event, Prefix, encode_id, plain

CHANGED = "coupon_campaign.changed"
BATCH_ORDERED = "coupon_batch.ordered"
BATCH_MADE = "coupon_batch.made"
BATCH_VOIDED = "coupon_batch.voided"
CLAIMED = "coupon.claimed"
REDEEMED = "coupon.redeemed"
RELEASED = "coupon.released"
RETURNED = "coupon.returned"
LOCKED_OUT = "coupon.locked_out"


def told(campaign: Campaign) -> Event:
    """A campaign is another one now; whoever has locked its row tells."""
    payload = {
        "campaignId": encode_id(Prefix.COUPON_CAMPAIGN, campaign.id),
        "state": campaign.state.value,
        "kind": campaign.kind.value,
        "automatic": campaign.automatic,
        "version": campaign.version,
    }
    return Event(CHANGED, campaign.id, campaign.version, payload)


def told_batch(event: str, sequence: int, batch: CouponBatch) -> Event:
    """A batch is ordered, all of its codes are there, or none of them is good any more."""
    payload = {
        "batchId": encode_id(Prefix.COUPON_BATCH, batch.id),
        "campaignId": encode_id(Prefix.COUPON_CAMPAIGN, batch.campaign_id),
        "count": batch.count,
    }
    return Event(event, batch.id, sequence, payload)


def claimed(coupon_id: UUID, campaign_id: UUID, user_id: UUID) -> Event:
    """A coupon is in somebody's account."""
    payload = {
        "couponId": encode_id(Prefix.COUPON, coupon_id),
        "campaignId": encode_id(Prefix.COUPON_CAMPAIGN, campaign_id),
        "userId": encode_id(Prefix.USER, user_id),
    }
    return Event(CLAIMED, coupon_id, 1, payload)


def told_use(
    event: str,
    use_id: UUID,
    sequence: int,
    user_id: UUID,
    order_id: UUID,
    campaign_id: UUID,
    amount: int,
    currency: str,
) -> Event:
    """A use of a coupon went on."""
    payload = {
        "orderId": encode_id(Prefix.ORDER, order_id),
        "campaignId": encode_id(Prefix.COUPON_CAMPAIGN, campaign_id),
        "userId": encode_id(Prefix.USER, user_id),
        "amount": plain(amount),
        "currency": currency,
    }
    return Event(event, use_id, sequence, payload)
