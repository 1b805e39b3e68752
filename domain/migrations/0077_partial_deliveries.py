"""What suppliers bring in part is kept for its line, while the rest is bought elsewhere."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel.migrating import RemovePartialUnique

SQL = """
-- Cards that are kept for a paid line are sold to it, or leave the stock; nobody else gets them.
CREATE FUNCTION guard_kept_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM card_holds h WHERE h.id = OLD.hold_id AND h.paid
        AND (NEW.state = 'available' OR h.order_line_id IS DISTINCT FROM NEW.order_line_id)) THEN
        RAISE EXCEPTION 'a card that is kept for a paid line is sold to that line'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_kept_for_its_line';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cards_kept_for_lines BEFORE UPDATE ON cards FOR EACH ROW
    WHEN (OLD.state = 'reserved' AND NEW.state IN ('available', 'sold'))
    EXECUTE FUNCTION guard_kept_card();
CREATE OR REPLACE FUNCTION guard_hold_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'open'
        OR (NEW.variant_id, NEW.buyer_id, NEW.quantity, NEW.paid)
            <> (OLD.variant_id, OLD.buyer_id, OLD.quantity, OLD.paid)
        OR OLD.paid AND NEW.order_line_id IS DISTINCT FROM OLD.order_line_id
    THEN
        RAISE EXCEPTION 'a reservation ends once and stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'hold_ends_once';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    """Columns and constraints; nothing that is there breaks them."""

    dependencies = [("domain", "0076_forgotten")]

    initial = False

    operations = [
        ops.AddField(
            model_name="CardHold",
            name="paid",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddConstraint(
            model_name="CardHold",
            constraint=CheckConstraint(
                check="NOT paid OR (order_line_id IS NOT NULL AND state IN ('open', 'used'))",
                name="hold_paid_ends_with_its_line",
            ),
        ),
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="part",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name="FulfilmentAttempt",
            name="offered_cost",
            field=fields.BigIntField(null=True),
        ),
        ops.AddConstraint(
            model_name="FulfilmentAttempt",
            constraint=CheckConstraint(
                check="NOT part OR (status = 'succeeded' AND NOT parked)",
                name="attempt_part_is_here",
            ),
        ),
        RemovePartialUnique(model_name="FulfilmentAttempt", name="attempt_one_success_per_line"),
        ops.AddConstraint(
            model_name="FulfilmentAttempt",
            constraint=UniqueConstraint(
                fields=("line_id", "status"),
                name="attempt_one_success_per_line",
                condition="status = 'succeeded' AND NOT parked AND NOT part",
            ),
        ),
        ops.RemoveConstraint(model_name="OrderLine", name="line_delivered_whole"),
        ops.AddConstraint(
            model_name="OrderLine",
            constraint=CheckConstraint(
                check="(status = 'DELIVERED') = (delivered_quantity > 0)"
                " AND (status = 'DELIVERED') = (delivered_at IS NOT NULL)"
                " AND (delivered_quantity IN (0, quantity)"
                " OR failure_code IS NOT DISTINCT FROM 'PARTLY_DELIVERED'"
                " AND delivered_quantity BETWEEN 0 AND quantity"
                " AND delivery_kind IN ('CARD_CODE', 'LINK'))",
                name="line_delivered_whole",
            ),
        ),
        ops.AddField(
            model_name="RoutingPolicy",
            name="parts",
            field=fields.BooleanField(default=True, db_default=True),
        ),
        ops.RunSQL(SQL),
    ]
