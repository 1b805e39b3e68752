"""Promotion links of agents, who came by them, and texts to share."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.promotion.models import TextKind
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE promo_links ADD CONSTRAINT promo_link_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE promo_links ADD CONSTRAINT promo_link_to_a_product
    FOREIGN KEY (product_id) REFERENCES products (id);
CREATE UNIQUE INDEX promo_link_open_once ON promo_links (agent_id, product_id, label)
    NULLS NOT DISTINCT WHERE ended_at IS NULL;
ALTER TABLE promo_visits ADD CONSTRAINT promo_visit_of_a_user
    FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE promo_visits ADD CONSTRAINT promo_visit_by_a_link
    FOREIGN KEY (link_id) REFERENCES promo_links (id);
ALTER TABLE promo_clicks ADD CONSTRAINT promo_clicks_of_a_link
    FOREIGN KEY (link_id) REFERENCES promo_links (id);
ALTER TABLE orders ADD CONSTRAINT order_by_a_promo_link
    FOREIGN KEY (promo_link_id) REFERENCES promo_links (id);
CREATE INDEX orders_by_promo_link ON orders (promo_link_id) WHERE promo_link_id IS NOT NULL;
-- What stands on posters and in other people's chats must not lead to somebody else later.
CREATE FUNCTION guard_promo_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.agent_id, NEW.code, NEW.product_id) IS DISTINCT FROM
        (OLD.agent_id, OLD.code, OLD.product_id) OR OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'a promotion link leads where it led, and ends once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'promo_link_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER promo_link_stays BEFORE UPDATE ON promo_links
    FOR EACH ROW EXECUTE FUNCTION guard_promo_link();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0078_tiers")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='PromoClicks',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('link_id', fields.UUIDField()),
                ('day', fields.DateField()),
                ('clicks', fields.IntField()),
            ],
            options={'table': 'promo_clicks', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('link_id', 'day'), name='promo_clicks_once_a_day'), CheckConstraint(check='clicks > 0', name='promo_clicks_counted')], 'pk_attr': 'id', 'table_description': 'How many came by a link on a day (UTC).'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PromoLink',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('code', fields.CharField(unique=True, max_length=16)),
                ('product_id', fields.UUIDField(null=True)),
                ('label', fields.CharField(max_length=40)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'promo_links', 'app': 'domain', 'constraints': [CheckConstraint(check="code ~ '^[2-9A-HJ-KM-NP-Z]{9}$'", name='promo_code_form')], 'indexes': [Index(fields=['agent_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One link of an agent, to a product or to the whole shop.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PromoTemplate',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('kind', fields.CharEnumField(description='COPY: copy\nPOSTER: poster', enum_type=TextKind, max_length=16)),
                ('name', fields.CharField(unique=True, max_length=40)),
                ('text_zh', fields.CharField(max_length=500)),
                ('text_en', fields.CharField(max_length=500)),
                ('active', fields.BooleanField(default=True)),
                ('version', fields.IntField(default=1)),
                ('saved_by', fields.UUIDField(null=True)),
                ('saved_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'promo_templates', 'app': 'domain', 'constraints': [CheckConstraint(check="kind IN ('copy', 'poster')", name='promo_text_kind_known')], 'pk_attr': 'id', 'table_description': 'A text that all agents may share, with places for what the house knows.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PromoVisit',
            fields=[
                ('user_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('link_id', fields.UUIDField()),
                ('visited_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'promo_visits', 'app': 'domain', 'indexes': [Index(fields=['visited_at'])], 'pk_attr': 'user_id', 'table_description': 'The link by which a visitor came last. One row a visitor, forgotten with the window.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Order',
            name='promo_link_id',
            field=fields.UUIDField(null=True),
        ),
    ]) + [ops.RunSQL(SQL)]
