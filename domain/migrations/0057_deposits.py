"""Deposits of agents: terms, movements, returns, and the holds of cases."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.deposits.models import DepositMove, ReturnState
from domain.kernel.ids import new_id
from domain.ledger.models import AccountKind, TransferKind
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints
from tortoise.migrations.operations import RunSQL

SQL = """
ALTER TABLE deposit_movements ADD CONSTRAINT deposit_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE deposit_returns ADD CONSTRAINT deposit_return_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE deposit_holds ADD CONSTRAINT deposit_hold_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
CREATE TRIGGER deposit_terms_append_only BEFORE UPDATE OR DELETE ON deposit_terms
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deposit_movements_append_only BEFORE UPDATE OR DELETE ON deposit_movements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deposit_returns_stay BEFORE DELETE ON deposit_returns
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deposit_returns_end_once BEFORE UPDATE ON deposit_returns
    FOR EACH ROW WHEN (OLD.state <> 'waiting') EXECUTE FUNCTION refuse_change();
-- Money of a deposit and its movement stand together, at the end of the transaction.
CREATE FUNCTION guard_deposit_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM transfers t JOIN entries e ON e.transfer_id = t.id
        JOIN accounts a ON a.id = e.account_id
        WHERE t.reference = NEW.id AND t.kind = 'deposit_' || NEW.kind AND a.kind = 'deposit'
            AND a.owner_id = NEW.agent_id AND abs(e.amount) = NEW.amount) THEN
        RAISE EXCEPTION 'a deposit moves with its transfer'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'deposit_moved_with_its_money';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER deposit_movements_moved AFTER INSERT ON deposit_movements
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_deposit_money();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0056_sourcing")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='DepositHold',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('case_id', fields.UUIDField()),
                ('held_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'deposit_holds', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('case_id',), name='deposit_held_once')], 'indexes': [Index(fields=['agent_id'])], 'pk_attr': 'id', 'table_description': 'A penalty case that is open: nothing is returned before it is over.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DepositMovement',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('kind', fields.CharEnumField(description='PAID: paid\nRETURNED: returned\nDEDUCTED: deducted\nRESTORED: restored', enum_type=DepositMove, max_length=16)),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('cause', fields.UUIDField(null=True)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'deposit_movements', 'app': 'domain', 'constraints': [CheckConstraint(check='amount > 0', name='deposit_moves_something'), CheckConstraint(check="kind IN ('paid', 'returned', 'deducted', 'restored')", name='deposit_move_known'), CheckConstraint(check="(kind = 'paid') = (cause IS NULL)", name='deposit_move_has_its_cause'), UniqueConstraint(fields=('kind', 'cause'), name='deposit_moved_once', condition='cause IS NOT NULL')], 'indexes': [Index(fields=['agent_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One change of a deposit, and of the money with its transfer. Never changed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DepositReturn',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('state', fields.CharEnumField(description='WAITING: waiting\nRETURNED: returned\nCANCELLED: cancelled', enum_type=ReturnState, max_length=16)),
                ('asked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('due_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('returned', fields.BigIntField(null=True)),
            ],
            options={'table': 'deposit_returns', 'app': 'domain', 'constraints': [CheckConstraint(check='amount > 0', name='deposit_return_of_something'), CheckConstraint(check="state IN ('waiting', 'returned', 'cancelled')", name='deposit_return_known'), CheckConstraint(check="(state = 'waiting') = (ended_at IS NULL) AND (state = 'returned') = (returned IS NOT NULL) AND returned <= amount", name='deposit_return_ended'), UniqueConstraint(fields=('agent_id',), name='deposit_return_waits_once', condition="state = 'waiting'")], 'indexes': [Index(fields=['state', 'due_at'])], 'pk_attr': 'id', 'table_description': 'An agent asks for its deposit, and gets it once the time to find claims is over.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DepositTerms',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_type', fields.CharField(max_length=16)),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('effective_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('set_by', fields.UUIDField(null=True)),
                ('set_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'deposit_terms', 'app': 'domain', 'constraints': [CheckConstraint(check="agent_type IN ('distributor', 'promoter', 'corporate')", name='deposit_type_known'), CheckConstraint(check='amount BETWEEN 0 AND 100000000', name='deposit_terms_within_the_limit')], 'indexes': [Index(fields=['agent_type', 'effective_at'])], 'pk_attr': 'id', 'table_description': 'What agents of a type are to deposit from a time on. Never changed; the newest counts.'},
            bases=['Model'],
        ),
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nCOMMISSION_AVAILABLE: commission_available\nCOMMISSION_DEBT: commission_debt\nSUPPLIER: supplier\nSUPPLIER_CLAIM: supplier_claim\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nLOSS: loss\nCHANNEL: channel\nSUSPENSE: suspense\nREFUND_DUE: refund_due\nCHANNEL_FEE: channel_fee\nPENALTY: penalty\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nDELIVERED_REFUND: delivered_refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nSUSPENSE: suspense\nREFUND_REQUEST: refund_request\nREFUND_SENT: refund_sent\nREFUND_FAILED: refund_failed\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return\nREPLACEMENT: replacement\nSUPPLIER_CLAIM: supplier_claim\nSUPPLIER_CLAIM_SETTLED: supplier_claim_settled\nCHANNEL_FEE: channel_fee\nCOMMISSION_RELEASED: commission_released\nCOMMISSION_TO_WALLET: commission_to_wallet\nDEPOSIT_PAID: deposit_paid\nDEPOSIT_RETURNED: deposit_returned\nDEPOSIT_DEDUCTED: deposit_deducted\nDEPOSIT_RESTORED: deposit_restored', enum_type=TransferKind, max_length=24),
        ),
    ]) + [RunSQL(SQL)]
