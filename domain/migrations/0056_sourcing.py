"""Sourcing: what suppliers list, and offers that follow it; what became of each offer."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.sourcing.models import RunState
from domain.suppliers.models import Availability
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise.fields.db_defaults import SqlDefault
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE sync_policies ADD CONSTRAINT sync_policy_of_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
ALTER TABLE supplier_items ADD CONSTRAINT supplier_item_of_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
ALTER TABLE catalogue_runs ADD CONSTRAINT catalogue_run_of_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
CREATE INDEX offers_by_listed_item ON supplier_offers (supplier_id, (coalesce(listed_item, item)));
-- What each offer cost and whether it could be had, by whatever path it changes.
ALTER TABLE offer_changes ADD CONSTRAINT offer_change_of_an_offer
    FOREIGN KEY (offer_id) REFERENCES supplier_offers (id);
CREATE TRIGGER offer_changes_append_only BEFORE UPDATE OR DELETE ON offer_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION keep_offer_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO offer_changes (id, offer_id, new_cost, new_fee, new_availability, at)
        SELECT uuidv7(), id, cost, fee, availability, updated_at FROM fresh;
    ELSE
        INSERT INTO offer_changes (id, offer_id, old_cost, new_cost, old_fee, new_fee,
            old_availability, new_availability, at)
        SELECT uuidv7(), n.id, o.cost, n.cost, o.fee, n.fee, o.availability, n.availability,
            n.updated_at
        FROM fresh n JOIN gone o ON o.id = n.id
        WHERE (n.cost, n.fee, n.availability) IS DISTINCT FROM (o.cost, o.fee, o.availability);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER offers_kept_insert AFTER INSERT ON supplier_offers REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION keep_offer_change();
CREATE TRIGGER offers_kept_update AFTER UPDATE ON supplier_offers REFERENCING OLD TABLE AS gone
    NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION keep_offer_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0055_ratings")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CatalogueRun',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('supplier_id', fields.UUIDField()),
                ('state', fields.CharEnumField(description='READING: reading\nCONFIRMING: confirming\nDONE: done\nSUSPICIOUS: suspicious\nFAILED: failed', enum_type=RunState, max_length=12)),
                ('cursor', fields.CharField(null=True, max_length=500)),
                ('pages', fields.IntField(default=0)),
                ('items', fields.IntField(default=0)),
                ('changed', fields.IntField(default=0)),
                ('missing', fields.IntField(default=0)),
                ('failures', fields.IntField(default=0)),
                ('detail', fields.CharField(default='', max_length=200)),
                ('started_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('next_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'catalogue_runs', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('reading', 'confirming', 'done', 'suspicious', 'failed')", name='catalogue_run_state_known'), CheckConstraint(check="(state IN ('reading', 'confirming')) = (next_at IS NOT NULL) AND (next_at IS NULL) = (finished_at IS NOT NULL)", name='catalogue_run_open_is_due'), UniqueConstraint(fields=('supplier_id',), name='catalogue_run_one_open', condition="state IN ('reading', 'confirming')")], 'indexes': [Index(fields=['supplier_id', 'id'])], 'pk_attr': 'id', 'table_description': "One reading of a supplier's list, page by page; whoever is killed goes on at `cursor`."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='OfferChange',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('offer_id', fields.UUIDField()),
                ('old_cost', fields.BigIntField(null=True)),
                ('new_cost', fields.BigIntField()),
                ('old_fee', fields.BigIntField(null=True)),
                ('new_fee', fields.BigIntField()),
                ('old_availability', fields.CharField(null=True, max_length=8)),
                ('new_availability', fields.CharField(max_length=8)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'offer_changes', 'app': 'domain', 'indexes': [Index(fields=['offer_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What an offer cost and whether it could be had, and what became of that. Written by the'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SupplierItem',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('supplier_id', fields.UUIDField()),
                ('item', fields.CharField(max_length=96)),
                ('name', fields.CharField(max_length=200)),
                ('currency', fields.CharField(max_length=3)),
                ('told_cost', fields.BigIntField(null=True)),
                ('cost', fields.BigIntField(null=True)),
                ('cost_since', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('told', fields.CharEnumField(description='ON_SALE: on_sale\nSOLD_OUT: sold_out\nOFF_SALE: off_sale\nGONE: gone', enum_type=Availability, max_length=8)),
                ('availability', fields.CharEnumField(description='ON_SALE: on_sale\nSOLD_OUT: sold_out\nOFF_SALE: off_sale\nGONE: gone', enum_type=Availability, max_length=8)),
                ('told_since', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('stock', fields.IntField(null=True)),
                ('unlimited', fields.BooleanField(default=False)),
                ('min_quantity', fields.IntField(default=1)),
                ('max_quantity', fields.IntField(null=True)),
                ('face_value', fields.BigIntField(null=True)),
                ('account_fields', fields.JSONField(default=list, db_default=SqlDefault("'[]'::jsonb"), encoder=JSON_DUMPS, decoder=loads)),
                ('missed', fields.IntField(default=0)),
                ('seen_run', fields.UUIDField(null=True)),
                ('first_seen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('seen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'supplier_items', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('supplier_id', 'item'), name='supplier_item_once'), CheckConstraint(check='coalesce(told_cost, 1) > 0 AND coalesce(cost, 1) > 0 AND stock >= 0', name='supplier_item_amounts')], 'pk_attr': 'id', 'table_description': "One item of a supplier's list. Amounts in units of 1/10000 of `currency`, the supplier's own."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SyncPolicy',
            fields=[
                ('supplier_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('enabled', fields.BooleanField(default=True)),
                ('every_seconds', fields.IntField(default=900)),
                ('pause_ms', fields.IntField(default=200)),
                ('tolerance', fields.IntField(default=50)),
                ('settle_seconds', fields.IntField(default=600)),
                ('missing_rate', fields.IntField(default=2000)),
                ('next_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'sync_policies', 'app': 'domain', 'constraints': [CheckConstraint(check='every_seconds BETWEEN 10 AND 604800 AND pause_ms BETWEEN 0 AND 60000 AND tolerance BETWEEN 0 AND 10000 AND settle_seconds BETWEEN 0 AND 86400 AND missing_rate BETWEEN 0 AND 10000', name='sync_policy_within_limits')], 'pk_attr': 'supplier_id', 'table_description': "How a supplier's list is followed. Without one it is not followed at all."},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='FulfilmentAttempt',
            name='units',
            field=fields.IntField(default=1, db_default=1),
        ),
        ops.AddField(
            model_name='SupplierOffer',
            name='availability',
            field=fields.CharEnumField(default=Availability.ON_SALE, description='ON_SALE: on_sale\nSOLD_OUT: sold_out\nOFF_SALE: off_sale\nGONE: gone', db_default=Availability.ON_SALE, enum_type=Availability, max_length=8),
        ),
        ops.AddField(
            model_name='SupplierOffer',
            name='follows',
            field=fields.BooleanField(default=True, db_default=True),
        ),
        ops.AddField(
            model_name='SupplierOffer',
            name='listed_item',
            field=fields.CharField(null=True, max_length=96),
        ),
        ops.AddField(
            model_name='SupplierOffer',
            name='stock',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='SupplierOffer',
            name='units',
            field=fields.IntField(default=1, db_default=1),
        ),
        ops.AddConstraint(
            model_name='SupplierOffer',
            constraint=CheckConstraint(check='units > 0 AND stock >= 0', name='offer_units_and_stock'),
        ),
        ops.AddConstraint(
            model_name='SupplierOffer',
            constraint=CheckConstraint(check="availability IN ('on_sale', 'sold_out', 'off_sale', 'gone')", name='offer_availability_known'),
        ),
    ]) + [ops.RunSQL(SQL)]
