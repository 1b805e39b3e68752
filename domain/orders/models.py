"""Orders: what was agreed, and how far it has come."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.catalog import DeliveryKind
from domain.kernel import MAIN_SITE_ID, Model, new_id
from domain.orders.keepsakes import ContactKind


class OrderStatus(StrEnum):
    """The life of an order; allowed moves stand in rules.py and in a trigger."""

    PENDING_PAYMENT = "PENDING_PAYMENT"
    RISK_REVIEW = "RISK_REVIEW"  # paid, and held for a second look
    PAID = "PAID"
    DELIVERING = "DELIVERING"
    DELIVERED = "DELIVERED"
    PARTIALLY_DELIVERED = "PARTIALLY_DELIVERED"
    FAILED = "FAILED"  # unpaid: the channel refused every try
    CANCELLED = "CANCELLED"  # unpaid: the buyer thought again
    EXPIRED = "EXPIRED"  # unpaid, and its time is over
    REFUNDED = "REFUNDED"  # all of its money went back


class LineStatus(StrEnum):
    """The life of one line."""

    WAITING = "WAITING"  # its order is unpaid, or held for a second look
    QUEUED = "QUEUED"
    DELIVERING = "DELIVERING"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"  # with its unpaid order
    REFUNDED = "REFUNDED"  # nobody could deliver it


class Order(Model):
    """One agreement. Amounts in units of 1/10000 of `currency`."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    number = fields.CharField(max_length=32, unique=True)
    buyer_id = fields.UUIDField()
    api_key_id = fields.UUIDField(null=True)
    external_id = fields.CharField(max_length=64, null=True)
    # Where it was bought. No foreign key: each purchase would lock the site's row, and a site is
    # never deleted anyway.
    site_id = fields.UUIDField(default=MAIN_SITE_ID, db_default=str(MAIN_SITE_ID))
    status = fields.CharEnumField(OrderStatus, max_length=24)
    currency = fields.CharField(max_length=3)
    total = fields.BigIntField()
    tier = fields.CharField(max_length=16)
    consumer = fields.BooleanField()  # False: an agent buys for own stock, and nobody earns on it
    agent_chain = ArrayField(element_type="uuid", default=list)  # nearest agent first, at the time
    promo_link_id = fields.UUIDField(null=True)  # the agent's link by which the buyer came
    # Who of them earns nothing on it, and why: agentId, level, reason. None: everybody earns.
    barred = fields.JSONField[list[dict[str, Any]] | None](null=True)
    event_count = fields.IntField(default=0)
    version = fields.IntField(default=1)
    placed_at = fields.DatetimeField()
    paid_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)  # of an order that somebody has to pay first
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "orders"
        indexes = (("buyer_id", "id"),)
        constraints = (
            CheckConstraint(check="total > 0", name="order_total_above_zero"),
            CheckConstraint(
                check="cardinality(agent_chain) <= 3", name="order_three_agents_at_most"
            ),
            CheckConstraint(
                check="(paid_at IS NOT NULL) = (status NOT IN"
                " ('PENDING_PAYMENT', 'FAILED', 'CANCELLED', 'EXPIRED'))",
                name="order_paid",
            ),
            CheckConstraint(
                check="status <> 'PENDING_PAYMENT' OR expires_at IS NOT NULL",
                name="order_unpaid_expires",
            ),
            CheckConstraint(
                check="status IN ('PENDING_PAYMENT', 'RISK_REVIEW', 'PAID', 'DELIVERING',"
                " 'DELIVERED', 'PARTIALLY_DELIVERED', 'FAILED', 'CANCELLED', 'EXPIRED',"
                " 'REFUNDED')",
                name="order_status_known",
            ),
            UniqueConstraint(
                fields=("api_key_id", "external_id"),
                name="order_external_id_once",
                condition="external_id IS NOT NULL",
            ),
        )


class OrderLine(Model):
    """One variant in an order, at a price locked when it was placed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField(
        "domain.Order", related_name="lines", on_delete=fields.RESTRICT
    )
    position = fields.SmallIntField()
    variant_id = fields.UUIDField()
    sku = fields.CharField(max_length=64)
    quantity = fields.IntField()
    unit_price = fields.BigIntField()  # what is paid for one, after coupons
    discount = fields.BigIntField(default=0, db_default=0)  # what they took off all pieces together
    max_unit_cost = fields.BigIntField()  # no purchase upstream above this (price guard, row D7)
    delivery_kind = fields.CharEnumField(DeliveryKind, max_length=16)
    type_id = fields.UUIDField()  # what was asked of the buyer: this version of this type. No
    type_version = fields.IntField()  # foreign key: each purchase would lock the version's row
    # What the buyer filled in: sealed with its key's version in front (filled_in.py), and masked
    # values by key for whoever is not the buyer. `account` holds it of lines older than the seals.
    account: dict[str, Any] | None = fields.JSONField(null=True)
    account_sealed = fields.BinaryField(null=True)
    account_masked = fields.JSONField[dict[str, str]](null=True)
    account_erased_at = fields.DatetimeField(null=True)
    bundle_sku = fields.CharField(max_length=64, null=True)  # of which bundle it is a part, and
    bundle_position = fields.SmallIntField(null=True)  # which one
    gift = fields.BooleanField(default=False, db_default=False)  # comes with it, and has no price
    status = fields.CharEnumField(LineStatus, max_length=24)
    consumer = fields.BooleanField()
    delivered_quantity = fields.IntField(default=0)
    cost = fields.BigIntField(default=0)  # of what was delivered, all units together
    due_at = fields.DatetimeField(
        null=True
    )  # when a job must look at it again; the sweeper's index
    delivered_at = fields.DatetimeField(null=True)
    failure_code = fields.CharField(max_length=32, null=True)
    receipt = fields.CharField(max_length=200, null=True)  # the supplier's, of a direct top-up
    note_sealed = fields.BinaryField(null=True)  # what an operator hands over, of a manual line
    terms = fields.JSONField[dict[str, Any]](
        null=True
    )  # who earns by which rule, as of the purchase
    # What went back after the delivery, and of how many pieces; only refunds move them, by trigger.
    refunded_amount = fields.BigIntField(default=0, db_default=0)
    refunded_quantity = fields.IntField(default=0, db_default=0)

    @property
    def money_back(self) -> int:
        """What of its price went back in all, before or after its delivery, in units."""
        undelivered = self.status is LineStatus.REFUNDED
        back: int = self.unit_price * self.quantity if undelivered else self.refunded_amount
        return back

    class Meta:
        table = "order_lines"
        unique_together = (("order", "position"),)
        constraints = (
            CheckConstraint(check="quantity > 0", name="line_quantity_above_zero"),
            CheckConstraint(check="unit_price > 0 OR gift", name="line_price_above_zero"),
            CheckConstraint(check="discount >= 0", name="line_discount_not_negative"),
            CheckConstraint(
                check="(bundle_sku IS NULL) = (bundle_position IS NULL)", name="line_bundle_whole"
            ),
            CheckConstraint(
                check="NOT gift OR (unit_price = 0 AND bundle_sku IS NOT NULL)",
                name="line_gift_of_a_bundle",
            ),
            CheckConstraint(
                check="(status = 'DELIVERED') = (delivered_quantity > 0)"
                " AND (status = 'DELIVERED') = (delivered_at IS NOT NULL)"
                " AND (delivered_quantity IN (0, quantity)"
                " OR failure_code IS NOT DISTINCT FROM 'PARTLY_DELIVERED'"
                " AND delivered_quantity BETWEEN 0 AND quantity"
                " AND delivery_kind IN ('CARD_CODE', 'LINK'))",
                name="line_delivered_whole",
            ),
            CheckConstraint(
                check="(status IN ('QUEUED', 'DELIVERING')) = (due_at IS NOT NULL)",
                name="line_open_is_due",
            ),
            CheckConstraint(
                check="delivery_kind IN ('CARD_CODE', 'DIRECT_TOPUP', 'LINK', 'MANUAL',"
                " 'GIFT_CARD', 'BUNDLE')",
                name="line_kind_known",
            ),
            CheckConstraint(
                check="account IS NULL OR jsonb_typeof(account) = 'object'",
                name="line_account_of_fields",
            ),
            CheckConstraint(
                check="(account_sealed IS NULL) = (account_masked IS NULL)"
                " AND (account_sealed IS NULL OR account IS NULL)",
                name="line_account_sealed_and_masked",
            ),
            CheckConstraint(
                check="account_erased_at IS NULL OR (account IS NULL AND account_sealed IS NULL)",
                name="line_account_erased",
            ),
            CheckConstraint(
                check="(receipt IS NOT NULL)"
                " = (delivery_kind = 'DIRECT_TOPUP' AND status = 'DELIVERED')",
                name="line_receipt_of_topup",
            ),
            CheckConstraint(
                check="(note_sealed IS NOT NULL)"
                " = (delivery_kind = 'MANUAL' AND status = 'DELIVERED')",
                name="line_note_of_manual",
            ),
            CheckConstraint(
                check="refunded_amount BETWEEN 0 AND unit_price * quantity"
                " AND refunded_quantity BETWEEN 0 AND delivered_quantity"
                " AND (refunded_amount = 0 OR status = 'DELIVERED')",
                name="line_refunded_within_paid",
            ),
            UniqueConstraint(fields=("id", "consumer"), name="line_id_consumer"),
        )


class OrderKeepsake(Model):
    """What the buyer left with an order: a sealed contact, and the hash of a look-up password."""

    order_id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharEnumField(ContactKind, max_length=8, null=True)
    contact_sealed = fields.BinaryField(null=True)
    contact_digest = fields.BinaryField(null=True)
    contact_masked = fields.CharField(max_length=300, null=True)
    language = fields.CharField(max_length=2)
    lookup_hash = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "order_keepsakes"
        constraints = (
            CheckConstraint(
                check="(kind IS NULL) = (contact_sealed IS NULL)"
                " AND (kind IS NULL) = (contact_digest IS NULL)"
                " AND (kind IS NULL) = (contact_masked IS NULL)",
                name="keepsake_contact_whole",
            ),
            CheckConstraint(check="kind IN ('email', 'phone')", name="keepsake_kind_known"),
            CheckConstraint(
                check="kind IS NOT NULL OR lookup_hash IS NOT NULL", name="keepsake_keeps_something"
            ),
            CheckConstraint(check="lookup_hash LIKE '$argon2id$%'", name="keepsake_lookup_hashed"),
        )


class OrderExchange(Model):
    """What an order that was paid in another currency costs its buyer. Never changed.

    `total` and `prices` (unit price by line) in 1/10000 of `currency`; `rate` in millionths.
    """

    order_id = fields.UUIDField(primary_key=True, default=new_id)
    currency = fields.CharField(max_length=3)
    total = fields.BigIntField()
    rate = fields.BigIntField()
    rate_id = fields.UUIDField()
    prices = fields.JSONField[dict[str, int]]()
    made_at = fields.DatetimeField()

    class Meta:
        table = "order_exchanges"
        constraints = (
            CheckConstraint(check="total > 0 AND rate > 0", name="order_exchange_above_zero"),
        )


class OrderExchangeReturn(Model):
    """A part of it that went back; together never more than there was. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_id = fields.UUIDField()
    reference = fields.UUIDField(unique=True)  # the refund, or the line that nobody could deliver
    house_amount = fields.BigIntField()
    amount = fields.BigIntField()
    at = fields.DatetimeField()

    class Meta:
        table = "order_exchange_returns"
        indexes = (("order_id",),)
        constraints = (
            CheckConstraint(
                check="house_amount > 0 AND amount >= 0", name="exchange_return_above_zero"
            ),
        )
