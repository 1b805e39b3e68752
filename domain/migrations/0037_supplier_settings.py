"""Suppliers have settings of their own beside the secret."""

from tortoise import fields, migrations
from tortoise.fields.db_defaults import SqlDefault
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    """One more column."""

    dependencies = [("domain", "0036_two_books")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Supplier",
            name="settings",
            field=fields.JSONField(default=dict, db_default=SqlDefault("'{}'::jsonb")),
        ),
        ops.AddConstraint(
            model_name="Supplier",
            constraint=CheckConstraint(
                check="jsonb_typeof(settings) = 'object'", name="supplier_settings_named"
            ),
        ),
    ]
