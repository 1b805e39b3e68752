"""The life of a commission: pending, available, owed; rules in versions, of agents and with days."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

from domain.commissions.models import RuleKind
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.ledger.models import AccountKind, TransferKind

# What was earned before is pending, three days from its sale on; refunds took it from there.
FILL = """
ALTER TABLE commissions DISABLE TRIGGER USER;
UPDATE commissions SET release_at = date_trunc('minute', earned_at) + interval '3 days';
ALTER TABLE commissions ENABLE TRIGGER USER;
ALTER TABLE commission_clawbacks DISABLE TRIGGER USER;
UPDATE commission_clawbacks b SET agent_id = c.agent_id, currency = c.currency,
    release_at = c.release_at, pending = b.amount, available = 0, owed = 0
FROM commissions c WHERE c.id = b.commission_id;
ALTER TABLE commission_clawbacks ENABLE TRIGGER USER;
"""


NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
GUARDS = f"""
CREATE INDEX commission_rules_of ON commission_rules
    (coalesce(scope_id, {NOBODY}), coalesce(agent_id, {NOBODY}), valid_from);
CREATE UNIQUE INDEX rule_version_once ON commission_rules
    (scope, scope_id, agent_id, level, version) NULLS NOT DISTINCT;
CREATE INDEX commission_books_due ON commission_books (agent_id, currency) WHERE due_lines > 0;
CREATE TRIGGER commission_releases_append_only BEFORE UPDATE OR DELETE ON commission_releases
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER commission_sweeps_append_only BEFORE UPDATE OR DELETE ON commission_sweeps
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION guard_commission_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'valid_until') <> (to_jsonb(OLD) - 'valid_until')
        OR OLD.valid_until IS NOT NULL AND NEW.valid_until IS DISTINCT FROM OLD.valid_until
            AND (NEW.valid_until IS NULL OR NEW.valid_until > OLD.valid_until) THEN
        RAISE EXCEPTION 'a version of a rule is kept as it is; it may only end earlier'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'rule_version_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commission_rules_kept BEFORE UPDATE OR DELETE ON commission_rules
    FOR EACH ROW EXECUTE FUNCTION guard_commission_rule();
CREATE FUNCTION guard_commission_book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.agent_id <> OLD.agent_id OR NEW.currency <> OLD.currency
        OR OLD.released_up_to IS NOT NULL
            AND (NEW.released_up_to IS NULL OR NEW.released_up_to < OLD.released_up_to) THEN
        RAISE EXCEPTION 'what is released stays released'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'book_goes_on';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commission_books_kept BEFORE UPDATE OR DELETE ON commission_books
    FOR EACH ROW EXECUTE FUNCTION guard_commission_book();
"""


class Migration(migrations.Migration):
    """Five steps: books, sweeps, releases; accounts; commissions and clawbacks; rules; guards."""

    dependencies = [("domain", "0052_supplier_callbacks")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CommissionBook',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('currency', fields.CharField(max_length=3)),
                ('released_up_to', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('due_up_to', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('due_amount', fields.BigIntField(default=0)),
                ('due_lines', fields.IntField(default=0)),
            ],
            options={'table': 'commission_books', 'app': 'domain', 'unique_together': (('agent_id', 'currency'),), 'constraints': [CheckConstraint(check='due_amount >= 0 AND due_lines >= 0', name='book_not_negative'), CheckConstraint(check='(due_lines = 0) = (due_up_to IS NOT DISTINCT FROM released_up_to)', name='book_due_when_marked')], 'pk_attr': 'id', 'table_description': 'How far the commissions of one agent in one currency are released.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CommissionRelease',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('currency', fields.CharField(max_length=3)),
                ('follows', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('up_to', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('lines', fields.IntField()),
                ('earned', fields.BigIntField()),
                ('clawed_back', fields.BigIntField()),
                ('offset_debt', fields.BigIntField()),
                ('released_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'commission_releases', 'app': 'domain', 'unique_together': (('agent_id', 'currency', 'up_to'),), 'constraints': [CheckConstraint(check='clawed_back BETWEEN 0 AND earned AND offset_debt BETWEEN 0 AND earned - clawed_back', name='release_within_earned')], 'pk_attr': 'id', 'table_description': 'What became available to one agent at once, and of which commissions: those between.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CommissionSweep',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('follows', fields.DatetimeField(unique=True, auto_now=False, auto_now_add=False)),
                ('up_to', fields.DatetimeField(unique=True, auto_now=False, auto_now_add=False)),
                ('lines', fields.IntField()),
                ('amount', fields.BigIntField()),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'commission_sweeps', 'app': 'domain', 'constraints': [CheckConstraint(check='follows < up_to', name='sweep_goes_on')], 'pk_attr': 'id', 'table_description': 'One look for commissions whose time has come. Each follows the one before, so that none of'},
            bases=['Model'],
        ),
        ops.RemoveConstraint(
            model_name='Account',
            name='account_kind_keeps_balance',
            fields=None,
        ),
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nCOMMISSION_AVAILABLE: commission_available\nCOMMISSION_DEBT: commission_debt\nSUPPLIER: supplier\nSUPPLIER_CLAIM: supplier_claim\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nLOSS: loss\nCHANNEL: channel\nSUSPENSE: suspense\nREFUND_DUE: refund_due\nCHANNEL_FEE: channel_fee\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
        ops.AddConstraint(
            model_name='Account',
            constraint=CheckConstraint(check="keeps_balance = (kind IN ('wallet', 'deposit', 'commission_available', 'commission_debt'))", name='account_kind_keeps_balance'),
        ),
        ops.AddConstraint(
            model_name='Account',
            constraint=CheckConstraint(check="kind <> 'commission_debt' OR balance <= 0", name='account_debt_not_above_zero'),
        ),
        ops.AddField(model_name='Commission', name='release_at', field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
        ops.AddIndex(
            model_name='Commission',
            index=Index(fields=['release_at']),
        ),
        ops.AlterModelOptions(
            name='CommissionClawback',
            options={'table': 'commission_clawbacks', 'app': 'domain', 'unique_together': (('commission_id', 'refund_id'),), 'constraints': [CheckConstraint(check='amount > 0', name='clawback_above_zero'), CheckConstraint(check='pending >= 0 AND available >= 0 AND owed >= 0 AND amount = pending + available + owed', name='clawback_from_somewhere'), CheckConstraint(check='pending IN (0, amount)', name='clawback_pending_or_released')], 'indexes': [Index(fields=['refund_id']), Index(fields=['agent_id', 'release_at'])], 'pk_attr': 'id', 'table_description': 'What a refund took back of a commission, and where from. Never changed; never more than was'},
        ),
        ops.AddField(model_name='CommissionClawback', name='agent_id', field=fields.UUIDField(null=True)),
        ops.AddField(model_name='CommissionClawback', name='available', field=fields.BigIntField(null=True)),
        ops.AddField(model_name='CommissionClawback', name='currency', field=fields.CharField(null=True, max_length=3)),
        ops.AddField(model_name='CommissionClawback', name='owed', field=fields.BigIntField(null=True)),
        ops.AddField(model_name='CommissionClawback', name='pending', field=fields.BigIntField(null=True)),
        ops.AddField(model_name='CommissionClawback', name='release_at', field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
        RunSQL(FILL),
        ops.AlterField(model_name='Commission', name='release_at', field=fields.DatetimeField(auto_now=False, auto_now_add=False)),
        ops.AlterField(model_name='CommissionClawback', name='agent_id', field=fields.UUIDField()),
        ops.AlterField(model_name='CommissionClawback', name='available', field=fields.BigIntField()),
        ops.AlterField(model_name='CommissionClawback', name='owed', field=fields.BigIntField()),
        ops.AlterField(model_name='CommissionClawback', name='pending', field=fields.BigIntField()),
        ops.AlterField(model_name='CommissionClawback', name='currency', field=fields.CharField(max_length=3)),
        ops.AlterField(model_name='CommissionClawback', name='release_at', field=fields.DatetimeField(auto_now=False, auto_now_add=False)),
        ops.AddIndex(
            model_name='CommissionClawback',
            index=Index(fields=['agent_id', 'release_at']),
        ),
        ops.AddConstraint(
            model_name='CommissionClawback',
            constraint=CheckConstraint(check='pending >= 0 AND available >= 0 AND owed >= 0 AND amount = pending + available + owed', name='clawback_from_somewhere'),
        ),
        ops.AddConstraint(
            model_name='CommissionClawback',
            constraint=CheckConstraint(check='pending IN (0, amount)', name='clawback_pending_or_released'),
        ),
        ops.RemoveConstraint(
            model_name='CommissionRule',
            name='rule_percent_at_most_hundred',
            fields=None,
        ),
        ops.RemoveConstraint(
            model_name='CommissionRule',
            name='rule_kind_known',
            fields=None,
        ),
        ops.AlterModelOptions(
            name='CommissionRule',
            options={'table': 'commission_rules', 'app': 'domain', 'constraints': [CheckConstraint(check='level BETWEEN 1 AND 3', name='rule_level_at_most_three'), CheckConstraint(check='(agent_id IS NULL) = (level IS NOT NULL)', name='rule_of_a_level_or_agent'), CheckConstraint(check='value >= 0', name='rule_value_not_negative'), CheckConstraint(check="kind NOT IN ('percent', 'margin_percent') OR value <= 1000000", name='rule_percent_at_most_hundred'), CheckConstraint(check="(scope = 'default') = (scope_id IS NULL)", name='rule_scope_has_its_object'), CheckConstraint(check="kind IN ('percent', 'margin_percent', 'fixed', 'price_difference')", name='rule_kind_known'), CheckConstraint(check='hold_days BETWEEN 0 AND 90', name='rule_hold_at_most_ninety'), CheckConstraint(check='valid_until IS NULL OR valid_until >= valid_from', name='rule_ends_later')], 'pk_attr': 'id', 'table_description': 'What an agent earns, one version; nothing but a sale triggers it.'},
        ),
        ops.AlterField(
            model_name='CommissionRule',
            name='kind',
            field=fields.CharEnumField(description='PERCENT: percent\nMARGIN_PERCENT: margin_percent\nFIXED: fixed\nPRICE_DIFFERENCE: price_difference', enum_type=RuleKind, max_length=24),
        ),
        ops.AlterField(
            model_name='CommissionRule',
            name='level',
            field=fields.SmallIntField(null=True),
        ),
        ops.AddField(
            model_name='CommissionRule',
            name='agent_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name='CommissionRule',
            name='hold_days',
            field=fields.SmallIntField(default=3, db_default=3),
        ),
        ops.AddField(
            model_name='CommissionRule',
            name='version',
            field=fields.IntField(default=1, db_default=1),
        ),
        ops.AddConstraint(
            model_name='CommissionRule',
            constraint=CheckConstraint(check='(agent_id IS NULL) = (level IS NOT NULL)', name='rule_of_a_level_or_agent'),
        ),
        ops.AddConstraint(
            model_name='CommissionRule',
            constraint=CheckConstraint(check="kind NOT IN ('percent', 'margin_percent') OR value <= 1000000", name='rule_percent_at_most_hundred'),
        ),
        ops.AddConstraint(
            model_name='CommissionRule',
            constraint=CheckConstraint(check="kind IN ('percent', 'margin_percent', 'fixed', 'price_difference')", name='rule_kind_known'),
        ),
        ops.AddConstraint(
            model_name='CommissionRule',
            constraint=CheckConstraint(check='hold_days BETWEEN 0 AND 90', name='rule_hold_at_most_ninety'),
        ),
        ops.AddConstraint(
            model_name='CommissionRule',
            constraint=CheckConstraint(check='valid_until IS NULL OR valid_until >= valid_from', name='rule_ends_later'),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nDELIVERED_REFUND: delivered_refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nSUSPENSE: suspense\nREFUND_REQUEST: refund_request\nREFUND_SENT: refund_sent\nREFUND_FAILED: refund_failed\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return\nREPLACEMENT: replacement\nSUPPLIER_CLAIM: supplier_claim\nSUPPLIER_CLAIM_SETTLED: supplier_claim_settled\nCHANNEL_FEE: channel_fee\nCOMMISSION_RELEASED: commission_released\nCOMMISSION_TO_WALLET: commission_to_wallet', enum_type=TransferKind, max_length=24),
        ),
    ]) + [RunSQL(GUARDS)]
