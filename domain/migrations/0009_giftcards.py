"""Our own gift cards: programs, cards, moves, redemptions, and who has tried too often.

What the database refuses by itself has its test in tests/domain/giftcards.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.giftcards.models import Activation, Breakage, GiftCardStatus, GiftCardValue, GuardKind
from domain.kernel.ids import new_id
from domain.ledger.models import AccountKind, TransferKind
from tortoise.fields.base import OnDelete
from uuid import uuid4
from tortoise import fields
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

APPEND_ONLY = "\n".join(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION refuse_change();"
    for table in ("gift_card_moves", "gift_card_redemptions")
)

# The life of a card. What it is stays; what is owed on it is set by its sale and only falls after.
CARDS = """
ALTER TABLE gift_cards ADD CONSTRAINT gift_card_of_a_card FOREIGN KEY (card_id) REFERENCES cards (id);
ALTER TABLE gift_card_redemptions ADD CONSTRAINT redemption_of_a_gift_card
    FOREIGN KEY (card_id) REFERENCES gift_cards (card_id);
CREATE INDEX gift_cards_to_expire ON gift_cards (expires_at) WHERE status IN ('active', 'frozen');

CREATE FUNCTION guard_gift_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a gift card is voided, never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'issued' OR NEW.sold_at IS NOT NULL THEN
            RAISE EXCEPTION 'a gift card begins its life issued'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'gift_card_move_listed';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.card_id, NEW.program_id, NEW.batch_id, NEW.number, NEW.code_index, NEW.currency)
            <> (OLD.card_id, OLD.program_id, OLD.batch_id, OLD.number, OLD.code_index, OLD.currency)
        OR NEW.face_units IS DISTINCT FROM OLD.face_units OR NEW.uses IS DISTINCT FROM OLD.uses
        OR (OLD.sold_at IS NOT NULL
            AND (NEW.sold_at, NEW.holder_id) IS DISTINCT FROM (OLD.sold_at, OLD.holder_id)) THEN
        RAISE EXCEPTION 'a gift card does not become another one'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'gift_card_stays';
    END IF;
    IF OLD.sold_at IS NOT NULL
        AND (NEW.balance_units > OLD.balance_units OR NEW.uses_left > OLD.uses_left) THEN
        RAISE EXCEPTION 'what is owed on a gift card only falls'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'gift_card_only_falls';
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('issued', 'active'), ('issued', 'void'), ('active', 'frozen'), ('active', 'used_up'),
        ('active', 'void'), ('active', 'expired'), ('frozen', 'active'), ('frozen', 'void'),
        ('frozen', 'expired'), ('expired', 'active'), ('expired', 'void')
    ) THEN
        RAISE EXCEPTION 'a gift card does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'gift_card_move_listed';
    END IF;
    IF NEW.moved_because = '' AND (NEW.status IN ('void', 'frozen')
        OR (NEW.status = 'active' AND OLD.status <> 'issued')) THEN
        RAISE EXCEPTION 'this move of a gift card needs its reason'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gift_card_move_told';
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'each move of a gift card counts'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'gift_card_move_counted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER gift_cards_move BEFORE INSERT OR UPDATE OR DELETE ON gift_cards
    FOR EACH ROW EXECUTE FUNCTION guard_gift_card();

CREATE FUNCTION note_gift_card_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gift_card_moves (card_id, version, from_status, to_status, moved_by, reason, at)
    VALUES (NEW.card_id, NEW.version, OLD.status, NEW.status, NEW.moved_by, NEW.moved_because, NEW.moved_at);
    RETURN NULL;
END $$;
CREATE TRIGGER gift_cards_moved AFTER UPDATE OF status ON gift_cards
    FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION note_gift_card_move();
"""

# Terms are a promise to whoever holds a card. And the cards of such a variant come from here only.
PROGRAMS = """
ALTER TABLE gift_card_programs ADD CONSTRAINT program_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
CREATE FUNCTION guard_gift_program() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF (SELECT delivery_kind FROM variants WHERE id = NEW.variant_id FOR SHARE) <> 'GIFT_CARD' THEN
            RAISE EXCEPTION 'a gift card program needs a variant of that kind'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'gift_program_of_its_kind';
        END IF;
    ELSIF NEW.variant_id <> OLD.variant_id THEN
        RAISE EXCEPTION 'a gift card program stays with its variant'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'gift_program_terms_stay';
    ELSIF ((NEW.value, NEW.currency, NEW.transferable, NEW.activation, NEW.breakage, NEW.prefix)
            <> (OLD.value, OLD.currency, OLD.transferable, OLD.activation, OLD.breakage, OLD.prefix)
            OR (NEW.face_units, NEW.uses, NEW.valid_days)
                IS DISTINCT FROM (OLD.face_units, OLD.uses, OLD.valid_days))
        AND EXISTS (SELECT 1 FROM gift_cards WHERE program_id = NEW.id) THEN
        RAISE EXCEPTION 'the terms of issued gift cards stay'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'gift_program_terms_stay';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER gift_card_programs_kept BEFORE INSERT OR UPDATE ON gift_card_programs
    FOR EACH ROW EXECUTE FUNCTION guard_gift_program();

CREATE FUNCTION guard_gift_variant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM gift_card_programs WHERE variant_id = NEW.id) THEN
        RAISE EXCEPTION 'a variant with a gift card program stays of that kind'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'gift_variant_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER variants_gift_kind BEFORE UPDATE OF delivery_kind ON variants
    FOR EACH ROW WHEN (OLD.delivery_kind = 'GIFT_CARD' AND NEW.delivery_kind <> 'GIFT_CARD')
    EXECUTE FUNCTION guard_gift_variant();

CREATE FUNCTION guard_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.source = 'issued') <> (
        (SELECT delivery_kind FROM variants WHERE id = NEW.variant_id) = 'GIFT_CARD') THEN
        RAISE EXCEPTION 'the cards of our own gift cards are issued, and no others'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_issued_or_bought';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER card_batches_issued BEFORE INSERT ON card_batches
    FOR EACH ROW EXECUTE FUNCTION guard_issue();
"""

# A delivered line of a program's variant makes its cards worth their value, whichever way it was
# delivered; the trigger fires behind the whole statement, when cards, order and lines are there.
SALES = """
CREATE FUNCTION sell_gift_cards() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    terms gift_card_programs;
    at_once boolean;
    sold integer;
BEGIN
    SELECT * INTO terms FROM gift_card_programs WHERE variant_id = NEW.variant_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    at_once := terms.activation = 'on_sale';
    UPDATE gift_cards g SET
        holder_id = (SELECT buyer_id FROM orders WHERE id = NEW.order_id),
        sold_at = NEW.delivered_at,
        balance_units = coalesce(g.face_units, NEW.unit_price),
        uses_left = coalesce(g.uses, 0),
        status = CASE WHEN at_once THEN 'active' ELSE 'issued' END,
        version = g.version + at_once::int,
        activated_at = CASE WHEN at_once THEN NEW.delivered_at END,
        expires_at = CASE WHEN at_once THEN NEW.delivered_at + make_interval(days => terms.valid_days) END,
        moved_by = NULL, moved_because = 'sold', moved_at = NEW.delivered_at
    FROM cards c WHERE c.order_line_id = NEW.id AND g.card_id = c.id AND g.sold_at IS NULL;
    GET DIAGNOSTICS sold = ROW_COUNT;
    IF sold <> NEW.quantity THEN
        RAISE EXCEPTION 'each piece of the line needs a gift card of its own'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gift_card_of_each_piece';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER order_lines_gift_cards AFTER INSERT ON order_lines
    FOR EACH ROW WHEN (NEW.status = 'DELIVERED') EXECUTE FUNCTION sell_gift_cards();
CREATE TRIGGER order_lines_gift_cards_later AFTER UPDATE OF status ON order_lines
    FOR EACH ROW WHEN (NEW.status = 'DELIVERED' AND OLD.status <> 'DELIVERED')
    EXECUTE FUNCTION sell_gift_cards();
"""

# Stored value is no sale yet: nobody earns on it. The rest as in 0002.
COMMISSIONS = """
CREATE OR REPLACE FUNCTION guard_commissions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_lines uuid[] := (SELECT array_agg(DISTINCT order_line_id) FROM fresh);
BEGIN
    IF EXISTS (
        SELECT 1 FROM order_lines l
        WHERE l.id = ANY(of_lines)
          AND (l.status <> 'DELIVERED' OR l.unit_price * l.quantity - l.cost <
               (SELECT sum(c.amount) FROM commissions c WHERE c.order_line_id = l.id))
    ) THEN
        RAISE EXCEPTION 'a commission stands on a delivered line and within its margin'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_within_margin';
    END IF;
    IF of_lines IS NOT NULL AND EXISTS (
        SELECT 1 FROM order_lines l JOIN gift_card_programs p ON p.variant_id = l.variant_id
        WHERE l.id = ANY(of_lines)
    ) THEN
        RAISE EXCEPTION 'nobody earns on stored value'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_not_on_stored_value';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0008_kinds")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='GiftCardGuard',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('kind', fields.CharEnumField(description='CODE: code\nUSER: user\nSESSION: session\nADDRESS: address', enum_type=GuardKind, max_length=16)),
                ('subject', fields.BinaryField()),
                ('tries', fields.IntField()),
                ('locked_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('changed_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'gift_card_guards', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('kind', 'subject'), name='gift_guard_once'), CheckConstraint(check='tries >= 0', name='gift_guard_tries')], 'pk_attr': 'id', 'table_description': 'Tries that came to nothing, of one code, user, session or address, as a keyed digest.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='GiftCardMove',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('card_id', fields.UUIDField()),
                ('version', fields.IntField()),
                ('from_status', fields.CharEnumField(description='ISSUED: issued\nACTIVE: active\nFROZEN: frozen\nUSED_UP: used_up\nVOID: void\nEXPIRED: expired', enum_type=GiftCardStatus, max_length=16)),
                ('to_status', fields.CharEnumField(description='ISSUED: issued\nACTIVE: active\nFROZEN: frozen\nUSED_UP: used_up\nVOID: void\nEXPIRED: expired', enum_type=GiftCardStatus, max_length=16)),
                ('moved_by', fields.UUIDField(null=True)),
                ('reason', fields.CharField(max_length=500)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'gift_card_moves', 'app': 'domain', 'unique_together': (('card_id', 'version'),), 'pk_attr': 'id', 'table_description': 'One move of a card: who, when and why. Written by the database, never changed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='GiftCardProgram',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('variant_id', fields.UUIDField(unique=True)),
                ('name_zh', fields.CharField(max_length=64)),
                ('name_en', fields.CharField(max_length=64)),
                ('value', fields.CharEnumField(description='BALANCE: balance\nCOUNT: count', enum_type=GiftCardValue, max_length=16)),
                ('face_units', fields.BigIntField(null=True)),
                ('currency', fields.CharField(max_length=3)),
                ('uses', fields.IntField(null=True)),
                ('valid_days', fields.IntField(null=True)),
                ('transferable', fields.BooleanField()),
                ('activation', fields.CharEnumField(description='ON_SALE: on_sale\nBY_HAND: by_hand', enum_type=Activation, max_length=16)),
                ('breakage', fields.CharEnumField(description='KEPT: kept\nINCOME: income', enum_type=Breakage, max_length=16)),
                ('prefix', fields.CharField(max_length=4)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'gift_card_programs', 'app': 'domain', 'constraints': [CheckConstraint(check="(value = 'balance' AND face_units > 0 AND uses IS NULL) OR (value = 'count' AND uses > 0 AND face_units IS NULL)", name='gift_program_worth'), CheckConstraint(check='valid_days > 0', name='gift_program_validity'), CheckConstraint(check="breakage = 'kept' OR valid_days IS NOT NULL", name='gift_program_breakage')], 'pk_attr': 'id', 'table_description': 'The terms of all cards of one variant. Amounts in units of 1/10000 of `currency`.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='GiftCard',
            fields=[
                ('card_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('program', fields.ForeignKeyField('domain.GiftCardProgram', source_field='program_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('batch_id', fields.UUIDField()),
                ('number', fields.CharField(unique=True, max_length=16)),
                ('code_index', fields.BinaryField()),
                ('status', fields.CharEnumField(description='ISSUED: issued\nACTIVE: active\nFROZEN: frozen\nUSED_UP: used_up\nVOID: void\nEXPIRED: expired', enum_type=GiftCardStatus, max_length=16)),
                ('face_units', fields.BigIntField(null=True)),
                ('uses', fields.IntField(null=True)),
                ('currency', fields.CharField(max_length=3)),
                ('balance_units', fields.BigIntField(default=0)),
                ('uses_left', fields.IntField(default=0)),
                ('holder_id', fields.UUIDField(null=True)),
                ('sold_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('activated_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('version', fields.IntField(default=1)),
                ('moved_by', fields.UUIDField(null=True)),
                ('moved_because', fields.CharField(default='', max_length=500)),
                ('moved_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'gift_cards', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('code_index',), name='gift_card_code_once'), CheckConstraint(check="status IN ('issued', 'active', 'frozen', 'used_up', 'void', 'expired')", name='gift_card_status_known'), CheckConstraint(check='balance_units >= 0 AND (face_units IS NULL OR balance_units <= face_units)', name='gift_card_balance_in_range'), CheckConstraint(check='uses_left BETWEEN 0 AND coalesce(uses, 0)', name='gift_card_uses_in_range'), CheckConstraint(check='(sold_at IS NULL) = (holder_id IS NULL)', name='gift_card_sold_to_somebody'), CheckConstraint(check="sold_at IS NOT NULL OR (balance_units = 0 AND uses_left = 0 AND status IN ('issued', 'void'))", name='gift_card_owes_once_sold'), CheckConstraint(check="status IN ('issued', 'void') OR activated_at IS NOT NULL", name='gift_card_activated'), CheckConstraint(check="status NOT IN ('used_up', 'void') OR (balance_units = 0 AND uses_left = 0)", name='gift_card_ended_empty')], 'indexes': [Index(fields=['program_id', 'card_id']), Index(fields=['batch_id', 'card_id']), Index(fields=['holder_id', 'card_id'])], 'pk_attr': 'card_id', 'table_description': 'What a card of the store is worth. `balance_units` is what we owe on it: 0 until it is sold.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='GiftCardRedemption',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('card_id', fields.UUIDField(db_index=True)),
                ('user_id', fields.UUIDField()),
                ('units', fields.BigIntField()),
                ('uses', fields.IntField(default=0)),
                ('balance_after', fields.BigIntField()),
                ('uses_after', fields.IntField()),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'gift_card_redemptions', 'app': 'domain', 'constraints': [CheckConstraint(check='units >= 0 AND uses IN (0, 1) AND (units > 0 OR uses = 1)', name='gift_redemption_of_something')], 'pk_attr': 'id', 'table_description': 'Money or uses taken from a card, by whom. Never changed. Units of 1/10000.'},
            bases=['Model'],
        ),
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nSUPPLIER: supplier\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nLOSS: loss\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage', enum_type=TransferKind, max_length=24),
        ),
    ]) + [RunSQL(sql) for sql in (APPEND_ONLY, CARDS, PROGRAMS, SALES, COMMISSIONS)]
