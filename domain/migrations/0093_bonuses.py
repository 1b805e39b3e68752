"""Bonus plans, awards for months of settled sales, and what refunds take of them."""
from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.bonuses.models import BonusBasis, BonusState
from domain.commissions.models import AwardKind
from domain.kernel.ids import new_id
from domain.ledger.models import AccountKind
from orjson import loads
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE commission_awards ADD CONSTRAINT award_by_a_plan
    FOREIGN KEY (plan_id) REFERENCES bonus_plans (id);
ALTER TABLE commission_awards ADD CONSTRAINT award_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE commission_award_clawbacks ADD CONSTRAINT award_clawback_of_an_award
    FOREIGN KEY (award_id) REFERENCES commission_awards (id);
ALTER TABLE bonus_runs ADD CONSTRAINT bonus_run_of_a_plan
    FOREIGN KEY (plan_id) REFERENCES bonus_plans (id);
ALTER TABLE bonus_plans ADD CONSTRAINT bonus_steps_of_sales
    CHECK (cardinality(rates) >= 1 AND is_volume_ladder(from_sales, rates));
CREATE INDEX commission_awards_of_month ON commission_awards (agent_id, month);
CREATE INDEX refunds_by_time ON refunds (requested_at);
CREATE TRIGGER commission_awards_append_only BEFORE UPDATE OR DELETE ON commission_awards
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER commission_award_clawbacks_append_only
    BEFORE UPDATE OR DELETE ON commission_award_clawbacks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bonus_runs_stay BEFORE DELETE ON bonus_runs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- A plan is proposed, decided once by another person, and can only end earlier. All that count at
-- one time together stay within the margin of a line, however many levels count it.
CREATE FUNCTION guard_bonus_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'proposed' THEN
            RAISE EXCEPTION 'a plan is proposed before it is decided'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'bonus_proposed_first';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'state' - 'decided_by' - 'decided_at' - 'last_month')
            <> (to_jsonb(OLD) - 'state' - 'decided_by' - 'decided_at' - 'last_month')
        OR NEW.last_month > OLD.last_month
        OR (OLD.state, NEW.state) NOT IN (('proposed', 'approved'), ('proposed', 'rejected'),
            ('approved', 'approved'), ('approved', 'withdrawn'))
        OR OLD.state <> 'proposed' AND (NEW.decided_by, NEW.decided_at)
            IS DISTINCT FROM (OLD.decided_by, OLD.decided_at) THEN
        RAISE EXCEPTION 'a plan stays as it was proposed, and is decided once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bonus_plan_kept';
    END IF;
    IF NEW.state = 'approved' AND OLD.state = 'proposed' THEN
        PERFORM pg_advisory_xact_lock(hashtext('bonus_plans'));
        IF NEW.cap_margin_rate * NEW.depth + (SELECT coalesce(sum(p.cap_margin_rate * p.depth), 0)
                FROM bonus_plans p WHERE p.state = 'approved' AND p.currency = NEW.currency
                    AND p.first_month <= NEW.last_month AND p.last_month >= NEW.first_month) > 10000
        THEN
            RAISE EXCEPTION 'all plans together would take more than the margin'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'bonus_caps_within_the_margin';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bonus_plans_guarded BEFORE INSERT OR UPDATE OR DELETE ON bonus_plans
    FOR EACH ROW EXECUTE FUNCTION guard_bonus_plan();
-- An award is by a plan that was approved, for one of its months that is over, and within its caps.
CREATE FUNCTION guard_commission_award() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE plan bonus_plans;
BEGIN
    SELECT * INTO plan FROM bonus_plans WHERE id = NEW.plan_id;
    IF plan.id IS NOT NULL AND (plan.state <> 'approved' OR NEW.kind <> plan.kind
            OR NEW.currency <> plan.currency OR extract(day FROM NEW.month) <> 1
            OR NEW.month NOT BETWEEN plan.first_month AND plan.last_month
            OR (NEW.earned_at AT TIME ZONE 'UTC')::date < NEW.month + 28
            OR NEW.sales < plan.from_sales[1]) THEN
        RAISE EXCEPTION 'an award is for a month that is over, by a plan in force'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'award_by_its_plan';
    END IF;
    IF NEW.amount > (greatest(NEW.margin, 0)::numeric * plan.cap_margin_rate
            + greatest(NEW.uncosted, 0)::numeric * plan.cap_sales_rate) / 10000
        OR NEW.amount > plan.cap_each THEN
        RAISE EXCEPTION 'an award stays within the caps of its plan'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'award_within_its_caps';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commission_awards_guarded BEFORE INSERT ON commission_awards
    FOR EACH ROW EXECUTE FUNCTION guard_commission_award();
CREATE FUNCTION guard_award_clawback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT coalesce(sum(b.amount), 0) + NEW.amount FROM commission_award_clawbacks b
            WHERE b.award_id = NEW.award_id)
        > (SELECT w.amount FROM commission_awards w WHERE w.id = NEW.award_id) THEN
        RAISE EXCEPTION 'no more of an award is taken back than it was'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'award_clawback_within_the_award';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER award_clawbacks_guarded BEFORE INSERT ON commission_award_clawbacks
    FOR EACH ROW EXECUTE FUNCTION guard_award_clawback();
-- Lines of orders are those that rules were applied to; those of a plan are among them.
CREATE OR REPLACE FUNCTION settlement_told(told jsonb, part text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum((each->>part)::bigint), 0)::bigint FROM jsonb_array_elements(told) each
    WHERE part <> 'lines' OR NOT each ? 'plan'
$$;
-- What plans may stand on is counted anew from the whole chain.
DELETE FROM team_days;
DELETE FROM team_cursor;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0092_providers")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='BonusCursor',
            fields=[
                ('id', fields.SmallIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('sequence', fields.BigIntField()),
            ],
            options={'table': 'bonus_cursor', 'app': 'domain', 'constraints': [CheckConstraint(check='id = 1', name='bonus_cursor_is_one')], 'pk_attr': 'id', 'table_description': "How far refunds in the ledger's chain are looked at for awards; one row, and the lock that"},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='BonusPlan',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('kind', fields.CharEnumField(description='PERFORMANCE: performance\nPROMOTION: promotion\nTEAM: team', enum_type=AwardKind, max_length=16)),
                ('name', fields.CharField(max_length=64)),
                ('basis', fields.CharEnumField(description='OWN_SALES: own_sales\nLINK_SALES: link_sales\nNEW_CUSTOMER_SALES: new_customer_sales\nTEAM_SALES: team_sales', enum_type=BonusBasis, max_length=24)),
                ('depth', fields.SmallIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('from_sales', ArrayField(element_type='BIGINT')),
                ('rates', ArrayField(element_type='INT')),
                ('min_own_sales', fields.BigIntField()),
                ('cap_margin_rate', fields.IntField()),
                ('cap_sales_rate', fields.IntField()),
                ('cap_each', fields.BigIntField(null=True)),
                ('hold_days', fields.SmallIntField()),
                ('first_month', fields.DateField()),
                ('last_month', fields.DateField()),
                ('state', fields.CharEnumField(description='PROPOSED: proposed\nAPPROVED: approved\nREJECTED: rejected\nWITHDRAWN: withdrawn', enum_type=BonusState, max_length=16)),
                ('note', fields.CharField(max_length=500)),
                ('proposed_by', fields.UUIDField()),
                ('proposed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'bonus_plans', 'app': 'domain', 'constraints': [CheckConstraint(check="kind = 'performance' AND basis = 'own_sales' OR kind = 'promotion' AND basis IN ('link_sales', 'new_customer_sales') OR kind = 'team' AND basis = 'team_sales'", name='bonus_stands_on_sales_of_its_kind'), CheckConstraint(check="depth BETWEEN 1 AND 3 AND (depth > 1) = (kind = 'team')", name='bonus_depth_at_most_three'), CheckConstraint(check="kind <> 'team' OR min_own_sales > 0", name='bonus_of_a_team_that_sells_itself'), CheckConstraint(check='cap_margin_rate BETWEEN 1 AND 5000 AND cap_sales_rate BETWEEN 0 AND 1000 AND min_own_sales >= 0 AND (cap_each IS NULL OR cap_each > 0)', name='bonus_within_its_caps'), CheckConstraint(check="extract(day FROM first_month) = 1 AND extract(day FROM last_month) = 1 AND last_month BETWEEN first_month AND first_month + 366 AND first_month > (proposed_at AT TIME ZONE 'UTC')::date - 33", name='bonus_valid_for_a_time'), CheckConstraint(check='hold_days BETWEEN 0 AND 90', name='bonus_hold_at_most_ninety'), CheckConstraint(check="(state = 'proposed') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL) AND decided_by IS DISTINCT FROM proposed_by", name='bonus_decided_by_another'), CheckConstraint(check="state IN ('proposed', 'approved', 'rejected', 'withdrawn')", name='bonus_state_known')], 'pk_attr': 'id', 'table_description': 'One plan. Never changed, but decided once by another person, and ended earlier.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='BonusRun',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('plan_id', fields.UUIDField()),
                ('month', fields.DateField()),
                ('cursor', fields.UUIDField()),
                ('awards', fields.IntField(default=0)),
                ('amount', fields.BigIntField(default=0)),
                ('begun_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('done_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'bonus_runs', 'app': 'domain', 'unique_together': (('plan_id', 'month'),), 'constraints': [CheckConstraint(check='awards >= 0 AND amount >= awards', name='bonus_run_counts_up')], 'pk_attr': 'id', 'table_description': 'How far the agents of one plan and month are looked at; once for each of both.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CommissionAward',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('plan_id', fields.UUIDField()),
                ('kind', fields.CharEnumField(description='PERFORMANCE: performance\nPROMOTION: promotion\nTEAM: team', enum_type=AwardKind, max_length=16)),
                ('agent_id', fields.UUIDField()),
                ('month', fields.DateField()),
                ('lines', fields.IntField()),
                ('sales', fields.BigIntField()),
                ('margin', fields.BigIntField()),
                ('uncosted', fields.BigIntField()),
                ('rate', fields.IntField()),
                ('wished', fields.BigIntField()),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('terms', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('earned_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('release_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'commission_awards', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('plan_id', 'agent_id', 'month'), name='commission_award_once'), CheckConstraint(check="kind IN ('performance', 'promotion', 'team')", name='award_kind_known'), CheckConstraint(check='lines > 0 AND sales > 0 AND rate BETWEEN 1 AND 9999 AND wished <= sales::numeric * rate / 10000 AND amount BETWEEN 1 AND wished', name='award_stands_on_sales')], 'indexes': [Index(fields=['agent_id', 'id']), Index(fields=['release_at'])], 'pk_attr': 'id', 'table_description': 'What an agent earned by a plan for a month of settled sales, beside what each line earned.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CommissionAwardClawback',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('award_id', fields.UUIDField()),
                ('agent_id', fields.UUIDField()),
                ('currency', fields.CharField(max_length=3)),
                ('release_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('amount', fields.BigIntField()),
                ('pending', fields.BigIntField()),
                ('available', fields.BigIntField()),
                ('owed', fields.BigIntField()),
                ('taken_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'commission_award_clawbacks', 'app': 'domain', 'constraints': [CheckConstraint(check='amount > 0', name='award_clawback_above_zero'), CheckConstraint(check='pending >= 0 AND available >= 0 AND owed >= 0 AND amount = pending + available + owed', name='award_clawback_from_somewhere'), CheckConstraint(check='pending IN (0, amount)', name='award_clawback_pending_or_released')], 'indexes': [Index(fields=['award_id']), Index(fields=['agent_id', 'release_at'])], 'pk_attr': 'id', 'table_description': 'What refunds took back of an award, and where from. Never changed, never more than it.'},
            bases=['Model'],
        ),
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description="\n".join(f"{each.name}: {each.value}" for each in AccountKind), enum_type=AccountKind, max_length=24),
        ),
        ops.AddField(
            model_name='TeamDay',
            name='earnable',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='TeamDay',
            name='earnable_lines',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='TeamDay',
            name='margin',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='TeamDay',
            name='uncosted',
            field=fields.BigIntField(default=0, db_default=0),
        ),
    ]) + [RunSQL(SQL)]
