"""Messages: channels, templates, what a site allows, and one row for each message."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.notifications.models import Medium, NotificationState
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.migrating import with_constraints

NOTIFICATIONS = """
ALTER TABLE notifications ADD CONSTRAINT notification_of_an_order
    FOREIGN KEY (order_id) REFERENCES orders (id);
ALTER TABLE notification_channels ADD CONSTRAINT channel_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE notification_templates ADD CONSTRAINT template_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE notification_settings ADD CONSTRAINT settings_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
CREATE INDEX notifications_due ON notifications (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX notifications_leased ON notifications (lease_ends_at) WHERE lease_ends_at IS NOT NULL;

-- A message moves as listed, its tries are counted as it is taken up, and it is never another one.
CREATE FUNCTION guard_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR
        (NEW.id, NEW.subject, NEW.order_id, NEW.site_id, NEW.event, NEW.channel_id, NEW.medium,
         NEW.recipient_digest, NEW.created_at) IS DISTINCT FROM
        (OLD.id, OLD.subject, OLD.order_id, OLD.site_id, OLD.event, OLD.channel_id, OLD.medium,
         OLD.recipient_digest, OLD.created_at) THEN
        RAISE EXCEPTION 'a message stays the one it is'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'notification_fixed';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('pending', 'sending'), ('sending', 'sent'), ('sending', 'failed'),
        ('sending', 'uncertain'), ('sending', 'pending'), ('uncertain', 'sent'),
        ('uncertain', 'failed'), ('uncertain', 'pending'), ('failed', 'pending')
    ) THEN
        RAISE EXCEPTION 'a message does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'notification_move_listed';
    END IF;
    IF NEW.attempts <> OLD.attempts + (OLD.state = 'pending' AND NEW.state = 'sending')::int THEN
        RAISE EXCEPTION 'a try is counted when it is taken up, and then only'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'notification_tries_counted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER notifications_move BEFORE UPDATE OR DELETE ON notifications
    FOR EACH ROW EXECUTE FUNCTION guard_notification();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0018_accounts")]

    operations = with_constraints([
        ops.CreateModel(
            name='NotificationChannel',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('site_id', fields.UUIDField()),
                ('code', fields.CharField(max_length=64)),
                ('medium', fields.CharEnumField(description='EMAIL: email\nSMS: sms\nGROUP: group', enum_type=Medium, max_length=8)),
                ('events', ArrayField(default=list, element_type='TEXT')),
                ('address_sealed', fields.BinaryField()),
                ('address_masked', fields.CharField(max_length=300)),
                ('enabled', fields.BooleanField(default=True)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'notification_channels', 'app': 'domain', 'unique_together': (('site_id', 'code'),), 'constraints': [CheckConstraint(check="medium IN ('email', 'sms', 'group')", name='channel_medium_known'), UniqueConstraint(fields=('site_id', 'medium'), name='channel_one_to_buyers', condition="enabled AND medium <> 'group'")], 'pk_attr': 'id', 'table_description': "A way to send, of one site; sites without an own one use the main site's."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Notification',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('subject', fields.UUIDField()),
                ('order_id', fields.UUIDField()),
                ('site_id', fields.UUIDField()),
                ('event', fields.CharField(max_length=64)),
                ('channel', fields.ForeignKeyField('domain.NotificationChannel', source_field='channel_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('medium', fields.CharEnumField(description='EMAIL: email\nSMS: sms\nGROUP: group', enum_type=Medium, max_length=8)),
                ('recipient_digest', fields.BinaryField()),
                ('recipient_masked', fields.CharField(max_length=300)),
                ('language', fields.CharField(max_length=2)),
                ('state', fields.CharEnumField(description='PENDING: pending\nSENDING: sending\nSENT: sent\nFAILED: failed\nUNCERTAIN: uncertain', enum_type=NotificationState, max_length=16)),
                ('attempts', fields.IntField(default=0)),
                ('next_attempt_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('lease_ends_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('last_error', fields.CharField(null=True, max_length=64)),
                ('provider_reference', fields.CharField(null=True, max_length=128)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'notifications', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('subject', 'event', 'medium', 'recipient_digest'), name='notification_once'), CheckConstraint(check="state IN ('pending', 'sending', 'sent', 'failed', 'uncertain')", name='notification_state_known'), CheckConstraint(check="(state = 'pending') = (next_attempt_at IS NOT NULL)", name='notification_pending_is_due'), CheckConstraint(check="(state = 'sending') = (lease_ends_at IS NOT NULL)", name='notification_sending_is_leased'), CheckConstraint(check="state = 'pending' OR attempts > 0", name='notification_counted_before_sent')], 'indexes': [Index(fields=['order_id'])], 'pk_attr': 'id', 'table_description': 'One message of one event to one recipient, whatever becomes of it: it is never made twice.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='NotificationSettings',
            fields=[
                ('site_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('notify_codes', fields.BooleanField(default=False)),
                ('link_days', fields.IntField(default=7)),
                ('version', fields.IntField(default=1)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'notification_settings', 'app': 'domain', 'constraints': [CheckConstraint(check='link_days BETWEEN 1 AND 90', name='settings_link_days')], 'pk_attr': 'site_id', 'table_description': 'What a site allows its messages; a site without a row allows no codes in them.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='NotificationTemplate',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('site_id', fields.UUIDField()),
                ('event', fields.CharField(max_length=64)),
                ('medium', fields.CharEnumField(description='EMAIL: email\nSMS: sms\nGROUP: group', enum_type=Medium, max_length=8)),
                ('language', fields.CharField(max_length=2)),
                ('subject', fields.CharField(max_length=200)),
                ('body', fields.TextField(unique=False)),
                ('version', fields.IntField(default=1)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'notification_templates', 'app': 'domain', 'unique_together': (('site_id', 'event', 'medium', 'language'),), 'constraints': [CheckConstraint(check='length(body) BETWEEN 1 AND 4000', name='template_body_length'), CheckConstraint(check="medium <> 'group' OR (body || subject) !~ '\\{(secrets|link|code)\\}'", name='template_of_a_group_opens_nothing')], 'pk_attr': 'id', 'table_description': 'What a site says of an event, in one language, on one medium. Placeholders in braces.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(NOTIFICATIONS)]
