"""Importing a catalogue: again without change, wrong rows by line, and found by pinyin."""

import shutil
from pathlib import Path

import pytest

from domain import catalog, pricing
from domain.kernel import ANONYMOUS, Actor, ActorKind, Refused, connection, page_request
from tests import make

pytestmark = pytest.mark.usefixtures("db")
DEMO = Path(__file__).parents[3] / "demo"
FILES = ("categories.csv", "products.csv", "variants.csv", "prices.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(DEMO / name, tmp_path)
    return tmp_path


async def products_found(text: str) -> set[str]:
    page = await catalog.list_products(
        page_request("products", 100, None), query=text, category_id=None, language="zh"
    )
    return {row.name for row in page.rows}


async def test_the_demo_is_imported_and_a_second_time_changes_nothing(folder: Path) -> None:
    first = await pricing.import_folder(make.OPERATOR, folder, approve=True)
    assert [error for report in first.values() for error in report.errors] == []
    assert first["products.csv"].created >= 60
    again = await pricing.import_folder(make.OPERATOR, folder, approve=True)
    for name, report in again.items():
        assert (report.created, report.updated) == (0, 0), name
        assert report.unchanged == first[name].created, name


async def test_search_finds_names_and_pinyin(folder: Path) -> None:
    await pricing.import_folder(make.OPERATOR, folder, approve=True)
    by_name = await products_found("话费")
    assert len(by_name) >= 3
    assert by_name <= await products_found("huafei")
    assert await products_found("steam")
    assert await products_found("no such product anywhere") == set()


async def test_wrong_rows_are_told_by_line_and_the_others_go_on(folder: Path) -> None:
    path = folder / "products.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[3] = lines[3].replace("battlenet-balance,pc-games", "battlenet-balance,no-such-shelf")
    lines.append("too,few")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    reports = await pricing.import_folder(make.OPERATOR, folder, approve=True)
    told = {(error.line, error.reason) for error in reports["products.csv"].errors}
    assert told == {(4, "category_unknown"), (len(lines), "field_count")}
    assert reports["products.csv"].created >= 60


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("products.csv", b"slug,name\nx,y\n"),
        ("products.csv", "名称\n".encode("gb18030")),
        ("prices.csv", b"\x00\x01"),
    ],
)
async def test_a_file_that_cannot_be_read_refuses_all(
    folder: Path, name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(Refused) as refused:
        await pricing.import_folder(make.OPERATOR, folder, approve=True)
    assert refused.value.refusals[0].code == "IMPORT_FILE_INVALID"
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM categories") == 0


async def test_prices_that_rise_with_the_tier_are_refused(folder: Path) -> None:
    path = folder / "prices.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("STEAM-CNY-50,gold,CNY,47.29", "STEAM-CNY-50,gold,CNY,480"))
    reports = await pricing.import_folder(make.OPERATOR, folder, approve=True)
    assert "price_tiers_rise" in {error.reason for error in reports["prices.csv"].errors}


@pytest.mark.parametrize(
    "actor", [ANONYMOUS, Actor(kind=ActorKind.OPERATOR, user_id=make.OPERATOR.user_id)]
)
async def test_who_may_not_import_changes_nothing(folder: Path, actor: Actor) -> None:
    with pytest.raises(Refused):
        await pricing.import_folder(actor, folder)
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM products") == 0
