"""The supplier simulator as a process of its own, as it runs in the demo."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from server.embedded import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    folder, port = tmp_path_factory.mktemp("simulator"), free_port()
    environment = {name: value for name, value in os.environ.items() if "KAMENG" not in name}
    environment |= {"PYTHONPATH": str(ROOT), "KAMENG_SIMULATOR_PORT": str(port)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "simulator"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, log: Path) -> None:
    for _ in range(200):
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(log.read_text())
