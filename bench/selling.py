"""The process that plays the suppliers of the benchmarks."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from server.embedded import free_port

PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Suppliers:
    """Where they are spoken to."""

    origin: str

    def told(self) -> dict[str, Any]:
        """What they counted."""
        with urlopen(f"{self.origin}/told", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def selling() -> Iterator[Suppliers]:
    """Suppliers that answer at once, until the end of the block."""
    port = free_port()
    made = Suppliers(f"http://127.0.0.1:{port}")
    process = subprocess.Popen([sys.executable, "-m", "bench.supplier", str(port)])
    try:
        _wait_for(made)
        yield made
    finally:
        process.terminate()
        process.wait()


def _wait_for(made: Suppliers) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            made.told()
            return
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
