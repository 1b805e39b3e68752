"""Servers and databases for the tests: real PostgreSQL and Valkey, one database a worker.

The first worker to come starts the servers for all; the last to go stops them.
"""

import asyncio
import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import pytest_asyncio
from tortoise.connection import get_connection

from domain import catalog, ledger, sites
from domain.checkout.reading import sight
from domain.checkout.statements import WATCHED
from server.embedded import Server, start_postgres, start_valkey
from server.settings import Settings
from server.wiring import connect, disconnect, migrate
from tests.adapters_of_tests import own_adapters

TEMPLATE = "template_of_tests"
# A slow moment of the machine is no fault of a rule.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")
_started: list[Server] = []  # the worker that starts the servers keeps hold of them


def pytest_configure(config: pytest.Config) -> None:
    """Settings of whoever runs the tests must not reach them."""
    for name in [name for name in os.environ if name.startswith("KAMENG_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[dict[str, str]]:
    """URLs of the servers that all workers share."""
    root = tmp_path_factory.getbasetemp()
    shared = root if worker_id == "master" else root.parent
    with _locked(shared):
        state = _read(shared) or _start(shared)
        state["users"] += 1
        _write(shared, state)
    try:
        yield {"postgres": state["postgres"], "valkey": state["valkey"]}
    finally:
        with _locked(shared):
            state = _read(shared)
            state["users"] -= 1
            _write(shared, state)
            if state["users"] == 0:
                _stop(shared, state)


@pytest.fixture(scope="session")
def database_url(servers: dict[str, str], worker_id: str) -> str:
    """A migrated database of this worker alone."""
    name = f"tests_{worker_id}"
    asyncio.run(_copy_template(servers["postgres"], name))
    return servers["postgres"].rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="session")
def valkey_url(servers: dict[str, str], worker_id: str) -> str:
    """A numbered database of this worker alone."""
    number = 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1
    return servers["valkey"].rpartition("/")[0] + f"/{number}"


@pytest.fixture(scope="session")
def test_settings(
    database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of an installation on the worker's own servers."""
    return Settings(
        _env_file=None,
        database_url=database_url,
        redis_url=valkey_url,
        pool_size=20,
        key_file=tmp_path_factory.mktemp("keys") / "keys.json",
    )


@pytest_asyncio.fixture(scope="session")
async def _connected(test_settings: Settings) -> AsyncIterator[None]:
    await connect(test_settings, "tests")
    # What a test counts must not hang on what tests before it have filled; test_sight begins anew.
    sight.filled = WATCHED
    yield
    await disconnect()


@pytest.fixture
def _own_adapters(_connected: None) -> Iterator[None]:
    with own_adapters():
        yield


@pytest_asyncio.fixture
async def db(_own_adapters: None, database_url: str) -> AsyncIterator[None]:
    """An empty installation: tables without rows but the platform's own accounts."""
    await ledger.open_platform_accounts("CNY")
    await sites.open_main_site()
    await catalog.open_plain_types()
    yield
    await _all_came_back()
    await _empty(database_url)


async def _all_came_back() -> None:
    """A connection that a test keeps is one less for each that follows, until one of them hangs."""
    pool = get_connection("default")._pool
    for _ in range(100):
        if pool is None or pool.get_size() == pool.get_idle_size():
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{pool.get_size() - pool.get_idle_size()} connections were not given back")


# Small tables are emptied row by row, without the triggers that keep rows from being deleted: a
# TRUNCATE makes new files for every table and index, which took longer than most tests.
SMALL_BYTES = 256 * 1024
_EMPTY = f"""
DO $$
DECLARE
    name regclass;
    large text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT c.oid FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
            AND c.relname NOT LIKE '%migration%' AND pg_relation_size(c.oid) > 0
    LOOP
        IF pg_relation_size(name) > {SMALL_BYTES} THEN
            large := concat_ws(', ', large, name::text);
        ELSE
            EXECUTE format('DELETE FROM %s', name);
        END IF;
    END LOOP;
    IF large IS NOT NULL THEN
        EXECUTE format('TRUNCATE %s CASCADE', large);
    END IF;
END $$
"""


async def _empty(database_url: str) -> None:
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute(_EMPTY)
    finally:
        await conn.close()


async def _make_template(postgres: str) -> None:
    conn = await asyncpg.connect(postgres)
    await conn.execute(f"CREATE DATABASE {TEMPLATE}")
    await conn.close()
    await migrate(postgres.rpartition("/")[0] + f"/{TEMPLATE}")


async def _copy_template(postgres: str, name: str) -> None:
    conn = await asyncpg.connect(postgres)
    try:
        for _ in range(50):
            try:
                await conn.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
            except asyncpg.ObjectInUseError:  # another worker copies it at this moment
                await asyncio.sleep(0.1)
            else:
                return
        raise RuntimeError("the template database stays in use")
    finally:
        await conn.close()


def _start(shared: Path) -> dict:
    # A short folder of its own: pytest's is closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="kameng-tests-"))
    folder.chmod(0o755)
    postgres = start_postgres(folder, durable=False)
    valkey = start_valkey(folder, durable=False)
    _started.extend((postgres, valkey))
    asyncio.run(_make_template(postgres.url))
    return {
        "folder": str(folder),
        "postgres": postgres.url,
        "valkey": valkey.url,
        "pids": [postgres.process.pid, valkey.process.pid],
        "users": 0,
    }


def _stop(shared: Path, state: dict) -> None:
    for pid, number in zip(state["pids"], (signal.SIGINT, signal.SIGTERM), strict=True):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        _wait_for(pid)
    shutil.rmtree(state["folder"], ignore_errors=True)
    (shared / "servers.json").unlink()


def _wait_for(pid: int) -> None:
    """Reap it when it is a child of this worker; its data goes away with it."""
    for server in _started:
        if server.process.pid == pid:
            server.process.wait()


def _read(shared: Path) -> dict:
    path = shared / "servers.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _write(shared: Path, state: dict) -> None:
    (shared / "servers.json").write_text(json.dumps(state))


@contextmanager
def _locked(shared: Path) -> Iterator[None]:
    with (shared / "servers.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The worker's name; `master` when the tests do not run in parallel."""
    return os.environ.get("PYTEST_XDIST_WORKER", "master")
