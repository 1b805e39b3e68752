"""Agreements in versions, and who accepted them."""

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

SQL = """
ALTER TABLE agreement_acceptances ADD CONSTRAINT acceptance_by_a_user
    FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE agreement_acceptances ADD CONSTRAINT acceptance_of_a_version
    FOREIGN KEY (agreement, version) REFERENCES agreement_versions (agreement, version);
CREATE TRIGGER agreement_versions_append_only BEFORE UPDATE OR DELETE ON agreement_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agreement_acceptances_append_only BEFORE UPDATE OR DELETE ON agreement_acceptances
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION guard_agreement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version > 1 AND NOT EXISTS (SELECT 1 FROM agreement_versions v
        WHERE v.agreement = NEW.agreement AND v.version = NEW.version - 1
            AND v.effective_at <= NEW.effective_at) THEN
        RAISE EXCEPTION 'a version follows the one before, in number and in time'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'agreement_versions_in_order';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement_versions_in_order BEFORE INSERT ON agreement_versions
    FOR EACH ROW EXECUTE FUNCTION guard_agreement();
CREATE FUNCTION guard_acceptance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.digest <> (SELECT digest FROM agreement_versions v
        WHERE v.agreement = NEW.agreement AND v.version = NEW.version) THEN
        RAISE EXCEPTION 'nobody accepts another text than the version has'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'acceptance_of_its_text';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement_acceptances_of_their_text BEFORE INSERT ON agreement_acceptances
    FOR EACH ROW EXECUTE FUNCTION guard_acceptance();
"""


class Migration(migrations.Migration):
    """Two tables that are never changed."""

    dependencies = [("domain", "0050_case_of_lines")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name="Acceptance",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ("user_id", fields.UUIDField()),
                ("agreement", fields.CharField(max_length=64)),
                ("version", fields.IntField()),
                ("digest", fields.BinaryField()),
                ("language", fields.CharField(max_length=8)),
                ("accepted_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ip", fields.CharField(max_length=64)),
                ("client", fields.CharField(max_length=200)),
                ("request_id", fields.CharField(max_length=64)),
            ],
            options={
                "table": "agreement_acceptances",
                "app": "domain",
                "unique_together": (("user_id", "agreement", "version"),),
                "pk_attr": "id",
                "table_description": "Somebody accepted a version: what was shown, when, and from"
                " where. Never changed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AgreementVersion",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ("agreement", fields.CharField(max_length=64)),
                ("version", fields.IntField()),
                ("title_zh", fields.CharField(max_length=200)),
                ("title_en", fields.CharField(max_length=200)),
                ("text_zh", fields.TextField(unique=False)),
                ("text_en", fields.TextField(unique=False)),
                ("digest", fields.BinaryField()),
                ("types", ArrayField(element_type="text")),
                ("blocks", ArrayField(element_type="text")),
                ("effective_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("published_by", fields.UUIDField(null=True)),
                ("published_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "agreement_versions",
                "app": "domain",
                "unique_together": (("agreement", "version"),),
                "constraints": [
                    CheckConstraint(
                        check="types <@ ARRAY['distributor', 'promoter', 'corporate']"
                        " AND types <> '{}'",
                        name="agreement_types_known",
                    ),
                    CheckConstraint(
                        check="blocks <@ ARRAY['trade', 'earn', 'recruit', 'payout']",
                        name="agreement_blocks_known",
                    ),
                    CheckConstraint(check="version > 0", name="agreement_version_counted"),
                    CheckConstraint(
                        check="effective_at >= published_at", name="agreement_not_for_the_past"
                    ),
                ],
                "pk_attr": "id",
                "table_description": "One version of one agreement. Published once, never changed;"
                " the next one replaces it.",
            },
            bases=["Model"],
        ),
    ]) + [RunSQL(SQL)]
