"""Incidents of supply, operators' words about attempts, and money that suppliers give back."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.fulfilment.models import Doubt, IncidentKind, Resolution, VerdictState
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.ledger.models import TransferKind

GUARD = """
CREATE INDEX supply_incidents_of_attempts ON supply_incidents (attempt_id);
CREATE INDEX attempts_open_long ON fulfilment_attempts (opened_at)
    WHERE next_query_at IS NOT NULL AND alerted_at IS NULL;
ALTER TABLE supply_incidents ADD CONSTRAINT incident_of_an_attempt
    FOREIGN KEY (attempt_id) REFERENCES fulfilment_attempts (id);
ALTER TABLE attempt_verdicts ADD CONSTRAINT verdict_of_an_attempt
    FOREIGN KEY (attempt_id) REFERENCES fulfilment_attempts (id);
CREATE FUNCTION guard_supply_incident() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.resolution IS NULL
        AND (NEW.id, NEW.kind, NEW.attempt_id, NEW.line_id, NEW.supplier_id, NEW.opened_at)
            = (OLD.id, OLD.kind, OLD.attempt_id, OLD.line_id, OLD.supplier_id, OLD.opened_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an incident is kept, and ends once'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'incident_ends_once';
END $$;
CREATE TRIGGER supply_incidents_kept BEFORE UPDATE OR DELETE ON supply_incidents
    FOR EACH ROW EXECUTE FUNCTION guard_supply_incident();
CREATE FUNCTION guard_attempt_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'asked'
        AND (NEW.id, NEW.attempt_id, NEW.reason, NEW.alone, NEW.asked_by, NEW.asked_at)
            = (OLD.id, OLD.attempt_id, OLD.reason, OLD.alone, OLD.asked_by, OLD.asked_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a verdict is kept, and decided once'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'verdict_decided_once';
END $$;
CREATE TRIGGER attempt_verdicts_kept BEFORE UPDATE OR DELETE ON attempt_verdicts
    FOR EACH ROW EXECUTE FUNCTION guard_attempt_verdict();
"""
MONEY_OF_A_SUPPLIER = "Money or goods that are not where they should be, until a person has seen to it."


def _described(kind: type) -> str:
    return "\n".join(f"{each.name}: {each.value}" for each in kind)  # type: ignore[attr-defined]


def _moment(name: str, null: bool) -> tuple[str, fields.Field]:  # type: ignore[type-arg]
    return (name, fields.DatetimeField(null=null, auto_now=False, auto_now_add=False))


def _id() -> tuple[str, fields.Field]:  # type: ignore[type-arg]
    return ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True))


def _choice(name: str, kind: type, most: int, null: bool = False) -> tuple[str, fields.Field]:  # type: ignore[type-arg]
    made = fields.CharEnumField(
        null=null, description=_described(kind), enum_type=kind, max_length=most  # type: ignore[type-var]
    )
    return (name, made)


class Migration(migrations.Migration):
    """Two tables, one column, one kind of transfer."""

    dependencies = [("domain", "0060_custody")]

    initial = False

    operations = [
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="alerted_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AlterField(
            model_name="FulfilmentAttempt",
            name="doubt",
            field=fields.CharEnumField(
                null=True, description=_described(Doubt), enum_type=Doubt, max_length=16
            ),
        ),
        ops.AlterField(
            model_name="Transfer",
            name="kind",
            field=fields.CharEnumField(
                description=_described(TransferKind), enum_type=TransferKind, max_length=24
            ),
        ),
        *with_constraints(
            [
                ops.CreateModel(
                    name="SupplyIncident",
                    fields=[
                        _id(),
                        _choice("kind", IncidentKind, 16),
                        ("attempt_id", fields.UUIDField()),
                        ("line_id", fields.UUIDField()),
                        ("supplier_id", fields.UUIDField()),
                        _moment("opened_at", null=False),
                        _choice("resolution", Resolution, 20, null=True),
                        ("amount", fields.BigIntField(default=0, db_default=0)),
                        ("currency", fields.CharField(max_length=3)),
                        ("note", fields.CharField(default="", max_length=500)),
                        ("resolved_by", fields.UUIDField(null=True)),
                        _moment("resolved_at", null=True),
                    ],
                    options={
                        "table": "supply_incidents",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(
                                check="kind IN ('came_late', 'not_whole', 'surplus', 'above_price', 'taken_back',"
                                " 'contradicted', 'open_too_long')",
                                name="incident_kind_known",
                            ),
                            CheckConstraint(
                                check="(resolution IS NULL) = (resolved_at IS NULL)"
                                " AND (resolved_by IS NULL OR resolution IS NOT NULL)"
                                " AND (resolution IS NULL OR resolution = 'over' OR resolved_by IS NOT NULL)",
                                name="incident_resolved_whole",
                            ),
                            CheckConstraint(
                                check="amount >= 0 AND (amount = 0 OR resolution = 'refunded_upstream')",
                                name="incident_amount_refunded",
                            ),
                            UniqueConstraint(
                                fields=("attempt_id", "kind"),
                                name="incident_open_once",
                                condition="resolution IS NULL",
                            ),
                        ],
                        "pk_attr": "id",
                        "table_description": MONEY_OF_A_SUPPLIER,
                    },
                    bases=["Model"],
                ),
                ops.CreateModel(
                    name="AttemptVerdict",
                    fields=[
                        _id(),
                        ("attempt_id", fields.UUIDField()),
                        _choice("state", VerdictState, 16),
                        ("reason", fields.CharField(max_length=500)),
                        ("alone", fields.BooleanField()),
                        ("asked_by", fields.UUIDField()),
                        _moment("asked_at", null=False),
                        ("decided_by", fields.UUIDField(null=True)),
                        _moment("decided_at", null=True),
                    ],
                    options={
                        "table": "attempt_verdicts",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(
                                check="state IN ('asked', 'agreed', 'rejected') AND (state = 'asked') ="
                                " (decided_at IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)",
                                name="verdict_decided_whole",
                            ),
                            CheckConstraint(
                                check="alone OR decided_by IS DISTINCT FROM asked_by", name="verdict_four_eyes"
                            ),
                            CheckConstraint(check="reason <> ''", name="verdict_has_a_reason"),
                            UniqueConstraint(
                                fields=("attempt_id",), name="verdict_asked_once", condition="state = 'asked'"
                            ),
                        ],
                        "indexes": [Index(fields=["attempt_id"])],
                        "pk_attr": "id",
                        "table_description": "An operator's word that an attempt was not sold; above an amount two have to say so.",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.RunSQL(GUARD),
    ]
