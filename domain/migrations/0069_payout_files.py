"""Files for a bank: one for a batch, handed over, and the results that come back."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.payouts.models import RowDifference

GUARDS = """
ALTER TABLE payout_files ADD CONSTRAINT payout_file_of_a_batch
    FOREIGN KEY (batch_id) REFERENCES payout_batches (id);
ALTER TABLE payout_file_results ADD CONSTRAINT payout_result_of_a_file
    FOREIGN KEY (file_id) REFERENCES payout_files (id);
ALTER TABLE payout_row_differences ADD CONSTRAINT payout_difference_of_a_result
    FOREIGN KEY (result_id) REFERENCES payout_file_results (id);
-- A file is what was made; once it is told who has carried it to the bank, that stays, too.
DROP TRIGGER payout_files_append_only ON payout_files;
CREATE FUNCTION guard_payout_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.handed_over_at IS NOT NULL
        OR to_jsonb(NEW) - ARRAY['handed_over_by', 'handed_over_at']
            <> to_jsonb(OLD) - ARRAY['handed_over_by', 'handed_over_at'] THEN
        RAISE EXCEPTION 'a payout file is made once and never changed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_file_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payout_files_kept BEFORE UPDATE OR DELETE ON payout_files
    FOR EACH ROW EXECUTE FUNCTION guard_payout_file();
-- Who approved a payout does not make its file, and a payout never changes its file.
CREATE FUNCTION guard_payout_in_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.file_id IS NOT NULL THEN
        RAISE EXCEPTION 'a payout stays in its file'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_in_one_file';
    END IF;
    IF EXISTS (SELECT 1 FROM payout_files f WHERE f.id = NEW.file_id
        AND f.made_by = NEW.approved_by) THEN
        RAISE EXCEPTION 'who approved a payout does not make its file'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_file_of_four_eyes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_in_file BEFORE UPDATE OF file_id ON payouts FOR EACH ROW
    WHEN (NEW.file_id IS DISTINCT FROM OLD.file_id) EXECUTE FUNCTION guard_payout_in_file();
-- Who made a file does not take in what comes back.
CREATE FUNCTION guard_payout_result() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM payout_files f WHERE f.id = NEW.file_id
        AND f.made_by = NEW.taken_by) THEN
        RAISE EXCEPTION 'who made a payout file does not take in its results'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_result_of_four_eyes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payout_results_of_others BEFORE INSERT ON payout_file_results
    FOR EACH ROW EXECUTE FUNCTION guard_payout_result();
CREATE TRIGGER payout_results_append_only BEFORE UPDATE OR DELETE ON payout_file_results
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_differences_append_only BEFORE UPDATE OR DELETE ON payout_row_differences
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0068_replenishment")]

    initial = False

    operations = with_constraints(
        [
            ops.AddField("PayoutFile", "batch_id", fields.UUIDField(null=True)),
            ops.AddField("PayoutFile", "handed_over_by", fields.UUIDField(null=True)),
            ops.AddField("PayoutFile", "handed_over_at", fields.DatetimeField(null=True)),
            ops.AddConstraint(
                "PayoutFile",
                CheckConstraint(
                    check="(handed_over_by IS NULL) = (handed_over_at IS NULL)",
                    name="payout_file_handed_over_by_somebody",
                ),
            ),
            ops.AddConstraint(
                "PayoutFile",
                UniqueConstraint(
                    fields=("batch_id", "channel_id"),
                    name="payout_file_once_a_batch",
                    condition="batch_id IS NOT NULL",
                ),
            ),
            ops.CreateModel(
                name="PayoutFileResult",
                fields=[
                    ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                    ("file_id", fields.UUIDField()),
                    ("name", fields.CharField(max_length=96)),
                    ("digest", fields.BinaryField()),
                    ("rows", fields.IntField()),
                    ("booked", fields.IntField()),
                    ("known", fields.IntField()),
                    ("taken_by", fields.UUIDField()),
                    ("taken_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ],
                options={
                    "table": "payout_file_results",
                    "app": "domain",
                    "constraints": [
                        CheckConstraint(
                            check="booked >= 0 AND known >= 0 AND rows >= booked + known",
                            name="payout_result_counts",
                        ),
                        UniqueConstraint(
                            fields=("file_id", "digest"), name="payout_result_taken_once"
                        ),
                    ],
                    "pk_attr": "id",
                    "table_description": "A file of results that a bank gave back, as it was taken; the same one is taken once.",
                },
                bases=["Model"],
            ),
            ops.CreateModel(
                name="PayoutRowDifference",
                fields=[
                    ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                    ("result_id", fields.UUIDField()),
                    ("line", fields.IntField()),
                    (
                        "kind",
                        fields.CharEnumField(
                            description="\n".join(f"{each.name}: {each.value}" for each in RowDifference),
                            enum_type=RowDifference,
                            max_length=24,
                        ),
                    ),
                    ("reference", fields.CharField(max_length=96)),
                    ("payout_id", fields.UUIDField(null=True)),
                    ("told", fields.CharField(max_length=16)),
                    ("amount", fields.BigIntField()),
                ],
                options={
                    "table": "payout_row_differences",
                    "app": "domain",
                    "indexes": [Index(fields=["result_id", "line"])],
                    "pk_attr": "id",
                    "table_description": "A row of a bank's results that is not what we have; nothing was booked for it.",
                },
                bases=["Model"],
            ),
        ]
    ) + [RunSQL(GUARDS)]
