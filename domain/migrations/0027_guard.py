"""The guard of the table of moves asks no query of a sale (0013)."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

SQL = """
CREATE OR REPLACE FUNCTION guard_card_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a card is voided, never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT card_move_listed(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'a card does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_move_listed';
    END IF;
    IF OLD.order_line_id IS NOT NULL AND (NEW.order_line_id, NEW.unit_number, NEW.sold_at)
        IS DISTINCT FROM (OLD.order_line_id, OLD.unit_number, OLD.sold_at) THEN
        RAISE EXCEPTION 'a sold card stays with its order line'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_sold_once';
    END IF;
    IF OLD.order_line_id IS NULL AND NEW.order_line_id IS NOT NULL AND NEW.state <> 'sold' THEN
        RAISE EXCEPTION 'a card gets its order line by being sold'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_sold_once';
    END IF;
    -- A code that many have is never one buyer's own.
    IF NEW.state = 'available' AND OLD.state = 'frozen' THEN
        -- Within: a condition with a query in it would be planned for every sale.
        IF EXISTS (SELECT 1 FROM shared_deliveries WHERE card_id = NEW.id) THEN
            RAISE EXCEPTION 'a shared code stays shared'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_shared_for_good';
        END IF;
    END IF;
    -- Its code stays; only the rotation of the index moves on to the fingerprint of the next pepper.
    IF (NEW.fingerprint <> OLD.fingerprint AND NEW.fingerprint IS DISTINCT FROM OLD.next_fingerprint)
        OR NEW.variant_id <> OLD.variant_id OR NEW.batch_id <> OLD.batch_id
    THEN
        RAISE EXCEPTION 'a card does not become another card' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0026_prices")]

    operations = [RunSQL(SQL)]
