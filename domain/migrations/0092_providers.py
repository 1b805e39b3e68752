"""Service providers: contracts, versions of terms, services, statements."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.ledger.models import AccountKind
from domain.providers.models import Decided, ProviderKind
from domain.providers.rules import ContractBasis, ContractModel
from orjson import loads
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel.migrating import with_constraints

GUARDS = """
ALTER TABLE provider_contracts ADD CONSTRAINT provider_contract_of_a_provider
    FOREIGN KEY (provider_id) REFERENCES providers (id);
ALTER TABLE provider_terms ADD CONSTRAINT provider_terms_of_a_contract
    FOREIGN KEY (contract_id) REFERENCES provider_contracts (id);
ALTER TABLE provider_terms ADD CONSTRAINT provider_terms_on_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE provider_items ADD CONSTRAINT provider_item_of_a_contract
    FOREIGN KEY (contract_id) REFERENCES provider_contracts (id);
ALTER TABLE provider_items ADD CONSTRAINT provider_item_of_terms
    FOREIGN KEY (terms_id) REFERENCES provider_terms (id);
ALTER TABLE provider_items ADD CONSTRAINT provider_item_in_a_statement
    FOREIGN KEY (statement_id) REFERENCES provider_statements (id);
ALTER TABLE provider_statements ADD CONSTRAINT provider_statement_of_a_contract
    FOREIGN KEY (contract_id) REFERENCES provider_contracts (id);
ALTER TABLE provider_statements ADD CONSTRAINT provider_statement_follows
    FOREIGN KEY (follows) REFERENCES provider_statements (id);
CREATE UNIQUE INDEX provider_statement_follows_once ON provider_statements (contract_id, follows)
    NULLS NOT DISTINCT WHERE state <> 'REJECTED';
CREATE INDEX provider_terms_in_force ON provider_terms (contract_id, valid_from)
    WHERE state = 'APPROVED';
-- Steps rise, and each of them pays something.
CREATE FUNCTION provider_steps_sound(steps jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_typeof(steps) = 'array' AND NOT EXISTS (
        SELECT 1 FROM (
            SELECT (each->>'at')::bigint AS at, (each->>'amount')::bigint AS amount,
                (each->>'rate')::bigint AS rate,
                lag((each->>'at')::bigint, 1, 0::bigint) OVER (ORDER BY place) AS before
            FROM jsonb_array_elements(steps) WITH ORDINALITY AS told (each, place)) step
        WHERE (at > before AND amount >= 0 AND rate BETWEEN 0 AND 1000000 AND amount + rate > 0)
            IS NOT TRUE)
$$;
ALTER TABLE provider_terms ADD CONSTRAINT provider_terms_steps_rise
    CHECK (provider_steps_sound(steps));
CREATE FUNCTION provider_services_sound(services jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_typeof(services) = 'array' AND count(DISTINCT each->>'code') = count(*)
        AND coalesce(bool_and(coalesce((each->>'price')::bigint > 0 AND each->>'code' <> '', false)), true)
    FROM jsonb_array_elements(services) each
$$;
ALTER TABLE provider_terms ADD CONSTRAINT provider_terms_services_priced
    CHECK (provider_services_sound(services));
-- What the lines of a statement come to, one by one, is its total.
CREATE FUNCTION provider_told(lines jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum((each->>'amount')::bigint), 0)::bigint FROM jsonb_array_elements(lines) each
$$;
ALTER TABLE provider_statements ADD CONSTRAINT provider_total_is_told
    CHECK (provider_told(lines) = total);

-- Whatever is proposed stays what it was but for the decision, which is final.
CREATE FUNCTION guard_provider_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := ARRAY['state', 'decided_by', 'decided_at', 'decision', 'statement_id'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'PROPOSED' THEN
            RAISE EXCEPTION 'it is proposed first'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_proposed_first';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - free) <> (to_jsonb(OLD) - free)
        OR (OLD.state <> 'PROPOSED' AND (NEW.state, NEW.decided_by, NEW.decided_at, NEW.decision)
            IS DISTINCT FROM (OLD.state, OLD.decided_by, OLD.decided_at, OLD.decision)) THEN
        RAISE EXCEPTION 'what was proposed stays, and what was decided stays decided'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'provider_decided_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER provider_terms_kept BEFORE INSERT OR UPDATE OR DELETE ON provider_terms
    FOR EACH ROW EXECUTE FUNCTION guard_provider_decision();
CREATE TRIGGER provider_items_kept BEFORE INSERT OR UPDATE OR DELETE ON provider_items
    FOR EACH ROW EXECUTE FUNCTION guard_provider_decision();
CREATE TRIGGER provider_statements_kept BEFORE INSERT OR UPDATE OR DELETE ON provider_statements
    FOR EACH ROW EXECUTE FUNCTION guard_provider_decision();
CREATE TRIGGER providers_stay BEFORE DELETE ON providers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER provider_contracts_stay BEFORE DELETE ON provider_contracts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- Terms are not approved for a time that a statement was written for. The contract's row is the lock.
CREATE FUNCTION guard_provider_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM provider_contracts WHERE id = NEW.contract_id FOR UPDATE;
    IF EXISTS (SELECT 1 FROM provider_statements WHERE contract_id = NEW.contract_id
        AND state <> 'REJECTED' AND ends_at > NEW.valid_from) THEN
        RAISE EXCEPTION 'what a statement counted by stays what it was'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_terms_after_what_is_settled';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER provider_terms_agreed BEFORE UPDATE ON provider_terms
    FOR EACH ROW WHEN (OLD.state = 'PROPOSED' AND NEW.state = 'APPROVED')
    EXECUTE FUNCTION guard_provider_terms();
-- A statement goes on where the last one ended, in time, in the ledger and in what it carries.
CREATE FUNCTION guard_provider_statement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last provider_statements%ROWTYPE;
BEGIN
    IF NEW.follows IS NULL THEN
        IF NEW.carried_in <> 0 THEN
            RAISE EXCEPTION 'a first statement carries nothing in'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_statement_goes_on_there';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO last FROM provider_statements WHERE id = NEW.follows;
    IF last.state <> 'APPROVED' OR (last.contract_id, last.currency, last.ends_at, last.up_to_entry,
        last.carried_out) IS DISTINCT FROM (NEW.contract_id, NEW.currency, NEW.starts_at,
        NEW.from_entry, NEW.carried_in) THEN
        RAISE EXCEPTION 'a statement goes on where the last one ended'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_statement_goes_on_there';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER provider_statements_go_on BEFORE INSERT ON provider_statements
    FOR EACH ROW EXECUTE FUNCTION guard_provider_statement();
-- A service is counted once: it leaves a statement only when that one is rejected.
CREATE FUNCTION guard_provider_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.statement_id IS DISTINCT FROM OLD.statement_id AND (
        (OLD.statement_id IS NOT NULL AND (NEW.statement_id IS NOT NULL OR NOT EXISTS (
            SELECT 1 FROM provider_statements WHERE id = OLD.statement_id AND state = 'REJECTED')))
        OR (NEW.statement_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM provider_statements
            WHERE id = NEW.statement_id AND contract_id = NEW.contract_id AND state = 'PROPOSED')))
    THEN
        RAISE EXCEPTION 'a service is counted once, in a statement of its contract'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_item_counted_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER provider_items_counted BEFORE UPDATE ON provider_items
    FOR EACH ROW EXECUTE FUNCTION guard_provider_item();
-- A service has the price that the terms of its contract give it.
CREATE FUNCTION guard_provider_item_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM provider_terms t
        CROSS JOIN LATERAL jsonb_array_elements(t.services) each
        WHERE t.id = NEW.terms_id AND t.contract_id = NEW.contract_id AND t.state = 'APPROVED'
            AND each->>'code' = NEW.code AND (each->>'price')::bigint = NEW.price) THEN
        RAISE EXCEPTION 'a service has the price of its terms'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_item_at_its_price';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER provider_items_priced BEFORE INSERT ON provider_items
    FOR EACH ROW EXECUTE FUNCTION guard_provider_item_price();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0091_peers")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='Provider',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('code', fields.CharField(unique=True, max_length=32)),
                ('name', fields.CharField(max_length=96)),
                ('kind', fields.CharEnumField(description='COMPANY: COMPANY\nPERSON: PERSON', enum_type=ProviderKind, max_length=8)),
                ('note', fields.CharField(default='', max_length=500)),
                ('created_by', fields.UUIDField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'providers', 'app': 'domain', 'constraints': [CheckConstraint(check="kind IN ('COMPANY', 'PERSON')", name='provider_kind_known'), CheckConstraint(check="code ~ '^[A-Z0-9][A-Z0-9-]{1,31}$'", name='provider_code_form')], 'pk_attr': 'id', 'table_description': 'A company or a person that works for the house and is paid by contract.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ProviderContract',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('provider_id', fields.UUIDField()),
                ('title', fields.CharField(max_length=96)),
                ('version', fields.IntField(default=0)),
                ('opened_by', fields.UUIDField()),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'provider_contracts', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('provider_id', 'title'), name='provider_contract_once')], 'pk_attr': 'id', 'table_description': 'One contract of a provider; what it pays is said by the versions of its terms.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ProviderItem',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('contract_id', fields.UUIDField()),
                ('terms_id', fields.UUIDField()),
                ('code', fields.CharField(max_length=32)),
                ('quantity', fields.IntField()),
                ('price', fields.BigIntField()),
                ('done_on', fields.DateField()),
                ('evidence', fields.CharField(max_length=500)),
                ('state', fields.CharEnumField(description='PROPOSED: PROPOSED\nAPPROVED: APPROVED\nREJECTED: REJECTED', enum_type=Decided, max_length=8)),
                ('proposed_by', fields.UUIDField()),
                ('proposed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decision', fields.CharField(default='', max_length=500)),
                ('statement_id', fields.UUIDField(null=True)),
            ],
            options={'table': 'provider_items', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('PROPOSED', 'APPROVED', 'REJECTED')", name='provider_item_state_known'), CheckConstraint(check="(state = 'PROPOSED') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL) AND (decided_by IS NULL OR decided_by <> proposed_by)", name='provider_item_of_four_eyes'), CheckConstraint(check='quantity BETWEEN 1 AND 1000000 AND price > 0', name='provider_item_of_something'), CheckConstraint(check="evidence <> ''", name='provider_item_has_evidence'), CheckConstraint(check="statement_id IS NULL OR state = 'APPROVED'", name='provider_item_agreed_before_it_counts')], 'indexes': [Index(fields=['contract_id', 'id']), Index(fields=['statement_id'])], 'pk_attr': 'id', 'table_description': 'A service that was done for a contract of base and extras, at the price of its terms.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ProviderStatement',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('contract_id', fields.UUIDField()),
                ('period', fields.CharField(max_length=7)),
                ('currency', fields.CharField(max_length=3)),
                ('starts_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ends_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('follows', fields.UUIDField(null=True)),
                ('from_entry', fields.BigIntField()),
                ('up_to_entry', fields.BigIntField()),
                ('facts', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('lines', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('total', fields.BigIntField()),
                ('carried_in', fields.BigIntField()),
                ('payable', fields.BigIntField()),
                ('carried_out', fields.BigIntField()),
                ('note', fields.CharField(default='', max_length=500)),
                ('state', fields.CharEnumField(description='PROPOSED: PROPOSED\nAPPROVED: APPROVED\nREJECTED: REJECTED', enum_type=Decided, max_length=8)),
                ('proposed_by', fields.UUIDField()),
                ('proposed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decision', fields.CharField(default='', max_length=500)),
            ],
            options={'table': 'provider_statements', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('PROPOSED', 'APPROVED', 'REJECTED')", name='provider_statement_state_known'), CheckConstraint(check="(state = 'PROPOSED') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL) AND (decided_by IS NULL OR decided_by <> proposed_by)", name='provider_statement_of_four_eyes'), CheckConstraint(check='starts_at < ends_at AND from_entry BETWEEN 0 AND up_to_entry', name='provider_statement_goes_on'), CheckConstraint(check='payable + carried_out = total + carried_in AND payable >= 0 AND carried_out <= 0 AND carried_in <= 0 AND (payable = 0 OR carried_out = 0)', name='provider_statement_adds_up'), UniqueConstraint(fields=('contract_id', 'period'), name='provider_statement_once_a_period', condition="state <> 'REJECTED'")], 'indexes': [Index(fields=['contract_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What a contract comes to in one month, from one entry of the ledger to another.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ProviderTerms',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('contract_id', fields.UUIDField()),
                ('number', fields.IntField()),
                ('model', fields.CharEnumField(description='RESULT: RESULT\nFIXED_BONUS: FIXED_BONUS\nBASE_EXTRAS: BASE_EXTRAS', enum_type=ContractModel, max_length=16)),
                ('currency', fields.CharField(max_length=3)),
                ('fee', fields.BigIntField(default=0)),
                ('basis', fields.CharEnumField(null=True, description='NET_SALES: NET_SALES\nMARGIN: MARGIN\nORDERS: ORDERS', enum_type=ContractBasis, max_length=16)),
                ('rate', fields.BigIntField(null=True)),
                ('per_order', fields.BigIntField(null=True)),
                ('site_id', fields.UUIDField(null=True)),
                ('product_ids', ArrayField(default=list, element_type='UUID')),
                ('steps', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('services', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('valid_from', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('valid_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('note', fields.CharField(default='', max_length=500)),
                ('state', fields.CharEnumField(description='PROPOSED: PROPOSED\nAPPROVED: APPROVED\nREJECTED: REJECTED', enum_type=Decided, max_length=8)),
                ('proposed_by', fields.UUIDField()),
                ('proposed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('decided_by', fields.UUIDField(null=True)),
                ('decided_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('decision', fields.CharField(default='', max_length=500)),
            ],
            options={'table': 'provider_terms', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('PROPOSED', 'APPROVED', 'REJECTED')", name='provider_terms_state_known'), CheckConstraint(check="(state = 'PROPOSED') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL) AND (decided_by IS NULL OR decided_by <> proposed_by)", name='provider_terms_of_four_eyes'), CheckConstraint(check='valid_until IS NULL OR valid_until > valid_from', name='provider_terms_end_later'), CheckConstraint(check='fee >= 0 AND coalesce(per_order, 1) > 0 AND coalesce(rate, 1) BETWEEN 1 AND 1000000', name='provider_terms_amounts'), CheckConstraint(check='(basis IS NULL) = (site_id IS NULL AND cardinality(product_ids) = 0)', name='provider_results_have_a_scope'), CheckConstraint(check="CASE model WHEN 'RESULT' THEN fee = 0 AND basis IS NOT NULL AND (rate IS NULL) = (basis = 'ORDERS') AND (per_order IS NULL) = (basis <> 'ORDERS') AND steps = '[]' AND services = '[]' WHEN 'FIXED_BONUS' THEN fee > 0 AND basis IS NOT NULL AND rate IS NULL AND per_order IS NULL AND steps <> '[]' AND services = '[]' WHEN 'BASE_EXTRAS' THEN fee > 0 AND basis IS NULL AND rate IS NULL AND per_order IS NULL AND steps = '[]' AND services <> '[]' ELSE false END", name='provider_terms_of_their_model'), UniqueConstraint(fields=('contract_id', 'number'), name='provider_terms_numbered'), UniqueConstraint(fields=('contract_id',), name='provider_terms_proposed_once', condition="state = 'PROPOSED'")], 'pk_attr': 'id', 'table_description': "One version of a contract's terms, by the month of the business. Never changed but by the"},
            bases=['Model'],
        ),
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nCOMMISSION_AVAILABLE: commission_available\nCOMMISSION_DEBT: commission_debt\nPAYOUT_HELD: payout_held\nPAYOUT_TRANSIT: payout_transit\nPAYOUT_FEE: payout_fee\nTAX_WITHHELD: tax_withheld\nSUPPLIER: supplier\nPROVIDER: provider\nSUPPLIER_CLAIM: supplier_claim\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nPROVIDER_EXPENSE: provider_expense\nLOSS: loss\nCHANNEL: channel\nSUSPENSE: suspense\nREFUND_DUE: refund_due\nCHANNEL_FEE: channel_fee\nPENALTY: penalty\nEXCHANGE: exchange\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
    ]) + [ops.RunSQL(GUARDS)]
