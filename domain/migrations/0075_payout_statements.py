"""Statements of payouts, what came back of them and from suppliers, and what to look for it by."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.statements.models import LineKind

SQL = """
CREATE INDEX payouts_done_at ON payouts (channel_id, finished_at, id)
    WHERE status IN ('SUCCEEDED', 'RETURNED');
CREATE INDEX supply_incidents_given_back ON supply_incidents (supplier_id, resolved_at, attempt_id)
    WHERE amount > 0;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0074_penalties")]

    initial = False

    operations = [
        ops.RemoveConstraint(model_name="StatementSource", name="statement_source_whose"),
        ops.AddConstraint(
            model_name="StatementSource",
            constraint=CheckConstraint(
                check="party IN ('CHANNEL', 'SUPPLIER', 'PAYOUT')"
                " AND (party = 'PAYOUT' OR owner_id IS NOT NULL)",
                name="statement_source_whose",
            ),
        ),
        ops.RemoveConstraint(model_name="StatementDifference", name="statement_missing_there_once"),
        ops.AddConstraint(
            model_name="StatementDifference",
            constraint=UniqueConstraint(
                fields=("subject_id", "kind"),
                name="statement_missing_there_once",
                condition="line_id IS NULL",
            ),
        ),
        *(
            ops.AlterField(
                model_name=model,
                name="kind",
                field=fields.CharEnumField(
                    description="PAYMENT: PAYMENT\nREFUND: REFUND\nPURCHASE: PURCHASE"
                    "\nSUPPLIER_REFUND: SUPPLIER_REFUND\nPAYOUT: PAYOUT\nRETURN: RETURN"
                    "\nOTHER: OTHER",
                    enum_type=LineKind,
                    max_length=16,
                ),
            )
            for model in ("StatementDifference", "StatementLine", "StatementTally")
        ),
        ops.RunSQL(SQL),
    ]
