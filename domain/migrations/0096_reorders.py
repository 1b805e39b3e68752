"""A replacement that is ordered from a supplier, and the attempts to buy it."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.aftersale.models import ReorderState
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

STATE = "\n".join(f"{each.name}: {each.value}" for each in ReorderState)
SQL = """
ALTER TABLE dispute_reorders ADD CONSTRAINT reorder_of_a_dispute
    FOREIGN KEY (dispute_id) REFERENCES disputes (id);
ALTER TABLE fulfilment_attempts ADD CONSTRAINT attempt_of_a_reorder
    FOREIGN KEY (reorder_id) REFERENCES dispute_reorders (id);
CREATE INDEX dispute_reorders_due ON dispute_reorders (due_at) WHERE due_at IS NOT NULL;
-- What was asked for, by whom and for which case stays; a reorder ends once.
CREATE FUNCTION guard_reorder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'RUNNING'
        OR (NEW.dispute_id, NEW.reason, NEW.asked_by, NEW.asked_at)
            <> (OLD.dispute_id, OLD.reason, OLD.asked_by, OLD.asked_at)
        OR NEW.invalid IS DISTINCT FROM OLD.invalid THEN
        RAISE EXCEPTION 'a reorder stays as it was asked for, and ends once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reorder_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dispute_reorders_move BEFORE UPDATE OR DELETE ON dispute_reorders
    FOR EACH ROW EXECUTE FUNCTION guard_reorder();
-- While a replacement is on its way nothing is decided: there would be two, or a card for nobody.
CREATE FUNCTION guard_dispute_reorder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM dispute_reorders r WHERE r.dispute_id = NEW.id AND r.state = 'RUNNING')
    THEN
        RAISE EXCEPTION 'a replacement of this case is on its way'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'dispute_waits_for_its_reorder';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER disputes_wait_for_reorders BEFORE UPDATE ON disputes FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND NEW.state IN ('REPLACED', 'REFUNDED', 'REJECTED', 'UPHELD'))
    EXECUTE FUNCTION guard_dispute_reorder();
-- Whose goods an attempt brings is settled before anything leaves the house.
CREATE FUNCTION guard_attempt_reorder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an attempt stays of its line or of its case'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'attempt_reorder_fixed';
END $$;
CREATE TRIGGER attempts_stay_of_reorders BEFORE UPDATE ON fulfilment_attempts FOR EACH ROW
    WHEN (NEW.reorder_id IS DISTINCT FROM OLD.reorder_id) EXECUTE FUNCTION guard_attempt_reorder();
"""


def _moment(*, null: bool = False) -> fields.Field:  # type: ignore[type-arg]
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=False)


class Migration(migrations.Migration):
    """A table and a column; nothing that is there breaks them."""

    dependencies = [("domain", "0095_cashback")]

    initial = False

    operations = [
        *with_constraints(
            [
                ops.CreateModel(
                    name="DisputeReorder",
                    fields=[
                        (
                            "id",
                            fields.UUIDField(
                                primary_key=True, default=new_id, unique=True, db_index=True
                            ),
                        ),
                        ("dispute_id", fields.UUIDField()),
                        (
                            "state",
                            fields.CharEnumField(
                                description=STATE, enum_type=ReorderState, max_length=8
                            ),
                        ),
                        ("reason", fields.CharField(max_length=500)),
                        ("invalid", fields.BooleanField(null=True)),
                        ("asked_by", fields.UUIDField()),
                        ("asked_at", _moment()),
                        ("due_at", _moment(null=True)),
                        ("ended_at", _moment(null=True)),
                        ("failure", fields.CharField(default="", max_length=32)),
                    ],
                    options={
                        "table": "dispute_reorders",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(
                                check="state IN ('RUNNING', 'DONE', 'FAILED')",
                                name="reorder_state_known",
                            ),
                            CheckConstraint(
                                check="(state = 'RUNNING') = (due_at IS NOT NULL)"
                                " AND (state = 'RUNNING') = (ended_at IS NULL)"
                                " AND (state = 'FAILED') = (failure <> '') AND reason <> ''",
                                name="reorder_ends_whole",
                            ),
                            UniqueConstraint(
                                fields=("dispute_id",),
                                name="reorder_one_running",
                                condition="state = 'RUNNING'",
                            ),
                        ],
                        "indexes": [Index(fields=["dispute_id"])],
                        "pk_attr": "id",
                        "table_description": "A replacement of one case that is ordered from a supplier.",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="reorder_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddConstraint(
            model_name="FulfilmentAttempt",
            constraint=CheckConstraint(
                check="reorder_id IS NULL OR status <> 'succeeded' OR parked",
                name="attempt_of_a_reorder_is_stock",
            ),
        ),
        ops.RunSQL(SQL),
    ]
