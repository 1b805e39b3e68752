"""Custodians: a file, and an address that the simulator plays (mission row F4)."""

from datetime import UTC, date, datetime
from pathlib import Path

import httpx2 as httpx

from adapters.custody import FileCustody, HttpCustody
from adapters.http import PartnerClient
from tests import make


async def test_a_file_tells_what_is_held(tmp_path: Path) -> None:
    path, day = tmp_path / "held.csv", date(2026, 11, 26)
    file = FileCustody(path)
    assert await file.balance("CNY", day) is None
    path.write_text("day,currency,balance\n2026-11-26,CNY,10.50\n2026-11-26,CNY,12.50\n")
    assert await file.balance("CNY", day) == make.yuan("12.50")
    assert await file.balance("USD", day) is None
    path.write_text("day,currency,balance\n2026-11-26,CNY,much\n")
    assert await file.balance("CNY", day) is None


async def test_the_simulator_s_custodian_is_asked_over_http(simulator: str) -> None:
    client = PartnerClient()
    held = HttpCustody(client, f"{simulator}/custody")
    day = datetime.now(UTC).date()
    assert await held.balance("XXX", day) is None
    httpx.post(f"{simulator}/control/custody", json={"currency": "CNY", "balance": "70.25"})
    assert await held.balance("CNY", day) == make.yuan("70.25")
    nobody = HttpCustody(client, "http://127.0.0.1:9")
    assert await nobody.balance("CNY", day) is None
    await client.close()
