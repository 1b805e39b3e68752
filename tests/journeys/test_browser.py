"""The example web shop in a real browser: search, sign in, buy by wallet or channel, reveal."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
NEEDED = {
    "node": shutil.which("node"),
    "chromium": CHROMIUM,
    "the built shop (make web)": (ROOT / "frontend-examples/web-shop/dist/index.html").exists(),
    "playwright-core (make web)": (ROOT / "tests/browser/node_modules/playwright-core").exists(),
}
MISSING = [name for name, found in NEEDED.items() if not found]
pytestmark = [
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"),
]


def run(script: str, demo: dict[str, Any], shots: Path) -> None:
    done = subprocess.run(
        ["node", script, str(Path(demo["folder"]) / "var/demo.json"), str(shots)],
        cwd=ROOT / "tests/browser",
        env={**os.environ, "CHROMIUM": CHROMIUM},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_card_is_bought_in_the_browser(demo: dict[str, Any], tmp_path: Path) -> None:
    run("buy.mjs", demo, tmp_path)


def test_orders_are_paid_through_channels_in_the_browser(
    demo: dict[str, Any], tmp_path: Path
) -> None:
    run("pay.mjs", demo, tmp_path)
