"""Admission: invitations, applications, and the two looks at each."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.admission.models import ApplicationState, ReviewStage
from domain.agents.models import AgentType, Tier
from domain.kernel.ids import new_id
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints
from tortoise.migrations.operations import RunSQL

SQL = """
ALTER TABLE agent_invitations ADD CONSTRAINT invitation_by_an_agent
    FOREIGN KEY (inviter_id) REFERENCES agents (id);
ALTER TABLE agent_applications ADD CONSTRAINT application_of_a_user
    FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE agent_applications ADD CONSTRAINT application_by_an_invitation
    FOREIGN KEY (invitation_id) REFERENCES agent_invitations (id);
ALTER TABLE agent_applications ADD CONSTRAINT application_below_an_agent
    FOREIGN KEY (parent_id) REFERENCES agents (id);
ALTER TABLE agent_applications ADD CONSTRAINT application_made_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
ALTER TABLE application_reviews ADD CONSTRAINT review_of_an_application
    FOREIGN KEY (application_id) REFERENCES agent_applications (id);
CREATE TRIGGER application_reviews_append_only BEFORE UPDATE OR DELETE ON application_reviews
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agent_applications_end_once BEFORE UPDATE ON agent_applications
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agent_applications_stay BEFORE DELETE ON agent_applications
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION guard_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.reviewer_id = (SELECT user_id FROM agent_applications a WHERE a.id = NEW.application_id) THEN
        RAISE EXCEPTION 'nobody looks at their own application'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'review_by_another';
    END IF;
    IF NEW.stage = 'sampling' AND NOT EXISTS (SELECT 1 FROM application_reviews r
        WHERE r.application_id = NEW.application_id AND r.stage = 'licence' AND r.passed) THEN
        RAISE EXCEPTION 'the second look follows a good first one'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reviews_in_order';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER application_reviews_in_order BEFORE INSERT ON application_reviews
    FOR EACH ROW EXECUTE FUNCTION guard_review();
-- Neither look alone activates, whoever writes.
CREATE FUNCTION guard_activation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'activated' AND (SELECT count(*) FROM application_reviews r
            WHERE r.application_id = NEW.id AND r.passed) < 2
        OR NEW.state = 'activated' AND NOT EXISTS (SELECT 1 FROM agents g
            WHERE g.id = NEW.agent_id AND g.user_id = NEW.user_id)
        OR NEW.state = 'checked' AND NOT EXISTS (SELECT 1 FROM application_reviews r
            WHERE r.application_id = NEW.id AND r.stage = 'licence' AND r.passed) THEN
        RAISE EXCEPTION 'an agent is made after two looks, and never by one of them'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'application_looked_at_twice';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agent_applications_looked_at BEFORE INSERT OR UPDATE ON agent_applications
    FOR EACH ROW EXECUTE FUNCTION guard_activation();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0064_exchange")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='AgentApplication',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('user_id', fields.UUIDField()),
                ('name', fields.CharField(max_length=64)),
                ('statement', fields.CharField(max_length=1000)),
                ('agent_type', fields.CharEnumField(description='DISTRIBUTOR: distributor\nPROMOTER: promoter\nCORPORATE: corporate', enum_type=AgentType, max_length=16)),
                ('tier', fields.CharEnumField(description='RETAIL: retail\nBRONZE: bronze\nSILVER: silver\nGOLD: gold', enum_type=Tier, max_length=16)),
                ('invitation_id', fields.UUIDField(null=True)),
                ('parent_id', fields.UUIDField(null=True)),
                ('state', fields.CharEnumField(description='SUBMITTED: submitted\nCHECKED: checked\nACTIVATED: activated\nREJECTED: rejected\nWITHDRAWN: withdrawn', enum_type=ApplicationState, max_length=16)),
                ('agent_id', fields.UUIDField(null=True)),
                ('submitted_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'agent_applications', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('submitted', 'checked', 'activated', 'rejected', 'withdrawn')", name='application_state_known'), CheckConstraint(check="(state IN ('submitted', 'checked')) = (ended_at IS NULL) AND (state = 'activated') = (agent_id IS NOT NULL)", name='application_whole'), UniqueConstraint(fields=('user_id',), name='application_open_once', condition="state IN ('submitted', 'checked')")], 'indexes': [Index(fields=['state', 'id']), Index(fields=['user_id', 'id'])], 'pk_attr': 'id', 'table_description': 'Somebody asks to become an agent.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='AgentInvitation',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('inviter_id', fields.UUIDField(null=True)),
                ('code', fields.CharField(unique=True, max_length=16)),
                ('agent_type', fields.CharEnumField(description='DISTRIBUTOR: distributor\nPROMOTER: promoter\nCORPORATE: corporate', enum_type=AgentType, max_length=16)),
                ('tier', fields.CharEnumField(description='RETAIL: retail\nBRONZE: bronze\nSILVER: silver\nGOLD: gold', enum_type=Tier, max_length=16)),
                ('uses', fields.IntField(default=0)),
                ('max_uses', fields.IntField()),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('revoked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_by', fields.UUIDField(null=True)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'agent_invitations', 'app': 'domain', 'constraints': [CheckConstraint(check='uses >= 0 AND uses <= max_uses AND max_uses BETWEEN 1 AND 50', name='invitation_uses_bounded'), CheckConstraint(check="expires_at > created_at AND expires_at <= created_at + interval '90 days'", name='invitation_ends'), CheckConstraint(check="tier IN ('bronze', 'silver', 'gold')", name='invitation_tier')], 'indexes': [Index(fields=['inviter_id', 'id'])], 'pk_attr': 'id', 'table_description': 'A code with which somebody may apply below its inviter; it grants nothing else.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ApplicationReview',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('application_id', fields.UUIDField()),
                ('stage', fields.CharEnumField(description='LICENCE: licence\nSAMPLING: sampling', enum_type=ReviewStage, max_length=16)),
                ('passed', fields.BooleanField()),
                ('findings', fields.CharField(max_length=2000)),
                ('reviewer_id', fields.UUIDField()),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'application_reviews', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('application_id', 'stage'), name='application_looked_at_once'), UniqueConstraint(fields=('application_id', 'reviewer_id'), name='application_by_two_persons'), CheckConstraint(check="stage IN ('licence', 'sampling')", name='review_stage_known'), CheckConstraint(check="findings <> ''", name='review_says_what_was_found')], 'pk_attr': 'id', 'table_description': 'One look at an application, by one person, who never takes the other one. Never changed.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
