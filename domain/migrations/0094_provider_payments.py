"""Payments to service providers: accounts, files for a bank, what became of them."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.providers.models import Decided, PaymentState
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel.migrating import with_constraints

GUARDS = """
ALTER TABLE provider_accounts ADD CONSTRAINT provider_account_of_a_provider
    FOREIGN KEY (provider_id) REFERENCES providers (id);
ALTER TABLE provider_files ADD CONSTRAINT provider_file_of_a_channel
    FOREIGN KEY (channel_id) REFERENCES payout_channels (id);
ALTER TABLE provider_payments ADD CONSTRAINT provider_payment_of_a_statement
    FOREIGN KEY (statement_id) REFERENCES provider_statements (id);
ALTER TABLE provider_payments ADD CONSTRAINT provider_payment_to_an_account
    FOREIGN KEY (account_id) REFERENCES provider_accounts (id);
ALTER TABLE provider_payments ADD CONSTRAINT provider_payment_in_a_file
    FOREIGN KEY (file_id) REFERENCES provider_files (id);
-- An account is decided about once and retired once; a rotation of keys alone seals it anew.
CREATE FUNCTION guard_provider_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := ARRAY['state', 'decided_by', 'decided_at', 'decision', 'usable_from'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'PROPOSED' THEN
            RAISE EXCEPTION 'an account is proposed first'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_proposed_first';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF only_resealed(to_jsonb(OLD), to_jsonb(NEW), ARRAY['sealed'])
            OR (OLD.state = 'PROPOSED' AND to_jsonb(NEW) - free = to_jsonb(OLD) - free)
            OR (OLD.retired_at IS NULL
                AND to_jsonb(NEW) - 'retired_at' = to_jsonb(OLD) - 'retired_at') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'an account is decided about and retired, never changed'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'provider_account_kept';
END $$;
CREATE TRIGGER provider_accounts_kept BEFORE INSERT OR UPDATE OR DELETE ON provider_accounts
    FOR EACH ROW EXECUTE FUNCTION guard_provider_account();
CREATE FUNCTION guard_provider_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND only_resealed(to_jsonb(OLD), to_jsonb(NEW), ARRAY['sealed']) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a file for a bank stays what it is'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'provider_file_kept';
END $$;
CREATE TRIGGER provider_files_kept BEFORE UPDATE OR DELETE ON provider_files
    FOR EACH ROW EXECUTE FUNCTION guard_provider_file();
-- What is paid: all that an approved statement made payable, to the account of its provider that is
-- in use and has cooled off, in a file of somebody who did not approve it.
CREATE FUNCTION guard_provider_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'SENT' OR NOT EXISTS (
            SELECT 1 FROM provider_statements s
            JOIN provider_contracts c ON c.id = s.contract_id
            JOIN provider_accounts a ON a.provider_id = c.provider_id
            JOIN provider_files f ON f.id = NEW.file_id
            WHERE s.id = NEW.statement_id AND s.state = 'APPROVED' AND a.id = NEW.account_id
                AND a.state = 'APPROVED' AND a.retired_at IS NULL AND a.usable_from <= f.made_at
                AND (s.payable, s.currency) = (NEW.amount, NEW.currency)
                AND f.currency = NEW.currency AND f.made_by <> s.decided_by) THEN
            RAISE EXCEPTION 'what is paid is what an approved statement says'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_payment_as_approved';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR (OLD.state, NEW.state) NOT IN (('SENT', 'PAID'), ('SENT', 'FAILED'),
            ('SENT', 'RETURNED'), ('PAID', 'RETURNED'))
        OR to_jsonb(NEW) - ARRAY['state', 'told_by', 'told_at']
            <> to_jsonb(OLD) - ARRAY['state', 'told_by', 'told_at'] THEN
        RAISE EXCEPTION 'a payment goes on as the bank says'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'provider_payment_goes_on';
    END IF;
    IF EXISTS (SELECT 1 FROM provider_files WHERE id = NEW.file_id AND made_by = NEW.told_by) THEN
        RAISE EXCEPTION 'who made a file does not say what became of it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_payment_of_four_eyes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER provider_payments_kept BEFORE INSERT OR UPDATE OR DELETE ON provider_payments
    FOR EACH ROW EXECUTE FUNCTION guard_provider_payment();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0093_bonuses")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='ProviderAccount',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('provider_id', fields.UUIDField()),
                ('masked', fields.CharField(max_length=64)),
                ('sealed', fields.BinaryField()),
                ('state', fields.CharEnumField(description='PROPOSED: PROPOSED\nAPPROVED: APPROVED\nREJECTED: REJECTED', enum_type=Decided, max_length=8)),
                ('proposed_by', fields.UUIDField()),
                ('proposed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decision', fields.CharField(default='', max_length=500)),
                ('usable_from', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('retired_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'provider_accounts', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('PROPOSED', 'APPROVED', 'REJECTED')", name='provider_account_state_known'), CheckConstraint(check="(state = 'PROPOSED') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL) AND (decided_by IS NULL OR decided_by <> proposed_by)", name='provider_account_of_four_eyes'), CheckConstraint(check="(state = 'APPROVED') = (usable_from IS NOT NULL) AND (retired_at IS NULL OR state = 'APPROVED')", name='provider_account_usable_once_agreed'), UniqueConstraint(fields=('provider_id',), name='provider_account_in_use_once', condition="state = 'APPROVED' AND retired_at IS NULL"), UniqueConstraint(fields=('provider_id',), name='provider_account_proposed_once', condition="state = 'PROPOSED'")], 'pk_attr': 'id', 'table_description': 'A bank account of a provider, sealed: told by one, agreed to by another. One is in use.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ProviderFile',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('channel_id', fields.UUIDField()),
                ('number', fields.CharField(unique=True, max_length=32)),
                ('count', fields.IntField()),
                ('total', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('digest', fields.BinaryField()),
                ('sealed', fields.BinaryField()),
                ('made_by', fields.UUIDField()),
                ('made_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'provider_files', 'app': 'domain', 'constraints': [CheckConstraint(check='count > 0 AND total > 0', name='provider_file_of_something')], 'pk_attr': 'id', 'table_description': 'A file for a bank that pays statements: its control totals, its sealed content.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ProviderPayment',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('statement_id', fields.UUIDField()),
                ('account_id', fields.UUIDField()),
                ('file_id', fields.UUIDField()),
                ('reference', fields.CharField(unique=True, max_length=32)),
                ('amount', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('state', fields.CharEnumField(description='SENT: SENT\nPAID: PAID\nFAILED: FAILED\nRETURNED: RETURNED', enum_type=PaymentState, max_length=8)),
                ('told_by', fields.UUIDField(null=True)),
                ('told_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'provider_payments', 'app': 'domain', 'constraints': [CheckConstraint(check='amount > 0', name='provider_payment_of_something'), CheckConstraint(check="state IN ('SENT', 'PAID', 'FAILED', 'RETURNED')", name='provider_payment_state_known'), CheckConstraint(check="(state = 'SENT') = (told_at IS NULL) AND (told_at IS NULL) = (told_by IS NULL)", name='provider_payment_told_by_somebody'), UniqueConstraint(fields=('statement_id',), name='provider_statement_paid_once', condition="state IN ('SENT', 'PAID')")], 'indexes': [Index(fields=['file_id', 'id'])], 'pk_attr': 'id', 'table_description': "One approved statement on its way to its provider's account, in one file."},
            bases=['Model'],
        ),
    ]) + [ops.RunSQL(GUARDS)]
