"""A message may tell an agent of its case: then it is of no order."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("domain", "0097_referrals")]

    initial = False

    operations = [
        ops.AlterField(
            model_name="Notification", name="order_id", field=fields.UUIDField(null=True)
        ),
        ops.RunSQL(
            "ALTER TABLE notifications ADD CONSTRAINT notification_of_an_order_or_a_case"
            " CHECK ((order_id IS NULL) = (event LIKE 'penalty.%'))"
        ),
    ]
