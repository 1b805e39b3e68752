"""What agents have off for what they turned over in a month."""

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

SQL = """
-- Volumes and rates rise, step by step; ten steps at most.
CREATE FUNCTION is_volume_ladder(volumes bigint[], rates int[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT cardinality(volumes) = cardinality(rates) AND cardinality(rates) <= 10
        AND coalesce(bool_and(v > below AND r > less AND r < 10000), true)
    FROM (SELECT v, r, lag(v, 1, 0::bigint) OVER step AS below, lag(r, 1, 0) OVER step AS less
        FROM unnest(volumes, rates) WITH ORDINALITY AS s (v, r, place)
        WINDOW step AS (ORDER BY place)) steps
$$;
ALTER TABLE volume_ladders ADD CONSTRAINT volume_ladder_rises
    CHECK (is_volume_ladder(from_volumes, off_rates));
CREATE TRIGGER volume_ladders_append_only BEFORE UPDATE OR DELETE ON volume_ladders
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE agent_volumes ADD CONSTRAINT agent_volume_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
CREATE INDEX agent_volumes_by_month ON agent_volumes (month);
CREATE TRIGGER agent_volumes_append_only BEFORE UPDATE OR DELETE ON agent_volumes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def _moment() -> fields.Field:  # type: ignore[type-arg]
    return fields.DatetimeField(auto_now=False, auto_now_add=False)


def _id() -> fields.Field:  # type: ignore[type-arg]
    return fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)


class Migration(migrations.Migration):
    """Two tables."""

    dependencies = [("domain", "0086_ladders")]

    initial = False

    operations = [
        *with_constraints(
            [
                ops.CreateModel(
                    name="AgentVolume",
                    fields=[
                        ("id", _id()),
                        ("agent_id", fields.UUIDField()),
                        ("month", fields.DateField()),
                        ("volume", fields.BigIntField()),
                        ("off_rate", fields.IntField()),
                        ("valid_from", _moment()),
                        ("valid_until", _moment()),
                        ("counted_at", _moment()),
                    ],
                    options={
                        "table": "agent_volumes",
                        "app": "domain",
                        "unique_together": (("agent_id", "month"),),
                        "constraints": [
                            CheckConstraint(
                                check="off_rate BETWEEN 0 AND 9999 AND valid_until > valid_from",
                                name="agent_volume_within_limits",
                            )
                        ],
                        "pk_attr": "id",
                        "table_description": "What an agent turned over in a month, in units, and"
                        " what it has off for that, for a month.",
                    },
                    bases=["Model"],
                ),
                ops.CreateModel(
                    name="VolumeLadder",
                    fields=[
                        ("id", _id()),
                        ("tier", fields.CharField(max_length=16)),
                        ("from_volumes", ArrayField(element_type="bigint")),
                        ("off_rates", ArrayField(element_type="int")),
                        ("valid_from", _moment()),
                        ("set_by", fields.UUIDField(null=True)),
                    ],
                    options={
                        "table": "volume_ladders",
                        "app": "domain",
                        "indexes": [Index(fields=["tier", "valid_from"])],
                        "constraints": [
                            CheckConstraint(
                                check="tier IN ('bronze', 'silver', 'gold')",
                                name="volume_ladder_of_agents",
                            )
                        ],
                        "pk_attr": "id",
                        "table_description": "What agents of a tier have off for what they turned"
                        " over in a month: from `from_volumes[i]`",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        RunSQL(SQL),
    ]
