"""How suppliers do: polls, readings, scores, demotions, lines of balances."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.routing.models import Demotion, Reach

GATE = "SupplierGate"
TABLE = "What a supplier told when it was asked how it is, and how it stood then. Kept for a while."
INDEX = """
CREATE INDEX supplier_gates_polled ON supplier_gates (next_poll_at);
"""


def _described(kind: type) -> str:
    return "\n".join(f"{each.name}: {each.value}" for each in kind)  # type: ignore[attr-defined]


def _moment(null: bool = True) -> fields.Field:  # type: ignore[type-arg]
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=False)


ADDED = {
    "low_balance": fields.BigIntField(null=True),
    "reminded_at": _moment(),
    "next_poll_at": _moment(),
    "downs": fields.IntField(default=0, db_default=0),
    "invalid_rate": fields.IntField(default=0, db_default=0),
    "refund_hours": fields.IntField(null=True),
    "score": fields.IntField(default=10_000, db_default=10_000),
    "demoted_at": _moment(),
    "demotion": fields.CharEnumField(
        null=True, description=_described(Demotion), enum_type=Demotion, max_length=16
    ),
}


class Migration(migrations.Migration):
    """One table, columns of gates."""

    dependencies = [("domain", "0065_admission")]

    initial = False

    operations = [
        *(ops.AddField(model_name=GATE, name=name, field=field) for name, field in ADDED.items()),
        ops.AddConstraint(
            model_name=GATE,
            constraint=CheckConstraint(
                check="score BETWEEN 0 AND 10000 AND downs >= 0 AND coalesce(low_balance, 0) >= 0"
                " AND (demoted_at IS NULL) = (demotion IS NULL)",
                name="supplier_gate_health",
            ),
        ),
        *with_constraints(
            [
                ops.CreateModel(
                    name="SupplierReading",
                    fields=[
                        (
                            "id",
                            fields.UUIDField(
                                primary_key=True, default=new_id, unique=True, db_index=True
                            ),
                        ),
                        ("supplier_id", fields.UUIDField()),
                        ("at", _moment(null=False)),
                        (
                            "reach",
                            fields.CharEnumField(
                                description=_described(Reach), enum_type=Reach, max_length=8
                            ),
                        ),
                        ("took_ms", fields.IntField()),
                        ("balance", fields.BigIntField(null=True)),
                        ("score", fields.IntField()),
                    ],
                    options={
                        "table": "supplier_readings",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(
                                check="reach IN ('up', 'down', 'unknown')",
                                name="reading_reach_known",
                            )
                        ],
                        "indexes": [Index(fields=["supplier_id", "id"]), Index(fields=["at"])],
                        "pk_attr": "id",
                        "table_description": TABLE,
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.RunSQL(INDEX),
    ]
