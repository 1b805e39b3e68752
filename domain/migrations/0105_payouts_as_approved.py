"""Who approved a payout, and when, does not change once it is so."""

from tortoise import migrations
from tortoise.migrations import operations as ops

SQL = """
CREATE FUNCTION guard_payout_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'who approved a payout does not change'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_as_approved';
END $$;
CREATE TRIGGER payouts_as_approved BEFORE UPDATE OF approved_by, approved_at ON payouts
    FOR EACH ROW WHEN (OLD.approved_at IS NOT NULL
        AND (NEW.approved_by, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at))
    EXECUTE FUNCTION guard_payout_approval();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0104_variants_by_product")]

    initial = False

    operations = [ops.RunSQL(SQL)]
