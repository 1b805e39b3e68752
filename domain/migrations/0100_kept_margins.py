"""Bonus plans stand on what is above the least margin, and cashback says what it left to which."""

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel.migrating import with_constraints

# Cashback of before has left room to the plans that there were. What was counted stays as it was.
SQL = """
ALTER TABLE kept_margins ADD CONSTRAINT kept_margin_of_a_line
    FOREIGN KEY (order_line_id) REFERENCES order_lines (id);
CREATE TRIGGER kept_margins_append_only BEFORE UPDATE OR DELETE ON kept_margins
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE INDEX cashbacks_by_credit ON cashbacks (credited_at) WHERE state = 'credited';
ALTER TABLE cashbacks DISABLE TRIGGER cashbacks_guarded;
UPDATE cashbacks SET left_for = (SELECT coalesce(array_agg(id), '{}') FROM bonus_plans
    WHERE state = 'approved') WHERE state = 'credited';
ALTER TABLE cashbacks ENABLE TRIGGER cashbacks_guarded;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0099_withheld")]

    initial = False

    operations = [
        *with_constraints(
            [
                ops.CreateModel(
                    name="KeptMargin",
                    fields=[
                        (
                            "order_line_id",
                            fields.UUIDField(primary_key=True, unique=True, db_index=True),
                        ),
                        ("amount", fields.BigIntField()),
                    ],
                    options={
                        "table": "kept_margins",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(check="amount > 0", name="kept_margin_above_zero")
                        ],
                        "pk_attr": "order_line_id",
                        "table_description": "The least margin of a line by the price guard, as it"
                        " was when the line was counted: what",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.AddField(
            model_name="Cashback",
            name="reserved",
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name="Cashback",
            name="left_for",
            field=ArrayField(element_type="UUID", default=list, db_default=[]),
        ),
        ops.AddConstraint(
            model_name="Cashback",
            constraint=CheckConstraint(
                check="reserved BETWEEN 0 AND 10000 AND (amount = 0 OR reserved < 10000)",
                name="cashback_beside_what_is_reserved",
            ),
        ),
        ops.RunSQL(SQL),
    ]
