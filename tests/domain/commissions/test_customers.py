"""A page of an agent's customers' orders reads that page, however much others sell."""

import pytest

from domain.commissions.statements import CUSTOMER_ORDERS
from tests.domain.tiers.test_bounds import MANY, MOST, OWN, books
from tests.statements import rows_read

pytestmark = pytest.mark.usefixtures("db")
PAGE = 21


async def test_a_page_is_found_by_the_index_of_few_and_of_many() -> None:
    few, many = await books()
    assert OWN <= await rows_read(CUSTOMER_ORDERS, few.id, None, PAGE, []) < MOST
    assert PAGE <= await rows_read(CUSTOMER_ORDERS, many.id, None, PAGE, []) < MOST


async def test_twin_without_saying_what_the_index_is_of_all_orders_are_read() -> None:
    few, _ = await books()
    silent = CUSTOMER_ORDERS.replace("AND o.agent_chain <> '{}'", "")
    assert silent != CUSTOMER_ORDERS
    assert await rows_read(silent, few.id, None, PAGE, []) > MANY
