"""Payouts of commission: channels, destinations, batches, files, and each payout's life."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.ledger.models import AccountKind, TransferKind
from domain.payouts.models import BatchStatus, PayoutStatus
from domain.payouts.ports import DestinationKind
from orjson import loads
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints


GUARDS = """
ALTER TABLE payouts ADD CONSTRAINT payout_of_a_channel
    FOREIGN KEY (channel_id) REFERENCES payout_channels (id);
ALTER TABLE payouts ADD CONSTRAINT payout_to_a_destination
    FOREIGN KEY (destination_id) REFERENCES payout_destinations (id);
ALTER TABLE payouts ADD CONSTRAINT payout_of_a_batch
    FOREIGN KEY (batch_id) REFERENCES payout_batches (id);
ALTER TABLE payouts ADD CONSTRAINT payout_of_a_file
    FOREIGN KEY (file_id) REFERENCES payout_files (id);
CREATE INDEX payouts_due ON payouts (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX payouts_of_file ON payouts (file_id) WHERE file_id IS NOT NULL;
CREATE INDEX payouts_of_day ON payouts (channel_id, requested_at);
CREATE FUNCTION payout_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'REQUESTED' THEN after IN ('APPROVED', 'CANCELLED', 'REFUSED')
        WHEN 'APPROVED' THEN after IN ('ACCEPTED', 'REFUSED', 'SUBMITTING')
        WHEN 'SUBMITTING' THEN after IN ('ACCEPTED', 'FAILED', 'SUCCEEDED', 'UNKNOWN')
        WHEN 'UNKNOWN' THEN after IN ('ACCEPTED', 'FAILED', 'SUBMITTING', 'SUCCEEDED')
        WHEN 'ACCEPTED' THEN after IN ('FAILED', 'SUCCEEDED', 'UNKNOWN')
        WHEN 'SUCCEEDED' THEN after IN ('RETURNED')
        ELSE false
    END
$$;
CREATE FUNCTION guard_payout_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a payout is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND NOT payout_move_listed(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'a payout does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_move_listed';
    END IF;
    IF (NEW.agent_id, NEW.channel_id, NEW.destination_id, NEW.reference, NEW.amount, NEW.fee, NEW.tax,
        NEW.currency) IS DISTINCT FROM (OLD.agent_id, OLD.channel_id, OLD.destination_id,
        OLD.reference, OLD.amount, OLD.fee, OLD.tax, OLD.currency) THEN
        RAISE EXCEPTION 'what was asked for does not change, and a reference is for life'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_as_asked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_move BEFORE UPDATE OR DELETE ON payouts
    FOR EACH ROW EXECUTE FUNCTION guard_payout_move();
CREATE FUNCTION guard_payout_destination() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'retired_at') <> (to_jsonb(OLD) - 'retired_at')
        OR OLD.retired_at IS NOT NULL THEN
        RAISE EXCEPTION 'a destination is retired, never changed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_destination_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payout_destinations_kept BEFORE UPDATE OR DELETE ON payout_destinations
    FOR EACH ROW EXECUTE FUNCTION guard_payout_destination();
CREATE TRIGGER payout_files_append_only BEFORE UPDATE OR DELETE ON payout_files
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0062_real_names")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Payout',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('channel_id', fields.UUIDField()),
                ('destination_id', fields.UUIDField()),
                ('reference', fields.CharField(unique=True, max_length=32)),
                ('amount', fields.BigIntField()),
                ('fee', fields.BigIntField()),
                ('tax', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('status', fields.CharEnumField(description='REQUESTED: REQUESTED\nAPPROVED: APPROVED\nSUBMITTING: SUBMITTING\nACCEPTED: ACCEPTED\nUNKNOWN: UNKNOWN\nSUCCEEDED: SUCCEEDED\nFAILED: FAILED\nRETURNED: RETURNED\nREFUSED: REFUSED\nCANCELLED: CANCELLED', enum_type=PayoutStatus, max_length=16)),
                ('risks', ArrayField(default=list, element_type='VARCHAR(32)')),
                ('why', fields.CharField(default='', max_length=32)),
                ('note', fields.CharField(default='', max_length=500)),
                ('provider_id', fields.CharField(null=True, max_length=96)),
                ('waits', fields.BooleanField(default=False)),
                ('cancel_wanted', fields.BooleanField(default=False)),
                ('action_sealed', fields.BinaryField(null=True)),
                ('batch_id', fields.UUIDField(null=True)),
                ('file_id', fields.UUIDField(null=True)),
                ('run_id', fields.UUIDField(null=True)),
                ('requested_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('approved_by', fields.UUIDField(null=True)),
                ('approved_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('submitted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('submissions', fields.IntField(default=0)),
                ('tries', fields.IntField(default=0)),
                ('not_found', fields.IntField(default=0)),
                ('next_try_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('event_count', fields.IntField(default=0)),
            ],
            options={'table': 'payouts', 'app': 'domain', 'constraints': [CheckConstraint(check='fee >= 0 AND tax >= 0 AND amount > fee + tax', name='payout_leaves_something'), CheckConstraint(check="(status IN ('SUCCEEDED', 'FAILED', 'RETURNED', 'REFUSED', 'CANCELLED')) = (finished_at IS NOT NULL)", name='payout_finished'), CheckConstraint(check="(next_try_at IS NULL OR file_id IS NULL AND status IN ('APPROVED', 'SUBMITTING', 'ACCEPTED', 'UNKNOWN')) AND (next_try_at IS NOT NULL OR file_id IS NOT NULL OR status NOT IN ('SUBMITTING', 'ACCEPTED', 'UNKNOWN'))", name='payout_open_is_tried'), CheckConstraint(check="status IN ('REQUESTED', 'REFUSED', 'CANCELLED') OR approved_at IS NOT NULL", name='payout_approved_before_sent')], 'indexes': [Index(fields=['agent_id', 'id']), Index(fields=['status', 'id']), Index(fields=['batch_id'])], 'pk_attr': 'id', 'table_description': 'Money leaving to an agent. `amount` is taken from what it has available; its receiver gets'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PayoutBatch',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('status', fields.CharEnumField(description='PROPOSED: PROPOSED\nAPPROVED: APPROVED\nREJECTED: REJECTED', enum_type=BatchStatus, max_length=16)),
                ('count', fields.IntField()),
                ('total', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('note', fields.CharField(default='', max_length=500)),
                ('run_id', fields.UUIDField(null=True)),
                ('proposed_by', fields.UUIDField()),
                ('proposed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decision', fields.CharField(default='', max_length=500)),
            ],
            options={'table': 'payout_batches', 'app': 'domain', 'constraints': [CheckConstraint(check='decided_by IS DISTINCT FROM proposed_by', name='payout_batch_of_four_eyes'), CheckConstraint(check="(status = 'PROPOSED') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)", name='payout_batch_decided_by_somebody'), CheckConstraint(check='count > 0 AND total > 0', name='payout_batch_of_something')], 'indexes': [Index(fields=['status', 'id'])], 'pk_attr': 'id', 'table_description': 'Payouts that one operator proposes and another one approves.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PayoutBlock',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('digest', fields.CharField(unique=True, max_length=64)),
                ('reason', fields.CharField(max_length=200)),
                ('blocked_by', fields.UUIDField(null=True)),
                ('blocked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'payout_blocks', 'app': 'domain', 'pk_attr': 'id', 'table_description': 'An account that no money is sent to.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PayoutChannel',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('code', fields.CharField(unique=True, max_length=32)),
                ('adapter', fields.CharField(max_length=32)),
                ('merchant', fields.CharField(max_length=64)),
                ('name_zh', fields.CharField(max_length=64)),
                ('name_en', fields.CharField(max_length=64)),
                ('base_url', fields.CharField(max_length=300)),
                ('currency', fields.CharField(max_length=3)),
                ('settings', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('secrets_sealed', fields.BinaryField()),
                ('minimum', fields.BigIntField()),
                ('maximum', fields.BigIntField()),
                ('daily_cap', fields.BigIntField()),
                ('fee_fixed', fields.BigIntField(default=0)),
                ('fee_rate', fields.IntField(default=0)),
                ('tax_rate', fields.IntField(default=0)),
                ('enabled', fields.BooleanField(default=True)),
                ('priority', fields.IntField(default=100)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'payout_channels', 'app': 'domain', 'constraints': [CheckConstraint(check='minimum > 0 AND maximum >= minimum AND daily_cap >= minimum', name='payout_channel_bounds'), CheckConstraint(check='fee_fixed >= 0 AND fee_rate BETWEEN 0 AND 5000 AND tax_rate BETWEEN 0 AND 5000', name='payout_channel_rates')], 'pk_attr': 'id', 'table_description': 'One account at one vendor that money is sent from. Amounts in units of 1/10000.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PayoutDestination',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('kind', fields.CharEnumField(description='WECHAT: WECHAT\nALIPAY: ALIPAY\nBANK: BANK\nSANDBOX: SANDBOX', enum_type=DestinationKind, max_length=16)),
                ('masked', fields.CharField(max_length=64)),
                ('sealed', fields.BinaryField()),
                ('digest', fields.CharField(max_length=64)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('usable_from', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('retired_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'payout_destinations', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('agent_id', 'kind'), name='payout_destination_in_use_once', condition='retired_at IS NULL')], 'indexes': [Index(fields=['agent_id', 'id']), Index(fields=['digest'])], 'pk_attr': 'id', 'table_description': 'Where an agent wants its money, sealed. One of each kind is in use.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PayoutFile',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('channel_id', fields.UUIDField()),
                ('number', fields.CharField(unique=True, max_length=32)),
                ('count', fields.IntField()),
                ('total', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('digest', fields.BinaryField()),
                ('sealed', fields.BinaryField()),
                ('made_by', fields.UUIDField()),
                ('made_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'payout_files', 'app': 'domain', 'constraints': [CheckConstraint(check='count > 0 AND total > 0', name='payout_file_of_something')], 'indexes': [Index(fields=['channel_id', 'id'])], 'pk_attr': 'id', 'table_description': 'A file for a bank: which payouts, its control totals, its sealed content.'},
            bases=['Model'],
        ),
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nCOMMISSION_AVAILABLE: commission_available\nCOMMISSION_DEBT: commission_debt\nPAYOUT_HELD: payout_held\nPAYOUT_TRANSIT: payout_transit\nPAYOUT_FEE: payout_fee\nTAX_WITHHELD: tax_withheld\nSUPPLIER: supplier\nSUPPLIER_CLAIM: supplier_claim\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nLOSS: loss\nCHANNEL: channel\nSUSPENSE: suspense\nREFUND_DUE: refund_due\nCHANNEL_FEE: channel_fee\nPENALTY: penalty\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nDELIVERED_REFUND: delivered_refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nSUPPLY_REFUND: supply_refund\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nSUSPENSE: suspense\nREFUND_REQUEST: refund_request\nREFUND_SENT: refund_sent\nREFUND_FAILED: refund_failed\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return\nREPLACEMENT: replacement\nSUPPLIER_CLAIM: supplier_claim\nSUPPLIER_CLAIM_SETTLED: supplier_claim_settled\nCHANNEL_FEE: channel_fee\nCOMMISSION_RELEASED: commission_released\nCOMMISSION_TO_WALLET: commission_to_wallet\nDEPOSIT_PAID: deposit_paid\nDEPOSIT_RETURNED: deposit_returned\nDEPOSIT_DEDUCTED: deposit_deducted\nDEPOSIT_RESTORED: deposit_restored\nPAYOUT_REQUESTED: payout_requested\nPAYOUT_GIVEN_UP: payout_given_up\nPAYOUT_SUBMITTED: payout_submitted\nPAYOUT_PAID: payout_paid\nPAYOUT_FAILED: payout_failed\nPAYOUT_RETURNED: payout_returned', enum_type=TransferKind, max_length=24),
        ),
    ]) + [RunSQL(GUARDS)]
