from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.catalog.models import AttributeKind
from domain.kernel.ids import new_id
from orjson import loads
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.contrib.postgres.indexes import GinIndex
from tortoise.fields.data import JSON_DUMPS
from tortoise.fields.db_defaults import SqlDefault
from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel.migrating import with_constraints
from tortoise.migrations.operations import RunSQL

# What buyers see of a product beside its names: all of it is looked at for banned words, and changes
# of an approved product only together with its going back to review (A7). As in 0014, and more.
LISTINGS = """
CREATE OR REPLACE FUNCTION listing_text(listing products) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(folded(shown), E'\\n') FROM (
        SELECT unnest(ARRAY[listing.slug, listing.name_zh, listing.name_en, listing.description_zh,
            listing.description_en, listing.brand] || listing.tags)
        UNION ALL
        SELECT unnest(ARRAY[name_zh, name_en]) FROM brands WHERE id = listing.brand_id
        UNION ALL
        SELECT unnest(ARRAY[sku, name_zh, name_en]) FROM variants WHERE product_id = listing.id
        UNION ALL
        SELECT unnest(type_texts(t)) FROM product_types t
        WHERE t.id IN (SELECT type_id FROM variants WHERE product_id = listing.id)
        UNION ALL
        SELECT unnest(ARRAY[m ->> 'alt_zh', m ->> 'alt_en'])
        FROM jsonb_array_elements(listing.media) AS each (m)
        UNION ALL
        SELECT v #>> '{}' FROM jsonb_path_query(listing.attributes, 'strict $.*[*]') AS a (v)
        UNION ALL
        SELECT v #>> '{}' FROM variants i, jsonb_path_query(i.attributes, 'strict $.*[*]') AS a (v)
        WHERE i.product_id = listing.id
        UNION ALL
        SELECT unnest(ARRAY[a.name_zh, a.name_en, a.unit]) FROM attributes a WHERE a.key IN (
            SELECT jsonb_object_keys(listing.attributes)
            UNION ALL
            SELECT jsonb_object_keys(i.attributes) FROM variants i WHERE i.product_id = listing.id)
        UNION ALL
        SELECT unnest(ARRAY[t.name, t.description]) FROM translations t
        WHERE t.entity_id = listing.id
            OR t.entity_id IN (SELECT id FROM variants WHERE product_id = listing.id)
    ) texts (shown)
$$;
CREATE FUNCTION guard_listing_details() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = 'approved' AND NEW.status = 'approved'
        AND (NEW.media, NEW.attributes) IS DISTINCT FROM (OLD.media, OLD.attributes) THEN
        RAISE EXCEPTION 'an edited listing goes back to review'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'listing_edit_reviewed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER products_details BEFORE UPDATE OF media, attributes ON products
    FOR EACH ROW EXECUTE FUNCTION guard_listing_details();
DROP TRIGGER variants_listed ON variants;
CREATE TRIGGER variants_listed
    AFTER INSERT OR UPDATE OF sku, product_id, name_zh, name_en, type_id, attributes
    ON variants FOR EACH ROW EXECUTE FUNCTION guard_variant_text();

CREATE FUNCTION guard_attribute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE'
        AND (NEW.id, NEW.key, NEW.kind) IS DISTINCT FROM (OLD.id, OLD.key, OLD.kind)) THEN
        RAISE EXCEPTION 'an attribute keeps its key and kind for ever'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'attribute_kept';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtext('catalog.bans'));
    IF ban_of_texts(ARRAY[NEW.name_zh, NEW.name_en, NEW.unit]) IS NOT NULL THEN
        RAISE EXCEPTION 'an attribute shows no banned word'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_not_banned';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attributes_kept BEFORE INSERT OR UPDATE OR DELETE ON attributes
    FOR EACH ROW EXECUTE FUNCTION guard_attribute();

CREATE FUNCTION guard_translation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed translations := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    listing products;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.entity, NEW.entity_id) IS DISTINCT FROM (OLD.entity, OLD.entity_id) THEN
        RAISE EXCEPTION 'a translation stays with what it translates'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'translation_stays';
    END IF;
    IF changed.entity = 'category' THEN
        PERFORM 1 FROM categories WHERE id = changed.entity_id;
    ELSE
        SELECT * INTO listing FROM products WHERE id = CASE WHEN changed.entity = 'product'
            THEN changed.entity_id
            ELSE (SELECT product_id FROM variants WHERE id = changed.entity_id) END FOR SHARE;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a translation of nothing'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'translation_of_something';
    END IF;
    IF listing.status = 'approved' THEN
        RAISE EXCEPTION 'an edited listing goes back to review'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'listing_edit_reviewed';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER translations_listed AFTER INSERT OR UPDATE OR DELETE ON translations
    FOR EACH ROW EXECUTE FUNCTION guard_translation();
"""

ORDERS = """
CREATE INDEX products_newest ON products (created_at, id) WHERE status = 'approved';
CREATE INDEX products_selling ON products (sold_lately, id) WHERE status = 'approved';
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0022_holds")]


    operations = with_constraints([
        ops.CreateModel(
            name='Attribute',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('key', fields.CharField(unique=True, max_length=32)),
                ('kind', fields.CharEnumField(description='TEXT: text\nNUMBER: number\nBOOLEAN: boolean', enum_type=AttributeKind, max_length=16)),
                ('name_zh', fields.CharField(max_length=64)),
                ('name_en', fields.CharField(max_length=64)),
                ('unit', fields.CharField(default='', max_length=16)),
                ('facetable', fields.BooleanField(default=False)),
                ('position', fields.IntField(default=0)),
                ('version', fields.IntField(default=1)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'attributes', 'app': 'domain', 'constraints': [CheckConstraint(check="kind IN ('text', 'number', 'boolean')", name='attribute_kind_known'), CheckConstraint(check="key ~ '^[a-z][a-z0-9_]*$'", name='attribute_key_plain')], 'pk_attr': 'id', 'table_description': 'A property that describes goods, such as platform or duration; `key` names it for ever.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Translation',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('entity', fields.CharField(max_length=16)),
                ('entity_id', fields.UUIDField()),
                ('language', fields.CharField(max_length=2)),
                ('name', fields.CharField(max_length=128)),
                ('description', fields.TextField(default='', unique=False)),
            ],
            options={'table': 'translations', 'app': 'domain', 'unique_together': (('entity_id', 'language'),), 'constraints': [CheckConstraint(check="entity IN ('product', 'variant', 'category')", name='translation_entity_known'), CheckConstraint(check="language ~ '^[a-z]{2}$' AND language NOT IN ('en', 'zh')", name='translation_language')], 'pk_attr': 'id', 'table_description': 'A product, variant or category in a language beyond the two that its row speaks.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Product',
            name='attributes',
            field=fields.JSONField(default=dict, db_default=SqlDefault("'{}'::jsonb"), encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name='Product',
            name='media',
            field=fields.JSONField(default=list, db_default=SqlDefault("'[]'::jsonb"), encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name='Product',
            name='search_more',
            field=ArrayField(default=list, db_default=[], element_type='TEXT'),
        ),
        ops.AddField(
            model_name='Product',
            name='sold_lately',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddIndex(
            model_name='Product',
            index=GinIndex(fields=['search_more'], name='product_search_more'),
        ),
        ops.AddConstraint(
            model_name='Product',
            constraint=CheckConstraint(check="jsonb_typeof(media) = 'array'", name='product_media_listed'),
        ),
        ops.AddConstraint(
            model_name='Product',
            constraint=CheckConstraint(check='jsonb_typeof(attributes) = \'object\' AND NOT jsonb_path_exists(attributes, \'strict $.* ? (@.type() != "array")\')', name='product_attributes_listed'),
        ),
        ops.AddConstraint(
            model_name='Product',
            constraint=CheckConstraint(check='sold_lately >= 0', name='product_sold_not_negative'),
        ),
        ops.AddField(
            model_name='Variant',
            name='attributes',
            field=fields.JSONField(default=dict, db_default=SqlDefault("'{}'::jsonb"), encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddConstraint(
            model_name='Variant',
            constraint=CheckConstraint(check='jsonb_typeof(attributes) = \'object\' AND NOT jsonb_path_exists(attributes, \'strict $.* ? (@.type() != "array")\')', name='variant_attributes_listed'),
        ),
    ]) + [RunSQL(LISTINGS), RunSQL(ORDERS)]
