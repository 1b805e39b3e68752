"""Order lines know their kind, what the buyer filled in, and what was handed over without a card."""

from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL
from orjson import loads

from domain.catalog.models import DeliveryKind
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

KINDS = 'CARD_CODE: CARD_CODE\nDIRECT_TOPUP: DIRECT_TOPUP\nLINK: LINK\nMANUAL: MANUAL\nGIFT_CARD: GIFT_CARD\nBUNDLE: BUNDLE'
CARD_CODE_TYPE = "7e351c7e-1b4a-5c2f-a9b0-65d68463591f"  # the plain type of card codes, as 0003 made it


def kind(**options):
    return fields.CharEnumField(description=KINDS, enum_type=DeliveryKind, max_length=16, **options)


# Lines of another kind than the default were bought since the kinds came.
FILL = """
UPDATE order_lines l SET delivery_kind = v.delivery_kind, type_id = v.type_id
FROM variants v WHERE v.id = l.variant_id AND v.delivery_kind <> 'CARD_CODE';
"""

GUARDS = """
ALTER TABLE manual_tasks ADD CONSTRAINT manual_task_of_a_line
    FOREIGN KEY (line_id) REFERENCES order_lines (id);
CREATE FUNCTION guard_manual_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.line_id <> OLD.line_id OR OLD.done_at IS NOT NULL THEN
        RAISE EXCEPTION 'a manual task that is done stays done'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'manual_task_done_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER manual_tasks_kept BEFORE UPDATE OR DELETE ON manual_tasks
    FOR EACH ROW EXECUTE FUNCTION guard_manual_task();
CREATE INDEX order_lines_by_hand ON order_lines (id)
    WHERE delivery_kind = 'MANUAL' AND status IN ('QUEUED', 'DELIVERING');
CREATE OR REPLACE FUNCTION guard_line_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order line is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('QUEUED', 'DELIVERING'), ('QUEUED', 'DELIVERED'), ('QUEUED', 'REFUNDED'),
        ('DELIVERING', 'DELIVERED'), ('DELIVERING', 'REFUNDED')
    ) THEN
        RAISE EXCEPTION 'an order line does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_move_listed';
    END IF;
    IF NEW.unit_price <> OLD.unit_price OR NEW.quantity <> OLD.quantity OR NEW.variant_id <> OLD.variant_id
        OR NEW.delivery_kind <> OLD.delivery_kind OR NEW.type_id <> OLD.type_id
        OR NEW.type_version <> OLD.type_version OR NEW.account IS DISTINCT FROM OLD.account THEN
        RAISE EXCEPTION 'what was agreed does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'DELIVERED' AND (NEW.receipt IS DISTINCT FROM OLD.receipt
        OR NEW.note_sealed IS DISTINCT FROM OLD.note_sealed) THEN
        RAISE EXCEPTION 'what was handed over does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_handed_over';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0017_custody")]

    initial = False

    operations = [
        ops.AddField(model_name='OrderLine', name='delivery_kind', field=kind(db_default='CARD_CODE')),
        ops.AddField(model_name='OrderLine', name='type_id', field=fields.UUIDField(db_default=CARD_CODE_TYPE)),
        ops.AddField(model_name='OrderLine', name='type_version', field=fields.IntField(db_default=1)),
        ops.AddField(model_name='OrderLine', name='account', field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
        ops.AddField(model_name='OrderLine', name='receipt', field=fields.CharField(null=True, max_length=200)),
        ops.AddField(model_name='OrderLine', name='note_sealed', field=fields.BinaryField(null=True)),
        RunSQL(FILL),
        ops.AlterField(model_name='OrderLine', name='delivery_kind', field=kind()),
        ops.AlterField(model_name='OrderLine', name='type_id', field=fields.UUIDField()),
        ops.AlterField(model_name='OrderLine', name='type_version', field=fields.IntField()),
        ops.AddConstraint(model_name='OrderLine', constraint=CheckConstraint(check="delivery_kind IN ('CARD_CODE', 'DIRECT_TOPUP', 'LINK', 'MANUAL', 'GIFT_CARD', 'BUNDLE')", name='line_kind_known')),
        ops.AddConstraint(model_name='OrderLine', constraint=CheckConstraint(check="account IS NULL OR jsonb_typeof(account) = 'object'", name='line_account_of_fields')),
        ops.AddConstraint(model_name='OrderLine', constraint=CheckConstraint(check="(receipt IS NOT NULL) = (delivery_kind = 'DIRECT_TOPUP' AND status = 'DELIVERED')", name='line_receipt_of_topup')),
        ops.AddConstraint(model_name='OrderLine', constraint=CheckConstraint(check="(note_sealed IS NOT NULL) = (delivery_kind = 'MANUAL' AND status = 'DELIVERED')", name='line_note_of_manual')),
        ops.AddField(model_name='SupplierOffer', name='field_mapping', field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
        *with_constraints([
            ops.CreateModel(
                name='ManualTask',
                fields=[
                    ('line_id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                    ('claimed_by', fields.UUIDField()),
                    ('claimed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                    ('done_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                    ('delivered', fields.BooleanField(null=True)),
                    ('evidence', fields.CharField(default='', max_length=500)),
                    ('reason', fields.CharField(default='', max_length=500)),
                ],
                options={'table': 'manual_tasks', 'app': 'domain', 'constraints': [CheckConstraint(check='(done_at IS NULL) = (delivered IS NULL)', name='manual_task_done_whole'), CheckConstraint(check="delivered IS DISTINCT FROM false OR reason <> ''", name='manual_task_failure_told')], 'pk_attr': 'line_id', 'table_description': 'Who works on a manual line, and how it ended. What was handed over stands with the line.'},
                bases=['Model'],
            ),
        ]),
        RunSQL(GUARDS),
    ]
