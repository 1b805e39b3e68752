"""What a custodian says it holds, beside what buyers own."""

from tortoise import fields

from domain.kernel import Model, new_id


class CustodyReport(Model):
    """One day's end in one currency. `held` is None until the custodian has told it.

    Amounts in units of 1/10000. A day that was told is never told again.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    day = fields.DateField()
    currency = fields.CharField(max_length=3)
    client_funds = fields.BigIntField()
    held = fields.BigIntField(null=True)
    checked_at = fields.DatetimeField()

    class Meta:
        table = "custody_reports"
        unique_together = (("day", "currency"),)

    @property
    def missing(self) -> int | None:
        """How much less is held than buyers own; None while nobody has told."""
        return None if self.held is None else max(0, self.client_funds - self.held)
