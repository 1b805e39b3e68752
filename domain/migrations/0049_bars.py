"""Who in the chain of an order earns nothing on it, and by what an agent's own accounts are known."""

from domain.agents.models import FootprintKind
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

SQL = """
ALTER TABLE agent_footprints ADD CONSTRAINT footprint_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE agent_relations ADD CONSTRAINT relation_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE agent_relations ADD CONSTRAINT relation_with_a_user
    FOREIGN KEY (user_id) REFERENCES users (id);
CREATE INDEX orders_barred ON orders USING gin (barred jsonb_path_ops) WHERE barred IS NOT NULL;
CREATE FUNCTION guard_order_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'who earns on an order is decided when it is placed'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'order_chain_kept';
END $$;
CREATE TRIGGER orders_chain_kept BEFORE UPDATE OF agent_chain, barred, consumer ON orders
    FOR EACH ROW WHEN ((NEW.agent_chain, NEW.barred, NEW.consumer)
        IS DISTINCT FROM (OLD.agent_chain, OLD.barred, OLD.consumer))
    EXECUTE FUNCTION guard_order_chain();
"""


class Migration(migrations.Migration):
    """One column of orders, footprints and relations of agents."""

    dependencies = [("domain", "0048_hold_addresses")]

    initial = False

    operations = with_constraints([
        ops.AddField(
            model_name="Order",
            name="barred",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.CreateModel(
            name="AgentFootprint",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ("agent_id", fields.UUIDField()),
                ("kind", fields.CharEnumField(enum_type=FootprintKind, max_length=8)),
                ("digest", fields.BinaryField()),
                ("seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "agent_footprints",
                "app": "domain",
                "constraints": [
                    UniqueConstraint(
                        fields=("agent_id", "kind", "digest"), name="agent_footprint_once"
                    ),
                    CheckConstraint(
                        check="kind IN ('address', 'device')", name="agent_footprint_known"
                    ),
                ],
                "indexes": [Index(fields=["seen_at"])],
                "pk_attr": "id",
                "table_description": "Where an agent was seen, as a keyed digest; kept for a month.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AgentRelation",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ("agent_id", fields.UUIDField()),
                ("user_id", fields.UUIDField()),
                ("related", fields.BooleanField()),
                ("note", fields.CharField(max_length=500)),
                ("marked_by", fields.UUIDField(null=True)),
                ("marked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "agent_relations",
                "app": "domain",
                "constraints": [
                    UniqueConstraint(fields=("agent_id", "user_id"), name="agent_relation_once"),
                    CheckConstraint(check="note <> ''", name="agent_relation_explained"),
                ],
                "pk_attr": "id",
                "table_description": "What staff say of an account: it is the agent's own, or it is"
                " not, whatever was seen.",
            },
            bases=["Model"],
        ),
    ]) + [RunSQL(SQL)]
