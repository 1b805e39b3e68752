"""Events of cards and batches: who moved what, and digests that vouch for a million cards."""

import asyncio
from importlib import import_module

import asyncpg
import pytest

from domain import cards, checkout, orders
from domain.cards import tracing
from domain.cards.models import Card, CardEvent, CardSeal
from domain.checkout import LineWish, Purchase
from domain.invariants import find_violations
from domain.kernel import act_as, connection, transaction
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def events_of(card: Card) -> list[CardEvent]:
    return await CardEvent.filter(card_id=card.id).order_by("sequence")


async def faults() -> list[str]:
    return (await cards.verify_cards()).faults


async def test_an_import_writes_few_events_that_vouch_for_all_cards() -> None:
    variant = await make.variant(cards=2_500)
    assert await CardEvent.filter(card_id__isnull=False).count() == 0
    stored = await CardEvent.filter(action="stored").order_by("sequence")
    assert [each.cards for each in stored] == [1_000, 1_000, 500]
    assert {each.new_state for each in stored} == {"available"}
    assert {(each.actor_kind, each.actor_id) for each in stored} == {
        ("operator", make.OPERATOR.user_id)
    }
    assert await cards.seal_card_events() == await CardEvent.all().count()
    report = await cards.verify_cards()
    assert (report.cards, report.batches, report.faults) == (2_500, 1, [])
    assert await Card.filter(variant_id=variant.id).count() == 2_500


async def test_a_sale_and_its_first_look_are_told_of_the_buyer() -> None:
    variant, buyer = await make.variant(cards=3), await make.buyer()
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "key"))
    for _ in range(2):
        await orders.reveal_cards(buyer, placed.order.id, None)
    sold = await Card.filter(order_line_id=placed.lines[0].id).order_by("unit_number")
    for card in sold:
        first, look = await events_of(card)
        assert (first.sequence, first.action, first.old_state) == (1, "moved", "available")
        assert (first.new_state, first.order_line_id) == ("sold", placed.lines[0].id)
        assert (first.unit_number, first.actor_kind) == (card.unit_number, None)
        assert (look.sequence, look.action, look.actor_id) == (2, "revealed", buyer.user_id)
    await cards.seal_card_events()
    assert await CardSeal.all().count() == await CardEvent.all().count()
    assert await faults() == []


async def test_an_undo_names_who_did_it() -> None:
    (card,) = await make.stock(await make.variant(), 1)
    await cards.undo_batch(make.OPERATOR, card.batch_id)
    (event,) = await events_of(card)
    assert (event.old_state, event.new_state, event.reason) == ("available", "void", "undone")
    assert event.actor_id == make.OPERATOR.user_id
    assert await faults() == []


async def test_a_move_of_a_whole_batch_is_told_by_few_events() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    stored = await make.stock(variant, 1_500)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "key"))
    await cards.undo_batch(make.OPERATOR, stored[0].batch_id)
    assert await CardEvent.filter(card_id__isnull=False).count() == 2
    moved = await CardEvent.filter(action="moved", card_id=None).order_by("sequence")
    assert [each.cards for each in moved] == [1_000, 498]
    assert {(each.old_state, each.new_state, each.reason) for each in moved} == {
        ("available", "void", "undone")
    }
    await cards.seal_card_events()
    assert await faults() == []


async def test_two_sealers_at_once_make_one_chain() -> None:
    for _ in range(5):
        await make.stock(await make.variant(), 2)
    added = await asyncio.gather(*(cards.seal_card_events() for _ in range(4)))
    assert sum(added) == await CardEvent.all().count() == await CardSeal.all().count()
    assert await faults() == []


async def test_what_commits_late_is_sealed_all_the_same(database_url: str) -> None:
    """Events of a long transaction are older than what was sealed meanwhile."""
    first, second = await make.stock(await make.variant(), 2)
    late = await asyncpg.connect(database_url)
    try:
        long = late.transaction()
        await long.start()
        await late.execute("UPDATE cards SET state = 'frozen' WHERE id = $1", first.id)
        async with transaction() as conn:
            await conn.execute("UPDATE cards SET state = 'frozen' WHERE id = $1", second.id)
        before = await cards.seal_card_events()
        assert before == await CardEvent.all().count()
        await long.commit()
    finally:
        await late.close()
    assert await cards.seal_card_events() == 1
    last = await CardSeal.all().order_by("-sequence").first()
    assert last is not None
    assert last.event_id == (await events_of(first))[0].id
    assert await faults() == []


async def test_who_moves_cards_waits_for_nobody_who_holds_their_batch(database_url: str) -> None:
    """Else the two could wait for each other: one has the cards, the other the batch."""
    stored = await make.stock(await make.variant(), 150)
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute(
                "SELECT 1 FROM card_batches WHERE id = $1 FOR UPDATE", stored[0].batch_id
            )
            async with transaction() as conn:
                await conn.execute("SET LOCAL lock_timeout = '200ms'")
                await act_as(conn, make.OPERATOR)
                await conn.execute("UPDATE cards SET state = 'frozen', expires_on = '2040-01-01'")
    finally:
        await other.close()
    assert await faults() == []


async def test_a_backlog_is_sealed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "BATCH_EVENTS", 2)
    for _ in range(4):
        await make.stock(await make.variant(), 1)
    events = await CardEvent.all().count()
    assert events > 6
    assert await cards.seal_card_events() == events
    assert await faults() == []


async def test_cards_from_before_the_trace_are_adopted_as_they_are() -> None:
    variant, buyer = await make.variant(cards=3), await make.buyer()
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    async with transaction() as conn:
        await conn.execute("TRUNCATE card_events, card_seals")
    assert await faults() != []
    migration = import_module("domain.migrations.0010_trace")
    async with transaction() as conn:
        await conn.execute(migration.ADOPTED)
    await cards.seal_card_events()
    assert await faults() == []
    assert "I21" not in await broken()
    async with transaction() as conn:
        await conn.execute("UPDATE cards SET state = 'revealed' WHERE state = 'sold'")
    assert await faults() == []


async def test_rotations_are_told_and_the_trace_holds() -> None:
    stored = await make.stock(await make.variant(), 5)
    await cards.rotate_keys(make.OPERATOR)
    await cards.rotate_batch(make.OPERATOR, stored[0].batch_id)
    await cards.rotate_index(make.OPERATOR)
    told = {each.action: each for each in await CardEvent.filter(cards__isnull=False)}
    assert {name: each.cards for name, each in told.items()} == {
        "stored": 5,
        "resealed": 5,
        "reindexed": 5,
    }
    assert told["resealed"].actor_id == make.OPERATOR.user_id
    await cards.seal_card_events()
    assert await faults() == []


async def test_what_a_card_is_changes_by_a_named_actor_only() -> None:
    one, two = await make.stock(await make.variant(), 2)
    change = "UPDATE cards SET expires_on = '2040-01-01' WHERE id = $1"
    async with transaction() as conn:
        await act_as(conn, make.OPERATOR, "longer")
        await conn.execute(change, one.id)
    assert await faults() == []
    async with transaction() as conn:
        await conn.execute(change, two.id)
    (fault,) = await faults()
    assert "its row was altered" in fault


async def test_the_actor_ends_with_the_transaction() -> None:
    async with transaction() as conn:
        await act_as(conn, make.OPERATOR)
    for _ in range(20):
        async with connection() as conn:
            assert not await conn.fetchval("SELECT current_setting('kameng.actor', true)")


async def broken() -> dict[str, int]:
    return {each.name: each.violations for each in await find_violations() if each.violations}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE cards SET state = 'void' WHERE id = '{free}'", id="a move not told"),
        pytest.param("DELETE FROM card_events WHERE card_id = '{sold}'", id="a sale not told"),
        pytest.param(
            "UPDATE card_events SET old_state = 'void' WHERE card_id = '{sold}'", id="not listed"
        ),
        pytest.param("DELETE FROM card_events WHERE action = 'stored'", id="not born"),
    ],
)
async def test_the_invariant_sees_a_life_that_does_not_fit_its_events(change: str) -> None:
    variant, buyer = await make.variant(), await make.buyer()
    stored = await make.stock(variant, 150)
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    async with transaction() as conn:
        await conn.execute("UPDATE cards SET state = 'frozen' WHERE state = 'available'")
    sold = await Card.get(order_line_id=placed.lines[0].id)
    free = next(card for card in stored if card.id != sold.id)
    assert await broken() == {}
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(change.format(free=free.id, sold=sold.id))
    assert "I21" in await broken()
