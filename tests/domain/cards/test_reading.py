"""What of a card file becomes a card, and how each other line is told."""

import io
import tracemalloc
from datetime import date

import pytest

from domain.cards.reading import MAX_LINE_BYTES, CardRow, RowProblem, read_cards
from domain.cards.refusals import CardFileInvalid
from domain.kernel import Refused

TODAY = date(2030, 1, 1)


def read(content: bytes) -> list[CardRow | RowProblem]:
    return list(read_cards(io.BytesIO(content), TODAY))


def codes(content: bytes) -> list[tuple[str, str]]:
    rows = read(content)
    assert all(isinstance(row, CardRow) for row in rows), rows
    return [(row.number, row.secret) for row in rows if isinstance(row, CardRow)]


def refusal(content: bytes) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        read(content)
    (found,) = caught.value.refusals
    assert isinstance(found, CardFileInvalid)
    assert found.code == "CARD_FILE_INVALID"
    return found.line, found.reason


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"secret\nAAAA\nBBBB\n", [("", "AAAA"), ("", "BBBB")], id="one column"),
        pytest.param(b"number,secret\n1,AAAA\n", [("1", "AAAA")], id="two columns"),
        pytest.param(b"secret,number\nAAAA,1\n", [("1", "AAAA")], id="columns in any order"),
        pytest.param(b"Secret , NUMBER\nAAAA,1\n", [("1", "AAAA")], id="header in any case"),
        pytest.param(b'secret\n"A,""B"\n', [("", 'A,"B')], id="quoted comma and quote"),
        pytest.param(b"\xef\xbb\xbfsecret\nAAAA\n", [("", "AAAA")], id="byte order mark"),
        pytest.param(b"secret\r\nAAAA\r\n", [("", "AAAA")], id="lines of Windows"),
        pytest.param(b"secret\n\n  \nAAAA", [("", "AAAA")], id="blank lines, no last newline"),
        pytest.param(b"AAAA\nBBBB\n", [("", "AAAA"), ("", "BBBB")], id="text"),
        pytest.param(b"1\tAAAA\n", [("1", "AAAA")], id="text parted by a tab"),
        pytest.param(b"1----AAAA\n", [("1", "AAAA")], id="text parted by dashes"),
        pytest.param(b"1,AAAA\n", [("1", "AAAA")], id="text parted by a comma"),
        pytest.param(b"1----A,A\n", [("1", "A,A")], id="dashes part before a comma does"),
        pytest.param("卡密甲\n".encode(), [("", "卡密甲")], id="Chinese text"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_a_file_is_read_in_each_of_its_forms(
    content: bytes, expected: list[tuple[str, str]]
) -> None:
    assert codes(content) == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"secret\nAAAA\n\n,\n", (4, "field_count"), id="a value too many"),
        pytest.param(b"number,secret\nAAAA\n", (2, "field_count"), id="a value too few"),
        pytest.param(b"number,secret\n1,\n", (2, "card_secret_missing"), id="no secret"),
        pytest.param(b"1----\n", (1, "card_secret_missing"), id="no secret in text"),
        pytest.param(b'secret\n"AAAA\n', (2, "quotes"), id="a quote that never ends"),
        pytest.param(b"secret\n" + b"A" * 401, (2, "card_too_long"), id="secret too long"),
        pytest.param(b"A" * 101 + b",B", (1, "card_too_long"), id="number too long"),
        pytest.param(b"secret\nA\x07A\n", (2, "card_control_letters"), id="a bell in the code"),
        pytest.param(b"secret,expires_on\nA,soon\n", (2, "date"), id="no date"),
        pytest.param(b"secret,expires_on\nA,2030-02-30\n", (2, "date"), id="no such day"),
        pytest.param(b"secret,expires_on\nA,2030-01-01\n", (2, "card_expired"), id="ends today"),
    ],
)
def test_a_row_that_cannot_be_a_card_is_told_by_its_line(
    content: bytes, problem: tuple[int, str]
) -> None:
    problems = [row for row in read(content) if isinstance(row, RowProblem)]
    assert problems == [RowProblem(*problem)]


def test_the_day_of_expiry_comes_with_its_row() -> None:
    first, second = read(b"secret,expires_on\nAAAA,2030-01-02\nBBBB,\n")
    assert isinstance(first, CardRow)
    assert isinstance(second, CardRow)
    assert (first.expires_on, second.expires_on) == (date(2030, 1, 2), None)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("secret\nAAAA\n卡密\n".encode("gb18030"), (3, "not_utf8"), id="GB 18030"),
        pytest.param("secret\nAAAA\n".encode("utf-16"), (1, "not_text"), id="UTF-16"),
        pytest.param(b"PK\x03\x04\x00\x00", (0, "xlsx_broken"), id="a broken workbook"),
        pytest.param(b"secret\nA\0A\n", (2, "not_text"), id="a zero byte"),
        pytest.param(b"number,pin\n1,2\n", (1, "card_columns"), id="no column of that name"),
        pytest.param("卡号,卡密\n1,2\n".encode(), (1, "card_columns"), id="Chinese columns"),
        pytest.param(b"number\n1\n", (1, "card_columns"), id="no secret"),
        pytest.param(b"secret,price\nA,1\n", (1, "card_columns"), id="an unknown column"),
        pytest.param(b"secret,secret\nA,B\n", (1, "card_columns"), id="a column twice"),
        pytest.param(b"secret\nA\n" + b"B" * 5_000, (3, "line_too_long"), id="an endless line"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(
    content: bytes, expected: tuple[int, str]
) -> None:
    assert refusal(content) == expected


def test_a_line_of_the_longest_kind_is_read() -> None:
    assert read(b"A" * MAX_LINE_BYTES) == [RowProblem(1, "card_too_long")]
    assert refusal(b"A" * (MAX_LINE_BYTES + 1)) == (1, "line_too_long")


class Endless(io.RawIOBase):
    """A file of a gigabyte without a newline, that counts what is taken of it."""

    taken = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        if self.taken >= 1 << 30:
            return 0
        size = len(buffer)
        buffer[:] = b"A" * size
        self.taken += size
        return size


def test_a_gigabyte_without_a_newline_is_never_held() -> None:
    source = Endless()
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            list(read_cards(io.BufferedReader(source), TODAY))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert source.taken < 1 << 20
    assert peak < 1 << 20


def test_neither_a_row_nor_a_problem_shows_its_code() -> None:
    for row in read(b"number,secret\n123CANARY,CANARY-1\n1CANARY,\n"):
        assert "CANARY" not in repr(row)
