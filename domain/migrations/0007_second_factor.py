from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel.migrating import with_constraints

class Migration(migrations.Migration):
    dependencies = [("domain", "0006_claims")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='SecondFactor',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('domain.User', source_field='user_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('secret_sealed', fields.BinaryField()),
                ('last_step', fields.BigIntField(default=0)),
                ('failures', fields.IntField(default=0)),
                ('blocked_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('confirmed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ended_by', fields.UUIDField(null=True)),
                ('ended_because', fields.CharField(null=True, max_length=16)),
            ],
            options={'table': 'second_factors', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('user_id',), name='second_factor_once', condition='ended_at IS NULL AND confirmed_at IS NOT NULL'), UniqueConstraint(fields=('user_id',), name='second_factor_waits_once', condition='ended_at IS NULL AND confirmed_at IS NULL'), CheckConstraint(check="(ended_at IS NULL) = (ended_because IS NULL) AND (ended_because IS NULL OR ended_because IN ('replaced', 'disabled'))", name='second_factor_end_known'), CheckConstraint(check="ended_because IS DISTINCT FROM 'disabled' OR ended_by IS DISTINCT FROM user_id", name='second_factor_not_disabled_by_its_owner')], 'pk_attr': 'id', 'table_description': 'An authenticator app of a login: one at work at most, and one that waits for its first code.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('factor', fields.ForeignKeyField('domain.SecondFactor', source_field='factor_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('digest', fields.BinaryField()),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'recovery_codes', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('digest',), name='recovery_code_once')], 'indexes': [Index(fields=['factor_id'])], 'pk_attr': 'id', 'table_description': 'Takes the place of the app once, when the phone is lost. Only its keyed digest is kept.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Session',
            name='stepped_up_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ])

