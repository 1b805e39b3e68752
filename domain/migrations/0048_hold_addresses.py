"""Where unpaid cards are held from, so that one address holds no more than its part (row F7)."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

SQL = """
CREATE INDEX holds_of_an_address ON card_holds (address)
    WHERE state = 'open' AND address IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0047_priceguard")]

    initial = False

    operations = [
        ops.AddField(
            model_name="CardHold", name="address", field=fields.BinaryField(null=True)
        ),
        ops.AddConstraint(
            model_name="CardHold",
            constraint=CheckConstraint(
                check="address IS NULL OR state = 'open'", name="hold_forgets_its_address"
            ),
        ),
        RunSQL(SQL),
    ]
