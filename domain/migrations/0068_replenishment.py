"""Buying for stock: policies, budgets, proposals, purchases, sales by day."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.fulfilment.models import AttemptStatus
from domain.kernel.ids import new_id
from domain.replenishment.models import BudgetPeriod, ProposalState, ReplenishMode
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints

SQL = """
CREATE UNIQUE INDEX replenish_policy_once ON replenish_policies (variant_id) NULLS NOT DISTINCT;
ALTER TABLE replenish_policies ADD CONSTRAINT replenish_policy_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
CREATE UNIQUE INDEX purchase_budget_once ON purchase_budgets (supplier_id, period)
    NULLS NOT DISTINCT;
ALTER TABLE purchase_budgets ADD CONSTRAINT purchase_budget_of_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
ALTER TABLE purchase_proposals ADD CONSTRAINT purchase_proposal_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE stock_purchases ADD CONSTRAINT stock_purchase_of_a_proposal
    FOREIGN KEY (proposal_id) REFERENCES purchase_proposals (id);
ALTER TABLE stock_purchases ADD CONSTRAINT stock_purchase_of_an_offer
    FOREIGN KEY (offer_id) REFERENCES supplier_offers (id);
CREATE INDEX purchase_proposals_due ON purchase_proposals (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX stock_purchases_due ON stock_purchases (next_query_at) WHERE next_query_at IS NOT NULL;
CREATE INDEX stock_purchases_recheck ON stock_purchases (recheck_at) WHERE recheck_at IS NOT NULL;
CREATE INDEX stock_purchases_done_at ON stock_purchases (supplier_id, finished_at, id)
    WHERE status = 'succeeded' AND cost > 0;
CREATE TRIGGER stock_purchases_stay BEFORE DELETE ON stock_purchases
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER purchase_proposals_stay BEFORE DELETE ON purchase_proposals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What counts against a budget: what purchases did cost, and what those under way may cost at most.
CREATE FUNCTION purchase_spent(supplier uuid, period text, day date) RETURNS bigint
    LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(CASE WHEN status = 'succeeded' THEN cost
        WHEN status = 'rejected' THEN 0 ELSE reserved END), 0)::bigint
    FROM stock_purchases
    WHERE (supplier IS NULL OR supplier_id = supplier)
        AND budget_on >= date_trunc(period, day::timestamp)::date
        AND budget_on < (date_trunc(period, day::timestamp) + ('1 ' || period)::interval)::date
$$;
-- Nobody buys for stock beyond a budget, or without one for all suppliers. Its row is the lock.
CREATE FUNCTION guard_purchase_budget() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    budget purchase_budgets%ROWTYPE;
    for_all boolean := false;
BEGIN
    FOR budget IN SELECT * FROM purchase_budgets
        WHERE supplier_id IS NULL OR supplier_id = NEW.supplier_id ORDER BY id FOR UPDATE
    LOOP
        for_all := for_all OR budget.supplier_id IS NULL;
        IF purchase_spent(budget.supplier_id, budget.period, NEW.budget_on) + NEW.reserved
            > budget.amount THEN
            RAISE EXCEPTION 'a purchase for stock would exceed its budget'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'purchase_within_budget';
        END IF;
    END LOOP;
    IF NOT for_all THEN
        RAISE EXCEPTION 'a purchase for stock needs a budget for all suppliers'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'purchase_within_budget';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stock_purchases_budgeted BEFORE INSERT ON stock_purchases
    FOR EACH ROW EXECUTE FUNCTION guard_purchase_budget();
-- What a purchase is, for life; and no way back from its end, but that goods come late.
CREATE FUNCTION guard_stock_purchase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.proposal_id, NEW.supplier_id, NEW.offer_id, NEW.item, NEW.quantity,
        NEW.reference, NEW.max_unit_cost, NEW.reserved, NEW.budget_on) IS DISTINCT FROM
        (OLD.id, OLD.proposal_id, OLD.supplier_id, OLD.offer_id, OLD.item, OLD.quantity,
        OLD.reference, OLD.max_unit_cost, OLD.reserved, OLD.budget_on)
        OR (OLD.status = 'succeeded' AND NEW.status <> 'succeeded')
        OR (OLD.status = 'rejected' AND NEW.status NOT IN ('rejected', 'succeeded')) THEN
        RAISE EXCEPTION 'a purchase for stock stays what it is'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_purchase_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stock_purchases_move BEFORE UPDATE ON stock_purchases
    FOR EACH ROW EXECUTE FUNCTION guard_stock_purchase();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0067_costs")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='PurchaseBudget',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('supplier_id', fields.UUIDField(null=True)),
                ('period', fields.CharEnumField(description='DAY: day\nMONTH: month', enum_type=BudgetPeriod, max_length=8)),
                ('amount', fields.BigIntField()),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'purchase_budgets', 'app': 'domain', 'constraints': [CheckConstraint(check="period IN ('day', 'month')", name='purchase_budget_period_known'), CheckConstraint(check='amount >= 0', name='purchase_budget_not_negative')], 'pk_attr': 'id', 'table_description': 'What may be spent on stock in a day or a month (UTC), at one supplier or all together.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PurchaseProposal',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField()),
                ('state', fields.CharEnumField(description='OPEN: open\nAPPROVED: approved\nBUYING: buying\nDONE: done\nFAILED: failed\nDECLINED: declined\nEXPIRED: expired', enum_type=ProposalState, max_length=8)),
                ('quantity', fields.IntField()),
                ('unit_cost', fields.BigIntField()),
                ('amount', fields.BigIntField()),
                ('received', fields.IntField(default=0)),
                ('approvals_needed', fields.SmallIntField()),
                ('reason', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('tried', fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ('proposed_by', fields.UUIDField(null=True)),
                ('first_by', fields.UUIDField(null=True)),
                ('first_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('second_by', fields.UUIDField(null=True)),
                ('second_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('note', fields.CharField(default='', max_length=500)),
                ('proposed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('due_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('closed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'purchase_proposals', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('open', 'approved', 'buying', 'done', 'failed', 'declined', 'expired')", name='purchase_proposal_state_known'), CheckConstraint(check="(state IN ('open', 'approved', 'buying')) = (closed_at IS NULL) AND (state IN ('approved', 'buying')) = (due_at IS NOT NULL)", name='purchase_proposal_closed_or_not'), CheckConstraint(check='quantity > 0 AND unit_cost > 0 AND amount >= unit_cost * quantity AND received >= 0 AND approvals_needed BETWEEN 0 AND 2', name='purchase_proposal_amounts'), CheckConstraint(check='(second_by IS NULL OR second_by <> first_by) AND coalesce(proposed_by <> first_by, true) AND coalesce(proposed_by <> second_by, true)', name='purchase_proposal_four_eyes'), CheckConstraint(check="state NOT IN ('approved', 'buying', 'done', 'failed') OR (approvals_needed < 1 OR first_by IS NOT NULL) AND (approvals_needed < 2 OR second_by IS NOT NULL)", name='purchase_proposal_approved'), UniqueConstraint(fields=('variant_id',), name='purchase_proposal_one_running', condition="state IN ('open', 'approved', 'buying')")], 'indexes': [Index(fields=['variant_id', 'id']), Index(fields=['state', 'id'])], 'pk_attr': 'id', 'table_description': 'So many pieces of a variant to be bought for stock, for at most `amount`; and why.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReplenishPolicy',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField(null=True)),
                ('mode', fields.CharEnumField(description='OFF: off\nPROPOSE: propose\nAUTO: auto', enum_type=ReplenishMode, max_length=8)),
                ('lead_days', fields.IntField(default=1)),
                ('cover_days', fields.IntField(null=True)),
                ('max_quantity', fields.IntField(default=500)),
                ('auto_limit', fields.BigIntField(default=0)),
                ('two_approvals_from', fields.BigIntField(default=100000000)),
                ('version', fields.IntField(default=1)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'replenish_policies', 'app': 'domain', 'constraints': [CheckConstraint(check="mode IN ('off', 'propose', 'auto')", name='replenish_mode_known'), CheckConstraint(check='lead_days BETWEEN 0 AND 365 AND coalesce(cover_days, 1) BETWEEN 1 AND 365 AND max_quantity BETWEEN 1 AND 100000 AND auto_limit >= 0 AND two_approvals_from >= 0', name='replenish_policy_within_limits')], 'pk_attr': 'id', 'table_description': 'How a variant is bought for stock; without a variant: all that have no policy of their own.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SalesDay',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField()),
                ('day', fields.DateField()),
                ('pieces', fields.IntField()),
                ('revenue', fields.BigIntField()),
                ('cost', fields.BigIntField()),
            ],
            options={'table': 'sales_days', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('variant_id', 'day'), name='sales_day_once')], 'indexes': [Index(fields=['day'])], 'pk_attr': 'id', 'table_description': 'What was sold of a variant on a day (UTC) on which it was ordered; counted anew for days that'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StockPurchase',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('proposal_id', fields.UUIDField()),
                ('variant_id', fields.UUIDField()),
                ('supplier_id', fields.UUIDField()),
                ('offer_id', fields.UUIDField()),
                ('item', fields.CharField(max_length=96)),
                ('quantity', fields.IntField()),
                ('reference', fields.CharField(unique=True, max_length=40)),
                ('status', fields.CharEnumField(description='SUBMITTING: submitting\nACCEPTED: accepted\nUNCERTAIN: uncertain\nSUCCEEDED: succeeded\nREJECTED: rejected', enum_type=AttemptStatus, max_length=16)),
                ('category', fields.CharField(null=True, max_length=32)),
                ('max_unit_cost', fields.BigIntField()),
                ('reserved', fields.BigIntField()),
                ('cost', fields.BigIntField(null=True)),
                ('currency', fields.CharField(max_length=3)),
                ('budget_on', fields.DateField()),
                ('upstream_id', fields.CharField(null=True, max_length=96)),
                ('received', fields.IntField(default=0)),
                ('duplicates', fields.IntField(default=0)),
                ('batch_id', fields.UUIDField(null=True)),
                ('queries', fields.IntField(default=0)),
                ('not_found_answers', fields.IntField(default=0)),
                ('next_query_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('recheck_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('rechecks', fields.SmallIntField(default=0)),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'stock_purchases', 'app': 'domain', 'constraints': [CheckConstraint(check="status IN ('submitting', 'accepted', 'uncertain', 'succeeded', 'rejected')", name='stock_purchase_status_known'), CheckConstraint(check="(status IN ('succeeded', 'rejected')) = (finished_at IS NOT NULL) AND (finished_at IS NULL) = (next_query_at IS NOT NULL)", name='stock_purchase_open_is_queried'), CheckConstraint(check='quantity > 0 AND max_unit_cost > 0 AND reserved = max_unit_cost * quantity', name='stock_purchase_amounts'), UniqueConstraint(fields=('proposal_id',), name='stock_purchase_one_open', condition="status IN ('submitting', 'accepted', 'uncertain')")], 'indexes': [Index(fields=['proposal_id', 'id']), Index(fields=['budget_on', 'supplier_id'])], 'pk_attr': 'id', 'table_description': 'One try to buy for stock from one offer. `reference` is ours, stable for life.'},
            bases=['Model'],
        ),
    ]) + [ops.RunSQL(SQL)]
