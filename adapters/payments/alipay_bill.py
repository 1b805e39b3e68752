"""Alipay's trade bill: an archive with the movements of one day as a GBK text."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import BinaryIO, cast

from adapters.payments.bills import Capped, Unread, read
from domain.kernel import Refused, parse_units
from domain.payments.ports import StatementKind, StatementRow

BEIJING = timezone(timedelta(hours=8))
MAX_BILL_BYTES = 64 * 1024 * 1024  # as it travels
_FIRST_NAME = "支付宝交易号"
_KINDS = {"交易": StatementKind.PAYMENT, "退款": StatementKind.REFUND}
_NO_FILE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError)


def rows_of(archive: BinaryIO) -> Iterator[StatementRow]:
    """The movements in a bill's archive, read as they are asked for; raises `bulk.Unreadable` where
    it cannot be read any further, or its end is not there."""
    return read(_rows_of(archive), _NO_FILE)


def _rows_of(archive: BinaryIO) -> Iterator[StatementRow]:
    """The rows of each file in it that is a list; a summary has other columns."""
    lists = 0
    with zipfile.ZipFile(archive, metadata_encoding="gbk") as files:
        for entry in files.infolist():
            with files.open(entry) as file:
                raw = io.BufferedReader(Capped(cast(BinaryIO, file)))
                text = io.TextIOWrapper(raw, encoding="gb18030", newline="")
                lines = csv.reader(text)
                names = _header_in(lines)
                if names is not None:
                    lists += 1
                    yield from _rows_in(lines, names)
    if not lists:
        raise Unread(0, "statement_unreadable")


def _header_in(lines: Iterator[list[str]]) -> list[str] | None:
    for line in lines:
        names = [value.strip() for value in line]
        if names and names[0] == _FIRST_NAME:
            return names
    return None


def _rows_in(lines: Iterator[list[str]], names: list[str]) -> Iterator[StatementRow]:
    """The rows below the header, up to the remark that ends them."""
    number = 0
    for line in lines:
        number += 1
        values = [value.strip() for value in line]
        if values and values[0].startswith("#"):
            return
        if len(values) >= len(names):
            try:
                row = _row_of(dict(zip(names, values, strict=False)), ",".join(values))
            except (KeyError, ValueError, Refused):
                raise Unread(number, "statement_unreadable") from None
            yield row
        elif any(values):
            raise Unread(number, "statement_unreadable")
    raise Unread(number, "statement_cut_off")


def _row_of(row: dict[str, str], raw: str) -> StatementRow:
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
        raw=raw,
    )


def moment_of(text: str) -> datetime:
    """A moment as Alipay writes it, in Beijing."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
