"""Settlement: runs over periods, and the statement that each freezes for every agent."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.settlement.models import RunState
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

GUARDS = """
ALTER TABLE settlement_runs ADD CONSTRAINT settlement_run_follows
    FOREIGN KEY (follows) REFERENCES settlement_runs (id);
CREATE UNIQUE INDEX settlement_run_follows_once ON settlement_runs (currency, follows)
    NULLS NOT DISTINCT;
ALTER TABLE settlement_statements ADD CONSTRAINT settlement_statement_of_a_run
    FOREIGN KEY (run_id) REFERENCES settlement_runs (id);
ALTER TABLE settlement_statements ADD CONSTRAINT settlement_statement_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
-- What rules brought, told one by one, is all that was earned.
CREATE FUNCTION settlement_told(told jsonb, part text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum((each->>part)::bigint), 0)::bigint FROM jsonb_array_elements(told) each
$$;
ALTER TABLE settlement_statements ADD CONSTRAINT settlement_earned_is_told
    CHECK (settlement_told(earned_by, 'amount') = earned
        AND settlement_told(earned_by, 'lines') = lines);
CREATE FUNCTION guard_settlement_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last settlement_runs%ROWTYPE;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'COUNTING' OR NEW.looked <> 0 THEN
            RAISE EXCEPTION 'a run begins by counting'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_run_begins';
        END IF;
        IF NEW.follows IS NULL THEN
            RETURN NEW;
        END IF;
        SELECT * INTO last FROM settlement_runs WHERE id = NEW.follows;
        IF last.state <> 'FROZEN' OR (last.currency, last.ends_at, last.up_to_entry)
            IS DISTINCT FROM (NEW.currency, NEW.starts_at, NEW.from_entry) THEN
            RAISE EXCEPTION 'a run goes on where the last one ended'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_run_goes_on_there';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.state = 'FROZEN' OR NEW.looked < OLD.looked
        OR NEW.cursor < OLD.cursor
        OR (to_jsonb(NEW) - ARRAY['state', 'looked', 'cursor', 'frozen_at'])
            <> (to_jsonb(OLD) - ARRAY['state', 'looked', 'cursor', 'frozen_at']) THEN
        RAISE EXCEPTION 'a run only goes on, and stays once it is frozen'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_run_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_runs_kept BEFORE INSERT OR UPDATE OR DELETE ON settlement_runs
    FOR EACH ROW EXECUTE FUNCTION guard_settlement_run();
CREATE TRIGGER settlement_statements_append_only BEFORE UPDATE OR DELETE ON settlement_statements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- Nobody adds a statement to a run that is frozen. One look for each statement of SQL.
CREATE FUNCTION guard_settlement_statements() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT run_id, currency FROM fresh) f
        JOIN settlement_runs r ON r.id = f.run_id
        WHERE r.state <> 'COUNTING' OR r.currency <> f.currency) THEN
        RAISE EXCEPTION 'a frozen run takes no statement'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_statement_while_counting';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_statements_while_counting AFTER INSERT ON settlement_statements
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    EXECUTE FUNCTION guard_settlement_statements();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0070_pricebook")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='SettlementRun',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('period', fields.CharField(max_length=10)),
                ('currency', fields.CharField(max_length=3)),
                ('starts_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ends_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('follows', fields.UUIDField(null=True)),
                ('from_entry', fields.BigIntField()),
                ('up_to_entry', fields.BigIntField()),
                ('state', fields.CharEnumField(description='COUNTING: COUNTING\nFROZEN: FROZEN', enum_type=RunState, max_length=16)),
                ('agents', fields.IntField()),
                ('looked', fields.IntField(default=0)),
                ('cursor', fields.UUIDField()),
                ('started_by', fields.UUIDField(null=True)),
                ('started_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('frozen_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'settlement_runs', 'app': 'domain', 'unique_together': (('currency', 'starts_at'),), 'constraints': [CheckConstraint(check='starts_at < ends_at AND from_entry BETWEEN 0 AND up_to_entry', name='settlement_run_goes_on'), CheckConstraint(check="state IN ('COUNTING', 'FROZEN')", name='settlement_state_known'), CheckConstraint(check="(state = 'COUNTING') = (frozen_at IS NULL)", name='settlement_frozen_at_once')], 'pk_attr': 'id', 'table_description': 'One settlement of all agents in one currency, from one entry of the ledger to another.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SettlementStatement',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('run_id', fields.UUIDField()),
                ('agent_id', fields.UUIDField()),
                ('currency', fields.CharField(max_length=3)),
                ('opening_pending', fields.BigIntField()),
                ('opening_available', fields.BigIntField()),
                ('opening_owed', fields.BigIntField()),
                ('lines', fields.IntField()),
                ('earned', fields.BigIntField()),
                ('earned_by', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('clawed_pending', fields.BigIntField()),
                ('clawed_available', fields.BigIntField()),
                ('clawed_owed', fields.BigIntField()),
                ('released', fields.BigIntField()),
                ('repaid', fields.BigIntField()),
                ('to_wallet', fields.BigIntField()),
                ('withdrawn', fields.BigIntField()),
                ('given_back', fields.BigIntField()),
                ('closing_pending', fields.BigIntField()),
                ('closing_available', fields.BigIntField()),
                ('closing_owed', fields.BigIntField()),
            ],
            options={'table': 'settlement_statements', 'app': 'domain', 'unique_together': (('run_id', 'agent_id'),), 'constraints': [CheckConstraint(check='earned >= 0 AND clawed_pending >= 0 AND clawed_available >= 0 AND clawed_owed >= 0 AND released >= 0 AND repaid >= 0 AND to_wallet >= 0 AND withdrawn >= 0 AND given_back >= 0 AND lines >= 0', name='settlement_moves_not_negative'), CheckConstraint(check='opening_available >= 0 AND opening_owed >= 0 AND closing_available >= 0 AND closing_owed >= 0', name='settlement_balances_not_negative'), CheckConstraint(check='closing_pending = opening_pending + earned - clawed_pending - released', name='settlement_pending_adds_up'), CheckConstraint(check='closing_available = opening_available + released + given_back - repaid - clawed_available - to_wallet - withdrawn', name='settlement_available_adds_up'), CheckConstraint(check='closing_owed = opening_owed + clawed_owed - repaid', name='settlement_owed_adds_up')], 'indexes': [Index(fields=['agent_id'])], 'pk_attr': 'id', 'table_description': 'What one agent had, earned, lost, took and has, in one run. Units of 1/10000 of `currency`.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(GUARDS)]
