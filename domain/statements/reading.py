"""Files of statements as lines, read piece by piece: the vendors' own formats, and any CSV."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

from domain import bulk
from domain.kernel import Refused, refuse_unless
from domain.payments.ports import StatementKind
from domain.payments.ports import StatementRow as ChannelRow
from domain.statements.layouts import BadRow, Columns, Layout, read_rows, shown
from domain.statements.models import LineKind, Party
from domain.statements.refusals import StatementFileInvalid, StatementFormatUnknown
from domain.statements.rules import Line
from domain.suppliers.ports import StatementRow as SupplierRow

CSV = "csv"
MAX_LINE_BYTES = 64 * 1024
_KINDS = {
    StatementKind.PAYMENT: LineKind.PAYMENT,
    StatementKind.REFUND: LineKind.REFUND,
    StatementKind.OTHER: LineKind.OTHER,
}
# Reads a vendor's own file from its beginning; raises `bulk.Unreadable` where it cannot.
Reader = Callable[[BinaryIO], Iterator[ChannelRow]]
_formats: dict[str, Reader] = {}


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written: a vendor's format, or CSV under a layout."""

    name: str
    layout: Layout
    party: Party
    offset: timedelta


def register_format(name: str, reader: Reader) -> None:
    """Make a vendor's format known; its name is that of the vendor's adapter."""
    _formats[name] = reader


def format_names() -> tuple[str, ...]:
    """All formats that a file may have."""
    return (CSV, *sorted(_formats))


def check_format(name: str) -> None:
    """Refuses a format that nobody reads (STATEMENT_FORMAT_UNKNOWN)."""
    known = format_names()
    refuse_unless(name in known, StatementFormatUnknown(known=known, field=("format",)))


def read_file(file: BinaryIO, form: Form) -> Iterator[Line | BadRow]:
    """The lines of a file, one after another. Refuses, in the middle too, what cannot be read any
    further (STATEMENT_FILE_INVALID)."""
    file.seek(0)
    try:
        if form.name == CSV:
            yield from _read_csv(file, form)
        else:
            for row in _formats[form.name](file):
                yield line_of_channel(row)
    except bulk.Unreadable as fault:
        invalid = StatementFileInvalid(line=fault.line, reason=fault.reason)
        raise Refused(invalid) from None


def line_of_channel(row: ChannelRow) -> Line:
    """A payment channel's row."""
    refund = row.kind is StatementKind.REFUND
    return Line(
        kind=_KINDS[row.kind],
        reference=shown(row.refund_reference if refund else row.reference),
        provider_id=shown(row.provider_id),
        amount=row.amount,
        fee=row.fee,
        currency=row.currency,
        at=row.at,
        about=shown(row.reference) if refund else "",
        raw=row.raw,
    )


def line_of_supplier(row: SupplierRow) -> Line:
    """A supplier's row."""
    return Line(
        kind=LineKind.PURCHASE,
        reference=shown(row.reference),
        provider_id=shown(row.upstream_id),
        amount=row.charged - row.refunded,
        fee=0,
        currency=row.currency,
        at=row.booked_at,
        raw=row.raw,
    )


def _read_csv(file: BinaryIO, form: Form) -> Iterator[Line | BadRow]:
    encoding = "utf-8-sig" if form.layout.encoding == "utf-8" else form.layout.encoding
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    columns = Columns(form.layout, form.party, form.offset)
    try:
        yield from read_rows(_numbered(text, form.layout.delimiter), columns)
        if not columns.places:
            raise bulk.Unreadable(0, "statement_no_header")
    finally:
        text.detach()  # whoever opened the file closes it


def _numbered(text: io.TextIOWrapper, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text, delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error:
        raise bulk.Unreadable(reader.line_num + 1, "csv_broken") from None
