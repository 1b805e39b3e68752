"""The short chaos run: every fault of the simulator, kills, and both books agree after all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.conftest import ROOT

pytestmark = pytest.mark.xdist_group("chaos")
RUN_SECONDS = 900  # a busy machine; an idle one needs a fifth of it


def test_nothing_is_lost_or_bought_twice_when_everything_breaks(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if "KAMENG" not in name}
    run = subprocess.run(
        [sys.executable, "-m", "server.cli", "chaos", "--orders", "60", "--seed", "7"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6_000:] + run.stderr[-3_000:]
    assert "Both books agree." in run.stdout
    assert (tmp_path / "var/chaos/log").is_dir()
