"""The page behind a claim link, in a real browser, under its own policy."""

import asyncio
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from domain import notifications
from domain.claims import CHALLENGED
from domain.kernel import clock, connection
from domain.notifications import ChannelWish, Medium
from tests import make
from tests.faults.conftest import Installation, installation  # noqa: F401 - the fixture
from tests.shop_client import Client
from tests.sinks import sms_sink

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


async def handed_on(
    house: Installation, folder: Path, recipient: dict[str, str] | None, messages: str = ""
) -> None:
    """A card is bought, linked and claimed in the browser; its buyer has seen the same code."""
    variant = await make.variant(cards=1)
    buyer = Client(f"{house.origin}/graphql/shop", await make.token(await make.buyer()))
    order = (await asyncio.to_thread(buyer.buy, variant.sku))["order"]
    ends = (clock.now() + timedelta(days=1)).isoformat()
    wish = {"orderId": order["id"], "expiresAt": ends, "idempotencyKey": "link"}
    wish |= {"recipient": recipient} if recipient else {}
    made = (await asyncio.to_thread(buyer.data, CREATE, input=wish))["claimLinkCreate"]
    assert made["userErrors"] == []
    run = await asyncio.to_thread(
        subprocess.run,
        ["node", "claim.mjs", made["address"]["url"], str(folder), *filter(None, [messages])],
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


async def test_a_card_is_claimed_in_the_browser(
    installation: Installation,  # noqa: F811
    tmp_path: Path,
) -> None:
    installation.start("serve")
    await handed_on(installation, tmp_path, None)


async def test_a_bound_card_is_claimed_with_the_code_from_the_message(
    installation: Installation,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications.allowed, "private_addresses", True)
    with sms_sink() as sink:
        wish = ChannelWish("sms", Medium.SMS, [CHALLENGED], sink.url, "0123456789abcdef")
        await notifications.save_channel(await make.operator("notifications:write"), wish)
        installation.start("serve", "worker", "scheduler")
        await handed_on(installation, tmp_path, {"phone": "13800138000"}, sink.url)
    assert [each["to"] for each in sink.texts] == ["+8613800138000"]
