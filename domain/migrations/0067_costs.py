"""What channels keep by their rate, and what messages cost."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint

class Migration(migrations.Migration):
    dependencies = [("domain", "0066_supplier_health")]

    initial = False

    operations = [
        ops.AddField(
            model_name='Notification',
            name='cost',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='Payment',
            name='fee_estimate',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='PaymentChannel',
            name='fee_fixed',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='PaymentChannel',
            name='fee_rate',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddConstraint(
            model_name='PaymentChannel',
            constraint=CheckConstraint(check='fee_rate BETWEEN 0 AND 1000000 AND fee_fixed >= 0', name='payment_channel_fee'),
        ),
    ]
