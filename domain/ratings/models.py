"""What buyers say of what they bought: one rating a line, and the sums of each product."""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model, new_id


class RatingTag(StrEnum):
    """What was good, or was not."""

    FAST = "FAST"
    AS_DESCRIBED = "AS_DESCRIBED"
    GOOD_PRICE = "GOOD_PRICE"
    GOOD_SERVICE = "GOOD_SERVICE"
    SLOW = "SLOW"
    NOT_AS_DESCRIBED = "NOT_AS_DESCRIBED"
    DID_NOT_WORK = "DID_NOT_WORK"
    BAD_SERVICE = "BAD_SERVICE"


class RatingState(StrEnum):
    """Where the text of a rating stands; its stars count in any case."""

    PLAIN = "PLAIN"  # it has none
    PENDING = "PENDING"  # nobody has read it, so it is not shown
    PUBLISHED = "PUBLISHED"
    HIDDEN = "HIDDEN"  # somebody has read it, and it is not shown


class Rating(Model):
    """What the buyer of a line says of it. Of whom it is told is written down with it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    line_id = fields.UUIDField(unique=True)
    order_id = fields.UUIDField()
    buyer_id = fields.UUIDField()
    product_id = fields.UUIDField()
    site_id = fields.UUIDField()
    agent_id = fields.UUIDField(null=True)  # the one nearest to the buyer
    supplier_id = fields.UUIDField(null=True)  # who brought the goods, where one did
    after_case = fields.BooleanField()  # given, or last changed, when a case of it was decided
    stars = fields.SmallIntField()
    tags = ArrayField(element_type="text", default=list)
    text = fields.CharField(max_length=1000, default="")
    state = fields.CharEnumField(RatingState, max_length=16)
    version = fields.IntField(default=1)
    rated_at = fields.DatetimeField()
    edited_at = fields.DatetimeField(null=True)
    judged_by = fields.UUIDField(null=True)
    judged_at = fields.DatetimeField(null=True)
    judgement = fields.CharField(max_length=500, default="")  # why it is not shown

    class Meta:
        table = "ratings"
        indexes = (("rated_at",),)
        constraints = (
            CheckConstraint(check="stars BETWEEN 1 AND 5", name="rating_of_five_stars"),
            CheckConstraint(
                check="state IN ('PLAIN', 'PENDING', 'PUBLISHED', 'HIDDEN')",
                name="rating_state_known",
            ),
            CheckConstraint(check="(text = '') = (state = 'PLAIN')", name="rating_text_has_state"),
            CheckConstraint(
                check="cardinality(tags) <= 5 AND tags <@ ARRAY['FAST', 'AS_DESCRIBED',"
                " 'GOOD_PRICE', 'GOOD_SERVICE', 'SLOW', 'NOT_AS_DESCRIBED', 'DID_NOT_WORK',"
                " 'BAD_SERVICE']",
                name="rating_tags_known",
            ),
            CheckConstraint(
                check="(judged_by IS NULL) = (judged_at IS NULL)"
                " AND (state <> 'HIDDEN' OR judged_by IS NOT NULL AND judgement <> '')",
                name="rating_judged_with_reason",
            ),
        )


class RatingTotal(Model):
    """The sums of a product, kept by a trigger: a page of the shop reads them for each product."""

    product_id = fields.UUIDField(primary_key=True, default=new_id)
    count = fields.IntField()
    stars = fields.BigIntField()

    class Meta:
        table = "rating_totals"
        constraints = (
            CheckConstraint(
                check="count > 0 AND stars BETWEEN count AND 5 * count", name="rating_total_whole"
            ),
        )
