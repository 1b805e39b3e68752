"""The page behind a claim link, in a real browser, under its own policy."""

import asyncio
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from domain.kernel import clock, connection
from tests import make
from tests.faults.conftest import Installation, installation  # noqa: F401 - the fixture
from tests.shop_client import Client

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
NEEDED = {
    "node": shutil.which("node"),
    "chromium": CHROMIUM,
    "playwright-core (make web)": (ROOT / "tests/browser/node_modules/playwright-core").exists(),
}
MISSING = [name for name, found in NEEDED.items() if not found]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")
CREATE = """mutation Make($input: ClaimLinkCreateInput!) { claimLinkCreate(input: $input) {
    address { url } userErrors { code } } }"""


async def test_a_card_is_claimed_in_the_browser(
    installation: Installation,  # noqa: F811
    tmp_path: Path,
) -> None:
    variant = await make.variant(cards=1)
    buyer = Client(f"{installation.origin}/graphql/shop", await make.token(await make.buyer()))
    installation.start("serve")
    order = (await asyncio.to_thread(buyer.buy, variant.sku))["order"]
    ends = (clock.now() + timedelta(days=1)).isoformat()
    wish = {"orderId": order["id"], "expiresAt": ends, "idempotencyKey": "link"}
    made = await asyncio.to_thread(buyer.data, CREATE, input=wish)
    run = await asyncio.to_thread(
        subprocess.run,
        ["node", "claim.mjs", made["claimLinkCreate"]["address"]["url"], str(tmp_path)],
        cwd=ROOT / "tests/browser",
        env={**os.environ, "CHROMIUM": CHROMIUM},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    shown = await asyncio.to_thread(buyer.reveal, order["id"])
    assert run.stdout.strip() == shown[0]["secret"]
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM claim_uses") == 1
