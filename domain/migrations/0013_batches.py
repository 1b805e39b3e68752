"""Batches: where they come from, quarantine, checks, freezing, write-offs; policies (0013)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints
from domain.cards.models import CheckOrigin, Verdict, WriteOffKind
from domain.kernel.ids import new_id
from domain.ledger.models import TransferKind
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

SQL = """
CREATE OR REPLACE FUNCTION card_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'available' THEN after IN
            ('sold', 'reserved', 'shared', 'frozen', 'invalid', 'expired', 'void', 'returned')
        WHEN 'sold' THEN after IN ('revealed', 'redeemed', 'disputed', 'invalid', 'refunded')
        WHEN 'revealed' THEN after IN ('redeemed', 'disputed', 'invalid')
        WHEN 'reserved' THEN after IN ('sold', 'available', 'frozen', 'invalid')
        WHEN 'imported' THEN after IN ('available', 'quarantined', 'shared', 'void')
        WHEN 'quarantined' THEN after IN
            ('available', 'shared', 'invalid', 'expired', 'void', 'returned')
        WHEN 'shared' THEN after IN
            ('available', 'frozen', 'invalid', 'expired', 'void', 'returned')
        WHEN 'frozen' THEN after IN
            ('available', 'shared', 'invalid', 'expired', 'void', 'returned')
        WHEN 'redeemed' THEN after IN ('disputed')
        WHEN 'disputed' THEN after IN
            ('sold', 'revealed', 'redeemed', 'invalid', 'replaced', 'refunded')
        WHEN 'invalid' THEN after IN ('replaced', 'refunded', 'void', 'returned')
        WHEN 'canary' THEN after IN ('void')
        ELSE false
    END
$$;
-- Whether its cost is part of the inventory account.
CREATE FUNCTION card_in_stock(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT state IN ('quarantined', 'available', 'reserved', 'shared', 'frozen')
$$;
CREATE INDEX cards_expiring ON cards (expires_on)
    WHERE state IN ('quarantined', 'available', 'shared', 'frozen') AND expires_on IS NOT NULL;
CREATE INDEX batches_unsettled ON card_batches (id) WHERE unsettled;
ALTER TABLE card_batches ADD CONSTRAINT batch_of_a_known_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
ALTER TABLE card_checks ADD CONSTRAINT check_of_a_card FOREIGN KEY (card_id) REFERENCES cards (id);
ALTER TABLE stock_policies ADD CONSTRAINT policy_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
CREATE TRIGGER card_write_offs_append_only BEFORE UPDATE OR DELETE ON card_write_offs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION guard_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.verdict IS NOT NULL
        OR (NEW.id, NEW.batch_id, NEW.card_id, NEW.origin) <>
           (OLD.id, OLD.batch_id, OLD.card_id, OLD.origin) THEN
        RAISE EXCEPTION 'a check is judged once and stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'check_judged_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER card_checks_kept BEFORE UPDATE OR DELETE ON card_checks
    FOR EACH ROW EXECUTE FUNCTION guard_check();
-- What purchases upstream brought in has its supplier from now on.
UPDATE card_batches b SET supplier_id = a.supplier_id
FROM fulfilment_attempts a WHERE a.id = b.supplier_attempt_id;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0012_claim_links")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CardCheck',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('batch_id', fields.UUIDField()),
                ('card_id', fields.UUIDField()),
                ('origin', fields.CharEnumField(description='SAMPLE: sample\nREPORT: report', enum_type=CheckOrigin, max_length=16)),
                ('opened_by', fields.UUIDField(null=True)),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('verdict', fields.CharEnumField(null=True, description='VALID: valid\nINVALID: invalid', enum_type=Verdict, max_length=16)),
                ('evidence', fields.CharField(default='', max_length=1000)),
                ('judged_by', fields.UUIDField(null=True)),
                ('judged_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'card_checks', 'app': 'domain', 'constraints': [CheckConstraint(check="origin IN ('sample', 'report')", name='check_origin_known'), CheckConstraint(check="verdict IN ('valid', 'invalid')", name='check_verdict_known'), CheckConstraint(check="(verdict IS NULL) = (judged_at IS NULL) AND (verdict IS NULL OR evidence <> '')", name='check_judged_with_evidence'), UniqueConstraint(fields=('card_id',), name='check_open_once', condition='verdict IS NULL')], 'indexes': [Index(fields=['batch_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One check of one card: why, and once it is done, what it found and what shows it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CardWriteOff',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('batch', fields.ForeignKeyField('domain.CardBatch', source_field='batch_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('operation_id', fields.UUIDField()),
                ('kind', fields.CharEnumField(description='VOID: void\nEXPIRED: expired\nINVALID: invalid\nRETURNED: returned', enum_type=WriteOffKind, max_length=16)),
                ('cards', fields.IntField()),
                ('cost', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('supplier_id', fields.UUIDField(null=True)),
                ('reason', fields.CharField(max_length=500)),
                ('written_by', fields.UUIDField(null=True)),
                ('written_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'card_write_offs', 'app': 'domain', 'constraints': [CheckConstraint(check="kind IN ('void', 'expired', 'invalid', 'returned')", name='write_off_kind_known'), CheckConstraint(check='cards > 0 AND cost >= 0', name='write_off_of_something'), CheckConstraint(check="supplier_id IS NULL OR kind = 'returned'", name='write_off_owed_if_returned')], 'indexes': [Index(fields=['batch_id']), Index(fields=['operation_id'])], 'pk_attr': 'id', 'table_description': 'Cards of one batch that left the stock together, and what they had cost. Never changed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StockPolicy',
            fields=[
                ('variant_id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('safety_stock', fields.IntField(default=0)),
                ('expiry_margin_days', fields.IntField(default=0)),
                ('invalid_percent', fields.IntField(default=10)),
                ('invalid_minimum', fields.IntField(default=3)),
                ('hold_limit', fields.IntField(default=20)),
                ('choosable', fields.BooleanField(default=False)),
                ('shared', fields.BooleanField(default=False)),
                ('shared_uses', fields.IntField(null=True)),
                ('version', fields.IntField(default=1)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'stock_policies', 'app': 'domain', 'constraints': [CheckConstraint(check='safety_stock BETWEEN 0 AND 10000000 AND expiry_margin_days BETWEEN 0 AND 3650 AND invalid_percent BETWEEN 1 AND 100 AND invalid_minimum BETWEEN 1 AND 100000 AND hold_limit BETWEEN 0 AND 100000 AND (shared_uses IS NULL OR shared_uses > 0)', name='policy_in_range'), CheckConstraint(check='NOT (shared AND choosable)', name='policy_of_one_way')], 'pk_attr': 'variant_id', 'table_description': 'How the cards of one variant are kept and sold; no row means all defaults.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='CardBatch',
            name='frozen_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='frozen_reason',
            field=fields.CharField(default='', db_default='', max_length=500),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='note',
            field=fields.CharField(default='', db_default='', max_length=500),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='quarantined_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='reference',
            field=fields.CharField(default='', db_default='', max_length=64),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='released_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='supplier_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='unsettled',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddIndex(
            model_name='CardBatch',
            index=Index(fields=['supplier_id']),
        ),
        ops.AddConstraint(
            model_name='CardBatch',
            constraint=CheckConstraint(check='released_at IS NULL OR quarantined_at IS NOT NULL', name='batch_released_from_quarantine'),
        ),
        ops.AddConstraint(
            model_name='CardBatch',
            constraint=CheckConstraint(check="(frozen_at IS NULL) = (frozen_reason = '')", name='batch_frozen_for_a_reason'),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return', enum_type=TransferKind, max_length=24),
        ),
    ]) + [RunSQL(SQL)]
