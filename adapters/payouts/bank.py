"""A bank that takes files: what is to be paid as CSV with control totals, its results as CSV.

A file carries, in this order: a head with the account that pays, a row for each payout, and an end
with count, sum and the SHA-256 of the rows as they stand in the file. Nothing in it is run by a
spreadsheet. Banks differ in their columns, so results are read by the names in their first row,
English or Chinese; what is not as agreed is a fault, and nothing of the file is taken.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from hashlib import sha256

from domain.bulk import plain_cell, safe_cell
from domain.kernel import Refused, parse_units, plain
from domain.payouts.ports import (
    Capabilities,
    Connection,
    DestinationKind,
    FileFault,
    FileResult,
    Paid,
    PayoutOrder,
    Rejected,
    Returned,
    Why,
)

NAME = "bank"
BEIJING = timezone(timedelta(hours=8))
# Chinese banks read either; what is written in one is read in the same.
ENCODINGS = {"utf-8": "utf-8-sig", "gb18030": "gb18030"}
HEAD, ROW, END = "HEAD", "ROW", "END"
MAX_ROWS = 20_000
MAX_TEXT_LETTERS = 96
_COLUMNS = {
    "reference": ("reference", "参考号", "业务参考号"),
    "amount": ("amount", "金额"),
    "result": ("result", "结果", "处理结果"),
    "number": ("number", "流水号", "银行流水号"),
    "why": ("why", "原因", "失败原因"),
}
_NEEDED = ("reference", "amount", "result")
_PAID = frozenset({"paid", "success", "成功", "交易成功"})
_FAILED = frozenset({"failed", "失败", "交易失败"})
_RETURNED = frozenset({"returned", "退汇", "退票"})
_WHY = {
    "name": Why.NAME,
    "户名不符": Why.NAME,
    "receiver": Why.RECEIVER,
    "账号不存在": Why.RECEIVER,
    "balance": Why.BALANCE,
    "余额不足": Why.BALANCE,
    "limit": Why.LIMIT,
    "超限额": Why.LIMIT,
}


class BankFile:
    """The file port of a bank."""

    capabilities = Capabilities(
        destinations=frozenset({DestinationKind.BANK}),
        currencies=frozenset({"CNY"}),
        by_file=True,
        setting_choices={"encoding": frozenset(ENCODINGS)},
    )
    setting_names = frozenset({"encoding", "payer_name"})
    secret_names = frozenset({"payer_account"})

    def write(
        self, connection: Connection, number: str, day: datetime, orders: Sequence[PayoutOrder]
    ) -> bytes:
        """The file of these payouts; the same ones give the same bytes."""
        payer = (connection.secrets["payer_account"], connection.settings["payer_name"])
        head = [HEAD, number, f"{day.astimezone(BEIJING):%Y-%m-%d}", *map(safe_cell, payer), "CNY"]
        rows = _encoded(connection, [_row(*each) for each in enumerate(orders, start=1)])
        total = plain(sum(each.amount for each in orders))
        end = [END, str(len(orders)), total, sha256(rows).hexdigest()]
        mark = "\ufeff" if _encoding(connection) == "utf-8-sig" else ""
        return mark.encode() + _encoded(connection, [head]) + rows + _encoded(connection, [end])

    def read(self, connection: Connection, content: bytes) -> list[FileResult] | FileFault:
        """The results that came back; a row END with count and sum is held against them."""
        try:
            text = content.decode(_encoding(connection))
        except UnicodeDecodeError:
            return FileFault("payout_file_encoding")
        try:
            lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except csv.Error:
            return FileFault("payout_file_table")
        table = [(number, row) for number, row in enumerate(lines, start=1) if any(row)]
        if not table or len(table) > MAX_ROWS + 2:
            return FileFault("payout_file_rows", 1)
        columns = _columns_in(table[0][1])
        if isinstance(columns, FileFault):
            return columns
        return _results_in(columns, table[1:])


def _row(place: int, order: PayoutOrder) -> list[str]:
    who = order.receiver
    texts = (who.account.replace(" ", ""), who.name, who.bank, who.branch)
    amount = (plain(order.amount), order.currency)
    return [ROW, str(place), order.reference, *map(safe_cell, texts), *amount, order.remark]


def _encoded(connection: Connection, rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    name = _encoding(connection)
    return text.getvalue().encode("utf-8" if name == "utf-8-sig" else name)


def _encoding(connection: Connection) -> str:
    return ENCODINGS[connection.settings["encoding"]]


def _columns_in(names: Sequence[str]) -> dict[str, int] | FileFault:
    told = [plain_cell(each).strip().lower() for each in names]
    found: dict[str, int] = {}
    for column, words in _COLUMNS.items():
        places = [place for place, word in enumerate(told) if word in words]
        if len(places) > 1 or (column in _NEEDED and not places):
            return FileFault("payout_file_columns", 1)
        if places:
            found[column] = places[0]
    return found


def _results_in(
    columns: Mapping[str, int], table: Sequence[tuple[int, list[str]]]
) -> list[FileResult] | FileFault:
    results: list[FileResult] = []
    for line, row in table:
        if row[0] == END:
            if (line, row) != table[-1] or not _totals_agree(row, results):
                return FileFault("payout_file_totals", line)
            break
        told = _result_in(columns, row, line)
        if isinstance(told, FileFault):
            return told
        results.append(told)
    return results or FileFault("payout_file_rows", 1)


def _totals_agree(row: Sequence[str], results: Sequence[FileResult]) -> bool:
    try:
        return int(row[1]) == len(results) and parse_units(row[2]) == sum(
            each.amount for each in results
        )
    except (ValueError, IndexError, Refused):
        return False


def _result_in(columns: Mapping[str, int], row: Sequence[str], line: int) -> FileResult | FileFault:
    if len(row) <= max(columns.values()):
        return FileFault("payout_file_columns", line)
    told = {name: plain_cell(row[place]).strip() for name, place in columns.items()}
    reference, number = told["reference"], told.get("number", "")
    plain_texts = all(len(each) <= MAX_TEXT_LETTERS and each.isprintable() for each in row)
    if not reference or not plain_texts:
        return FileFault("payout_file_text", line)
    try:
        amount = parse_units(told["amount"])
    except Refused:
        return FileFault("payout_file_amount", line)
    match told["result"].lower():
        case word if word in _PAID:
            return FileResult(reference, Paid(number), amount, line)
        case word if word in _FAILED:
            why = _WHY.get(told.get("why", "").lower(), Why.UNKNOWN)
            return FileResult(reference, Rejected(why), amount, line)
        case word if word in _RETURNED:
            return FileResult(reference, Returned(number), amount, line)
    return FileFault("payout_file_result", line)
