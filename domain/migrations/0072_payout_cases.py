"""Payouts that nobody knows about for too long wait for two people."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.payouts.models import CaseKind, CaseState, CaseVerdict

GUARDS = """
UPDATE payouts SET first_submitted_at = submitted_at WHERE submitted_at IS NOT NULL;
ALTER TABLE payouts ADD CONSTRAINT payout_sent_since
    CHECK ((submitted_at IS NULL) = (first_submitted_at IS NULL));
ALTER TABLE payout_cases ADD CONSTRAINT payout_case_of_a_payout
    FOREIGN KEY (payout_id) REFERENCES payouts (id);
CREATE INDEX payout_cases_of_payout ON payout_cases (payout_id);
CREATE FUNCTION guard_payout_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state = 'CLOSED'
        OR (NEW.id, NEW.payout_id, NEW.kind, NEW.opened_at)
            <> (OLD.id, OLD.payout_id, OLD.kind, OLD.opened_at) THEN
        RAISE EXCEPTION 'a case of a payout ends once and stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_case_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payout_cases_kept BEFORE UPDATE OR DELETE ON payout_cases
    FOR EACH ROW EXECUTE FUNCTION guard_payout_case();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0071_settlement")]

    initial = False

    operations = with_constraints(
        [
            ops.AddField("Payout", "first_submitted_at", fields.DatetimeField(null=True)),
            ops.CreateModel(
                name="PayoutCase",
                fields=[
                    ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                    ("payout_id", fields.UUIDField()),
                    ("kind", fields.CharEnumField(description="\n".join(f"{each.name}: {each.value}" for each in CaseKind), enum_type=CaseKind, max_length=16)),
                    ("state", fields.CharEnumField(description="\n".join(f"{each.name}: {each.value}" for each in CaseState), enum_type=CaseState, max_length=16)),
                    ("opened_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                    ("verdict", fields.CharEnumField(null=True, description="\n".join(f"{each.name}: {each.value}" for each in CaseVerdict), enum_type=CaseVerdict, max_length=16)),
                    ("note", fields.CharField(default="", max_length=500)),
                    ("asked_by", fields.UUIDField(null=True)),
                    ("asked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                    ("decided_by", fields.UUIDField(null=True)),
                    ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                    ("closed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ],
                options={
                    "table": "payout_cases",
                    "app": "domain",
                    "constraints": [
                        CheckConstraint(check="decided_by IS NULL OR decided_by <> asked_by", name="payout_case_of_four_eyes"),
                        CheckConstraint(check="(state = 'CLOSED') = (closed_at IS NOT NULL)", name="payout_case_closed"),
                        CheckConstraint(
                            check="(verdict IS NULL) = (asked_by IS NULL) AND (asked_by IS NULL) = (asked_at IS NULL) AND (state = 'OPEN') <= (verdict IS NULL) AND (state <> 'ASKED' OR verdict IS NOT NULL) AND (decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NOT NULL) = (state = 'CLOSED' AND verdict IS NOT NULL)",
                            name="payout_case_decided_whole",
                        ),
                        CheckConstraint(check="verdict IS NULL OR (kind = 'CONTRADICTED') = (verdict = 'SETTLED')", name="payout_case_verdict_of_kind"),
                        UniqueConstraint(fields=("payout_id", "kind"), name="payout_case_open_once", condition="state <> 'CLOSED'"),
                    ],
                    "pk_attr": "id",
                    "table_description": "A payout that people have to look into, and what they found out.",
                },
                bases=["Model"],
            ),
        ]
    ) + [RunSQL(GUARDS)]
