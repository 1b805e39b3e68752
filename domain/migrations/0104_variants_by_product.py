"""The variants of a product are found by it: a shelf by price read all of them for each product."""

from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("domain", "0103_objections")]

    initial = False

    operations = [
        ops.AddIndex(model_name="Variant", index=Index(fields=["product_id", "position"])),
    ]
