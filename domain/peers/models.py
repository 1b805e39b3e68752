"""What partners were last told of the price and stock of what they may buy (mission row D6)."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.catalog import StockLevel
from domain.kernel import Model
from domain.kernel.ids import new_id


class PeerRound(Model):
    """How far the goods of a site were looked at for one partner."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    user_id = fields.UUIDField()
    site_id = fields.UUIDField()
    cursor = fields.CharField(max_length=64, default="")  # the last SKU that was looked at
    pushes = fields.IntField(default=0)  # messages
    looked_at = fields.DatetimeField()

    class Meta:
        table = "peer_rounds"
        constraints = (
            UniqueConstraint(fields=("user_id", "site_id"), name="peer_round_once"),
            CheckConstraint(check="pushes >= 0", name="peer_round_counts_up"),
        )


class ToldGoods(Model):
    """What a partner was told of one variant last. Amounts in units."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    round_id = fields.UUIDField()
    sku = fields.CharField(max_length=64)
    amount: int | None = fields.BigIntField(null=True)  # None: it has no price for the partner
    currency = fields.CharField(max_length=3)
    level = fields.CharEnumField(StockLevel, max_length=8)

    class Meta:
        table = "told_goods"
        constraints = (UniqueConstraint(fields=("round_id", "sku"), name="told_goods_once"),)
