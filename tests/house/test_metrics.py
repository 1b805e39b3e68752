"""The figures say what waits."""

import pytest

from domain import checkout
from domain.checkout import LineWish, Purchase
from domain.kernel import connection
from server import metrics
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def test_backlogs_are_counted() -> None:
    variant = await make.variant(cards=1)
    await checkout.place_order(await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key"))
    metrics.request_done("/graphql/shop", 200, 0.01)
    text = (await metrics.render()).decode()
    async with connection() as conn:
        waiting = await conn.fetchval("SELECT count(*) FROM outbox_events")
    assert waiting > 0
    assert f'kameng_backlog{{kind="outbox"}} {waiting}.0' in text
    assert 'kameng_http_requests_total{route="/graphql/shop",status="200"}' in text
