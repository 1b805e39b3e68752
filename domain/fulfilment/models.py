"""Fulfilment attempts: one try with one offer. Committed before any call leaves the house."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class AttemptStatus(StrEnum):
    """`submitting`, `accepted` and `uncertain` are open: none of them permits another supplier."""

    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    UNCERTAIN = "uncertain"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"


OPEN = (AttemptStatus.SUBMITTING, AttemptStatus.ACCEPTED, AttemptStatus.UNCERTAIN)


class Doubt(StrEnum):
    """Why a supplier is asked about an attempt that is over."""

    NOT_FOUND = "not_found"  # it was given up because the supplier knew nothing of it
    GIVEN_UP = "given_up"  # an operator said that it was surely not sold
    SHORT = "short"  # it brought less than was ordered: perhaps the rest comes after all
    CALLED_BACK = "called_back"  # the supplier called back the contrary of what we know


class IncidentKind(StrEnum):
    """What is not where it should be."""

    CAME_LATE = "came_late"  # goods after their line was closed, or their attempt given up
    NOT_WHOLE = "not_whole"  # fewer pieces than were paid for, or fewer where only all will do
    SURPLUS = "surplus"  # pieces that nobody ordered
    ABOVE_PRICE = "above_price"  # they cost more than the buyer paid
    TAKEN_BACK = "taken_back"  # the supplier gave back what the buyer has
    CONTRADICTED = "contradicted"  # the contrary was called back, and nobody could be asked
    OPEN_TOO_LONG = "open_too_long"  # nobody has known for a day whether it was sold
    WITHHELD = "withheld"  # its supplier says that it is done, and shows no goods
    FORGOTTEN = "forgotten"  # nobody knows, and its supplier answers for so old an order no more


class Resolution(StrEnum):
    """How an incident ends."""

    KEPT_AS_STOCK = "kept_as_stock"  # the goods are on the shelf, and stay there
    REFUNDED_UPSTREAM = "refunded_upstream"  # the supplier gave our money back
    DELIVERED = "delivered"  # the goods went to their line after all
    GONE_ON = "gone_on"  # given up: the next offer is tried, or the price goes back
    LINE_REFUNDED = "line_refunded"  # given up: the price of what did not come goes back
    CLOSED = "closed"  # by a note alone
    OVER = "over"  # it ended by itself


class VerdictState(StrEnum):
    """Where an operator's word that nothing was sold stands."""

    ASKED = "asked"  # another operator has to agree
    AGREED = "agreed"
    REJECTED = "rejected"


class SupplierCallbackOutcome(StrEnum):
    """What became of something that a supplier called back."""

    RECEIVED = "RECEIVED"  # stored, not judged yet
    BOOKED = "BOOKED"  # it was proof enough by itself
    ASKED = "ASKED"  # a hint: the supplier is asked at once
    DOUBTED = "DOUBTED"  # the contrary of what we know: the supplier is asked again
    KNOWN = "KNOWN"  # nothing new: the attempt is over, or nobody follows these goods
    DUPLICATE = "DUPLICATE"  # the very same came before
    REFUSED = "REFUSED"  # not believed


class FulfilmentAttempt(Model):
    """One try to buy one line's units from one offer. `reference` is ours, stable for life."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    line_id = fields.UUIDField()
    number = fields.SmallIntField()
    supplier_id = fields.UUIDField()
    offer_id = fields.UUIDField()
    item = fields.CharField(max_length=96)
    quantity = fields.IntField()  # pieces
    units = fields.IntField(default=1, db_default=1)  # of the item for one piece, as it was then
    reference = fields.CharField(max_length=40, unique=True)
    status = fields.CharEnumField(AttemptStatus, max_length=16)
    category = fields.CharField(max_length=32, null=True)  # why rejected or uncertain
    max_unit_cost = fields.BigIntField()
    offered_cost = fields.BigIntField(null=True)  # of a piece, as the offer said then
    cost = fields.BigIntField(null=True)  # what the supplier charged for all units
    currency = fields.CharField(max_length=3)
    upstream_id = fields.CharField(max_length=96, null=True)
    queries = fields.IntField(default=0)
    not_found_answers = fields.IntField(default=0)
    next_query_at = fields.DatetimeField(null=True)
    parked = fields.BooleanField(default=False)  # the goods came too late and became stock
    part = fields.BooleanField(default=False, db_default=False)  # it brought a part of its line
    opened_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    # It is over, and its supplier is asked once more at this moment, for this reason.
    recheck_at = fields.DatetimeField(null=True)
    doubt = fields.CharEnumField(Doubt, max_length=16, null=True)
    rechecks = fields.SmallIntField(default=0, db_default=0)
    # Since when its supplier says that it is done and shows no goods, and how often it said so.
    withheld_since = fields.DatetimeField(null=True)
    withheld_answers = fields.SmallIntField(default=0, db_default=0)
    alerted_at = fields.DatetimeField(null=True)  # that it has been open for long was told
    reorder_id: UUID | None = fields.UUIDField(null=True)  # of a case that wants one piece more

    @property
    def for_case(self) -> bool:
        """It buys a card in a bad one's place."""
        return self.reorder_id is not None

    class Meta:
        table = "fulfilment_attempts"
        unique_together = (("line_id", "number"),)
        constraints = (
            CheckConstraint(
                check="status IN ('submitting', 'accepted', 'uncertain', 'succeeded', 'rejected')",
                name="attempt_status_known",
            ),
            CheckConstraint(
                check="(status IN ('succeeded', 'rejected')) = (finished_at IS NOT NULL)",
                name="attempt_finished_or_open",
            ),
            CheckConstraint(
                check="(status IN ('submitting', 'accepted', 'uncertain'))"
                " = (next_query_at IS NOT NULL)",
                name="attempt_open_is_queried",
            ),
            CheckConstraint(
                check="recheck_at IS NULL OR (doubt IS NOT NULL AND finished_at IS NOT NULL)",
                name="attempt_doubted_when_over",
            ),
            UniqueConstraint(
                fields=("line_id",),
                name="attempt_one_open_per_line",
                condition="status IN ('submitting', 'accepted', 'uncertain')",
            ),
            UniqueConstraint(
                fields=("line_id", "status"),
                name="attempt_one_success_per_line",
                condition="status = 'succeeded' AND NOT parked AND NOT part",
            ),
            CheckConstraint(
                check="(withheld_since IS NULL) = (withheld_answers = 0) AND withheld_answers >= 0",
                name="attempt_withheld_whole",
            ),
            CheckConstraint(
                check="NOT part OR (status = 'succeeded' AND NOT parked)",
                name="attempt_part_is_here",
            ),
            CheckConstraint(
                check="reorder_id IS NULL OR status <> 'succeeded' OR parked",
                name="attempt_of_a_reorder_is_stock",
            ),
        )


class SupplyIncident(Model):
    """Money or goods that are not where they should be, until a person has seen to it.

    Of one attempt at most one of each kind is open. `amount` is what the supplier gave back.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharEnumField(IncidentKind, max_length=16)
    attempt_id = fields.UUIDField()
    line_id = fields.UUIDField()
    supplier_id = fields.UUIDField()
    opened_at = fields.DatetimeField()
    resolution = fields.CharEnumField(Resolution, max_length=20, null=True)
    amount = fields.BigIntField(default=0, db_default=0)
    currency = fields.CharField(max_length=3)
    note = fields.CharField(max_length=500, default="")
    resolved_by = fields.UUIDField(null=True)
    resolved_at = fields.DatetimeField(null=True)

    class Meta:
        table = "supply_incidents"
        constraints = (
            CheckConstraint(
                check="kind IN ('came_late', 'not_whole', 'surplus', 'above_price', 'taken_back',"
                " 'contradicted', 'open_too_long', 'withheld', 'forgotten')",
                name="incident_kind_known",
            ),
            CheckConstraint(
                check="(resolution IS NULL) = (resolved_at IS NULL)"
                " AND (resolved_by IS NULL OR resolution IS NOT NULL)"
                " AND (resolution IS NULL OR resolution = 'over' OR resolved_by IS NOT NULL)",
                name="incident_resolved_whole",
            ),
            CheckConstraint(
                check="amount >= 0 AND (amount = 0 OR resolution = 'refunded_upstream')",
                name="incident_amount_refunded",
            ),
            UniqueConstraint(
                fields=("attempt_id", "kind"),
                name="incident_open_once",
                condition="resolution IS NULL",
            ),
        )


class AttemptVerdict(Model):
    """An operator's word that an attempt was not sold; above an amount two have to say so."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    attempt_id = fields.UUIDField()
    state = fields.CharEnumField(VerdictState, max_length=16)
    reason = fields.CharField(max_length=500)
    alone = fields.BooleanField()  # the amount is small enough for one
    asked_by = fields.UUIDField()
    asked_at = fields.DatetimeField()
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "attempt_verdicts"
        indexes = (("attempt_id",),)
        constraints = (
            CheckConstraint(
                check="state IN ('asked', 'agreed', 'rejected') AND (state = 'asked') ="
                " (decided_at IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)",
                name="verdict_decided_whole",
            ),
            CheckConstraint(
                check="alone OR decided_by IS DISTINCT FROM asked_by", name="verdict_four_eyes"
            ),
            CheckConstraint(check="reason <> ''", name="verdict_has_a_reason"),
            UniqueConstraint(
                fields=("attempt_id",), name="verdict_asked_once", condition="state = 'asked'"
            ),
        )


class ManualTask(Model):
    """Who works on a manual line, and how it ended. What was handed over stands with the line."""

    line_id = fields.UUIDField(primary_key=True, default=new_id)
    claimed_by = fields.UUIDField()
    claimed_at = fields.DatetimeField()
    done_at = fields.DatetimeField(null=True)
    delivered = fields.BooleanField(null=True)
    evidence = fields.CharField(max_length=500, default="")  # for the back office only
    reason = fields.CharField(max_length=500, default="")  # why it could not be delivered

    class Meta:
        table = "manual_tasks"
        constraints = (
            CheckConstraint(
                check="(done_at IS NULL) = (delivered IS NULL)", name="manual_task_done_whole"
            ),
            CheckConstraint(
                check="delivered IS DISTINCT FROM false OR reason <> ''",
                name="manual_task_failure_told",
            ),
        )


class SupplierCallback(Model):
    """What a supplier, or somebody else, called back: kept sealed, before anybody judged it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    supplier_id = fields.UUIDField()
    received_at = fields.DatetimeField()
    raw_sealed = fields.BinaryField()  # headers and body
    digest = fields.BinaryField()  # of the nonce, or of the body where there is none
    reference = fields.CharField(max_length=64, null=True)
    attempt_id = fields.UUIDField(null=True)
    outcome = fields.CharEnumField(SupplierCallbackOutcome, max_length=16)
    why = fields.CharField(max_length=32, default="")
    judged_at = fields.DatetimeField(null=True)

    class Meta:
        table = "supplier_callbacks"
        indexes = (("supplier_id", "id"),)
        constraints = (
            CheckConstraint(
                check="(outcome = 'RECEIVED') = (judged_at IS NULL)",
                name="supplier_callback_judged",
            ),
        )
