"""The bank's file: bytes that agree with their totals, cells that nothing runs, results read."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

import pytest

from adapters.payouts.bank import BankFile
from domain.payouts.ports import (
    Connection,
    DestinationKind,
    FileFault,
    FileResult,
    Paid,
    PayoutOrder,
    Receiver,
    Rejected,
    Returned,
    Why,
)
from tests import banking, make

BANK = BankFile()
WHERE = Connection(uuid4(), "icbc", "", banking.SETTINGS, banking.SECRETS)
GB = replace(WHERE, settings={**banking.SETTINGS, "encoding": "gb18030"})
DAY = datetime(2026, 11, 25, 17, tzinfo=UTC)  # the 26th in Beijing


def order(number: int, yuan: str = "1.50", name: str = "王小明") -> PayoutOrder:
    who = Receiver(DestinationKind.BANK, f"6222 0000 {number:04d}", name, "工商银行", "=上海")
    return PayoutOrder(f"{number:032x}", make.yuan(yuan), "CNY", "commission", who)


def test_a_file_tells_its_count_its_sum_and_the_digest_of_its_rows() -> None:
    orders = [order(number) for number in range(1, 4)]
    content = BANK.write(WHERE, "20261126abc", DAY, orders)
    assert content == BANK.write(WHERE, "20261126abc", DAY, orders)
    lines = content.decode("utf-8-sig").splitlines(keepends=True)
    head, *rows, end = csv.reader(io.StringIO("".join(lines)))
    assert head == ["HEAD", "20261126abc", "2026-11-26", "4000123456789", "卡盟商贸", "CNY"]
    assert end[:3] == ["END", "3", "4.50"]
    assert end[3] == sha256("".join(lines[1:-1]).encode()).hexdigest()
    assert rows[0][2:5] == [f"{1:032x}", "622200000001", "王小明"]


def test_no_spreadsheet_runs_what_is_in_it() -> None:
    content = BANK.write(WHERE, "n", DAY, [order(1, name="=cmd|' /C calc'!A0")])
    (row,) = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1:-1]
    assert row[4] == "'=cmd|' /C calc'!A0"
    assert row[6] == "'=上海"


def test_it_is_written_and_read_in_the_encoding_of_the_channel() -> None:
    content = BANK.write(GB, "n", DAY, [order(1, name="王𠮷")])
    assert "王𠮷" in content.decode("gb18030")
    results = banking.results(("a" * 32, "1.50", "成功")).decode("utf-8-sig").encode("gb18030")
    assert BANK.read(GB, results) == [FileResult("a" * 32, Paid("B-1"), make.yuan("1.50"), 2)]
    assert BANK.read(WHERE, results) == FileFault("payout_file_encoding")


def test_results_are_read_by_the_names_of_their_columns() -> None:
    content = (
        "why,result,reference,amount\n"
        ",paid,r1,10\n户名不符,失败,r2,20.00\n,退汇,r3,30\nodd,failed,r4,1\nEND,4,61.00\n"
    )
    assert BANK.read(WHERE, content.encode()) == [
        FileResult("r1", Paid(""), make.yuan(10), 2),
        FileResult("r2", Rejected(Why.NAME), make.yuan(20), 3),
        FileResult("r3", Returned(""), make.yuan(30), 4),
        FileResult("r4", Rejected(Why.UNKNOWN), make.yuan(1), 5),
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", FileFault("payout_file_rows", 1)),
        ("reference,amount,result\n", FileFault("payout_file_rows", 1)),
        ("reference,amount\nr,1\n", FileFault("payout_file_columns", 1)),
        ("reference,amount,result,金额\nr,1,paid,1\n", FileFault("payout_file_columns", 1)),
        ("reference,amount,result\nr,1\n", FileFault("payout_file_columns", 2)),
        ("reference,amount,result\nr,1,perhaps\n", FileFault("payout_file_result", 2)),
        ("reference,amount,result\nr,one,paid\n", FileFault("payout_file_amount", 2)),
        ("reference,amount,result\n,1,paid\n", FileFault("payout_file_text", 2)),
        ("reference,amount,result\n" + "r" * 97 + ",1,paid\n", FileFault("payout_file_text", 2)),
        ("reference,amount,result\nr,1,paid\nEND,2,1\n", FileFault("payout_file_totals", 3)),
        ("reference,amount,result\nr,1,paid\nEND,1,2\n", FileFault("payout_file_totals", 3)),
        ("reference,amount,result\nEND,0,0\nr,1,paid\n", FileFault("payout_file_totals", 2)),
        ('reference,amount,result\n"r,1,paid\n', FileFault("payout_file_table")),
    ],
)
def test_what_is_not_as_agreed_is_a_fault_with_its_line(content: str, fault: FileFault) -> None:
    assert BANK.read(WHERE, content.encode()) == fault
