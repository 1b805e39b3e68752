from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.vault.models import ExportStatus, RevealStatus
from domain.kernel.ids import new_id
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.operations import RunSQL
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel.migrating import with_constraints

# What was asked for stays as it was asked, requests move on along their table only, and a look is shown
# on a request that allows it, to whom it names, of a card that it names.
GUARDS = """
CREATE FUNCTION guard_staff_reveal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.requester_id, NEW.card_ids, NEW.reason, NEW.case_id, NEW.requested_at)
        IS DISTINCT FROM (OLD.requester_id, OLD.card_ids, OLD.reason, OLD.case_id, OLD.requested_at) THEN
        RAISE EXCEPTION 'what was asked for does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reveal_stays_as_asked';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN
        (('waiting', 'approved'), ('waiting', 'rejected')) THEN
        RAISE EXCEPTION 'a request does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reveal_move_listed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER staff_reveals_move BEFORE UPDATE OR DELETE ON staff_reveals
    FOR EACH ROW EXECUTE FUNCTION guard_staff_reveal();

CREATE FUNCTION guard_staff_look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM staff_reveals r WHERE r.id = NEW.reveal_id AND r.requester_id = NEW.operator_id
            AND r.status IN ('granted', 'approved') AND NEW.card_id = ANY(r.card_ids)
    ) THEN
        RAISE EXCEPTION 'no request allows this look'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'look_was_allowed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER staff_looks_allowed BEFORE INSERT ON staff_looks
    FOR EACH ROW EXECUTE FUNCTION guard_staff_look();
CREATE TRIGGER staff_looks_append_only BEFORE UPDATE OR DELETE ON staff_looks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION guard_card_export() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
        OR (NEW.requester_id, NEW.variant_id, NEW.batch_id, NEW.recipient, NEW.reason, NEW.watermark,
            NEW.requested_at)
        IS DISTINCT FROM (OLD.requester_id, OLD.variant_id, OLD.batch_id, OLD.recipient, OLD.reason,
            OLD.watermark, OLD.requested_at) THEN
        RAISE EXCEPTION 'what was asked for does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'export_stays_as_asked';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('waiting', 'approved'), ('waiting', 'rejected'), ('waiting', 'expired'),
        ('approved', 'ready'), ('approved', 'failed'), ('ready', 'taken'), ('ready', 'expired')
    ) THEN
        RAISE EXCEPTION 'an export does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'export_move_listed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER card_exports_move BEFORE UPDATE OR DELETE ON card_exports
    FOR EACH ROW EXECUTE FUNCTION guard_card_export();
CREATE INDEX card_exports_due ON card_exports (due_at) WHERE due_at IS NOT NULL;

CREATE FUNCTION guard_export_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (
            SELECT 1 FROM card_exports e WHERE e.id = NEW.export_id AND e.status = 'approved'
        ) THEN
            RAISE EXCEPTION 'nobody has approved this export'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'part_of_an_approved_export';
        END IF;
    ELSIF TG_OP = 'DELETE' OR (NEW.export_id, NEW.number, NEW.card_ids, NEW.digest)
        IS DISTINCT FROM (OLD.export_id, OLD.number, OLD.card_ids, OLD.digest)
        OR NEW.sealed IS NOT NULL AND NEW.sealed <> OLD.sealed THEN
        RAISE EXCEPTION 'which cards went out is proof: it stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'part_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER card_export_parts_kept BEFORE INSERT OR UPDATE OR DELETE ON card_export_parts
    FOR EACH ROW EXECUTE FUNCTION guard_export_part();
ALTER TABLE card_canaries ADD CONSTRAINT canary_of_an_export
    FOREIGN KEY (export_id) REFERENCES card_exports (id);
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0016_levels")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CardExport',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('requester_id', fields.UUIDField()),
                ('variant_id', fields.UUIDField()),
                ('batch_id', fields.UUIDField(null=True)),
                ('recipient', fields.CharField(max_length=500)),
                ('reason', fields.CharField(max_length=500)),
                ('watermark', fields.UUIDField()),
                ('canaries', fields.IntField(default=0)),
                ('status', fields.CharEnumField(description='WAITING: waiting\nAPPROVED: approved\nREADY: ready\nREJECTED: rejected\nTAKEN: taken\nEXPIRED: expired\nFAILED: failed', enum_type=ExportStatus, max_length=16)),
                ('approver_id', fields.UUIDField(null=True)),
                ('decision', fields.CharField(default='', max_length=500)),
                ('cards', fields.IntField(default=0)),
                ('bytes', fields.BigIntField(default=0)),
                ('attempts', fields.IntField(default=0)),
                ('failure_code', fields.CharField(null=True, max_length=32)),
                ('requested_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('due_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ready_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('taken_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('event_count', fields.IntField(default=0)),
            ],
            options={'table': 'card_exports', 'app': 'domain', 'constraints': [CheckConstraint(check="status IN ('waiting', 'approved', 'ready', 'rejected', 'taken', 'expired', 'failed')", name='export_status_known'), CheckConstraint(check='approver_id IS DISTINCT FROM requester_id', name='export_of_four_eyes'), CheckConstraint(check="status IN ('waiting', 'expired') OR approver_id IS NOT NULL", name='export_decided_by_somebody'), CheckConstraint(check="(status = 'approved') = (due_at IS NOT NULL)", name='export_open_is_due'), UniqueConstraint(fields=('watermark',), name='export_watermark_once')], 'indexes': [Index(fields=['requester_id', 'id'])], 'pk_attr': 'id', 'table_description': "An operator's wish to take unsold cards out, sealed for a public key; and its archive."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CardExportPart',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('export', fields.ForeignKeyField('domain.CardExport', source_field='export_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('number', fields.IntField()),
                ('name', fields.CharField(max_length=64)),
                ('card_ids', ArrayField(default=list, element_type='UUID')),
                ('last_card_id', fields.UUIDField(null=True)),
                ('digest', fields.BinaryField()),
                ('sealed', fields.BinaryField(null=True)),
            ],
            options={'table': 'card_export_parts', 'app': 'domain', 'unique_together': (('export', 'number'),), 'pk_attr': 'id', 'table_description': 'A part of an archive: an age file. Its bytes go when it is fetched or expires; which cards'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StaffReveal',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('requester_id', fields.UUIDField()),
                ('card_ids', ArrayField(default=list, element_type='UUID')),
                ('reason', fields.CharField(max_length=500)),
                ('case_id', fields.CharField(default='', max_length=64)),
                ('status', fields.CharEnumField(description='GRANTED: granted\nWAITING: waiting\nAPPROVED: approved\nREJECTED: rejected', enum_type=RevealStatus, max_length=16)),
                ('approver_id', fields.UUIDField(null=True)),
                ('decision', fields.CharField(default='', max_length=500)),
                ('requested_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('good_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('event_count', fields.IntField(default=0)),
            ],
            options={'table': 'staff_reveals', 'app': 'domain', 'constraints': [CheckConstraint(check="status IN ('granted', 'waiting', 'approved', 'rejected')", name='reveal_status_known'), CheckConstraint(check='approver_id IS DISTINCT FROM requester_id', name='reveal_of_four_eyes'), CheckConstraint(check="(status IN ('approved', 'rejected')) = (approver_id IS NOT NULL) AND (approver_id IS NULL) = (decided_at IS NULL)", name='reveal_decided_by_somebody'), CheckConstraint(check='cardinality(card_ids) BETWEEN 1 AND 20', name='reveal_of_few_cards')], 'indexes': [Index(fields=['requester_id', 'id'])], 'pk_attr': 'id', 'table_description': "An operator's wish to see the codes of some cards, and who let it."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StaffLook',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('reveal', fields.ForeignKeyField('domain.StaffReveal', source_field='reveal_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('card_id', fields.UUIDField()),
                ('operator_id', fields.UUIDField()),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'staff_looks', 'app': 'domain', 'indexes': [Index(fields=['operator_id', 'at']), Index(fields=['card_id'])], 'pk_attr': 'id', 'table_description': 'One card that was shown to an operator; looks of buyers are counted on the card.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(GUARDS)]
