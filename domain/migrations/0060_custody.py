"""What a custodian says it holds, beside what buyers own."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.migrations.operations import RunSQL

SQL = """
CREATE TRIGGER custody_reports_stay BEFORE DELETE ON custody_reports
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_reports_told_once BEFORE UPDATE ON custody_reports
    FOR EACH ROW WHEN (OLD.held IS NOT NULL) EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0059_complaint_levels")]

    initial = False

    operations = [
        ops.CreateModel(
            name='CustodyReport',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('day', fields.DateField()),
                ('currency', fields.CharField(max_length=3)),
                ('client_funds', fields.BigIntField()),
                ('held', fields.BigIntField(null=True)),
                ('checked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'custody_reports', 'app': 'domain', 'unique_together': (('day', 'currency'),), 'pk_attr': 'id', 'table_description': "One day's end in one currency. `held` is None until the custodian has told it."},
            bases=['Model'],
        ),
        RunSQL(SQL),
    ]
