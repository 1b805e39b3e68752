"""Quotes: prices locked for a buyer for a while, each used by one order at most."""

from tortoise import fields, migrations
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE quotes ADD CONSTRAINT quote_of_a_buyer FOREIGN KEY (buyer_id) REFERENCES users (id);
ALTER TABLE quotes ADD CONSTRAINT quote_at_a_site FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE quote_uses ADD CONSTRAINT use_of_a_quote FOREIGN KEY (quote_id) REFERENCES quotes (id);
ALTER TABLE quote_uses ADD CONSTRAINT quote_used_by_an_order
    FOREIGN KEY (order_id) REFERENCES orders (id);
CREATE TRIGGER quotes_never_change BEFORE UPDATE ON quotes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quote_uses_append_only BEFORE UPDATE OR DELETE ON quote_uses
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- At the end of the statement, when the order that came with the use stands, too.
CREATE FUNCTION guard_quote_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM quotes q, orders o WHERE q.id = NEW.quote_id AND o.id = NEW.order_id
            AND (q.buyer_id, q.site_id, q.currency, q.total)
                = (o.buyer_id, o.site_id, o.currency, o.total)
            AND NEW.used_at < q.valid_until
    ) THEN
        RAISE EXCEPTION 'an order by a quote is its buyer''s, in time, and costs what was quoted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'quote_used_as_given';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER quote_uses_as_given AFTER INSERT ON quote_uses
    FOR EACH ROW EXECUTE FUNCTION guard_quote_use();
"""


class Migration(migrations.Migration):
    """Two tables."""

    dependencies = [("domain", "0034_aftersale")]

    initial = False

    operations = with_constraints(
        [
            ops.CreateModel(
                name="Quote",
                fields=[
                    ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                    ("buyer_id", fields.UUIDField()),
                    ("site_id", fields.UUIDField()),
                    ("currency", fields.CharField(max_length=3)),
                    ("lines", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                    ("total", fields.BigIntField()),
                    ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                    ("valid_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ],
                options={
                    "table": "quotes",
                    "app": "domain",
                    "constraints": [
                        CheckConstraint(check="total >= 0", name="quote_not_below_zero"),
                        CheckConstraint(check="valid_until > created_at", name="quote_valid_for_a_while"),
                    ],
                    "indexes": [Index(fields=["buyer_id", "valid_until"]), Index(fields=["valid_until"])],
                    "pk_attr": "id",
                    "table_description": "Prices that one buyer may buy at, at one site, until `valid_until`.",
                },
                bases=["Model"],
            ),
            ops.CreateModel(
                name="QuoteUse",
                fields=[
                    ("quote_id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                    ("order_id", fields.UUIDField()),
                    ("used_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ],
                options={
                    "table": "quote_uses",
                    "app": "domain",
                    "constraints": [
                        UniqueConstraint(fields=("order_id",), name="order_by_one_quote"),
                    ],
                    "pk_attr": "quote_id",
                    "table_description": "Which order was placed by a quote: one, whose total is the quote's (a trigger says so).",
                },
                bases=["Model"],
            ),
        ]
    ) + [RunSQL(SQL)]
