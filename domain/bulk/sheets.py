"""Reading workbooks (XLSX) in bounded memory: what could burst is refused before it is opened.

The parts are unpacked once beside, counted, and every sheet is looked through for its furthest
cell: a workbook of a few bytes can claim a cell at XFD1048576, and a reader that believes it
would take the whole machine's memory.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import BinaryIO
from xml.parsers import expat

import python_calamine

MAX_PACKED_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_PARTS = 200
MAX_ROWS = 200_000
MAX_COLUMNS = 64
ZIP_MAGIC = b"PK\x03\x04"
OLD_MAGIC = b"\xd0\xcf\x11\xe0"  # what Excel wrote before 2007
READ_BYTES = 256 * 1024
EXACT_DIGITS = 15  # a spreadsheet keeps no more of a number

Cell = str | float | bool | date | time | timedelta


class Unreadable(Exception):
    """A file that cannot be read as a whole, and where: `reason` is a key of the texts."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sheet:
    """One visible sheet, by its name."""

    name: str
    _sheet: python_calamine.CalamineSheet

    @property
    def last_row(self) -> int:
        """The number of its last row that holds anything."""
        end: tuple[int, int] | None = self._sheet.end
        return end[0] + 1 if end else 0

    def rows(self) -> Iterator[tuple[int, list[Cell]]]:
        """The rows that are not empty, with their numbers as the spreadsheet shows them."""
        for number, row in enumerate(self._sheet.iter_rows(), 1):
            if any(cell != "" for cell in row):
                yield number, row


def is_workbook(file: BinaryIO) -> bool:
    """Whether a file is a workbook by its first bytes; it stands at its beginning after."""
    file.seek(0)
    head = file.read(len(ZIP_MAGIC))
    file.seek(0)
    if head == OLD_MAGIC:
        raise Unreadable(0, "xlsx_too_old")
    return head == ZIP_MAGIC


def read_workbook(file: BinaryIO) -> list[Sheet]:
    """The visible sheets of a workbook, formulas as the values that were last computed.

    Raises `Unreadable` for what is no XLSX, is damaged or locked by a password, or is too large:
    64 MiB packed, 256 MiB unpacked, 200,000 rows or 64 columns of a sheet.
    """
    _look_through(file)
    file.seek(0)
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(file)
        shown = [
            each.name
            for each in workbook.sheets_metadata
            if each.visible == python_calamine.SheetVisibleEnum.Visible
            and each.typ == python_calamine.SheetTypeEnum.WorkSheet
        ]
        return [Sheet(name, workbook.get_sheet_by_name(name)) for name in shown]
    except python_calamine.CalamineError:
        raise Unreadable(0, "xlsx_broken") from None


def text_of(cell: Cell) -> str:
    """A cell of a table without secrets as text: 45.5 is `45.5`, 7.0 is `7`, a day is ISO."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return cell.strip() if isinstance(cell, str) else str(cell)


def code_of(cell: Cell) -> tuple[str, str | None]:
    """A cell that holds a code as text, and why it is none any more: spreadsheets turn digits into
    numbers, which have no leading zeros and no more than 15 exact digits, and dashes into days."""
    if isinstance(cell, str):
        return cell.strip(), None
    if isinstance(cell, bool) or not isinstance(cell, float):
        return "", "xlsx_code_became_date"
    if not cell.is_integer() or abs(cell) >= 10**EXACT_DIGITS or cell < 0:
        return "", "xlsx_code_became_number"
    return str(int(cell)), None


def _look_through(file: BinaryIO) -> None:
    file.seek(0, 2)
    if file.tell() > MAX_PACKED_BYTES:
        raise Unreadable(0, "xlsx_too_large")
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as parts:
            _check_parts(parts)
    except (zipfile.BadZipFile, expat.ExpatError, NotImplementedError, RuntimeError, EOFError):
        raise Unreadable(0, "xlsx_broken") from None


def _check_parts(parts: zipfile.ZipFile) -> None:
    infos = parts.infolist()
    names = [info.filename for info in infos]
    if "xl/workbook.xml" not in names or len(set(names)) < len(names) or "mimetype" in names:
        raise Unreadable(0, "xlsx_broken")
    declared = sum(info.file_size for info in infos)
    if declared > MAX_UNPACKED_BYTES or len(infos) > MAX_PARTS:
        raise Unreadable(0, "xlsx_too_large")
    left = MAX_UNPACKED_BYTES
    for info in infos:
        left = _check_part(parts, info, left)


def _check_part(parts: zipfile.ZipFile, info: zipfile.ZipInfo, left: int) -> int:
    """What is left of the limit once this part is really unpacked, whatever size it claims."""
    if info.flag_bits & 1:
        raise Unreadable(0, "xlsx_broken")  # locked by a password
    info.file_size = MAX_UNPACKED_BYTES + 1  # read to the true end
    look = _Looker() if info.filename.lower().endswith((".xml", ".rels")) else None
    with parts.open(info) as part:
        while piece := part.read(READ_BYTES):
            left -= len(piece)
            if left < 0:
                raise Unreadable(0, "xlsx_too_large")
            if look is not None:
                look.parser.Parse(piece, False)
    if look is not None:
        look.parser.Parse(b"", True)
    return left


class _Looker:
    """Looks through one part for cells that are too far out and for definitions of entities."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._element
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._row = 0

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "row":
            self._row = _number(attributes.get("r", ""), self._row + 1)
        elif local == "c" and "r" in attributes:
            place = attributes["r"].upper()
            letters = place.rstrip("0123456789")
            self._row = max(self._row, _number(place[len(letters) :], self._row))
            if _column(letters) > MAX_COLUMNS:
                raise Unreadable(self._row, "xlsx_too_wide")
        else:
            return
        if self._row > MAX_ROWS:
            raise Unreadable(self._row, "xlsx_too_many_rows")

    def _doctype(self, *_: object) -> None:
        raise Unreadable(0, "xlsx_broken")


def _number(text: str, otherwise: int) -> int:
    """A row's number; what is none counts as the furthest, so that it is refused."""
    if not text:
        return otherwise
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else MAX_ROWS + 1


def _column(letters: str) -> int:
    column = 0
    for letter in letters[:4]:
        column = column * 26 + ord(letter) - 64
    return column
