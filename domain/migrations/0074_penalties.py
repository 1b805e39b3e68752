"""Penalties: cases against agents, restrictions, and that only a case takes of a deposit."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.penalties.models import PenaltyState, PenaltyStep, Violation
from tortoise.contrib.postgres.fields import ArrayField
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

SQL = """
ALTER TABLE penalty_cases ADD CONSTRAINT penalty_against_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE penalty_restrictions ADD CONSTRAINT penalty_restriction_of_a_case
    FOREIGN KEY (case_id) REFERENCES penalty_cases (id);
ALTER TABLE penalty_restrictions ADD CONSTRAINT penalty_restriction_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
-- A case goes as listed, and what a move has written stays.
CREATE FUNCTION guard_penalty_case() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open' OR NEW.step IS NOT NULL THEN
            broken := 'penalty_move_listed';
        END IF;
    ELSIF NEW.state <> OLD.state AND NOT OLD.state || '>' || NEW.state = ANY (ARRAY[
            'open>noticed', 'open>withdrawn', 'noticed>withdrawn', 'noticed>dismissed',
            'noticed>imposed', 'imposed>appealed', 'imposed>final', 'appealed>upheld',
            'appealed>overturned']) THEN
        broken := 'penalty_move_listed';
    ELSIF (NEW.id, NEW.agent_id, NEW.violation, NEW.grave, NEW.facts, NEW.hearing, NEW.opened_by,
                NEW.opened_at)
            IS DISTINCT FROM (OLD.id, OLD.agent_id, OLD.violation, OLD.grave, OLD.facts,
                OLD.hearing, OLD.opened_by, OLD.opened_at)
        OR (OLD.state <> 'open' OR NEW.state <> 'noticed')
            AND (NEW.step, NEW.amount, NEW.blocks, NEW.days, NEW.noticed_by, NEW.noticed_at,
                NEW.answer_until)
            IS DISTINCT FROM (OLD.step, OLD.amount, OLD.blocks, OLD.days, OLD.noticed_by,
                OLD.noticed_at, OLD.answer_until)
        OR (OLD.state <> 'noticed' OR NEW.state <> 'noticed' OR OLD.answered_at IS NOT NULL)
            AND (NEW.answer, NEW.answered_at) IS DISTINCT FROM (OLD.answer, OLD.answered_at)
        OR (OLD.state <> 'noticed' OR NEW.state NOT IN ('imposed', 'dismissed'))
            AND (NEW.decided_by, NEW.decided_at, NEW.reasons, NEW.ordinal, NEW.appeal_until)
            IS DISTINCT FROM (OLD.decided_by, OLD.decided_at, OLD.reasons, OLD.ordinal,
                OLD.appeal_until)
        OR (OLD.state <> 'imposed' OR NEW.state <> 'appealed')
            AND (NEW.appeal, NEW.appealed_at) IS DISTINCT FROM (OLD.appeal, OLD.appealed_at)
        OR OLD.closed_at IS NOT NULL THEN
        broken := 'penalty_as_written';
    ELSIF OLD.state = 'open' AND NEW.state = 'noticed' AND NOT EXISTS (SELECT 1 FROM papers p
            WHERE p.subject = NEW.id AND p.state = 'stored') THEN
        broken := 'penalty_with_evidence';
    ELSIF NEW.state = 'imposed' AND OLD.state <> 'imposed' THEN
        PERFORM 1 FROM agents a WHERE a.id = NEW.agent_id FOR UPDATE;
        IF NEW.ordinal <> 1 + (SELECT count(*) FROM penalty_cases c WHERE c.agent_id = NEW.agent_id
                AND c.id <> NEW.id AND c.state IN ('imposed', 'appealed', 'upheld', 'final')) THEN
            broken := 'penalty_counted';
        END IF;
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'a penalty case is moved as listed, and keeps what was written'
            USING ERRCODE = 'check_violation', CONSTRAINT = broken;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER penalty_cases_guarded BEFORE INSERT OR UPDATE ON penalty_cases
    FOR EACH ROW EXECUTE FUNCTION guard_penalty_case();
CREATE TRIGGER penalty_cases_stay BEFORE DELETE ON penalty_cases
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- A restriction is what its case says, and is lifted by an appeal that was won alone.
CREATE FUNCTION guard_penalty_restriction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NOT EXISTS (SELECT 1 FROM penalty_cases c WHERE c.id = NEW.case_id
            AND c.agent_id = NEW.agent_id AND c.state = 'imposed' AND NEW.starts_at = c.decided_at
            AND NEW.lifted_at IS NULL
            AND (c.step = 'restriction' AND NEW.blocks = c.blocks
                    AND NEW.ends_at = c.decided_at + make_interval(hours => 24 * c.days)
                OR c.step = 'removal' AND NEW.ends_at IS NULL
                    AND NEW.blocks <@ ARRAY['trade', 'recruit']))
        OR TG_OP = 'UPDATE' AND ((NEW.id, NEW.case_id, NEW.agent_id, NEW.blocks, NEW.starts_at,
                NEW.ends_at) IS DISTINCT FROM (OLD.id, OLD.case_id, OLD.agent_id, OLD.blocks,
                OLD.starts_at, OLD.ends_at)
            OR OLD.lifted_at IS NOT NULL OR NEW.lifted_at IS NULL
            OR NOT EXISTS (SELECT 1 FROM penalty_cases c WHERE c.id = NEW.case_id
                AND c.state = 'overturned')) THEN
        RAISE EXCEPTION 'a restriction is what its case says'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'penalty_restriction_by_its_case';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER penalty_restrictions_guarded BEFORE INSERT OR UPDATE ON penalty_restrictions
    FOR EACH ROW EXECUTE FUNCTION guard_penalty_restriction();
CREATE TRIGGER penalty_restrictions_stay BEFORE DELETE ON penalty_restrictions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- Money is taken of a deposit by a case that imposes it, and comes back by one that was overturned.
CREATE FUNCTION guard_penalty_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind IN ('deducted', 'restored') AND NOT EXISTS (SELECT 1 FROM penalty_cases c
            WHERE c.id = NEW.cause AND c.agent_id = NEW.agent_id AND c.amount = NEW.amount
                AND c.state = CASE NEW.kind WHEN 'deducted' THEN 'imposed' ELSE 'overturned' END
                AND (NEW.kind = 'deducted' OR EXISTS (SELECT 1 FROM deposit_movements m
                    WHERE m.cause = c.id AND m.kind = 'deducted'))) THEN
        RAISE EXCEPTION 'a deposit is deducted from by a penalty case, and restored after it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'deposit_deducted_by_a_case';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deposit_movements_of_cases BEFORE INSERT ON deposit_movements
    FOR EACH ROW EXECUTE FUNCTION guard_penalty_money();
-- And neither is forgotten, at the end of the transaction.
CREATE FUNCTION guard_penalty_done() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'imposed' AND NEW.step = 'deduction' AND NOT EXISTS (
            SELECT 1 FROM deposit_movements m WHERE m.cause = NEW.id AND m.kind = 'deducted')
        OR NEW.state = 'overturned' AND NEW.step = 'deduction' AND NOT EXISTS (
            SELECT 1 FROM deposit_movements m WHERE m.cause = NEW.id AND m.kind = 'restored')
        OR NEW.state = 'imposed' AND NEW.step IN ('restriction', 'removal') AND NOT EXISTS (
            SELECT 1 FROM penalty_restrictions r WHERE r.case_id = NEW.id)
        OR NEW.state = 'overturned' AND EXISTS (
            SELECT 1 FROM penalty_restrictions r WHERE r.case_id = NEW.id AND r.lifted_at IS NULL)
        OR NEW.state IN ('upheld', 'final') AND NEW.step = 'removal' AND NOT EXISTS (
            SELECT 1 FROM agents a WHERE a.id = NEW.agent_id AND a.status = 'closed') THEN
        RAISE EXCEPTION 'what a penalty case decides is done with it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'penalty_done';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER penalty_cases_done AFTER UPDATE ON penalty_cases
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION guard_penalty_done();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0073_campaigns")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='PenaltyCase',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('agent_id', fields.UUIDField()),
                ('violation', fields.CharEnumField(description='PRICING: pricing\nPROMISES: promises\nFAKE_SALES: fake_sales\nBUYERS_HARMED: buyers_harmed\nPERSONAL_DATA: personal_data\nOTHER: other', enum_type=Violation, max_length=16)),
                ('grave', fields.BooleanField()),
                ('facts', fields.CharField(max_length=2000)),
                ('hearing', fields.UUIDField(unique=True)),
                ('state', fields.CharEnumField(description='OPEN: open\nNOTICED: noticed\nWITHDRAWN: withdrawn\nDISMISSED: dismissed\nIMPOSED: imposed\nAPPEALED: appealed\nUPHELD: upheld\nOVERTURNED: overturned\nFINAL: final', enum_type=PenaltyState, max_length=16)),
                ('opened_by', fields.UUIDField()),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('step', fields.CharEnumField(null=True, description='WARNING: warning\nDEDUCTION: deduction\nRESTRICTION: restriction\nREMOVAL: removal', enum_type=PenaltyStep, max_length=16)),
                ('amount', fields.BigIntField(null=True)),
                ('blocks', ArrayField(element_type='TEXT')),
                ('days', fields.SmallIntField(null=True)),
                ('noticed_by', fields.UUIDField(null=True)),
                ('noticed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('answer_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('answer', fields.CharField(default='', max_length=2000)),
                ('answered_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('reasons', fields.CharField(default='', max_length=2000)),
                ('ordinal', fields.SmallIntField(null=True)),
                ('appeal_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('appeal', fields.CharField(default='', max_length=2000)),
                ('appealed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('closed_by', fields.UUIDField(null=True)),
                ('closed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('closing', fields.CharField(default='', max_length=2000)),
            ],
            options={'table': 'penalty_cases', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('open', 'noticed', 'withdrawn', 'dismissed', 'imposed', 'appealed', 'upheld', 'overturned', 'final')", name='penalty_state_known'), CheckConstraint(check="violation IN ('pricing', 'promises', 'fake_sales', 'buyers_harmed', 'personal_data', 'other') AND facts <> ''", name='penalty_violation_told'), CheckConstraint(check="(step IS NULL) = (noticed_at IS NULL) AND (noticed_by IS NULL) = (noticed_at IS NULL) AND (answer_until IS NULL) = (noticed_at IS NULL) AND coalesce(answer_until >= noticed_at + interval '1 day', true) AND step IN ('warning', 'deduction', 'restriction', 'removal') AND coalesce(step = 'deduction', false) = (amount IS NOT NULL) AND coalesce(step = 'restriction', false) = (days IS NOT NULL) AND coalesce(step = 'restriction', false) = (blocks <> '{}') AND blocks <@ ARRAY['trade', 'earn', 'recruit', 'payout'] AND amount BETWEEN 1 AND 100000000 AND days BETWEEN 1 AND 90", name='penalty_notice_whole'), CheckConstraint(check="(answer = '') = (answered_at IS NULL) AND (answered_at IS NULL OR noticed_at IS NOT NULL)", name='penalty_answer_whole'), CheckConstraint(check="(decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (reasons = '') AND (decided_at IS NULL OR decided_by <> noticed_by AND decided_by <> opened_by AND (answered_at IS NOT NULL OR decided_at >= answer_until))", name='penalty_heard_and_decided_by_another'), CheckConstraint(check="(state IN ('imposed', 'appealed', 'upheld', 'overturned', 'final')) = (appeal_until IS NOT NULL) AND (appeal_until IS NULL) = (ordinal IS NULL) AND coalesce(appeal_until >= decided_at + interval '1 day', true) AND (state NOT IN ('dismissed', 'imposed', 'appealed', 'upheld', 'overturned', 'final') OR decided_at IS NOT NULL)", name='penalty_imposed_whole'), CheckConstraint(check="(appeal = '') = (appealed_at IS NULL) AND coalesce(appealed_at < appeal_until, appealed_at IS NULL) AND (state IN ('appealed', 'upheld', 'overturned')) = (appealed_at IS NOT NULL) AND (state NOT IN ('upheld', 'overturned') OR (closed_by IS NOT NULL AND closed_by NOT IN (opened_by, noticed_by, decided_by) AND closing <> ''))", name='penalty_appeal_by_a_third'), CheckConstraint(check="(closed_at IS NULL) = (state IN ('open', 'noticed', 'imposed', 'appealed')) AND (state <> 'final' OR closed_at >= appeal_until)", name='penalty_closed_in_time'), CheckConstraint(check="ordinal IS NULL OR (ordinal >= 3) = (step = 'removal') AND (step <> 'warning' OR ordinal = 1) AND (ordinal <> 1 OR step = 'warning' OR grave)", name='penalty_on_its_rung'), UniqueConstraint(fields=('agent_id',), name='penalty_one_at_a_time', condition="state IN ('imposed', 'appealed')")], 'indexes': [Index(fields=['agent_id', 'id']), Index(fields=['state', 'id']), Index(fields=['closed_at', 'id'])], 'pk_attr': 'id', 'table_description': 'One case. Each group of columns is written once, by the move that it belongs to.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PenaltyRestriction',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('case_id', fields.UUIDField(unique=True)),
                ('agent_id', fields.UUIDField()),
                ('blocks', ArrayField(element_type='TEXT')),
                ('starts_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ends_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('lifted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'penalty_restrictions', 'app': 'domain', 'constraints': [CheckConstraint(check="blocks <> '{}' AND blocks <@ ARRAY['trade', 'earn', 'recruit', 'payout'] AND ends_at > starts_at AND lifted_at >= starts_at", name='penalty_restriction_whole')], 'indexes': [Index(fields=['agent_id'])], 'pk_attr': 'id', 'table_description': 'What an agent may not do, from a time to a time. Only an appeal that is won lifts it.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
