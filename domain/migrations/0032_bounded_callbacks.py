"""Callbacks that no vendor has signed are counted before they are kept, and go after a while."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

SQL = """
CREATE INDEX payment_callbacks_forged ON payment_callbacks (channel_id, received_at)
    WHERE outcome = 'REFUSED' AND reference IS NULL;
CREATE INDEX payment_callbacks_same ON payment_callbacks (channel_id, digest, id);
CREATE OR REPLACE FUNCTION guard_payment_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.outcome = 'REFUSED' AND OLD.reference IS NULL AND OLD.payment_id IS NULL
            AND OLD.received_at < now() - interval '29 days' THEN
            RETURN OLD;
        END IF;
    ELSIF OLD.judged_at IS NULL
        AND (NEW.channel_id, NEW.raw_sealed, NEW.digest)
            = (OLD.channel_id, OLD.raw_sealed, OLD.digest) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a callback is kept as it came, and judged once'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'callback_judged_once';
END $$;
"""


class Migration(migrations.Migration):
    """Bounds what strangers can make us keep."""

    dependencies = [("domain", "0031_refunds")]
    operations = [RunSQL(SQL)]
