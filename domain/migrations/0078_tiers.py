"""Tiers by sales: what a tier takes, reviews of agents, changes and pins."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.agents.models import Tier
from domain.kernel.ids import new_id
from domain.tiers.models import ChangeState, PromotionTiming, ReviewOutcome
from domain.kernel.migrating import with_constraints
from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

SQL = """
ALTER TABLE tier_reviews ADD CONSTRAINT tier_review_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE tier_pins ADD CONSTRAINT tier_pin_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE tier_changes ADD CONSTRAINT tier_change_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE tier_changes ADD CONSTRAINT tier_change_by_a_review
    FOREIGN KEY (review_id) REFERENCES tier_reviews (id);
CREATE INDEX orders_of_agent ON orders ((agent_chain[1]), id) WHERE agent_chain <> '{}';
CREATE TRIGGER tier_terms_append_only BEFORE UPDATE OR DELETE ON tier_terms
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tier_reviews_append_only BEFORE UPDATE OR DELETE ON tier_reviews
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tier_changes_stay BEFORE DELETE ON tier_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tier_pins_stay BEFORE DELETE ON tier_pins
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- A change is what its review found, and ends once.
CREATE FUNCTION guard_tier_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (NEW.state <> 'waiting' OR NOT EXISTS (SELECT 1 FROM tier_reviews r
            WHERE r.id = NEW.review_id AND r.agent_id = NEW.agent_id AND r.tier = NEW.source
                AND r.target = NEW.target AND r.at <= NEW.effective_at))
        OR TG_OP = 'UPDATE' AND (OLD.state <> 'waiting'
            OR (NEW.id, NEW.agent_id, NEW.review_id, NEW.source, NEW.target, NEW.found_at,
                NEW.effective_at) IS DISTINCT FROM (OLD.id, OLD.agent_id, OLD.review_id,
                OLD.source, OLD.target, OLD.found_at, OLD.effective_at)) THEN
        RAISE EXCEPTION 'a change of tier is what its review found, and ends once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tier_change_by_its_review';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tier_changes_guarded BEFORE INSERT OR UPDATE ON tier_changes
    FOR EACH ROW EXECUTE FUNCTION guard_tier_change();
CREATE FUNCTION guard_tier_pin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.lifted_at IS NOT NULL OR (NEW.id, NEW.agent_id, NEW.tier, NEW.until, NEW.note,
            NEW.pinned_by, NEW.pinned_at) IS DISTINCT FROM (OLD.id, OLD.agent_id, OLD.tier,
            OLD.until, OLD.note, OLD.pinned_by, OLD.pinned_at) THEN
        RAISE EXCEPTION 'a pin stays as it was set, and is lifted once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tier_pin_lifted_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tier_pins_guarded BEFORE UPDATE ON tier_pins
    FOR EACH ROW EXECUTE FUNCTION guard_tier_pin();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0077_partial_deliveries")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='TierChange',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('review_id', fields.UUIDField(unique=True)),
                ('source', fields.CharEnumField(description='RETAIL: retail\nBRONZE: bronze\nSILVER: silver\nGOLD: gold', enum_type=Tier, max_length=16)),
                ('target', fields.CharEnumField(description='RETAIL: retail\nBRONZE: bronze\nSILVER: silver\nGOLD: gold', enum_type=Tier, max_length=16)),
                ('state', fields.CharEnumField(description='WAITING: waiting\nAPPLIED: applied\nCANCELLED: cancelled', enum_type=ChangeState, max_length=16)),
                ('found_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('effective_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('next_try_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('hindrance', fields.CharField(default='', max_length=64)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'tier_changes', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('waiting', 'applied', 'cancelled') AND (state = 'waiting') = (ended_at IS NULL) AND source <> target", name='tier_change_whole'), CheckConstraint(check="effective_at >= found_at AND next_try_at >= effective_at AND (state <> 'applied' OR ended_at >= effective_at)", name='tier_change_never_retroactive'), UniqueConstraint(fields=('agent_id',), name='tier_change_waits_once', condition="state = 'waiting'")], 'indexes': [Index(fields=['state', 'next_try_at'])], 'pk_attr': 'id', 'table_description': 'A change that a review found, from its time on; never before it was found.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='TierPin',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('tier', fields.CharEnumField(description='RETAIL: retail\nBRONZE: bronze\nSILVER: silver\nGOLD: gold', enum_type=Tier, max_length=16)),
                ('until', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('note', fields.CharField(max_length=500)),
                ('pinned_by', fields.UUIDField()),
                ('pinned_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('lifted_by', fields.UUIDField(null=True)),
                ('lifted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'tier_pins', 'app': 'domain', 'constraints': [CheckConstraint(check="note <> '' AND until > pinned_at AND until <= pinned_at + interval '366 days' AND (lifted_at IS NULL) = (lifted_by IS NULL) AND tier IN ('bronze', 'silver', 'gold')", name='tier_pin_whole'), UniqueConstraint(fields=('agent_id',), name='tier_pinned_once', condition='lifted_at IS NULL')], 'indexes': [Index(fields=['agent_id', 'id'])], 'pk_attr': 'id', 'table_description': 'Staff give an agent a tier by hand, until a time: reviews go on and change nothing.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='TierReview',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('month', fields.DateField()),
                ('tier', fields.CharEnumField(description='RETAIL: retail\nBRONZE: bronze\nSILVER: silver\nGOLD: gold', enum_type=Tier, max_length=16)),
                ('target', fields.CharEnumField(null=True, description='RETAIL: retail\nBRONZE: bronze\nSILVER: silver\nGOLD: gold', enum_type=Tier, max_length=16)),
                ('outcome', fields.CharEnumField(description='KEPT: kept\nPROMOTED: promoted\nWARNED: warned\nDEMOTED: demoted\nPINNED: pinned', enum_type=ReviewOutcome, max_length=16)),
                ('misses', fields.SmallIntField()),
                ('measures', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'tier_reviews', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('agent_id', 'month'), name='tier_reviewed_once'), CheckConstraint(check="outcome IN ('kept', 'promoted', 'warned', 'demoted', 'pinned') AND (outcome IN ('promoted', 'demoted')) = (target IS NOT NULL) AND coalesce(target <> tier, true) AND misses >= 0 AND (outcome NOT IN ('warned', 'demoted') OR misses > 0)", name='tier_review_whole'), CheckConstraint(check='extract(day FROM month) = 1', name='tier_review_of_a_month')], 'indexes': [Index(fields=['agent_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What was found of an agent for one month, once. Never changed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='TierTerms',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('tier', fields.CharEnumField(description='RETAIL: retail\nBRONZE: bronze\nSILVER: silver\nGOLD: gold', enum_type=Tier, max_length=16)),
                ('months', fields.SmallIntField()),
                ('sales', fields.BigIntField()),
                ('quantity', fields.IntField()),
                ('customers', fields.IntField()),
                ('max_complaints', fields.IntField(null=True)),
                ('clean', fields.BooleanField()),
                ('grace', fields.SmallIntField()),
                ('timing', fields.CharEnumField(description='AT_ONCE: at_once\nNEXT_PERIOD: next_period', enum_type=PromotionTiming, max_length=16)),
                ('payout_daily_cap', fields.BigIntField(null=True)),
                ('effective_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('set_by', fields.UUIDField(null=True)),
                ('set_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'tier_terms', 'app': 'domain', 'constraints': [CheckConstraint(check="tier IN ('silver', 'gold')", name='tier_terms_of_a_tier'), CheckConstraint(check='sales >= 0 AND quantity >= 0 AND customers >= 0 AND sales + quantity + customers > 0', name='tier_terms_stand_on_sales'), CheckConstraint(check='months BETWEEN 1 AND 12 AND grace BETWEEN 0 AND 12 AND max_complaints BETWEEN 0 AND 10000 AND payout_daily_cap > 0', name='tier_terms_within_limits'), CheckConstraint(check="timing IN ('at_once', 'next_period')", name='tier_terms_timing_known'), CheckConstraint(check='effective_at >= set_at', name='tier_terms_not_for_the_past')], 'indexes': [Index(fields=['tier', 'effective_at'])], 'pk_attr': 'id', 'table_description': 'What a tier takes, and brings besides its prices, from a time on. Never changed; the newest'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
