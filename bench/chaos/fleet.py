"""The processes of a run: started, killed with SIGKILL, armed to die at a point, started again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from domain.kernel.crash import EXIT_CODE

LOOK_SECONDS = 0.1
COMMANDS = {
    "web": "serve",
    "worker": "worker",
    "scheduler": "scheduler",
    "simulator": "simulator",
}
# What a process says of itself in its log once it works; a scheduler that leads not says nothing.
READY = {"web": b"Started worker-1", "worker": b"worker_ready", "simulator": b"Started worker-1"}
WORKER_FELL = b"Unexpected exit from worker"
READY_PAUSE_SECONDS, SILENT_SECONDS = 0.2, 5.0


@dataclass
class Running:
    """One process, and where it is to die by itself."""

    process: subprocess.Popen[bytes]
    crash_at: str = ""
    said_before: int = 0  # bytes in its log when it started
    started_at: float = field(default_factory=time.monotonic)


@dataclass
class Fleet:
    """All of them. What ends is brought back at once, without the point that it died at."""

    environment: Mapping[str, str] = field(repr=False)
    logs: Path
    kills: Counter[str] = field(default_factory=Counter)  # by kind of program
    crashes: Counter[str] = field(default_factory=Counter)  # by crash point
    falls: list[str] = field(default_factory=list)  # ends that nobody had asked for
    last_at: float = 0.0  # when the last of them was killed or died
    excused_until: float = 0.0  # who starts without Valkey says so and ends, which is right
    running: dict[str, Running] = field(default_factory=dict)

    def start(self, name: str, crash_at: str = "") -> None:
        """Start one; `crash_at`: it ends itself at that point, once it gets there."""
        self.logs.mkdir(parents=True, exist_ok=True)
        command = COMMANDS[name.partition("-")[0]]
        path = self._log_of(name)
        said = path.stat().st_size if path.exists() else 0
        with path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", command],
                env={**os.environ, **self.environment, "KAMENG_CRASH_AT": crash_at},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running[name] = Running(process, crash_at, said)

    async def when_ready(self, name: str) -> None:
        """Wait until it works: whoever is killed while it starts has nothing to lose."""
        while not self._is_ready(name):  # noqa: ASYNC110 - its log is what tells it
            await asyncio.sleep(READY_PAUSE_SECONDS)

    def _is_ready(self, name: str) -> bool:
        word = READY.get(name.partition("-")[0])
        if word is None:
            return time.monotonic() - self.running[name].started_at > SILENT_SECONDS
        return self._has_said(name, word)

    def _has_said(self, name: str, word: bytes) -> bool:
        """Since it was started, in its log."""
        with self._log_of(name).open("rb") as log:
            log.seek(self.running[name].said_before)
            return word in log.read()

    def _log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def kill(self, name: str, crash_at: str = "") -> None:
        """kill -9, its own children with it, and start it anew."""
        kind = name.partition("-")[0]
        self.kills[kind] += 1
        self.last_at = time.monotonic()
        end(self.running.pop(name).process)
        self.start(name, crash_at)

    def disarm(self) -> None:
        """Those that were to die and did not start anew, as they should be."""
        for name, each in list(self.running.items()):
            if each.crash_at:
                self.kill(name)

    async def watch(self) -> None:
        """Bring back what has ended, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for name, each in list(self.running.items()):
                code = each.process.poll()
                # A worker of the API dies, and its server would bring it back to die again.
                if code is None and not (each.crash_at and self._has_said(name, WORKER_FELL)):
                    continue
                if code in (None, EXIT_CODE) and each.crash_at:
                    self.crashes[each.crash_at] += 1
                    self.last_at = time.monotonic()
                elif time.monotonic() > self.excused_until:
                    self.falls.append(f"{name} ended with {code}")
                end(each.process)
                self.start(name)

    def stop(self) -> None:
        """End all of them in order; by force those that do not go."""
        for each in self.running.values():
            with suppress(ProcessLookupError):
                each.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        for each in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                each.process.wait(max(0.1, deadline - time.monotonic()))
            end(each.process)
        self.running.clear()


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and to what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
