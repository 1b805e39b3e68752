"""Claim links: the right to be shown cards of an order, counted by the database."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.orders.keepsakes import ContactKind
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.migrating import with_constraints

CLAIMS = """
ALTER TABLE claim_links ADD CONSTRAINT claim_link_of_an_order
    FOREIGN KEY (order_id) REFERENCES orders (id);
-- A link is what it was made: only its count, its end by revoking, and its events move on.
CREATE FUNCTION guard_claim_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR
        (NEW.id, NEW.order_id, NEW.card_ids, NEW.created_by, NEW.origin, NEW.recipient_kind,
         NEW.recipient_sealed, NEW.recipient_digest, NEW.recipient_masked, NEW.key_version,
         NEW.max_uses, NEW.expires_at, NEW.created_at) IS DISTINCT FROM
        (OLD.id, OLD.order_id, OLD.card_ids, OLD.created_by, OLD.origin, OLD.recipient_kind,
         OLD.recipient_sealed, OLD.recipient_digest, OLD.recipient_masked, OLD.key_version,
         OLD.max_uses, OLD.expires_at, OLD.created_at) THEN
        RAISE EXCEPTION 'a claim link stays what it was made'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'claim_link_fixed';
    END IF;
    IF NEW.uses < OLD.uses OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at) THEN
        RAISE EXCEPTION 'a claim and a revocation are not taken back'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'claim_link_onward';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER claim_links_fixed BEFORE UPDATE OR DELETE ON claim_links
    FOR EACH ROW EXECUTE FUNCTION guard_claim_link();

-- A use counts itself on its link, whatever path it comes by: none on a closed one, and with the
-- constraint on `uses` none too many.
CREATE FUNCTION count_claim_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE claim_links SET uses = uses + 1
    WHERE id = NEW.link_id AND revoked_at IS NULL AND expires_at > NEW.claimed_at
    RETURNING uses INTO NEW.number;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a revoked or expired link is not claimed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'claim_link_open';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER claim_uses_counted BEFORE INSERT ON claim_uses
    FOR EACH ROW EXECUTE FUNCTION count_claim_use();
CREATE TRIGGER claim_uses_append_only BEFORE UPDATE OR DELETE ON claim_uses
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0011_canaries")]

    operations = with_constraints([
        ops.CreateModel(
            name='ClaimLink',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('order_id', fields.UUIDField()),
                ('card_ids', ArrayField(null=True, element_type='UUID')),
                ('created_by', fields.UUIDField(null=True)),
                ('origin', fields.UUIDField(null=True)),
                ('recipient_kind', fields.CharEnumField(null=True, description='EMAIL: email\nPHONE: phone', enum_type=ContactKind, max_length=8)),
                ('recipient_sealed', fields.BinaryField(null=True)),
                ('recipient_digest', fields.BinaryField(null=True)),
                ('recipient_masked', fields.CharField(null=True, max_length=300)),
                ('language', fields.CharField(max_length=2)),
                ('key_version', fields.IntField()),
                ('max_uses', fields.IntField()),
                ('uses', fields.IntField(default=0)),
                ('event_count', fields.IntField(default=1)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('revoked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'claim_links', 'app': 'domain', 'constraints': [CheckConstraint(check='max_uses BETWEEN 1 AND 20', name='claim_link_max_uses'), CheckConstraint(check='uses BETWEEN 0 AND max_uses', name='claim_link_uses_counted'), CheckConstraint(check="expires_at > created_at AND expires_at <= created_at + interval '90 days'", name='claim_link_life'), CheckConstraint(check='(recipient_kind IS NULL) = (recipient_sealed IS NULL) AND (recipient_kind IS NULL) = (recipient_digest IS NULL) AND (recipient_kind IS NULL) = (recipient_masked IS NULL)', name='claim_link_recipient_whole'), CheckConstraint(check='cardinality(card_ids) > 0', name='claim_link_has_cards'), UniqueConstraint(fields=('origin',), name='claim_link_once_a_message', condition='origin IS NOT NULL')], 'indexes': [Index(fields=['order_id', 'id'])], 'pk_attr': 'id', 'table_description': 'The right to be shown cards of one order, a number of times, until a moment.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ClaimChallenge',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('link', fields.ForeignKeyField('domain.ClaimLink', source_field='link_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('number', fields.IntField()),
                ('tries', fields.IntField(default=0)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'claim_challenges', 'app': 'domain', 'unique_together': (('link', 'number'),), 'constraints': [CheckConstraint(check='number BETWEEN 1 AND 5', name='claim_challenges_few'), CheckConstraint(check='tries BETWEEN 0 AND 5', name='claim_challenge_tries_few')], 'pk_attr': 'id', 'table_description': 'A one-time code that was asked for. The code itself is derived, and stored nowhere.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ClaimUse',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('link', fields.ForeignKeyField('domain.ClaimLink', source_field='link_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('number', fields.IntField()),
                ('key_digest', fields.BinaryField()),
                ('claimed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'claim_uses', 'app': 'domain', 'unique_together': (('link', 'number'),), 'constraints': [UniqueConstraint(fields=('link_id', 'key_digest'), name='claim_once_a_key')], 'pk_attr': 'id', 'table_description': 'One claim. A trigger numbers it and counts it on the link, or the database refuses it.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(CLAIMS)]
