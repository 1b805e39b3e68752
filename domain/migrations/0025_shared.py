"""Codes that many buyers share, outside one card, one sale (0013)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints
from domain.kernel.ids import new_id
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.migrations.constraints import UniqueConstraint

SQL = """
CREATE INDEX cards_shared ON cards (variant_id, expires_on, id) WHERE state = 'shared';
ALTER TABLE shared_deliveries ADD CONSTRAINT share_of_a_line
    FOREIGN KEY (order_line_id) REFERENCES order_lines (id);
CREATE FUNCTION guard_share() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.card_id, NEW.order_line_id, NEW.unit_number, NEW.sold_at)
        <> (OLD.id, OLD.card_id, OLD.order_line_id, OLD.unit_number, OLD.sold_at)
        OR NEW.use_number IS DISTINCT FROM OLD.use_number THEN
        RAISE EXCEPTION 'a share in a code stays with its line' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER shared_deliveries_kept BEFORE UPDATE OR DELETE ON shared_deliveries
    FOR EACH ROW EXECUTE FUNCTION guard_share();
CREATE OR REPLACE FUNCTION card_move_listed(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'available' THEN after IN
            ('sold', 'reserved', 'shared', 'frozen', 'invalid', 'expired', 'void', 'returned')
        WHEN 'sold' THEN after IN ('revealed', 'redeemed', 'disputed', 'invalid', 'refunded')
        WHEN 'revealed' THEN after IN ('redeemed', 'disputed', 'invalid')
        WHEN 'reserved' THEN after IN ('sold', 'available', 'frozen', 'invalid')
        WHEN 'imported' THEN after IN ('available', 'quarantined', 'shared', 'void')
        WHEN 'quarantined' THEN after IN
            ('available', 'shared', 'invalid', 'expired', 'void', 'returned')
        WHEN 'shared' THEN after IN ('frozen', 'invalid', 'expired', 'void', 'returned')
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
    IF NEW.state = 'available' AND OLD.state = 'frozen'
        AND EXISTS (SELECT 1 FROM shared_deliveries WHERE card_id = NEW.id) THEN
        RAISE EXCEPTION 'a shared code stays shared'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_shared_for_good';
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
    dependencies = [("domain", "0024_codes_counted")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='SharedDelivery',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('card', fields.ForeignKeyField('domain.Card', source_field='card_id', db_constraint=True, to_field='id', related_name='shares', on_delete=OnDelete.RESTRICT)),
                ('order_line_id', fields.UUIDField()),
                ('unit_number', fields.IntField()),
                ('use_number', fields.IntField(null=True)),
                ('sold_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('first_revealed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('reveal_count', fields.IntField(default=0)),
            ],
            options={'table': 'shared_deliveries', 'app': 'domain', 'unique_together': (('order_line_id', 'unit_number'),), 'constraints': [UniqueConstraint(fields=('card_id', 'use_number'), name='shared_use_once', condition='use_number IS NOT NULL')], 'pk_attr': 'id', 'table_description': "One buyer's share in a code that many may have; the card itself stays where it is."},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
