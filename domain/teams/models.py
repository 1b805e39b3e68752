"""What agents and their teams have sold, day by day (mission rows H4, N2).

Counted from the money ledger in the order in which it was sealed, so that each sale and each refund
counts once. Own purchases and those of related accounts do not count: they are no sales.
"""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class TeamDay(Model):
    """What an agent's customers (level 1), or those of agents below it (2 and 3), bought on a day
    of the business, by the direct child in between; `via` of level 1 is the agent itself.

    Refunds count on their own day. Amounts in units of 1/10000 of `currency`.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    via_id = fields.UUIDField()
    level = fields.SmallIntField()
    day = fields.DateField()
    currency = fields.CharField(max_length=3)
    lines = fields.IntField()  # of orders, delivered
    sold = fields.BigIntField()
    refunds = fields.IntField()
    refunded = fields.BigIntField()
    # Of the lines sold that plans may stand on: all but our own gift cards, which are stored value.
    earnable_lines = fields.IntField(default=0, db_default=0)
    earnable = fields.BigIntField(default=0, db_default=0)
    # Where a cost was booked, less commissions and the least margin of the price guard; and the
    # price of the others, less the same.
    margin = fields.BigIntField(default=0, db_default=0)
    uncosted = fields.BigIntField(default=0, db_default=0)

    class Meta:
        table = "team_days"
        unique_together = (("agent_id", "day", "via_id", "level", "currency"),)
        constraints = (
            CheckConstraint(check="level BETWEEN 1 AND 3", name="team_level_at_most_three"),
            CheckConstraint(check="(level = 1) = (via_id = agent_id)", name="team_via_a_child"),
            CheckConstraint(
                check="lines >= 0 AND sold >= 0 AND refunds >= 0 AND refunded >= 0",
                name="team_day_counts_up",
            ),
        )


class KeptMargin(Model):
    """The least margin of a line by the price guard, as it was when the line was counted: what
    plans stand on is above it. Only where a guard asked for one; never changed."""

    order_line_id = fields.UUIDField(primary_key=True)
    amount = fields.BigIntField()  # of all pieces

    class Meta:
        table = "kept_margins"
        constraints = (CheckConstraint(check="amount > 0", name="kept_margin_above_zero"),)


class TeamCursor(Model):
    """How far the ledger's chain is counted; one row."""

    id = fields.SmallIntField(primary_key=True)
    sequence = fields.BigIntField()

    class Meta:
        table = "team_cursor"
        constraints = (CheckConstraint(check="id = 1", name="team_cursor_is_one"),)
