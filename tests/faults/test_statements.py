"""kill -9 of an import of a statement: run again, each line is there once and each fee is booked
once (mission row F5)."""

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from domain import ledger, payments
from domain.invariants import find_violations
from domain.kernel import plain
from domain.ledger import AccountKind, account_id
from domain.payments import Payment, PaymentChannel, Way
from domain.statements import Outcome, StatementDifference, StatementFile, StatementLine
from domain.webhooks.models import OutboxEvent
from tests import make
from tests.faults.conftest import CRASHED, Installation
from tests.faults.test_imports import command
from tests.statement_files import CHANNEL_FEE, COLUMNS, at, pay, yesterday_at_noon
from tests.vendor import Vendor

pytestmark = pytest.mark.xdist_group("kills")
LINES = 2_600  # three chunks


@pytest.fixture
async def shop() -> AsyncIterator[tuple[Vendor, PaymentChannel]]:
    """A channel of an adapter that the command line knows, too; its vendor is in this process."""
    bank, before = Vendor(), payments.port_of("sandbox")
    payments.register("sandbox", bank)
    wish = payments.ChannelWish(
        code="kills",
        adapter="sandbox",
        merchant="kills",
        name_zh="沙箱",
        name_en="Sandbox",
        base_url="http://127.0.0.1:9",
        ways=(Way.PAGE,),
        secrets={"key": "right"},
    )
    yield bank, await payments.save_channel(make.OPERATOR, wish)
    payments.register("sandbox", before)


def write(path: Path, paid: list[Payment], day: datetime) -> None:
    """Strange lines, with ours at the beginning, in the middle and at the end."""
    known = dict(zip((0, LINES // 2, LINES - 1), paid, strict=True))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(LINES):
            payment = known.get(number)
            reference = payment.reference if payment else f"strange{number}"
            amount = payment.amount if payment else make.yuan(1)
            row = ("payment", reference, "", f"X{number}", plain(amount), plain(CHANNEL_FEE))
            writer.writerow((*row, "CNY", day.isoformat()))


async def test_an_import_that_dies_at_every_step_is_gone_on_with(
    installation: Installation, shop: tuple[Vendor, PaymentChannel], tmp_path: Path
) -> None:
    bank, channel = shop
    moment = yesterday_at_noon()
    with at(moment):
        paid = [await pay(bank, channel) for _ in range(4)]
    path = tmp_path / "bill.csv"
    write(path, paid[:3], moment)
    words = ("statements", "import", str(path), "--channel", channel.code)
    words = (*words, "--day", moment.date().isoformat())
    stored = []
    for point in (
        "statements.chunk_written",
        "statements.chunk_committed",
        "statements.chunk_written",
        "statements.chunk_committed",
        "statements.finish_written",
        "statements.page_judged",
    ):
        installation.environment["KAMENG_CRASH_AT"] = point
        done = await asyncio.to_thread(command, installation, *words)
        assert done.returncode == CRASHED, (point, done.stderr)
        stored.append(await StatementLine.all().count())
    assert stored == [0, 1_000, 1_000, 2_000, LINES, LINES]
    installation.environment["KAMENG_CRASH_AT"] = ""
    done = await asyncio.to_thread(command, installation, *words)
    assert done.returncode == 0, done.stderr
    assert f"{LINES} lines" in done.stdout
    assert await StatementLine.all().count() == LINES
    assert await StatementLine.filter(outcome=Outcome.MATCHED).count() == 3
    fees = account_id(AccountKind.CHANNEL_FEE, None, make.CNY)
    assert await ledger.balance_of(fees) == -3 * CHANNEL_FEE
    missing = await StatementDifference.filter(outcome=Outcome.MISSING_THERE)
    assert [each.subject_id for each in missing] == [paid[3].id]
    file = await StatementFile.get()
    assert (file.done, file.fresh, file.left_out) == (LINES, LINES, 0)
    assert await OutboxEvent.filter(type="statement.differences_found").count() == 1
    broken = {each.name for each in await find_violations() if each.violations}
    assert broken <= {"I3", "I16"}  # nothing of yesterday was sealed and carried: nobody ran
    shown = await asyncio.to_thread(
        command, installation, "statements", "report", "--day", moment.date().isoformat()
    )
    assert shown.returncode == 1
    assert "payment_unknown_here: 500" in shown.stdout
    assert "请查明还有谁在使用该商户号" in shown.stdout
