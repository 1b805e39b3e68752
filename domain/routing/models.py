"""Routing: policies, how suppliers and offers stand, and what was decided for each line."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class PolicyKind(StrEnum):
    """In which order offers are tried."""

    PRIORITY = "priority"
    LOWEST_COST = "lowest_cost"  # price, fee and what a failure is expected to cost
    BEST_SUCCESS = "best_success"
    WEIGHTED = "weighted"  # each offer its share of the lines


class PolicyScope(StrEnum):
    """What a policy is for; the narrowest one counts, and a category's for those below it."""

    DEFAULT = "default"
    CATEGORY = "category"
    VARIANT = "variant"


class RoutingPolicy(Model):
    """How offers are ranked for a variant, the variants of a category, or all."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    scope = fields.CharEnumField(PolicyScope, max_length=8)
    scope_id: UUID | None = fields.UUIDField(null=True)
    kind = fields.CharEnumField(PolicyKind, max_length=16)
    # What a failed attempt costs in work and good will, in 1/10000 of the offer's cost.
    failure_cost_rate = fields.IntField(default=500)
    # How much more than the offer's cost may be paid, in 1/10000; None: up to the line's own guard.
    cost_tolerance: int | None = fields.IntField(null=True)
    # How long a line waits for an offer that is only busy, before its price goes back.
    wait_seconds = fields.IntField(default=120)
    # Whether cards that a supplier brings in part are kept for their line; else all or nothing.
    parts = fields.BooleanField(default=True, db_default=True)
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "routing_policies"
        constraints = (
            CheckConstraint(
                check="scope IN ('default', 'category', 'variant')", name="policy_scope_known"
            ),
            CheckConstraint(
                check="kind IN ('priority', 'lowest_cost', 'best_success', 'weighted')",
                name="policy_kind_known",
            ),
            CheckConstraint(
                check="(scope = 'default') = (scope_id IS NULL)", name="policy_scope_whole"
            ),
            CheckConstraint(
                check="failure_cost_rate BETWEEN 0 AND 100000 AND wait_seconds BETWEEN 0 AND 86400"
                " AND (cost_tolerance IS NULL OR cost_tolerance BETWEEN 0 AND 100000)",
                name="policy_within_limits",
            ),
            UniqueConstraint(
                fields=("scope", "scope_id"),
                name="policy_one_per_scope",
                condition="scope_id IS NOT NULL",
            ),
            UniqueConstraint(
                fields=("scope",), name="policy_one_default", condition="scope_id IS NULL"
            ),
        )


class Gate(Model):
    """What every process must agree on before it sends anything, and what experience says.

    The breaker is closed without `open_until`, open before it, half-open after it: then one probe,
    until `probe_until` or its answer. Rates in 1/10000.
    """

    failures = fields.IntField(default=0, db_default=0)
    trips = fields.IntField(default=0, db_default=0)  # how often in a row the breaker opened
    open_until = fields.DatetimeField(null=True)
    probe_until = fields.DatetimeField(null=True)
    reason = fields.CharField(max_length=32, default="", db_default="")
    success = fields.IntField(default=10_000, db_default=10_000)
    samples = fields.IntField(default=0, db_default=0)
    latency_ms = fields.IntField(default=0, db_default=0)
    measured_at = fields.DatetimeField(null=True)

    class Meta:
        abstract = True


class Reach(StrEnum):
    """Whether a supplier answered when it was asked how it is."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"  # it cannot be asked


class Demotion(StrEnum):
    """Why a supplier is asked after all others."""

    SCORE = "score"  # too much goes wrong there
    UNREACHABLE = "unreachable"


class SupplierGate(Gate):
    """Of one supplier's connection. Its row is locked by whoever is about to buy there."""

    supplier_id = fields.UUIDField(primary_key=True)
    paced_until = fields.DatetimeField(null=True)  # calls so far are paid off at this moment
    balance: int | None = fields.BigIntField(null=True)  # what the supplier told last, in units
    balance_at = fields.DatetimeField(null=True)
    # Told, and not above the line since.
    balance_low = fields.BooleanField(default=False, db_default=False)
    low_balance: int | None = fields.BigIntField(null=True)  # the operator's line; None: by use
    reminded_at = fields.DatetimeField(null=True)  # of a low balance, told last
    next_poll_at = fields.DatetimeField(null=True)
    downs = fields.IntField(default=0, db_default=0)  # in a row, when it was asked how it is
    # What makes its score, beside success and latency; rates in 1/10000.
    invalid_rate = fields.IntField(default=0, db_default=0)
    refund_hours: int | None = fields.IntField(null=True)
    score = fields.IntField(default=10_000, db_default=10_000)
    demoted_at = fields.DatetimeField(null=True)
    demotion: Demotion | None = fields.CharEnumField(  # type: ignore[assignment]
        Demotion, max_length=16, null=True
    )

    class Meta:
        table = "supplier_gates"
        constraints = (
            CheckConstraint(
                check="success BETWEEN 0 AND 10000 AND failures >= 0 AND trips >= 0",
                name="supplier_gate_within_limits",
            ),
            CheckConstraint(
                check="score BETWEEN 0 AND 10000 AND downs >= 0 AND coalesce(low_balance, 0) >= 0"
                " AND (demoted_at IS NULL) = (demotion IS NULL)",
                name="supplier_gate_health",
            ),
        )


class SupplierReading(Model):
    """What a supplier told when it was asked how it is, and how it stood then. Kept for a while."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    supplier_id = fields.UUIDField()
    at = fields.DatetimeField()
    reach = fields.CharEnumField(Reach, max_length=8)
    took_ms = fields.IntField()
    balance: int | None = fields.BigIntField(null=True)  # units; None: not told
    score = fields.IntField()

    class Meta:
        table = "supplier_readings"
        indexes = (("supplier_id", "id"), ("at",))
        constraints = (
            CheckConstraint(check="reach IN ('up', 'down', 'unknown')", name="reading_reach_known"),
        )


class OfferGate(Gate):
    """Of one offer: this supplier, this variant."""

    offer_id = fields.UUIDField(primary_key=True)

    class Meta:
        table = "offer_gates"
        constraints = (
            CheckConstraint(
                check="success BETWEEN 0 AND 10000 AND failures >= 0 AND trips >= 0",
                name="offer_gate_within_limits",
            ),
        )


class RouteDecision(Model):
    """Why attempt `number` of a line went where it did, or why nobody was asked.

    `decided_at` is when the line first needed this attempt; it may have waited since.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    line_id = fields.UUIDField()
    number = fields.SmallIntField()
    kind = fields.CharEnumField(PolicyKind, max_length=16)
    scope = fields.CharEnumField(PolicyScope, max_length=8)
    offer_id: UUID | None = fields.UUIDField(null=True)
    # All in their order; of one that simply went on in that order, by their offers those alone that
    # stand otherwise than in the line's first decision.
    candidates = fields.JSONField[list[dict[str, Any]] | dict[str, dict[str, Any]]]()
    decided_at = fields.DatetimeField()

    class Meta:
        table = "route_decisions"
        unique_together = (("line_id", "number"),)
        indexes = (("decided_at",),)
