"""Campaigns, and what they said before."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.coupons.models import CampaignKind, CampaignState
from domain.kernel.ids import new_id
from orjson import loads
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints

SQL = """
CREATE INDEX coupon_campaigns_automatic ON coupon_campaigns (starts_at)
    WHERE automatic AND state = 'running';
ALTER TABLE coupon_campaign_versions ADD CONSTRAINT campaign_version_of_a_campaign
    FOREIGN KEY (campaign_id) REFERENCES coupon_campaigns (id);
ALTER TABLE coupon_campaigns ADD CONSTRAINT campaign_gives_a_variant
    FOREIGN KEY (free_variant_id) REFERENCES variants (id);
CREATE TRIGGER coupon_campaign_versions_append_only BEFORE UPDATE OR DELETE
    ON coupon_campaign_versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER coupon_campaigns_stay BEFORE DELETE ON coupon_campaigns
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- Where a campaign stands only moves on; once it has run, what buyers were promised it by stays.
CREATE FUNCTION guard_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (NEW.state = OLD.state AND OLD.state <> 'ended'
        OR (OLD.state, NEW.state) IN (('draft', 'running'), ('draft', 'ended'),
            ('running', 'paused'), ('running', 'ended'), ('paused', 'running'),
            ('paused', 'ended'))) THEN
        RAISE EXCEPTION 'a campaign that is % does not become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_state_moves';
    END IF;
    IF OLD.started_at IS NOT NULL AND (NEW.kind, NEW.currency, NEW.automatic, NEW.public_code,
        NEW.first_order, NEW.started_at) IS DISTINCT FROM (OLD.kind, OLD.currency, OLD.automatic,
        OLD.public_code, OLD.first_order, OLD.started_at) THEN
        RAISE EXCEPTION 'a campaign that has run stays what it is'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_terms_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER coupon_campaigns_move BEFORE UPDATE ON coupon_campaigns
    FOR EACH ROW EXECUTE FUNCTION guard_campaign();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0072_payout_cases")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Campaign',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('name_zh', fields.CharField(max_length=64)),
                ('name_en', fields.CharField(max_length=64)),
                ('kind', fields.CharEnumField(description='FIXED: fixed\nPERCENT: percent\nTHRESHOLD: threshold\nFREE_ITEM: free_item', enum_type=CampaignKind, max_length=16)),
                ('state', fields.CharEnumField(description='DRAFT: draft\nRUNNING: running\nPAUSED: paused\nENDED: ended', enum_type=CampaignState, max_length=8)),
                ('automatic', fields.BooleanField()),
                ('public_code', fields.CharField(null=True, max_length=32)),
                ('currency', fields.CharField(max_length=3)),
                ('value', fields.BigIntField(default=0)),
                ('cap', fields.BigIntField(null=True)),
                ('steps', fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ('repeats', fields.BooleanField(default=False)),
                ('free_variant_id', fields.UUIDField(null=True)),
                ('beside', fields.IntField(default=0)),
                ('minimum', fields.BigIntField(default=0)),
                ('variant_ids', ArrayField(default=list, element_type='UUID')),
                ('category_ids', ArrayField(default=list, element_type='UUID')),
                ('site_ids', ArrayField(default=list, element_type='UUID')),
                ('tiers', ArrayField(default=list, element_type='TEXT')),
                ('first_order', fields.BooleanField(default=False)),
                ('starts_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ends_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('max_uses', fields.IntField(null=True)),
                ('budget', fields.BigIntField(null=True)),
                ('per_user', fields.IntField(null=True)),
                ('per_device', fields.IntField(null=True)),
                ('stack_group', fields.CharField(null=True, max_length=16)),
                ('priority', fields.SmallIntField(default=100)),
                ('platform_share', fields.IntField(default=10000)),
                ('agent_share', fields.IntField(default=0)),
                ('supplier_share', fields.IntField(default=0)),
                ('given_back', fields.BooleanField(default=False)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('started_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'coupon_campaigns', 'app': 'domain', 'constraints': [CheckConstraint(check="kind IN ('fixed', 'percent', 'threshold', 'free_item')", name='campaign_kind_known'), CheckConstraint(check="state IN ('draft', 'running', 'paused', 'ended')", name='campaign_state_known'), CheckConstraint(check="(state = 'ended') = (ended_at IS NOT NULL) AND (state IN ('draft', 'ended') OR started_at IS NOT NULL)", name='campaign_times_of_its_state'), CheckConstraint(check="CASE kind WHEN 'fixed' THEN value > 0 WHEN 'percent' THEN value BETWEEN 1 AND 1000000 ELSE value = 0 END AND (kind = 'threshold') = (jsonb_array_length(steps) > 0) AND jsonb_array_length(steps) <= 10 AND (NOT repeats OR jsonb_array_length(steps) = 1) AND (free_variant_id IS NULL OR kind = 'free_item') AND CASE WHEN kind = 'free_item' THEN beside BETWEEN 1 AND 1000 ELSE beside = 0 END", name='campaign_says_how_much'), CheckConstraint(check='minimum >= 0 AND cap > 0 AND max_uses > 0 AND budget > 0 AND per_user > 0 AND per_device > 0', name='campaign_limits_above_zero'), CheckConstraint(check='ends_at > starts_at', name='campaign_ends_after_it_starts'), CheckConstraint(check='NOT automatic OR public_code IS NULL', name='campaign_automatic_has_no_code'), CheckConstraint(check='NOT first_order OR (per_user IS NOT NULL AND per_user = 1)', name='campaign_first_order_once'), CheckConstraint(check='platform_share >= 0 AND agent_share >= 0 AND supplier_share >= 0 AND platform_share + agent_share + supplier_share = 10000', name='campaign_is_borne_whole'), UniqueConstraint(fields=('public_code',), name='campaign_public_code_once', condition="public_code IS NOT NULL AND state <> 'ended'")], 'pk_attr': 'id', 'table_description': 'What a campaign says now. Amounts in units of 1/10000 of `currency`, shares in 1/10000.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CampaignVersion',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('campaign_id', fields.UUIDField()),
                ('version', fields.IntField()),
                ('terms', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('saved_by', fields.UUIDField(null=True)),
                ('saved_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'coupon_campaign_versions', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('campaign_id', 'version'), name='campaign_version_once')], 'pk_attr': 'id', 'table_description': 'What a campaign said from a moment on, and who said so. Never changed.'},
            bases=['Model'],
        ),
    ]) + [ops.RunSQL(SQL)]
