"""What agents and their teams sold, day by day."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE team_days ADD CONSTRAINT team_day_of_an_agent FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE team_days ADD CONSTRAINT team_day_via_an_agent FOREIGN KEY (via_id) REFERENCES agents (id);
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0081_settlement_payouts")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='TeamCursor',
            fields=[
                ('id', fields.SmallIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('sequence', fields.BigIntField()),
            ],
            options={'table': 'team_cursor', 'app': 'domain', 'constraints': [CheckConstraint(check='id = 1', name='team_cursor_is_one')], 'pk_attr': 'id', 'table_description': "How far the ledger's chain is counted; one row."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='TeamDay',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('via_id', fields.UUIDField()),
                ('level', fields.SmallIntField()),
                ('day', fields.DateField()),
                ('currency', fields.CharField(max_length=3)),
                ('lines', fields.IntField()),
                ('sold', fields.BigIntField()),
                ('refunds', fields.IntField()),
                ('refunded', fields.BigIntField()),
            ],
            options={'table': 'team_days', 'app': 'domain', 'unique_together': (('agent_id', 'day', 'via_id', 'level', 'currency'),), 'constraints': [CheckConstraint(check='level BETWEEN 1 AND 3', name='team_level_at_most_three'), CheckConstraint(check='(level = 1) = (via_id = agent_id)', name='team_via_a_child'), CheckConstraint(check='lines >= 0 AND sold >= 0 AND refunds >= 0 AND refunded >= 0', name='team_day_counts_up')], 'pk_attr': 'id', 'table_description': "What an agent's customers (level 1), or those of agents below it (2 and 3), bought on a day"},
            bases=['Model'],
        ),
    ]) + [ops.RunSQL(SQL)]
