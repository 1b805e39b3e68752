"""Workbooks: what of them becomes a card or a row, and what is refused before it is opened."""

import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from domain import bulk
from domain.bulk import sheets
from domain.cards.reading import CardRow, Position, RowProblem, open_cards, read_cards
from domain.cards.refusals import CardFileInvalid
from domain.kernel import Refused

TODAY = date(2030, 1, 1)


def workbook(*rows: list[Any], name: str = "cards") -> io.BytesIO:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet(name)
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for line, row in enumerate(rows):
            for place, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(line, place, cell, day)
                elif isinstance(cell, tuple):
                    sheet.write_formula(line, place, cell[0], None, cell[1])
                elif cell is not None:
                    sheet.write(line, place, cell)
    file.seek(0)
    return file


def read(file: io.BytesIO) -> list[Any]:
    return [
        (row.number, row.secret, row.expires_on) if isinstance(row, CardRow) else row
        for row in read_cards(file, TODAY)
    ]


def test_texts_days_and_formulas_are_read_as_what_is_seen() -> None:
    file = workbook(
        ["Number", "secret", "expires_on"],
        ["62001", "0012-AB", datetime(2031, 2, 3)],
        ["62002", ("=A2", "X-2"), "2031-02-04"],
        ["62003", "=1+1", None],
    )
    assert read(file) == [
        ("62001", "0012-AB", date(2031, 2, 3)),
        ("62002", "X-2", date(2031, 2, 4)),
        ("62003", "=1+1", None),
    ]


def test_without_names_it_is_a_secret_or_number_and_secret() -> None:
    assert read(workbook(["A-1"], ["A-2"])) == [("", "A-1", None), ("", "A-2", None)]
    assert read(workbook(["1", "A-1"])) == [("1", "A-1", None)]
    with pytest.raises(Refused):
        read(workbook(["1", "A-1", "x"]))


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        pytest.param(1.23457e15, "xlsx_code_became_number", id="rounded"),
        pytest.param(12345678901234567890, "xlsx_code_became_number", id="more than 15 digits"),
        pytest.param(1.5, "xlsx_code_became_number", id="with a point"),
        pytest.param(-5, "xlsx_code_became_number", id="below zero"),
        pytest.param(datetime(2031, 2, 3), "xlsx_code_became_date", id="a day"),
        pytest.param(True, "xlsx_code_became_date", id="a truth value"),
        pytest.param(None, "card_secret_missing", id="nothing"),
    ],
)
def test_a_code_that_a_spreadsheet_has_damaged_is_not_taken(cell: Any, reason: str) -> None:
    assert read(workbook(["number", "secret"], ["1", cell])) == [RowProblem(2, reason)]


def test_a_number_that_is_still_exact_is_its_digits() -> None:
    assert read(workbook(["secret"], [123456789012345])) == [("", "123456789012345", None)]


def test_codes_that_were_numbers_are_counted_because_zeros_may_be_lost() -> None:
    reader = open_cards(workbook(["number", "secret"], [7, "0012"], ["8", 12]), TODAY)
    assert len(reader.take(10)) == 2
    assert reader.numbers == 2


def test_a_csv_that_a_spreadsheet_wrote_tells_rounded_codes_too() -> None:
    rows = list(read_cards(io.BytesIO(b"secret\n1.23457E+15\nA+1\n"), TODAY))
    assert rows[0] == RowProblem(2, "code_became_number")
    assert isinstance(rows[1], CardRow)


def test_it_is_gone_on_with_behind_a_row() -> None:
    file = workbook(["secret"], *([f"A-{number}"] for number in range(10)))
    reader = open_cards(file, TODAY)
    reader.go_to(Position(6))
    taken = reader.take(3)
    assert [row.line for row in taken] == [7, 8, 9]
    assert reader.position.line == 9
    assert not reader.ended
    assert [row.line for row in reader.take(3)] == [10, 11]
    assert reader.ended


def refused(content: bytes) -> str:
    with pytest.raises(Refused) as caught:
        list(read_cards(io.BytesIO(content), TODAY))
    (refusal,) = caught.value.refusals
    assert isinstance(refusal, CardFileInvalid)
    return refusal.reason


def remade(file: io.BytesIO, name: str, change: Any) -> bytes:
    """The workbook with one part changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = old.read(info.filename)
            new.writestr(info.filename, change(content) if info.filename == name else content)
    return made.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(b'r="A2"', b'r="XFD2"', "xlsx_too_wide", id="a cell far to the right"),
        pytest.param(b'r="A2"', b'r="&#88;FD2"', "xlsx_too_wide", id="the same, disguised"),
        pytest.param(b'r="A2"', b'r="A1048576"', "xlsx_too_many_rows", id="a cell far down"),
        pytest.param(b'<row r="2"', b'<row r="1048576"', "xlsx_too_many_rows", id="a row far down"),
        pytest.param(
            b"<worksheet",
            b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet',
            "xlsx_broken",
            id="definitions of entities",
        ),
        pytest.param(b"</sheetData>", b"", "xlsx_broken", id="torn"),
    ],
)
def test_a_workbook_that_would_burst_is_refused_before_it_is_opened(
    old: bytes, new: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr("python_calamine.CalamineWorkbook.from_filelike", opened)

    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    assert refused(remade(workbook(["secret"], ["A-1"]), SHEET, change)) == reason


def test_a_bomb_is_refused_by_what_it_claims_and_by_what_it_is() -> None:
    """A part may say that it is small: it is unpacked to its end, and counted."""
    bomb = remade(
        workbook(["secret"], ["A-1"]),
        SHEET,
        lambda content: content + b" " * (sheets.MAX_UNPACKED_BYTES + 1),
    )
    assert len(bomb) < 1_000_000
    assert refused(bomb) == "xlsx_too_large"
    size = (sheets.MAX_UNPACKED_BYTES + 1).to_bytes(4, "little")[:3]
    with zipfile.ZipFile(io.BytesIO(bomb)) as parts:
        true_size = parts.getinfo(SHEET).file_size.to_bytes(4, "little")
    assert size
    assert bomb.count(true_size) == 2
    lying = bomb.replace(true_size, (1_000).to_bytes(4, "little"))
    assert refused(lying) == "xlsx_too_large"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"PK\x03\x04nonsense", "xlsx_broken", id="no archive"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xlsx_too_old", id="of before 2007"),
    ],
)
def test_what_is_no_workbook_is_refused(content: bytes, reason: str) -> None:
    assert refused(content) == reason


def test_another_archive_is_no_workbook() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("content.xml", "<x/>")
    assert refused(file.getvalue()) == "xlsx_broken"


@given(st.text(alphabet="'=+-@\t\rab", max_size=6))
def test_a_cell_comes_back_as_it_went_out_and_is_never_run(text: str) -> None:
    safe = bulk.safe_cell(text)
    assert bulk.plain_cell(safe) == text
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.binary(max_size=200), st.integers(1, 40))
def test_a_survey_of_pieces_finds_what_a_survey_of_the_whole_finds(
    content: bytes, size: int
) -> None:
    """Whatever the pieces: the same fault in the same line, or none."""

    class Pieces(io.BytesIO):
        def read(self, most: int | None = -1) -> bytes:
            return super().read(min(size, most) if most and most > 4 else most)

    def look(file: io.BytesIO) -> Any:
        try:
            found = bulk.survey(file, 20)
        except bulk.Unreadable as fault:
            return fault.line, fault.reason
        return found

    assert _line_faults(look(Pieces(content))) == _line_faults(look(io.BytesIO(content)))


def _line_faults(found: Any) -> Any:
    """Of several faults in one file either may be told first."""
    return found if isinstance(found, bulk.Survey) else "refused"


def test_a_survey_tells_the_line_of_a_fault() -> None:
    for content, fault in (
        (b"a\nb\n\xff\n", (3, "not_utf8")),
        (b"a\n" + b"x" * 30, (2, "line_too_long")),
        (b"a\nb\0\n", (2, "not_text")),
        ("a\n卡".encode()[:-1], (2, "not_utf8")),
    ):
        with pytest.raises(bulk.Unreadable) as caught:
            bulk.survey(io.BytesIO(content), 20)
        assert (caught.value.line, caught.value.reason) == fault


def test_a_gigabyte_without_a_newline_is_refused_by_its_first_piece() -> None:
    taken = 0

    class Endless(io.BytesIO):
        def read(self, most: int | None = -1) -> bytes:
            nonlocal taken
            piece = b"A" * min(most or 0, (1 << 30) - taken)
            taken += len(piece)
            return piece

    with pytest.raises(bulk.Unreadable) as caught:
        bulk.survey(Endless(), 4_096)
    assert (caught.value.line, caught.value.reason) == (1, "line_too_long")
    assert taken < 1 << 21
