"""What is read of an agent's orders is that agent's, however many others there are."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import checkout
from domain.agents import Agent
from domain.bonuses import statements as of_bonuses
from domain.checkout import LineWish, Purchase
from domain.kernel import clock, connection, new_id
from domain.tiers import statements as of_tiers
from tests import make
from tests.statements import rows_read

pytestmark = pytest.mark.usefixtures("db")
MANY, OWN, MOST = 3_000, 3, 200
_ORDERS = """
INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', uuidv7(),
    'number', 'C' || n, 'agent_chain', ARRAY[$2::uuid], 'external_id', NULL))).*
FROM orders o, generate_series(1, $3::int) n WHERE o.id = $1
"""
_LINES = """
INSERT INTO order_lines SELECT (jsonb_populate_record(l, jsonb_build_object('id', uuidv7(),
    'order_id', o.id))).*
FROM order_lines l, orders o WHERE l.order_id = $1 AND o.number LIKE 'C%'
"""
SINCE = timedelta(days=1)
ZERO = UUID(int=0)


async def books() -> tuple[Agent, Agent]:
    """An agent with three orders, and one with three thousand."""
    few, many = await make.agent(), await make.agent()
    variant = await make.variant(cards=OWN + 1)
    for agent in (few, few, few, many):
        buyer = await make.buyer(referrer=agent.id)
        wish = Purchase((LineWish(variant.sku, 1),), str(new_id()))
        order = (await checkout.place_order(buyer, wish)).order
    async with connection() as conn:
        await conn.execute(_ORDERS, order.id, many.id, MANY)
        await conn.execute(_LINES, order.id)
        await conn.execute("ANALYZE orders, order_lines, agents, accounts, users")
    return few, many


def asked(name: str, agent: Agent) -> tuple[Any, ...]:
    """A statement and its values, for one agent and the last two days."""
    begins, ends = clock.now() - SINCE, clock.now() + SINCE
    match name:
        case "measures":
            return of_tiers.MEASURES, [agent.id], [begins], ends, ZERO, make.CNY
        case "volumes":
            return of_tiers.VOLUMES, [agent.id], begins, ends, ZERO, make.CNY
    values = {
        "agents": [agent.id],
        "subjects": [agent.id],
        "oldest": ZERO,
        "currency": make.CNY,
        "begins": begins,
        "ends": ends,
        "by_link": False,
        "plan": new_id(),
    }
    statement = of_bonuses.LINE_OF if name == "lines" else of_bonuses.AGENTS_OF
    return statement.text, *statement.values({each: values[each] for each in statement.names})


@pytest.mark.parametrize("name", ["measures", "volumes", "lines", "referred"])
async def test_an_agents_orders_are_found_by_their_index(name: str) -> None:
    few, _ = await books()
    assert OWN <= await rows_read(*asked(name, few)) < MOST


@pytest.mark.parametrize("name", ["measures", "volumes", "lines", "referred"])
async def test_twin_without_saying_what_the_index_is_of_all_orders_are_read(name: str) -> None:
    few, _ = await books()
    statement, *values = asked(name, few)
    silent = statement.replace("AND o.agent_chain <> '{}'", "")
    assert silent != statement
    assert await rows_read(silent, *values) > MANY
