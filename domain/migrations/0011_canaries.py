from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.operations import RunSQL

from domain.kernel.migrating import with_constraints

# What was planted, and for which export, is proof: it stays as it was written.
KEPT = """
ALTER TABLE card_canaries ADD CONSTRAINT canary_of_a_card FOREIGN KEY (card_id) REFERENCES cards (id);
CREATE TRIGGER card_canaries_append_only BEFORE UPDATE OR DELETE ON card_canaries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0010_trace")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CardCanary',
            fields=[
                ('card_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('export_id', fields.UUIDField(null=True)),
                ('planted_by', fields.UUIDField(null=True)),
                ('planted_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'card_canaries', 'app': 'domain', 'indexes': [Index(fields=['export_id'])], 'pk_attr': 'card_id', 'table_description': 'A planted card, and for which export it was made, if for one.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(KEPT)]

