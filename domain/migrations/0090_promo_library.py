"""What of promotion is for whom, until when, and who has looked at it."""

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from domain.promotion.models import PosterTheme, PromoState, TextKind

# What agents share already stays with them.
SQL = """
UPDATE promo_templates SET state = 'approved', reviewed_at = saved_at, reviewed_by = saved_by;
ALTER TABLE promo_templates ADD CONSTRAINT promo_text_of_a_product
    FOREIGN KEY (product_id) REFERENCES products (id);
ALTER TABLE promo_templates ADD CONSTRAINT promo_text_of_a_category
    FOREIGN KEY (category_id) REFERENCES categories (id);
ALTER TABLE promo_templates ADD CONSTRAINT promo_text_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE promo_templates ADD CONSTRAINT promo_text_of_known_tiers
    CHECK (tiers <@ ARRAY['bronze', 'silver', 'gold', 'retail']);
"""
CHECKS = {
    "promo_text_kind_known": "kind IN ('copy', 'poster', 'image')",
    "promo_text_shows_its_kind": "(kind = 'image') = (url IS NOT NULL)"
    " AND (kind = 'poster' OR theme IS NULL)",
    "promo_theme_known": "theme IN ('night', 'fire', 'spring', 'ink')",
    "promo_text_one_scope": "product_id IS NULL OR category_id IS NULL",
    "promo_text_ends_later": "valid_until > valid_from",
    "promo_text_reviewed": "state IN ('submitted', 'approved', 'rejected')"
    " AND (state = 'submitted') = (reviewed_at IS NULL)"
    " AND (state <> 'rejected' OR review_reason IS NOT NULL)",
}


def _told(kinds: type) -> str:
    return "\n".join(f"{kind.name}: {kind.value}" for kind in kinds)  # type: ignore[attr-defined]


def _time() -> fields.Field:  # type: ignore[type-arg]
    return fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)


_ADDED = {
    "url": fields.CharField(null=True, max_length=500),
    "theme": fields.CharEnumField(
        description=_told(PosterTheme), enum_type=PosterTheme, max_length=8, null=True
    ),
    "product_id": fields.UUIDField(null=True),
    "category_id": fields.UUIDField(null=True),
    "site_id": fields.UUIDField(null=True),
    "tiers": ArrayField(element_type="text", default=list),
    "valid_from": _time(),
    "valid_until": _time(),
    "state": fields.CharEnumField(
        description=_told(PromoState),
        enum_type=PromoState,
        max_length=16,
        default=PromoState.SUBMITTED,
        db_default="submitted",
    ),
    "reviewed_by": fields.UUIDField(null=True),
    "reviewed_at": _time(),
    "review_reason": fields.CharField(null=True, max_length=300),
}


class Migration(migrations.Migration):
    dependencies = [("domain", "0089_earnings")]

    initial = False

    operations = [
        ops.RemoveConstraint(model_name="PromoTemplate", name="promo_text_kind_known"),
        ops.AlterField(
            model_name="PromoTemplate",
            name="kind",
            field=fields.CharEnumField(
                description=_told(TextKind), enum_type=TextKind, max_length=16
            ),
        ),
        *(
            ops.AddField(model_name="PromoTemplate", name=name, field=field)
            for name, field in _ADDED.items()
        ),
        ops.RunSQL(SQL),
        *(
            ops.AddConstraint(
                model_name="PromoTemplate", constraint=CheckConstraint(check=check, name=name)
            )
            for name, check in CHECKS.items()
        ),
    ]
