"""Tables of the card store. A code is only in `card_secrets`, and only sealed."""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.cards.trace_models import CardEvent, CardSeal, TraceCheckpoint
from domain.kernel import Model
from domain.kernel.ids import new_id

__all__ = [
    "BatchStage",
    "BlindIndex",
    "Card",
    "CardBatch",
    "CardEvent",
    "CardSeal",
    "CardSecret",
    "CardState",
    "IndexPhase",
    "KeyProof",
    "TraceCheckpoint",
]


class CardState(StrEnum):
    """Where a card is in its life; moves are listed in moves.py and held by a trigger."""

    IMPORTED = "imported"  # by an import that has not ended; in the books with its end
    QUARANTINED = "quarantined"  # of a batch that nobody has released yet
    AVAILABLE = "available"
    RESERVED = "reserved"  # held for a buyer until its hold ends
    SHARED = "shared"  # one code for many buyers; sold by rows of shared_deliveries
    FROZEN = "frozen"  # of a batch under suspicion
    SOLD = "sold"
    REVEALED = "revealed"
    REDEEMED = "redeemed"
    DISPUTED = "disputed"
    INVALID_CONFIRMED = "invalid"
    REPLACED = "replaced"  # another card took its place in the order line
    REFUNDED = "refunded"
    EXPIRED = "expired"
    VOID = "void"
    RETURNED_TO_SUPPLIER = "returned"
    CANARY = "canary"  # planted: never sold, and whoever has its code has had our store


class IndexPhase(StrEnum):
    """Where a rotation of the blind index stands; see index.py."""

    STEADY = "steady"
    FILLING = "filling"
    SWITCHING = "switching"
    CLEARING = "clearing"


class BatchStage(StrEnum):
    """How far the import of a batch, or its undoing, has come; both are done in chunks."""

    IMPORTING = "importing"
    STORED = "stored"
    UNDOING = "undoing"
    UNDONE = "undone"


class CardBatch(Model):
    """One import of cards of one variant. Its data key, wrapped, seals each of its codes."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    source = fields.CharField(max_length=64)
    content_digest = (
        fields.BinaryField()
    )  # keyed digest of the input: the same file twice is one batch
    unit_cost = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    wrapped_key = fields.BinaryField()
    next_wrapped_key = fields.BinaryField(null=True)  # while its codes move to a new data key
    generation = fields.IntField(default=1)  # of the data key behind wrapped_key
    key_version = fields.IntField()  # of the key that wraps both
    accepted = fields.IntField(default=0)
    duplicates = fields.IntField(default=0)
    rejected = fields.IntField(default=0)
    expires_on = fields.DateField(null=True)
    supplier_attempt_id = fields.UUIDField(null=True)  # set when the cards came from a supplier
    imported_by = fields.UUIDField(null=True)
    imported_at = fields.DatetimeField()
    undone_at = fields.DatetimeField(null=True)
    event_count = fields.IntField(default=1, db_default=1)  # the first tells of the import
    supplier_id = fields.UUIDField(null=True)
    reference = fields.CharField(max_length=64, default="", db_default="")  # of the receipt
    note = fields.CharField(max_length=500, default="", db_default="")
    quarantined_at = fields.DatetimeField(null=True)  # came in with its cards not for sale yet
    released_at = fields.DatetimeField(null=True)
    frozen_at = fields.DatetimeField(null=True)
    frozen_reason = fields.CharField(max_length=500, default="", db_default="")
    unsettled = fields.BooleanField(default=False, db_default=False)  # cards still to be moved
    stage = fields.CharEnumField(BatchStage, max_length=16, db_default="stored")
    lines_done = fields.IntField(db_default=0)  # of its file; written with the cards of these lines
    bytes_done = fields.BigIntField(db_default=0)
    voided = fields.IntField(db_default=0)  # cards that its undoing has taken back so far
    expiring_told_on = fields.DateField(null=True)  # the day on which its expiry was told last

    class Meta:
        table = "card_batches"
        indexes = (("variant_id",), ("supplier_id",))
        constraints = (
            CheckConstraint(
                check="released_at IS NULL OR quarantined_at IS NOT NULL",
                name="batch_released_from_quarantine",
            ),
            CheckConstraint(
                check="(frozen_at IS NULL) = (frozen_reason = '')", name="batch_frozen_for_a_reason"
            ),
            CheckConstraint(
                check="stage IN ('importing', 'stored', 'undoing', 'undone')",
                name="batch_stage_known",
            ),
            CheckConstraint(
                check="(stage IN ('undoing', 'undone')) = (undone_at IS NOT NULL)",
                name="batch_undone_at_its_stage",
            ),
            CheckConstraint(check="unit_cost >= 0", name="batch_cost_not_negative"),
            UniqueConstraint(
                fields=("supplier_attempt_id",),
                name="batch_once_per_attempt",
                condition="supplier_attempt_id IS NOT NULL",
            ),
            UniqueConstraint(
                fields=("variant_id", "content_digest"),
                name="batch_once_per_file",
                condition="undone_at IS NULL",
            ),
        )


class Card(Model):
    """One sellable secret: everything about it except the secret itself."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    batch: fields.ForeignKeyRelation[CardBatch] = fields.ForeignKeyField(
        "domain.CardBatch", on_delete=fields.RESTRICT
    )
    state = fields.CharEnumField(CardState, max_length=16)
    fingerprint = fields.BinaryField()  # keyed blind index of the canonical code
    next_fingerprint = fields.BinaryField(null=True)  # by the next pepper, while that is rotated
    masked = fields.CharField(max_length=40)
    unit_cost = fields.BigIntField()
    expires_on = fields.DateField(null=True)
    hold_id = fields.UUIDField(null=True)  # for whom it is reserved
    kept_for = fields.UUIDField(null=True)  # while available: the one site that may sell it
    order_line_id = fields.UUIDField(null=True)
    unit_number = fields.IntField(null=True)
    sold_at = fields.DatetimeField(null=True)
    first_revealed_at = fields.DatetimeField(null=True)
    reveal_count = fields.IntField(default=0)
    created_at = fields.DatetimeField()

    class Meta:
        table = "cards"
        indexes = (("batch_id",),)
        constraints = (
            UniqueConstraint(
                fields=("variant_id", "fingerprint"),
                name="card_code_once",
                condition="state <> 'void'",  # a batch that was undone may be imported again
            ),
            UniqueConstraint(
                fields=("variant_id", "next_fingerprint"),
                name="card_code_once_by_the_next",
                condition="state <> 'void' AND next_fingerprint IS NOT NULL",
            ),
            CheckConstraint(
                check="state IN ('imported', 'quarantined', 'available', 'reserved', 'shared',"
                " 'frozen', 'sold', 'revealed', 'redeemed', 'disputed', 'invalid', 'replaced',"
                " 'refunded', 'expired', 'void', 'returned', 'canary')",
                name="card_state_known",
            ),
            CheckConstraint(
                check="state = 'invalid' OR (state IN ('sold', 'revealed', 'redeemed', 'disputed',"
                " 'replaced', 'refunded')) = (order_line_id IS NOT NULL)",
                name="card_owned_once",
            ),
            CheckConstraint(
                check="(state = 'reserved') = (hold_id IS NOT NULL)", name="card_held_once"
            ),
            CheckConstraint(
                check="(order_line_id IS NULL) = (sold_at IS NULL)", name="card_owned_since"
            ),
            CheckConstraint(
                check="(order_line_id IS NULL) = (unit_number IS NULL)", name="card_unit_of_a_line"
            ),
            UniqueConstraint(
                fields=("order_line_id", "unit_number"),
                name="card_one_per_unit",
                condition="order_line_id IS NOT NULL AND state <> 'replaced'",
            ),
        )


class Verdict(StrEnum):
    """What a check of a card found."""

    VALID = "valid"
    INVALID = "invalid"


class CheckOrigin(StrEnum):
    """Why a card is checked."""

    SAMPLE = "sample"  # picked at random from its batch
    REPORT = "report"  # somebody says that it does not work


class CardCheck(Model):
    """One check of one card: why, and once it is done, what it found and what shows it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    batch_id = fields.UUIDField()
    card_id = fields.UUIDField()
    origin = fields.CharEnumField(CheckOrigin, max_length=16)
    opened_by = fields.UUIDField(null=True)
    opened_at = fields.DatetimeField()
    verdict = fields.CharEnumField(Verdict, max_length=16, null=True)
    evidence = fields.CharField(max_length=1000, default="")
    judged_by = fields.UUIDField(null=True)
    judged_at = fields.DatetimeField(null=True)

    class Meta:
        table = "card_checks"
        indexes = (("batch_id", "id"),)
        constraints = (
            CheckConstraint(check="origin IN ('sample', 'report')", name="check_origin_known"),
            CheckConstraint(check="verdict IN ('valid', 'invalid')", name="check_verdict_known"),
            CheckConstraint(
                check="(verdict IS NULL) = (judged_at IS NULL)"
                " AND (verdict IS NULL OR evidence <> '')",
                name="check_judged_with_evidence",
            ),
            UniqueConstraint(
                fields=("card_id",), name="check_open_once", condition="verdict IS NULL"
            ),
        )


class WriteOffKind(StrEnum):
    """Why cards left the stock without a sale."""

    VOID = "void"
    EXPIRED = "expired"
    INVALID = "invalid"
    RETURNED = "returned"


class CardWriteOff(Model):
    """Cards of one batch that left the stock together, and what they had cost. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    batch: fields.ForeignKeyRelation[CardBatch] = fields.ForeignKeyField(
        "domain.CardBatch", on_delete=fields.RESTRICT
    )
    operation_id = fields.UUIDField()  # one wish may need several rows
    kind = fields.CharEnumField(WriteOffKind, max_length=16)
    cards = fields.IntField()
    cost = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    supplier_id = fields.UUIDField(null=True)  # who owes their cost; none: it is lost
    reason = fields.CharField(max_length=500)
    written_by = fields.UUIDField(null=True)  # None: the system itself
    written_at = fields.DatetimeField()

    class Meta:
        table = "card_write_offs"
        indexes = (("batch_id",), ("operation_id",))
        constraints = (
            CheckConstraint(
                check="kind IN ('void', 'expired', 'invalid', 'returned')",
                name="write_off_kind_known",
            ),
            CheckConstraint(check="cards > 0 AND cost >= 0", name="write_off_of_something"),
            CheckConstraint(
                check="supplier_id IS NULL OR kind = 'returned'", name="write_off_owed_if_returned"
            ),
        )


class SharedDelivery(Model):
    """One buyer's share in a code that many may have; the card itself stays where it is."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    card: fields.ForeignKeyRelation[Card] = fields.ForeignKeyField(
        "domain.Card", related_name="shares", on_delete=fields.RESTRICT
    )
    order_line_id = fields.UUIDField()
    unit_number = fields.IntField()
    use_number = fields.IntField(null=True)  # counted only where a code has an end
    sold_at = fields.DatetimeField()
    first_revealed_at = fields.DatetimeField(null=True)
    reveal_count = fields.IntField(default=0)

    class Meta:
        table = "shared_deliveries"
        unique_together = (("order_line_id", "unit_number"),)
        constraints = (
            UniqueConstraint(
                fields=("card_id", "use_number"),
                name="shared_use_once",
                condition="use_number IS NOT NULL",
            ),
        )


class HoldState(StrEnum):
    """How far a reservation has come; it ends once."""

    OPEN = "open"
    USED = "used"
    RELEASED = "released"
    LAPSED = "lapsed"


class CardHold(Model):
    """Cards of one variant that a buyer holds unpaid, until a moment. Its cards name it.

    One that is `paid` keeps what is here for a paid line, while the rest of it is bought.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    buyer_id = fields.UUIDField()
    site_id = fields.UUIDField()
    order_line_id = fields.UUIDField(null=True)  # what it is held for, once that is known
    quantity = fields.IntField()
    state = fields.CharEnumField(HoldState, max_length=16)
    until = fields.DatetimeField()
    created_at = fields.DatetimeField()
    closed_at = fields.DatetimeField(null=True)
    # A keyed digest of where it was asked for, forgotten when it ends.
    address = fields.BinaryField(null=True)
    paid = fields.BooleanField(default=False, db_default=False)  # for its line, until that ends

    class Meta:
        table = "card_holds"
        constraints = (
            CheckConstraint(
                check="state IN ('open', 'used', 'released', 'lapsed')", name="hold_state_known"
            ),
            CheckConstraint(
                check="(state = 'open') = (closed_at IS NULL)", name="hold_closed_when_over"
            ),
            CheckConstraint(check="quantity > 0", name="hold_of_something"),
            CheckConstraint(
                check="address IS NULL OR state = 'open'", name="hold_forgets_its_address"
            ),
            CheckConstraint(
                check="NOT paid OR (order_line_id IS NOT NULL AND state IN ('open', 'used'))",
                name="hold_paid_ends_with_its_line",
            ),
        )


class CardQuota(Model):
    """How many cards of a variant are set apart for one site: no other site sells the last ones."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    site_id = fields.UUIDField()
    kept = fields.IntField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "card_quotas"
        unique_together = (("variant_id", "site_id"),)
        constraints = (CheckConstraint(check="kept BETWEEN 1 AND 10000", name="quota_in_range"),)


class PoolLevel(Model):
    """What was told last of a variant's stock, and what it sold of late. Its id is the subject."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField(unique=True)
    low = fields.BooleanField()
    event_count = fields.IntField()
    sold = fields.IntField()  # in the last days, as counted by the scheduler
    changed_at = fields.DatetimeField()

    class Meta:
        table = "pool_levels"


class StockPolicy(Model):
    """How the cards of one variant are kept and sold; no row means all defaults.

    A class of its own beside the variant, because the listing is reviewed and this is not.
    """

    variant_id = fields.UUIDField(primary_key=True, default=new_id)
    safety_stock = fields.IntField(default=0)  # fewer cards than this are a low stock
    expiry_margin_days = fields.IntField(default=0)  # not sold this close to their last day
    invalid_percent = fields.IntField(default=10)  # of checked cards; more freeze their batch
    invalid_minimum = fields.IntField(default=3)  # but never fewer invalid cards than this
    hold_limit = fields.IntField(default=20)  # cards that one buyer may hold unpaid
    choosable = fields.BooleanField(default=False)  # a buyer may pick one card by its id
    shared = fields.BooleanField(default=False)  # one code for many buyers
    shared_uses = fields.IntField(null=True)  # how many buyers a shared code has; None: no end
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "stock_policies"
        constraints = (
            CheckConstraint(
                check="safety_stock BETWEEN 0 AND 10000000"
                " AND expiry_margin_days BETWEEN 0 AND 3650"
                " AND invalid_percent BETWEEN 1 AND 100 AND invalid_minimum BETWEEN 1 AND 100000"
                " AND hold_limit BETWEEN 0 AND 100000"
                " AND (shared_uses IS NULL OR shared_uses > 0)",
                name="policy_in_range",
            ),
            CheckConstraint(check="NOT (shared AND choosable)", name="policy_of_one_way"),
        )


class CardSecret(Model):
    """The sealed code of one card, bound to card, variant, batch and generation of the data key."""

    card_id = fields.UUIDField(primary_key=True)
    sealed = fields.BinaryField()
    generation = fields.IntField(default=1)

    class Meta:
        table = "card_secrets"


class CardCanary(Model):
    """A planted card, and for which export it was made, if for one."""

    card_id = fields.UUIDField(primary_key=True)
    export_id = fields.UUIDField(null=True)
    planted_by = fields.UUIDField(null=True)
    planted_at = fields.DatetimeField()

    class Meta:
        table = "card_canaries"
        indexes = (("export_id",),)


class CanaryPrint(Model):
    """A keyed digest by which a canary is known, whatever its code is brought as."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    digest = fields.BinaryField()
    card_id = fields.UUIDField()

    class Meta:
        table = "canary_prints"
        unique_together = (("digest", "card_id"),)
        indexes = (("card_id",),)


class KeyProof(Model):
    """Tells a wrong key from an altered row: something known, wrapped by each version in use."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    version = fields.IntField(unique=True)
    proof = fields.BinaryField()
    made_at = fields.DatetimeField()

    class Meta:
        table = "key_proofs"


class BlindIndex(Model):
    """Which pepper the fingerprints are made with; no row means the first, and no rotation."""

    purpose = fields.CharField(max_length=32, primary_key=True)
    version = fields.IntField()
    next_version = fields.IntField(null=True)
    phase = fields.CharEnumField(IndexPhase, max_length=16)

    class Meta:
        table = "blind_index"
        constraints = (CheckConstraint(check="purpose = 'card-index'", name="blind_index_is_one"),)
