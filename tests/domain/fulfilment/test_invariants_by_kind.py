"""The invariants see what is wrong with top-ups and manual lines, and stay as sharp for cards."""

from typing import Any
from uuid import UUID

import pytest

from domain import checkout, fulfilment, suppliers
from domain.checkout import LineWish, Purchase
from domain.invariants import find_violations
from domain.kernel import transaction
from tests import make
from tests.domain.fulfilment.test_fulfilment import Scripted, goods, paid_line
from tests.domain.fulfilment.test_manual import hand_over, operator, queued
from tests.domain.fulfilment.test_topup import done, offered, paid

pytestmark = pytest.mark.usefixtures("db")


async def past_all_triggers(sql: str, *values: Any) -> None:
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(sql, *values)


async def broken() -> set[str]:
    return {each.name for each in await find_violations() if each.violations}


async def topped_up() -> UUID:
    port = Scripted()
    suppliers.register("scripted", port)
    _, line_id = await paid(await offered(["first"]))
    port.submits = {"first": [done()]}
    await fulfilment.fulfil_line(line_id)
    assert await broken() == set()
    return line_id


async def handed_over() -> UUID:
    _, line_id = await queued()
    worker = operator()
    await fulfilment.claim_line(worker, line_id)
    await fulfilment.deliver_line(worker, hand_over(line_id))
    assert await broken() == set()
    return line_id


async def bought_upstream() -> UUID:
    port = Scripted()
    suppliers.register("scripted", port)
    _, line_id = await paid_line(["first"])
    port.submits = {"first": [goods()]}
    await fulfilment.fulfil_line(line_id)
    assert await broken() == set()
    return line_id


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE fulfilment_attempts SET parked = true WHERE line_id = $1", {"I4"}),
        ("DELETE FROM fulfilment_attempts WHERE line_id = $1", {"I4"}),
        ("UPDATE order_lines SET type_version = 9 WHERE id = $1", {"I8"}),
        (
            "UPDATE order_lines SET delivery_kind = 'CARD_CODE', receipt = NULL WHERE id = $1",
            {"I4", "I8", "I9"},
        ),
        ("DELETE FROM transfers WHERE kind = 'sale' AND reference = $1", {"I4"}),
    ],
)
async def test_a_top_up_that_is_not_one(sql: str, found: set[str]) -> None:
    line_id = await topped_up()
    await past_all_triggers(sql, line_id)
    assert found <= await broken()


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DELETE FROM manual_tasks WHERE line_id = $1", {"I4"}),
        ("UPDATE manual_tasks SET delivered = false, reason = 'x' WHERE line_id = $1", {"I4"}),
        ("DELETE FROM transfers WHERE kind = 'sale' AND reference = $1", {"I4"}),
    ],
)
async def test_a_hand_over_that_is_not_one(sql: str, found: set[str]) -> None:
    line_id = await handed_over()
    await past_all_triggers(sql, line_id)
    assert found <= await broken()


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (
            "UPDATE cards SET state = 'available', order_line_id = NULL, unit_number = NULL,"
            " sold_at = NULL WHERE order_line_id = $1",
            {"I4"},
        ),
        (
            "UPDATE card_batches SET supplier_attempt_id = NULL WHERE supplier_attempt_id IN"
            " (SELECT id FROM fulfilment_attempts WHERE line_id = $1)",
            {"I9"},
        ),
    ],
)
async def test_cards_are_looked_at_as_before(sql: str, found: set[str]) -> None:
    line_id = await bought_upstream()
    await past_all_triggers(sql, line_id)
    assert found <= await broken()


async def test_a_card_of_the_pool_in_a_top_up_is_seen() -> None:
    line_id = await topped_up()
    variant = await make.variant(cards=1)
    placed = await checkout.place_order(
        await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key")
    )
    sql = "UPDATE cards SET order_line_id = $1 WHERE order_line_id = $2"
    await past_all_triggers(sql, line_id, placed.lines[0].id)
    assert "I4" in await broken()
