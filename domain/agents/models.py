"""Agents: a tree of three levels at most, kept so by the database alone (mission rows G2, G3).

`depth` grows by one from parent to child, and a composite foreign key (parent_id, parent_depth,
parent_leaf) -> (id, depth, leaf) proves it: neither a cycle, nor a fourth level, nor anybody below
a leaf can be written, whoever writes.
"""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id

MAX_DEPTH = 3


class Tier(StrEnum):
    """The price grades, dearest first. A tier is a choice, a level is a fact."""

    RETAIL = "retail"
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


class AgentType(StrEnum):
    """What kind of reseller an agent is; only a promoter is always a leaf."""

    DISTRIBUTOR = "distributor"  # buys at its tier's price and may have a downline
    PROMOTER = "promoter"  # brings buyers; never has anybody below
    CORPORATE = "corporate"  # a company that resells, with its own books


class AgentStatus(StrEnum):
    """Where an agent stands."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class ChangeKind(StrEnum):
    """What about an agent changed."""

    JOINED = "joined"
    TIER = "tier"
    TYPE = "type"
    MOVED = "moved"
    STATUS = "status"


class ChangeReason(StrEnum):
    """Why it changed."""

    OWN_WISH = "own_wish"
    REORGANISATION = "reorganisation"
    PERFORMANCE = "performance"
    INACTIVE = "inactive"
    SUSPICION = "suspicion"
    CLEARED = "cleared"  # a suspicion or a case that came to nothing, or is over
    BREACH = "breach"  # decided by a penalty case
    PARENT_CLOSED = "parent_closed"  # moved up, because the one above left
    OTHER = "other"  # the note says it


class Agent(Model):
    """A party that resells."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    user_id = fields.UUIDField(unique=True)
    code = fields.CharField(max_length=16, unique=True)  # the promoter code in links
    name = fields.CharField(max_length=64)
    type = fields.CharEnumField(
        AgentType,
        max_length=16,
        default=AgentType.DISTRIBUTOR,
        db_default=SqlDefault("'distributor'"),
    )
    tier = fields.CharEnumField(Tier, max_length=16)
    depth = fields.SmallIntField()
    leaf = fields.BooleanField(default=False, db_default=SqlDefault("false"))
    parent_id = fields.UUIDField(null=True)
    parent_depth = fields.SmallIntField(null=True)
    parent_leaf = fields.BooleanField(null=True)  # false, or nobody is above
    status = fields.CharEnumField(AgentStatus, max_length=16)
    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    created_at = fields.DatetimeField()

    class Meta:
        table = "agents"
        indexes = (("parent_id",),)
        constraints = (
            CheckConstraint(check="depth BETWEEN 1 AND 3", name="agent_depth_at_most_three"),
            CheckConstraint(
                check="(parent_id IS NULL AND parent_depth IS NULL AND parent_leaf IS NULL"
                " AND depth = 1) OR (parent_id IS NOT NULL AND parent_depth IS NOT NULL"
                " AND depth = parent_depth + 1 AND parent_leaf IS NOT NULL AND NOT parent_leaf)",
                name="agent_below_its_parent_only",
            ),
            CheckConstraint(check="leaf = (type = 'promoter')", name="agent_promoter_is_leaf"),
            CheckConstraint(
                check="type IN ('distributor', 'promoter', 'corporate')", name="agent_type_known"
            ),
            CheckConstraint(
                check="status IN ('active', 'suspended', 'closed')", name="agent_status_known"
            ),
            CheckConstraint(check="tier IN ('bronze', 'silver', 'gold')", name="agent_tier_known"),
            UniqueConstraint(fields=("id", "depth", "leaf"), name="agent_place"),
        )


class AgentChange(Model):
    """One change of an agent: what it was, what it became, why and by whom. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    version = fields.IntField()  # of the agent, with this change
    kind = fields.CharEnumField(ChangeKind, max_length=16)
    before = fields.JSONField[dict[str, Any]]()
    after = fields.JSONField[dict[str, Any]]()
    reason = fields.CharEnumField(ChangeReason, max_length=16)
    note = fields.CharField(max_length=500, default="")
    changed_by = fields.UUIDField(null=True)  # None: the system itself
    at = fields.DatetimeField()

    class Meta:
        table = "agent_changes"
        unique_together = (("agent_id", "version"),)
        constraints = (
            CheckConstraint(
                check="kind IN ('joined', 'tier', 'type', 'moved', 'status')",
                name="agent_change_known",
            ),
            CheckConstraint(check="reason <> 'other' OR note <> ''", name="agent_change_explained"),
        )


class FootprintKind(StrEnum):
    """By what an agent is known again."""

    ADDRESS = "address"
    DEVICE = "device"  # by its guest


class AgentFootprint(Model):
    """Where an agent was seen, as a keyed digest; kept for a month."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    kind = fields.CharEnumField(FootprintKind, max_length=8)
    digest = fields.BinaryField()
    seen_at = fields.DatetimeField()

    class Meta:
        table = "agent_footprints"
        indexes = (("seen_at",),)
        constraints = (
            UniqueConstraint(fields=("agent_id", "kind", "digest"), name="agent_footprint_once"),
            CheckConstraint(check="kind IN ('address', 'device')", name="agent_footprint_known"),
        )


class AgentRelation(Model):
    """What staff say of an account: it is the agent's own, or it is not, whatever was seen."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    user_id = fields.UUIDField()
    related = fields.BooleanField()
    note = fields.CharField(max_length=500)
    marked_by = fields.UUIDField(null=True)
    marked_at = fields.DatetimeField()

    class Meta:
        table = "agent_relations"
        constraints = (
            UniqueConstraint(fields=("agent_id", "user_id"), name="agent_relation_once"),
            CheckConstraint(check="note <> ''", name="agent_relation_explained"),
        )
