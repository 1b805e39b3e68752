"""Writing tables: CSV piece by piece, workbooks in constant memory. Nothing in them is run.

What a table may hold: text, whole numbers, decimals as text, dates, nothing.
"""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import xlsxwriter

from domain.bulk.cells import safe_cell
from domain.kernel import Invalid, Refused

MAX_SHEET_ROWS = 1_048_575  # below the line of the column names
PIECE_LETTERS = 64 * 1024
BOM = "\ufeff"  # without it Excel takes Chinese for something else

Value = str | int | date | datetime | None
OutRow = Sequence[Value]


@dataclass(frozen=True, slots=True)
class Table:
    """One table on its way out; its rows are read as they are written."""

    name: str
    columns: tuple[str, ...]
    rows: AsyncIterator[OutRow]


async def as_csv(table: Table) -> AsyncIterator[bytes]:
    """A table as CSV (UTF-8), in pieces."""
    text = io.StringIO()
    text.write(BOM)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.columns)
    async for row in table.rows:
        writer.writerow([shown(value) for value in row])
        if text.tell() > PIECE_LETTERS:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


async def write_workbook(path: Path, tables: Sequence[Table]) -> None:
    """Tables as sheets of one workbook. Refuses a table of more rows than a sheet can have."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as workbook:
        for table in tables:
            sheet = workbook.add_worksheet(table.name)
            sheet.freeze_panes(1, 0)
            for place, column in enumerate(table.columns):
                sheet.write_string(0, place, column)
            number = 0
            async for row in table.rows:
                number += 1
                if number > MAX_SHEET_ROWS:
                    raise Refused(Invalid(reason="export_too_long", field=("format",)))
                for place, value in enumerate(row):
                    if isinstance(value, int):
                        sheet.write_number(number, place, value)
                    elif value is not None and value != "":
                        sheet.write_string(number, place, shown(value))


def shown(value: Value) -> str:
    """A value as text that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return safe_cell(value) if isinstance(value, str) else str(value)
