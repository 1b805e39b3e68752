"""Promotion links of agents, who touched them last, and the texts that agents share (row G9, G10).

A link is public and grants nothing but an attribution: whoever comes by it and buys within the
window is a customer of its agent for that order.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class TextKind(StrEnum):
    """Where a text stands."""

    COPY = "copy"  # beside a link, to be pasted into a chat
    POSTER = "poster"  # the line below the price on a poster
    IMAGE = "image"  # beside a picture, for who cannot see it


class PosterTheme(StrEnum):
    """The colours of a poster."""

    NIGHT = "night"
    FIRE = "fire"
    SPRING = "spring"
    INK = "ink"


class PromoState(StrEnum):
    """How far a text is: only what is approved is shared."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


class PromoLink(Model):
    """One link of an agent, to a product or to the whole shop."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    code = fields.CharField(max_length=16, unique=True)
    product_id = fields.UUIDField(null=True)
    label = fields.CharField(max_length=40)  # where it is used; the agent's own note
    created_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "promo_links"
        indexes = (("agent_id", "id"),)
        constraints = (
            # Nine letters, where a promoter code that the house makes has eight.
            CheckConstraint(check="code ~ '^[2-9A-HJ-KM-NP-Z]{9}$'", name="promo_code_form"),
        )


class PromoVisit(Model):
    """The link by which a visitor came last. One row a visitor, forgotten with the window."""

    user_id = fields.UUIDField(primary_key=True)
    link_id = fields.UUIDField()
    visited_at = fields.DatetimeField()

    class Meta:
        table = "promo_visits"
        indexes = (("visited_at",),)


class PromoClicks(Model):
    """How many came by a link on a day (UTC)."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    link_id = fields.UUIDField()
    day = fields.DateField()
    clicks = fields.IntField()

    class Meta:
        table = "promo_clicks"
        constraints = (
            UniqueConstraint(fields=("link_id", "day"), name="promo_clicks_once_a_day"),
            CheckConstraint(check="clicks > 0", name="promo_clicks_counted"),
        )


class PromoTemplate(Model):
    """A text that all agents may share, with places for what the house knows.

    So is a poster, and a picture, which is an https address, as of products. A scope says for which
    goods, where and for whom it is; without one it is for all.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharEnumField(TextKind, max_length=16)
    name = fields.CharField(max_length=40, unique=True)
    text_zh = fields.CharField(max_length=500)
    text_en = fields.CharField(max_length=500)
    active = fields.BooleanField(default=True)
    version = fields.IntField(default=1)
    saved_by = fields.UUIDField(null=True)
    saved_at = fields.DatetimeField()
    url = fields.CharField(max_length=500, null=True)
    theme = fields.CharEnumField(PosterTheme, max_length=8, null=True)
    product_id = fields.UUIDField(null=True)
    category_id = fields.UUIDField(null=True)  # and all below it
    site_id = fields.UUIDField(null=True)
    tiers = ArrayField(element_type="text", default=list)  # empty: all
    valid_from = fields.DatetimeField(null=True)
    valid_until = fields.DatetimeField(null=True)
    state = fields.CharEnumField(
        PromoState, max_length=16, default=PromoState.SUBMITTED, db_default="submitted"
    )
    reviewed_by = fields.UUIDField(null=True)
    reviewed_at = fields.DatetimeField(null=True)
    review_reason = fields.CharField(max_length=300, null=True)

    class Meta:
        table = "promo_templates"
        constraints = (
            CheckConstraint(
                check="kind IN ('copy', 'poster', 'image')", name="promo_text_kind_known"
            ),
            CheckConstraint(
                check="(kind = 'image') = (url IS NOT NULL) AND (kind = 'poster' OR theme IS NULL)",
                name="promo_text_shows_its_kind",
            ),
            CheckConstraint(
                check="theme IN ('night', 'fire', 'spring', 'ink')", name="promo_theme_known"
            ),
            CheckConstraint(
                check="product_id IS NULL OR category_id IS NULL", name="promo_text_one_scope"
            ),
            CheckConstraint(check="valid_until > valid_from", name="promo_text_ends_later"),
            CheckConstraint(
                check="state IN ('submitted', 'approved', 'rejected')"
                " AND (state = 'submitted') = (reviewed_at IS NULL)"
                " AND (state <> 'rejected' OR review_reason IS NOT NULL)",
                name="promo_text_reviewed",
            ),
        )
