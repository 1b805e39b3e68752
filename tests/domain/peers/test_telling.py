"""Partners that listen are told what changes of what they may buy, and nothing else (D6, O5)."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import checkout, peers, pricing, webhooks
from domain.agents.models import Tier
from domain.catalog.models import Variant, VariantStatus
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, Forbidden, Refused, claim_unpublished, connection, transaction
from domain.peers import GOODS_CHANGED, PeerRound, ToldGoods, rules, telling
from domain.webhooks import EndpointWish
from tests import make
from tests.api.asking import data_of
from tests.domain.webhooks.test_deliveries import Recorder

pytestmark = pytest.mark.usefixtures("db")
SCOPES = frozenset({"webhooks:read", "webhooks:write", "catalog:read"})
TOLD = "SELECT payload FROM outbox_events WHERE type = $1 ORDER BY subject, sequence"
CATALOG = "{ catalog(first: 50) { nodes { sku stockLevel price { amount currency } } } }"


async def partner(**endpoint: Any) -> Actor:
    """Somebody who listens, and has been looked at once."""
    actor = replace(await make.buyer(), scopes=SCOPES)
    await listen(actor, **endpoint)
    await begin()
    return actor


async def begin() -> None:
    """Everything was told once, and has arrived; what was told since is what `told` finds."""
    while await peers.tell_partners():
        async with connection() as conn:
            await conn.execute("TRUNCATE outbox_events, webhook_deliveries")


async def listen(actor: Actor, url: str = "https://peer.test") -> webhooks.NewEndpoint:
    return await webhooks.create_endpoint(actor, EndpointWish(url, [GOODS_CHANGED]))


async def told() -> list[list[dict[str, Any]]]:
    """The items of all messages so far."""
    async with connection() as conn:
        rows = await conn.fetch(TOLD, GOODS_CHANGED)
    return [by_sku(*json.loads(row["payload"])["items"]) for row in rows]


def by_sku(*items: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda each: str(each["sku"]))


async def price(variant: Variant, amount: int) -> None:
    await pricing.set_prices(
        make.OPERATOR, variant.id, [pricing.TierPrice("retail", make.yuan(amount))]
    )


def item(variant: Variant, amount: str, level: str = "IN_STOCK") -> dict[str, Any]:
    price = {"amount": amount, "currency": "CNY"}
    return {"sku": variant.sku, "onSale": True, "price": price, "stockLevel": level}


async def test_who_begins_to_listen_is_told_everything() -> None:
    """What changes between reading a list and the first look would else be told by nobody."""
    first, second = await make.variant(), await make.variant(cards=1)
    await listen(replace(await make.buyer(), scopes=SCOPES))
    await price(first, 51)
    assert await peers.tell_partners() == 2
    assert await told() == [by_sku(item(first, "51.00", "OUT"), item(second, "49.00", "LOW"))]
    assert await peers.tell_partners() == 0


async def test_what_changed_is_told_once_and_together() -> None:
    first, second, third = [await make.variant(cards=1) for _ in range(3)]
    await partner()
    assert await ToldGoods.all().count() == 3
    await price(first, 51)
    await price(first, 52)
    await price(second, 53)
    await price(third, 99)
    await price(third, 49)  # back before anybody looked
    assert await peers.tell_partners() == 2
    assert await told() == [by_sku(item(first, "52.00", "LOW"), item(second, "53.00", "LOW"))]
    assert await peers.tell_partners() == 0


async def test_what_is_sold_out_comes_back_is_new_or_gone_is_told(sender: Recorder) -> None:
    sold, other = await make.variant(cards=1), await make.variant(cards=1)
    await partner()
    wish = Purchase((LineWish(sold.sku, 1),), "one")
    await checkout.place_order(await make.buyer(), wish)
    await peers.tell_partners()
    assert (await told())[-1] == [item(sold, "49.00", "OUT")]
    await go_out()
    await make.offer(sold, make.yuan(40))
    await Variant.filter(id=other.id).update(status=VariantStatus.SUSPENDED)
    fresh = await make.variant(price=make.yuan(7))
    assert await peers.tell_partners() == 3
    gone = {"sku": other.sku, "onSale": False, "price": None, "stockLevel": "OUT"}
    assert (await told())[-1] == by_sku(item(sold, "49.00"), item(fresh, "7.00", "OUT"), gone)
    assert await ToldGoods.filter(sku=other.sku).count() == 0


async def test_each_is_told_its_own_price_as_the_door_shows_it() -> None:
    from schema.partner import schema

    agent = await make.agent(tier=Tier.GOLD)
    variant = await make.variant(tier_prices={Tier.GOLD: make.yuan(45)})
    actor = replace(make.actor_of(await agent_login(agent.user_id)), scopes=SCOPES)
    actor = replace(actor, agent_id=agent.id)
    await listen(actor)
    await partner(url="https://retail.test")
    changes = [pricing.TierPrice("retail", make.yuan(48)), pricing.TierPrice("gold", make.yuan(44))]
    await pricing.set_prices(make.OPERATOR, variant.id, changes)
    assert await peers.tell_partners() == 2
    prices = {each["price"]["amount"] for (each,) in await told()}
    assert prices == {"44.00", "48.00"}
    (shown,) = (await data_of(schema, CATALOG, actor))["catalog"]["nodes"]
    assert shown["price"]["amount"] == "44.00"
    assert shown["stockLevel"] == "OUT"


async def test_while_a_message_is_on_its_way_the_rest_waits_and_is_told_together(
    sender: Recorder,
) -> None:
    first, second = await make.variant(), await make.variant()
    await partner()
    sender.answers = [webhooks.Receipt(500)]
    await price(first, 51)
    await peers.tell_partners()
    await go_out()  # refused there, and to be tried again
    await price(first, 52)
    await price(second, 53)
    for _ in range(3):
        assert await peers.tell_partners() == 0
    assert len(await told()) == 1
    with make.later(minutes=1):
        await go_out()
        assert await peers.tell_partners() == 2
    assert (await told())[-1] == by_sku(item(first, "52.00", "OUT"), item(second, "53.00", "OUT"))


async def test_an_endpoint_that_never_answers_holds_up_no_other_and_its_messages_do_not_pile_up(
    sender: Recorder,
) -> None:
    variant = await make.variant()
    actor = await partner(url="https://gone.test")
    await listen(actor, "https://here.test")
    sender.refuses = "https://gone.test"
    for amount in range(60, 70):
        await price(variant, amount)
        assert await peers.tell_partners() == 1
        await go_out()
    heard = [json.loads(body)["data"]["items"] for url, _, body in sender.sent if "here" in url]
    assert [some[0]["price"]["amount"] for some in heard] == [f"{n}.00" for n in range(60, 70)]
    states = await webhooks.WebhookDelivery.filter(state="pending").count()
    assert states == telling.MOST_BEHIND + 1


async def test_many_goods_are_looked_at_in_turns_and_told_in_some_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telling, "PAGE", 2)
    monkeypatch.setattr(telling, "PAGES_AT_ONCE", 2)
    variants = [await make.variant() for _ in range(7)]
    await partner()
    for variant in variants:
        await price(variant, 60)
    assert [await peers.tell_partners() for _ in range(3)] == [3, 4, 0]  # from where it stopped
    assert [len(some) for some in rules.in_messages(range(401))] == [200, 200, 1]


async def test_two_that_look_at_once_tell_once() -> None:
    variant = await make.variant()
    await partner()
    await price(variant, 51)
    assert sorted(await asyncio.gather(*(peers.tell_partners() for _ in range(3)))) == [0, 0, 1]
    assert len(await told()) == 1


async def test_who_listens_no_more_is_forgotten_and_begins_anew() -> None:
    variant = await make.variant()
    actor = await partner()
    (endpoint,) = await webhooks.list_endpoints(actor)
    assert (await peers.push_of(actor)).active
    await webhooks.disable_endpoint(actor, endpoint.id)
    assert not (await peers.push_of(actor)).active
    await peers.tell_partners()
    assert (await PeerRound.all().count(), await ToldGoods.all().count()) == (0, 0)
    await price(variant, 51)
    await listen(actor)
    assert await peers.tell_partners() == 1
    assert await told() == [[item(variant, "51.00", "OUT")]]
    with pytest.raises(Refused) as refused:
        await peers.push_of(replace(actor, scopes=frozenset()))
    assert isinstance(refused.value.refusals[0], Forbidden)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "INSERT INTO peer_rounds SELECT gen_random_uuid(), user_id, site_id, '', 0, now()"
            " FROM peer_rounds",
            "peer_round_once",
        ),
        ("UPDATE peer_rounds SET pushes = -1", "peer_round_counts_up"),
        ("UPDATE peer_rounds SET user_id = gen_random_uuid()", "peer_round_of_a_user"),
        ("UPDATE peer_rounds SET site_id = gen_random_uuid()", "peer_round_of_a_site"),
        ("UPDATE webhook_endpoints SET site_id = gen_random_uuid()", "endpoint_of_a_site"),
        (
            "INSERT INTO told_goods (id, round_id, sku, currency, level)"
            " SELECT gen_random_uuid(), round_id, sku, 'CNY', 'OUT' FROM told_goods",
            "told_goods_once",
        ),
        ("UPDATE told_goods SET round_id = gen_random_uuid()", "told_goods_of_a_round"),
    ],
)
async def test_the_database_refuses(statement: str, constraint: str) -> None:
    await make.variant()
    await partner()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        async with transaction() as conn:
            await conn.execute(statement)
    assert refused.value.constraint_name == constraint


async def go_out() -> None:
    """What relay and worker do with what was told."""
    async with transaction() as conn:
        await webhooks.fan_out(conn, await claim_unpublished(conn, 1_000))
        await conn.execute("UPDATE outbox_events SET published_at = now()")
    for delivery in await webhooks.list_due(100):
        await webhooks.deliver(delivery)


async def agent_login(user_id: UUID) -> Any:
    from domain.identity.models import User

    return await User.get(id=user_id)


@pytest.fixture
def sender() -> Recorder:
    made = Recorder()
    webhooks.register_sender(made)
    return made
