"""Documents as PDF: nothing that they are told is a command, and long tables go on."""

import re
from datetime import UTC, datetime

import pytest

from domain.bulk import Document, Part, as_pdf
from tests.printed import pages_of, words_of

AT = datetime(2026, 11, 26, tzinfo=UTC)


async def test_what_a_name_holds_is_words_and_never_a_mark() -> None:
    """Neither of the file, nor of the library's own markup; letters that no font has break
    nothing."""
    odd = "a) Tj ET <b>&lt;</b> <img src='file:///etc/passwd'/> (\\ 王\n\x00 \U0001f600"
    document = Document(odd, AT, "zh", pairs=[(odd, odd)], parts=[Part(odd, [(odd,)], (1,))])
    said = words_of(await as_pdf(document)).replace("\n", "")
    assert said.count("a) Tj ET <b>&lt;</b> <img src='file:///etc/passwd'/> (\\ 王") == 5


async def test_a_long_table_goes_on_under_its_heads() -> None:
    rows = [(f"row {number}", "1.00") for number in range(120)]
    part = Part("Rows", rows, (3, 1), figures=frozenset({1}), heads=("What", "Amount"))
    printed = await as_pdf(Document("Long", AT, "en", parts=[part]))
    pages = len(pages_of(printed))
    assert pages > 2
    said = words_of(printed)
    assert said.count("Amount") == pages
    assert all(f"row {number}" in said for number in range(120))


async def test_a_row_longer_than_a_page_goes_on_as_well() -> None:
    part = Part("Rows", [("word " * 4_000, "end")], (1, 1))
    printed = await as_pdf(Document("Long", AT, "en", parts=[part]))
    assert len(pages_of(printed)) > 2
    assert words_of(printed).count("word") == 4_000


async def test_figures_end_at_one_place_whatever_their_length() -> None:
    part = Part("", [("a", "1.00"), ("b", "-1234.5678")], (1, 1), figures=frozenset({1}))
    (page,) = pages_of(await as_pdf(Document("Figures", AT, "en", parts=[part])))
    begins = [float(x) for x in re.findall(rb"1 0 0 1 ([\d.]+) [\d.]+ Tm \(-?[\d.]{4,}\)", page)]
    digit, minus = 9 * 0.556, 9 * 0.333  # of Helvetica at 9 points
    assert begins[0] - begins[1] == pytest.approx(5 * digit + minus, abs=0.01)


async def test_chinese_words_beside_figures_are_words() -> None:
    """Helvetica would draw black squares in their place."""
    part = Part("", [("a", "1 %, 毛利 30 %"), ("b", "12.00")], (1, 1), figures=frozenset({1}))
    said = words_of(await as_pdf(Document("Most", AT, "zh", parts=[part])))
    assert "毛利 30 %" in said
    assert "12.00" in said


async def test_a_document_of_nothing_is_a_page() -> None:
    printed = await as_pdf(Document("Empty", AT, "zh", parts=[Part("无", [], (1,))]))
    assert printed.startswith(b"%PDF-")
    assert len(pages_of(printed)) == 1
