"""An installation to measure: its own servers under var/bench, and the processes of a real one."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import asyncpg
from redis import Redis

from bench.load import Plan
from server.embedded import free_port, postgres_program, start_postgres, start_valkey
from server.processes import CannotStart, Supervisor, wait_until
from server.settings import Settings
from server.wiring import PLANNING, migrate

FOLDER = Path("var/bench")
RESULTS = Path("bench/results")
WORKERS = 2


@dataclass(frozen=True)
class Installation:
    """What a benchmark needs to know of the running installation."""

    settings: Settings
    origin: str

    def database(self, name: str) -> str:
        """The URL of another database on the same server."""
        return self.settings.database_url.rpartition("/")[0] + f"/{name}"


@contextmanager
def filled(prepare: Any) -> Iterator[tuple[Settings, Any]]:
    """Servers that remember nothing, filled by `prepare(settings)`; they end after."""
    with ExitStack() as stack:
        postgres, valkey = start_postgres(FOLDER), start_valkey(FOLDER)
        stack.callback(postgres.stop)
        stack.callback(valkey.stop)
        asyncio.run(fresh_database(postgres.url, "bench"))
        with Redis.from_url(valkey.url) as client:
            client.flushall()  # what the run before asked for counts for limits of a minute
        settings = Settings(
            _env_file=None,
            database_url=postgres.url.rpartition("/")[0] + "/bench",
            redis_url=valkey.url,
            port=free_port(),
            workers=WORKERS,
            key_file=FOLDER / "keys.json",
        )
        asyncio.run(migrate(settings.database_url))
        yield settings, asyncio.run(prepare(settings))


@contextmanager
def installed(
    programs: tuple[str, ...], prepare: Any, **more: str
) -> Iterator[tuple[Installation, Any]]:
    """The same, with these programs running; `more` are further settings of theirs."""
    with filled(prepare) as (settings, prepared), ExitStack() as stack:
        environment = {
            "KAMENG_DATABASE_URL": settings.database_url,
            "KAMENG_REDIS_URL": settings.redis_url,
            "KAMENG_PORT": str(settings.port),
            "KAMENG_WORKERS": str(WORKERS),
            "KAMENG_KEY_FILE": str(settings.key_file),
            **more,
        }
        supervisor = Supervisor(programs, environment, FOLDER, print)
        stack.callback(supervisor.stop)
        supervisor.start()
        origin = f"http://127.0.0.1:{settings.port}"
        wait_until(lambda: answers(f"{origin}/readyz"), "The API", supervisor.logs / "serve.log")
        yield Installation(settings, origin), prepared


def load(plan: Plan) -> dict[str, Any]:
    """Run the clients in a process of their own."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def pgbench(url: str, script: str, clients: int, seconds: int) -> float:
    """Transactions a second of a pgbench script."""
    path = FOLDER / "limit.pgbench"
    path.write_text(script)
    address = urlsplit(url)
    run = subprocess.run(
        [
            *(str(postgres_program("pgbench")), "-n", "-M", "prepared", "-f", str(path)),
            *("-c", str(clients), "-j", "2", "-T", str(seconds)),
            *("-h", str(address.hostname), "-p", str(address.port), "-U", str(address.username)),
            address.path.lstrip("/"),
        ],
        env={**os.environ, "PGPASSWORD": address.password or ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise CannotStart(f"pgbench failed: {run.stderr.strip()[-500:]}")
    found = re.search(r"tps = ([0-9.]+)", run.stdout)
    if found is None:
        raise RuntimeError(f"pgbench said nothing of its rate: {run.stdout[-300:]}")
    return float(found[1])


async def copied(settings: Settings, name: str, script: str) -> None:
    """A copy of the filled database, with the script run in it. Nobody may be connected."""
    conn = await asyncpg.connect(settings.database_url.rpartition("/")[0] + "/postgres")
    try:
        await conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await conn.execute(f"CREATE DATABASE {name} TEMPLATE bench")
        for setting, value in PLANNING.items():
            await conn.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    finally:
        await conn.close()
    conn = await asyncpg.connect(settings.database_url.rpartition("/")[0] + f"/{name}")
    try:
        await conn.execute(script)
        await conn.execute("ANALYZE")
    finally:
        await conn.close()


def compared(
    name: str,
    rounds: int,
    work: Callable[[], dict[str, Any]],
    limits: Mapping[str, Callable[[], float]],
) -> dict[str, Any]:
    """The work and its limits in turns, so that a busy moment hits all; the medians of each.

    `ratio` is told of the first limit, `<name>_ratio` of each further one.
    """
    measured: list[dict[str, Any]] = []
    reached: dict[str, list[float]] = {of: [] for of in limits}
    for _ in range(rounds):
        measured.append(work())
        for of, measure in limits.items():
            reached[of].append(measure())
    told = {"name": name, **sorted(measured, key=lambda each: each["rate"])[rounds // 2]}
    for number, (of, rates) in enumerate(reached.items()):
        told[of] = round(sorted(rates)[rounds // 2], 1)
        told["ratio" if number == 0 else f"{of}_ratio"] = round(told["rate"] / told[of], 3)
    return {**told, "rounds": rounds}


def write_results(name: str, rows: list[dict[str, Any]]) -> Path:
    """bench/results/<name>.json: `rate`, `limit` and `ratio` of each measurement, by its name."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    told = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "results": rows}
    path.write_text(json.dumps(told, indent=2) + "\n")
    return path


async def fresh_database(url: str, name: str) -> None:
    """An empty database of this name; one that was there is gone."""
    conn = await asyncpg.connect(url.rpartition("/")[0] + "/postgres")
    try:
        await conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await conn.execute(f"CREATE DATABASE {name}")
    finally:
        await conn.close()


def answers(url: str) -> bool:
    """Whether something good is served there."""
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def run_name() -> str:
    """A text that no earlier run used."""
    return f"{time.time_ns():x}"
