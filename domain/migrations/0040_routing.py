"""Routing: policies, how suppliers and offers stand, decisions; what operators bound and weigh."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.routing.models import PolicyKind, PolicyScope

OPEN_AT = """
CREATE INDEX fulfilment_attempts_open_at ON fulfilment_attempts (supplier_id)
    WHERE status IN ('submitting', 'accepted', 'uncertain');
"""
KIND = (
    "PRIORITY: priority\nLOWEST_COST: lowest_cost\nBEST_SUCCESS: best_success\nWEIGHTED: weighted"
)
SCOPE = "DEFAULT: default\nCATEGORY: category\nVARIANT: variant"


def _standing() -> list[tuple[str, fields.Field]]:  # type: ignore[type-arg]
    return [
        ("failures", fields.IntField(default=0, db_default=0)),
        ("trips", fields.IntField(default=0, db_default=0)),
        ("open_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
        ("probe_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
        ("reason", fields.CharField(default="", db_default="", max_length=32)),
        ("success", fields.IntField(default=10_000, db_default=10_000)),
        ("samples", fields.IntField(default=0, db_default=0)),
        ("latency_ms", fields.IntField(default=0, db_default=0)),
        ("measured_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
    ]


def _key(name: str) -> tuple[str, fields.Field]:  # type: ignore[type-arg]
    return (name, fields.UUIDField(primary_key=True, unique=True, db_index=True))


WITHIN = "success BETWEEN 0 AND 10000 AND failures >= 0 AND trips >= 0"


class Migration(migrations.Migration):
    """Four tables, columns of suppliers and offers, one index."""

    dependencies = [("domain", "0039_funds")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Supplier", name="max_open", field=fields.IntField(null=True)
        ),
        ops.AddField(
            model_name="Supplier", name="pace_calls", field=fields.IntField(null=True)
        ),
        ops.AddField(
            model_name="Supplier", name="pace_seconds", field=fields.IntField(null=True)
        ),
        ops.AddConstraint(
            model_name="Supplier",
            constraint=CheckConstraint(
                check="(pace_calls IS NULL) = (pace_seconds IS NULL)"
                " AND coalesce(pace_calls, 1) > 0 AND coalesce(pace_seconds, 1) > 0"
                " AND coalesce(max_open, 1) > 0",
                name="supplier_pace_whole",
            ),
        ),
        ops.AddField(
            model_name="SupplierOffer", name="fee", field=fields.BigIntField(default=0, db_default=0)
        ),
        ops.AddField(
            model_name="SupplierOffer",
            name="weight",
            field=fields.IntField(default=100, db_default=100),
        ),
        ops.AddConstraint(
            model_name="SupplierOffer",
            constraint=CheckConstraint(
                check="fee >= 0 AND weight >= 0", name="offer_fee_and_weight"
            ),
        ),
        *with_constraints(
            [
                ops.CreateModel(
                    name="RoutingPolicy",
                    fields=[
                        ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                        ("scope", fields.CharEnumField(description=SCOPE, enum_type=PolicyScope, max_length=8)),
                        ("scope_id", fields.UUIDField(null=True)),
                        ("kind", fields.CharEnumField(description=KIND, enum_type=PolicyKind, max_length=16)),
                        ("failure_cost_rate", fields.IntField(default=500)),
                        ("cost_tolerance", fields.IntField(null=True)),
                        ("wait_seconds", fields.IntField(default=120)),
                        ("version", fields.IntField(default=1)),
                        ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                    ],
                    options={
                        "table": "routing_policies",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(
                                check="scope IN ('default', 'category', 'variant')",
                                name="policy_scope_known",
                            ),
                            CheckConstraint(
                                check="kind IN ('priority', 'lowest_cost', 'best_success', 'weighted')",
                                name="policy_kind_known",
                            ),
                            CheckConstraint(
                                check="(scope = 'default') = (scope_id IS NULL)",
                                name="policy_scope_whole",
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
                                fields=("scope",),
                                name="policy_one_default",
                                condition="scope_id IS NULL",
                            ),
                        ],
                        "pk_attr": "id",
                        "table_description": "How offers are ranked for a variant, the variants of a category, or all.",
                    },
                    bases=["Model"],
                ),
                ops.CreateModel(
                    name="SupplierGate",
                    fields=[
                        _key("supplier_id"),
                        *_standing(),
                        ("paced_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                        ("balance", fields.BigIntField(null=True)),
                        ("balance_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                        ("balance_low", fields.BooleanField(default=False, db_default=False)),
                    ],
                    options={
                        "table": "supplier_gates",
                        "app": "domain",
                        "constraints": [CheckConstraint(check=WITHIN, name="supplier_gate_within_limits")],
                        "pk_attr": "supplier_id",
                        "table_description": "Of one supplier's connection. Its row is locked by whoever is about to buy there.",
                    },
                    bases=["Model"],
                ),
                ops.CreateModel(
                    name="OfferGate",
                    fields=[_key("offer_id"), *_standing()],
                    options={
                        "table": "offer_gates",
                        "app": "domain",
                        "constraints": [CheckConstraint(check=WITHIN, name="offer_gate_within_limits")],
                        "pk_attr": "offer_id",
                        "table_description": "Of one offer: this supplier, this variant.",
                    },
                    bases=["Model"],
                ),
                ops.CreateModel(
                    name="RouteDecision",
                    fields=[
                        ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                        ("line_id", fields.UUIDField()),
                        ("number", fields.SmallIntField()),
                        ("kind", fields.CharEnumField(description=KIND, enum_type=PolicyKind, max_length=16)),
                        ("scope", fields.CharEnumField(description=SCOPE, enum_type=PolicyScope, max_length=8)),
                        ("offer_id", fields.UUIDField(null=True)),
                        ("candidates", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                        ("decided_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                    ],
                    options={
                        "table": "route_decisions",
                        "app": "domain",
                        "unique_together": (("line_id", "number"),),
                        "indexes": [Index(fields=["decided_at"])],
                        "pk_attr": "id",
                        "table_description": "Why attempt `number` of a line went where it did, or why nobody was asked.",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.RunSQL(OPEN_AT),
    ]
