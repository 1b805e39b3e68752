"""What payout channels call back."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.payouts.models import PayoutCallbackOutcome

GUARDS = """
ALTER TABLE payout_callbacks ADD CONSTRAINT payout_callback_of_a_channel
    FOREIGN KEY (channel_id) REFERENCES payout_channels (id);
CREATE INDEX payout_callbacks_forged ON payout_callbacks (channel_id, received_at)
    WHERE outcome = 'REFUSED' AND reference IS NULL;
CREATE INDEX payout_callbacks_same ON payout_callbacks (channel_id, digest, id);
CREATE FUNCTION guard_payout_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.outcome = 'REFUSED' AND OLD.reference IS NULL AND OLD.payout_id IS NULL
            AND OLD.received_at < now() - interval '29 days' THEN
            RETURN OLD;
        END IF;
    ELSIF OLD.judged_at IS NULL
        AND (NEW.channel_id, NEW.raw_sealed, NEW.digest)
            = (OLD.channel_id, OLD.raw_sealed, OLD.digest) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a callback is kept as it came, and judged once'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_callback_judged_once';
END $$;
CREATE TRIGGER payout_callbacks_kept BEFORE UPDATE OR DELETE ON payout_callbacks
    FOR EACH ROW EXECUTE FUNCTION guard_payout_callback();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0079_promotion")]

    initial = False

    operations = with_constraints(
        [
            ops.CreateModel(
                name="PayoutCallback",
                fields=[
                    ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                    ("channel_id", fields.UUIDField()),
                    ("received_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                    ("raw_sealed", fields.BinaryField()),
                    ("digest", fields.BinaryField()),
                    ("reference", fields.CharField(null=True, max_length=64)),
                    ("payout_id", fields.UUIDField(null=True)),
                    ("outcome", fields.CharEnumField(description="\n".join(f"{each.name}: {each.value}" for each in PayoutCallbackOutcome), enum_type=PayoutCallbackOutcome, max_length=16)),
                    ("why", fields.CharField(default="", max_length=32)),
                    ("judged_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ],
                options={
                    "table": "payout_callbacks",
                    "app": "domain",
                    "constraints": [
                        CheckConstraint(check="(outcome = 'RECEIVED') = (judged_at IS NULL)", name="payout_callback_judged")
                    ],
                    "indexes": [Index(fields=["channel_id", "id"])],
                    "pk_attr": "id",
                    "table_description": "What a payout channel, or somebody else, sent: kept sealed, before anybody judged it.",
                },
                bases=["Model"],
            ),
        ]
    ) + [RunSQL(GUARDS)]
