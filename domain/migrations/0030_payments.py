"""Orders paid through channels: their life in full, payments, callbacks, refunds (0030, 0031)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.ledger.models import AccountKind, TransferKind
from domain.orders.models import LineStatus, OrderStatus
from domain.payments.models import CallbackOutcome, PaymentStatus, RefundStatus
from orjson import loads
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
CREATE FUNCTION order_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'PENDING_PAYMENT' THEN after IN ('PAID', 'RISK_REVIEW', 'FAILED', 'CANCELLED', 'EXPIRED')
        WHEN 'RISK_REVIEW' THEN after IN ('PAID', 'REFUNDED')
        WHEN 'PAID' THEN after IN ('DELIVERING', 'DELIVERED', 'PARTIALLY_DELIVERED', 'REFUNDED')
        WHEN 'DELIVERING' THEN after IN ('DELIVERED', 'PARTIALLY_DELIVERED', 'REFUNDED')
        WHEN 'FAILED' THEN after IN ('PAID', 'RISK_REVIEW')
        WHEN 'CANCELLED' THEN after IN ('PAID', 'RISK_REVIEW')
        WHEN 'EXPIRED' THEN after IN ('PAID', 'RISK_REVIEW')
        ELSE false
    END
$$;
CREATE FUNCTION line_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'WAITING' THEN after IN ('QUEUED', 'CANCELLED', 'REFUNDED')
        WHEN 'QUEUED' THEN after IN ('DELIVERING', 'DELIVERED', 'REFUNDED')
        WHEN 'DELIVERING' THEN after IN ('DELIVERED', 'REFUNDED')
        WHEN 'CANCELLED' THEN after IN ('QUEUED', 'WAITING')
        ELSE false
    END
$$;
CREATE FUNCTION payment_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'STARTING' THEN after IN ('PENDING', 'PAID', 'SUSPENDED', 'CLOSED', 'FAILED')
        WHEN 'PENDING' THEN after IN ('PAID', 'SUSPENDED', 'CLOSED')
        WHEN 'CLOSED' THEN after IN ('PAID', 'SUSPENDED')
        WHEN 'FAILED' THEN after IN ('PAID', 'SUSPENDED')
        ELSE false
    END
$$;
CREATE FUNCTION payment_refund_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'REQUESTED' THEN after IN ('SUBMITTING')
        WHEN 'SUBMITTING' THEN after IN ('ACCEPTED', 'COMPLETED', 'REJECTED')
        WHEN 'ACCEPTED' THEN after IN ('COMPLETED', 'REJECTED')
        ELSE false
    END
$$;
CREATE OR REPLACE FUNCTION guard_order_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND NOT order_move_listed(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'an order does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'order_move_listed';
    END IF;
    IF (NEW.total, NEW.currency, NEW.buyer_id, NEW.number) IS DISTINCT FROM
        (OLD.total, OLD.currency, OLD.buyer_id, OLD.number)
        OR OLD.paid_at IS NOT NULL AND NEW.paid_at IS DISTINCT FROM OLD.paid_at THEN
        RAISE EXCEPTION 'what was agreed does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'order_agreed';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION guard_line_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order line is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND NOT line_move_listed(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'an order line does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_move_listed';
    END IF;
    IF NEW.unit_price <> OLD.unit_price OR NEW.quantity <> OLD.quantity OR NEW.variant_id <> OLD.variant_id
        OR NEW.delivery_kind <> OLD.delivery_kind OR NEW.type_id <> OLD.type_id
        OR NEW.type_version <> OLD.type_version OR NEW.account IS DISTINCT FROM OLD.account
        OR NEW.gift <> OLD.gift
        OR (NEW.bundle_sku, NEW.bundle_position) IS DISTINCT FROM (OLD.bundle_sku, OLD.bundle_position) THEN
        RAISE EXCEPTION 'what was agreed does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'DELIVERED' AND (NEW.receipt IS DISTINCT FROM OLD.receipt
        OR NEW.note_sealed IS DISTINCT FROM OLD.note_sealed) THEN
        RAISE EXCEPTION 'what was handed over does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_handed_over';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION guard_payment_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.order_id, NEW.channel_id, NEW.reference, NEW.amount, NEW.currency, NEW.way)
        <> (OLD.order_id, OLD.channel_id, OLD.reference, OLD.amount, OLD.currency, OLD.way)
        OR OLD.provider_id IS NOT NULL AND (NEW.provider_id, NEW.paid_amount)
            IS DISTINCT FROM (OLD.provider_id, OLD.paid_amount) THEN
        RAISE EXCEPTION 'a payment stays what it is'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_fixed';
    END IF;
    IF NEW.status <> OLD.status AND NOT payment_move_listed(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'a payment does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_move_listed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_move BEFORE UPDATE OR DELETE ON payments
    FOR EACH ROW EXECUTE FUNCTION guard_payment_move();
CREATE FUNCTION guard_payment_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid bigint;
BEGIN
    IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (NEW.payment_id, NEW.reference, NEW.amount, NEW.currency)
        <> (OLD.payment_id, OLD.reference, OLD.amount, OLD.currency) THEN
        RAISE EXCEPTION 'a refund stays what it is'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_refund_fixed';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF NEW.status <> OLD.status AND NOT payment_refund_move_listed(OLD.status, NEW.status) THEN
            RAISE EXCEPTION 'a refund does not go from % to %', OLD.status, NEW.status
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_refund_move_listed';
        END IF;
        RETURN NEW;
    END IF;
    SELECT paid_amount INTO paid FROM payments WHERE id = NEW.payment_id FOR UPDATE;
    IF coalesce(paid, 0) < NEW.amount + (SELECT coalesce(sum(amount), 0) FROM payment_refunds
        WHERE payment_id = NEW.payment_id AND status <> 'REJECTED') THEN
        RAISE EXCEPTION 'no more goes back than was paid'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_refund_within_paid';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_refunds_kept BEFORE INSERT OR UPDATE OR DELETE ON payment_refunds
    FOR EACH ROW EXECUTE FUNCTION guard_payment_refund();
CREATE FUNCTION guard_payment_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.judged_at IS NOT NULL
        OR (NEW.channel_id, NEW.raw_sealed, NEW.digest) <> (OLD.channel_id, OLD.raw_sealed, OLD.digest) THEN
        RAISE EXCEPTION 'a callback is kept as it came, and judged once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'callback_judged_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_callbacks_kept BEFORE UPDATE OR DELETE ON payment_callbacks
    FOR EACH ROW EXECUTE FUNCTION guard_payment_callback();
CREATE FUNCTION guard_payment_channel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.code, NEW.adapter, NEW.merchant, NEW.currency)
        <> (OLD.code, OLD.adapter, OLD.merchant, OLD.currency) THEN
        RAISE EXCEPTION 'a payment channel stays its merchant''s'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_channel_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_channels_kept BEFORE UPDATE OR DELETE ON payment_channels
    FOR EACH ROW EXECUTE FUNCTION guard_payment_channel();
ALTER TABLE payment_channels ADD CONSTRAINT payment_channel_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE payments ADD CONSTRAINT payment_of_an_order FOREIGN KEY (order_id) REFERENCES orders (id);
ALTER TABLE payments ADD CONSTRAINT payment_through_a_channel
    FOREIGN KEY (channel_id) REFERENCES payment_channels (id);
ALTER TABLE payment_callbacks ADD CONSTRAINT callback_of_a_channel
    FOREIGN KEY (channel_id) REFERENCES payment_channels (id);
ALTER TABLE payment_refunds ADD CONSTRAINT refund_of_a_payment
    FOREIGN KEY (payment_id) REFERENCES payments (id);
CREATE INDEX payments_due ON payments (next_query_at) WHERE next_query_at IS NOT NULL;
CREATE INDEX payments_suspended ON payments (id) WHERE status = 'SUSPENDED';
CREATE INDEX payment_refunds_due ON payment_refunds (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX orders_unpaid ON orders (expires_at) WHERE status = 'PENDING_PAYMENT';
CREATE INDEX holds_of_a_line ON card_holds (order_line_id) WHERE state = 'open';
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0029_trace_numbers")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Payment',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('order_id', fields.UUIDField()),
                ('channel_id', fields.UUIDField()),
                ('reference', fields.CharField(unique=True, max_length=32)),
                ('way', fields.CharField(max_length=16)),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('status', fields.CharEnumField(description='STARTING: STARTING\nPENDING: PENDING\nPAID: PAID\nSUSPENDED: SUSPENDED\nCLOSED: CLOSED\nFAILED: FAILED', enum_type=PaymentStatus, max_length=16)),
                ('provider_id', fields.CharField(null=True, max_length=96)),
                ('paid_amount', fields.BigIntField(null=True)),
                ('paid_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('action_sealed', fields.BinaryField(null=True)),
                ('why', fields.CharField(default='', max_length=32)),
                ('confirmed_by', fields.CharField(null=True, max_length=16)),
                ('started_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('next_query_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('queries', fields.IntField(default=0)),
                ('version', fields.IntField(default=1)),
            ],
            options={'table': 'payments', 'app': 'domain', 'constraints': [CheckConstraint(check='amount > 0', name='payment_above_zero'), CheckConstraint(check="(status IN ('PAID', 'SUSPENDED')) = (provider_id IS NOT NULL) AND (status IN ('PAID', 'SUSPENDED')) = (paid_amount IS NOT NULL)", name='payment_paid_whole'), CheckConstraint(check="status <> 'PAID' OR paid_amount = amount", name='payment_of_its_amount'), CheckConstraint(check="(status IN ('STARTING', 'PENDING')) = (next_query_at IS NOT NULL)", name='payment_open_is_asked'), UniqueConstraint(fields=('channel_id', 'provider_id'), name='payment_provider_id_once', condition='provider_id IS NOT NULL'), UniqueConstraint(fields=('order_id',), name='payment_of_order_once', condition="status = 'PAID'")], 'indexes': [Index(fields=['order_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One try to pay an order. Amounts in units of 1/10000 of `currency`.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PaymentCallback',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('channel_id', fields.UUIDField()),
                ('received_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('raw_sealed', fields.BinaryField()),
                ('digest', fields.BinaryField()),
                ('reference', fields.CharField(null=True, max_length=64)),
                ('payment_id', fields.UUIDField(null=True)),
                ('outcome', fields.CharEnumField(description='RECEIVED: RECEIVED\nTAKEN: TAKEN\nSUSPENDED: SUSPENDED\nDUPLICATE: DUPLICATE\nNOTED: NOTED\nUNPROVEN: UNPROVEN\nREFUSED: REFUSED', enum_type=CallbackOutcome, max_length=16)),
                ('why', fields.CharField(default='', max_length=32)),
                ('judged_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'payment_callbacks', 'app': 'domain', 'constraints': [CheckConstraint(check="(outcome = 'RECEIVED') = (judged_at IS NULL)", name='callback_judged')], 'indexes': [Index(fields=['channel_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What a vendor, or somebody else, sent: kept sealed, before anybody judged it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PaymentChannel',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('code', fields.CharField(unique=True, max_length=32)),
                ('adapter', fields.CharField(max_length=32)),
                ('merchant', fields.CharField(max_length=64)),
                ('name_zh', fields.CharField(max_length=64)),
                ('name_en', fields.CharField(max_length=64)),
                ('base_url', fields.CharField(max_length=300)),
                ('site_id', fields.UUIDField(null=True)),
                ('ways', ArrayField(element_type='VARCHAR(16)')),
                ('currency', fields.CharField(max_length=3)),
                ('settings', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('secrets_sealed', fields.BinaryField()),
                ('split_capable', fields.BooleanField()),
                ('enabled', fields.BooleanField(default=True)),
                ('priority', fields.IntField(default=100)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'payment_channels', 'app': 'domain', 'constraints': [CheckConstraint(check='cardinality(ways) > 0', name='payment_channel_has_a_way')], 'pk_attr': 'id', 'table_description': "One merchant's account at one vendor, offered at one site or at all."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PaymentRefund',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('payment_id', fields.UUIDField()),
                ('buyer_id', fields.UUIDField()),
                ('line_id', fields.UUIDField(null=True)),
                ('reference', fields.CharField(unique=True, max_length=32)),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('reason', fields.CharField(max_length=64)),
                ('status', fields.CharEnumField(description='REQUESTED: REQUESTED\nSUBMITTING: SUBMITTING\nACCEPTED: ACCEPTED\nCOMPLETED: COMPLETED\nREJECTED: REJECTED', enum_type=RefundStatus, max_length=16)),
                ('provider_id', fields.CharField(null=True, max_length=96)),
                ('why', fields.CharField(default='', max_length=32)),
                ('tries', fields.IntField(default=0)),
                ('next_try_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('requested_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'payment_refunds', 'app': 'domain', 'constraints': [CheckConstraint(check='amount > 0', name='payment_refund_above_zero'), CheckConstraint(check="(status IN ('COMPLETED', 'REJECTED')) = (finished_at IS NOT NULL) AND (finished_at IS NULL) = (next_try_at IS NOT NULL)", name='payment_refund_finished')], 'indexes': [Index(fields=['payment_id', 'id'])], 'pk_attr': 'id', 'table_description': 'Money on its way back through the channel it came by. What it is of is owed until then.'},
            bases=['Model'],
        ),
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nSUPPLIER: supplier\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nLOSS: loss\nCHANNEL: channel\nSUSPENSE: suspense\nREFUND_DUE: refund_due\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
        ops.RemoveConstraint(
            model_name='Order',
            name='order_paid',
            fields=None,
        ),
        ops.RemoveConstraint(
            model_name='Order',
            name='order_status_known',
            fields=None,
        ),
        ops.AlterField(
            model_name='Order',
            name='status',
            field=fields.CharEnumField(description='PENDING_PAYMENT: PENDING_PAYMENT\nRISK_REVIEW: RISK_REVIEW\nPAID: PAID\nDELIVERING: DELIVERING\nDELIVERED: DELIVERED\nPARTIALLY_DELIVERED: PARTIALLY_DELIVERED\nFAILED: FAILED\nCANCELLED: CANCELLED\nEXPIRED: EXPIRED\nREFUNDED: REFUNDED', enum_type=OrderStatus, max_length=24),
        ),
        ops.AddField(
            model_name='Order',
            name='expires_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddConstraint(
            model_name='Order',
            constraint=CheckConstraint(check="(paid_at IS NOT NULL) = (status NOT IN ('PENDING_PAYMENT', 'FAILED', 'CANCELLED', 'EXPIRED'))", name='order_paid'),
        ),
        ops.AddConstraint(
            model_name='Order',
            constraint=CheckConstraint(check="status <> 'PENDING_PAYMENT' OR expires_at IS NOT NULL", name='order_unpaid_expires'),
        ),
        ops.AddConstraint(
            model_name='Order',
            constraint=CheckConstraint(check="status IN ('PENDING_PAYMENT', 'RISK_REVIEW', 'PAID', 'DELIVERING', 'DELIVERED', 'PARTIALLY_DELIVERED', 'FAILED', 'CANCELLED', 'EXPIRED', 'REFUNDED')", name='order_status_known'),
        ),
        ops.AlterField(
            model_name='OrderLine',
            name='status',
            field=fields.CharEnumField(description='WAITING: WAITING\nQUEUED: QUEUED\nDELIVERING: DELIVERING\nDELIVERED: DELIVERED\nCANCELLED: CANCELLED\nREFUNDED: REFUNDED', enum_type=LineStatus, max_length=24),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nSUSPENSE: suspense\nREFUND_REQUEST: refund_request\nREFUND_SENT: refund_sent\nREFUND_FAILED: refund_failed\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return', enum_type=TransferKind, max_length=24),
        ),
    ]) + [RunSQL(SQL)]
