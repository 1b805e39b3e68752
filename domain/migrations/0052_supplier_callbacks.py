"""What suppliers call back; attempts that are over and are asked about once more."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from domain.fulfilment.models import Doubt, SupplierCallbackOutcome
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

GUARD = """
CREATE INDEX attempts_doubted ON fulfilment_attempts (recheck_at) WHERE recheck_at IS NOT NULL;
ALTER TABLE supplier_callbacks ADD CONSTRAINT callback_of_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
CREATE INDEX supplier_callbacks_forged ON supplier_callbacks (supplier_id, received_at)
    WHERE outcome = 'REFUSED' AND reference IS NULL;
CREATE INDEX supplier_callbacks_same ON supplier_callbacks (supplier_id, digest, id);
CREATE INDEX supplier_callbacks_old ON supplier_callbacks (received_at);
CREATE FUNCTION guard_supplier_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.received_at < now() - interval '89 days' OR OLD.received_at < now() - interval '29 days'
            AND OLD.outcome = 'REFUSED' AND OLD.reference IS NULL THEN
            RETURN OLD;
        END IF;
    ELSIF OLD.judged_at IS NULL
        AND (NEW.supplier_id, NEW.raw_sealed, NEW.digest, NEW.received_at)
            = (OLD.supplier_id, OLD.raw_sealed, OLD.digest, OLD.received_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a callback is kept as it came, and judged once'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'supplier_callback_judged_once';
END $$;
CREATE TRIGGER supplier_callbacks_kept BEFORE UPDATE OR DELETE ON supplier_callbacks
    FOR EACH ROW EXECUTE FUNCTION guard_supplier_callback();
"""
DOUBT = "NOT_FOUND: not_found\nCALLED_BACK: called_back"
OUTCOME = "\n".join(f"{each.name}: {each.value}" for each in SupplierCallbackOutcome)
TABLE = "What a supplier, or somebody else, called back: kept sealed, before anybody judged it."


def _moment(name: str, null: bool) -> tuple[str, fields.Field]:  # type: ignore[type-arg]
    return (name, fields.DatetimeField(null=null, auto_now=False, auto_now_add=False))


class Migration(migrations.Migration):
    """One table, three columns."""

    dependencies = [("domain", "0051_agreements")]

    initial = False

    operations = [
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="recheck_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="doubt",
            field=fields.CharEnumField(
                null=True, description=DOUBT, enum_type=Doubt, max_length=16
            ),
        ),
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="rechecks",
            field=fields.SmallIntField(default=0, db_default=0),
        ),
        ops.AddConstraint(
            model_name="FulfilmentAttempt",
            constraint=CheckConstraint(
                check="recheck_at IS NULL OR (doubt IS NOT NULL AND finished_at IS NOT NULL)",
                name="attempt_doubted_when_over",
            ),
        ),
        *with_constraints(
            [
                ops.CreateModel(
                    name="SupplierCallback",
                    fields=[
                        (
                            "id",
                            fields.UUIDField(
                                primary_key=True, default=new_id, unique=True, db_index=True
                            ),
                        ),
                        ("supplier_id", fields.UUIDField()),
                        _moment("received_at", null=False),
                        ("raw_sealed", fields.BinaryField()),
                        ("digest", fields.BinaryField()),
                        ("reference", fields.CharField(null=True, max_length=64)),
                        ("attempt_id", fields.UUIDField(null=True)),
                        (
                            "outcome",
                            fields.CharEnumField(
                                description=OUTCOME,
                                enum_type=SupplierCallbackOutcome,
                                max_length=16,
                            ),
                        ),
                        ("why", fields.CharField(default="", max_length=32)),
                        _moment("judged_at", null=True),
                    ],
                    options={
                        "table": "supplier_callbacks",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(
                                check="(outcome = 'RECEIVED') = (judged_at IS NULL)",
                                name="supplier_callback_judged",
                            )
                        ],
                        "indexes": [Index(fields=["supplier_id", "id"])],
                        "pk_attr": "id",
                        "table_description": TABLE,
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.RunSQL(GUARD),
    ]
