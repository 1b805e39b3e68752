"""Cashback: rules, what each delivered line brings, and what of it goes back."""
from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.cashback.models import CashbackBearer, CashbackScope, CashbackState
from domain.kernel.ids import new_id
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE cashbacks ADD CONSTRAINT cashback_of_a_line
    FOREIGN KEY (order_line_id) REFERENCES order_lines (id);
ALTER TABLE cashbacks ADD CONSTRAINT cashback_by_a_rule
    FOREIGN KEY (rule_id) REFERENCES cashback_rules (id);
ALTER TABLE cashback_rules ADD CONSTRAINT cashback_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE cashback_returns ADD CONSTRAINT cashback_return_of_one
    FOREIGN KEY (cashback_id) REFERENCES cashbacks (id);
CREATE INDEX cashbacks_due ON cashbacks (due_at) WHERE state = 'waiting';
CREATE INDEX cashbacks_of_rule ON cashbacks (rule_id);
CREATE FUNCTION guard_cashback_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.valid_until > OLD.valid_until
        OR (to_jsonb(NEW) - 'valid_until') <> (to_jsonb(OLD) - 'valid_until') THEN
        RAISE EXCEPTION 'a rule of cashback stays as it was, and can only end earlier'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cashback_rule_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cashback_rules_guarded BEFORE UPDATE OR DELETE ON cashback_rules
    FOR EACH ROW EXECUTE FUNCTION guard_cashback_rule();
-- Credited once; of a line that was delivered to a consumer.
CREATE FUNCTION guard_cashback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'waiting' OR NOT EXISTS (SELECT 1 FROM order_lines l
                WHERE l.id = NEW.order_line_id AND l.consumer AND l.status = 'DELIVERED') THEN
            RAISE EXCEPTION 'cashback waits for a line that was delivered to a consumer'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'cashback_of_a_delivered_line';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.state <> 'waiting'
        OR (NEW.id, NEW.order_line_id, NEW.buyer_id, NEW.rule_id, NEW.currency, NEW.due_at,
            NEW.found_at) IS DISTINCT FROM (OLD.id, OLD.order_line_id, OLD.buyer_id, OLD.rule_id,
            OLD.currency, OLD.due_at, OLD.found_at) THEN
        RAISE EXCEPTION 'cashback is credited once, and stays as it was found'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cashback_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cashbacks_guarded BEFORE INSERT OR UPDATE OR DELETE ON cashbacks
    FOR EACH ROW EXECUTE FUNCTION guard_cashback();
CREATE TRIGGER cashback_returns_append_only BEFORE UPDATE OR DELETE ON cashback_returns
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION guard_cashback_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT coalesce(sum(b.amount), 0) + NEW.amount FROM cashback_returns b
            WHERE b.cashback_id = NEW.cashback_id)
        > (SELECT c.amount FROM cashbacks c WHERE c.id = NEW.cashback_id) THEN
        RAISE EXCEPTION 'no more of cashback goes back than it was'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cashback_return_within';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cashback_returns_guarded BEFORE INSERT ON cashback_returns
    FOR EACH ROW EXECUTE FUNCTION guard_cashback_return();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0094_provider_payments")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Cashback',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('order_line_id', fields.UUIDField(unique=True)),
                ('buyer_id', fields.UUIDField()),
                ('rule_id', fields.UUIDField()),
                ('terms', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('currency', fields.CharField(max_length=3)),
                ('state', fields.CharEnumField(description='WAITING: waiting\nCREDITED: credited\nNOTHING: nothing', enum_type=CashbackState, max_length=16)),
                ('due_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('basis', fields.BigIntField(default=0)),
                ('refunded', fields.BigIntField(default=0)),
                ('amount', fields.BigIntField(default=0)),
                ('offset_short', fields.BigIntField(default=0)),
                ('found_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('credited_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'cashbacks', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('waiting', 'credited', 'nothing')", name='cashback_state_known'), CheckConstraint(check="(state = 'credited') = (amount > 0) AND amount <= basis AND offset_short BETWEEN 0 AND amount AND refunded >= 0 AND (state = 'waiting') = (credited_at IS NULL)", name='cashback_credited_of_something')], 'indexes': [Index(fields=['buyer_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What a buyer gets for one delivered line, once.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CashbackCursor',
            fields=[
                ('id', fields.SmallIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('sequence', fields.BigIntField()),
            ],
            options={'table': 'cashback_cursor', 'app': 'domain', 'constraints': [CheckConstraint(check='id = 1', name='cashback_cursor_is_one')], 'pk_attr': 'id', 'table_description': "How far the ledger's chain is looked at; one row, and the lock that keeps credits and refunds"},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CashbackReturn',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('cashback_id', fields.UUIDField()),
                ('buyer_id', fields.UUIDField()),
                ('currency', fields.CharField(max_length=3)),
                ('amount', fields.BigIntField()),
                ('short', fields.BigIntField()),
                ('taken_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'cashback_returns', 'app': 'domain', 'constraints': [CheckConstraint(check='amount > 0 AND short BETWEEN 0 AND amount', name='cashback_return_above_zero')], 'indexes': [Index(fields=['cashback_id']), Index(fields=['buyer_id'])], 'pk_attr': 'id', 'table_description': 'What went back of a cashback with its goods: out of the wallet, and what was not there'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CashbackRule',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('name', fields.CharField(max_length=64)),
                ('scope', fields.CharEnumField(description='ALL: all\nCATEGORY: category\nPRODUCT: product', enum_type=CashbackScope, max_length=16)),
                ('scope_id', fields.UUIDField(null=True)),
                ('site_id', fields.UUIDField(null=True)),
                ('rate', fields.IntField(null=True)),
                ('fixed', fields.BigIntField(null=True)),
                ('cap', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('bearer', fields.CharEnumField(description='PLATFORM: platform\nSUPPLIER: supplier', enum_type=CashbackBearer, max_length=16)),
                ('hold_days', fields.SmallIntField()),
                ('valid_from', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('valid_until', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('saved_by', fields.UUIDField(null=True)),
                ('saved_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'cashback_rules', 'app': 'domain', 'constraints': [CheckConstraint(check='(rate IS NULL) <> (fixed IS NULL) AND (rate IS NULL OR rate BETWEEN 1 AND 5000) AND (fixed IS NULL OR fixed > 0) AND cap > 0', name='cashback_within_a_cap'), CheckConstraint(check="(scope = 'all') = (scope_id IS NULL) AND scope IN ('all', 'category', 'product')", name='cashback_scope_has_its_object'), CheckConstraint(check="bearer IN ('platform', 'supplier')", name='cashback_bearer_known'), CheckConstraint(check="hold_days BETWEEN 0 AND 90 AND valid_from >= saved_at AND valid_until BETWEEN valid_from AND valid_from + interval '366 days'", name='cashback_valid_for_a_time')], 'pk_attr': 'id', 'table_description': 'What is given back, one rule; never changed but for an earlier end.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
