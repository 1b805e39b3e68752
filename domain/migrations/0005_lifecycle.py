"""The life cycle of cards: states, the table of moves, and who counts as an owner (0013)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.cards.models import CardState
from tortoise import fields
from tortoise.migrations.operations import RunSQL
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

# The same table as domain/cards/moves.py; a test compares them.
MOVES = """
CREATE FUNCTION card_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'available' THEN after IN
            ('sold', 'reserved', 'shared', 'frozen', 'invalid', 'expired', 'void', 'returned')
        WHEN 'sold' THEN after IN ('revealed', 'redeemed', 'disputed', 'invalid', 'refunded')
        WHEN 'revealed' THEN after IN ('redeemed', 'disputed', 'invalid')
        WHEN 'reserved' THEN after IN ('sold', 'available', 'frozen')
        WHEN 'imported' THEN after IN ('available', 'quarantined', 'shared', 'void')
        WHEN 'quarantined' THEN after IN
            ('available', 'shared', 'invalid', 'expired', 'void', 'returned')
        WHEN 'shared' THEN after IN
            ('available', 'frozen', 'invalid', 'expired', 'void', 'returned')
        WHEN 'frozen' THEN after IN
            ('available', 'shared', 'invalid', 'expired', 'void', 'returned')
        WHEN 'redeemed' THEN after IN ('disputed')
        WHEN 'disputed' THEN after IN
            ('sold', 'revealed', 'redeemed', 'invalid', 'replaced', 'refunded')
        WHEN 'invalid' THEN after IN ('replaced', 'refunded', 'void', 'returned')
        WHEN 'canary' THEN after IN ('void')
        ELSE false
    END
$$;
-- Whether a card that has an order line counts as delivered to it.
CREATE FUNCTION card_delivered(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT state IN ('sold', 'revealed', 'redeemed', 'disputed', 'refunded', 'invalid')
$$;
-- Whether its buyer may see its code. What is disputed is shown again only to whoever has seen it:
-- else a refund would be asked for first, and the code looked at afterwards.
CREATE FUNCTION card_open_to_buyer(state text, first_revealed_at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT state IN ('sold', 'revealed', 'redeemed')
        OR state IN ('disputed', 'invalid') AND first_revealed_at IS NOT NULL
$$;
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
    -- Its code stays; only the rotation of the index moves on to the fingerprint of the next pepper.
    IF (NEW.fingerprint <> OLD.fingerprint AND NEW.fingerprint IS DISTINCT FROM OLD.next_fingerprint)
        OR NEW.variant_id <> OLD.variant_id OR NEW.batch_id <> OLD.batch_id
    THEN
        RAISE EXCEPTION 'a card does not become another card' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION refuse_birth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a card is not born %', NEW.state
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_born_unsold';
END $$;
CREATE TRIGGER cards_born BEFORE INSERT ON cards FOR EACH ROW
    WHEN (NEW.state NOT IN ('imported', 'quarantined', 'available', 'shared', 'canary'))
    EXECUTE FUNCTION refuse_birth();
UPDATE card_batches SET event_count = 2 WHERE undone_at IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0004_categories")]

    initial = False

    operations = [
        ops.RemoveConstraint(
            model_name='Card',
            name='card_state_known',
            fields=None,
        ),
        ops.RemoveConstraint(
            model_name='Card',
            name='card_owned_once',
            fields=None,
        ),
        ops.RemoveConstraint(
            model_name='Card',
            name='card_one_per_unit',
            fields=None,
        ),
        ops.AlterField(
            model_name='Card',
            name='state',
            field=fields.CharEnumField(description='IMPORTED: imported\nQUARANTINED: quarantined\nAVAILABLE: available\nRESERVED: reserved\nSHARED: shared\nFROZEN: frozen\nSOLD: sold\nREVEALED: revealed\nREDEEMED: redeemed\nDISPUTED: disputed\nINVALID_CONFIRMED: invalid\nREPLACED: replaced\nREFUNDED: refunded\nEXPIRED: expired\nVOID: void\nRETURNED_TO_SUPPLIER: returned\nCANARY: canary', enum_type=CardState, max_length=16),
        ),
        ops.AddField(
            model_name='Card',
            name='hold_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AddConstraint(
            model_name='Card',
            constraint=CheckConstraint(check="state IN ('imported', 'quarantined', 'available', 'reserved', 'shared', 'frozen', 'sold', 'revealed', 'redeemed', 'disputed', 'invalid', 'replaced', 'refunded', 'expired', 'void', 'returned', 'canary')", name='card_state_known'),
        ),
        ops.AddConstraint(
            model_name='Card',
            constraint=CheckConstraint(check="state = 'invalid' OR (state IN ('sold', 'revealed', 'redeemed', 'disputed', 'replaced', 'refunded')) = (order_line_id IS NOT NULL)", name='card_owned_once'),
        ),
        ops.AddConstraint(
            model_name='Card',
            constraint=CheckConstraint(check="(state = 'reserved') = (hold_id IS NOT NULL)", name='card_held_once'),
        ),
        ops.AddConstraint(
            model_name='Card',
            constraint=CheckConstraint(check='(order_line_id IS NULL) = (sold_at IS NULL)', name='card_owned_since'),
        ),
        ops.AddConstraint(
            model_name='Card',
            constraint=UniqueConstraint(fields=('order_line_id', 'unit_number'), name='card_one_per_unit', condition="order_line_id IS NOT NULL AND state <> 'replaced'"),
        ),
        ops.AddField(
            model_name='CardBatch',
            name='event_count',
            field=fields.IntField(default=1, db_default=1),
        ),
        RunSQL(MOVES),
    ]
