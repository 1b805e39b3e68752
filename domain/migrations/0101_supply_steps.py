"""What suppliers called back about an attempt is found by it: a step of what happened."""

from tortoise import migrations
from tortoise.migrations import operations as ops

SQL = """
CREATE INDEX supplier_callbacks_of_attempts ON supplier_callbacks (attempt_id)
    WHERE attempt_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    """One index."""

    dependencies = [("domain", "0100_kept_margins")]

    initial = False

    operations = [ops.RunSQL(SQL)]
