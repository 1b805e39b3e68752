"""The API dies while it sells by a quote: order and use stand together, or neither does."""

import httpx2 as httpx
import pytest

from domain import checkout
from domain.checkout import LineWish
from domain.kernel import Prefix, encode_id
from domain.pricing.models import Price
from tests import make
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, number_of, run
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("kills")
BUY = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { total { amount } } replayed userErrors { code } } }
"""


@pytest.mark.parametrize(
    ("point", "committed", "by_channel"),
    [
        ("checkout.before_commit", False, False),
        ("checkout.after_commit", True, False),
        ("checkout.unpaid_written", False, True),
    ],
)
async def test_the_api_dies_while_it_sells_by_a_quote(
    installation: Installation, point: str, committed: bool, by_channel: bool
) -> None:
    installation.start("serve", crash_at=point)
    variant = await make.variant(price=make.yuan(49), cards=2)
    buyer = await make.buyer()
    kept = await checkout.keep_quote(buyer, [LineWish(variant.sku, 1)])
    assert kept.id is not None
    await Price.filter(variant_id=variant.id).update(amount=make.yuan(60))
    client = Client(f"{installation.origin}/graphql/shop", await make.token(buyer))
    wish = {
        "idempotencyKey": "key",
        "lines": [{"sku": variant.sku, "quantity": 1}],
        "quoteId": encode_id(Prefix.QUOTE, kept.id),
        "payByChannel": by_channel,
    }
    with pytest.raises(httpx.TransportError):
        await run(client.send, BUY, input=wish)
    assert await number_of("quote_uses") == await number_of("orders") == int(committed)
    installation.kill("serve")
    installation.start("serve")
    payload = (await run(client.data, BUY, input=wish))["orderCreate"]
    assert payload["userErrors"] == []
    assert (payload["replayed"], payload["order"]["total"]) == (committed, {"amount": "49.00"})
    assert await number_of("quote_uses") == await number_of("orders") == 1
    await no_violations()
