"""A variant does not become a gift card or a bundle, nor one of them anything else."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

KINDS = """
CREATE OR REPLACE FUNCTION guard_gift_variant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a variant stays a gift card or a bundle, and none becomes one'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'variant_kind_stays';
END $$;
DROP TRIGGER variants_gift_kind ON variants;
CREATE TRIGGER variants_kind_stays BEFORE UPDATE OF delivery_kind ON variants FOR EACH ROW
    WHEN (OLD.delivery_kind <> NEW.delivery_kind AND (OLD.delivery_kind IN ('GIFT_CARD', 'BUNDLE')
        OR NEW.delivery_kind IN ('GIFT_CARD', 'BUNDLE')))
    EXECUTE FUNCTION guard_gift_variant();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0019_notifications")]

    operations = [RunSQL(KINDS)]
