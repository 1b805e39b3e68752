"""Prices by quantity, and who of the agents sees floors."""

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE price_ladders ADD CONSTRAINT price_ladder_of_a_list
    FOREIGN KEY (list_id) REFERENCES price_lists (id);
ALTER TABLE price_ladders ADD CONSTRAINT price_ladder_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
-- Quantities rise from 2 on, and prices fall, step by step; ten steps at most.
CREATE FUNCTION is_ladder(quantities int[], amounts bigint[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT cardinality(quantities) = cardinality(amounts) AND cardinality(amounts) <= 10
        AND coalesce(bool_and(q >= 2 AND a > 0 AND q > before AND a < dearer), true)
    FROM (SELECT q, a, lag(q, 1, 1) OVER step AS before, lag(a, 1, a + 1) OVER step AS dearer
        FROM unnest(quantities, amounts) WITH ORDINALITY AS s (q, a, place)
        WINDOW step AS (ORDER BY place)) steps
$$;
ALTER TABLE price_ladders ADD CONSTRAINT price_ladder_falls
    CHECK (is_ladder(from_quantities, amounts));
CREATE TRIGGER price_ladders_append_only BEFORE UPDATE OR DELETE ON price_ladders
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE floor_grants ADD CONSTRAINT floor_grant_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
CREATE TRIGGER floor_grants_append_only BEFORE UPDATE OR DELETE ON floor_grants
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER floor_grants_not_of_promoters BEFORE INSERT ON floor_grants
    FOR EACH ROW WHEN (NEW.granted) EXECUTE FUNCTION refuse_price_of_promoter();
"""


def _moment() -> fields.Field:  # type: ignore[type-arg]
    return fields.DatetimeField(auto_now=False, auto_now_add=False)


def _id() -> fields.Field:  # type: ignore[type-arg]
    return fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)


class Migration(migrations.Migration):
    """Two tables."""

    dependencies = [("domain", "0085_resealed")]

    initial = False

    operations = [
        *with_constraints(
            [
                ops.CreateModel(
                    name="FloorGrant",
                    fields=[
                        ("id", _id()),
                        ("agent_id", fields.UUIDField()),
                        ("granted", fields.BooleanField()),
                        ("note", fields.CharField(max_length=200)),
                        ("set_by", fields.UUIDField(null=True)),
                        ("at", _moment()),
                    ],
                    options={
                        "table": "floor_grants",
                        "app": "domain",
                        "indexes": [Index(fields=["agent_id", "id"])],
                        "constraints": [
                            CheckConstraint(check="note <> ''", name="floor_grant_explained")
                        ],
                        "pk_attr": "id",
                        "table_description": "Whether an agent sees floors and costs (row E3). The"
                        " newest counts; rows never change.",
                    },
                    bases=["Model"],
                ),
                ops.CreateModel(
                    name="PriceLadder",
                    fields=[
                        ("id", _id()),
                        ("list_id", fields.UUIDField()),
                        ("variant_id", fields.UUIDField()),
                        ("tier", fields.CharField(max_length=16)),
                        ("from_quantities", ArrayField(element_type="int")),
                        ("amounts", ArrayField(element_type="bigint")),
                        ("valid_from", _moment()),
                        ("set_by", fields.UUIDField(null=True)),
                        ("created_at", _moment()),
                    ],
                    options={
                        "table": "price_ladders",
                        "app": "domain",
                        "indexes": [Index(fields=["list_id", "variant_id", "tier", "valid_from"])],
                        "constraints": [
                            CheckConstraint(
                                check="tier IN ('bronze', 'silver', 'gold')",
                                name="price_ladder_of_agents",
                            )
                        ],
                        "pk_attr": "id",
                        "table_description": "What agents of a tier pay for one piece when they"
                        " buy more of a variant at once, on a list:",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        RunSQL(SQL),
    ]
