"""Reservations with an end, and cards set apart for sites (row B10)."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints
from domain.cards.models import HoldState
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint

SQL = """
CREATE INDEX cards_held ON cards (hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX cards_kept ON cards (variant_id, kept_for) WHERE state = 'available' AND kept_for IS NOT NULL;
CREATE INDEX holds_due ON card_holds (until) WHERE state = 'open';
CREATE INDEX holds_of_a_buyer ON card_holds (buyer_id, variant_id) WHERE state = 'open';
ALTER TABLE card_holds ADD CONSTRAINT hold_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE card_quotas ADD CONSTRAINT quota_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE card_quotas ADD CONSTRAINT quota_of_a_site FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE cards ADD CONSTRAINT card_held_by_a_hold FOREIGN KEY (hold_id) REFERENCES card_holds (id);
CREATE FUNCTION guard_hold_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'open'
        OR (NEW.variant_id, NEW.buyer_id, NEW.quantity) <> (OLD.variant_id, OLD.buyer_id, OLD.quantity)
    THEN
        RAISE EXCEPTION 'a reservation ends once and stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'hold_ends_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER card_holds_move BEFORE UPDATE OR DELETE ON card_holds
    FOR EACH ROW EXECUTE FUNCTION guard_hold_move();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0021_trace_moves")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CardHold',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField()),
                ('buyer_id', fields.UUIDField()),
                ('site_id', fields.UUIDField()),
                ('order_line_id', fields.UUIDField(null=True)),
                ('quantity', fields.IntField()),
                ('state', fields.CharEnumField(description='OPEN: open\nUSED: used\nRELEASED: released\nLAPSED: lapsed', enum_type=HoldState, max_length=16)),
                ('until', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('closed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'card_holds', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('open', 'used', 'released', 'lapsed')", name='hold_state_known'), CheckConstraint(check="(state = 'open') = (closed_at IS NULL)", name='hold_closed_when_over'), CheckConstraint(check='quantity > 0', name='hold_of_something')], 'pk_attr': 'id', 'table_description': 'Cards of one variant that a buyer holds unpaid, until a moment. Its cards name it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CardQuota',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField()),
                ('site_id', fields.UUIDField()),
                ('kept', fields.IntField()),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'card_quotas', 'app': 'domain', 'unique_together': (('variant_id', 'site_id'),), 'constraints': [CheckConstraint(check='kept BETWEEN 1 AND 10000', name='quota_in_range')], 'pk_attr': 'id', 'table_description': 'How many cards of a variant are set apart for one site: no other site sells the last ones.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Card',
            name='kept_for',
            field=fields.UUIDField(null=True),
        ),
    ]) + [RunSQL(SQL)]
