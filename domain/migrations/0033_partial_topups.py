"""Refunds of what a supplier did not top up have a reason of their own."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from domain.refunds.models import RefundReason


class Migration(migrations.Migration):
    """One more reason."""

    dependencies = [("domain", "0032_bounded_callbacks")]

    initial = False

    operations = [
        ops.RemoveConstraint(model_name="Refund", name="refund_reason_known", fields=None),
        ops.AlterField(
            model_name="Refund",
            name="reason",
            field=fields.CharEnumField(
                description="\n".join(f"{each.name}: {each.value}" for each in RefundReason),
                enum_type=RefundReason,
                max_length=24,
            ),
        ),
        ops.AddConstraint(
            model_name="Refund",
            constraint=CheckConstraint(
                check="reason IN ('CODE_INVALID', 'CODE_USED', 'CODE_EXPIRED', 'WRONG_GOODS',"
                " 'DELIVERED_LATE', 'BOUGHT_BY_MISTAKE', 'NOT_DELIVERED', 'GOODWILL', 'FRAUD',"
                " 'OTHER')",
                name="refund_reason_known",
            ),
        ),
    ]
