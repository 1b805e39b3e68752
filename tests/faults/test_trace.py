"""The trace from outside: the scheduler chains and signs, the commands verify, export and name."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from domain import checkout
from domain.cards.models import Card, CardEvent, CardSeal, TraceCheckpoint
from domain.checkout import LineWish, Purchase
from domain.kernel import Prefix, encode_id, transaction
from tests import make
from tests.faults.conftest import Installation

pytestmark = pytest.mark.xdist_group("kills")


async def command(
    installation: Installation, *words: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `kameng` beside the test's own event loop."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "server.cli", *words],
        cwd=installation.folder,
        env={**installation.environment, "COLUMNS": "300"},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


async def tamper(sql: str) -> None:
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(sql)


async def sealed_and_signed() -> None:
    """Until the scheduler has come to all of it."""
    for _ in range(300):
        links, events = await CardSeal.all().count(), await CardEvent.all().count()
        if links == events and await TraceCheckpoint.all().count():
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"{links} of {events} events are sealed")


async def test_what_the_scheduler_chained_is_verified_and_an_altered_row_named(
    installation: Installation,
) -> None:
    variant, buyer = await make.variant(cards=3), await make.buyer()
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    installation.start("scheduler")
    await sealed_and_signed()
    installation.kill("scheduler")
    export = Path(installation.folder) / "checkpoints.jsonl"
    assert (await command(installation, "checkpoints", "take")).returncode == 0
    assert (await command(installation, "checkpoints", "export", str(export))).returncode == 0
    lines = [json.loads(line) for line in export.read_text().splitlines()]
    assert [json.loads(line["statement"])["number"] for line in lines] == [1, 2]
    shown = await command(installation, "checkpoints", "list")
    assert lines[0]["publicKey"] in shown.stdout
    for name in ("verify-cards", "verify-ledger"):
        holds = await command(installation, name, "--against", str(export))
        assert holds.returncode == 0, holds.stdout + holds.stderr
    card = await Card.filter(order_line_id=None).first()
    assert card is not None
    await tamper(f"UPDATE card_secrets SET sealed = sealed || '\\x00' WHERE card_id = '{card.id}'")
    found = await command(installation, "verify-cards")
    assert found.returncode == 1
    assert f"card {encode_id(Prefix.CARD, card.id)}: its sealed code was altered" in found.stderr
    await tamper("DELETE FROM trace_checkpoints")
    await tamper("DELETE FROM seals WHERE sequence = (SELECT max(sequence) FROM seals)")
    cut = await command(installation, "verify-ledger", "--against", str(export))
    assert cut.returncode == 1
    assert "checkpoint 2 was exported and is gone" in cut.stderr
    assert "the chain of ledger ended at link" in cut.stderr


async def test_a_fingerprint_is_made_of_what_stands_on_standard_input(
    installation: Installation,
) -> None:
    variant = await make.variant()
    (card,) = await make.stock(variant, 1)
    unknown = await command(installation, "cards", "fingerprint", given="NO-SUCH-CODE\n")
    assert unknown.returncode == 1
    assert "NO-SUCH-CODE" not in unknown.stdout + unknown.stderr
    three = await command(installation, "cards", "fingerprint", given="A\nB\nC\n")
    assert three.returncode == 1
    by_sku = await command(
        installation, "cards", "fingerprint", "--sku", variant.sku, given="NO-SUCH-CODE\n"
    )
    assert by_sku.stdout.split()[0] == variant.sku
    assert len(by_sku.stdout.split()[1]) == 64
    assert encode_id(Prefix.CARD, card.id) not in by_sku.stdout
