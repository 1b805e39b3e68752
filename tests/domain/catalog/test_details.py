"""Media, attributes and translations: reviewed again, looked at for bans, shown in order."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import catalog
from domain.catalog import (
    AttributeDraft,
    ListingMove,
    ListingStatus,
    Media,
    MediaKind,
    Translated,
    TranslationDraft,
)
from domain.catalog.models import Attribute, Product, Translation, Variant
from domain.kernel import Actor, ActorKind, Refused, connection, page_request
from tests import make

pytestmark = pytest.mark.usefixtures("db")
FACE = Media("https://cdn.example/face.png", MediaKind.IMAGE, "正面", "Front")
EDITOR = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:read"}))


async def refused(what: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        await what
    return [".".join((refusal.code, *refusal.field)) for refusal in caught.value.refusals]


async def status_of(product_id: UUID) -> ListingStatus:
    return (await Product.get(id=product_id)).status


async def approve(product_id: UUID) -> None:
    await catalog.move_listing(make.OPERATOR, ListingMove(product_id, ListingStatus.APPROVED))


async def define(key: str, kind: str = "text", **changes: Any) -> Attribute:
    draft = replace(AttributeDraft(key, kind, f"{key}中", key), **changes)
    return await catalog.save_attribute(make.OPERATOR, draft)


async def shown(language: str = "en") -> catalog.ShownProduct:
    (row,) = (await catalog.list_products(page_request("p", 9, None), language=language)).rows
    return row


async def test_media_are_shown_in_their_order_after_review() -> None:
    product = await make.product()
    film = Media("https://cdn.example/film.mp4", MediaKind.VIDEO)
    saved = await catalog.set_media(make.OPERATOR, product.id, [FACE, film])
    assert (saved.status, saved.version) == (ListingStatus.SUBMITTED, 3)
    await approve(product.id)
    assert (await shown()).media == [FACE, film]
    again = await catalog.set_media(make.OPERATOR, product.id, [FACE, film])
    assert (again.status, again.version) == (ListingStatus.APPROVED, 4)
    await catalog.set_media(make.OPERATOR, product.id, [film, FACE])
    assert await status_of(product.id) is ListingStatus.SUBMITTED


@pytest.mark.parametrize(
    ("media", "places"),
    [
        ([Media("http://cdn.example/x.png")], ["INVALID.media.0.url"]),
        ([Media("data:image/png;base64,AAAA")], ["INVALID.media.0.url"]),
        ([FACE, FACE], ["INVALID.media.1.url"]),
        ([replace(FACE, alt_en="x" * 201)], ["INVALID.media.0.altEn"]),
        ([Media(f"https://cdn.example/{n}") for n in range(31)], ["INVALID.media"]),
    ],
)
async def test_wrong_media_change_nothing(media: list[Media], places: list[str]) -> None:
    product = await make.product()
    assert await refused(catalog.set_media(make.OPERATOR, product.id, media)) == places
    stale = catalog.set_media(make.OPERATOR, product.id, [FACE], 7)
    assert await refused(stale) == ["CONFLICT.expectedVersion"]
    assert await refused(catalog.set_media(EDITOR, product.id, [FACE])) == ["FORBIDDEN"]
    row = await Product.get(id=product.id)
    assert (row.media, row.version, row.status) == ([], 1, ListingStatus.APPROVED)


async def test_attributes_are_typed_and_shown() -> None:
    variant = await make.variant()
    for key, kind in (("platform", "text"), ("days", "number"), ("global", "boolean")):
        await define(key, kind)
    given = [("platform", ["PC", "Xbox"]), ("days", ["30"]), ("global", ["false"])]
    await catalog.set_product_attributes(make.OPERATOR, variant.product_id, given)
    row = await Product.get(id=variant.product_id)
    assert row.attributes == {"platform": ["PC", "Xbox"], "days": [30], "global": [False]}
    assert row.status is ListingStatus.SUBMITTED
    await approve(row.id)
    await catalog.set_variant_attributes(make.OPERATOR, variant.id, [("days", ["365"])])
    assert (await Variant.get(id=variant.id)).attributes == {"days": [365]}
    assert await status_of(row.id) is ListingStatus.SUBMITTED
    assert [catalog.shown_value(each) for each in (30, False, "PC")] == ["30", "false", "PC"]


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ([("nothing", ["x"])], ["INVALID.attributes.0.key"]),
        ([("days", ["1"]), ("days", ["2"])], ["INVALID.attributes.1.key"]),
        ([("days", ["soon"])], ["INVALID.attributes.0.values"]),
        ([("days", ["1.5"])], ["INVALID.attributes.0.values"]),
        ([("days", ["9999999999999"])], ["INVALID.attributes.0.values"]),
        ([("days", [])], ["INVALID.attributes.0.values"]),
        ([("days", ["1", "1"])], ["INVALID.attributes.0.values"]),
        ([("global", ["yes"])], ["INVALID.attributes.0.values"]),
        ([("platform", [" PC"])], ["INVALID.attributes.0.values"]),
        ([("platform", ["x" * 65])], ["INVALID.attributes.0.values"]),
        ([("platform", [f"{n}" for n in range(21)])], ["INVALID.attributes.0.values"]),
        (
            [("x", ["1"]), ("days", ["x"])],
            ["INVALID.attributes.0.key", "INVALID.attributes.1.values"],
        ),
    ],
)
async def test_wrong_values_change_nothing(
    given: list[tuple[str, list[str]]], places: list[str]
) -> None:
    variant = await make.variant()
    for key, kind in (("platform", "text"), ("days", "number"), ("global", "boolean")):
        await define(key, kind)
    asked = catalog.set_product_attributes(make.OPERATOR, variant.product_id, given)
    assert await refused(asked) == places
    asked_of_variant = catalog.set_variant_attributes(make.OPERATOR, variant.id, given)
    assert await refused(asked_of_variant) == places
    assert await status_of(variant.product_id) is ListingStatus.APPROVED


async def test_an_attribute_keeps_its_key_and_kind() -> None:
    made = await define("days", "number", unit="d")
    draft = AttributeDraft("days", "number", "天数", "Days", facetable=True)
    saved = await catalog.save_attribute(make.OPERATOR, draft, attribute_id=made.id)
    assert (saved.version, saved.name_zh, saved.facetable) == (2, "天数", True)
    for other in (replace(draft, key="weeks"), replace(draft, kind="text")):
        asked = catalog.save_attribute(make.OPERATOR, other, attribute_id=made.id)
        assert await refused(asked) == ["INVALID.key"]
    assert await refused(catalog.save_attribute(make.OPERATOR, draft)) == ["CONFLICT.key"]
    for key in ("Days", "1day", "", "x" * 33, "a-b"):
        asked = catalog.save_attribute(make.OPERATOR, replace(draft, key=key))
        assert await refused(asked) == ["INVALID.key"]
    async with connection() as conn:
        for statement in (
            "UPDATE attributes SET key = 'weeks'",
            "UPDATE attributes SET kind = 'text'",
            "DELETE FROM attributes",
        ):
            with pytest.raises(asyncpg.PostgresError) as broken:
                await conn.execute(statement)
            assert broken.value.constraint_name == "attribute_kept"


async def translate(of: Translated, entity: UUID, *drafts: TranslationDraft) -> None:
    await catalog.set_translations(make.OPERATOR, of, entity, drafts)


async def test_goods_are_named_in_the_first_language_that_they_speak() -> None:
    variant = await make.variant()
    product = await Product.get(id=variant.product_id)
    japanese = TranslationDraft("ja", "商品券", "説明")
    await translate(Translated.PRODUCT, product.id, japanese, TranslationDraft("ko", "상품"))
    await translate(Translated.VARIANT, variant.id, TranslationDraft("ja", "五十元券"))
    await translate(Translated.CATEGORY, product.category_id, TranslationDraft("ja", "棚"))
    await approve(product.id)
    cases = {
        "ja.en": ("商品券", "説明"),
        "ko.en": ("상품", product.description_en),
        "de.ja.en": ("商品券", "説明"),
        "de.zh": (product.name_zh, product.description_zh),
        "en": (product.name_en, product.description_en),
    }
    for languages, (name, description) in cases.items():
        row = await shown(languages)
        assert (row.name, row.description) == (name, description), languages
    (found,) = (await catalog.variants_of([product.id], "ja.en"))[product.id]
    assert found.name == "五十元券"
    (shelf,) = await catalog.category_tree("ja.zh")
    assert shelf.name == "棚"
    # It is found by its names in other languages, too.
    for query in ("商品券", "상품"):
        page = await catalog.list_products(page_request("p", 9, None), query=query)
        assert [row.id for row in page.rows] == [product.id], query


async def test_a_translation_is_reviewed_again_and_past_the_domain_refused() -> None:
    variant = await make.variant()
    for of, entity in (
        (Translated.PRODUCT, variant.product_id),
        (Translated.VARIANT, variant.id),
    ):
        await translate(of, entity, TranslationDraft("ja", "名前"))
        assert await status_of(variant.product_id) is ListingStatus.SUBMITTED
        await approve(variant.product_id)
        async with connection() as conn:
            for statement in (
                "UPDATE translations SET name = 'x'",
                "DELETE FROM translations",
            ):
                with pytest.raises(asyncpg.PostgresError) as broken:
                    await conn.execute(statement)
                assert broken.value.constraint_name == "listing_edit_reviewed"


@pytest.mark.parametrize(
    ("drafts", "places"),
    [
        ([TranslationDraft("zh", "x")], ["INVALID.translations.0.language"]),
        ([TranslationDraft("JA", "x")], ["INVALID.translations.0.language"]),
        (
            [TranslationDraft("ja", "x"), TranslationDraft("ja", "y")],
            ["INVALID.translations.1.language"],
        ),
        ([TranslationDraft("ja", "")], ["INVALID.translations.0.name"]),
        ([TranslationDraft("ja", "x", "y" * 20_001)], ["INVALID.translations.0.description"]),
        ([TranslationDraft("ja", "x")] * 31, ["INVALID.translations"]),
    ],
)
async def test_a_wrong_translation_changes_nothing(
    drafts: list[TranslationDraft], places: list[str]
) -> None:
    product = await make.product()
    asked = catalog.set_translations(make.OPERATOR, Translated.PRODUCT, product.id, drafts)
    assert await refused(asked) == places
    assert await Translation.all().count() == 0
    assert await status_of(product.id) is ListingStatus.APPROVED


async def test_nothing_is_translated_that_is_not_there() -> None:
    somewhere = UUID(int=7)
    named = {"product": "productId", "variant": "variantId", "category": "id"}
    for of in Translated:
        asked = catalog.set_translations(
            make.OPERATOR, of, somewhere, [TranslationDraft("ja", "x")]
        )
        assert await refused(asked) == [f"NOT_FOUND.{named[of]}"]
        async with connection() as conn:
            with pytest.raises(asyncpg.PostgresError) as broken:
                await conn.execute(
                    "INSERT INTO translations (id, entity, entity_id, language, name, description)"
                    " VALUES (gen_random_uuid(), $1, $2, 'ja', 'x', '')",
                    of.value,
                    somewhere,
                )
            assert broken.value.constraint_name == "translation_of_something"


async def write(where: str, product: Product, variant: Variant, text: str) -> None:
    """A text where buyers will see it."""
    if where == "media":
        await catalog.set_media(make.OPERATOR, product.id, [replace(FACE, alt_zh=text)])
    elif where == "product attribute":
        await catalog.set_product_attributes(
            make.OPERATOR, product.id, [("platform", ["PC", text])]
        )
    elif where == "variant attribute":
        await catalog.set_variant_attributes(make.OPERATOR, variant.id, [("platform", [text])])
    elif where == "translation":
        await translate(Translated.PRODUCT, product.id, TranslationDraft("ja", "x", text))
    elif where == "variant's translation":
        await translate(Translated.VARIANT, variant.id, TranslationDraft("ja", text))


@pytest.mark.parametrize(
    "where",
    ["media", "product attribute", "variant attribute", "translation", "variant's translation"],
)
async def test_a_banned_word_is_found_wherever_buyers_would_read_it(where: str) -> None:
    await define("platform")
    variant = await make.variant()
    product = await Product.get(id=variant.product_id)
    await write(where, product, variant, "外 挂")
    await approve(product.id)
    await catalog.ban(make.OPERATOR, "no cheats", word="外挂")
    assert await status_of(product.id) is ListingStatus.SUSPENDED
    await catalog.move_listing(make.OPERATOR, ListingMove(product.id, ListingStatus.SUBMITTED))
    assert await refused(approve(product.id)) == ["LISTING_BANNED.to"]
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute("UPDATE products SET status = 'approved', reviewed_at = now()")
        assert broken.value.constraint_name == "listing_not_banned"
    await write(where, product, variant, "harmless")
    await approve(product.id)


async def test_an_attribute_has_no_banned_name_and_past_the_domain_neither() -> None:
    await catalog.ban(make.OPERATOR, "no cheats", word="外挂")
    draft = AttributeDraft("days", "number", "外·挂", "Days")
    assert await refused(catalog.save_attribute(make.OPERATOR, draft)) == ["LISTING_BANNED.nameZh"]
    made = await define("days", "number")
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute("UPDATE attributes SET name_zh = '外挂'")
        assert broken.value.constraint_name == "listing_not_banned"
        variant = await make.variant()
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(
                """UPDATE variants SET attributes = '{"platform": ["外挂"]}' WHERE id = $1""",
                variant.id,
            )
    assert (await Attribute.get(id=made.id)).name_zh == "days中"


async def test_a_new_ban_of_an_attributes_name_suspends_what_shows_it() -> None:
    await define("days", "number", name_zh="外挂天数")
    product, other = await make.product(), await make.product()
    await catalog.set_product_attributes(make.OPERATOR, product.id, [("days", ["1"])])
    await approve(product.id)
    await catalog.ban(make.OPERATOR, "no cheats", word="外挂")
    assert await status_of(product.id) is ListingStatus.SUSPENDED
    assert await status_of(other.id) is ListingStatus.APPROVED


async def test_the_shelf_changes_past_the_domain_never() -> None:
    product = await make.product()
    async with connection() as conn:
        for change in ("media = '[{}]'", """attributes = '{"x": [1]}'"""):
            with pytest.raises(asyncpg.PostgresError) as broken:
                await conn.execute(f"UPDATE products SET {change} WHERE id = $1", product.id)
            assert broken.value.constraint_name == "listing_edit_reviewed"
        for change, name in (
            ("media = '{}'", "product_media_listed"),
            ("attributes = '[]'", "product_attributes_listed"),
            ("""attributes = '{"x": 1}'""", "product_attributes_listed"),
        ):
            with pytest.raises(asyncpg.CheckViolationError) as broken:
                await conn.execute(
                    f"UPDATE products SET status = 'submitted', {change} WHERE id = $1", product.id
                )
            assert broken.value.constraint_name == name
