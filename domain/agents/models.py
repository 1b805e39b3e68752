"""Agents: a tree of three levels at most, kept so by the database alone (mission rows G2, G3).

`depth` grows by one from parent to child, and a composite foreign key (parent_id, parent_depth) ->
(id, depth) proves it: neither a cycle nor a fourth level can be written, whoever writes.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from domain.kernel.ids import new_id

MAX_DEPTH = 3


class Tier(StrEnum):
    """The price grades, dearest first. A tier is a choice, a level is a fact."""

    RETAIL = "retail"
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


class AgentStatus(StrEnum):
    """Where an agent stands."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Agent(Model):
    """A party that resells."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    user_id = fields.UUIDField(unique=True)
    code = fields.CharField(max_length=16, unique=True)  # the promoter code in links
    name = fields.CharField(max_length=64)
    tier = fields.CharEnumField(Tier, max_length=16)
    depth = fields.SmallIntField()
    parent_id = fields.UUIDField(null=True)
    parent_depth = fields.SmallIntField(null=True)
    status = fields.CharEnumField(AgentStatus, max_length=16)
    created_at = fields.DatetimeField()

    class Meta:
        table = "agents"
        indexes = (("parent_id",),)
        constraints = (
            CheckConstraint(check="depth BETWEEN 1 AND 3", name="agent_depth_at_most_three"),
            CheckConstraint(
                check="(parent_id IS NULL AND parent_depth IS NULL AND depth = 1)"
                " OR (parent_id IS NOT NULL AND parent_depth IS NOT NULL"
                " AND depth = parent_depth + 1)",
                name="agent_depth_follows_parent",
            ),
            CheckConstraint(check="tier IN ('bronze', 'silver', 'gold')", name="agent_tier_known"),
            UniqueConstraint(fields=("id", "depth"), name="agent_id_depth"),
        )
