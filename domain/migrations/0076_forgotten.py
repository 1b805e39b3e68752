"""A supplier may answer no query about an old order any more: that is an incident of its own."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from domain.fulfilment.models import IncidentKind


class Migration(migrations.Migration):
    """One more kind of incident."""

    dependencies = [("domain", "0075_payout_statements")]

    initial = False

    operations = [
        ops.AlterField(
            model_name="SupplyIncident",
            name="kind",
            field=fields.CharEnumField(
                description="\n".join(f"{each.name}: {each.value}" for each in IncidentKind),
                enum_type=IncidentKind,
                max_length=16,
            ),
        ),
        ops.RemoveConstraint(model_name="SupplyIncident", name="incident_kind_known"),
        ops.AddConstraint(
            model_name="SupplyIncident",
            constraint=CheckConstraint(
                check="kind IN ('came_late', 'not_whole', 'surplus', 'above_price', 'taken_back',"
                " 'contradicted', 'open_too_long', 'forgotten')",
                name="incident_kind_known",
            ),
        ),
    ]
