"""Printed gift cards sold over a counter."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import RunSQL

from domain.giftcards.models import CounterPayment
from domain.kernel.migrating import with_constraints

KEPT = """
ALTER TABLE counter_sales ADD CONSTRAINT counter_sale_of_an_order
    FOREIGN KEY (order_id) REFERENCES orders (id);
CREATE TRIGGER counter_sales_append_only BEFORE UPDATE OR DELETE ON counter_sales
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    """One table."""

    dependencies = [("domain", "0037_supplier_settings")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CounterSale',
            fields=[
                ('order_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('seller_id', fields.UUIDField()),
                ('paid_by', fields.CharEnumField(description='CASH: cash\nBANK: bank', enum_type=CounterPayment, max_length=8)),
                ('walk_in', fields.BooleanField()),
                ('note', fields.CharField(default='', max_length=200)),
                ('sold_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'counter_sales', 'app': 'domain', 'constraints': [CheckConstraint(check="paid_by IN ('cash', 'bank')", name='counter_paid_by_known')], 'pk_attr': 'order_id', 'table_description': 'An order of printed cards that was sold over a counter: by whom, and how it was paid.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(KEPT)]
