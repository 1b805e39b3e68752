"""`kameng bench import`: cards a second into an installation that also runs its API and jobs.

Two ways in: the command on the machine itself, and an upload to the API that the worker works off.
Beside them what bare SQL reaches: rows of the same size into the same tables, chunk by chunk, with
every trigger, and nothing read, compared or sealed. Memory is the most that a process ever held
(Linux: VmHWM, as `/usr/bin/time -v` tells it).
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2 as httpx

from bench.filling import fill_for_browsing
from bench.installation import FOLDER, Installation, installed, write_results
from bench.watching import database_seconds, most_memory
from domain import identity
from domain.kernel import new_id
from server.processes import CannotStart
from server.settings import Settings
from server.wiring import PLANNING, connect, disconnect

PROGRAMS = ("serve", "worker", "scheduler")
CHUNK = 5_000
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_BATCH = """
INSERT INTO card_batches (id, variant_id, source, content_digest, unit_cost, currency, wrapped_key,
    key_version, generation, accepted, duplicates, rejected, imported_at)
SELECT $1, id, 'bench', uuid_send($1), 400000, 'CNY', uuid_send($1), 1, 1, 0, 0, 0, now()
FROM variants WHERE sku = $2 RETURNING variant_id
"""
_CARDS = """
WITH made AS (
    INSERT INTO cards (id, variant_id, batch_id, state, fingerprint, masked, unit_cost,
        reveal_count, created_at)
    SELECT uuidv7(), $1, $2, 'available',
        uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), '••••ABCD', 400000, 0, now()
    FROM generate_series(1, $3) RETURNING id
)
INSERT INTO card_secrets (card_id, sealed, generation)
SELECT id, uuid_send(id) || uuid_send(id) || uuid_send(id) || uuid_send(id), 1 FROM made
"""


def measure(cards: int) -> list[dict[str, Any]]:
    """One row for each way in: cards a second, the limit, and the most memory of each process."""
    with installed(PROGRAMS, _prepare) as (installation, (skus, token)):
        limit = asyncio.run(_bare(installation.settings, skus[0], min(cards, 200_000)))
        rows = [
            _by_command(installation, skus[1], _file(cards, 1)),
            _by_upload(installation, skus[2], _file(cards, 2), token),
        ]
        for row in rows:
            row |= {"cards": cards, "limit": round(limit, 1)}
            row["ratio"] = round(row["rate"] / limit, 3)
    write_results("import", rows)
    return rows


async def _prepare(settings: Settings) -> tuple[list[str], str]:
    """Variants to fill, and the token of an operator."""
    shop = await fill_for_browsing(settings, products=4)
    await connect(settings, "bench")
    try:
        password = new_id().hex
        await identity.create_operator("bench-operator", password, ["*"])
        signed_in = await identity.sign_in("bench-operator", password, "bench")
    finally:
        await disconnect()
    return shop.skus, signed_in.access_token


def _file(cards: int, seed: int) -> Path:
    """A file of made-up codes, as suppliers send them: number and secret."""
    chance, path = random.Random(seed), FOLDER / f"codes-{seed}.csv"
    with path.open("w") as file:
        file.write("number,secret\n")
        for number in range(cards):
            secret = "".join(chance.choices(LETTERS, k=16))
            file.write(f"62{seed}{number:013},{secret}\n")
    return path


def _by_command(installation: Installation, sku: str, path: Path) -> dict[str, Any]:
    worked = asyncio.run(database_seconds(installation.settings))
    started = time.perf_counter()
    with (FOLDER / "log" / "import.log").open("wb") as log:
        run = subprocess.Popen(
            [
                *(sys.executable, "-m", "server.cli", "cards", "import", str(path)),
                *("--sku", sku, "--cost", "40"),
            ],
            env=_environment(installation),
            stdout=log,
            stderr=log,
        )
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if run.returncode != 0:
        raise CannotStart(f"the import failed, see {FOLDER / 'log' / 'import.log'}")
    accepted = asyncio.run(_accepted(installation.settings, sku))
    worked = asyncio.run(database_seconds(installation.settings)) - worked
    importer = used.ru_utime + used.ru_stime
    return {
        "name": "import_by_command",
        "rate": round(accepted / seconds, 1),
        "seconds": round(seconds, 1),
        "importer_cpu_us": round(importer / accepted * 1e6, 1),
        "database_cpu_us": round(worked / accepted * 1e6, 1),
        "importer_mib": round(used.ru_maxrss / 1024, 1),
        "api_mib": most_memory("serve"),
    }


def _by_upload(installation: Installation, sku: str, path: Path, token: str) -> dict[str, Any]:
    started = time.perf_counter()
    headers = {"authorization": f"Bearer {token}"}
    with path.open("rb") as file:
        sent = httpx.post(
            f"{installation.origin}/admin/imports/cards",
            params={"sku": sku, "unit_cost": "40"},
            content=iter(partial(file.read, 256 * 1024), b""),
            headers=headers,
            timeout=120,
        )
    sent.raise_for_status()
    received = time.perf_counter() - started
    while (job := _job(installation, sent.json()["jobId"], headers))["finishedAt"] is None:
        time.sleep(0.2)
    seconds = time.perf_counter() - started
    if job["state"] != "SUCCEEDED":
        raise CannotStart(f"the job ended as {job['state']}, see {FOLDER / 'log' / 'worker.log'}")
    accepted = asyncio.run(_accepted(installation.settings, sku))
    return {
        "name": "import_by_upload",
        "rate": round(accepted / seconds, 1),
        "seconds": round(seconds, 1),
        "received_seconds": round(received, 1),
        "importer_mib": most_memory("worker"),
        "api_mib": most_memory("serve"),
    }


def _job(installation: Installation, job_id: str, headers: dict[str, str]) -> dict[str, Any]:
    query = "query Job($id: ID!) { job(id: $id) { state finishedAt } }"
    answer = httpx.post(
        f"{installation.origin}/graphql/admin",
        json={"query": query, "variables": {"id": job_id}},
        headers=headers,
        timeout=60,
    )
    found: dict[str, Any] = answer.json()["data"]["job"]
    return found


def _environment(installation: Installation) -> dict[str, str]:
    settings = installation.settings
    return {
        **{name: value for name, value in os.environ.items() if "KAMENG" not in name},
        "KAMENG_DATABASE_URL": settings.database_url,
        "KAMENG_REDIS_URL": settings.redis_url,
        "KAMENG_KEY_FILE": str(settings.key_file),
    }


async def _accepted(settings: Settings, sku: str) -> int:
    conn = await asyncpg.connect(settings.database_url)
    try:
        return int(
            await conn.fetchval(
                "SELECT sum(accepted) FROM card_batches b JOIN variants v ON v.id = b.variant_id"
                " WHERE v.sku = $1 AND b.stage = 'stored' AND b.source <> 'bench'",
                sku,
            )
        )
    finally:
        await conn.close()


async def _bare(settings: Settings, sku: str, cards: int) -> float:
    """Cards a second of bare SQL, each chunk its own transaction."""
    conn = await asyncpg.connect(settings.database_url, server_settings=PLANNING)
    try:
        batch = new_id()
        variant: UUID = await conn.fetchval(_BATCH, batch, sku)
        started = time.perf_counter()
        for _ in range(0, cards, CHUNK):
            await conn.execute(_CARDS, variant, batch, CHUNK)
        return cards / (time.perf_counter() - started)
    finally:
        await conn.close()
