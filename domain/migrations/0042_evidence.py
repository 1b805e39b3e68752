"""Evidence of cases: files that both sides lay before each other, sealed, erased for good (row M1)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.aftersale.models import FileState, Side
from domain.papers.pictures import MediaType
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE evidence ADD CONSTRAINT evidence_of_a_dispute
    FOREIGN KEY (dispute_id) REFERENCES disputes (id);
ALTER TABLE evidence_contents ADD CONSTRAINT content_of_evidence
    FOREIGN KEY (evidence_id) REFERENCES evidence (id);
-- What is sealed does not get smaller by trying.
ALTER TABLE evidence_contents ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX evidence_awaited ON evidence (asked_at) WHERE state = 'AWAITED';
CREATE INDEX evidence_stored ON evidence (added_at) WHERE state = 'STORED';
CREATE FUNCTION guard_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.state = 'AWAITED' THEN
            RETURN OLD;
        END IF;
    ELSIF (NEW.id, NEW.dispute_id, NEW.side, NEW.asked_at)
            = (OLD.id, OLD.dispute_id, OLD.side, OLD.asked_at)
        AND NEW.added_by IS NOT DISTINCT FROM OLD.added_by
        AND (OLD.state = 'AWAITED' AND NEW.state = 'STORED'
            OR OLD.state = 'STORED' AND NEW.state = 'ERASED'
                AND (NEW.media_type, NEW.bytes, NEW.added_at)
                    = (OLD.media_type, OLD.bytes, OLD.added_at)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'evidence stays as it came, until it is erased'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'evidence_fixed';
END $$;
CREATE TRIGGER evidence_fixed BEFORE UPDATE OR DELETE ON evidence
    FOR EACH ROW EXECUTE FUNCTION guard_evidence();
CREATE TRIGGER evidence_contents_fixed BEFORE UPDATE ON evidence_contents
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION drop_erased_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM evidence_contents WHERE evidence_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER evidence_erased AFTER UPDATE OF state ON evidence
    FOR EACH ROW WHEN (NEW.state = 'ERASED') EXECUTE FUNCTION drop_erased_content();
-- A stored file and its bytes stand together, at the end of the transaction.
CREATE FUNCTION guard_stored_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    file uuid;
BEGIN
    IF TG_TABLE_NAME = 'evidence' THEN
        file := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        file := OLD.evidence_id;
    ELSE
        file := NEW.evidence_id;
    END IF;
    IF (SELECT f.state = 'STORED' FROM evidence f WHERE f.id = file)
        <> EXISTS (SELECT 1 FROM evidence_contents c WHERE c.evidence_id = file) THEN
        RAISE EXCEPTION 'a stored file has its bytes, and no other has any'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'evidence_with_content';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER evidence_with_content AFTER INSERT OR UPDATE ON evidence
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_stored_evidence();
CREATE CONSTRAINT TRIGGER evidence_contents_of_files
    AFTER INSERT OR DELETE ON evidence_contents
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_stored_evidence();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0041_risk")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Evidence',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('dispute_id', fields.UUIDField()),
                ('side', fields.CharEnumField(description='BUYER: BUYER\nSTAFF: STAFF', enum_type=Side, max_length=8)),
                ('added_by', fields.UUIDField(null=True)),
                ('name_sealed', fields.BinaryField(null=True)),
                ('state', fields.CharEnumField(description='AWAITED: AWAITED\nSTORED: STORED\nERASED: ERASED', enum_type=FileState, max_length=8)),
                ('asked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('media_type', fields.CharEnumField(null=True, description='PNG: image/png\nJPEG: image/jpeg\nWEBP: image/webp\nPDF: application/pdf', enum_type=MediaType, max_length=32)),
                ('bytes', fields.IntField(null=True)),
                ('added_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('erased_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('erased_by', fields.UUIDField(null=True)),
            ],
            options={'table': 'evidence', 'app': 'domain', 'constraints': [CheckConstraint(check="side IN ('BUYER', 'STAFF')", name='evidence_side_known'), CheckConstraint(check="state IN ('AWAITED', 'STORED', 'ERASED')", name='evidence_state_known'), CheckConstraint(check="(state = 'AWAITED') = (media_type IS NULL) AND (media_type IS NULL) = (bytes IS NULL) AND (media_type IS NULL) = (added_at IS NULL)", name='evidence_whole'), CheckConstraint(check="(state = 'ERASED') = (erased_at IS NOT NULL) AND (state = 'ERASED') = (name_sealed IS NULL)", name='evidence_erased'), CheckConstraint(check='bytes BETWEEN 1 AND 5242880', name='evidence_bounded')], 'indexes': [Index(fields=['dispute_id'])], 'pk_attr': 'id', 'table_description': 'A picture or a PDF that one side of a case laid before the other.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='EvidenceContent',
            fields=[
                ('evidence_id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('wrapped_key', fields.BinaryField()),
                ('key_version', fields.IntField()),
                ('sealed', fields.BinaryField()),
            ],
            options={'table': 'evidence_contents', 'app': 'domain', 'pk_attr': 'evidence_id', 'table_description': 'The file itself, sealed under a key of its own. It goes when the file is erased.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
