"""kill -9 of an import at each chunk: run again, it ends with every code once and right books."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from domain import ledger
from domain.catalog.models import Variant
from domain.invariants import find_violations
from domain.kernel import connection
from domain.ledger import AccountKind, account_id
from tests import make
from tests.faults.conftest import CRASHED, ROOT, Installation

pytestmark = pytest.mark.xdist_group("kills")
CODES = 22_000  # five chunks
COST = make.yuan("1.5")


def start(
    installation: Installation, file: Path, of: Variant, crash_at: str = ""
) -> "subprocess.Popen[bytes]":
    with (installation.folder / "import.log").open("ab") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "server.cli", "cards", "import", str(file)),
                *("--sku", of.sku, "--cost", "1.5"),
            ],
            cwd=ROOT,
            env={**installation.environment, "KAMENG_CRASH_AT": crash_at},
            stdout=log,
            stderr=log,
        )


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def sound() -> None:
    cards, paid = (
        await value("SELECT count(*) FROM cards"),
        account_id(AccountKind.BANK, None, "CNY"),
    )
    assert await ledger.balance_of(paid) == cards * COST
    assert {each.name: each.violations for each in await find_violations() if each.violations} == {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "codes.txt"
    path.write_text("".join(f"CODE-{number:08}\n" for number in range(CODES)))
    return path


async def test_an_importer_that_dies_at_every_chunk_is_gone_on_with(
    installation: Installation, file: Path
) -> None:
    variant = await make.variant()
    stored = []
    points = ["cards.chunk_written", *["cards.chunk_committed"] * 3, "cards.chunk_written"]
    for point in points:
        process = start(installation, file, variant, crash_at=point)
        assert process.wait(60) == CRASHED, installation.log_of("import")
        stored.append(await value("SELECT count(*) FROM cards"))
        await sound()
    assert stored == [0, 5_000, 10_000, 15_000, 15_000]
    assert start(installation, file, variant).wait(60) == 0
    assert await value("SELECT accepted FROM card_batches WHERE stage = 'stored'") == CODES
    assert await value("SELECT count(*) FROM card_secrets") == CODES
    assert await value("SELECT count(*) FROM outbox_events WHERE type = 'card_batch.imported'") == 1
    assert start(installation, file, variant).wait(60) == 0
    assert await value("SELECT count(*) FROM cards") == CODES
    await sound()


async def test_an_importer_that_is_killed_at_any_moment_is_gone_on_with(
    installation: Installation, file: Path
) -> None:
    variant = await make.variant()
    for least in (0, 5_000):
        process = start(installation, file, variant)
        deadline = time.monotonic() + 60
        while await value("SELECT count(*) FROM cards") <= least and process.poll() is None:
            assert time.monotonic() < deadline
        process.kill()
        process.wait()
        await sound()
    assert start(installation, file, variant).wait(60) == 0
    assert await value("SELECT accepted FROM card_batches WHERE stage = 'stored'") == CODES
    await sound()
