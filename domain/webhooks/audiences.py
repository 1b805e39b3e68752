"""Who may hear of which event: the owner of an order or a wallet of what is theirs, staff by scope.

Names stand here as letters, since the contexts that record them lie above; a house test compares
them with all that the domain records. Whoever adds an event says here who may hear of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Whose(StrEnum):
    """To whom an event belongs."""

    BUYER = "buyer"  # of the order that it tells of
    USER = "user"  # whom it names as `userId`
    NOBODY = "nobody"  # the house: for staff only


@dataclass(frozen=True, slots=True)
class Hearers:
    """Its owner, and staff with this scope: of everybody's where it belongs to somebody."""

    whose: Whose
    scope: str


ALL_ORDERS = "webhooks:all_orders"
_OF_BUYERS = (
    *("order.placed", "order.cancelled", "order.expired", "order.failed", "order.held"),
    *("order.paid", "order.delivering", "order.part_arrived"),
    *("order.line_delivered", "order.line_refunded"),
    *("order.delivered", "order.partially_delivered", "order.delivery_failed", "order.refunded"),
    *("order.dispute_opened", "order.dispute_decided", "order.dispute_appealed"),
    "order.dispute_evidence_added",
    *("claim_link.created", "claim_link.claimed", "claim_link.revoked"),
)
_OF_USERS = {
    "wallet.topped_up": "users:read",
    "goods.changed": "products:read",
    "coupon.claimed": "coupons:read",
    "coupon.redeemed": "coupons:read",
    "coupon.released": "coupons:read",
    "coupon.returned": "coupons:read",
    "gift_card.redeemed": "giftcards:read",
    "agent.activated": "agents:read",
    "agent.moved": "agents:read",
    "agent.tier_changed": "agents:read",
    "agent.type_changed": "agents:read",
    "agent.suspended": "agents:read",
    "agent.resumed": "agents:read",
    "agent.closed": "agents:read",
    "commission.released": "commissions:read",
    "commission.moved_to_wallet": "commissions:read",
    "cashback.credited": "cashback:read",
    "cashback.taken_back": "cashback:read",
    "bonus.awarded": "bonuses:read",
    "bonus.taken_back": "bonuses:read",
    "agent.applied": "agents:read",
    "agent.application_decided": "agents:read",
    "deposit.moved": "deposits:read",
    **dict.fromkeys(
        (
            *("penalty.noticed", "penalty.answered", "penalty.withdrawn", "penalty.dismissed"),
            *("penalty.imposed", "penalty.appealed", "penalty.upheld", "penalty.overturned"),
            "penalty.final",
        ),
        "penalties:read",
    ),
    "tier.promoted": "tiers:read",
    "tier.warned": "tiers:read",
    "tier.demoted": "tiers:read",
    "objection.opened": "settlements:read",
    "objection.appealed": "settlements:read",
    "objection.answered": "settlements:read",
    "real_name.submitted": "realname:read",
    "real_name.decided": "realname:read",
    **dict.fromkeys(
        (
            *("payout.requested", "payout.approved", "payout.submitted", "payout.waiting"),
            *("payout.succeeded", "payout.failed", "payout.returned", "payout.refused"),
            *("payout.cancelled", "payout_destination.changed"),
        ),
        "payouts:read",
    ),
}
_OF_STAFF: dict[str, tuple[str, ...]] = {
    "payments:read": (
        *("payment.suspended", "payment.refund_requested"),
        *("payment.refunded", "payment.refund_failed"),
    ),
    "ledger:read": ("reconciliation.mismatch", "custody.short"),
    "settlements:read": ("settlement.frozen",),
    "providers:read": (
        *("provider.terms_decided", "provider.statement_decided"),
        "provider.account_decided",
    ),
    "statements:read": ("statement.differences_found",),
    "payouts:read": ("payout.stuck", "payout.contradicted"),
    "suppliers:read": (
        *("supplier.breaker_opened", "supplier.saved", "price.inverted", "price.recovered"),
        *("supplier.catalogue_changed", "supplier.catalogue_incomplete"),
        *("supplier.balance_low", "supplier.balance_recovered", "supplier.top_up_reminder"),
        *("supplier.demoted", "supplier.restored"),
    ),
    "orders:read": (
        *("delivery.uncertain", "delivery.uncertain_long", "delivery.rerouted"),
        "delivery.incident",
    ),
    "purchases:read": (
        *("purchase.proposed", "purchase.approved", "purchase.declined", "purchase.received"),
        *("purchase.done", "purchase.failed", "purchase.uncertain", "purchase.incident"),
    ),
    "orders:fulfil": ("manual.waiting", "manual.overdue"),
    "cards:read": (
        *("card_batch.imported", "card_batch.undone", "card_batch.released", "card_batch.frozen"),
        *("card_batch.unfrozen", "card_batch.voided", "card_batch.returned"),
        *("card_batch.expired", "card_batch.invalid_found"),
        *("card_pool.low", "card_pool.recovered", "card_pool.expiring"),
    ),
    "cards:approve": (
        *("card.revealed", "card.canary_touched"),
        *("card_reveal.requested", "card_reveal.approved", "card_reveal.rejected"),
        *("card_export.requested", "card_export.approved", "card_export.rejected"),
        *("card_export.ready", "card_export.failed", "card_export.taken", "card_export.expired"),
    ),
    "giftcards:read": (
        *("gift_card.issued", "gift_card.moved", "gift_card.locked_out"),
        "gift_card_program.saved",
    ),
    "products:read": (
        *("product.saved", "variant.saved", "attribute.saved", "product_type.saved"),
        *("listing.moved", "price.changed", "price_list.saved", "exchange_rate.set"),
        *("agent_price.set", "agent_price.ended", "price_ladder.set"),
        "volume_ladder.set",
    ),
    "brands:read": (
        *("brand.saved", "brand.authorised", "brand.authorisation_revoked"),
        "brand.authorisation_expiring",
    ),
    "coupons:read": (
        *("coupon_campaign.changed", "coupon_batch.made", "coupon_batch.voided"),
        "coupon.locked_out",
    ),
    "sites:read": ("site.saved",),
    "agreements:read": ("agreement.published",),
    "tiers:read": ("tier.hindered",),
    "penalties:read": ("inspection.drawn", "inspection.reported"),
    "agents:read": ("agent.floors_shown", "agent.floors_hidden"),
    "aftersales:read": ("complaints.high", "complaints.recovered"),
    "ratings:read": ("rating.given", "rating.judged"),
    "risk:read": ("risk_case.opened", "risk_case.decided"),
    "jobs:read": ("job.finished",),
    "webhooks:read": ("webhook_endpoint.failing",),
}
EVENTS: Mapping[str, Hearers] = MappingProxyType(
    {name: Hearers(Whose.BUYER, ALL_ORDERS) for name in _OF_BUYERS}
    | {name: Hearers(Whose.USER, scope) for name, scope in _OF_USERS.items()}
    | {name: Hearers(Whose.NOBODY, scope) for scope, names in _OF_STAFF.items() for name in names}
)
# What nobody subscribes to, and why.
INTERNAL: Mapping[str, str] = MappingProxyType(
    {
        "coupon_batch.ordered": "it only wakes the worker; `coupon_batch.made` tells the outcome",
        "job.queued": "it only wakes the worker; `job.finished` tells the outcome",
        "supplier.goods_told": "it only wakes the worker; `supplier.catalogue_changed` tells",
        "delivery.next_step": "it only wakes the worker; what it finds out is told by the order",
        "claim_link.challenged": "it only makes the message that carries a one-time code",
    }
)


def audible_to(staff: bool) -> tuple[str, ...]:
    """What one may subscribe to: staff to all of it, others to what may be theirs."""
    return tuple(name for name, each in EVENTS.items() if staff or each.whose is not Whose.NOBODY)
