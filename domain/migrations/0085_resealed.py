"""A rotation of keys may seal anew what else never changes: names, accounts, files of payouts."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

GUARDS = """
-- Whether a row changed in its seals alone, in a transaction that rotates keys. Who writes SQL but
-- has no key gains nothing by it: a seal is bound to its row, and another one does not open.
CREATE FUNCTION only_resealed(before jsonb, after jsonb, seals text[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('kameng.reason', true), '') = 'rotate'
        AND before - seals = after - seals
$$;
CREATE OR REPLACE FUNCTION guard_payout_destination() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND only_resealed(to_jsonb(OLD), to_jsonb(NEW), ARRAY['sealed']) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'retired_at') <> (to_jsonb(OLD) - 'retired_at')
        OR OLD.retired_at IS NOT NULL THEN
        RAISE EXCEPTION 'a destination is retired, never changed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_destination_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION guard_payout_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND only_resealed(to_jsonb(OLD), to_jsonb(NEW), ARRAY['sealed']) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.handed_over_at IS NOT NULL
        OR to_jsonb(NEW) - ARRAY['handed_over_by', 'handed_over_at']
            <> to_jsonb(OLD) - ARRAY['handed_over_by', 'handed_over_at'] THEN
        RAISE EXCEPTION 'a payout file is made once and never changed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_file_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION guard_real_name_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND only_resealed(to_jsonb(OLD), to_jsonb(NEW),
        ARRAY['name_sealed', 'number_sealed']) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.decided_at IS NOT NULL
        OR (NEW.user_id, NEW.level, NEW.company, NEW.name_sealed, NEW.number_sealed,
            NEW.number_digest, NEW.opened_at)
        IS DISTINCT FROM (OLD.user_id, OLD.level, OLD.company, OLD.name_sealed, OLD.number_sealed,
            OLD.number_digest, OLD.opened_at) THEN
        RAISE EXCEPTION 'what somebody said, and what was decided, stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'real_name_case_kept';
    END IF;
    IF NEW.decided_by = NEW.user_id THEN
        RAISE EXCEPTION 'nobody decides on their own case'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'real_name_case_of_another';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0084_channel_settled")]

    initial = False

    operations = [RunSQL(GUARDS)]
