"""Alipay's trade bill: an archive with the movements of one day as a GBK text."""

import csv
import io
import zipfile
from datetime import datetime, timedelta, timezone

from domain.kernel import Refused, parse_units
from domain.payments.ports import StatementKind, StatementRow

BEIJING = timezone(timedelta(hours=8))
MAX_BILL_BYTES = 64 * 1024 * 1024
_FIRST_NAME = "支付宝交易号"
_KINDS = {"交易": StatementKind.PAYMENT, "退款": StatementKind.REFUND}


def rows_of(archive: bytes) -> tuple[StatementRow, ...]:
    """The movements in a bill's archive; a `ValueError` or `KeyError` when it is not read whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive), metadata_encoding="gbk") as files:
            for entry in files.infolist():
                if entry.file_size > MAX_BILL_BYTES:
                    raise ValueError("too large")
                with files.open(entry) as file:
                    rows = _rows_in(file.read(MAX_BILL_BYTES).decode("gb18030"))
                if rows is not None:
                    return rows
    except (zipfile.BadZipFile, NotImplementedError, EOFError, Refused):
        raise ValueError("not a bill") from None
    raise ValueError("no list of movements in it")


def _rows_in(text: str) -> tuple[StatementRow, ...] | None:
    """The rows of one file; None when it is the summary, which has other columns."""
    names: list[str] = []
    rows: list[StatementRow] = []
    ended = False
    for line in csv.reader(text.splitlines()):
        values = [value.strip() for value in line]
        if values and values[0].startswith("#"):
            ended = ended or bool(names)
        elif values and values[0] == _FIRST_NAME:
            names = values
        elif names and len(values) >= len(names):
            rows.append(_row_of(dict(zip(names, values, strict=False))))
        elif names and any(values):
            raise ValueError("a row of another length")
    if names and not ended:
        raise ValueError("cut off")
    return tuple(rows) if names else None


def _row_of(row: dict[str, str]) -> StatementRow:
    kind = _KINDS[row["业务类型"]]
    refund = kind is StatementKind.REFUND
    number = row["退款批次号/请求号"]
    return StatementRow(
        kind=kind,
        reference=row["商户订单号"],
        provider_id=number if refund else row["支付宝交易号"],
        amount=abs(parse_units(row["订单金额（元）"])),
        fee=-parse_units(row["服务费（元）"]),
        currency="CNY",
        at=moment_of(row["完成时间"]),
        refund_reference=number if refund else "",
    )


def moment_of(text: str) -> datetime:
    """A moment as Alipay writes it, in Beijing."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
