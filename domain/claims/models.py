"""Tables of claim links: by whoever holds one, cards of an order are handed on."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id
from domain.orders import ContactKind


class LinkState(StrEnum):
    """Where a link stands; told by its row and the time."""

    OPEN = "open"
    USED_UP = "used_up"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ClaimLink(Model):
    """The right to be shown cards of one order, a number of times, until a moment.

    Without `card_ids` it is all cards that the order has when it is claimed. The token is not
    stored: it is the id and a signature, made by the key of `key_version`.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_id = fields.UUIDField()
    card_ids = ArrayField(element_type="uuid", null=True)
    created_by = fields.UUIDField(null=True)  # null: made for a message to the buyer
    origin = fields.UUIDField(null=True)  # the message it was made for
    recipient_kind = fields.CharEnumField(ContactKind, max_length=8, null=True)
    recipient_sealed = fields.BinaryField(null=True)
    recipient_digest = fields.BinaryField(null=True)
    recipient_masked = fields.CharField(max_length=300, null=True)
    language = fields.CharField(max_length=2)
    key_version = fields.IntField()
    max_uses = fields.IntField()
    uses = fields.IntField(default=0)
    event_count = fields.IntField(default=1)
    expires_at = fields.DatetimeField()
    created_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "claim_links"
        indexes = (("order_id", "id"),)
        constraints = (
            CheckConstraint(check="max_uses BETWEEN 1 AND 20", name="claim_link_max_uses"),
            CheckConstraint(check="uses BETWEEN 0 AND max_uses", name="claim_link_uses_counted"),
            CheckConstraint(
                check="expires_at > created_at AND expires_at <= created_at + interval '90 days'",
                name="claim_link_life",
            ),
            CheckConstraint(
                check="(recipient_kind IS NULL) = (recipient_sealed IS NULL)"
                " AND (recipient_kind IS NULL) = (recipient_digest IS NULL)"
                " AND (recipient_kind IS NULL) = (recipient_masked IS NULL)",
                name="claim_link_recipient_whole",
            ),
            CheckConstraint(check="cardinality(card_ids) > 0", name="claim_link_has_cards"),
            UniqueConstraint(
                fields=("origin",), name="claim_link_once_a_message", condition="origin IS NOT NULL"
            ),
        )


class ClaimUse(Model):
    """One claim. A trigger numbers it and counts it on the link, or the database refuses it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    link: fields.ForeignKeyRelation[ClaimLink] = fields.ForeignKeyField(
        "domain.ClaimLink", on_delete=fields.RESTRICT
    )
    number = fields.IntField()
    key_digest = fields.BinaryField()  # of the claimer's idempotency key
    claimed_at = fields.DatetimeField()

    class Meta:
        table = "claim_uses"
        unique_together = (("link", "number"),)
        constraints = (UniqueConstraint(fields=("link_id", "key_digest"), name="claim_once_a_key"),)


class ClaimChallenge(Model):
    """A one-time code that was asked for. The code itself is derived, and stored nowhere."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    link: fields.ForeignKeyRelation[ClaimLink] = fields.ForeignKeyField(
        "domain.ClaimLink", on_delete=fields.RESTRICT
    )
    number = fields.IntField()
    tries = fields.IntField(default=0)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    link_id: UUID

    class Meta:
        table = "claim_challenges"
        unique_together = (("link", "number"),)
        constraints = (
            CheckConstraint(check="number BETWEEN 1 AND 5", name="claim_challenges_few"),
            CheckConstraint(check="tries BETWEEN 0 AND 5", name="claim_challenge_tries_few"),
        )
