"""Types and the life of agents, a leaf that has nobody below it, moves with their history."""

from domain.agents.models import AgentType, ChangeKind, ChangeReason
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.fields.db_defaults import SqlDefault
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

BEFORE = """
ALTER TABLE agents DROP CONSTRAINT agent_below_its_parent;
UPDATE agents SET parent_leaf = false WHERE parent_id IS NOT NULL;
"""
SQL = """
ALTER TABLE agents ADD CONSTRAINT agent_below_its_parent
    FOREIGN KEY (parent_id, parent_depth, parent_leaf) REFERENCES agents (id, depth, leaf);
ALTER TABLE agent_changes ADD CONSTRAINT change_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
CREATE TRIGGER agent_changes_append_only BEFORE UPDATE OR DELETE ON agent_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION guard_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an agent is closed, never deleted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'agent_kept';
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.id, NEW.user_id) IS DISTINCT FROM (OLD.id, OLD.user_id) THEN
        RAISE EXCEPTION 'an agent stays the same user'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'agent_kept';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'closed' AND NEW.status <> 'closed' THEN
        RAISE EXCEPTION 'an agent that was closed stays closed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'agent_closed_for_good';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agents_kept BEFORE UPDATE OR DELETE ON agents
    FOR EACH ROW EXECUTE FUNCTION guard_agent();
-- At the end of the transaction nobody stands below one that was closed.
CREATE FUNCTION guard_closed_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM agents c JOIN agents p ON p.id = c.parent_id
        WHERE p.status = 'closed' AND (c.id = NEW.id OR p.id = NEW.id)) THEN
        RAISE EXCEPTION 'nobody stands below an agent that was closed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'agent_below_a_closed_one';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER agents_below_open_ones AFTER INSERT OR UPDATE ON agents
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_closed_agent();
"""


class Migration(migrations.Migration):
    """Columns of the tree, its constraints anew, and the table of changes."""

    dependencies = [("domain", "0043_canary_prints")]

    initial = False

    operations = with_constraints([
        ops.AddField(
            model_name="Agent",
            name="type",
            field=fields.CharEnumField(
                AgentType,
                max_length=16,
                default=AgentType.DISTRIBUTOR,
                db_default=SqlDefault("'distributor'"),
            ),
        ),
        ops.AddField(
            model_name="Agent",
            name="leaf",
            field=fields.BooleanField(default=False, db_default=SqlDefault("false")),
        ),
        ops.AddField(
            model_name="Agent", name="parent_leaf", field=fields.BooleanField(null=True)
        ),
        ops.AddField(
            model_name="Agent",
            name="version",
            field=fields.IntField(default=1, db_default=SqlDefault("1")),
        ),
        RunSQL(BEFORE),
        ops.RemoveConstraint(model_name="Agent", name="agent_depth_follows_parent"),
        ops.RemoveConstraint(model_name="Agent", name="agent_id_depth"),
        ops.AddConstraint(
            model_name="Agent",
            constraint=CheckConstraint(
                check="(parent_id IS NULL AND parent_depth IS NULL AND parent_leaf IS NULL"
                " AND depth = 1) OR (parent_id IS NOT NULL AND parent_depth IS NOT NULL"
                " AND depth = parent_depth + 1 AND parent_leaf IS NOT NULL AND NOT parent_leaf)",
                name="agent_below_its_parent_only",
            ),
        ),
        ops.AddConstraint(
            model_name="Agent",
            constraint=CheckConstraint(
                check="leaf = (type = 'promoter')", name="agent_promoter_is_leaf"
            ),
        ),
        ops.AddConstraint(
            model_name="Agent",
            constraint=CheckConstraint(
                check="type IN ('distributor', 'promoter', 'corporate')", name="agent_type_known"
            ),
        ),
        ops.AddConstraint(
            model_name="Agent",
            constraint=CheckConstraint(
                check="status IN ('active', 'suspended', 'closed')", name="agent_status_known"
            ),
        ),
        ops.AddConstraint(
            model_name="Agent",
            constraint=UniqueConstraint(fields=("id", "depth", "leaf"), name="agent_place"),
        ),
        ops.CreateModel(
            name="AgentChange",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ("agent_id", fields.UUIDField()),
                ("version", fields.IntField()),
                ("kind", fields.CharEnumField(enum_type=ChangeKind, max_length=16)),
                ("before", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("after", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("reason", fields.CharEnumField(enum_type=ChangeReason, max_length=16)),
                ("note", fields.CharField(default="", max_length=500)),
                ("changed_by", fields.UUIDField(null=True)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "agent_changes",
                "app": "domain",
                "unique_together": (("agent_id", "version"),),
                "constraints": [
                    CheckConstraint(
                        check="kind IN ('joined', 'tier', 'type', 'moved', 'status')",
                        name="agent_change_known",
                    ),
                    CheckConstraint(
                        check="reason <> 'other' OR note <> ''", name="agent_change_explained"
                    ),
                ],
                "pk_attr": "id",
                "table_description": "One change of an agent: what it was, what it became, why and"
                " by whom. Never changed.",
            },
            bases=["Model"],
        ),
    ]) + [RunSQL(SQL)]
