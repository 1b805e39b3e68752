"""WeChat Pay's trade bill: the text file of one day, all kinds of rows in it.

Every value has a grave accent before it; the totals at the end are checked for the count of rows.
"""

import csv
import zlib
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal

from domain.kernel import SCALE
from domain.payments.ports import StatementKind, StatementRow

BEIJING = timezone(timedelta(hours=8))
MAX_BILL_BYTES = 64 * 1024 * 1024
_TOTALS = "总交易单数"


def unpacked(content: bytes) -> bytes:
    """The file in a gzip stream; a `ValueError` for anything else, or one that is too large."""
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(content, MAX_BILL_BYTES)
    except zlib.error:
        raise ValueError("not a gzip stream") from None
    if not stream.eof:
        raise ValueError("cut off, or too large")
    return plain


def rows_of(content: bytes) -> tuple[StatementRow, ...]:
    """The movements of a bill; a `ValueError` or `KeyError` when it is not read whole."""
    lines = list(csv.reader(content.decode("utf-8-sig").splitlines(), quoting=csv.QUOTE_NONE))
    if not lines:
        raise ValueError("empty")
    names = lines[0]
    rows: list[StatementRow] = []
    counted, told = 0, -1
    for number, line in enumerate(lines[1:], start=1):
        if line and line[0] == _TOTALS:
            told = int(lines[number + 1][0].lstrip("`"))
            break
        if len(line) != len(names):
            raise ValueError("a row of another length")
        counted += 1
        row = _row_of({name: value.lstrip("`") for name, value in zip(names, line, strict=True)})
        if row is not None:
            rows.append(row)
    if counted != told:
        raise ValueError("not as many rows as it says")
    return tuple(rows)


def _row_of(row: dict[str, str]) -> StatementRow | None:
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
