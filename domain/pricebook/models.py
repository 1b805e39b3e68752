"""Own prices of agents, prices by quantity and by volume, and who sees floors (rows E1, E3)."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class AgentPrice(Model):
    """An own price of an agent for a time: an `amount` for a variant in one currency, or `off_rate`
    (1/10000 of its tier's price) for what stands in a category.

    Of several in force the one that began last counts. Rows are the history: they never change,
    but that one may end earlier than it was to.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    variant_id = fields.UUIDField(null=True)
    category_id = fields.UUIDField(null=True)
    currency = fields.CharField(max_length=3, null=True)
    amount = fields.BigIntField(null=True)
    off_rate = fields.IntField(null=True)
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField(null=True)
    note = fields.CharField(max_length=200, default="")
    set_by = fields.UUIDField(null=True)  # None: the command line
    ended_by = fields.UUIDField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "agent_prices"
        indexes = (
            ("agent_id", "variant_id", "valid_from"),
            ("agent_id", "category_id", "valid_from"),
        )
        constraints = (
            CheckConstraint(
                check="(variant_id IS NOT NULL AND category_id IS NULL AND currency IS NOT NULL"
                " AND amount IS NOT NULL AND off_rate IS NULL)"
                " OR (variant_id IS NULL AND category_id IS NOT NULL AND currency IS NULL"
                " AND amount IS NULL AND off_rate IS NOT NULL)",
                name="agent_price_of_one_thing",
            ),
            CheckConstraint(check="amount > 0", name="agent_price_above_zero"),
            CheckConstraint(check="off_rate BETWEEN 1 AND 9999", name="agent_price_rate_bounded"),
            CheckConstraint(check="valid_until >= valid_from", name="agent_price_window"),
        )


class PriceLadder(Model):
    """What agents of a tier pay for one piece when they buy more of a variant at once, on a list:
    from `from_quantities[i]` pieces on `amounts[i]` each. The newest in force counts; without steps
    it ends the earlier ones. Rows never change.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    list_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    tier = fields.CharField(max_length=16)
    from_quantities = ArrayField(element_type="int")
    amounts = ArrayField(element_type="bigint")
    valid_from = fields.DatetimeField()
    set_by = fields.UUIDField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "price_ladders"
        indexes = (("list_id", "variant_id", "tier", "valid_from"),)
        constraints = (
            CheckConstraint(
                check="tier IN ('bronze', 'silver', 'gold')", name="price_ladder_of_agents"
            ),
        )


class FloorGrant(Model):
    """Whether an agent sees floors and costs (row E3). The newest counts; rows never change."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    granted = fields.BooleanField()
    note = fields.CharField(max_length=200)
    set_by = fields.UUIDField(null=True)
    at = fields.DatetimeField()

    class Meta:
        table = "floor_grants"
        indexes = (("agent_id", "id"),)
        constraints = (CheckConstraint(check="note <> ''", name="floor_grant_explained"),)


class VolumeLadder(Model):
    """What agents of a tier have off for what they turned over in a month: from `from_volumes[i]`
    units on `off_rates[i]` (1/10000). Counts for months that are counted from now on; the newest
    counts, and none ends it. Rows never change.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    tier = fields.CharField(max_length=16)
    from_volumes = ArrayField(element_type="bigint")
    off_rates = ArrayField(element_type="int")
    valid_from = fields.DatetimeField()
    set_by = fields.UUIDField(null=True)

    class Meta:
        table = "volume_ladders"
        indexes = (("tier", "valid_from"),)
        constraints = (
            CheckConstraint(
                check="tier IN ('bronze', 'silver', 'gold')", name="volume_ladder_of_agents"
            ),
        )


class AgentVolume(Model):
    """What an agent turned over in a month, in units, and what it has off for that, for a month.
    Counted once; never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    month = fields.DateField()  # its first day
    volume = fields.BigIntField()
    off_rate = fields.IntField()
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField()
    counted_at = fields.DatetimeField()

    class Meta:
        table = "agent_volumes"
        unique_together = (("agent_id", "month"),)
        constraints = (
            CheckConstraint(
                check="off_rate BETWEEN 0 AND 9999 AND valid_until > valid_from",
                name="agent_volume_within_limits",
            ),
        )
