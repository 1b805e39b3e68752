"""What buyers leave with their orders: a contact, a password to look the order up by."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.orders.keepsakes import ContactKind

KEEPSAKES = """
ALTER TABLE order_keepsakes ADD CONSTRAINT keepsake_of_an_order
    FOREIGN KEY (order_id) REFERENCES orders (id);
CREATE FUNCTION guard_keepsake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was left with an order is forgotten or kept, never changed'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'keepsake_fixed';
END $$;
CREATE TRIGGER order_keepsakes_fixed BEFORE UPDATE ON order_keepsakes
    FOR EACH ROW EXECUTE FUNCTION guard_keepsake();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0005_lifecycle")]

    operations = with_constraints([
        ops.CreateModel(
            name='OrderKeepsake',
            fields=[
                ('order_id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('kind', fields.CharEnumField(null=True, description='EMAIL: email\nPHONE: phone', enum_type=ContactKind, max_length=8)),
                ('contact_sealed', fields.BinaryField(null=True)),
                ('contact_digest', fields.BinaryField(null=True)),
                ('contact_masked', fields.CharField(null=True, max_length=300)),
                ('language', fields.CharField(max_length=2)),
                ('lookup_hash', fields.CharField(null=True, max_length=200)),
            ],
            options={'table': 'order_keepsakes', 'app': 'domain', 'constraints': [CheckConstraint(check='(kind IS NULL) = (contact_sealed IS NULL) AND (kind IS NULL) = (contact_digest IS NULL) AND (kind IS NULL) = (contact_masked IS NULL)', name='keepsake_contact_whole'), CheckConstraint(check="kind IN ('email', 'phone')", name='keepsake_kind_known'), CheckConstraint(check='kind IS NOT NULL OR lookup_hash IS NOT NULL', name='keepsake_keeps_something'), CheckConstraint(check="lookup_hash LIKE '$argon2id$%'", name='keepsake_lookup_hashed')], 'pk_attr': 'order_id', 'table_description': 'What the buyer left with an order: a sealed contact, and the hash of a look-up password.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(KEEPSAKES)]
