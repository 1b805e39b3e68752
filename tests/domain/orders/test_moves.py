"""The lives of orders, lines, payments and refunds: one table each, the same in code and SQL."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from domain import checkout
from domain.checkout import LineWish, Purchase
from domain.kernel import connection
from domain.orders import LINE_MOVES, ORDER_MOVES, may_move
from domain.payments import PAYMENT_MOVES, REFUND_MOVES
from tests import make

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize(
    ("function", "moves"),
    [
        ("order_move_listed", ORDER_MOVES),
        ("line_move_listed", LINE_MOVES),
        ("payment_move_listed", PAYMENT_MOVES),
        ("payment_refund_move_listed", REFUND_MOVES),
    ],
)
async def test_the_database_holds_the_same_table(
    function: str, moves: Mapping[Any, frozenset[Any]]
) -> None:
    pairs = [(before, after) for before in moves for after in moves]
    async with connection() as conn:
        for before, after in pairs:
            listed = await conn.fetchval(f"SELECT {function}($1, $2)", before, after)
            assert listed == (after in moves[before]), (before, after)


async def test_no_plain_statement_moves_an_order_by_another_way() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    purchase = Purchase((LineWish(variant.sku, 1),), "key", by_channel=True)
    order = (await checkout.place_order(buyer, purchase)).order
    async with connection() as conn:
        for status in ("DELIVERED", "REFUNDED", "DELIVERING"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute(
                    "UPDATE orders SET status = $2, paid_at = now() WHERE id = $1", order.id, status
                )
        with pytest.raises(asyncpg.CheckViolationError):  # paid, and when?
            await conn.execute("UPDATE orders SET status = 'PAID' WHERE id = $1", order.id)
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("UPDATE orders SET total = 1 WHERE id = $1", order.id)


def test_staying_is_no_move() -> None:
    assert not any(may_move(status, status) for status in ORDER_MOVES)
