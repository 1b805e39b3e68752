"""Bundles: their parts, and the order lines that come of them."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.catalog.models import WhenOut
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

# A bundle holds no bundle, and the shares of one are whole at the end of each transaction.
COMPONENTS = """
ALTER TABLE bundle_components ADD CONSTRAINT component_of_a_bundle
    FOREIGN KEY (bundle_id) REFERENCES variants (id);
ALTER TABLE bundle_components ADD CONSTRAINT component_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
CREATE FUNCTION guard_bundle_component() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT delivery_kind FROM variants WHERE id = NEW.bundle_id) <> 'BUNDLE'
        OR (SELECT delivery_kind FROM variants WHERE id = NEW.variant_id) = 'BUNDLE' THEN
        RAISE EXCEPTION 'a bundle holds what is no bundle'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bundle_of_no_bundles';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bundle_components_kinds BEFORE INSERT OR UPDATE ON bundle_components
    FOR EACH ROW EXECUTE FUNCTION guard_bundle_component();
CREATE FUNCTION guard_bundle_shares() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_bundle uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.bundle_id ELSE NEW.bundle_id END;
BEGIN
    IF (SELECT sum(share) FROM bundle_components WHERE bundle_id = of_bundle) <> 10000 THEN
        RAISE EXCEPTION 'the shares of a bundle sum to one'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bundle_shares_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bundle_components_whole AFTER INSERT OR UPDATE OR DELETE ON bundle_components
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_bundle_shares();
"""

# As in 0018, and of which bundle a line is a part was agreed, too.
LINES = """
CREATE OR REPLACE FUNCTION guard_line_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order line is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('QUEUED', 'DELIVERING'), ('QUEUED', 'DELIVERED'), ('QUEUED', 'REFUNDED'),
        ('DELIVERING', 'DELIVERED'), ('DELIVERING', 'REFUNDED')
    ) THEN
        RAISE EXCEPTION 'an order line does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_move_listed';
    END IF;
    IF NEW.unit_price <> OLD.unit_price OR NEW.quantity <> OLD.quantity OR NEW.variant_id <> OLD.variant_id
        OR NEW.delivery_kind <> OLD.delivery_kind OR NEW.type_id <> OLD.type_id
        OR NEW.type_version <> OLD.type_version OR NEW.account IS DISTINCT FROM OLD.account
        OR NEW.gift <> OLD.gift
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

# Lines say their kind now: those of other kinds need not be asked whether they hold gift cards.
GIFT_CARDS = """
DROP TRIGGER order_lines_gift_cards ON order_lines;
DROP TRIGGER order_lines_gift_cards_later ON order_lines;
CREATE TRIGGER order_lines_gift_cards AFTER INSERT ON order_lines
    FOR EACH ROW WHEN (NEW.status = 'DELIVERED' AND NEW.delivery_kind = 'GIFT_CARD')
    EXECUTE FUNCTION sell_gift_cards();
CREATE TRIGGER order_lines_gift_cards_later AFTER UPDATE OF status ON order_lines
    FOR EACH ROW WHEN (NEW.status = 'DELIVERED' AND OLD.status <> 'DELIVERED'
        AND NEW.delivery_kind = 'GIFT_CARD')
    EXECUTE FUNCTION sell_gift_cards();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0027_guard")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='BundleComponent',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('bundle_id', fields.UUIDField()),
                ('position', fields.SmallIntField()),
                ('variant_id', fields.UUIDField(db_index=True)),
                ('quantity', fields.IntField()),
                ('share', fields.IntField()),
                ('gift_from', fields.IntField(null=True)),
                ('when_out', fields.CharEnumField(null=True, description='SKIP: skip\nREFUSE: refuse', enum_type=WhenOut, max_length=8)),
            ],
            options={'table': 'bundle_components', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('bundle_id', 'position'), name='bundle_component_place'), CheckConstraint(check='quantity BETWEEN 1 AND 100 AND position BETWEEN 1 AND 10', name='bundle_component_range'), CheckConstraint(check='(gift_from IS NULL) = (when_out IS NULL) AND (gift_from IS NULL) = (share > 0) AND share BETWEEN 0 AND 10000 AND gift_from > 0', name='bundle_component_paid_or_given')], 'pk_attr': 'id', 'table_description': 'A part of a bundle: so many pieces of a variant, and its share of the price.'},
            bases=['Model'],
        ),
        ops.RemoveConstraint(
            model_name='OrderLine',
            name='line_price_above_zero',
            fields=None,
        ),
        ops.AddField(
            model_name='OrderLine',
            name='bundle_position',
            field=fields.SmallIntField(null=True),
        ),
        ops.AddField(
            model_name='OrderLine',
            name='bundle_sku',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name='OrderLine',
            name='gift',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddConstraint(
            model_name='OrderLine',
            constraint=CheckConstraint(check='unit_price > 0 OR gift', name='line_price_above_zero'),
        ),
        ops.AddConstraint(
            model_name='OrderLine',
            constraint=CheckConstraint(check='(bundle_sku IS NULL) = (bundle_position IS NULL)', name='line_bundle_whole'),
        ),
        ops.AddConstraint(
            model_name='OrderLine',
            constraint=CheckConstraint(check='NOT gift OR (unit_price = 0 AND bundle_sku IS NOT NULL)', name='line_gift_of_a_bundle'),
        ),
    ]) + [RunSQL(sql) for sql in (COMPONENTS, LINES, GIFT_CARDS)]
