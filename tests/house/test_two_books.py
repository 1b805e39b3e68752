"""The money ledger and the card ledger are two books: neither names, reads or writes the other."""

import ast
import re
from pathlib import Path

import pytest

from domain.kernel import connection

ROOT = Path(__file__).parents[2]
MONEY = ("accounts", "transfers", "entries", "seals", "checkpoints")
GOODS = (
    *("cards", "card_batches", "card_secrets", "card_events", "card_seals", "card_moves"),
    *("card_folios", "card_folio_moves", "card_balances", "card_write_offs"),
    *("shared_deliveries", "card_holds"),
)
# Who may write each table of the books: a folder of the domain, or nobody but triggers.
WRITERS = {
    "transfers": "ledger",
    "entries": "ledger",
    "accounts": "ledger",
    "card_folios": "cardbook",
    "card_folio_moves": "cardbook",
    "card_balances": "cardbook",
    "card_events": None,
}
TABLE = re.compile(r"\b(?:from|join|into|update|table|only)\s+([a-z_]+)", re.I)
WRITTEN = re.compile(r"\b(?:insert\s+into|update|delete\s+from)\s+([a-z_]+)", re.I)


def texts_of(path: Path) -> list[str]:
    """All texts in a file's code that may be SQL; docstrings are not."""
    tree = ast.parse(path.read_text())
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]


def tables_in(folder: str) -> set[str]:
    files = sorted((ROOT / "domain" / folder).glob("*.py"))
    assert files
    found = {name for path in files for text in texts_of(path) for name in TABLE.findall(text)}
    declared = {text for path in files for text in texts_of(path) if path.name == "models.py"}
    return found | declared


def imports_of(folder: str) -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "domain" / folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {".".join(each.split(".")[:2]) for each in found if each.startswith("domain.")}


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        pytest.param("ledger", GOODS, id="the money ledger"),
        pytest.param("cardbook", MONEY, id="the card ledger"),
    ],
)
def test_neither_book_names_a_table_of_the_other(folder: str, others: tuple[str, ...]) -> None:
    named = tables_in(folder)
    assert named & set(MONEY if others is GOODS else GOODS), "the scan is blind"
    assert named & set(others) == set()


def test_neither_book_imports_the_other() -> None:
    assert imports_of("ledger") & {"domain.cards", "domain.cardbook"} == set()
    assert imports_of("cardbook") & {"domain.ledger"} == set()


def test_each_table_of_the_books_has_one_writer() -> None:
    for path in sorted((ROOT / "domain").rglob("*.py")):
        folder = path.relative_to(ROOT / "domain").parts[0]
        if folder in ("migrations",):
            continue
        for text in texts_of(path):
            for table in WRITTEN.findall(text):
                if table in WRITERS:
                    assert WRITERS[table] == folder, f"{path.name} writes {table}"


@pytest.mark.usefixtures("db")
async def test_no_trigger_of_one_book_knows_the_other() -> None:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT t.tgrelid::regclass::text AS place, p.proname AS name, p.prosrc AS source"
            " FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal"
        )
    seen = set()
    for row in rows:
        for own, others in ((MONEY, GOODS), (GOODS, MONEY)):
            if row["place"] in own:
                seen.add(own)
                named = set(TABLE.findall(row["source"]))
                assert named & set(others) == set(), f"{row['name']} on {row['place']}"
    assert seen == {MONEY, GOODS}


@pytest.mark.usefixtures("db")
async def test_the_view_of_moves_reads_the_book_of_cards_alone() -> None:
    async with connection() as conn:
        source = await conn.fetchval("SELECT pg_get_viewdef('card_moves'::regclass)")
    named = set(TABLE.findall(source.replace("(", " ")))
    assert "card_events" in named
    assert named & set(MONEY) == set()
