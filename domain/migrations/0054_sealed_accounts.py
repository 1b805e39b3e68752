"""What buyers fill in for a line is sealed, masked beside it, and may be erased."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

SQL = """
-- Lines with something filled in, and those that still hold it in the open: few, and read by slices.
CREATE INDEX order_lines_account_sealed ON order_lines (id) WHERE account_sealed IS NOT NULL;
CREATE INDEX order_lines_account_key ON order_lines (substring(account_sealed for 4), id)
    WHERE account_sealed IS NOT NULL;
CREATE INDEX order_lines_account_open ON order_lines (id) WHERE account IS NOT NULL;
CREATE FUNCTION refuse_open_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a buyer filled in is stored sealed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'line_account_sealed';
END $$;
CREATE TRIGGER order_lines_sealed BEFORE INSERT ON order_lines
    FOR EACH ROW WHEN (NEW.account IS NOT NULL) EXECUTE FUNCTION refuse_open_account();
-- It stays what it was: sealed once, sealed anew by another key, or erased once the line is closed.
-- That the content stays is the seal's own matter: it is bound to its line.
CREATE FUNCTION guard_line_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erased boolean := NEW.account_erased_at IS NOT NULL AND OLD.account_erased_at IS NULL;
    was_there boolean := OLD.account IS NOT NULL OR OLD.account_sealed IS NOT NULL;
BEGIN
    IF erased AND was_there AND NEW.status IN ('DELIVERED', 'REFUNDED', 'CANCELLED') THEN
        RETURN NEW;
    END IF;
    IF NEW.account_erased_at IS DISTINCT FROM OLD.account_erased_at
        OR (NEW.account IS NULL AND NEW.account_sealed IS NULL) = was_there
        OR NEW.account IS NOT NULL AND NEW.account IS DISTINCT FROM OLD.account
        OR OLD.account_masked IS NOT NULL AND NEW.account_masked IS DISTINCT FROM OLD.account_masked
    THEN
        RAISE EXCEPTION 'what was filled in does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_account_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_lines_account BEFORE UPDATE OF account, account_sealed, account_masked,
    account_erased_at ON order_lines FOR EACH ROW EXECUTE FUNCTION guard_line_account();
CREATE OR REPLACE FUNCTION guard_line_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order line is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND NOT line_move_listed(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'an order line does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_move_listed';
    END IF;
    IF NEW.unit_price <> OLD.unit_price OR NEW.quantity <> OLD.quantity OR NEW.variant_id <> OLD.variant_id
        OR NEW.delivery_kind <> OLD.delivery_kind OR NEW.type_id <> OLD.type_id
        OR NEW.type_version <> OLD.type_version OR NEW.gift <> OLD.gift
        OR (NEW.bundle_sku, NEW.bundle_position) IS DISTINCT FROM (OLD.bundle_sku, OLD.bundle_position) THEN
        RAISE EXCEPTION 'what was agreed does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'DELIVERED' AND (NEW.receipt IS DISTINCT FROM OLD.receipt
        OR NEW.note_sealed IS DISTINCT FROM OLD.note_sealed) THEN
        RAISE EXCEPTION 'what was handed over does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_handed_over';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0053_commission_life")]

    initial = False

    operations = [
        ops.AddField(model_name="OrderLine", name="account_sealed", field=fields.BinaryField(null=True)),
        ops.AddField(
            model_name="OrderLine",
            name="account_masked",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="OrderLine",
            name="account_erased_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddConstraint(
            model_name="OrderLine",
            constraint=CheckConstraint(
                check="(account_sealed IS NULL) = (account_masked IS NULL)"
                " AND (account_sealed IS NULL OR account IS NULL)",
                name="line_account_sealed_and_masked",
            ),
        ),
        ops.AddConstraint(
            model_name="OrderLine",
            constraint=CheckConstraint(
                check="account_erased_at IS NULL OR (account IS NULL AND account_sealed IS NULL)",
                name="line_account_erased",
            ),
        ),
        RunSQL(SQL),
    ]
