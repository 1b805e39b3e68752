"""The price guard: guards, terms of resale, inversions; variants that are withheld."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.priceguard.models import GuardAction, InversionCause
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from domain.kernel.migrating import with_constraints

SQL = """
CREATE UNIQUE INDEX price_guard_once ON price_guards (site_id, tier) NULLS NOT DISTINCT;
ALTER TABLE price_guards ADD CONSTRAINT price_guard_of_a_site FOREIGN KEY (site_id) REFERENCES sites (id);
CREATE UNIQUE INDEX resale_terms_once ON resale_terms (variant_id, brand_id) NULLS NOT DISTINCT;
ALTER TABLE resale_terms ADD CONSTRAINT resale_terms_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE resale_terms ADD CONSTRAINT resale_terms_of_a_brand
    FOREIGN KEY (brand_id) REFERENCES brands (id);
CREATE UNIQUE INDEX withheld_once ON withheld_variants (variant_id, site_id) NULLS NOT DISTINCT;
ALTER TABLE withheld_variants ADD CONSTRAINT withheld_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE withheld_variants ADD CONSTRAINT withheld_at_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
CREATE UNIQUE INDEX price_inversion_once_a_day ON price_inversions
    (variant_id, tier, site_id, cause, day) NULLS NOT DISTINCT WHERE cause <> 'cost';
CREATE UNIQUE INDEX price_inversion_one_open ON price_inversions (variant_id, tier, list_id)
    WHERE cause = 'cost' AND closed_at IS NULL;
CREATE INDEX price_inversions_by_time ON price_inversions (opened_at);
ALTER TABLE price_inversions ADD CONSTRAINT price_inversion_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
CREATE TRIGGER price_inversions_stay BEFORE DELETE ON price_inversions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0046_channel_fees")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='PriceGuard',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('site_id', fields.UUIDField(null=True)),
                ('tier', fields.CharField(null=True, max_length=16)),
                ('min_margin_rate', fields.IntField(default=0)),
                ('min_margin', fields.BigIntField(default=0)),
                ('action', fields.CharEnumField(description='REJECT: reject\nRAISE_TO_FLOOR: raise_to_floor\nHIDE_VARIANT: hide_variant', enum_type=GuardAction, max_length=16)),
                ('version', fields.IntField(default=1)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'price_guards', 'app': 'domain', 'constraints': [CheckConstraint(check="tier IS NULL OR tier IN ('retail', 'bronze', 'silver', 'gold')", name='price_guard_tier_known'), CheckConstraint(check="action IN ('reject', 'raise_to_floor', 'hide_variant')", name='price_guard_action_known'), CheckConstraint(check='min_margin_rate BETWEEN 0 AND 100000 AND min_margin >= 0', name='price_guard_within_limits')], 'pk_attr': 'id', 'table_description': 'How much a sale must bring in beyond its cost, for a site and a tier; without: for all.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PriceInversion',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField()),
                ('site_id', fields.UUIDField(null=True)),
                ('list_id', fields.UUIDField(null=True)),
                ('tier', fields.CharField(max_length=16)),
                ('cause', fields.CharEnumField(description='SAVE: save\nCOST: cost\nORDER: order', enum_type=InversionCause, max_length=8)),
                ('action', fields.CharEnumField(description='REJECT: reject\nRAISE_TO_FLOOR: raise_to_floor\nHIDE_VARIANT: hide_variant', enum_type=GuardAction, max_length=16)),
                ('price', fields.BigIntField()),
                ('cost', fields.BigIntField()),
                ('floor', fields.BigIntField()),
                ('raised_to', fields.BigIntField(null=True)),
                ('refused', fields.IntField(default=0)),
                ('pieces', fields.BigIntField(default=0)),
                ('prevented', fields.BigIntField(default=0)),
                ('day', fields.DateField()),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('closed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'price_inversions', 'app': 'domain', 'constraints': [CheckConstraint(check="cause IN ('save', 'cost', 'order')", name='price_inversion_cause_known'), CheckConstraint(check="action IN ('reject', 'raise_to_floor', 'hide_variant')", name='price_inversion_action_known'), CheckConstraint(check='price < floor AND cost >= 0 AND prevented >= 0', name='price_inversion_below_floor'), CheckConstraint(check="(cause = 'cost') = (list_id IS NOT NULL)", name='price_inversion_of_a_list')], 'indexes': [Index(fields=['variant_id', 'id'])], 'pk_attr': 'id', 'table_description': 'A price below its floor, and what was done. Amounts in units for one piece.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ResaleTerms',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField(null=True)),
                ('brand_id', fields.UUIDField(null=True)),
                ('min_price', fields.BigIntField(null=True)),
                ('min_face_rate', fields.IntField(null=True)),
                ('max_discount_rate', fields.IntField(null=True)),
                ('version', fields.IntField(default=1)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'resale_terms', 'app': 'domain', 'constraints': [CheckConstraint(check='variant_id IS NULL OR brand_id IS NULL', name='resale_terms_one_scope'), CheckConstraint(check='coalesce(min_face_rate, 0) BETWEEN 0 AND 10000 AND coalesce(max_discount_rate, 0) BETWEEN 0 AND 10000 AND coalesce(min_price, 1) > 0 AND (min_price IS NULL OR variant_id IS NOT NULL)', name='resale_terms_within_limits')], 'pk_attr': 'id', 'table_description': "What a brand, or we, allow resale prices to be: of a variant, of a brand's goods, of all."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='WithheldVariant',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField()),
                ('site_id', fields.UUIDField(null=True)),
                ('reason', fields.CharField(max_length=32)),
                ('since', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'withheld_variants', 'app': 'domain', 'pk_attr': 'id', 'table_description': 'A variant that the house itself keeps off the shelf of a site, or of all, and why: a key of'},
            bases=['Model'],
        ),
    ]) + [ops.RunSQL(SQL)]
