"""Payouts of payment channels to the bank: a kind of transfer more."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from domain.ledger.models import TransferKind


class Migration(migrations.Migration):
    dependencies = [("domain", "0083_inspections")]

    initial = False

    operations = [
        ops.AlterField(
            model_name="Transfer",
            name="kind",
            field=fields.CharEnumField(
                description="\n".join(f"{kind.name}: {kind.value}" for kind in TransferKind),
                enum_type=TransferKind,
                max_length=24,
            ),
        ),
    ]
