"""Prints by which canaries are known whatever their codes are brought as."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.migrations.operations import RunSQL
from tortoise.indexes import Index

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

OF_CANARIES = """
ALTER TABLE canary_prints ADD CONSTRAINT print_of_a_canary
    FOREIGN KEY (card_id) REFERENCES card_canaries (card_id);
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0042_evidence")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CanaryPrint',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('digest', fields.BinaryField()),
                ('card_id', fields.UUIDField()),
            ],
            options={'table': 'canary_prints', 'app': 'domain', 'unique_together': (('digest', 'card_id'),), 'indexes': [Index(fields=['card_id'])], 'pk_attr': 'id', 'table_description': 'A keyed digest by which a canary is known, whatever its code is brought as.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(OF_CANARIES)]
