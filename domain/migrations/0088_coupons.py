"""Codes, uses of coupons, and their limits; what came off each order line."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.coupons.models import GuessKind, UseState
from domain.kernel.ids import new_id
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE coupon_counters ADD CONSTRAINT coupon_counter_of_a_campaign
    FOREIGN KEY (campaign_id) REFERENCES coupon_campaigns (id);
ALTER TABLE coupon_batches ADD CONSTRAINT coupon_batch_of_a_campaign
    FOREIGN KEY (campaign_id) REFERENCES coupon_campaigns (id);
ALTER TABLE coupons ADD CONSTRAINT coupon_of_a_batch
    FOREIGN KEY (batch_id) REFERENCES coupon_batches (id);
ALTER TABLE coupon_uses ADD CONSTRAINT coupon_use_of_a_coupon
    FOREIGN KEY (coupon_id) REFERENCES coupons (id);
ALTER TABLE coupon_uses ADD CONSTRAINT coupon_use_of_an_order
    FOREIGN KEY (order_id) REFERENCES orders (id);
CREATE INDEX coupon_batches_due ON coupon_batches (due_at) WHERE due_at IS NOT NULL;
INSERT INTO coupon_counters (campaign_id, max_uses, budget, uses, amount)
    SELECT id, max_uses, budget, 0, 0 FROM coupon_campaigns;
CREATE TRIGGER coupon_counters_stay BEFORE DELETE ON coupon_counters
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER coupon_batches_stay BEFORE DELETE ON coupon_batches
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER coupons_stay BEFORE DELETE ON coupons
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER coupon_uses_stay BEFORE DELETE ON coupon_uses
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- What was shown is not shown again, what was made is not made again, and a seed that went is gone.
CREATE FUNCTION guard_coupon_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.made < OLD.made OR NEW.taken < OLD.taken OR NEW.count <> OLD.count
        OR NEW.campaign_id <> OLD.campaign_id OR (OLD.voided_at IS NOT NULL AND NEW.voided_at IS NULL)
        OR (NEW.seed_sealed IS NOT NULL AND NEW.seed_sealed IS DISTINCT FROM OLD.seed_sealed) THEN
        RAISE EXCEPTION 'a batch of coupons only goes on'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_batch_goes_on';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER coupon_batches_move BEFORE UPDATE ON coupon_batches
    FOR EACH ROW EXECUTE FUNCTION guard_coupon_batch();
-- A coupon is claimed once, and stays whose it is.
CREATE FUNCTION guard_coupon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.owner_id IS NOT NULL OR (NEW.id, NEW.campaign_id, NEW.batch_id, NEW.print)
        IS DISTINCT FROM (OLD.id, OLD.campaign_id, OLD.batch_id, OLD.print) THEN
        RAISE EXCEPTION 'a coupon stays whose it is'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_stays_whose_it_is';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER coupons_move BEFORE UPDATE ON coupons
    FOR EACH ROW EXECUTE FUNCTION guard_coupon();
-- The limits of a campaign: so many uses, so much money, so many of one buyer and of one device. Who
-- comes at the same moment waits for the lock of the buyer, the device, or the campaign's counter;
-- each statement here then sees what the one before wrote. Without a limit nobody waits.
CREATE FUNCTION take_coupon(wanted coupon_uses) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c record;
    n bigint;
BEGIN
    SELECT g.per_user, g.per_device, t.max_uses, t.budget INTO c
        FROM coupon_campaigns g JOIN coupon_counters t ON t.campaign_id = g.id
        WHERE g.id = wanted.campaign_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a coupon is of a campaign'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'coupon_use_of_a_campaign';
    END IF;
    IF c.per_user IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(
            'coupon-user:' || wanted.campaign_id || wanted.user_id, 0));
        SELECT count(*) INTO n FROM coupon_uses WHERE campaign_id = wanted.campaign_id
            AND user_id = wanted.user_id AND state IN ('locked', 'used');
        IF n >= c.per_user THEN
            RAISE EXCEPTION 'a buyer uses a campaign so often'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_user_within';
        END IF;
    END IF;
    IF c.per_device IS NOT NULL THEN
        IF wanted.device IS NULL THEN
            RAISE EXCEPTION 'this campaign counts devices'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_device_within';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended(
            'coupon-device:' || wanted.campaign_id || encode(wanted.device, 'hex'), 0));
        SELECT count(*) INTO n FROM coupon_uses WHERE campaign_id = wanted.campaign_id
            AND device = wanted.device AND state IN ('locked', 'used');
        IF n >= c.per_device THEN
            RAISE EXCEPTION 'a device uses a campaign so often'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_device_within';
        END IF;
    END IF;
    IF c.max_uses IS NULL AND c.budget IS NULL THEN
        -- Shared with all others; whoever gives the campaign a limit waits for these.
        PERFORM 1 FROM coupon_counters WHERE campaign_id = wanted.campaign_id
            AND max_uses IS NULL AND budget IS NULL FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the campaign has got limits meanwhile'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_uses_within';
        END IF;
    ELSE
        UPDATE coupon_counters SET uses = uses + 1, amount = amount + wanted.amount
            WHERE campaign_id = wanted.campaign_id;
    END IF;
END $$;
CREATE FUNCTION guard_coupon_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('locked', 'used') THEN
            RAISE EXCEPTION 'a use begins locked or used'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_use_moves';
        END IF;
        PERFORM take_coupon(NEW);
        RETURN NEW;
    END IF;
    IF NOT (NEW.state = OLD.state OR (OLD.state, NEW.state) IN (('locked', 'used'),
        ('locked', 'released'), ('released', 'used'), ('used', 'returned'))) THEN
        RAISE EXCEPTION 'a use that is % does not become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_use_moves';
    END IF;
    IF (NEW.id, NEW.campaign_id, NEW.coupon_id, NEW.order_id, NEW.user_id, NEW.device, NEW.amount,
        NEW.parts, NEW.house_amount, NEW.platform_amount, NEW.agent_amount, NEW.supplier_amount,
        NEW.campaign_version, NEW.currency, NEW.given_back, NEW.locked_at)
        IS DISTINCT FROM (OLD.id, OLD.campaign_id, OLD.coupon_id, OLD.order_id, OLD.user_id,
        OLD.device, OLD.amount, OLD.parts, OLD.house_amount, OLD.platform_amount, OLD.agent_amount,
        OLD.supplier_amount, OLD.campaign_version, OLD.currency, OLD.given_back, OLD.locked_at) THEN
        RAISE EXCEPTION 'what was agreed does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_use_stays';
    END IF;
    IF NEW.state = 'returned' AND OLD.state = 'used' AND NOT NEW.given_back THEN
        RAISE EXCEPTION 'this campaign gives no coupon back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_use_not_given_back';
    END IF;
    IF OLD.state IN ('locked', 'used') AND NEW.state IN ('released', 'returned') THEN
        UPDATE coupon_counters SET
            uses = CASE WHEN max_uses IS NULL AND budget IS NULL THEN uses ELSE uses - 1 END,
            amount = CASE WHEN max_uses IS NULL AND budget IS NULL THEN amount
                ELSE amount - OLD.amount END
            WHERE campaign_id = OLD.campaign_id;
    ELSIF OLD.state = 'released' AND NEW.state = 'used' THEN
        PERFORM take_coupon(NEW);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER coupon_uses_move BEFORE INSERT OR UPDATE ON coupon_uses
    FOR EACH ROW EXECUTE FUNCTION guard_coupon_use();
CREATE OR REPLACE FUNCTION guard_line_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order line is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND NOT line_move_listed(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'an order line does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_move_listed';
    END IF;
    IF NEW.unit_price <> OLD.unit_price OR NEW.quantity <> OLD.quantity OR NEW.variant_id <> OLD.variant_id
        OR NEW.delivery_kind <> OLD.delivery_kind OR NEW.type_id <> OLD.type_id
        OR NEW.discount <> OLD.discount OR NEW.type_version <> OLD.type_version OR NEW.gift <> OLD.gift
        OR (NEW.bundle_sku, NEW.bundle_position) IS DISTINCT FROM (OLD.bundle_sku, OLD.bundle_position) THEN
        RAISE EXCEPTION 'what was agreed does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'DELIVERED' AND (NEW.receipt IS DISTINCT FROM OLD.receipt
        OR NEW.note_sealed IS DISTINCT FROM OLD.note_sealed) THEN
        RAISE EXCEPTION 'what was handed over does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_handed_over';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0087_volumes")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CampaignCounter',
            fields=[
                ('campaign_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('max_uses', fields.IntField(null=True)),
                ('budget', fields.BigIntField(null=True)),
                ('uses', fields.IntField(default=0)),
                ('amount', fields.BigIntField(default=0)),
            ],
            options={'table': 'coupon_counters', 'app': 'domain', 'constraints': [CheckConstraint(check='uses >= 0 AND amount >= 0', name='campaign_taken_not_negative'), CheckConstraint(check='uses <= max_uses', name='campaign_uses_within'), CheckConstraint(check='amount <= budget', name='campaign_budget_within')], 'pk_attr': 'campaign_id', 'table_description': "What of a campaign's limits is taken, while it has any; moved by the trigger of uses alone."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Coupon',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('campaign_id', fields.UUIDField()),
                ('batch_id', fields.UUIDField(null=True)),
                ('print', fields.BinaryField(null=True)),
                ('owner_id', fields.UUIDField(null=True)),
                ('claimed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'coupons', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('print',), name='coupon_code_once'), UniqueConstraint(fields=('campaign_id', 'owner_id'), name='coupon_claimed_once', condition='print IS NULL'), CheckConstraint(check='(owner_id IS NULL) = (claimed_at IS NULL)', name='coupon_claimed_by_somebody'), CheckConstraint(check='(print IS NULL) = (batch_id IS NULL) AND (print IS NOT NULL OR owner_id IS NOT NULL)', name='coupon_of_a_batch_or_somebody')], 'indexes': [Index(fields=['owner_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One code of a batch, as a keyed print; or a public code that somebody claimed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CouponBatch',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('campaign_id', fields.UUIDField()),
                ('count', fields.IntField()),
                ('made', fields.IntField(default=0)),
                ('taken', fields.IntField(default=0)),
                ('seed_sealed', fields.BinaryField(null=True)),
                ('created_by', fields.UUIDField(null=True)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('due_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('voided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'coupon_batches', 'app': 'domain', 'constraints': [CheckConstraint(check='count BETWEEN 1 AND 100000 AND made BETWEEN 0 AND count AND taken BETWEEN 0 AND made', name='coupon_batch_in_range'), CheckConstraint(check='(due_at IS NOT NULL) = (made < count AND voided_at IS NULL)', name='coupon_batch_unmade_is_due'), CheckConstraint(check='seed_sealed IS NULL OR taken < count', name='coupon_batch_seed_goes')], 'indexes': [Index(fields=['campaign_id', 'id'])], 'pk_attr': 'id', 'table_description': 'Codes of a campaign that are made together. They follow from a sealed seed, of which nothing'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CouponGuess',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('kind', fields.CharEnumField(description='USER: user\nADDRESS: address', enum_type=GuessKind, max_length=8)),
                ('subject', fields.BinaryField()),
                ('tries', fields.IntField()),
                ('locked_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('changed_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'coupon_guesses', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('kind', 'subject'), name='coupon_guess_once'), CheckConstraint(check='tries >= 0', name='coupon_guess_tries')], 'pk_attr': 'id', 'table_description': 'Codes that came to nothing, of one user or address, as a keyed digest.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CouponUse',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('campaign_id', fields.UUIDField()),
                ('campaign_version', fields.IntField()),
                ('coupon_id', fields.UUIDField(null=True)),
                ('order_id', fields.UUIDField()),
                ('user_id', fields.UUIDField()),
                ('device', fields.BinaryField(null=True)),
                ('position', fields.SmallIntField()),
                ('state', fields.CharEnumField(description='LOCKED: locked\nUSED: used\nRELEASED: released\nRETURNED: returned', enum_type=UseState, max_length=8)),
                ('name_zh', fields.CharField(max_length=64)),
                ('name_en', fields.CharField(max_length=64)),
                ('currency', fields.CharField(max_length=3)),
                ('amount', fields.BigIntField()),
                ('parts', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('house_amount', fields.BigIntField()),
                ('platform_amount', fields.BigIntField()),
                ('agent_amount', fields.BigIntField()),
                ('supplier_amount', fields.BigIntField()),
                ('given_back', fields.BooleanField()),
                ('locked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'coupon_uses', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('locked', 'used', 'released', 'returned')", name='coupon_use_state_known'), CheckConstraint(check='amount > 0 AND house_amount >= 0 AND platform_amount >= 0 AND agent_amount >= 0 AND supplier_amount >= 0 AND platform_amount + agent_amount + supplier_amount = house_amount', name='coupon_use_borne_whole'), CheckConstraint(check="(state IN ('used', 'returned')) = (used_at IS NOT NULL) AND (state IN ('released', 'returned')) = (ended_at IS NOT NULL)", name='coupon_use_times_of_its_state'), UniqueConstraint(fields=('order_id', 'campaign_id'), name='coupon_once_an_order'), UniqueConstraint(fields=('coupon_id',), name='coupon_used_once', condition="state IN ('locked', 'used')")], 'indexes': [Index(fields=['campaign_id', 'user_id']), Index(fields=['campaign_id', 'device'])], 'pk_attr': 'id', 'table_description': 'A campaign on an order, and who pays for it: as it was agreed then. Amounts in units of'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='OrderLine',
            name='discount',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddConstraint(
            model_name='OrderLine',
            constraint=CheckConstraint(check='discount >= 0', name='line_discount_not_negative'),
        ),
    ]) + [ops.RunSQL(SQL)]
