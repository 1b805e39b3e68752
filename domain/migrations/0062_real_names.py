"""Real names and sealed documents."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.papers.models import PaperState
from domain.papers.pictures import MediaType
from domain.realname.models import RealNameLevel, RealNameState
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints
from tortoise.migrations.operations import RunSQL

SQL = """
ALTER TABLE paper_contents ADD CONSTRAINT content_of_a_paper
    FOREIGN KEY (paper_id) REFERENCES papers (id);
CREATE FUNCTION guard_paper() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.state <> 'awaited' THEN
            RAISE EXCEPTION 'that a document was there stays'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'paper_kept';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.subject, NEW.label, NEW.sent_by) IS DISTINCT FROM (OLD.subject, OLD.label, OLD.sent_by)
        OR NOT (OLD.state, NEW.state) IN (('awaited', 'stored'), ('stored', 'erased')) THEN
        RAISE EXCEPTION 'a document is sent once, and erased once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'paper_kept';
    END IF;
    IF NEW.state = 'erased' THEN
        DELETE FROM paper_contents WHERE paper_id = NEW.id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER papers_kept BEFORE UPDATE OR DELETE ON papers
    FOR EACH ROW EXECUTE FUNCTION guard_paper();
CREATE TRIGGER paper_contents_never_altered BEFORE UPDATE OF sealed ON paper_contents
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE real_name_cases ADD CONSTRAINT real_name_case_of_a_user
    FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE real_names ADD CONSTRAINT real_name_of_a_user
    FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE real_names ADD CONSTRAINT real_name_by_a_case
    FOREIGN KEY (case_id) REFERENCES real_name_cases (id);
CREATE FUNCTION guard_real_name_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.decided_at IS NOT NULL
        OR (NEW.user_id, NEW.level, NEW.company, NEW.name_sealed, NEW.number_sealed,
            NEW.number_digest, NEW.opened_at)
        IS DISTINCT FROM (OLD.user_id, OLD.level, OLD.company, OLD.name_sealed, OLD.number_sealed,
            OLD.number_digest, OLD.opened_at) THEN
        RAISE EXCEPTION 'what somebody said, and what was decided, stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'real_name_case_kept';
    END IF;
    IF NEW.decided_by = NEW.user_id THEN
        RAISE EXCEPTION 'nobody decides on their own case'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'real_name_case_of_another';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER real_name_cases_kept BEFORE UPDATE OR DELETE ON real_name_cases
    FOR EACH ROW EXECUTE FUNCTION guard_real_name_case();
-- A level is reached by a case that passed, of the same user, level and number.
CREATE FUNCTION guard_real_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM real_name_cases c WHERE c.id = NEW.case_id
        AND c.state = 'passed' AND c.user_id = NEW.user_id AND c.level = NEW.level
        AND c.number_digest = NEW.number_digest) THEN
        RAISE EXCEPTION 'a level is reached by a case that passed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'real_name_by_its_case';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER real_names_by_cases BEFORE INSERT OR UPDATE ON real_names
    FOR EACH ROW EXECUTE FUNCTION guard_real_name();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0061_incidents")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Paper',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('subject', fields.UUIDField()),
                ('label', fields.CharField(max_length=32)),
                ('sent_by', fields.UUIDField()),
                ('state', fields.CharEnumField(description='AWAITED: awaited\nSTORED: stored\nERASED: erased', enum_type=PaperState, max_length=8)),
                ('media_type', fields.CharEnumField(null=True, description='PNG: image/png\nJPEG: image/jpeg\nWEBP: image/webp\nPDF: application/pdf', enum_type=MediaType, max_length=32)),
                ('bytes', fields.IntField(null=True)),
                ('asked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('added_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('erased_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'papers', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('awaited', 'stored', 'erased')", name='paper_state_known'), CheckConstraint(check="(state = 'awaited') = (media_type IS NULL) AND (media_type IS NULL) = (bytes IS NULL) AND (media_type IS NULL) = (added_at IS NULL) AND (state = 'erased') = (erased_at IS NOT NULL)", name='paper_whole'), CheckConstraint(check='bytes BETWEEN 1 AND 5242880', name='paper_bounded')], 'indexes': [Index(fields=['subject']), Index(fields=['state', 'asked_at'])], 'pk_attr': 'id', 'table_description': 'A document of one case (`subject`) of some context; `label` says what it shows.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PaperContent',
            fields=[
                ('paper_id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('wrapped_key', fields.BinaryField()),
                ('key_version', fields.IntField()),
                ('sealed', fields.BinaryField()),
            ],
            options={'table': 'paper_contents', 'app': 'domain', 'pk_attr': 'paper_id', 'table_description': 'The document itself, sealed. It goes when the document is erased.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RealName',
            fields=[
                ('user_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('level', fields.CharEnumField(description='NONE: none\nBASIC: basic\nFULL: full', enum_type=RealNameLevel, max_length=8)),
                ('company', fields.BooleanField()),
                ('number_digest', fields.BinaryField()),
                ('case_id', fields.UUIDField()),
                ('reached_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'real_names', 'app': 'domain', 'constraints': [CheckConstraint(check="level IN ('basic', 'full')", name='real_name_level')], 'indexes': [Index(fields=['number_digest'])], 'pk_attr': 'user_id', 'table_description': 'The level that a user has reached, and by which case.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RealNameCase',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('user_id', fields.UUIDField()),
                ('level', fields.CharEnumField(description='NONE: none\nBASIC: basic\nFULL: full', enum_type=RealNameLevel, max_length=8)),
                ('company', fields.BooleanField()),
                ('state', fields.CharEnumField(description='CHECKING: checking\nREVIEW: review\nPASSED: passed\nFAILED: failed', enum_type=RealNameState, max_length=16)),
                ('name_sealed', fields.BinaryField()),
                ('number_sealed', fields.BinaryField()),
                ('number_digest', fields.BinaryField()),
                ('tries', fields.IntField(default=0)),
                ('due_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('reason', fields.CharField(default='', max_length=32)),
                ('note', fields.CharField(default='', max_length=500)),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
            ],
            options={'table': 'real_name_cases', 'app': 'domain', 'constraints': [CheckConstraint(check="level IN ('basic', 'full')", name='real_name_level_asked'), CheckConstraint(check="state IN ('checking', 'review', 'passed', 'failed')", name='real_name_state_known'), CheckConstraint(check="(state = 'checking') = (due_at IS NOT NULL) AND (state IN ('passed', 'failed')) = (decided_at IS NOT NULL) AND (state <> 'failed' OR reason <> '')", name='real_name_case_whole'), CheckConstraint(check="level <> 'full' OR state <> 'passed' OR decided_by IS NOT NULL", name='real_name_full_by_a_person'), UniqueConstraint(fields=('user_id',), name='real_name_case_open_once', condition="state IN ('checking', 'review')")], 'indexes': [Index(fields=['state', 'due_at']), Index(fields=['user_id', 'id'])], 'pk_attr': 'id', 'table_description': 'Somebody says who they are. What they said is sealed; equal numbers have one keyed digest.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
