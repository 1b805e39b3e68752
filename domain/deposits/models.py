"""Agents' deposits (mission row G5): theirs, refundable, never income, never a base of commission.

What a deposit is asked for is buying at an agent's price, and nothing else: there is no column that
could make it a condition to recruit, or to earn on one's own sales (money.md part 7).
"""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class DepositMove(StrEnum):
    """Why a deposit changed."""

    PAID = "paid"
    RETURNED = "returned"
    DEDUCTED = "deducted"
    RESTORED = "restored"


class ReturnState(StrEnum):
    """Where a return stands."""

    WAITING = "waiting"
    RETURNED = "returned"
    CANCELLED = "cancelled"  # by the agent, or nothing was left


class DepositTerms(Model):
    """What agents of a type are to deposit from a time on. Never changed; the newest counts."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_type = fields.CharField(max_length=16)
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    effective_at = fields.DatetimeField()
    set_by = fields.UUIDField(null=True)
    set_at = fields.DatetimeField()

    class Meta:
        table = "deposit_terms"
        indexes = (("agent_type", "effective_at"),)
        constraints = (
            CheckConstraint(
                check="agent_type IN ('distributor', 'promoter', 'corporate')",
                name="deposit_type_known",
            ),
            # Ten thousand of the currency unit: a deposit is no entrance fee.
            CheckConstraint(
                check="amount BETWEEN 0 AND 100000000", name="deposit_terms_within_the_limit"
            ),
        )


class DepositMovement(Model):
    """One change of a deposit, and of the money with its transfer. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    kind = fields.CharEnumField(DepositMove, max_length=16)
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    cause = fields.UUIDField(null=True)  # a return, or a penalty case
    at = fields.DatetimeField()

    class Meta:
        table = "deposit_movements"
        indexes = (("agent_id", "id"),)
        constraints = (
            CheckConstraint(check="amount > 0", name="deposit_moves_something"),
            CheckConstraint(
                check="kind IN ('paid', 'returned', 'deducted', 'restored')",
                name="deposit_move_known",
            ),
            CheckConstraint(
                check="(kind = 'paid') = (cause IS NULL)", name="deposit_move_has_its_cause"
            ),
            UniqueConstraint(
                fields=("kind", "cause"), name="deposit_moved_once", condition="cause IS NOT NULL"
            ),
        )


class DepositReturn(Model):
    """An agent asks for its deposit, and gets it once the time to find claims is over."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    state = fields.CharEnumField(ReturnState, max_length=16)
    asked_at = fields.DatetimeField()
    due_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    returned = fields.BigIntField(null=True)  # less than asked for when a case took of it meanwhile

    class Meta:
        table = "deposit_returns"
        indexes = (("state", "due_at"),)
        constraints = (
            CheckConstraint(check="amount > 0", name="deposit_return_of_something"),
            CheckConstraint(
                check="state IN ('waiting', 'returned', 'cancelled')",
                name="deposit_return_known",
            ),
            CheckConstraint(
                check="(state = 'waiting') = (ended_at IS NULL)"
                " AND (state = 'returned') = (returned IS NOT NULL) AND returned <= amount",
                name="deposit_return_ended",
            ),
            UniqueConstraint(
                fields=("agent_id",),
                name="deposit_return_waits_once",
                condition="state = 'waiting'",
            ),
        )


class DepositHold(Model):
    """A penalty case that is open: nothing is returned before it is over."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    case_id = fields.UUIDField()
    held_at = fields.DatetimeField()

    class Meta:
        table = "deposit_holds"
        constraints = (UniqueConstraint(fields=("case_id",), name="deposit_held_once"),)
        indexes = (("agent_id",),)
