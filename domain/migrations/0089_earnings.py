"""What refunds took back of an agent's commissions is found by the agent, newest first."""

from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("domain", "0088_coupons")]

    initial = False

    operations = [
        ops.AddIndex(model_name="CommissionClawback", index=Index(fields=["agent_id", "id"])),
    ]
