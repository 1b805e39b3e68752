"""Cases of after-sale: disputes, their history, what suppliers owe (rows M1, M2)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.aftersale.models import CheckResult, ClaimState, DisputeReason, DisputeState
from domain.kernel.ids import new_id
from domain.ledger.models import AccountKind, TransferKind
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
-- The same table as domain/aftersale/moves.py; a test compares them.
CREATE FUNCTION dispute_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'OPEN' THEN after IN ('CHECKING', 'REPLACED', 'REFUNDED', 'REJECTED')
        WHEN 'CHECKING' THEN after IN ('REPLACED', 'REFUNDED', 'REJECTED')
        WHEN 'REJECTED' THEN after IN ('APPEALED')
        WHEN 'APPEALED' THEN after IN ('REPLACED', 'REFUNDED', 'UPHELD')
        ELSE false
    END
$$;
ALTER TABLE disputes ADD CONSTRAINT dispute_of_an_order FOREIGN KEY (order_id) REFERENCES orders (id);
ALTER TABLE disputes ADD CONSTRAINT dispute_of_a_line FOREIGN KEY (line_id) REFERENCES order_lines (id);
ALTER TABLE disputes ADD CONSTRAINT dispute_of_a_card FOREIGN KEY (card_id) REFERENCES cards (id);
ALTER TABLE disputes ADD CONSTRAINT dispute_replaced_by_a_card
    FOREIGN KEY (replacement_id) REFERENCES cards (id);
ALTER TABLE disputes ADD CONSTRAINT dispute_refunded_by FOREIGN KEY (refund_id) REFERENCES refunds (id);
ALTER TABLE dispute_steps ADD CONSTRAINT step_of_a_dispute
    FOREIGN KEY (dispute_id) REFERENCES disputes (id);
ALTER TABLE supplier_claims ADD CONSTRAINT claim_of_a_dispute
    FOREIGN KEY (dispute_id) REFERENCES disputes (id);
ALTER TABLE supplier_claims ADD CONSTRAINT claim_against_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
CREATE INDEX disputes_undecided ON disputes (decide_by) WHERE decide_by IS NOT NULL;
CREATE FUNCTION guard_dispute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.order_id, NEW.line_id, NEW.card_id, NEW.reason, NEW.opened_at,
            NEW.card_was, NEW.looks) <> (OLD.id, OLD.order_id, OLD.line_id, OLD.card_id, OLD.reason,
            OLD.opened_at, OLD.card_was, OLD.looks)
        OR (NEW.text_sealed, NEW.opened_by, NEW.seen_at)
            IS DISTINCT FROM (OLD.text_sealed, OLD.opened_by, OLD.seen_at)
        OR OLD.rejected_by IS NOT NULL AND (NEW.rejected_by, NEW.appeal_until)
            IS DISTINCT FROM (OLD.rejected_by, OLD.appeal_until)
        OR OLD.appealed_at IS NOT NULL AND (NEW.appealed_at, NEW.appeal_sealed)
            IS DISTINCT FROM (OLD.appealed_at, OLD.appeal_sealed) THEN
        RAISE EXCEPTION 'what was said in a case stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'dispute_fixed';
    END IF;
    IF NEW.state <> OLD.state AND NOT dispute_move_listed(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'a case does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'dispute_move_listed';
    END IF;
    IF NEW.state = OLD.state AND NEW.state IN ('REPLACED', 'REFUNDED', 'REJECTED', 'UPHELD')
        AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a decision stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'dispute_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER disputes_move BEFORE UPDATE OR DELETE ON disputes
    FOR EACH ROW EXECUTE FUNCTION guard_dispute();
CREATE FUNCTION refuse_decided_dispute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a case begins open'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'dispute_move_listed';
END $$;
CREATE TRIGGER disputes_born BEFORE INSERT ON disputes FOR EACH ROW
    WHEN (NEW.state <> 'OPEN') EXECUTE FUNCTION refuse_decided_dispute();
CREATE FUNCTION note_dispute_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(current_setting('kameng.actor', true), '');
BEGIN
    INSERT INTO dispute_steps (id, dispute_id, number, state, actor_kind, actor_id, at)
    SELECT uuidv7(), NEW.id, coalesce(max(s.number), 0) + 1, NEW.state,
        coalesce(nullif(split_part(who, '/', 1), ''), 'unknown'),
        nullif(split_part(who, '/', 2), '')::uuid, clock_timestamp()
    FROM dispute_steps s WHERE s.dispute_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER disputes_opened AFTER INSERT ON disputes
    FOR EACH ROW EXECUTE FUNCTION note_dispute_step();
CREATE TRIGGER disputes_moved AFTER UPDATE OF state ON disputes
    FOR EACH ROW WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION note_dispute_step();
CREATE TRIGGER dispute_steps_append_only BEFORE UPDATE OR DELETE ON dispute_steps
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION guard_supplier_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'OPEN' OR (NEW.id, NEW.dispute_id, NEW.supplier_id, NEW.amount,
            NEW.currency, NEW.opened_at) <> (OLD.id, OLD.dispute_id, OLD.supplier_id, OLD.amount,
            OLD.currency, OLD.opened_at) THEN
        RAISE EXCEPTION 'what a supplier owes stays, and is settled once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'supplier_claim_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER supplier_claims_settled BEFORE UPDATE OR DELETE ON supplier_claims
    FOR EACH ROW EXECUTE FUNCTION guard_supplier_claim();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0033_partial_topups")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Dispute',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('order_id', fields.UUIDField()),
                ('line_id', fields.UUIDField()),
                ('card_id', fields.UUIDField()),
                ('reason', fields.CharEnumField(description='CODE_INVALID: CODE_INVALID\nCODE_USED: CODE_USED\nCODE_EXPIRED: CODE_EXPIRED\nWRONG_GOODS: WRONG_GOODS\nOTHER: OTHER', enum_type=DisputeReason, max_length=16)),
                ('text_sealed', fields.BinaryField(null=True)),
                ('state', fields.CharEnumField(description='OPEN: OPEN\nCHECKING: CHECKING\nREPLACED: REPLACED\nREFUNDED: REFUNDED\nREJECTED: REJECTED\nAPPEALED: APPEALED\nUPHELD: UPHELD', enum_type=DisputeState, max_length=16)),
                ('opened_by', fields.UUIDField(null=True)),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decide_by', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('card_was', fields.CharField(max_length=16)),
                ('seen_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('looks', fields.IntField()),
                ('ticket', fields.CharField(default='', max_length=200)),
                ('check_result', fields.CharEnumField(null=True, description='VALID: VALID\nINVALID: INVALID\nUNKNOWN: UNKNOWN', enum_type=CheckResult, max_length=8)),
                ('check_answer', fields.CharField(default='', max_length=1000)),
                ('checked_by', fields.UUIDField(null=True)),
                ('checked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decision', fields.CharField(default='', max_length=500)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('rejected_by', fields.UUIDField(null=True)),
                ('appeal_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('appeal_sealed', fields.BinaryField(null=True)),
                ('appealed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('replacement_id', fields.UUIDField(null=True)),
                ('refund_id', fields.UUIDField(null=True)),
            ],
            options={'table': 'disputes', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('card_id',), name='dispute_once_per_card'), UniqueConstraint(fields=('replacement_id',), name='dispute_replaced_by_its_own', condition='replacement_id IS NOT NULL'), CheckConstraint(check="reason IN ('CODE_INVALID', 'CODE_USED', 'CODE_EXPIRED', 'WRONG_GOODS', 'OTHER')", name='dispute_reason_known'), CheckConstraint(check="state IN ('OPEN', 'CHECKING', 'REPLACED', 'REFUNDED', 'REJECTED', 'APPEALED', 'UPHELD')", name='dispute_state_known'), CheckConstraint(check="(state IN ('OPEN', 'CHECKING', 'APPEALED')) = (decide_by IS NOT NULL)", name='dispute_open_is_due'), CheckConstraint(check="(state IN ('OPEN', 'CHECKING')) = (decided_at IS NULL) AND (decided_at IS NULL) = (decision = '') AND (decided_at IS NULL) = (decided_by IS NULL)", name='dispute_decided_with_reason'), CheckConstraint(check="(state = 'REPLACED') = (replacement_id IS NOT NULL) AND (state = 'REFUNDED') = (refund_id IS NOT NULL) AND replacement_id IS DISTINCT FROM card_id", name='dispute_made_good'), CheckConstraint(check="(rejected_by IS NOT NULL) = (appeal_until IS NOT NULL) AND (appealed_at IS NULL OR rejected_by IS NOT NULL) AND (state <> 'REJECTED' OR rejected_by IS NOT NULL AND appealed_at IS NULL) AND (state NOT IN ('APPEALED', 'UPHELD') OR appealed_at IS NOT NULL)", name='dispute_appealed_once'), CheckConstraint(check="appealed_at IS NULL OR state = 'APPEALED' OR decided_by <> rejected_by", name='dispute_appeal_four_eyes'), CheckConstraint(check="check_result IN ('VALID', 'INVALID', 'UNKNOWN')", name='dispute_check_known'), CheckConstraint(check="(check_result IS NULL) = (checked_at IS NULL) AND (check_result IS NULL OR check_answer <> '')", name='dispute_checked_with_answer')], 'indexes': [Index(fields=['order_id']), Index(fields=['line_id'])], 'pk_attr': 'id', 'table_description': 'The case of one card, for its whole life. What the buyer wrote is sealed: people paste codes.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DisputeStep',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('dispute_id', fields.UUIDField()),
                ('number', fields.IntField()),
                ('state', fields.CharEnumField(description='OPEN: OPEN\nCHECKING: CHECKING\nREPLACED: REPLACED\nREFUNDED: REFUNDED\nREJECTED: REJECTED\nAPPEALED: APPEALED\nUPHELD: UPHELD', enum_type=DisputeState, max_length=16)),
                ('actor_kind', fields.CharField(max_length=16)),
                ('actor_id', fields.UUIDField(null=True)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'dispute_steps', 'app': 'domain', 'unique_together': (('dispute_id', 'number'),), 'pk_attr': 'id', 'table_description': 'One step of a case. Written by a trigger with the step itself; never changed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SupplierClaim',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('dispute_id', fields.UUIDField(unique=True)),
                ('supplier_id', fields.UUIDField()),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('state', fields.CharEnumField(description='OPEN: OPEN\nPAID: PAID\nCREDITED: CREDITED\nWRITTEN_OFF: WRITTEN_OFF', enum_type=ClaimState, max_length=16)),
                ('recovered', fields.BigIntField(default=0)),
                ('note', fields.CharField(default='', max_length=500)),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('settled_by', fields.UUIDField(null=True)),
                ('settled_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'supplier_claims', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('OPEN', 'PAID', 'CREDITED', 'WRITTEN_OFF')", name='claim_state_known'), CheckConstraint(check='amount > 0 AND recovered BETWEEN 0 AND amount', name='claim_within_amount'), CheckConstraint(check="(state = 'OPEN') = (settled_at IS NULL) AND (settled_at IS NULL) = (note = '')", name='claim_settled_with_note'), CheckConstraint(check="(state IN ('PAID', 'CREDITED')) = (recovered > 0)", name='claim_recovered_when_paid')], 'indexes': [Index(fields=['supplier_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What a supplier is to make good for one bad card. Amounts in units of 1/10000.'},
            bases=['Model'],
        ),
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nSUPPLIER: supplier\nSUPPLIER_CLAIM: supplier_claim\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nLOSS: loss\nCHANNEL: channel\nSUSPENSE: suspense\nREFUND_DUE: refund_due\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nDELIVERED_REFUND: delivered_refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nSUSPENSE: suspense\nREFUND_REQUEST: refund_request\nREFUND_SENT: refund_sent\nREFUND_FAILED: refund_failed\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return\nREPLACEMENT: replacement\nSUPPLIER_CLAIM: supplier_claim\nSUPPLIER_CLAIM_SETTLED: supplier_claim_settled', enum_type=TransferKind, max_length=24),
        ),
    ]) + [RunSQL(SQL)]
