"""Codes of coupons that were taken may be shown again for a while, to whoever took them."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE coupon_takes ADD CONSTRAINT coupon_take_of_a_batch
    FOREIGN KEY (batch_id) REFERENCES coupon_batches (id);
CREATE TRIGGER coupon_takes_stay BEFORE UPDATE OR DELETE ON coupon_takes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE INDEX coupon_batches_forget ON coupon_batches (forget_at) WHERE forget_at IS NOT NULL;
"""


class Migration(migrations.Migration):
    """A table of what was taken, and when a seed goes."""

    dependencies = [("domain", "0101_supply_steps")]

    initial = False

    operations = [
        *with_constraints(
            [
                ops.CreateModel(
                    name="CouponTake",
                    fields=[
                        (
                            "id",
                            fields.UUIDField(
                                primary_key=True, default=new_id, unique=True, db_index=True
                            ),
                        ),
                        ("batch_id", fields.UUIDField()),
                        ("start", fields.IntField()),
                        ("codes", fields.IntField()),
                        ("taken_by", fields.UUIDField()),
                        ("taken_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                    ],
                    options={
                        "table": "coupon_takes",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(
                                check="start >= 0 AND codes BETWEEN 0 AND 1000",
                                name="coupon_take_in_range",
                            ),
                            UniqueConstraint(
                                fields=("batch_id", "start"),
                                name="coupon_taken_once",
                                condition="codes > 0",
                            ),
                        ],
                        "pk_attr": "id",
                        "table_description": "Which codes of a batch were shown to whom. The same"
                        " key shows them again for a while.",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.AddField(
            model_name="CouponBatch",
            name="forget_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RemoveConstraint(model_name="CouponBatch", name="coupon_batch_seed_goes"),
        ops.AddConstraint(
            model_name="CouponBatch",
            constraint=CheckConstraint(
                check="CASE WHEN seed_sealed IS NULL THEN forget_at IS NULL"
                " ELSE (taken = count) = (forget_at IS NOT NULL) END",
                name="coupon_batch_seed_goes",
            ),
        ),
        ops.RunSQL(SQL),
    ]
