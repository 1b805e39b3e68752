from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

# A brand is known by its name, whatever its case and width. A product's own `brand` finds its brand,
# or makes one, by any path that writes products; the composite key holds both names equal for ever.
BRANDS = """
CREATE FUNCTION brand_key(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(normalize(btrim(name), NFKC) COLLATE "pg_c_utf8") COLLATE "pg_c_utf8"
$$;
CREATE UNIQUE INDEX brand_once ON brands (brand_key(name));
CREATE FUNCTION find_brand() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found brands;
    short text;
BEGIN
    IF NEW.brand = '' THEN
        NEW.brand_id := NULL;
        RETURN NEW;
    END IF;
    SELECT * INTO found FROM brands WHERE brand_key(name) = brand_key(NEW.brand);
    IF found.id IS NULL THEN
        short := coalesce(nullif(btrim(
            regexp_replace(lower(left(NEW.brand, 64)), '[^a-z0-9]+', '-', 'g'), '-'), ''), 'brand');
        IF EXISTS (SELECT 1 FROM brands WHERE slug = short) THEN
            short := short || '-' || left(md5(brand_key(NEW.brand)), 8);
        END IF;
        INSERT INTO brands (id, slug, name, name_zh, name_en, logo_url, needs_authorisation, version,
            created_at, updated_at)
        VALUES (uuidv7(), short, NEW.brand, '', '', '', false, 1, now(), now())
        ON CONFLICT DO NOTHING;
        SELECT * INTO found FROM brands WHERE brand_key(name) = brand_key(NEW.brand);
    END IF;
    NEW.brand_id := found.id;
    NEW.brand := found.name;
    RETURN NEW;
END $$;
CREATE TRIGGER products_brand BEFORE INSERT OR UPDATE OF brand, brand_id ON products
    FOR EACH ROW EXECUTE FUNCTION find_brand();
ALTER TABLE products ADD CONSTRAINT product_of_a_brand FOREIGN KEY (brand_id, brand)
    REFERENCES brands (id, name) ON UPDATE CASCADE;
CREATE INDEX products_of_brand ON products (brand_id) WHERE brand_id IS NOT NULL;
-- What stands on the shelf keeps its text here, however it was written: it is not edited.
ALTER TABLE products DISABLE TRIGGER products_listed;
UPDATE products SET brand = brand WHERE brand <> '';
ALTER TABLE products ENABLE TRIGGER products_listed;
"""

# A document is evidence: it is ended, never rewritten.
AUTHORISATIONS = """
ALTER TABLE brand_authorisations ADD CONSTRAINT authorisation_of_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
CREATE FUNCTION guard_authorisation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.revoked_at IS NOT NULL OR
        (NEW.id, NEW.brand_id, NEW.supplier_id, NEW.reference, NEW.document_url, NEW.document_digest,
         NEW.region, NEW.valid_from, NEW.valid_until, NEW.granted_by, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.brand_id, OLD.supplier_id, OLD.reference, OLD.document_url, OLD.document_digest,
         OLD.region, OLD.valid_from, OLD.valid_until, OLD.granted_by, OLD.created_at) THEN
        RAISE EXCEPTION 'an authorisation is revoked, never changed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'authorisation_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER brand_authorisations_kept BEFORE UPDATE OR DELETE ON brand_authorisations
    FOR EACH ROW EXECUTE FUNCTION guard_authorisation();

CREATE FUNCTION brand_authorised(brand uuid, moment timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT 1 FROM brands b WHERE b.id = brand AND b.needs_authorisation
        AND NOT EXISTS (SELECT 1 FROM brand_authorisations a
            WHERE a.brand_id = b.id AND a.revoked_at IS NULL
                AND a.valid_from <= moment AND a.valid_until > moment))
$$;
"""

# As in 0002 and 0008, and: the brand's other names are looked at, too; nothing is published without the
# authorisation that its brand needs.
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
    ) texts (shown)
$$;
CREATE OR REPLACE FUNCTION guard_listing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('draft', 'submitted'), ('submitted', 'draft'), ('submitted', 'approved'),
        ('submitted', 'rejected'), ('rejected', 'submitted'), ('approved', 'submitted'),
        ('approved', 'suspended'), ('suspended', 'submitted')
    ) THEN
        RAISE EXCEPTION 'a listing does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'listing_move_listed';
    END IF;
    IF NEW.status <> 'approved' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'approved' AND
        (NEW.slug, NEW.category_id, NEW.brand, NEW.region, NEW.name_zh, NEW.name_en,
         NEW.description_zh, NEW.description_en, NEW.tags) IS DISTINCT FROM
        (OLD.slug, OLD.category_id, OLD.brand, OLD.region, OLD.name_zh, OLD.name_en,
         OLD.description_zh, OLD.description_en, OLD.tags) THEN
        RAISE EXCEPTION 'an edited listing goes back to review'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'listing_edit_reviewed';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtext('catalog.bans'));
    IF ban_of(NEW) IS NOT NULL THEN
        RAISE EXCEPTION 'a banned listing is not published'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_not_banned';
    END IF;
    IF (TG_OP = 'INSERT' OR OLD.status <> 'approved') AND NOT brand_authorised(NEW.brand_id, now()) THEN
        RAISE EXCEPTION 'the brand has not authorised its sale'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_authorised';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION guard_brand_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM products WHERE brand_id = NEW.id AND status = 'approved') THEN
        RAISE EXCEPTION 'an edited listing goes back to review'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'listing_edit_reviewed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER brands_listed BEFORE UPDATE OF name, name_zh, name_en ON brands FOR EACH ROW
    WHEN ((OLD.name, OLD.name_zh, OLD.name_en) IS DISTINCT FROM (NEW.name, NEW.name_zh, NEW.name_en))
    EXECUTE FUNCTION guard_brand_text();
"""

ASSORTMENTS = """
ALTER TABLE assortment_rules ADD CONSTRAINT rule_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
"""

# A card whose validity counts from the sale gets its last day when it is sold, whoever sells it.
VALIDITY = """
CREATE FUNCTION begin_validity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.expires_on := (SELECT least(NEW.expires_on,
            (NEW.sold_at AT TIME ZONE 'UTC')::date + v.valid_days_after_sale)
        FROM variants v WHERE v.id = NEW.variant_id);
    RETURN NEW;
END $$;
CREATE TRIGGER cards_validity BEFORE UPDATE OF sold_at ON cards FOR EACH ROW
    WHEN (OLD.sold_at IS NULL AND NEW.sold_at IS NOT NULL) EXECUTE FUNCTION begin_validity();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0013_batches")]

    operations = with_constraints([
        ops.CreateModel(
            name='AssortmentRule',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('site_id', fields.UUIDField()),
                ('included', fields.BooleanField()),
                ('product', fields.ForeignKeyField('domain.Product', source_field='product_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('category', fields.ForeignKeyField('domain.Category', source_field='category_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
            ],
            options={'table': 'assortment_rules', 'app': 'domain', 'unique_together': (('site_id', 'product'), ('site_id', 'category')), 'constraints': [CheckConstraint(check='(product_id IS NULL) <> (category_id IS NULL)', name='rule_of_one_thing')], 'pk_attr': 'id', 'table_description': "What a site's own selection says of one product, or of a category with all below it."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Brand',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('slug', fields.CharField(unique=True, max_length=96)),
                ('name', fields.CharField(unique=True, max_length=64)),
                ('name_zh', fields.CharField(default='', max_length=64)),
                ('name_en', fields.CharField(default='', max_length=64)),
                ('logo_url', fields.CharField(default='', max_length=500)),
                ('needs_authorisation', fields.BooleanField(default=False)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'brands', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('id', 'name'), name='brand_id_name')], 'pk_attr': 'id', 'table_description': 'Whose goods they are. `name` is what products carry; the others are shown beside it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='BrandAuthorisation',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('brand', fields.ForeignKeyField('domain.Brand', source_field='brand_id', db_constraint=True, to_field='id', related_name='authorisations', on_delete=OnDelete.RESTRICT)),
                ('supplier_id', fields.UUIDField(null=True)),
                ('reference', fields.CharField(max_length=128)),
                ('document_url', fields.CharField(default='', max_length=500)),
                ('document_digest', fields.CharField(default='', max_length=64)),
                ('region', fields.CharField(default='', max_length=16)),
                ('valid_from', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('valid_until', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('granted_by', fields.UUIDField(null=True)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('revoked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('revoked_by', fields.UUIDField(null=True)),
                ('revoke_reason', fields.CharField(default='', max_length=500)),
                ('expiry_told_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'brand_authorisations', 'app': 'domain', 'constraints': [CheckConstraint(check='valid_until > valid_from', name='authorisation_lasts'), CheckConstraint(check="reference <> ''", name='authorisation_document_named'), CheckConstraint(check="revoked_at IS NULL OR revoke_reason <> ''", name='authorisation_end_told')], 'indexes': [Index(fields=['brand_id', 'valid_until'])], 'pk_attr': 'id', 'table_description': 'A document by which a brand lets us, or one of our suppliers, sell. Never changed but ended.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Product',
            name='brand_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name='Product',
            name='except_regions',
            field=ArrayField(default=list, db_default=[], element_type='TEXT'),
        ),
        ops.AddField(
            model_name='Product',
            name='on_sale_from',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Product',
            name='on_sale_until',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Product',
            name='only_regions',
            field=ArrayField(default=list, db_default=[], element_type='TEXT'),
        ),
        ops.AddConstraint(
            model_name='Product',
            constraint=CheckConstraint(check='on_sale_until > on_sale_from', name='product_window_open'),
        ),
        ops.AddField(
            model_name='Variant',
            name='on_sale_from',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Variant',
            name='on_sale_until',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Variant',
            name='valid_days_after_sale',
            field=fields.IntField(null=True),
        ),
        ops.AddConstraint(
            model_name='Variant',
            constraint=CheckConstraint(check='on_sale_until > on_sale_from', name='variant_window_open'),
        ),
        ops.AddConstraint(
            model_name='Variant',
            constraint=CheckConstraint(check='valid_days_after_sale BETWEEN 1 AND 3650', name='variant_valid_days'),
        ),
    ]) + [
        RunSQL(BRANDS),
        ops.AddConstraint(
            model_name='Product',
            constraint=CheckConstraint(check="(brand = '') = (brand_id IS NULL)", name='product_brand_whole'),
        ),
        *(RunSQL(sql) for sql in (AUTHORISATIONS, LISTINGS, ASSORTMENTS, VALIDITY)),
    ]
