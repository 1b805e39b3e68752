"""Statements of partners: their files, lines, days, sums and differences."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.statements.models import DifferenceState, LineKind, Outcome, Party
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.migrating import with_constraints

SQL = """
-- What a partner told stays as it was told; what became of it may change.
CREATE FUNCTION guard_statement_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.source_id, NEW.file_id, NEW.number, NEW.day, NEW.kind, NEW.reference, NEW.about,
        NEW.provider_id, NEW.amount, NEW.fee, NEW.currency, NEW.at, NEW.digest, NEW.occurrence,
        NEW.raw_sealed) IS DISTINCT FROM
       (OLD.source_id, OLD.file_id, OLD.number, OLD.day, OLD.kind, OLD.reference, OLD.about,
        OLD.provider_id, OLD.amount, OLD.fee, OLD.currency, OLD.at, OLD.digest, OLD.occurrence,
        OLD.raw_sealed) OR (OLD.fee_booked AND NOT NEW.fee_booked) THEN
        RAISE EXCEPTION 'a line of a statement stays as it was told'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'statement_line_as_told';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statement_lines_as_told BEFORE UPDATE ON statement_lines
    FOR EACH ROW EXECUTE FUNCTION guard_statement_line();
CREATE TRIGGER statement_lines_stay BEFORE DELETE ON statement_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_differences_stay BEFORE DELETE ON statement_differences
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_differences_closed_once BEFORE UPDATE ON statement_differences
    FOR EACH ROW WHEN (OLD.state IN ('RESOLVED', 'SETTLED') AND NEW.state <> OLD.state)
    EXECUTE FUNCTION refuse_change();
CREATE INDEX statement_differences_open ON statement_differences (source_id, looked_at)
    WHERE state IN ('OPEN', 'ASKED') AND line_id IS NOT NULL;
CREATE INDEX statement_differences_untold ON statement_differences (source_id, id)
    WHERE told_at IS NULL;
CREATE INDEX statement_differences_by_state ON statement_differences (state, id)
    WHERE state IN ('OPEN', 'ASKED');
CREATE INDEX statement_days_unjudged ON statement_days (source_id) WHERE judged_at IS NULL;
-- Ours, by when the money moved: what no line names is looked for day by day.
CREATE INDEX payments_paid_at ON payments (channel_id, paid_at, id) WHERE paid_at IS NOT NULL;
CREATE INDEX payment_refunds_done_at ON payment_refunds (finished_at, id)
    WHERE status = 'COMPLETED';
CREATE INDEX fulfilment_attempts_done_at ON fulfilment_attempts (supplier_id, finished_at, id)
    WHERE status = 'succeeded';
CREATE INDEX fulfilment_attempts_upstream ON fulfilment_attempts (supplier_id, upstream_id)
    WHERE upstream_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0044_agent_tree")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='StatementDay',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('source_id', fields.UUIDField()),
                ('day', fields.DateField()),
                ('file_id', fields.UUIDField()),
                ('completed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('judged_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'statement_days', 'app': 'domain', 'unique_together': (('source_id', 'day'),), 'pk_attr': 'id', 'table_description': "A day, by the source's calendar, of which all lines are here."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StatementDifference',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('source_id', fields.UUIDField()),
                ('day', fields.DateField()),
                ('kind', fields.CharEnumField(description='PAYMENT: PAYMENT\nREFUND: REFUND\nPURCHASE: PURCHASE\nPAYOUT: PAYOUT\nOTHER: OTHER', enum_type=LineKind, max_length=16)),
                ('outcome', fields.CharEnumField(description='MATCHED: MATCHED\nMISSING_HERE: MISSING_HERE\nMISSING_THERE: MISSING_THERE\nAMOUNT_DIFFERS: AMOUNT_DIFFERS\nDUPLICATE: DUPLICATE\nNOTED: NOTED', enum_type=Outcome, max_length=16)),
                ('code', fields.CharField(max_length=32)),
                ('line_id', fields.UUIDField(null=True, unique=True)),
                ('subject_id', fields.UUIDField(null=True)),
                ('reference', fields.CharField(max_length=96)),
                ('currency', fields.CharField(max_length=3)),
                ('theirs', fields.BigIntField(null=True)),
                ('ours', fields.BigIntField(null=True)),
                ('state', fields.CharEnumField(description='OPEN: OPEN\nASKED: ASKED\nRESOLVED: RESOLVED\nSETTLED: SETTLED', enum_type=DifferenceState, max_length=16)),
                ('found_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('told_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('looked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('asked_by', fields.UUIDField(null=True)),
                ('asked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('note', fields.CharField(default='', max_length=500)),
                ('closed_by', fields.UUIDField(null=True)),
                ('closed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'statement_differences', 'app': 'domain', 'constraints': [CheckConstraint(check="(outcome = 'MISSING_THERE') = (line_id IS NULL) AND (line_id IS NOT NULL OR subject_id IS NOT NULL)", name='statement_difference_of_what'), CheckConstraint(check="(state IN ('OPEN', 'ASKED')) = (closed_at IS NULL) AND (state <> 'ASKED' OR asked_at IS NOT NULL AND note <> '') AND (state <> 'SETTLED' OR note <> '')", name='statement_difference_closed'), CheckConstraint(check="state <> 'SETTLED' OR closed_by IS DISTINCT FROM asked_by", name='statement_difference_four_eyes'), UniqueConstraint(fields=('subject_id',), name='statement_missing_there_once', condition='line_id IS NULL')], 'indexes': [Index(fields=['day', 'id']), Index(fields=['source_id', 'day'])], 'pk_attr': 'id', 'table_description': 'What does not agree, told once, until somebody or something has made it agree.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StatementLayout',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('code', fields.CharField(unique=True, max_length=32)),
                ('layout', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('saved_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'statement_layouts', 'app': 'domain', 'pk_attr': 'id', 'table_description': "How a partner's own CSV reads: which of its columns holds what."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StatementLine',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('source_id', fields.UUIDField()),
                ('file_id', fields.UUIDField()),
                ('number', fields.IntField()),
                ('day', fields.DateField()),
                ('kind', fields.CharEnumField(description='PAYMENT: PAYMENT\nREFUND: REFUND\nPURCHASE: PURCHASE\nPAYOUT: PAYOUT\nOTHER: OTHER', enum_type=LineKind, max_length=16)),
                ('reference', fields.CharField(max_length=96)),
                ('about', fields.CharField(max_length=96)),
                ('provider_id', fields.CharField(max_length=96)),
                ('amount', fields.BigIntField()),
                ('fee', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('digest', fields.BinaryField()),
                ('occurrence', fields.IntField()),
                ('seen_in', fields.UUIDField()),
                ('raw_sealed', fields.BinaryField()),
                ('outcome', fields.CharEnumField(description='MATCHED: MATCHED\nMISSING_HERE: MISSING_HERE\nMISSING_THERE: MISSING_THERE\nAMOUNT_DIFFERS: AMOUNT_DIFFERS\nDUPLICATE: DUPLICATE\nNOTED: NOTED', enum_type=Outcome, max_length=16)),
                ('subject_id', fields.UUIDField(null=True)),
                ('ours', fields.BigIntField(null=True)),
                ('late', fields.BooleanField(default=False)),
                ('owner_id', fields.UUIDField(null=True)),
                ('fee_booked', fields.BooleanField(default=False)),
            ],
            options={'table': 'statement_lines', 'app': 'domain', 'unique_together': (('source_id', 'digest', 'occurrence'),), 'constraints': [CheckConstraint(check="outcome IN ('MATCHED', 'MISSING_HERE', 'AMOUNT_DIFFERS', 'DUPLICATE', 'NOTED')", name='statement_line_outcome'), CheckConstraint(check="outcome NOT IN ('MATCHED', 'AMOUNT_DIFFERS') OR subject_id IS NOT NULL AND ours IS NOT NULL", name='statement_line_of_ours'), UniqueConstraint(fields=('subject_id', 'kind'), name='statement_line_of_subject_once', condition="outcome IN ('MATCHED', 'AMOUNT_DIFFERS')")], 'indexes': [Index(fields=['source_id', 'day', 'id'])], 'pk_attr': 'id', 'table_description': 'One line as it was told, kept for good. The same line again is the same row.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StatementSource',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('party', fields.CharEnumField(description='CHANNEL: CHANNEL\nSUPPLIER: SUPPLIER\nPAYOUT: PAYOUT', enum_type=Party, max_length=16)),
                ('owner_id', fields.UUIDField(null=True)),
                ('code', fields.CharField(max_length=64)),
                ('offset_minutes', fields.IntField()),
                ('next_pull_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'statement_sources', 'app': 'domain', 'unique_together': (('party', 'code'),), 'constraints': [CheckConstraint(check="party IN ('CHANNEL', 'SUPPLIER', 'PAYOUT') AND (party = 'PAYOUT') = (owner_id IS NULL)", name='statement_source_whose'), CheckConstraint(check='offset_minutes BETWEEN -840 AND 840', name='statement_source_offset'), UniqueConstraint(fields=('owner_id',), name='statement_source_once', condition='owner_id IS NOT NULL')], 'pk_attr': 'id', 'table_description': 'Somebody whose statements come. A merchant with several channels is one source.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StatementFile',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('source', fields.ForeignKeyField('domain.StatementSource', source_field='source_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('name', fields.CharField(max_length=128)),
                ('digest', fields.BinaryField()),
                ('first_day', fields.DateField(null=True)),
                ('last_day', fields.DateField(null=True)),
                ('done', fields.IntField(default=0)),
                ('fresh', fields.IntField(default=0)),
                ('left_out', fields.IntField(default=0)),
                ('began_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('imported_by', fields.UUIDField(null=True)),
            ],
            options={'table': 'statement_files', 'app': 'domain', 'unique_together': (('source', 'digest'),), 'constraints': [CheckConstraint(check='(first_day IS NULL) = (last_day IS NULL) AND coalesce(last_day >= first_day, true)', name='statement_file_days')], 'pk_attr': 'id', 'table_description': 'One file, or one day that was asked for. `done` lines of it are stored and compared.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StatementTally',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('source_id', fields.UUIDField()),
                ('day', fields.DateField()),
                ('kind', fields.CharEnumField(description='PAYMENT: PAYMENT\nREFUND: REFUND\nPURCHASE: PURCHASE\nPAYOUT: PAYOUT\nOTHER: OTHER', enum_type=LineKind, max_length=16)),
                ('outcome', fields.CharEnumField(description='MATCHED: MATCHED\nMISSING_HERE: MISSING_HERE\nMISSING_THERE: MISSING_THERE\nAMOUNT_DIFFERS: AMOUNT_DIFFERS\nDUPLICATE: DUPLICATE\nNOTED: NOTED', enum_type=Outcome, max_length=16)),
                ('currency', fields.CharField(max_length=3)),
                ('number', fields.BigIntField()),
                ('late', fields.BigIntField()),
                ('theirs', fields.BigIntField()),
                ('ours', fields.BigIntField()),
                ('fee', fields.BigIntField()),
            ],
            options={'table': 'statement_tallies', 'app': 'domain', 'unique_together': (('source_id', 'day', 'kind', 'outcome', 'currency'),), 'pk_attr': 'id', 'table_description': 'How many lines of a day compared how, and their sums: the report, without reading lines.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
