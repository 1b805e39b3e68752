"""Shelves are made and moved over the API; no circle closes, and no ban is passed by a move."""

import asyncpg
import pytest

from domain import catalog
from domain.catalog import ListingStatus
from domain.catalog.models import Category, Product
from domain.kernel import Actor, ActorKind, Refusal, Refused, connection
from schema.admin import schema
from tests import make
from tests.api.asking import data_of

pytestmark = pytest.mark.usefixtures("db")
SAVE = """mutation Save($input: CategorySaveInput!) { categorySave(input: $input) {
    category { id slug nameZh nameEn position } userErrors { code field message } } }"""


def shelf(slug: str, parent: str = "") -> catalog.CategoryDraft:
    return catalog.CategoryDraft(slug, f"分类 {slug}", slug.title(), parent)


async def refusal_of(draft: catalog.CategoryDraft, of: Category | None = None) -> Refusal:
    with pytest.raises(Refused) as refused:
        await catalog.save_category(make.OPERATOR, draft, category_id=of.id if of else None)
    return refused.value.refusals[0]


async def test_a_shelf_is_made_and_changed_over_the_api() -> None:
    wish = {"slug": "games", "nameZh": "游戏", "nameEn": "Games"}
    made = (await data_of(schema, SAVE, make.OPERATOR, input=wish))["categorySave"]
    assert (made["category"]["nameZh"], made["userErrors"]) == ("游戏", [])
    below = {"slug": "steam", "nameZh": "蒸汽", "nameEn": "Steam", "parentSlug": "games"}
    await data_of(schema, SAVE, make.OPERATOR, input=below)
    change = {**wish, "id": made["category"]["id"], "nameEn": "All games", "position": 3}
    await data_of(schema, SAVE, make.OPERATOR, input=change)
    (root,) = await catalog.category_tree("en")
    assert (root.name, [child.slug for child in root.children]) == ("All games", ["steam"])
    async with connection() as conn:
        audited = await conn.fetchval(
            "SELECT count(*) FROM audit_entries WHERE action = 'category.save'"
        )
    assert audited == 3


async def test_a_circle_is_refused_and_nothing_changes() -> None:
    top = await catalog.save_category(make.OPERATOR, shelf("top"))
    await catalog.save_category(make.OPERATOR, shelf("middle", "top"))
    await catalog.save_category(make.OPERATOR, shelf("low", "middle"))
    refusal = await refusal_of(shelf("top", "low"), top)
    assert (refusal.code, refusal.field) == ("INVALID", ("parentSlug",))
    assert (await Category.get(id=top.id)).parent_id is None


async def test_plain_sql_closes_no_circle_either() -> None:
    top = await catalog.save_category(make.OPERATOR, shelf("top"))
    low = await catalog.save_category(make.OPERATOR, shelf("low", "top"))
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError, match="below itself"):
            await conn.execute("UPDATE categories SET parent_id = $1 WHERE id = $2", low.id, top.id)


async def test_a_taken_slug_an_unknown_parent_and_a_bad_name_are_refused() -> None:
    await catalog.save_category(make.OPERATOR, shelf("games"))
    assert (await refusal_of(shelf("games"))).code == "CONFLICT"
    assert (await refusal_of(shelf("steam", "nowhere"))).code == "NOT_FOUND"
    assert (await refusal_of(shelf("Not A Slug"))).code == "INVALID"
    assert await Category.all().count() == 1


async def test_a_shelf_moved_below_a_banned_one_takes_its_products_down() -> None:
    listed = await make.product()
    moved = await Category.get(id=listed.category_id)
    banned = await catalog.save_category(make.OPERATOR, shelf("banned"))
    await catalog.ban(make.OPERATOR, "not here", category_id=banned.id)
    draft = catalog.CategoryDraft(moved.slug, moved.name_zh, moved.name_en, "banned")
    await catalog.save_category(make.OPERATOR, draft, category_id=moved.id)
    assert (await Product.get(id=listed.id)).status is ListingStatus.SUSPENDED


async def test_a_shelf_needs_its_scope() -> None:
    reader = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:read"}))
    with pytest.raises(Refused) as refused:
        await catalog.save_category(reader, shelf("games"))
    assert refused.value.refusals[0].code == "FORBIDDEN"
    assert await Category.all().count() == 0
