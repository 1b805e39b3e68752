"""The payouts of a settlement: one batch of each run, and whom it could not pay."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.settlement.models import ProposalState
from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

GUARDS = """
ALTER TABLE settlement_proposals ADD CONSTRAINT settlement_proposal_of_a_run
    FOREIGN KEY (run_id) REFERENCES settlement_runs (id);
ALTER TABLE settlement_proposals ADD CONSTRAINT settlement_proposal_has_its_batch
    FOREIGN KEY (batch_id) REFERENCES payout_batches (id);
ALTER TABLE settlement_payouts ADD CONSTRAINT settlement_payout_of_a_statement
    FOREIGN KEY (run_id, agent_id) REFERENCES settlement_statements (run_id, agent_id);
ALTER TABLE settlement_payouts ADD CONSTRAINT settlement_payout_is_one
    FOREIGN KEY (payout_id) REFERENCES payouts (id);
CREATE TRIGGER settlement_payouts_append_only BEFORE UPDATE OR DELETE ON settlement_payouts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE UNIQUE INDEX payout_once_a_run ON payouts (run_id, agent_id) WHERE run_id IS NOT NULL;
CREATE FUNCTION guard_settlement_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT 1 FROM settlement_runs WHERE id = NEW.run_id AND state = 'FROZEN') THEN
            RAISE EXCEPTION 'what is not frozen is not paid out'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_proposal_of_frozen';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR NEW.looked < OLD.looked OR NEW.cursor < OLD.cursor
        OR (OLD.state = 'PROPOSED' AND NEW.state <> 'PROPOSED')
        OR (to_jsonb(NEW) - ARRAY['state', 'looked', 'cursor', 'batch_id'])
            <> (to_jsonb(OLD) - ARRAY['state', 'looked', 'cursor', 'batch_id'])
        OR (OLD.batch_id IS NOT NULL AND NEW.batch_id IS DISTINCT FROM OLD.batch_id
            AND NOT EXISTS (SELECT 1 FROM payout_batches
                WHERE id = OLD.batch_id AND status = 'REJECTED')) THEN
        RAISE EXCEPTION 'a proposal only goes on; another batch follows a rejected one'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_proposal_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_proposals_kept BEFORE INSERT OR UPDATE OR DELETE ON settlement_proposals
    FOR EACH ROW EXECUTE FUNCTION guard_settlement_proposal();
-- A payout that a settlement asked for is approved by its batch, and so by two persons, only.
CREATE FUNCTION guard_payout_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.run_id IS DISTINCT FROM OLD.run_id THEN
        RAISE EXCEPTION 'which settlement asked for a payout never changes'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_run_for_life';
    END IF;
    IF NEW.run_id IS NOT NULL AND NEW.status = 'APPROVED'
        AND (TG_OP = 'INSERT' OR OLD.status <> 'APPROVED')
        AND NOT EXISTS (SELECT 1 FROM payout_batches
            WHERE id = NEW.batch_id AND status = 'APPROVED') THEN
        RAISE EXCEPTION 'a payout of a settlement is approved by its batch'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_of_a_run_by_two';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_of_run BEFORE INSERT OR UPDATE ON payouts
    FOR EACH ROW EXECUTE FUNCTION guard_payout_of_run();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0080_payout_callbacks")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='SettlementPayout',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('run_id', fields.UUIDField()),
                ('agent_id', fields.UUIDField()),
                ('wanted', fields.BigIntField()),
                ('payout_id', fields.UUIDField(null=True, unique=True)),
                ('withheld', fields.CharField(default='', max_length=48)),
            ],
            options={'table': 'settlement_payouts', 'app': 'domain', 'unique_together': (('run_id', 'agent_id'),), 'constraints': [CheckConstraint(check='wanted > 0', name='settlement_payout_of_something'), CheckConstraint(check="(payout_id IS NULL) = (withheld <> '')", name='settlement_payout_or_reason')], 'pk_attr': 'id', 'table_description': 'What became of one agent when a run was to be paid out: its payout, or why there is none.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SettlementProposal',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('run_id', fields.UUIDField(unique=True)),
                ('state', fields.CharEnumField(description='ASKING: ASKING\nPROPOSED: PROPOSED', enum_type=ProposalState, max_length=16)),
                ('agents', fields.IntField()),
                ('looked', fields.IntField(default=0)),
                ('cursor', fields.UUIDField()),
                ('batch_id', fields.UUIDField(null=True)),
                ('note', fields.CharField(default='', max_length=500)),
                ('proposed_by', fields.UUIDField()),
                ('proposed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'settlement_proposals', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('ASKING', 'PROPOSED')", name='settlement_proposal_state_known'), CheckConstraint(check="state = 'PROPOSED' OR batch_id IS NULL", name='settlement_batch_when_all_is_asked_for')], 'pk_attr': 'id', 'table_description': 'That what a frozen run left available is paid out, in one batch; once for each run.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(GUARDS)]
