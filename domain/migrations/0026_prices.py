from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel.migrating import with_constraints
from tortoise.migrations.operations import RunSQL

# A price without a list stands on the base list of its currency, which is made when it is missing.
# Its currency is its list's for ever, by the composite key.
LISTS = """
ALTER TABLE price_lists ADD CONSTRAINT price_list_of_a_site FOREIGN KEY (site_id) REFERENCES sites (id);
CREATE FUNCTION find_price_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.list_id IS NULL THEN
        NEW.list_id := (SELECT id FROM price_lists WHERE code = 'base-' || lower(NEW.currency));
    END IF;
    IF NEW.list_id IS NULL THEN
        INSERT INTO price_lists (id, code, name_zh, name_en, currency, priority, version, created_at,
            updated_at)
        VALUES (uuidv7(), 'base-' || lower(NEW.currency), '基础价 ' || NEW.currency,
            'Base prices ' || NEW.currency, NEW.currency, 0, 1, now(), now())
        ON CONFLICT DO NOTHING;
        NEW.list_id := (SELECT id FROM price_lists WHERE code = 'base-' || lower(NEW.currency));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER prices_listed BEFORE INSERT OR UPDATE OF list_id ON prices
    FOR EACH ROW EXECUTE FUNCTION find_price_list();
UPDATE prices SET list_id = NULL;
ALTER TABLE prices ALTER COLUMN list_id SET NOT NULL;
ALTER TABLE prices ADD CONSTRAINT price_of_a_list FOREIGN KEY (list_id, currency)
    REFERENCES price_lists (id, currency);

CREATE FUNCTION guard_price_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.code, NEW.currency, NEW.site_id)
        IS DISTINCT FROM (OLD.id, OLD.code, OLD.currency, OLD.site_id) THEN
        RAISE EXCEPTION 'a price list keeps its code, currency and site, and ends, but is never deleted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'price_list_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER price_lists_kept BEFORE UPDATE OR DELETE ON price_lists
    FOR EACH ROW EXECUTE FUNCTION guard_price_list();
"""

# What each price was and became, by whatever path it is written.
HISTORY = """
CREATE TRIGGER price_changes_append_only BEFORE UPDATE OR DELETE ON price_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION keep_price_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO price_changes SELECT uuidv7(), list_id, variant_id, tier, currency, NULL, amount,
            NULL, compare_at, updated_by, updated_at FROM fresh;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO price_changes SELECT uuidv7(), list_id, variant_id, tier, currency, amount, NULL,
            compare_at, NULL, NULL, now() FROM gone;
    ELSE
        INSERT INTO price_changes
        SELECT uuidv7(), n.list_id, n.variant_id, n.tier, n.currency, o.amount, n.amount,
            o.compare_at, n.compare_at, n.updated_by, n.updated_at
        FROM fresh n JOIN gone o ON o.id = n.id
        WHERE (n.amount, n.compare_at) IS DISTINCT FROM (o.amount, o.compare_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER prices_kept_insert AFTER INSERT ON prices REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION keep_price_change();
CREATE TRIGGER prices_kept_update AFTER UPDATE ON prices REFERENCING OLD TABLE AS gone
    NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION keep_price_change();
CREATE TRIGGER prices_kept_delete AFTER DELETE ON prices REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION keep_price_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0025_shared")]


    operations = with_constraints([
        ops.CreateModel(
            name='PriceChange',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('list_id', fields.UUIDField()),
                ('variant_id', fields.UUIDField()),
                ('tier', fields.CharField(max_length=16)),
                ('currency', fields.CharField(max_length=3)),
                ('old_amount', fields.BigIntField(null=True)),
                ('new_amount', fields.BigIntField(null=True)),
                ('old_compare_at', fields.BigIntField(null=True)),
                ('new_compare_at', fields.BigIntField(null=True)),
                ('changed_by', fields.UUIDField(null=True)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'price_changes', 'app': 'domain', 'indexes': [Index(fields=['variant_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What a price was and became, when and by whom. Written by the database; never changed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PriceList',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('code', fields.CharField(unique=True, max_length=64)),
                ('name_zh', fields.CharField(max_length=64)),
                ('name_en', fields.CharField(max_length=64)),
                ('currency', fields.CharField(max_length=3)),
                ('site_id', fields.UUIDField(null=True)),
                ('valid_from', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('valid_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('priority', fields.IntField(default=0)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'price_lists', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('id', 'currency'), name='price_list_currency'), CheckConstraint(check='valid_until > valid_from', name='price_list_window_open')], 'pk_attr': 'id', 'table_description': 'Prices in one currency, of one site or of all, for a time or for ever (mission row A9).'},
            bases=['Model'],
        ),
        ops.RemoveConstraint(
            model_name='Price',
            name=None,
            fields=['variant_id', 'tier', 'currency'],
        ),
        ops.AddField(
            model_name='Price',
            name='list_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name='Price',
            name='updated_by',
            field=fields.UUIDField(null=True),
        ),
        ops.AddConstraint(
            model_name='Price',
            constraint=UniqueConstraint(fields=('variant_id', 'tier', 'list_id'), name=None),
        ),
    ]) + [RunSQL(LISTS), RunSQL(HISTORY)]
