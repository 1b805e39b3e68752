"""Refunds of delivered goods, and the commissions that go back with them (0037)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.ledger.models import TransferKind
from domain.refunds.models import RefundDestination, RefundReason
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

APPEND_ONLY = "\n".join(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION refuse_change();"
    for table in ("refunds", "refund_parts", "commission_clawbacks")
)
SQL = """
CREATE OR REPLACE FUNCTION order_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'PENDING_PAYMENT' THEN after IN ('PAID', 'RISK_REVIEW', 'FAILED', 'CANCELLED', 'EXPIRED')
        WHEN 'RISK_REVIEW' THEN after IN ('PAID', 'REFUNDED')
        WHEN 'PAID' THEN after IN ('DELIVERING', 'DELIVERED', 'PARTIALLY_DELIVERED', 'REFUNDED')
        WHEN 'DELIVERING' THEN after IN ('DELIVERED', 'PARTIALLY_DELIVERED', 'REFUNDED')
        WHEN 'FAILED' THEN after IN ('PAID', 'RISK_REVIEW')
        WHEN 'CANCELLED' THEN after IN ('PAID', 'RISK_REVIEW')
        WHEN 'EXPIRED' THEN after IN ('PAID', 'RISK_REVIEW')
        WHEN 'DELIVERED' THEN after IN ('REFUNDED')
        WHEN 'PARTIALLY_DELIVERED' THEN after IN ('REFUNDED')
        ELSE false
    END
$$;
ALTER TABLE refunds ADD CONSTRAINT refund_of_an_order FOREIGN KEY (order_id) REFERENCES orders (id);
ALTER TABLE refunds ADD CONSTRAINT refund_through_a_channel
    FOREIGN KEY (payment_refund_id) REFERENCES payment_refunds (id);
ALTER TABLE refund_parts ADD CONSTRAINT part_of_a_refund FOREIGN KEY (refund_id) REFERENCES refunds (id);
ALTER TABLE refund_parts ADD CONSTRAINT refund_of_a_line FOREIGN KEY (line_id) REFERENCES order_lines (id);
ALTER TABLE refund_parts ADD CONSTRAINT refund_of_a_card FOREIGN KEY (card_id) REFERENCES cards (id);
ALTER TABLE commission_clawbacks ADD CONSTRAINT clawback_of_a_commission
    FOREIGN KEY (commission_id) REFERENCES commissions (id);
ALTER TABLE commission_clawbacks ADD CONSTRAINT clawback_by_a_refund
    FOREIGN KEY (refund_id) REFERENCES refunds (id);
-- The parts of a refund come in one statement; they, and nobody else, move the counters of their
-- lines, whose constraint refuses more than was paid.
CREATE FUNCTION count_refund_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_refunds uuid[] := (SELECT array_agg(DISTINCT refund_id) FROM fresh);
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT refund_id, sum(amount) AS amount FROM fresh GROUP BY 1) f
        JOIN refunds r ON r.id = f.refund_id WHERE r.amount <> f.amount
    ) OR (SELECT count(*) FROM refund_parts WHERE refund_id = ANY(of_refunds))
        <> (SELECT count(*) FROM fresh) THEN
        RAISE EXCEPTION 'the parts of a refund come at once and sum to it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_is_its_parts';
    END IF;
    IF EXISTS (
        SELECT 1 FROM fresh f JOIN refunds r ON r.id = f.refund_id
        JOIN order_lines l ON l.id = f.line_id LEFT JOIN cards c ON c.id = f.card_id
        WHERE l.order_id <> r.order_id
            OR f.card_id IS NOT NULL AND c.order_line_id IS DISTINCT FROM f.line_id
    ) THEN
        RAISE EXCEPTION 'a refund is of lines of its order and of their cards'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_of_its_order';
    END IF;
    UPDATE order_lines l SET refunded_amount = l.refunded_amount + f.amount,
        refunded_quantity = l.refunded_quantity + f.quantity
    FROM (SELECT line_id, sum(amount) AS amount, sum(quantity) AS quantity FROM fresh GROUP BY 1) f
    WHERE l.id = f.line_id;
    RETURN NULL;
END $$;
CREATE TRIGGER refund_parts_counted AFTER INSERT ON refund_parts
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION count_refund_parts();
CREATE FUNCTION guard_line_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The trigger above runs one level deeper than any client.
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'what went back of a line is counted by its refunds'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_refunds_counted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_lines_refunds BEFORE UPDATE OF refunded_amount, refunded_quantity ON order_lines
    FOR EACH ROW EXECUTE FUNCTION guard_line_refunds();
CREATE FUNCTION guard_clawbacks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_commissions uuid[] := (SELECT array_agg(DISTINCT commission_id) FROM fresh);
BEGIN
    PERFORM 1 FROM commissions WHERE id = ANY(of_commissions) ORDER BY id FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM commissions c WHERE c.id = ANY(of_commissions) AND c.amount <
            (SELECT sum(b.amount) FROM commission_clawbacks b WHERE b.commission_id = c.id)
    ) THEN
        RAISE EXCEPTION 'no more of a commission goes back than was earned'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clawback_within_commission';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER commission_clawbacks_within AFTER INSERT ON commission_clawbacks
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION guard_clawbacks();
""" + APPEND_ONLY


class Migration(migrations.Migration):
    dependencies = [("domain", "0030_payments")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CommissionClawback',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('commission_id', fields.UUIDField()),
                ('refund_id', fields.UUIDField()),
                ('amount', fields.BigIntField()),
                ('taken_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'commission_clawbacks', 'app': 'domain', 'unique_together': (('commission_id', 'refund_id'),), 'constraints': [CheckConstraint(check='amount > 0', name='clawback_above_zero')], 'indexes': [Index(fields=['refund_id'])], 'pk_attr': 'id', 'table_description': 'What a refund took back of a commission. Never changed; never more than was earned.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Refund',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('order_id', fields.UUIDField()),
                ('reason', fields.CharEnumField(description='CODE_INVALID: CODE_INVALID\nCODE_USED: CODE_USED\nCODE_EXPIRED: CODE_EXPIRED\nWRONG_GOODS: WRONG_GOODS\nDELIVERED_LATE: DELIVERED_LATE\nBOUGHT_BY_MISTAKE: BOUGHT_BY_MISTAKE\nGOODWILL: GOODWILL\nFRAUD: FRAUD\nOTHER: OTHER', enum_type=RefundReason, max_length=24)),
                ('note', fields.CharField(default='', max_length=500)),
                ('destination', fields.CharEnumField(description='CHANNEL: CHANNEL\nWALLET: WALLET', enum_type=RefundDestination, max_length=8)),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('clawback', fields.BooleanField()),
                ('payment_refund_id', fields.UUIDField(null=True)),
                ('requested_by', fields.UUIDField(null=True)),
                ('requested_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'refunds', 'app': 'domain', 'constraints': [CheckConstraint(check='amount > 0', name='refund_above_zero'), CheckConstraint(check="(destination = 'CHANNEL') = (payment_refund_id IS NOT NULL)", name='refund_by_its_channel'), CheckConstraint(check="reason IN ('CODE_INVALID', 'CODE_USED', 'CODE_EXPIRED', 'WRONG_GOODS', 'DELIVERED_LATE', 'BOUGHT_BY_MISTAKE', 'GOODWILL', 'FRAUD', 'OTHER')", name='refund_reason_known'), CheckConstraint(check="reason <> 'OTHER' OR note <> ''", name='refund_of_another_reason_told'), UniqueConstraint(fields=('payment_refund_id',), name='refund_of_a_channel_once', condition='payment_refund_id IS NOT NULL')], 'indexes': [Index(fields=['order_id', 'id'])], 'pk_attr': 'id', 'table_description': "Money of an order's delivered goods that went back. `amount` in units of 1/10000."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RefundPart',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('refund_id', fields.UUIDField()),
                ('line_id', fields.UUIDField()),
                ('card_id', fields.UUIDField(null=True)),
                ('quantity', fields.IntField()),
                ('amount', fields.BigIntField()),
                ('lost_cost', fields.BigIntField()),
                ('seen', fields.BooleanField()),
            ],
            options={'table': 'refund_parts', 'app': 'domain', 'constraints': [CheckConstraint(check='amount >= 0 AND quantity >= 0 AND lost_cost >= 0 AND amount + quantity > 0', name='refund_part_of_something'), CheckConstraint(check='card_id IS NULL OR quantity = 1', name='refund_part_of_one_card'), UniqueConstraint(fields=('card_id',), name='refund_of_a_card_once', condition='card_id IS NOT NULL')], 'indexes': [Index(fields=['refund_id']), Index(fields=['line_id'])], 'pk_attr': 'id', 'table_description': 'What a refund gives back of one line, or of one card of it.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='OrderLine',
            name='refunded_amount',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='OrderLine',
            name='refunded_quantity',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddConstraint(
            model_name='OrderLine',
            constraint=CheckConstraint(check="refunded_amount BETWEEN 0 AND unit_price * quantity AND refunded_quantity BETWEEN 0 AND delivered_quantity AND (refunded_amount = 0 OR status = 'DELIVERED')", name='line_refunded_within_paid'),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nDELIVERED_REFUND: delivered_refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nSUSPENSE: suspense\nREFUND_REQUEST: refund_request\nREFUND_SENT: refund_sent\nREFUND_FAILED: refund_failed\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return', enum_type=TransferKind, max_length=24),
        ),
    ]) + [RunSQL(SQL)]
