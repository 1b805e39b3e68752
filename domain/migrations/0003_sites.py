from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL
from uuid import UUID

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.sites.models import Assortment, SiteStatus

MAIN_SITE_ID = "00000000-0000-7000-8000-000000000001"

# Hosts are unique across sites; sites are never deleted, because orders name them without a key.
SITES = f"""
CREATE TABLE site_hosts (
    host text PRIMARY KEY,
    site_id uuid NOT NULL REFERENCES sites (id),
    CONSTRAINT host_in_small_letters CHECK (host = lower(host) AND host <> '')
);
CREATE FUNCTION keep_site_hosts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM site_hosts WHERE site_id = NEW.id;
    INSERT INTO site_hosts (host, site_id) SELECT unnest(NEW.hosts), NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER sites_hosts AFTER INSERT OR UPDATE OF hosts ON sites
    FOR EACH ROW EXECUTE FUNCTION keep_site_hosts();
CREATE FUNCTION guard_site() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a site is closed, never deleted'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'site_never_deleted';
END $$;
CREATE TRIGGER sites_kept BEFORE DELETE ON sites FOR EACH ROW EXECUTE FUNCTION guard_site();
INSERT INTO sites (id, slug, name_zh, name_en, hosts, currency, language, region, status,
    assortment, version, created_at, updated_at)
VALUES ('{MAIN_SITE_ID}', 'main', '主站', 'Main site', '{{}}', 'CNY', 'en', '', 'open',
    'everything', 1, now(), now());
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0002_guards")]

    operations = with_constraints([
        ops.CreateModel(
            name='Site',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('slug', fields.CharField(unique=True, max_length=64)),
                ('name_zh', fields.CharField(max_length=64)),
                ('name_en', fields.CharField(max_length=64)),
                ('hosts', ArrayField(default=list, element_type='text')),
                ('currency', fields.CharField(max_length=3)),
                ('language', fields.CharField(max_length=8)),
                ('region', fields.CharField(default='', max_length=16)),
                ('status', fields.CharEnumField(description='OPEN: open\nCLOSED: closed', enum_type=SiteStatus, max_length=16)),
                ('assortment', fields.CharEnumField(description='EVERYTHING: everything\nEXCEPT: except\nONLY: only', enum_type=Assortment, max_length=16)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'sites', 'app': 'domain', 'constraints': [CheckConstraint(check="status IN ('open', 'closed')", name='site_status_known'), CheckConstraint(check="assortment IN ('everything', 'except', 'only')", name='site_assortment_known'), CheckConstraint(check="currency ~ '^[A-Z]{3}$'", name='site_currency_code'), CheckConstraint(check="status = 'open' OR id <> '00000000-0000-7000-8000-000000000001'", name='main_site_open')], 'pk_attr': 'id', 'table_description': 'A storefront with its own name, addresses, currency and assortment.'},
            bases=['Model'],
        ),
    ]) + [
        RunSQL(SITES),
        ops.AddField(
            model_name='Order',
            name='site_id',
            field=fields.UUIDField(default=UUID(MAIN_SITE_ID), db_default=MAIN_SITE_ID),
        ),
    ]
