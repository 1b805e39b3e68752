"""A running demo, started as a user starts it, shared by the journeys of one worker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.embedded import free_port
from tests.shop_client import Client

ROOT = Path(__file__).parents[2]
START_SECONDS = 300


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What var/demo.json says of a demo that runs in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    log = folder / "demo.log"
    environment = {name: value for name, value in os.environ.items() if "KAMENG" not in name}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "demo", "--port", str(free_port())],
            cwd=folder,
            env={
                **environment,
                "PYTHONPATH": str(ROOT),
                "KAMENG_SIMULATOR_PORT": str(free_port()),  # another demo may start meanwhile
                "KAMENG_PAYMENT_QUERY_SECONDS": "2",  # tests wait for callbacks that never come
                "KAMENG_SWEEP_INTERVAL_SECONDS": "1",
                "KAMENG_LOG_LEVEL": "DEBUG",  # the search for leaked codes reads all that is said
                "KAMENG_SHOP_FOLDER": str(ROOT / "frontend-examples/web-shop/dist"),
            },
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield {**_when_ready(folder, process, log), "folder": str(folder)}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _when_ready(folder: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    path = folder / "var" / "demo.json"
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture
def shop(demo: dict[str, Any]) -> Client:
    """The shop, nobody signed in."""
    return Client(demo["shop"])


@pytest.fixture
def buyer(demo: dict[str, Any]) -> Client:
    """The demo's buyer, a customer of its third-level agent."""
    return Client(demo["shop"], demo["buyer"]["token"])


@pytest.fixture
def operator(demo: dict[str, Any]) -> Client:
    """The demo's operator in the back office."""
    return Client(demo["admin"], demo["operator"]["token"])
