"""kill -9 of the reconciler at every step: run again, each difference is told once (row F3)."""

import asyncio

import pytest

from domain import checkout
from domain.cards.models import Card
from domain.checkout import LineWish, Purchase
from domain.kernel import connection, transaction
from domain.reconciliation.models import ReconciliationFinding, ReconciliationItem
from domain.webhooks.models import OutboxEvent
from tests import make
from tests.faults.conftest import CRASHED, Installation
from tests.faults.test_imports import command

pytestmark = pytest.mark.xdist_group("kills")
STEPS = (
    "reconciliation.window_written",
    "reconciliation.window_committed",
    "reconciliation.slice_written",
    "reconciliation.slice_committed",
)


async def sell(number: int) -> Card:
    """One card, whose move the store then loses."""
    variant, buyer = await make.variant(cards=2), await make.buyer()
    wish = Purchase((LineWish(variant.sku, 1),), f"key {number}")
    placed = await checkout.place_order(buyer, wish)
    return await Card.get(order_line_id=placed.lines[0].id)


async def forget_move_of(card: Card) -> None:
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("DELETE FROM card_events WHERE order_line_id = $1", card.order_line_id)


async def test_a_reconciler_that_dies_at_every_step_tells_each_difference_once(
    installation: Installation,
) -> None:
    cards = [await sell(number) for number in range(3)]
    await forget_move_of(cards[1])
    for point in STEPS:
        installation.environment["KAMENG_CRASH_AT"] = point
        done = await asyncio.to_thread(command, installation, "reconcile")
        assert done.returncode == CRASHED, (point, done.stdout, done.stderr)
    installation.environment["KAMENG_CRASH_AT"] = ""
    done = await asyncio.to_thread(command, installation, "reconcile")
    assert done.returncode == 1, done.stdout + done.stderr
    kinds = sorted([each.kind for each in await ReconciliationFinding.all()])
    # Of the store a card is missing at two places: where it was, and where it went.
    assert kinds == ["sale_without_cards", "store_differs", "store_differs"]
    told = await OutboxEvent.filter(type="reconciliation.mismatch").count()
    assert told == len(kinds)
    async with connection() as conn:
        agreed = await conn.fetchval(
            "SELECT sum(number) FROM reconciliation_days WHERE line = 'sold'"
        )
    assert agreed == 2
    assert await ReconciliationItem.filter(finding_id=None).count() == 0
