"""Stock levels: what was told of a pool last, and what it sold of late (row B8)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints
from domain.kernel.ids import new_id
from tortoise import fields

SQL = """
ALTER TABLE pool_levels ADD CONSTRAINT level_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0015_bulk")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='PoolLevel',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField(unique=True)),
                ('low', fields.BooleanField()),
                ('event_count', fields.IntField()),
                ('sold', fields.IntField()),
                ('changed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'pool_levels', 'app': 'domain', 'pk_attr': 'id', 'table_description': "What was told last of a variant's stock, and what it sold of late. Its id is the subject."},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='CardBatch',
            name='expiring_told_on',
            field=fields.DateField(null=True),
        ),
    ]) + [RunSQL(SQL)]
