"""An agent may object to a statement or a commission, and appeal once."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.settlement.models import ObjectionState

SQL = """
ALTER TABLE settlement_objections ADD CONSTRAINT objection_to_a_statement
    FOREIGN KEY (statement_id) REFERENCES settlement_statements (id);
ALTER TABLE settlement_objections ADD CONSTRAINT objection_to_a_commission
    FOREIGN KEY (commission_id) REFERENCES commissions (id);
ALTER TABLE settlement_objections ADD CONSTRAINT objection_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
-- What was said stays said.
CREATE FUNCTION guard_objection() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.agent_id, NEW.statement_id, NEW.commission_id, NEW.text, NEW.opened_by,
        NEW.opened_at) IS DISTINCT FROM (OLD.id, OLD.agent_id, OLD.statement_id, OLD.commission_id,
        OLD.text, OLD.opened_by, OLD.opened_at)
        OR (OLD.answered_at IS NOT NULL AND (NEW.answer, NEW.answered_by, NEW.answered_at)
            IS DISTINCT FROM (OLD.answer, OLD.answered_by, OLD.answered_at))
        OR (OLD.appealed_at IS NOT NULL AND (NEW.appeal, NEW.appealed_at)
            IS DISTINCT FROM (OLD.appeal, OLD.appealed_at))
        OR NOT (OLD.state, NEW.state) IN (('OPEN', 'ACCEPTED'), ('OPEN', 'REJECTED'),
            ('REJECTED', 'APPEALED'), ('APPEALED', 'ACCEPTED'), ('APPEALED', 'UPHELD')) THEN
        RAISE EXCEPTION 'an objection only goes on'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'objection_goes_on';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_objections_go_on BEFORE UPDATE ON settlement_objections
    FOR EACH ROW EXECUTE FUNCTION guard_objection();
CREATE TRIGGER settlement_objections_stay BEFORE DELETE ON settlement_objections
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
_TIME = {"auto_now": False, "auto_now_add": False}


class Migration(migrations.Migration):
    """One table."""

    dependencies = [("domain", "0102_coupon_takes")]

    initial = False

    operations = [
        *with_constraints(
            [
                ops.CreateModel(
                    name="Objection",
                    fields=[
                        (
                            "id",
                            fields.UUIDField(
                                primary_key=True, default=new_id, unique=True, db_index=True
                            ),
                        ),
                        ("agent_id", fields.UUIDField()),
                        ("statement_id", fields.UUIDField(null=True, unique=True)),
                        ("commission_id", fields.UUIDField(null=True, unique=True)),
                        (
                            "state",
                            fields.CharEnumField(enum_type=ObjectionState, max_length=16),
                        ),
                        ("text", fields.CharField(max_length=1000)),
                        ("opened_by", fields.UUIDField()),
                        ("opened_at", fields.DatetimeField(**_TIME)),
                        ("answer", fields.CharField(default="", max_length=1000)),
                        ("answered_by", fields.UUIDField(null=True)),
                        ("answered_at", fields.DatetimeField(null=True, **_TIME)),
                        ("appeal", fields.CharField(default="", max_length=1000)),
                        ("appealed_at", fields.DatetimeField(null=True, **_TIME)),
                        ("verdict", fields.CharField(default="", max_length=1000)),
                        ("judged_by", fields.UUIDField(null=True)),
                        ("judged_at", fields.DatetimeField(null=True, **_TIME)),
                    ],
                    options={
                        "table": "settlement_objections",
                        "app": "domain",
                        "constraints": [
                            CheckConstraint(
                                check="(statement_id IS NULL) <> (commission_id IS NULL)"
                                " AND text <> ''",
                                name="objection_to_one_thing",
                            ),
                            CheckConstraint(
                                check="CASE state WHEN 'OPEN' THEN answered_by IS NULL"
                                " WHEN 'REJECTED' THEN answered_by IS NOT NULL"
                                " AND appealed_at IS NULL"
                                " WHEN 'APPEALED' THEN appealed_at IS NOT NULL"
                                " AND judged_by IS NULL"
                                " WHEN 'UPHELD' THEN judged_by IS NOT NULL"
                                " WHEN 'ACCEPTED' THEN (appealed_at IS NULL) = (judged_by IS NULL)"
                                " AND answered_by IS NOT NULL ELSE false END",
                                name="objection_state_known",
                            ),
                            CheckConstraint(
                                check="(answered_by IS NULL) = (answer = '')"
                                " AND (answered_by IS NULL) = (answered_at IS NULL)"
                                " AND (appealed_at IS NULL) = (appeal = '')"
                                " AND (appealed_at IS NULL OR answered_at IS NOT NULL)"
                                " AND (judged_by IS NULL) = (verdict = '')"
                                " AND (judged_by IS NULL) = (judged_at IS NULL)"
                                " AND (judged_by IS NULL OR appealed_at IS NOT NULL)",
                                name="objection_told_whole",
                            ),
                            CheckConstraint(
                                check="judged_by <> answered_by", name="objection_of_four_eyes"
                            ),
                        ],
                        "indexes": [
                            Index(fields=["agent_id", "id"]),
                            Index(fields=["state", "id"]),
                        ],
                        "pk_attr": "id",
                        "table_description": "That an agent does not agree with a statement or a"
                        " commission of its own, and what the house",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.RunSQL(SQL),
    ]
