"""Real processes against the worker's own database, each of which may be told where to die."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from server.embedded import free_port
from server.settings import Settings
from tests.faults.dying import CRASHED, Mortal

ROOT = Path(__file__).parents[2]


@dataclass
class Installation:
    """The processes of one installation."""

    environment: dict[str, str] = field(repr=False)
    folder: Path
    origin: str
    simulator: str
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *programs: str, crash_at: str = "") -> None:
        """Start programs; with `crash_at` they die at that point, once they reach it."""
        for program in programs:
            assert program not in self.running, f"{program} runs already"
            with (self.folder / f"{program}.log").open("ab") as log:
                self.running[program] = subprocess.Popen(
                    [sys.executable, "-m", "server.cli", program],
                    cwd=self.folder,
                    env={**self.environment, "KAMENG_CRASH_AT": crash_at},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        if "serve" in programs:
            self.wait_for(lambda: answers(f"{self.origin}/readyz"), "the API", 120)
        if "simulator" in programs:
            self.wait_for(lambda: answers(f"{self.simulator}/healthz"), "the simulator", 120)

    def kill(self, *programs: str) -> None:
        """kill -9, children included."""
        for program in programs:
            process = self.running.pop(program)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()

    def wait_for_crash(self, program: str, seconds: float = 120) -> None:
        """Wait until the program has died at its crash point."""
        process = self.running[program]
        self.wait_for(lambda: process.poll() is not None, f"the crash of {program}", seconds)
        assert process.returncode == CRASHED, self.log_of(program)
        self.kill(program)  # children that outlive it would go on working beside the next test

    def wait_for(self, ready: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Poll until it is so."""
        deadline = time.monotonic() + seconds
        while not ready():
            logs = "\n".join(self.log_of(program) for program in self.running)
            assert time.monotonic() < deadline, f"waited for {what} in vain:\n{logs}"
            time.sleep(0.05)

    def log_of(self, program: str) -> str:
        """The end of what it said."""
        path = self.folder / f"{program}.log"
        return f"--- {program}\n{path.read_text()[-3000:]}" if path.exists() else ""


@pytest.fixture
def installation(db: None, test_settings: Settings, tmp_path: Path) -> Iterator[Installation]:
    """An installation without any process yet; whatever was started is killed in the end."""
    port, simulator_port = free_port(), free_port()
    environment = {name: value for name, value in os.environ.items() if "KAMENG" not in name}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "KAMENG_DATABASE_URL": test_settings.database_url,
        "KAMENG_REDIS_URL": test_settings.redis_url,
        "KAMENG_KEY_FILE": str(test_settings.key_file),
        "KAMENG_PORT": str(port),
        "KAMENG_WORKERS": "1",
        "KAMENG_SIMULATOR_PORT": str(simulator_port),
        "KAMENG_SIMULATOR_URL": f"http://127.0.0.1:{simulator_port}",
        "KAMENG_WEBHOOK_PRIVATE_ADDRESSES": "true",
        "KAMENG_SWEEP_INTERVAL_SECONDS": "0.5",
        "KAMENG_RELAY_INTERVAL_SECONDS": "0.5",
        "KAMENG_SUPPLIER_TIMEOUT_SECONDS": "2",
    }
    made = Installation(
        environment, tmp_path, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{simulator_port}"
    )
    yield made
    made.kill(*list(made.running))


@pytest.fixture
def mortal(db: None, test_settings: Settings) -> Mortal:
    """An installation without any process: each use case that is told where to die gets one."""
    return Mortal(test_settings)


def answers(url: str) -> bool:
    """Whether something good is served there."""
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
