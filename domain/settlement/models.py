"""Settlement: runs over a period, and the statement that each freezes for every agent (row H8)."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class RunState(StrEnum):
    """How far a run has come; it never goes back."""

    COUNTING = "COUNTING"  # its statements are being written
    FROZEN = "FROZEN"  # every agent's statement is there, and their sum is the ledger's


class ProposalState(StrEnum):
    """How far the payouts of a run have come."""

    ASKING = "ASKING"  # payouts are asked for, agent by agent
    PROPOSED = "PROPOSED"  # all are in one batch, which another person decides about


class ObjectionState(StrEnum):
    """Where an objection stands; it is answered once, and once more where it is appealed."""

    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"  # its agent may appeal
    APPEALED = "APPEALED"
    UPHELD = "UPHELD"  # somebody else has looked: it stays rejected


class SettlementRun(Model):
    """One settlement of all agents in one currency, from one entry of the ledger to another.

    It covers the entries after `from_entry` up to `up_to_entry`, and follows the run that ended
    where it begins: so each entry is in one statement, whatever clocks said.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    period = fields.CharField(max_length=10)  # 2026-11, 2026-W47 or 2026-11-25
    currency = fields.CharField(max_length=3)
    starts_at = fields.DatetimeField()
    ends_at = fields.DatetimeField()
    follows = fields.UUIDField(null=True)
    from_entry = fields.BigIntField()
    up_to_entry = fields.BigIntField()
    state = fields.CharEnumField(RunState, max_length=16)
    agents = fields.IntField()  # that it looks at
    looked = fields.IntField(default=0)  # at so many by now, up to the one named by `cursor`
    cursor = fields.UUIDField()
    started_by = fields.UUIDField(null=True)  # None: on the machine itself
    started_at = fields.DatetimeField()
    frozen_at = fields.DatetimeField(null=True)

    class Meta:
        table = "settlement_runs"
        unique_together = (("currency", "starts_at"),)
        constraints = (
            CheckConstraint(
                check="starts_at < ends_at AND from_entry BETWEEN 0 AND up_to_entry",
                name="settlement_run_goes_on",
            ),
            CheckConstraint(check="state IN ('COUNTING', 'FROZEN')", name="settlement_state_known"),
            CheckConstraint(
                check="(state = 'COUNTING') = (frozen_at IS NULL)", name="settlement_frozen_at_once"
            ),
        )


class SettlementStatement(Model):
    """What one agent had, earned, lost, took and has, in one run. Units of 1/10000 of `currency`.

    Never changed. The database holds the sums, and that what was earned is told rule by rule.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    run_id = fields.UUIDField()
    agent_id = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    opening_pending = fields.BigIntField()
    opening_available = fields.BigIntField()
    opening_owed = fields.BigIntField()
    lines = fields.IntField()  # of orders that it earned on
    earned = fields.BigIntField()
    earned_by = fields.JSONField[list[dict[str, Any]]]()  # kind, level, lines, amount
    clawed_pending = fields.BigIntField()  # by refunds, out of each of the three
    clawed_available = fields.BigIntField()
    clawed_owed = fields.BigIntField()
    released = fields.BigIntField()  # from pending, before what was owed
    repaid = fields.BigIntField()  # of what came in, what made up for what was owed
    to_wallet = fields.BigIntField()
    withdrawn = fields.BigIntField()  # taken for payouts
    given_back = fields.BigIntField()  # of payouts that were given up, failed or returned
    closing_pending = fields.BigIntField()
    closing_available = fields.BigIntField()
    closing_owed = fields.BigIntField()

    class Meta:
        table = "settlement_statements"
        unique_together = (("run_id", "agent_id"),)
        indexes = (Index(fields=("agent_id",)),)
        constraints = (
            CheckConstraint(
                check="earned >= 0 AND clawed_pending >= 0 AND clawed_available >= 0"
                " AND clawed_owed >= 0 AND released >= 0 AND repaid >= 0 AND to_wallet >= 0"
                " AND withdrawn >= 0 AND given_back >= 0 AND lines >= 0",
                name="settlement_moves_not_negative",
            ),
            CheckConstraint(
                check="opening_available >= 0 AND opening_owed >= 0 AND closing_available >= 0"
                " AND closing_owed >= 0",
                name="settlement_balances_not_negative",
            ),
            CheckConstraint(
                check="closing_pending = opening_pending + earned - clawed_pending - released",
                name="settlement_pending_adds_up",
            ),
            CheckConstraint(
                check="closing_available = opening_available + released + given_back - repaid"
                " - clawed_available - to_wallet - withdrawn",
                name="settlement_available_adds_up",
            ),
            CheckConstraint(
                check="closing_owed = opening_owed + clawed_owed - repaid",
                name="settlement_owed_adds_up",
            ),
        )


class SettlementProposal(Model):
    """That what a frozen run left available is paid out, in one batch; once for each run."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    run_id = fields.UUIDField(unique=True)
    state = fields.CharEnumField(ProposalState, max_length=16)
    agents = fields.IntField()  # that had something available
    looked = fields.IntField(default=0)
    cursor = fields.UUIDField()
    batch_id = fields.UUIDField(null=True)  # None of a proposed one: nobody could be paid
    note = fields.CharField(max_length=500, default="")
    proposed_by = fields.UUIDField()
    proposed_at = fields.DatetimeField()

    class Meta:
        table = "settlement_proposals"
        constraints = (
            CheckConstraint(
                check="state IN ('ASKING', 'PROPOSED')", name="settlement_proposal_state_known"
            ),
            CheckConstraint(
                check="state = 'PROPOSED' OR batch_id IS NULL",
                name="settlement_batch_when_all_is_asked_for",
            ),
        )


class SettlementPayout(Model):
    """What became of one agent when a run was to be paid out: its payout, or why there is none."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    run_id = fields.UUIDField()
    agent_id = fields.UUIDField()
    wanted = fields.BigIntField()  # what its statement left available
    payout_id = fields.UUIDField(null=True, unique=True)
    withheld = fields.CharField(max_length=48, default="")  # code of a refusal

    class Meta:
        table = "settlement_payouts"
        unique_together = (("run_id", "agent_id"),)
        constraints = (
            CheckConstraint(check="wanted > 0", name="settlement_payout_of_something"),
            CheckConstraint(
                check="(payout_id IS NULL) = (withheld <> '')", name="settlement_payout_or_reason"
            ),
        )


class Objection(Model):
    """That an agent does not agree with a statement or a commission of its own, and what the house
    says to it. It moves nothing."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    statement_id = fields.UUIDField(null=True, unique=True)
    commission_id = fields.UUIDField(null=True, unique=True)
    state = fields.CharEnumField(ObjectionState, max_length=16)
    text = fields.CharField(max_length=1000)
    opened_by = fields.UUIDField()
    opened_at = fields.DatetimeField()
    answer = fields.CharField(max_length=1000, default="")
    answered_by = fields.UUIDField(null=True)
    answered_at = fields.DatetimeField(null=True)
    appeal = fields.CharField(max_length=1000, default="")
    appealed_at = fields.DatetimeField(null=True)
    verdict = fields.CharField(max_length=1000, default="")  # on the appeal
    judged_by = fields.UUIDField(null=True)
    judged_at = fields.DatetimeField(null=True)

    class Meta:
        table = "settlement_objections"
        indexes = (Index(fields=("agent_id", "id")), Index(fields=("state", "id")))
        constraints = (
            CheckConstraint(
                check="(statement_id IS NULL) <> (commission_id IS NULL) AND text <> ''",
                name="objection_to_one_thing",
            ),
            CheckConstraint(
                check="CASE state WHEN 'OPEN' THEN answered_by IS NULL"
                " WHEN 'REJECTED' THEN answered_by IS NOT NULL AND appealed_at IS NULL"
                " WHEN 'APPEALED' THEN appealed_at IS NOT NULL AND judged_by IS NULL"
                " WHEN 'UPHELD' THEN judged_by IS NOT NULL"
                " WHEN 'ACCEPTED' THEN (appealed_at IS NULL) = (judged_by IS NULL)"
                " AND answered_by IS NOT NULL ELSE false END",
                name="objection_state_known",
            ),
            CheckConstraint(
                check="(answered_by IS NULL) = (answer = '')"
                " AND (answered_by IS NULL) = (answered_at IS NULL)"
                " AND (appealed_at IS NULL) = (appeal = '')"
                " AND (appealed_at IS NULL OR answered_at IS NOT NULL)"
                " AND (judged_by IS NULL) = (verdict = '')"
                " AND (judged_by IS NULL) = (judged_at IS NULL)"
                " AND (judged_by IS NULL OR appealed_at IS NOT NULL)",
                name="objection_told_whole",
            ),
            CheckConstraint(check="judged_by <> answered_by", name="objection_of_four_eyes"),
        )
