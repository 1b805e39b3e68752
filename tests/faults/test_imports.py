"""kill -9 of an import at each chunk: run again, it ends with every code once and right books."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from domain import bulk, cards, ledger
from domain.catalog.models import Variant
from domain.invariants import find_violations
from domain.kernel import connection
from domain.ledger import AccountKind, account_id
from tests import make
from tests.faults.conftest import CRASHED, ROOT, Installation

pytestmark = pytest.mark.xdist_group("kills")
CODES = 22_000  # five chunks
COST = make.yuan("1.5")


def command(installation: Installation, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *words],
        cwd=ROOT,
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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
    stored, paid = (
        await value("SELECT count(*) FROM cards"),
        account_id(AccountKind.BANK, None, "CNY"),
    )
    assert await ledger.balance_of(paid) == stored * COST
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


async def test_a_worker_that_dies_in_a_job_is_followed_by_another(
    installation: Installation, file: Path
) -> None:
    variant = await make.variant()
    upload = await cards.begin_card_import(make.OPERATOR, cards.ImportWish(variant.sku, COST))
    await upload.write(await asyncio.to_thread(file.read_bytes))
    job = await upload.finish()
    installation.start("scheduler")
    installation.start("worker", crash_at="cards.chunk_committed")
    await asyncio.to_thread(installation.wait_for_crash, "worker")
    assert 0 < await value("SELECT count(*) FROM cards") < CODES
    assert (await bulk.get_job(make.OPERATOR, job.id)).state is bulk.JobState.RUNNING
    installation.start("worker")
    for _ in range(600):
        job = await bulk.get_job(make.OPERATOR, job.id)
        if job.finished_at is not None:
            break
        await asyncio.sleep(0.1)
    assert (job.state, job.attempts) == (bulk.JobState.SUCCEEDED, 2), installation.log_of("worker")
    assert job.result is not None
    assert (job.result["accepted"], job.result["resumed"]) == (CODES, True)
    assert await value("SELECT count(*) FROM bulk_pieces") == 0
    await sound()


async def test_the_commands_rehearse_tell_and_take_away(
    installation: Installation, tmp_path: Path
) -> None:
    variant = await make.variant()
    codes, left_out = tmp_path / "codes.txt", tmp_path / "left-out.csv"
    codes.write_text("A-1\nA-2\na1\n")
    words = ("cards", "import", str(codes), "--sku", variant.sku, "--cost", "1.5")
    told = command(installation, *words, "--dry-run")
    assert "accepted 2, duplicates 1, rejected 0 (nothing was stored)" in told.stdout, told.stderr
    told = command(installation, *words, "--all-or-nothing", "--problems", str(left_out))
    assert told.returncode == 1
    assert left_out.read_text().split() == ["line,reason", "3,card_twice_in_file"]
    assert await value("SELECT count(*) FROM cards") == 0
    assert command(installation, *words).returncode == 0
    assert await value("SELECT count(*) FROM cards") == 2
    for what in ("products", "prices", "cards"):
        assert command(installation, "export", what, "--to", str(tmp_path)).returncode == 0
    listed = (tmp_path / "cards.csv").read_text()
    assert listed.count(variant.sku) == 2
    assert "A-1" not in listed
    back = command(
        installation, "catalog", "import-file", str(tmp_path / "prices.csv"), "--table", "prices"
    )
    assert back.returncode == 0, back.stderr
    assert "Nothing was stored" not in back.stdout
