"""Tables of our own gift cards. Their codes lie in the card store, sealed like any card's."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, Money, new_id


class GiftCardValue(StrEnum):
    """What a card holds."""

    BALANCE = "balance"  # money, spent into a wallet
    COUNT = "count"  # uses, taken one by one


class Activation(StrEnum):
    """From when a sold card is good."""

    ON_SALE = "on_sale"
    BY_HAND = "by_hand"  # a printed card, once it has surely arrived


class Breakage(StrEnum):
    """What becomes of the rest when a card's time is over."""

    KEPT = "kept"  # it stays owed, and the card can be made good again
    INCOME = "income"  # it is booked as income


class GiftCardStatus(StrEnum):
    """The life of a gift card; the moves stand in rules.py and in a trigger."""

    ISSUED = "issued"
    ACTIVE = "active"
    FROZEN = "frozen"
    USED_UP = "used_up"
    VOID = "void"
    EXPIRED = "expired"


class GiftCardReason(StrEnum):
    """Why a card is not good (mission row K5)."""

    NOT_ACTIVATED = "not_activated"
    FROZEN = "frozen"
    USED_UP = "used_up"
    VOID = "void"
    EXPIRED = "expired"
    HOLDS_USES = "holds_uses"  # and no money for a wallet
    HOLDS_MONEY = "holds_money"  # and no uses


class GiftCardProgram(Model):
    """The terms of all cards of one variant. Amounts in units of 1/10000 of `currency`."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField(unique=True)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    value = fields.CharEnumField(GiftCardValue, max_length=16)
    face_units = fields.BigIntField(null=True)
    currency = fields.CharField(max_length=3)
    uses = fields.IntField(null=True)
    valid_days = fields.IntField(null=True)  # from activation; None: without end
    transferable = fields.BooleanField()  # whoever has the code may use it, not only its buyer
    activation = fields.CharEnumField(Activation, max_length=16)
    breakage = fields.CharEnumField(Breakage, max_length=16)
    prefix = fields.CharField(max_length=4)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "gift_card_programs"
        constraints = (
            CheckConstraint(
                check="(value = 'balance' AND face_units > 0 AND uses IS NULL)"
                " OR (value = 'count' AND uses > 0 AND face_units IS NULL)",
                name="gift_program_worth",
            ),
            CheckConstraint(check="valid_days > 0", name="gift_program_validity"),
            CheckConstraint(
                check="breakage = 'kept' OR valid_days IS NOT NULL", name="gift_program_breakage"
            ),
        )


class GiftCard(Model):
    """What a card of the store is worth. `balance_units` is what we owe on it: 0 until it is sold.

    The last move's author and reason stand in the row; each of them is kept in `gift_card_moves`.
    """

    card_id = fields.UUIDField(primary_key=True)
    program_id: UUID
    program: fields.ForeignKeyRelation[GiftCardProgram] = fields.ForeignKeyField(
        "domain.GiftCardProgram", on_delete=fields.RESTRICT
    )
    batch_id = fields.UUIDField()
    number = fields.CharField(max_length=16, unique=True)  # for people; tells nothing of the code
    code_index = fields.BinaryField()  # keyed digest of the code
    status = fields.CharEnumField(GiftCardStatus, max_length=16)
    face_units = fields.BigIntField(null=True)
    uses = fields.IntField(null=True)
    currency = fields.CharField(max_length=3)
    balance_units = fields.BigIntField(default=0)
    uses_left = fields.IntField(default=0)
    holder_id = fields.UUIDField(null=True)  # who bought it
    sold_at = fields.DatetimeField(null=True)
    activated_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1)
    moved_by = fields.UUIDField(null=True)
    moved_because = fields.CharField(max_length=500, default="")
    moved_at = fields.DatetimeField()

    @property
    def balance(self) -> Money:
        """What is left on it."""
        return Money(self.balance_units, self.currency)

    def status_at(self, moment: datetime) -> GiftCardStatus:
        """Where it stands: its time may be over before that is booked."""
        over = self.expires_at is not None and self.expires_at <= moment
        good = self.status in (GiftCardStatus.ACTIVE, GiftCardStatus.FROZEN)
        return GiftCardStatus.EXPIRED if good and over else self.status

    class Meta:
        table = "gift_cards"
        indexes = (("program_id", "card_id"), ("batch_id", "card_id"), ("holder_id", "card_id"))
        constraints = (
            UniqueConstraint(fields=("code_index",), name="gift_card_code_once"),
            CheckConstraint(
                check="status IN ('issued', 'active', 'frozen', 'used_up', 'void', 'expired')",
                name="gift_card_status_known",
            ),
            CheckConstraint(
                check="balance_units >= 0 AND (face_units IS NULL OR balance_units <= face_units)",
                name="gift_card_balance_in_range",
            ),
            CheckConstraint(
                check="uses_left BETWEEN 0 AND coalesce(uses, 0)", name="gift_card_uses_in_range"
            ),
            CheckConstraint(
                check="(sold_at IS NULL) = (holder_id IS NULL)", name="gift_card_sold_to_somebody"
            ),
            CheckConstraint(
                check="sold_at IS NOT NULL OR (balance_units = 0 AND uses_left = 0"
                " AND status IN ('issued', 'void'))",
                name="gift_card_owes_once_sold",
            ),
            CheckConstraint(
                check="status IN ('issued', 'void') OR activated_at IS NOT NULL",
                name="gift_card_activated",
            ),
            CheckConstraint(
                check="status NOT IN ('used_up', 'void') OR (balance_units = 0 AND uses_left = 0)",
                name="gift_card_ended_empty",
            ),
        )


class GiftCardMove(Model):
    """One move of a card: who, when and why. Written by the database, never changed."""

    id = fields.BigIntField(primary_key=True, generated=True)
    card_id = fields.UUIDField()
    version = fields.IntField()
    from_status = fields.CharEnumField(GiftCardStatus, max_length=16)
    to_status = fields.CharEnumField(GiftCardStatus, max_length=16)
    moved_by = fields.UUIDField(null=True)
    reason = fields.CharField(max_length=500)
    at = fields.DatetimeField()

    class Meta:
        table = "gift_card_moves"
        unique_together = (("card_id", "version"),)


class GiftCardRedemption(Model):
    """Money or uses taken from a card, by whom. Never changed. Units of 1/10000."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    card_id = fields.UUIDField(db_index=True)
    user_id = fields.UUIDField()
    units = fields.BigIntField()  # for a use: its share of what was paid for the card
    uses = fields.IntField(default=0)
    balance_after = fields.BigIntField()
    uses_after = fields.IntField()
    at = fields.DatetimeField()

    class Meta:
        table = "gift_card_redemptions"
        constraints = (
            CheckConstraint(
                check="units >= 0 AND uses IN (0, 1) AND (units > 0 OR uses = 1)",
                name="gift_redemption_of_something",
            ),
        )


class CounterPayment(StrEnum):
    """How a counter was paid; the books know one bank for both."""

    CASH = "cash"
    BANK = "bank"


class CounterSale(Model):
    """An order of printed cards that was sold over a counter: by whom, and how it was paid.

    `walk_in`: nobody said who buys, so that its money goes back over the counter, too.
    """

    order_id = fields.UUIDField(primary_key=True)
    seller_id = fields.UUIDField()
    paid_by = fields.CharEnumField(CounterPayment, max_length=8)
    walk_in = fields.BooleanField()
    note = fields.CharField(max_length=200, default="")
    sold_at = fields.DatetimeField()

    class Meta:
        table = "counter_sales"
        constraints = (
            CheckConstraint(check="paid_by IN ('cash', 'bank')", name="counter_paid_by_known"),
        )


class GuardKind(StrEnum):
    """Whose tries are counted."""

    CODE = "code"
    USER = "user"
    SESSION = "session"
    ADDRESS = "address"


class GiftCardGuard(Model):
    """Tries that came to nothing, of one code, user, session or address, as a keyed digest."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharEnumField(GuardKind, max_length=16)
    subject = fields.BinaryField()
    tries = fields.IntField()
    locked_until = fields.DatetimeField(null=True)
    changed_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "gift_card_guards"
        constraints = (
            UniqueConstraint(fields=("kind", "subject"), name="gift_guard_once"),
            CheckConstraint(check="tries >= 0", name="gift_guard_tries"),
        )
