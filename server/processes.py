"""Runs an installation's processes on one machine, brings back one that falls, and ends them all.

For a laptop and the demo. In production a container or service manager does this.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

READY_SECONDS = 180
STOP_SECONDS = 20
PAUSE_BEFORE_RESTART = 1.0
TICK_SECONDS = 0.2
WATCHED_FOLDERS = ("domain", "resolvers", "schema", "jobs", "adapters", "server")


class CannotStart(Exception):
    """Something the processes need is missing; the message says what to do."""


@dataclass
class Program:
    """One process of ours: `kameng <command>`, its output in a log file of its own."""

    command: str
    process: subprocess.Popen[bytes] | None = None
    fell_at: float = 0.0
    falls: int = 0


@dataclass
class Supervisor:
    """The processes of one installation."""

    commands: Iterable[str]
    environment: dict[str, str] = field(repr=False)
    folder: Path
    say: Callable[[str], None]
    reload: bool = False
    stopping: bool = False

    def __post_init__(self) -> None:
        self.programs = [Program(command) for command in self.commands]
        self.logs = self.folder / "log"
        self.state = self.folder / "processes.json"

    def start(self) -> None:
        """Start all of them; those that a killed run left behind are ended first."""
        self.logs.mkdir(parents=True, exist_ok=True)
        end_leftovers(self.state)
        for program in self.programs:
            self._start(program)

    def watch(self) -> None:
        """Bring back what falls until SIGINT or SIGTERM comes."""
        stamp = _newest_source() if self.reload else 0.0
        while not self.stopping:
            time.sleep(TICK_SECONDS)
            for program in self.programs:
                self._look_after(program)
            if self.reload and (seen := _newest_source()) > stamp:
                stamp = seen
                self.say("Sources changed: restarting.")
                self.stop()
                self.start()

    def stop(self) -> None:
        """End all processes in order, and by force those that do not go."""
        running = [each.process for each in self.programs if each.process is not None]
        for process in running:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        for program in self.programs:
            program.process = None
        self.state.unlink(missing_ok=True)

    def on_signals(self) -> None:
        """Let SIGINT and SIGTERM end `watch`; a second one does not cut the tidying short."""

        def note(number: int, frame: FrameType | None) -> None:
            self.stopping = True

        signal.signal(signal.SIGINT, note)
        signal.signal(signal.SIGTERM, note)

    def _start(self, program: Program) -> None:
        with (self.logs / f"{program.command}.log").open("ab") as log:
            program.process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", program.command],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we end them in order
            )
        pids = {each.command: each.process.pid for each in self.programs if each.process}
        self.state.write_text(json.dumps(pids))

    def _look_after(self, program: Program) -> None:
        process = program.process
        if process is None or process.poll() is None or self.stopping:
            return
        if not program.fell_at:
            program.falls += 1
            program.fell_at = time.monotonic()
            self.say(
                f"{program.command} ended with {process.returncode}; it is started again"
                f" (log: {self.logs / program.command}.log)."
            )
        if time.monotonic() - program.fell_at >= PAUSE_BEFORE_RESTART:
            program.fell_at = 0.0
            self._start(program)


def end_leftovers(state: Path) -> None:
    """End processes of ours that a run which was killed left behind."""
    try:
        pids: dict[str, int] = json.loads(state.read_text())
    except (OSError, ValueError):
        return
    for command, pid in pids.items():
        if f"server.cli\0{command}" in _command_line(pid):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    state.unlink(missing_ok=True)


def port_is_free(host: str, port: int) -> bool:
    """Whether we may listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def wait_until(
    ready: Callable[[], bool], what: str, log: Path, seconds: float = READY_SECONDS
) -> None:
    """Wait until something answers; names the log to read when it does not."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise CannotStart(f"{what} did not become ready in {seconds:.0f} s; read {log}.")
        time.sleep(0.1)


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    shown = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip().replace(" ", "\0")


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the process and its own children, which share its session."""
    with suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _newest_source() -> float:
    return max(
        path.stat().st_mtime for folder in WATCHED_FOLDERS for path in Path(folder).rglob("*.py")
    )
