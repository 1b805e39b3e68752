"""Whom buyers complain about, as it was counted last (row M3)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
-- What was proved bad in cases decided before this column was there.
ALTER TABLE disputes DISABLE TRIGGER disputes_move;
UPDATE disputes d SET proved = true
WHERE d.state IN ('REPLACED', 'REFUNDED') AND (d.check_result = 'INVALID' OR EXISTS (
    SELECT 1 FROM card_checks k WHERE k.card_id = d.card_id AND k.verdict = 'invalid'));
ALTER TABLE disputes ENABLE TRIGGER disputes_move;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0058_contracts")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='ComplaintLevel',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('by', fields.CharField(max_length=16)),
                ('subject', fields.UUIDField()),
                ('delivered', fields.BigIntField()),
                ('disputed', fields.BigIntField()),
                ('invalid', fields.BigIntField()),
                ('high', fields.BooleanField()),
                ('turns', fields.IntField()),
                ('counted_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('turned_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'complaint_levels', 'app': 'domain', 'unique_together': (('by', 'subject'),), 'constraints': [CheckConstraint(check="by IN ('PRODUCT', 'SUPPLIER', 'AGENT', 'SITE')", name='complaint_by_known')], 'pk_attr': 'id', 'table_description': 'How much was complained about one product, supplier, agent or site when it was last counted,'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Dispute',
            name='proved',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddConstraint(
            model_name='Dispute',
            constraint=CheckConstraint(check="NOT proved OR state IN ('REPLACED', 'REFUNDED')", name='dispute_proved_is_made_good'),
        ),
    ]) + [RunSQL(SQL)]
