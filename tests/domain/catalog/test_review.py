"""The way to the shelf: listed moves, review again after an edit, and bans that nobody passes."""

import asyncio
from itertools import product as pairs
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from domain import catalog, pricing
from domain.catalog import ListingMove, ListingStatus
from domain.catalog.models import Product, Variant
from domain.catalog.moves import MOVES
from domain.checkout import LineWish, NotForSale, Purchase, place_order
from domain.kernel import Actor, ActorKind, Refused, connection
from tests import make

pytestmark = pytest.mark.usefixtures("db")
STATUSES = list(ListingStatus)
# The same word as people write it to get past a check, and texts that only look alike.
WRITTEN = [
    "外挂",
    "外 挂",
    "外·挂",
    "外\u200b挂",
    "【外】【挂】",
    "Wai.Gua",
    "ｗａｉ－ｇｕａ",
    "w a i g u a",
]
HARMLESS = ["外国挂件", "waiting guard", "外", "挂外"]


def wish_of(row: Product, **changes: object) -> catalog.ProductDraft:
    values = {name: getattr(row, name) for name in catalog.ProductDraft.__dataclass_fields__}
    return catalog.ProductDraft(**{**values, "tags": tuple(row.tags), **changes})


async def move(row: Product, to: ListingStatus, reason: str = "because") -> Product:
    return await catalog.move_listing(make.OPERATOR, ListingMove(row.id, to, reason))


async def status_of(row: Product) -> ListingStatus:
    return (await Product.get(id=row.id)).status


async def events_of(subject: UUID) -> list[tuple[str, int]]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT type, sequence FROM outbox_events WHERE subject = $1 ORDER BY sequence", subject
        )
    return [(row["type"], row["sequence"]) for row in rows]


async def ban_words(*words: str) -> None:
    for word in words:
        await catalog.ban(make.OPERATOR, "no cheats", word=word)


@pytest.mark.parametrize(("before", "after"), list(pairs(STATUSES, STATUSES)))
async def test_code_and_database_allow_the_same_moves(
    before: ListingStatus, after: ListingStatus
) -> None:
    row = await make.product(before)
    listed = (before, after) in MOVES
    if listed:
        moved = await move(row, after)
        assert (moved.status, moved.version) == (after, 2)
        (review,) = (await catalog.reviews_of([row.id]))[row.id]
        assert (review.from_status, review.to_status) == (before, after)
        assert (review.reviewer_id, review.reason) == (make.OPERATOR.user_id, "because")
        assert await events_of(row.id) == [("listing.moved", 2)]
    else:
        with pytest.raises(Refused) as refused:
            await move(row, after)
        assert refused.value.refusals[0].code == "LISTING_MOVE_NOT_ALLOWED"
        assert await events_of(row.id) == []
    other = await make.product(before)
    statement = "UPDATE products SET status = $2 WHERE id = $1"
    async with connection() as conn:
        if listed or before is after:
            await conn.execute(statement, other.id, after.value)
        else:
            with pytest.raises(asyncpg.PostgresError) as broken:
                await conn.execute(statement, other.id, after.value)
            assert broken.value.constraint_name == "listing_move_listed"


async def test_a_decision_needs_its_scope_and_its_reason() -> None:
    row = await make.product(ListingStatus.SUBMITTED)
    editor = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:read", "products:write"}))
    with pytest.raises(Refused) as refused:
        await catalog.move_listing(editor, ListingMove(row.id, ListingStatus.APPROVED))
    assert refused.value.refusals[0].code == "FORBIDDEN"
    with pytest.raises(Refused):
        await move(row, ListingStatus.REJECTED, reason=" ")
    wish = ListingMove(row.id, ListingStatus.APPROVED, expected_version=7)
    with pytest.raises(Refused) as refused:
        await catalog.move_listing(make.OPERATOR, wish)
    assert refused.value.refusals[0].code == "CONFLICT"
    assert await status_of(row) is ListingStatus.SUBMITTED
    moved = await move(row, ListingStatus.REJECTED, reason="blurred picture")
    assert (moved.review_reason, moved.reviewed_by) == ("blurred picture", make.OPERATOR.user_id)


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"name_zh": "别的"}, True),
        ({"description_en": "New words."}, True),
        ({"tags": ("hot",)}, True),
        ({"position": 7}, False),
        ({}, False),
    ],
)
async def test_what_buyers_see_is_reviewed_again(change: dict[str, object], again: bool) -> None:
    row = await make.product()
    saved = await catalog.save_product(make.OPERATOR, wish_of(row, **change), product_id=row.id)
    assert saved.status is (ListingStatus.SUBMITTED if again else ListingStatus.APPROVED)
    assert await status_of(row) is saved.status
    expected = [("listing.moved", 2), ("product.saved", 3)] if again else [("product.saved", 2)]
    assert await events_of(row.id) == expected


async def test_a_variants_text_is_reviewed_again_and_its_price_and_stock_are_not() -> None:
    variant = await make.variant(cards=1)
    row = await Product.get(id=variant.product_id)
    await pricing.set_prices(make.OPERATOR, variant.id, [pricing.TierPrice("retail", 500_000)])
    await make.stock(variant, 3)
    names = catalog.VariantDraft.__dataclass_fields__.keys() - {"max_quantity", "type_code"}
    values = {name: getattr(variant, name) for name in names}
    same = catalog.VariantDraft(**values, max_quantity=7)
    await catalog.save_variant(make.OPERATOR, same, variant_id=variant.id)
    assert await status_of(row) is ListingStatus.APPROVED
    other = catalog.VariantDraft(**{**values, "name_en": "Another"})
    await catalog.save_variant(make.OPERATOR, other, variant_id=variant.id)
    assert await status_of(row) is ListingStatus.SUBMITTED


async def test_only_what_is_approved_is_bought() -> None:
    variant, buyer = await make.variant(cards=2), await make.buyer()
    row = await Product.get(id=variant.product_id)
    await place_order(buyer, Purchase((LineWish(variant.sku, 1),), "one"))
    await move(row, ListingStatus.SUSPENDED)
    with pytest.raises(Refused) as refused:
        await place_order(buyer, Purchase((LineWish(variant.sku, 1),), "two"))
    assert isinstance(refused.value.refusals[0], NotForSale)


async def test_an_edit_past_the_domain_cannot_stay_approved() -> None:
    row = await make.product()
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as broken:
            await conn.execute("UPDATE products SET name_en = 'x' WHERE id = $1", row.id)
    assert broken.value.constraint_name == "listing_edit_reviewed"


@pytest.mark.parametrize("text", WRITTEN)
async def test_a_banned_word_is_found_however_it_is_written(text: str) -> None:
    await ban_words("外挂", "waigua")
    row = await make.product(ListingStatus.SUBMITTED)
    wish = wish_of(row, description_zh=f"最好的{text}!")
    await catalog.save_product(make.OPERATOR, wish, product_id=row.id)
    for actor in (make.OPERATOR, Actor(kind=ActorKind.SYSTEM)):
        with pytest.raises(Refused) as refused:
            await catalog.move_listing(actor, ListingMove(row.id, ListingStatus.APPROVED))
        assert refused.value.refusals[0].code == "LISTING_BANNED"
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute(
                "UPDATE products SET status = 'approved', reviewed_at = now() WHERE id = $1", row.id
            )
    assert broken.value.constraint_name == "listing_not_banned"


@pytest.mark.parametrize("text", HARMLESS)
async def test_a_harmless_text_is_published(text: str) -> None:
    await ban_words("外挂", "waigua")
    row = await make.product(ListingStatus.SUBMITTED)
    wish = wish_of(row, description_zh=text)
    await catalog.save_product(make.OPERATOR, wish, product_id=row.id)
    assert (await move(row, ListingStatus.APPROVED)).status is ListingStatus.APPROVED


async def test_the_guard_is_needed() -> None:
    """The twin: without its trigger the database takes a banned listing."""
    await ban_words("外挂")
    row = await make.product(ListingStatus.SUBMITTED)
    async with connection() as conn, conn.transaction():
        await conn.execute("UPDATE products SET name_zh = '外挂' WHERE id = $1", row.id)
        await conn.execute("ALTER TABLE products DISABLE TRIGGER products_listed")
        await conn.execute("UPDATE products SET status = 'approved' WHERE id = $1", row.id)
        await conn.execute("UPDATE products SET status = 'submitted' WHERE id = $1", row.id)
        await conn.execute("ALTER TABLE products ENABLE TRIGGER products_listed")


async def test_a_variant_brings_no_banned_word_onto_the_shelf() -> None:
    await ban_words("外挂")
    variant = await make.variant()
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute("UPDATE variants SET name_zh = '外挂' WHERE id = $1", variant.id)
    assert (await Variant.get(id=variant.id)).name_zh == "五十元"


async def test_a_new_ban_suspends_what_it_hits_and_says_why() -> None:
    hit, free = await make.product(), await make.product()
    await make.variant(of=hit, name_zh="外 挂 月卡")
    made = await catalog.ban(make.OPERATOR, "cheats are not sold", word="外挂")
    row = await Product.get(id=hit.id)
    assert row.status is ListingStatus.SUSPENDED
    assert row.review_reason == "外挂: cheats are not sold"
    assert await status_of(free) is ListingStatus.APPROVED
    assert ("listing.moved", 2) in await events_of(hit.id)
    await move(row, ListingStatus.SUBMITTED)
    with pytest.raises(Refused):
        await move(row, ListingStatus.APPROVED)
    await catalog.lift_ban(make.OPERATOR, made.id)
    await move(row, ListingStatus.APPROVED)


async def test_a_banned_shelf_is_banned_with_all_below_it() -> None:
    row = await make.product()
    shelf = await row.category
    above = await make.product()
    shelf.parent_id = above.category_id
    await shelf.save()
    await catalog.ban(make.OPERATOR, "virtual currency", category_id=above.category_id)
    assert await status_of(row) is await status_of(above) is ListingStatus.SUSPENDED
    with pytest.raises(Refused) as refused:
        await catalog.ban(make.OPERATOR, "again", category_id=above.category_id)
    assert refused.value.refusals[0].code == "CONFLICT"


async def test_a_ban_without_suspension_is_refused_at_commit() -> None:
    await make.product()
    statement = (
        "INSERT INTO listing_bans (id, word, folded, reason, created_at)"
        " VALUES (gen_random_uuid(), 'Prod uct', 'product', 'x', now())"
    )
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute(statement)
        assert broken.value.constraint_name == "listing_not_banned"
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute(statement.replace("'product'", "'other'"))
        assert broken.value.constraint_name == "ban_word_folded_right"


@pytest.mark.parametrize("word", ["", "!", "外", "-x-", "x" * 65])
async def test_a_word_that_would_hit_everything_is_not_banned(word: str) -> None:
    with pytest.raises(Refused) as refused:
        await catalog.ban(make.OPERATOR, "why", word=word)
    assert refused.value.refusals[0].field == ("word",)


async def test_publishing_and_banning_at_once_miss_each_other_never() -> None:
    row = await make.product(ListingStatus.SUBMITTED)
    await catalog.save_product(make.OPERATOR, wish_of(row, name_zh="外挂"), product_id=row.id)
    async with connection() as conn, conn.transaction():
        await conn.execute(
            "UPDATE products SET status = 'approved', reviewed_at = now() WHERE id = $1", row.id
        )
        banning = asyncio.create_task(ban_words("外挂"))
        await asyncio.sleep(0.2)
        assert not banning.done()
    await banning
    assert await status_of(row) is ListingStatus.SUSPENDED


async def test_an_import_publishes_only_with_approve_and_never_what_is_banned(
    tmp_path: Path,
) -> None:
    await ban_words("钱包")
    demo = Path(__file__).parents[3] / "demo"
    await pricing.import_folder(make.OPERATOR, demo)
    assert {row.status for row in await Product.all()} == {ListingStatus.SUBMITTED}
    reports = await pricing.import_folder(make.OPERATOR, demo, approve=True)
    told = {error.reason for error in reports["products.csv"].errors}
    assert told == {"listing_banned"}
    held = await Product.filter(status=ListingStatus.SUBMITTED)
    assert held
    assert all("钱包" in f"{row.name_zh}{row.description_zh}" for row in held)
    assert len(held) == len(reports["products.csv"].errors)
    unprivileged = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:write"}))
    with pytest.raises(Refused):
        await pricing.import_folder(unprivileged, demo, approve=True)


async def test_a_changed_row_of_an_import_goes_back_to_review(tmp_path: Path) -> None:
    demo = Path(__file__).parents[3] / "demo"
    await pricing.import_folder(make.OPERATOR, demo, approve=True)
    for path in demo.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        if path.name == "variants.csv":
            text = text.replace(
                "STEAM-CNY-50,steam-wallet-cn,50 元", "STEAM-CNY-50,steam-wallet-cn,五十元"
            )
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    await pricing.import_folder(make.OPERATOR, tmp_path)
    back = await Product.filter(status=ListingStatus.SUBMITTED)
    assert [row.slug for row in back] == ["steam-wallet-cn"]
    await pricing.import_folder(make.OPERATOR, tmp_path, approve=True)
    assert not await Product.filter(status=ListingStatus.SUBMITTED).exists()
