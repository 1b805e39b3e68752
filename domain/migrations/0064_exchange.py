"""Exchange rates, and orders that are paid in another currency than the house's."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.ledger.models import AccountKind, TransferKind

GUARDS = """
ALTER TABLE order_exchanges ADD CONSTRAINT exchange_of_an_order
    FOREIGN KEY (order_id) REFERENCES orders (id);
ALTER TABLE order_exchanges ADD CONSTRAINT exchange_at_a_rate
    FOREIGN KEY (rate_id) REFERENCES exchange_rates (id);
ALTER TABLE order_exchange_returns ADD CONSTRAINT exchange_return_of_an_exchange
    FOREIGN KEY (order_id) REFERENCES order_exchanges (order_id);
CREATE TRIGGER exchange_rates_append_only BEFORE UPDATE OR DELETE ON exchange_rates
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_exchanges_append_only BEFORE UPDATE OR DELETE ON order_exchanges
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_exchange_returns_append_only BEFORE UPDATE OR DELETE ON order_exchange_returns
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- Never more goes back than there was, in either currency; those that give back at once wait here.
CREATE FUNCTION guard_exchange_return() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid order_exchanges%ROWTYPE;
BEGIN
    SELECT * INTO paid FROM order_exchanges WHERE order_id = NEW.order_id FOR NO KEY UPDATE;
    IF NEW.amount + (SELECT coalesce(sum(amount), 0) FROM order_exchange_returns
            WHERE order_id = NEW.order_id) > paid.total
        OR NEW.house_amount + (SELECT coalesce(sum(house_amount), 0) FROM order_exchange_returns
            WHERE order_id = NEW.order_id) > (SELECT total FROM orders WHERE id = NEW.order_id) THEN
        RAISE EXCEPTION 'no more goes back than was paid'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'exchange_return_within_paid';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_exchange_returns_within BEFORE INSERT ON order_exchange_returns
    FOR EACH ROW EXECUTE FUNCTION guard_exchange_return();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0063_payouts")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='ExchangeRate',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('currency', fields.CharField(max_length=3)),
                ('rate', fields.BigIntField()),
                ('valid_from', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('valid_until', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('note', fields.CharField(default='', max_length=200)),
                ('set_by', fields.UUIDField(null=True)),
            ],
            options={'table': 'exchange_rates', 'app': 'domain', 'constraints': [CheckConstraint(check='rate > 0', name='exchange_rate_above_zero'), CheckConstraint(check='valid_until > valid_from', name='exchange_rate_for_a_time')], 'indexes': [Index(fields=['currency', 'valid_from'])], 'pk_attr': 'id', 'table_description': "What one unit of a currency is worth in the house's, in millionths, for a time; kept."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='OrderExchange',
            fields=[
                ('order_id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('currency', fields.CharField(max_length=3)),
                ('total', fields.BigIntField()),
                ('rate', fields.BigIntField()),
                ('rate_id', fields.UUIDField()),
                ('prices', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('made_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'order_exchanges', 'app': 'domain', 'constraints': [CheckConstraint(check='total > 0 AND rate > 0', name='order_exchange_above_zero')], 'pk_attr': 'order_id', 'table_description': 'What an order that was paid in another currency costs its buyer. Never changed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='OrderExchangeReturn',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('order_id', fields.UUIDField()),
                ('reference', fields.UUIDField(unique=True)),
                ('house_amount', fields.BigIntField()),
                ('amount', fields.BigIntField()),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'order_exchange_returns', 'app': 'domain', 'constraints': [CheckConstraint(check='house_amount > 0 AND amount >= 0', name='exchange_return_above_zero')], 'indexes': [Index(fields=['order_id'])], 'pk_attr': 'id', 'table_description': 'A part of it that went back; together never more than there was. Never changed.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(GUARDS)] + [
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nCOMMISSION_AVAILABLE: commission_available\nCOMMISSION_DEBT: commission_debt\nPAYOUT_HELD: payout_held\nPAYOUT_TRANSIT: payout_transit\nPAYOUT_FEE: payout_fee\nTAX_WITHHELD: tax_withheld\nSUPPLIER: supplier\nSUPPLIER_CLAIM: supplier_claim\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nLOSS: loss\nCHANNEL: channel\nSUSPENSE: suspense\nREFUND_DUE: refund_due\nCHANNEL_FEE: channel_fee\nPENALTY: penalty\nEXCHANGE: exchange\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nDELIVERED_REFUND: delivered_refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nSUPPLY_REFUND: supply_refund\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nSUSPENSE: suspense\nREFUND_REQUEST: refund_request\nREFUND_SENT: refund_sent\nREFUND_FAILED: refund_failed\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return\nREPLACEMENT: replacement\nSUPPLIER_CLAIM: supplier_claim\nSUPPLIER_CLAIM_SETTLED: supplier_claim_settled\nCHANNEL_FEE: channel_fee\nEXCHANGE: exchange\nEXCHANGE_BACK: exchange_back\nCOMMISSION_RELEASED: commission_released\nCOMMISSION_TO_WALLET: commission_to_wallet\nDEPOSIT_PAID: deposit_paid\nDEPOSIT_RETURNED: deposit_returned\nDEPOSIT_DEDUCTED: deposit_deducted\nDEPOSIT_RESTORED: deposit_restored\nPAYOUT_REQUESTED: payout_requested\nPAYOUT_GIVEN_UP: payout_given_up\nPAYOUT_SUBMITTED: payout_submitted\nPAYOUT_PAID: payout_paid\nPAYOUT_FAILED: payout_failed\nPAYOUT_RETURNED: payout_returned', enum_type=TransferKind, max_length=24),
        ),
    ]
