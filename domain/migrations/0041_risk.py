"""Risk: rules in versions, what they saw, and the orders that wait for a second look."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.risk.models import RiskCaseState, RiskDecision, RiskSubject
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

SQL = """
ALTER TABLE risk_cases ADD CONSTRAINT risk_case_of_an_order
    FOREIGN KEY (order_id) REFERENCES orders (id);
CREATE TRIGGER risk_rules_append_only BEFORE UPDATE OR DELETE ON risk_rules
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER risk_hits_append_only BEFORE UPDATE OR DELETE ON risk_hits
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER risk_cases_stay BEFORE DELETE ON risk_cases
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER risk_cases_decided_once BEFORE UPDATE ON risk_cases
    FOR EACH ROW WHEN (OLD.state <> 'OPEN') EXECUTE FUNCTION refuse_change();
CREATE FUNCTION guard_risk_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.order_id, NEW.signals, NEW.opened_at) IS DISTINCT FROM
        (OLD.order_id, OLD.signals, OLD.opened_at) THEN
        RAISE EXCEPTION 'what a case is about stays as it was found'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'risk_case_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER risk_cases_as_found BEFORE UPDATE ON risk_cases
    FOR EACH ROW EXECUTE FUNCTION guard_risk_case();
-- A held order and its open case stand together, at the end of the transaction.
CREATE FUNCTION guard_held_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT o.status = 'RISK_REVIEW' FROM orders o WHERE o.id = NEW.order_id)
        <> (NEW.state = 'OPEN')
        AND NEW.state = (SELECT c.state FROM risk_cases c WHERE c.id = NEW.id) THEN
        RAISE EXCEPTION 'an open case is of a held order, and a held order has an open case'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'risk_case_of_a_held_order';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER risk_cases_of_held_orders AFTER INSERT OR UPDATE ON risk_cases
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_held_order();
"""


class Migration(migrations.Migration):
    dependencies = [('domain', '0035_quotes'), ('domain', '0036_two_books')]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='RiskCase',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('order_id', fields.UUIDField(unique=True)),
                ('state', fields.CharEnumField(description='OPEN: OPEN\nRELEASED: RELEASED\nREJECTED: REJECTED', enum_type=RiskCaseState, max_length=8)),
                ('signals', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('claimed_by', fields.UUIDField(null=True)),
                ('claimed_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('note', fields.CharField(default='', max_length=500)),
            ],
            options={'table': 'risk_cases', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('OPEN', 'RELEASED', 'REJECTED')", name='risk_case_state_known'), CheckConstraint(check="(state = 'OPEN') = (decided_at IS NULL) AND (state = 'OPEN' OR note <> '')", name='risk_case_decided_with_a_note'), CheckConstraint(check='(claimed_by IS NULL) = (claimed_until IS NULL)', name='risk_case_claimed')], 'indexes': [Index(fields=['state', 'id'])], 'pk_attr': 'id', 'table_description': 'A paid order that waits for a second look, and how that ended.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RiskHit',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('rule_id', fields.UUIDField()),
                ('version', fields.IntField()),
                ('deed', fields.UUIDField()),
                ('buyer_id', fields.UUIDField()),
                ('shadow', fields.BooleanField()),
                ('signal', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('seen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'risk_hits', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('rule_id', 'version', 'deed'), name='risk_hit_once')], 'indexes': [Index(fields=['rule_id', 'seen_at'])], 'pk_attr': 'id', 'table_description': "A rule that fired without holding an order: a shadow's, or one that refused an order."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RiskRule',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('number', fields.BigIntField(unique=True)),
                ('rule_id', fields.UUIDField()),
                ('version', fields.IntField()),
                ('name', fields.CharField(max_length=100)),
                ('conditions', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('decision', fields.CharEnumField(description='ALLOW: ALLOW\nREVIEW: REVIEW\nBLOCK: BLOCK', enum_type=RiskDecision, max_length=8)),
                ('shadow', fields.BooleanField()),
                ('enabled', fields.BooleanField()),
                ('saved_by', fields.UUIDField(null=True)),
                ('saved_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'risk_rules', 'app': 'domain', 'unique_together': (('rule_id', 'version'),), 'constraints': [CheckConstraint(check="decision IN ('REVIEW', 'BLOCK')", name='risk_rule_decides'), CheckConstraint(check="jsonb_typeof(conditions) = 'array' AND jsonb_array_length(conditions) > 0", name='risk_rule_has_conditions'), CheckConstraint(check='version > 0 AND number > 0', name='risk_rule_counted')], 'pk_attr': 'id', 'table_description': 'One version of a rule. Written once, never changed; the newest version counts.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RiskSighting',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('subject', fields.CharEnumField(description='BUYER: BUYER\nADDRESS: ADDRESS\nACCOUNT: ACCOUNT', enum_type=RiskSubject, max_length=8)),
                ('digest', fields.BinaryField()),
                ('deed', fields.UUIDField()),
                ('order_id', fields.UUIDField(null=True)),
                ('seen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'risk_sightings', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('subject', 'digest', 'deed'), name='risk_seen_once')], 'indexes': [Index(fields=['subject', 'digest', 'seen_at']), Index(fields=['order_id']), Index(fields=['seen_at'])], 'pk_attr': 'id', 'table_description': 'A try to order, by one subject; kept only while a rule asks for it. `digest` is keyed.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
