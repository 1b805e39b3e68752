"""Presets are data in a file: sound, in both languages, made once, never over an operator's own."""

from dataclasses import replace

import pytest

from domain import catalog
from domain.catalog import DeliveryKind, FieldKind
from domain.catalog.models import ProductType, ProductTypeVersion
from domain.catalog.types import type_faults
from domain.kernel import Refused, connection
from tests import make

CATEGORIES = (  # mission row A5, each with the presets that stand for it
    ("game cards", {"game-card", "game-topup"}),
    ("phone top-up", {"phone-card", "phone-topup"}),
    ("video membership", {"video-membership", "video-membership-topup"}),
    ("software licence", {"software-licence"}),
    ("courses", {"course"}),
    ("e-books", {"e-book"}),
    ("takeaway and ride coupons", {"takeaway-coupon", "food-coupon", "ride-coupon"}),
    ("gift cards", {"gift-card-code"}),
    ("meal cards", {"meal-card", "meal-card-topup"}),
    ("e-commerce benefits", {"ecommerce-benefit"}),
    ("digital collectibles", {"digital-collectible"}),
)


def test_every_category_has_its_presets_and_each_is_sound() -> None:
    found = {draft.code: draft for draft in catalog.presets()}
    for category, codes in CATEGORIES:
        assert codes <= found.keys(), category
    for draft in found.values():
        assert type_faults(draft) == [], draft.code
        assert draft.category_slug
        for field in draft.account_fields:
            assert field.label_zh != field.label_en
    kinds = {draft.delivery_kind for draft in found.values()}
    assert kinds == set(DeliveryKind) - {DeliveryKind.GIFT_CARD, DeliveryKind.BUNDLE}
    fields = [field for draft in found.values() for field in draft.account_fields]
    assert {field.kind for field in fields} == set(FieldKind)
    assert any(field.depends_on for field in fields)


@pytest.mark.usefixtures("db")
async def test_presets_are_made_once_and_an_operators_change_stays() -> None:
    made = await catalog.load_presets(make.OPERATOR)
    assert made == [draft.code for draft in catalog.presets()]
    assert await ProductType.filter(code__in=made, preset=True, version=1).count() == len(made)
    assert await ProductTypeVersion.all().count() == len(made) + len(DeliveryKind)
    course = await ProductType.get(code="course")
    draft = next(draft for draft in catalog.presets() if draft.code == "course")
    mine = replace(draft, name_en="Lessons", account_fields=draft.account_fields[:1])
    await catalog.save_type(make.OPERATOR, mine, type_id=course.id)
    assert await catalog.load_presets(make.OPERATOR) == []
    kept = await ProductType.get(code="course")
    assert (kept.name_en, kept.version, kept.preset) == ("Lessons", 2, True)
    async with connection() as conn:
        audited = "SELECT count(*) FROM audit_entries WHERE action = 'product_type.save'"
        assert await conn.fetchval(audited) == len(made) + 1


@pytest.mark.usefixtures("db")
async def test_a_preset_with_a_banned_word_is_not_made_and_none_of_the_others() -> None:
    await catalog.ban(make.OPERATOR, "not here", word="collectible")
    with pytest.raises(Refused) as refused:
        await catalog.load_presets(make.OPERATOR)
    assert refused.value.refusals[0].code == "LISTING_BANNED"
    assert await ProductType.all().count() == len(DeliveryKind)
