"""Rules of risk, what they saw, and the orders that wait for a second look. Amounts in 1/10000."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id


class RiskDecision(StrEnum):
    """What rules say of an order; the strictest one counts."""

    ALLOW = "ALLOW"
    REVIEW = "REVIEW"  # paid, and held until somebody has looked
    BLOCK = "BLOCK"  # refused; when its money is here already, held


class RiskCaseState(StrEnum):
    """The life of a held order."""

    OPEN = "OPEN"
    RELEASED = "RELEASED"
    REJECTED = "REJECTED"


class RiskSubject(StrEnum):
    """What orders are counted by, and what a deny list names."""

    BUYER = "BUYER"
    ADDRESS = "ADDRESS"  # the network address that an order came from
    ACCOUNT = "ACCOUNT"  # what a buyer filled in, any field of any line


class RiskRule(Model):
    """One version of a rule. Written once, never changed; the newest version counts.

    `number` grows with every version of any rule, so the newest row is the version of all rules.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    number = fields.BigIntField(unique=True)
    rule_id = fields.UUIDField()
    version = fields.IntField()
    name = fields.CharField(max_length=100)
    conditions = fields.JSONField[list[dict[str, Any]]]()  # all of them must hold
    decision = fields.CharEnumField(RiskDecision, max_length=8)
    shadow = fields.BooleanField()  # it only notes what it would have said
    enabled = fields.BooleanField()
    saved_by = fields.UUIDField(null=True)
    saved_at = fields.DatetimeField()

    class Meta:
        table = "risk_rules"
        unique_together = (("rule_id", "version"),)
        constraints = (
            CheckConstraint(check="decision IN ('REVIEW', 'BLOCK')", name="risk_rule_decides"),
            CheckConstraint(
                check="jsonb_typeof(conditions) = 'array' AND jsonb_array_length(conditions) > 0",
                name="risk_rule_has_conditions",
            ),
            CheckConstraint(check="version > 0 AND number > 0", name="risk_rule_counted"),
        )


class RiskSighting(Model):
    """A try to order, by one subject; kept only while a rule asks for it. `digest` is keyed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    subject = fields.CharEnumField(RiskSubject, max_length=8)
    digest = fields.BinaryField()
    deed = fields.UUIDField()  # one for all tries with one idempotency key
    order_id = fields.UUIDField(null=True)  # of an order that is paid later
    seen_at = fields.DatetimeField()

    class Meta:
        table = "risk_sightings"
        indexes = (("subject", "digest", "seen_at"), ("order_id",), ("seen_at",))
        constraints = (
            UniqueConstraint(fields=("subject", "digest", "deed"), name="risk_seen_once"),
        )


class RiskHit(Model):
    """A rule that fired without holding an order: a shadow's, or one that refused an order."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    rule_id = fields.UUIDField()
    version = fields.IntField()
    deed = fields.UUIDField()
    buyer_id = fields.UUIDField()
    shadow = fields.BooleanField()
    signal = fields.JSONField[dict[str, Any]]()
    seen_at = fields.DatetimeField()

    class Meta:
        table = "risk_hits"
        indexes = (("rule_id", "seen_at"),)
        constraints = (
            UniqueConstraint(fields=("rule_id", "version", "deed"), name="risk_hit_once"),
        )


class RiskCase(Model):
    """A paid order that waits for a second look, and how that ended."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_id = fields.UUIDField(unique=True)
    state = fields.CharEnumField(RiskCaseState, max_length=8)
    signals = fields.JSONField[list[dict[str, Any]]]()  # which rules fired, and on what
    opened_at = fields.DatetimeField()
    claimed_by = fields.UUIDField(null=True)
    claimed_until = fields.DatetimeField(null=True)
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    note = fields.CharField(max_length=500, default="")

    class Meta:
        table = "risk_cases"
        indexes = (("state", "id"),)
        constraints = (
            CheckConstraint(
                check="state IN ('OPEN', 'RELEASED', 'REJECTED')", name="risk_case_state_known"
            ),
            CheckConstraint(
                check="(state = 'OPEN') = (decided_at IS NULL) AND (state = 'OPEN' OR note <> '')",
                name="risk_case_decided_with_a_note",
            ),
            CheckConstraint(
                check="(claimed_by IS NULL) = (claimed_until IS NULL)", name="risk_case_claimed"
            ),
        )
