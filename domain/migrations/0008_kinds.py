"""Product types: what kind of goods a variant is, as data (docs/decisions/0012)."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from orjson import loads

from domain.catalog.models import DeliveryKind
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

KINDS = 'CARD_CODE: CARD_CODE\nDIRECT_TOPUP: DIRECT_TOPUP\nLINK: LINK\nMANUAL: MANUAL\nGIFT_CARD: GIFT_CARD\nBUNDLE: BUNDLE'

# The plain type of each kind, as domain/catalog/plain.py knows them; every variant gets that of its kind.
PLAIN = """
INSERT INTO product_types (id, code, name_zh, name_en, delivery_kind, account_fields,
    category_slug, preset, version, created_at, updated_at)
SELECT id, code, name_zh, name_en, kind, account_fields, '', true, 1, now(), now()
FROM jsonb_to_recordset('
[
 {
  "id": "7e351c7e-1b4a-5c2f-a9b0-65d68463591f",
  "code": "card-code",
  "name_zh": "卡密",
  "name_en": "Card code",
  "kind": "CARD_CODE",
  "account_fields": []
 },
 {
  "id": "d471d751-63db-526d-b42f-2c127825271e",
  "code": "direct-topup",
  "name_zh": "直充",
  "name_en": "Direct top-up",
  "kind": "DIRECT_TOPUP",
  "account_fields": [
   {
    "key": "account",
    "kind": "ACCOUNT_ID",
    "label_zh": "充值账号",
    "label_en": "Account",
    "max_length": 64
   }
  ]
 },
 {
  "id": "63e405da-2bb7-532d-9cd1-32ad04ac21fb",
  "code": "link",
  "name_zh": "链接",
  "name_en": "Link",
  "kind": "LINK",
  "account_fields": []
 },
 {
  "id": "346f64b0-45e6-51e2-9e0c-81e8ddceddff",
  "code": "manual",
  "name_zh": "人工",
  "name_en": "Manual",
  "kind": "MANUAL",
  "account_fields": []
 },
 {
  "id": "2d2fcc90-48cc-5322-a89f-48f7ef2d936b",
  "code": "gift-card",
  "name_zh": "礼品卡",
  "name_en": "Gift card",
  "kind": "GIFT_CARD",
  "account_fields": []
 },
 {
  "id": "3a19d719-af08-5420-bbe2-e91a792a1f62",
  "code": "bundle",
  "name_zh": "套餐",
  "name_en": "Bundle",
  "kind": "BUNDLE",
  "account_fields": []
 }
]
') AS t (id uuid, code text, name_zh text, name_en text, kind text, account_fields jsonb);
INSERT INTO product_type_versions (id, type_id, version, account_fields, saved_at)
SELECT id, id, 1, account_fields, now() FROM product_types;
UPDATE variants v SET type_id = t.id FROM product_types t WHERE t.delivery_kind = v.delivery_kind;
"""

GUARDS = """
ALTER TABLE variants ADD CONSTRAINT variant_kind_of_its_type
    FOREIGN KEY (type_id, delivery_kind) REFERENCES product_types (id, delivery_kind);
CREATE TRIGGER product_type_versions_append_only BEFORE UPDATE OR DELETE ON product_type_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- All that buyers read of a type: its names, labels, helps, options, keys and patterns.
CREATE FUNCTION type_texts(type product_types) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY[type.name_zh, type.name_en] || ARRAY(
        SELECT shown #>> '{}' FROM jsonb_array_elements(type.account_fields) AS f (field),
            jsonb_path_query(field - 'kind' - 'region' - 'depends_on',
                'strict $.** ? (@.type() == "string")') AS s (shown))
$$;
CREATE OR REPLACE FUNCTION listing_text(listing products) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(folded(shown), E'\\n') FROM (
        SELECT unnest(ARRAY[listing.slug, listing.name_zh, listing.name_en, listing.description_zh,
            listing.description_en, listing.brand] || listing.tags)
        UNION ALL
        SELECT unnest(ARRAY[sku, name_zh, name_en]) FROM variants WHERE product_id = listing.id
        UNION ALL
        SELECT unnest(type_texts(t)) FROM product_types t
        WHERE t.id IN (SELECT type_id FROM variants WHERE product_id = listing.id)
    ) texts (shown)
$$;
CREATE FUNCTION ban_of_texts(texts text[]) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT b.word FROM listing_bans b, unnest(texts) AS t (shown)
    WHERE b.folded IS NOT NULL AND strpos(folded(shown), b.folded) > 0
    ORDER BY b.created_at, b.id LIMIT 1
$$;

CREATE FUNCTION guard_product_type() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE'
        AND (NEW.id, NEW.code, NEW.delivery_kind) IS DISTINCT FROM (OLD.id, OLD.code, OLD.delivery_kind)) THEN
        RAISE EXCEPTION 'a product type keeps its code and its delivery kind, and is archived, never deleted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'product_type_kept';
    END IF;
    IF TG_OP = 'UPDATE' AND type_texts(NEW) = type_texts(OLD) THEN
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtext('catalog.bans'));
    IF ban_of_texts(type_texts(NEW)) IS NOT NULL THEN
        RAISE EXCEPTION 'a product type shows no banned word'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_not_banned';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER product_types_kept BEFORE INSERT OR UPDATE OR DELETE ON product_types
    FOR EACH ROW EXECUTE FUNCTION guard_product_type();

CREATE FUNCTION guard_variant_type() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.type_id = OLD.type_id THEN
        RETURN NEW;
    END IF;
    PERFORM 1 FROM product_types WHERE id = NEW.type_id AND archived_at IS NOT NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'an archived product type gets no more variants'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'variant_type_in_use';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER variants_typed BEFORE INSERT OR UPDATE OF type_id ON variants
    FOR EACH ROW EXECUTE FUNCTION guard_variant_type();
DROP TRIGGER variants_listed ON variants;
CREATE TRIGGER variants_listed AFTER INSERT OR UPDATE OF sku, product_id, name_zh, name_en, type_id
    ON variants FOR EACH ROW EXECUTE FUNCTION guard_variant_text();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0007_second_factor")]

    initial = False

    operations = [
        *with_constraints([
            ops.CreateModel(
                name='ProductType',
                fields=[
                    ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                    ('code', fields.CharField(unique=True, max_length=48)),
                    ('name_zh', fields.CharField(max_length=64)),
                    ('name_en', fields.CharField(max_length=64)),
                    ('delivery_kind', fields.CharEnumField(description=KINDS, enum_type=DeliveryKind, max_length=16)),
                    ('account_fields', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                    ('category_slug', fields.CharField(default='', max_length=64)),
                    ('preset', fields.BooleanField(default=False)),
                    ('version', fields.IntField(default=1)),
                    ('archived_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                    ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                    ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ],
                options={'table': 'product_types', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('id', 'delivery_kind'), name='product_type_kind'), CheckConstraint(check="delivery_kind IN ('CARD_CODE', 'DIRECT_TOPUP', 'LINK', 'MANUAL', 'GIFT_CARD', 'BUNDLE')", name='product_type_kind_known'), CheckConstraint(check="jsonb_typeof(account_fields) = 'array'", name='product_type_fields_listed')], 'pk_attr': 'id', 'table_description': 'What kind of goods a variant is, as data: how it is delivered, what its buyer fills in.'},
                bases=['Model'],
            ),
            ops.CreateModel(
                name='ProductTypeVersion',
                fields=[
                    ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                    ('type', fields.ForeignKeyField('domain.ProductType', source_field='type_id', db_constraint=True, to_field='id', related_name='versions', on_delete=OnDelete.RESTRICT)),
                    ('version', fields.IntField()),
                    ('account_fields', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                    ('saved_by', fields.UUIDField(null=True)),
                    ('saved_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ],
                options={'table': 'product_type_versions', 'app': 'domain', 'unique_together': (('type_id', 'version'),), 'pk_attr': 'id', 'table_description': 'The fields of a type as one of its versions had them; order lines name it. Never changed.'},
                bases=['Model'],
            ),
        ]),
        ops.AlterField(
            model_name='Variant',
            name='delivery_kind',
            field=fields.CharEnumField(description=KINDS, enum_type=DeliveryKind, max_length=16),
        ),
        ops.AddField(model_name='Variant', name='type_id', field=fields.UUIDField(null=True)),
        RunSQL(PLAIN),
        ops.AlterField(model_name='Variant', name='type_id', field=fields.UUIDField()),
        RunSQL(GUARDS),
    ]
