"""No shelf stands below itself, whatever path it was put there by."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

CIRCLES = """
CREATE FUNCTION refuse_category_circle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        WITH RECURSIVE above AS (
            SELECT NEW.parent_id AS id
            UNION SELECT c.parent_id FROM categories c JOIN above a ON c.id = a.id
        ) SELECT 1 FROM above WHERE id = NEW.id
    ) THEN
        RAISE EXCEPTION 'a category does not stand below itself'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'category_no_circle';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER categories_no_circle AFTER INSERT OR UPDATE OF parent_id ON categories
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION refuse_category_circle();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0003_sites")]

    operations = [RunSQL(CIRCLES)]
