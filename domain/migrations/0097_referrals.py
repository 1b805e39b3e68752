"""Referral rewards: for a party that an agent brought, once, within the most of a month."""
from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.bonuses.models import BonusBasis
from domain.commissions.models import AwardKind
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
CREATE INDEX agent_applications_of_inviter ON agent_applications (parent_id)
    WHERE state = 'activated' AND invitation_id IS NOT NULL;
CREATE INDEX users_by_referrer ON users (referrer_agent_id) WHERE referrer_agent_id IS NOT NULL;
ALTER TABLE bonus_referral_refusals ADD CONSTRAINT bonus_refusal_by_a_plan
    FOREIGN KEY (plan_id) REFERENCES bonus_plans (id);
CREATE TRIGGER bonus_referral_refusals_append_only
    BEFORE UPDATE OR DELETE ON bonus_referral_refusals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- A referral is rewarded for a party that this agent invited or brought, within the most of a month.
CREATE FUNCTION guard_referral_award() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE most bigint;
BEGIN
    SELECT cap_month INTO most FROM bonus_plans WHERE id = NEW.plan_id;
    IF NOT EXISTS (SELECT 1 FROM agent_applications p WHERE p.agent_id = NEW.subject_id
            AND p.parent_id = NEW.agent_id AND p.state = 'activated'
            AND p.invitation_id IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = NEW.subject_id
            AND u.referrer_agent_id = NEW.agent_id AND u.role = 'buyer') THEN
        RAISE EXCEPTION 'a referral is rewarded to whoever brought the party'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'award_to_who_brought_it';
    END IF;
    IF NEW.amount + (SELECT coalesce(sum(w.amount), 0) FROM commission_awards w
            WHERE w.plan_id = NEW.plan_id AND w.agent_id = NEW.agent_id AND w.month = NEW.month)
        > most THEN
        RAISE EXCEPTION 'referrals of a month stay within the most of their plan'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'award_within_its_month';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commission_awards_of_referrals BEFORE INSERT ON commission_awards
    FOR EACH ROW WHEN (NEW.subject_id IS NOT NULL) EXECUTE FUNCTION guard_referral_award();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0096_reorders")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='BonusReferralRefusal',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('plan_id', fields.UUIDField()),
                ('agent_id', fields.UUIDField()),
                ('subject_id', fields.UUIDField()),
                ('month', fields.DateField()),
                ('reason', fields.CharField(max_length=16)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'bonus_referral_refusals', 'app': 'domain', 'unique_together': (('plan_id', 'subject_id'),), 'constraints': [CheckConstraint(check="reason IN ('self', 'marked', 'device', 'address')", name='bonus_refusal_known')], 'pk_attr': 'id', 'table_description': 'A referral that earns nothing, because both are one hand; once for each party and plan.'},
            bases=['Model'],
        ),
        ops.RemoveConstraint(
            model_name='BonusPlan',
            name='bonus_stands_on_sales_of_its_kind',
            fields=None,
        ),
        ops.AlterField(
            model_name='BonusPlan',
            name='basis',
            field=fields.CharEnumField(description="\n".join(f"{each.name}: {each.value}" for each in BonusBasis), enum_type=BonusBasis, max_length=24),
        ),
        ops.AlterField(
            model_name='BonusPlan',
            name='kind',
            field=fields.CharEnumField(description="\n".join(f"{each.name}: {each.value}" for each in AwardKind), enum_type=AwardKind, max_length=16),
        ),
        ops.AddField(
            model_name='BonusPlan',
            name='cap_month',
            field=fields.BigIntField(null=True),
        ),
        ops.AddConstraint(
            model_name='BonusPlan',
            constraint=CheckConstraint(check="kind = 'performance' AND basis = 'own_sales' OR kind = 'promotion' AND basis IN ('link_sales', 'new_customer_sales') OR kind = 'team' AND basis = 'team_sales' OR kind = 'referral' AND basis IN ('referred_agent_sales', 'referred_buyer_purchases')", name='bonus_stands_on_sales_of_its_kind'),
        ),
        ops.AddConstraint(
            model_name='BonusPlan',
            constraint=CheckConstraint(check="(kind = 'referral') = (cap_month IS NOT NULL) AND (kind <> 'referral' OR cap_each IS NOT NULL AND cap_month >= cap_each)", name='bonus_of_referrals_within_a_month'),
        ),
        ops.RemoveConstraint(
            model_name='CommissionAward',
            name='commission_award_once',
            fields=None,
        ),
        ops.RemoveConstraint(
            model_name='CommissionAward',
            name='award_kind_known',
            fields=None,
        ),
        ops.AlterField(
            model_name='CommissionAward',
            name='kind',
            field=fields.CharEnumField(description="\n".join(f"{each.name}: {each.value}" for each in AwardKind), enum_type=AwardKind, max_length=16),
        ),
        ops.AddField(
            model_name='CommissionAward',
            name='subject_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AddConstraint(
            model_name='CommissionAward',
            constraint=UniqueConstraint(fields=('plan_id', 'agent_id', 'month'), name='commission_award_once', condition='subject_id IS NULL'),
        ),
        ops.AddConstraint(
            model_name='CommissionAward',
            constraint=UniqueConstraint(fields=('subject_id',), name='award_once_for_a_party', condition='subject_id IS NOT NULL'),
        ),
        ops.AddConstraint(
            model_name='CommissionAward',
            constraint=CheckConstraint(check="kind IN ('performance', 'promotion', 'team', 'referral')", name='award_kind_known'),
        ),
        ops.AddConstraint(
            model_name='CommissionAward',
            constraint=CheckConstraint(check="(kind = 'referral') = (subject_id IS NOT NULL) AND subject_id IS DISTINCT FROM agent_id", name='award_of_a_referral_for_a_party'),
        ),
    ]) + [RunSQL(SQL)]
