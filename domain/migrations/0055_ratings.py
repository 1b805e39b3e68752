"""What buyers say of what they bought, and the sums of each product (row M4)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.ratings.models import RatingState
from tortoise.contrib.postgres.fields import ArrayField
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE ratings ADD CONSTRAINT rating_of_a_line FOREIGN KEY (line_id) REFERENCES order_lines (id);
ALTER TABLE ratings ADD CONSTRAINT rating_of_an_order FOREIGN KEY (order_id) REFERENCES orders (id);
ALTER TABLE ratings ADD CONSTRAINT rating_of_a_product
    FOREIGN KEY (product_id) REFERENCES products (id);
CREATE INDEX ratings_pending ON ratings (id) WHERE state = 'PENDING';
CREATE INDEX ratings_published ON ratings (product_id, id) WHERE state = 'PUBLISHED';
CREATE FUNCTION guard_rating() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.line_id, NEW.order_id, NEW.buyer_id, NEW.product_id,
            NEW.site_id, NEW.agent_id, NEW.supplier_id, NEW.rated_at)
        IS DISTINCT FROM (OLD.id, OLD.line_id, OLD.order_id, OLD.buyer_id, OLD.product_id,
            OLD.site_id, OLD.agent_id, OLD.supplier_id, OLD.rated_at)
        OR NEW.version <= OLD.version THEN
        RAISE EXCEPTION 'a rating stays with its line, and counts its changes'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'rating_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ratings_fixed BEFORE UPDATE OR DELETE ON ratings
    FOR EACH ROW EXECUTE FUNCTION guard_rating();
CREATE FUNCTION count_rating() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO rating_totals AS t (product_id, count, stars)
        VALUES (NEW.product_id, 1, NEW.stars)
        ON CONFLICT (product_id) DO UPDATE SET count = t.count + 1, stars = t.stars + NEW.stars;
    ELSE
        UPDATE rating_totals SET stars = stars + NEW.stars - OLD.stars
        WHERE product_id = NEW.product_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ratings_counted AFTER INSERT ON ratings
    FOR EACH ROW EXECUTE FUNCTION count_rating();
CREATE TRIGGER ratings_recounted AFTER UPDATE OF stars ON ratings
    FOR EACH ROW WHEN (NEW.stars <> OLD.stars) EXECUTE FUNCTION count_rating();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0054_sealed_accounts")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Rating',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('line_id', fields.UUIDField(unique=True)),
                ('order_id', fields.UUIDField()),
                ('buyer_id', fields.UUIDField()),
                ('product_id', fields.UUIDField()),
                ('site_id', fields.UUIDField()),
                ('agent_id', fields.UUIDField(null=True)),
                ('supplier_id', fields.UUIDField(null=True)),
                ('after_case', fields.BooleanField()),
                ('stars', fields.SmallIntField()),
                ('tags', ArrayField(default=list, element_type='TEXT')),
                ('text', fields.CharField(default='', max_length=1000)),
                ('state', fields.CharEnumField(description='PLAIN: PLAIN\nPENDING: PENDING\nPUBLISHED: PUBLISHED\nHIDDEN: HIDDEN', enum_type=RatingState, max_length=16)),
                ('version', fields.IntField(default=1)),
                ('rated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('edited_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('judged_by', fields.UUIDField(null=True)),
                ('judged_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('judgement', fields.CharField(default='', max_length=500)),
            ],
            options={'table': 'ratings', 'app': 'domain', 'constraints': [CheckConstraint(check='stars BETWEEN 1 AND 5', name='rating_of_five_stars'), CheckConstraint(check="state IN ('PLAIN', 'PENDING', 'PUBLISHED', 'HIDDEN')", name='rating_state_known'), CheckConstraint(check="(text = '') = (state = 'PLAIN')", name='rating_text_has_state'), CheckConstraint(check="cardinality(tags) <= 5 AND tags <@ ARRAY['FAST', 'AS_DESCRIBED', 'GOOD_PRICE', 'GOOD_SERVICE', 'SLOW', 'NOT_AS_DESCRIBED', 'DID_NOT_WORK', 'BAD_SERVICE']", name='rating_tags_known'), CheckConstraint(check="(judged_by IS NULL) = (judged_at IS NULL) AND (state <> 'HIDDEN' OR judged_by IS NOT NULL AND judgement <> '')", name='rating_judged_with_reason')], 'indexes': [Index(fields=['rated_at'])], 'pk_attr': 'id', 'table_description': 'What the buyer of a line says of it. Of whom it is told is written down with it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RatingTotal',
            fields=[
                ('product_id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('count', fields.IntField()),
                ('stars', fields.BigIntField()),
            ],
            options={'table': 'rating_totals', 'app': 'domain', 'constraints': [CheckConstraint(check='count > 0 AND stars BETWEEN count AND 5 * count', name='rating_total_whole')], 'pk_attr': 'product_id', 'table_description': 'The sums of a product, kept by a trigger: a page of the shop reads them for each product.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
