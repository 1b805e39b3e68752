"""Inspections: samples of agents by month, and what was found of each."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.penalties.models import InspectionState
from domain.kernel.migrating import with_constraints
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

SQL = """
ALTER TABLE inspections ADD CONSTRAINT inspection_of_a_round
    FOREIGN KEY (round_id) REFERENCES inspection_rounds (id);
ALTER TABLE inspections ADD CONSTRAINT inspection_of_an_agent
    FOREIGN KEY (agent_id) REFERENCES agents (id);
CREATE TRIGGER inspection_rounds_append_only BEFORE UPDATE OR DELETE ON inspection_rounds
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER inspections_stay BEFORE DELETE ON inspections
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- An inspection ends once; a bad one has something to show.
CREATE FUNCTION guard_inspection() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'waiting' OR (NEW.id, NEW.round_id, NEW.agent_id)
            IS DISTINCT FROM (OLD.id, OLD.round_id, OLD.agent_id)
        OR NEW.state = 'bad' AND NOT EXISTS (SELECT 1 FROM papers p
            WHERE p.subject = NEW.id AND p.state = 'stored') THEN
        RAISE EXCEPTION 'an inspection ends once, and a bad one with evidence'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'inspection_ends_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER inspections_guarded BEFORE UPDATE ON inspections
    FOR EACH ROW EXECUTE FUNCTION guard_inspection();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0082_teams")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Inspection',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('round_id', fields.UUIDField()),
                ('agent_id', fields.UUIDField()),
                ('state', fields.CharEnumField(description='WAITING: waiting\nGOOD: good\nBAD: bad', enum_type=InspectionState, max_length=8)),
                ('findings', fields.CharField(default='', max_length=2000)),
                ('opened_case', fields.BooleanField(default=False)),
                ('inspected_by', fields.UUIDField(null=True)),
                ('inspected_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'inspections', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('round_id', 'agent_id'), name='inspection_once_a_round'), CheckConstraint(check="state IN ('waiting', 'good', 'bad') AND (state = 'waiting') = (inspected_by IS NULL) AND (state = 'waiting') = (inspected_at IS NULL) AND (state = 'waiting') = (findings = '') AND (state = 'bad' OR NOT opened_case)", name='inspection_whole')], 'indexes': [Index(fields=['state', 'id']), Index(fields=['agent_id', 'id'])], 'pk_attr': 'id', 'table_description': 'Look at what one agent does (mission row G17). A bad one may open a case, which has its id:'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='InspectionRound',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('month', fields.DateField(unique=True)),
                ('seed', fields.CharField(max_length=32)),
                ('active', fields.IntField()),
                ('size', fields.IntField()),
                ('drawn_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'inspection_rounds', 'app': 'domain', 'constraints': [CheckConstraint(check="size BETWEEN 0 AND active AND extract(day FROM month) = 1 AND seed <> ''", name='inspection_round_whole')], 'pk_attr': 'id', 'table_description': "One month's sample of agents, drawn once. With its seed anybody draws the same again, so that"},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
