"""Own prices of agents."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

# Rows are the history: one may end earlier than it was to, and never changes otherwise.
SQL = """
ALTER TABLE agent_prices ADD CONSTRAINT agent_price_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE agent_prices ADD CONSTRAINT agent_price_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE agent_prices ADD CONSTRAINT agent_price_of_a_category
    FOREIGN KEY (category_id) REFERENCES categories (id);
CREATE TRIGGER agent_prices_stay BEFORE DELETE ON agent_prices
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION keep_agent_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - 'valid_until' - 'ended_by')
            IS DISTINCT FROM (to_jsonb(OLD) - 'valid_until' - 'ended_by')
        OR NEW.valid_until IS NULL OR NEW.valid_until > OLD.valid_until THEN
        RAISE EXCEPTION 'an own price ends, earlier than it was to, and never changes otherwise'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'agent_price_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agent_prices_kept BEFORE UPDATE ON agent_prices
    FOR EACH ROW EXECUTE FUNCTION keep_agent_price();
CREATE FUNCTION refuse_price_of_promoter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM agents WHERE id = NEW.agent_id AND leaf) THEN
        RAISE EXCEPTION 'a promoter has no own prices'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'agent_price_not_of_a_promoter';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agent_prices_not_of_promoters BEFORE INSERT ON agent_prices
    FOR EACH ROW EXECUTE FUNCTION refuse_price_of_promoter();
"""
TABLE = (
    "An own price of an agent for a time: an `amount` for a variant in one currency, or `off_rate`"
)


class Migration(migrations.Migration):
    """One table."""

    dependencies = [("domain", "0069_payout_files")]

    initial = False

    operations = [
        *with_constraints(
            [
                ops.CreateModel(
                    name="AgentPrice",
                    fields=[
                        (
                            "id",
                            fields.UUIDField(
                                primary_key=True, default=new_id, unique=True, db_index=True
                            ),
                        ),
                        ("agent_id", fields.UUIDField()),
                        ("variant_id", fields.UUIDField(null=True)),
                        ("category_id", fields.UUIDField(null=True)),
                        ("currency", fields.CharField(null=True, max_length=3)),
                        ("amount", fields.BigIntField(null=True)),
                        ("off_rate", fields.IntField(null=True)),
                        (
                            "valid_from",
                            fields.DatetimeField(auto_now=False, auto_now_add=False),
                        ),
                        (
                            "valid_until",
                            fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                        ),
                        ("note", fields.CharField(default="", max_length=200)),
                        ("set_by", fields.UUIDField(null=True)),
                        ("ended_by", fields.UUIDField(null=True)),
                        (
                            "created_at",
                            fields.DatetimeField(auto_now=False, auto_now_add=False),
                        ),
                    ],
                    options={
                        "table": "agent_prices",
                        "app": "domain",
                        "indexes": [
                            Index(fields=["agent_id", "variant_id", "valid_from"]),
                            Index(fields=["agent_id", "category_id", "valid_from"]),
                        ],
                        "constraints": [
                            CheckConstraint(
                                check="(variant_id IS NOT NULL AND category_id IS NULL"
                                " AND currency IS NOT NULL AND amount IS NOT NULL"
                                " AND off_rate IS NULL) OR (variant_id IS NULL"
                                " AND category_id IS NOT NULL AND currency IS NULL"
                                " AND amount IS NULL AND off_rate IS NOT NULL)",
                                name="agent_price_of_one_thing",
                            ),
                            CheckConstraint(check="amount > 0", name="agent_price_above_zero"),
                            CheckConstraint(
                                check="off_rate BETWEEN 1 AND 9999",
                                name="agent_price_rate_bounded",
                            ),
                            CheckConstraint(
                                check="valid_until >= valid_from", name="agent_price_window"
                            ),
                        ],
                        "pk_attr": "id",
                        "table_description": TABLE,
                    },
                    bases=["Model"],
                ),
            ]
        ),
        RunSQL(SQL),
    ]
