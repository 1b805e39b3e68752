"""Channels by site, secrets that never show, and who may do what with payments (rows F1, F2)."""

import json
from dataclasses import replace

import pytest

from domain import checkout, payments, sites
from domain.checkout import LineWish, Purchase
from domain.kernel import Prefix, Refused, clock, connection, encode_id
from domain.payments import ChannelWish, PaymentChannel, StartWish, Way
from schema.admin import schema as admin_schema
from schema.shop import schema as shop_schema
from tests import make
from tests.api.asking import ask, data_of
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
METHODS = "{ paymentMethods { code name ways } }"
SAVE = """
mutation Save($input: PaymentChannelSaveInput!) { paymentChannelSave(input: $input) {
  channel { code merchant splitCapable } userErrors { code field } } }
"""


def wish(code: str, merchant: str) -> ChannelWish:
    return ChannelWish(
        code=code,
        adapter="vendor",
        merchant=merchant,
        name_zh="测试",
        name_en="Test",
        base_url="https://vendor.example",
        ways=(Way.PAGE,),
        secrets={"key": "canary-secret"},
    )


async def two_sites() -> tuple[sites.Site, PaymentChannel, PaymentChannel]:
    """A site of its own with a channel of its own, and one of every site."""
    payments.register("vendor", Vendor())
    moment = clock.now()
    own = await sites.Site.create(
        slug="north",
        name_zh="北",
        name_en="North",
        currency="CNY",
        language="zh",
        status=sites.SiteStatus.OPEN,
        assortment=sites.Assortment.EVERYTHING,
        created_at=moment,
        updated_at=moment,
    )
    here = await payments.save_channel(
        make.OPERATOR, replace(wish("north-pay", "m-north"), site_id=own.id)
    )
    everywhere = await payments.save_channel(make.OPERATOR, wish("pay", "m-main"))
    return own, here, everywhere


async def test_two_sites_have_two_channels() -> None:
    own, here, everywhere = await two_sites()
    buyer = await make.buyer(0)
    at_north = replace(buyer, site_id=own.id)
    main = await data_of(shop_schema, METHODS, buyer)
    assert [each["code"] for each in main["paymentMethods"]] == ["pay"]
    north = await data_of(shop_schema, METHODS, at_north)
    assert [each["code"] for each in north["paymentMethods"]] == ["north-pay", "pay"]
    variant = await make.variant(cards=1)
    purchase = Purchase((LineWish(variant.sku, 1),), "key", by_channel=True)
    order = (await checkout.place_order(buyer, purchase)).order
    with pytest.raises(Refused, match="PAYMENT_METHOD_UNUSABLE"):
        await payments.start_payment(buyer, StartWish(order.id, here.id, Way.PAGE, "pay"))
    begun = await payments.start_payment(buyer, StartWish(order.id, everywhere.id, Way.PAGE, "pay"))
    assert begun.payment.channel_id == everywhere.id


async def test_where_the_wallet_alone_pays_no_channel_is_offered() -> None:
    """At a site of another currency an order by channel is refused, so none is shown."""
    own, _, _ = await two_sites()
    buyer = await make.buyer(0)
    await sites.Site.filter(id=own.id).update(currency="USD")
    at_north = replace(buyer, site_id=own.id)
    assert (await data_of(shop_schema, METHODS, at_north))["paymentMethods"] == []
    assert (await data_of(shop_schema, METHODS, buyer))["paymentMethods"] != []


async def test_a_channel_is_kept_by_who_may_and_its_secrets_never_show() -> None:
    payments.register("vendor", Vendor())
    given = {
        "code": "shop",
        "adapter": "vendor",
        "merchant": "m-1",
        "nameZh": "测试",
        "nameEn": "Test",
        "baseUrl": "https://vendor.example",
        "ways": ["PAGE"],
        "secrets": [{"name": "key", "value": "canary-secret"}],
    }
    nobody = await ask(admin_schema, SAVE, await make.operator("payments:read"), input=given)
    assert [error.extensions["code"] for error in nobody.errors] == ["FORBIDDEN"]
    assert await PaymentChannel.all().count() == 0
    owner = await make.operator("payments:write")
    saved = await data_of(admin_schema, SAVE, owner, input=given)
    assert saved["paymentChannelSave"]["userErrors"] == []
    assert "canary" not in json.dumps(saved)
    wrong = {**given, "secrets": [{"name": "other", "value": "x"}]}
    refused = await data_of(admin_schema, SAVE, owner, input=wrong)
    assert [each["code"] for each in refused["paymentChannelSave"]["userErrors"]] == ["INVALID"]
    moved = await data_of(admin_schema, SAVE, owner, input={**given, "merchant": "m-2"})
    assert [each["code"] for each in moved["paymentChannelSave"]["userErrors"]] == ["INVALID"]
    channel = await PaymentChannel.get()
    assert b"canary" not in channel.secrets_sealed
    assert "canary" not in repr(payments.connection_of(channel))
    async with connection() as conn:
        told = await conn.fetchval("SELECT string_agg(details::text, '') FROM audit_entries")
    assert "canary" not in told


async def test_another_s_payment_sounds_like_none() -> None:
    payments.register("vendor", Vendor())
    channel = await payments.save_channel(make.OPERATOR, wish("pay", "m"))
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    purchase = Purchase((LineWish(variant.sku, 1),), "key", by_channel=True)
    order = (await checkout.place_order(buyer, purchase)).order
    begun = await payments.start_payment(buyer, StartWish(order.id, channel.id, Way.PAGE, "pay"))
    query = "query P($id: ID!) { payment(id: $id) { status } }"
    payment_id = encode_id(Prefix.PAYMENT, begun.payment.id)
    assert await data_of(shop_schema, query, buyer, id=payment_id) == {
        "payment": {"status": "PENDING"}
    }
    stranger = await make.buyer(0)
    assert await data_of(shop_schema, query, stranger, id=payment_id) == {"payment": None}
