"""A supplier may say that it is done and show no goods: counted, and an incident of its own."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    """Two columns, one more kind of incident."""

    dependencies = [("domain", "0098_agent_messages")]

    initial = False

    operations = [
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="withheld_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="withheld_answers",
            field=fields.SmallIntField(default=0, db_default=0),
        ),
        ops.AddConstraint(
            model_name="FulfilmentAttempt",
            constraint=CheckConstraint(
                check="(withheld_since IS NULL) = (withheld_answers = 0)"
                " AND withheld_answers >= 0",
                name="attempt_withheld_whole",
            ),
        ),
        ops.RemoveConstraint(model_name="SupplyIncident", name="incident_kind_known"),
        ops.AddConstraint(
            model_name="SupplyIncident",
            constraint=CheckConstraint(
                check="kind IN ('came_late', 'not_whole', 'surplus', 'above_price', 'taken_back',"
                " 'contradicted', 'open_too_long', 'withheld', 'forgotten')",
                name="incident_kind_known",
            ),
        ),
    ]
