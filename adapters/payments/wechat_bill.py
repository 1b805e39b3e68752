"""WeChat Pay's trade bill: the text file of one day, all kinds of rows in it, plain or packed.

Every value has a grave accent before it; the totals at the end are checked for the count of rows.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha1
from typing import BinaryIO, cast

from adapters.payments.bills import Capped, Unread, read
from domain.kernel import SCALE
from domain.payments.ports import StatementKind, StatementRow

BEIJING = timezone(timedelta(hours=8))
MAX_BILL_BYTES = 64 * 1024 * 1024  # as it travels
_TOTALS = "总交易单数"
_PACKED = b"\x1f\x8b"
_NO_FILE = (gzip.BadGzipFile, zlib.error, EOFError)


def rows_of(file: BinaryIO) -> Iterator[StatementRow]:
    """The movements of a bill, read as they are asked for; raises `bulk.Unreadable` where it cannot
    be read any further, or its end is not there."""
    text = io.TextIOWrapper(_unpacked(file), encoding="utf-8-sig", newline="")
    return read(_rows_in(text), _NO_FILE)


def digest_of(packed: bytes) -> str:
    """SHA-1 of the file that was packed, as WeChat Pay tells it; raises `bulk.Unreadable`."""

    def pieces() -> Iterator[bytes]:
        file = _unpacked(io.BytesIO(packed))
        while piece := file.read(1024 * 1024):
            yield piece

    digest = sha1(usedforsecurity=False)
    for piece in read(pieces(), _NO_FILE):
        digest.update(piece)
    return digest.hexdigest()


def _unpacked(file: BinaryIO) -> BinaryIO:
    head = file.read(len(_PACKED))
    file.seek(-len(head), io.SEEK_CUR)
    plain = file if head != _PACKED else cast(BinaryIO, gzip.GzipFile(fileobj=file))
    return io.BufferedReader(Capped(plain))


def _rows_in(text: io.TextIOWrapper) -> Iterator[StatementRow]:
    lines = csv.reader(text, quoting=csv.QUOTE_NONE)
    names = next(lines, None)
    if names is None:
        raise Unread(1, "statement_cut_off")
    for counted, line in enumerate(lines):
        if line and line[0] == _TOTALS:
            totals = next(lines, None)
            if not totals or totals[0].lstrip("`") != str(counted):
                raise Unread(lines.line_num, "statement_cut_off")
            return
        if len(line) != len(names):
            raise Unread(lines.line_num, "statement_unreadable")
        values = {name: value.lstrip("`") for name, value in zip(names, line, strict=True)}
        try:
            row = _row_of(values, ",".join(line))
        except (KeyError, ValueError):
            raise Unread(lines.line_num, "statement_unreadable") from None
        if row is not None:
            yield row
    raise Unread(lines.line_num, "statement_cut_off")


def _row_of(row: dict[str, str], raw: str) -> StatementRow | None:
    """One movement; None for a refund that has not moved any money."""
    refund = row["交易状态"] in ("REFUND", "REVOKED")
    if refund and row["退款状态"] in ("FAIL", "CHANGE", "PROCESSING"):
        return None
    return StatementRow(
        kind=StatementKind.REFUND if refund else StatementKind.PAYMENT,
        reference=row["商户订单号"],
        provider_id=row["微信退款单号"] if refund else row["微信订单号"],
        amount=_units(row["申请退款金额"] if refund else row["订单金额"]),
        fee=_units(row["手续费"]),
        currency=row["货币种类"],
        at=datetime.strptime(row["交易时间"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING),
        refund_reference=row["商户退款单号"] if refund else "",
        raw=raw,
    )


def _units(text: str) -> int:
    """Units of a yuan text; a fee has five digits, which is one more than we keep."""
    try:
        scaled = Decimal(text) * SCALE
    except ArithmeticError:
        raise ValueError("no amount") from None
    if not scaled.is_finite() or abs(scaled) > 10**15:
        raise ValueError("no amount")
    return int(scaled.quantize(Decimal(1), ROUND_HALF_EVEN))
