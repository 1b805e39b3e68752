"""Price lists, the prices on them, and what became of each price."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class PriceList(Model):
    """Prices in one currency, of one site or of all, for a time or for ever (mission row A9).

    Each currency has a base list, `base-cny`, which the database makes with its first price.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    code = fields.CharField(max_length=64, unique=True)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    currency = fields.CharField(max_length=3)
    site_id = fields.UUIDField(null=True)  # None: of all sites
    valid_from = fields.DatetimeField(null=True)
    valid_until = fields.DatetimeField(null=True)
    priority = fields.IntField(default=0)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "price_lists"
        constraints = (
            UniqueConstraint(fields=("id", "currency"), name="price_list_currency"),
            CheckConstraint(check="valid_until > valid_from", name="price_list_window_open"),
        )


class Price(Model):
    """The unit price of a variant for one tier, in units of 1/10000 of the currency.

    Without a `list_id` the database puts it on its currency's base list.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    list_id = fields.UUIDField(null=True)
    variant_id = fields.UUIDField()
    tier = fields.CharField(max_length=16)
    currency = fields.CharField(max_length=3)
    amount = fields.BigIntField()
    compare_at = fields.BigIntField(null=True)
    updated_at = fields.DatetimeField()
    updated_by = fields.UUIDField(null=True)  # None: the system itself

    class Meta:
        table = "prices"
        unique_together = (("variant_id", "tier", "list_id"),)
        constraints = (
            CheckConstraint(check="amount > 0", name="price_above_zero"),
            CheckConstraint(
                check="compare_at IS NULL OR compare_at > amount",
                name="price_compare_at_above",
            ),
            CheckConstraint(
                check="tier IN ('retail', 'bronze', 'silver', 'gold')",
                name="price_tier_known",
            ),
        )


class PriceChange(Model):
    """What a price was and became, when and by whom. Written by the database; never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    list_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    tier = fields.CharField(max_length=16)
    currency = fields.CharField(max_length=3)
    old_amount = fields.BigIntField(null=True)  # None: there was no price
    new_amount = fields.BigIntField(null=True)  # None: there is no price any more
    old_compare_at = fields.BigIntField(null=True)
    new_compare_at = fields.BigIntField(null=True)
    changed_by = fields.UUIDField(null=True)
    at = fields.DatetimeField()

    class Meta:
        table = "price_changes"
        indexes = (("variant_id", "id"),)


class ExchangeRate(Model):
    """What one unit of a currency is worth in the house's, in millionths, for a time; kept."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    currency = fields.CharField(max_length=3)
    rate = fields.BigIntField()
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField()
    note = fields.CharField(max_length=200, default="")
    set_by = fields.UUIDField(null=True)  # None: the command line

    class Meta:
        table = "exchange_rates"
        indexes = (("currency", "valid_from"),)
        constraints = (
            CheckConstraint(check="rate > 0", name="exchange_rate_above_zero"),
            CheckConstraint(check="valid_until > valid_from", name="exchange_rate_for_a_time"),
        )
