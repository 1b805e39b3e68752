"""What the database refuses of the library, whoever writes."""

import asyncpg
import pytest

from domain.kernel import clock, connection
from domain.promotion import PromoState, PromoTemplate, TextKind

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("kind = 'video'", "promo_text_kind_known"),
        ("kind = 'image'", "promo_text_shows_its_kind"),
        ("url = 'https://a.example/b.png'", "promo_text_shows_its_kind"),
        ("theme = 'fire'", "promo_text_shows_its_kind"),
        ("kind = 'poster', theme = 'pink'", "promo_theme_known"),
        ("product_id = id, category_id = id", "promo_text_one_scope"),
        ("product_id = id", "promo_text_of_a_product"),
        ("category_id = id", "promo_text_of_a_category"),
        ("site_id = id", "promo_text_of_a_site"),
        ("tiers = '{platinum}'", "promo_text_of_known_tiers"),
        ("valid_from = saved_at, valid_until = saved_at", "promo_text_ends_later"),
        ("state = 'approved'", "promo_text_reviewed"),
        ("state = 'rejected', reviewed_at = saved_at", "promo_text_reviewed"),
        ("state = 'looked at', reviewed_at = saved_at", "promo_text_reviewed"),
    ],
)
async def test_what_cannot_be_is_refused_by_the_database(change: str, constraint: str) -> None:
    made = await PromoTemplate.create(
        kind=TextKind.COPY, name="n", text_zh="a", text_en="a", saved_at=clock.now()
    )
    assert made.state is PromoState.SUBMITTED, "what nobody looked at is shared by nobody"
    async with connection() as conn:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
            await conn.execute(
                f"UPDATE promo_templates SET {change} WHERE id = $1",
                made.id,
            )
    assert refused.value.constraint_name == constraint
