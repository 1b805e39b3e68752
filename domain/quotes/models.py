"""Quotes and the orders that used them. Written once, never changed; amounts in 1/10000."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id


class Quote(Model):
    """Prices that one buyer may buy at, at one site, until `valid_until`."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    buyer_id = fields.UUIDField()
    site_id = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    lines = fields.JSONField[list[dict[str, object]]]()
    total = fields.BigIntField()
    created_at = fields.DatetimeField()
    valid_until = fields.DatetimeField()

    class Meta:
        table = "quotes"
        indexes = (("buyer_id", "valid_until"), ("valid_until",))
        constraints = (
            CheckConstraint(check="total >= 0", name="quote_not_below_zero"),
            CheckConstraint(check="valid_until > created_at", name="quote_valid_for_a_while"),
        )


class QuoteUse(Model):
    """Which order was placed by a quote: one, whose total is the quote's (a trigger says so)."""

    quote_id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    used_at = fields.DatetimeField()

    class Meta:
        table = "quote_uses"
        constraints = (UniqueConstraint(fields=("order_id",), name="order_by_one_quote"),)
