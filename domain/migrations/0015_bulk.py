from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.bulk.models import JobState
from domain.cards.models import BatchStage
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.operations import RunSQL
from tortoise.migrations.constraints import CheckConstraint

# A finished job stays as it finished; a batch that was undone before it had a stage is undone.
GUARDS = """
UPDATE card_batches SET stage = 'undone' WHERE undone_at IS NOT NULL;
CREATE FUNCTION guard_job_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('succeeded', 'failed', 'cancelled') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'a finished job stays finished'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'job_move_listed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bulk_jobs_move BEFORE UPDATE ON bulk_jobs
    FOR EACH ROW EXECUTE FUNCTION guard_job_move();
CREATE INDEX bulk_jobs_due ON bulk_jobs (due_at) WHERE due_at IS NOT NULL;
ALTER TABLE bulk_pieces ALTER COLUMN sealed SET STORAGE EXTERNAL;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0014_brands")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Job',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('kind', fields.CharField(max_length=32)),
                ('state', fields.CharEnumField(description='RECEIVING: receiving\nQUEUED: queued\nRUNNING: running\nSUCCEEDED: succeeded\nFAILED: failed\nCANCELLED: cancelled', enum_type=JobState, max_length=16)),
                ('wish', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('actor', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('actor_id', fields.UUIDField(null=True)),
                ('total', fields.BigIntField(default=0)),
                ('done', fields.BigIntField(default=0)),
                ('wrapped_key', fields.BinaryField(null=True)),
                ('key_version', fields.IntField(null=True)),
                ('result', fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ('subject', fields.UUIDField(null=True)),
                ('fault', fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ('attempts', fields.IntField(default=0)),
                ('due_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('cancel_asked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('started_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'bulk_jobs', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('receiving', 'queued', 'running', 'succeeded', 'failed', 'cancelled')", name='job_state_known'), CheckConstraint(check="(state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", name='job_finished_at_its_end'), CheckConstraint(check="(state IN ('queued', 'running')) = (due_at IS NOT NULL)", name='job_open_is_due'), CheckConstraint(check="(state = 'succeeded') = (result IS NOT NULL)", name='job_success_tells'), CheckConstraint(check="(state = 'failed') = (fault IS NOT NULL)", name='job_failure_tells')], 'indexes': [Index(fields=['actor_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One piece of long work. `done` of `total` bytes of its input are worked off.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='JobPiece',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('job', fields.ForeignKeyField('domain.Job', source_field='job_id', db_constraint=True, to_field='id', on_delete=OnDelete.CASCADE)),
                ('number', fields.IntField()),
                ('sealed', fields.BinaryField()),
            ],
            options={'table': 'bulk_pieces', 'app': 'domain', 'unique_together': (('job', 'number'),), 'pk_attr': 'id', 'table_description': "A piece of a job's input, sealed: a file of codes lies nowhere in the open."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='LeftOut',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('subject', fields.UUIDField()),
                ('file', fields.CharField(default='', max_length=64)),
                ('line', fields.IntField()),
                ('until_line', fields.IntField()),
                ('reason', fields.CharField(max_length=48)),
                ('text', fields.CharField(default='', max_length=64)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'bulk_left_out', 'app': 'domain', 'constraints': [CheckConstraint(check='until_line >= line', name='left_out_lines_in_order')], 'indexes': [Index(fields=['subject', 'id'])], 'pk_attr': 'id', 'table_description': 'Rows of an input that were left out for one reason: lines `line` to `until_line`.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='CardBatch',
            name='bytes_done',
            field=fields.BigIntField(db_default=0),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='lines_done',
            field=fields.IntField(db_default=0),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='stage',
            field=fields.CharEnumField(description='IMPORTING: importing\nSTORED: stored\nUNDOING: undoing\nUNDONE: undone', db_default='stored', enum_type=BatchStage, max_length=16),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='voided',
            field=fields.IntField(db_default=0),
        ),
        RunSQL(GUARDS),
        ops.AddConstraint(
            model_name='CardBatch',
            constraint=CheckConstraint(check="stage IN ('importing', 'stored', 'undoing', 'undone')", name='batch_stage_known'),
        ),
        ops.AddConstraint(
            model_name='CardBatch',
            constraint=CheckConstraint(check="(stage IN ('undoing', 'undone')) = (undone_at IS NOT NULL)", name='batch_undone_at_its_stage'),
        ),
    ])

