"""Cases of lines without cards of their own, and suppliers that are asked over their ports (row M1)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.aftersale.models import DisputeReason
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
CREATE INDEX disputes_to_ask ON disputes (ask_at) WHERE ask_at IS NOT NULL;
ALTER TABLE disputes ADD CONSTRAINT dispute_of_an_attempt
    FOREIGN KEY (attempt_id) REFERENCES fulfilment_attempts (id);
CREATE OR REPLACE FUNCTION guard_dispute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.order_id, NEW.line_id, NEW.card_id, NEW.quantity, NEW.reason,
            NEW.opened_at, NEW.card_was, NEW.looks, NEW.text_sealed, NEW.opened_by, NEW.seen_at,
            NEW.attempt_id)
        IS DISTINCT FROM (OLD.id, OLD.order_id, OLD.line_id, OLD.card_id, OLD.quantity, OLD.reason,
            OLD.opened_at, OLD.card_was, OLD.looks, OLD.text_sealed, OLD.opened_by, OLD.seen_at,
            OLD.attempt_id)
        OR OLD.rejected_by IS NOT NULL AND (NEW.rejected_by, NEW.appeal_until)
            IS DISTINCT FROM (OLD.rejected_by, OLD.appeal_until)
        OR OLD.appealed_at IS NOT NULL AND (NEW.appealed_at, NEW.appeal_sealed)
            IS DISTINCT FROM (OLD.appealed_at, OLD.appeal_sealed) THEN
        RAISE EXCEPTION 'what was said in a case stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'dispute_fixed';
    END IF;
    IF NEW.state <> OLD.state AND NOT dispute_move_listed(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'a case does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'dispute_move_listed';
    END IF;
    IF NEW.state = OLD.state AND NEW.state IN ('REPLACED', 'REFUNDED', 'REJECTED', 'UPHELD')
        AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a decision stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'dispute_fixed';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0049_bars")]

    initial = False

    operations = with_constraints([
        ops.RemoveConstraint(
            model_name='Dispute',
            name='dispute_reason_known',
            fields=None,
        ),
        ops.RemoveConstraint(
            model_name='Dispute',
            name='dispute_made_good',
            fields=None,
        ),
        ops.AlterField(
            model_name='Dispute',
            name='card_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AlterField(
            model_name='Dispute',
            name='card_was',
            field=fields.CharField(null=True, max_length=16),
        ),
        ops.AlterField(
            model_name='Dispute',
            name='reason',
            field=fields.CharEnumField(description='NOT_ARRIVED: NOT_ARRIVED\nCODE_INVALID: CODE_INVALID\nCODE_USED: CODE_USED\nCODE_EXPIRED: CODE_EXPIRED\nWRONG_GOODS: WRONG_GOODS\nOTHER: OTHER', enum_type=DisputeReason, max_length=16),
        ),
        ops.AddField(
            model_name='Dispute',
            name='ask_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Dispute',
            name='asks',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='Dispute',
            name='attempt_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name='Dispute',
            name='handed_cost',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='Dispute',
            name='handed_sealed',
            field=fields.BinaryField(null=True),
        ),
        ops.AddField(
            model_name='Dispute',
            name='quantity',
            field=fields.IntField(default=1, db_default=1),
        ),
        ops.AddConstraint(
            model_name='Dispute',
            constraint=UniqueConstraint(fields=('line_id',), name='dispute_once_per_line', condition='card_id IS NULL'),
        ),
        ops.AddConstraint(
            model_name='Dispute',
            constraint=CheckConstraint(check="(card_id IS NULL) = (card_was IS NULL) AND quantity > 0 AND (card_id IS NULL OR quantity = 1 AND reason <> 'NOT_ARRIVED')", name='dispute_of_a_card_or_a_line'),
        ),
        ops.AddConstraint(
            model_name='Dispute',
            constraint=CheckConstraint(check="ask_at IS NULL OR attempt_id IS NOT NULL AND state IN ('OPEN', 'CHECKING', 'APPEALED')", name='dispute_asked_while_open'),
        ),
        ops.AddConstraint(
            model_name='Dispute',
            constraint=CheckConstraint(check="reason IN ('NOT_ARRIVED', 'CODE_INVALID', 'CODE_USED', 'CODE_EXPIRED', 'WRONG_GOODS', 'OTHER')", name='dispute_reason_known'),
        ),
        ops.AddConstraint(
            model_name='Dispute',
            constraint=CheckConstraint(check="(state = 'REPLACED') = (num_nonnulls(replacement_id, handed_sealed) = 1) AND num_nonnulls(replacement_id, handed_sealed) < 2 AND (state = 'REFUNDED') = (refund_id IS NOT NULL) AND (replacement_id IS NULL OR card_id <> replacement_id) AND (replacement_id IS NULL) >= (card_id IS NULL) AND (handed_sealed IS NULL) >= (card_id IS NOT NULL) AND (handed_sealed IS NULL) = (handed_cost IS NULL) AND handed_cost >= 0", name='dispute_made_good'),
        ),
    ]) + [RunSQL(SQL)]
