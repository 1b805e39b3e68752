"""From event to receipt: who hears what, signed how, in which order, and how often it is tried."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from domain import checkout, webhooks
from domain.checkout import LineWish, Placed, Purchase
from domain.kernel import (
    Actor,
    ActorKind,
    Event,
    Forbidden,
    NotFound,
    Prefix,
    Refusal,
    Refused,
    claim_unpublished,
    clock,
    connection,
    decode_id,
    encode_id,
    new_id,
    page_request,
    record_events,
    transaction,
)
from domain.webhooks import DeliveryState, EndpointWish, Receipt, SendFault, WebhookDelivery, rules
from tests import make

pytestmark = pytest.mark.usefixtures("db")
URL = "https://shop.test/hook"
OK = Receipt(204)


@dataclass
class Recorder:
    """A sender that answers by script, and keeps what it was given."""

    answers: list[Receipt] = field(default_factory=list)
    sent: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    pause: float = 0.0
    refuses: str = ""  # an address that answers nobody

    async def send(self, url: str, headers: Mapping[str, str], body: str) -> Receipt:
        self.sent.append((url, dict(headers), body))
        await asyncio.sleep(self.pause)
        if url == self.refuses:
            return Receipt(None, fault=SendFault.UNREACHABLE)
        return self.answers.pop(0) if self.answers else OK

    def told(self) -> list[str]:
        return [json.loads(body)["type"] for _, _, body in self.sent]


@pytest.fixture
def sender() -> Recorder:
    made = Recorder()
    webhooks.register_sender(made)
    return made


async def order_of(buyer: Actor) -> Placed:
    """An order delivered from own stock."""
    variant = await make.variant(cards=1)
    return await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), variant.sku))


async def tell() -> list[UUID]:
    """What the relay does with the events that nobody has carried yet."""
    async with transaction() as conn:
        return await webhooks.fan_out(conn, await claim_unpublished(conn, 1_000))


async def happens(order_id: UUID, event: str, sequence: int) -> UUID:
    """One more event of an order, and the delivery that it makes."""
    async with transaction() as conn:
        await record_events(conn, [Event(event, order_id, sequence, {"sequence": sequence})])
    (made,) = await tell()
    return made


async def paid_and_told(sender: Recorder) -> tuple[webhooks.NewEndpoint, UUID]:
    """An endpoint that hears of a paid order only, and that one delivery, not tried yet."""
    buyer = await make.buyer()
    endpoint = await webhooks.create_endpoint(may_write(buyer), EndpointWish(URL, ["order.paid"]))
    await order_of(buyer)
    (delivery,) = await tell()
    return endpoint, delivery


def may_write(actor: Actor) -> Actor:
    return replace(actor, scopes=frozenset({"webhooks:read", "webhooks:write"}))


def owner_of(made: webhooks.NewEndpoint) -> Actor:
    return Actor(ActorKind.USER, user_id=made.endpoint.owner_id)


async def deliver_at(moment: datetime) -> None:
    """A sweep at some moment."""
    with clock.fixed(lambda: moment):
        for delivery in await webhooks.list_due(100):
            await webhooks.deliver(delivery)


async def refusal_of(actor: Actor, wish: EndpointWish) -> Refusal:
    with pytest.raises(Refused) as refused:
        await webhooks.create_endpoint(actor, wish)
    assert await webhooks.WebhookEndpoint.all().count() == 0
    return refused.value.refusals[0]


async def test_what_an_endpoint_may_not_be() -> None:
    buyer = await make.buyer()
    actor = may_write(buyer)
    paid = ["order.paid"]
    assert isinstance(await refusal_of(buyer, EndpointWish(URL, paid)), Forbidden)
    for_all = EndpointWish(URL, paid, all_orders=True)
    assert isinstance(await refusal_of(actor, for_all), Forbidden)
    refusal = await refusal_of(actor, EndpointWish("ftp://shop.test", paid))
    assert refusal.code == "WEBHOOK_URL_INVALID"
    for events in ([], ["order.paid", "order.eaten"]):
        assert (await refusal_of(actor, EndpointWish(URL, events))).code == "EVENT_UNKNOWN"


async def test_the_secret_is_sealed_and_shown_once() -> None:
    made = await make.webhook_endpoint(await make.buyer(), URL)
    assert made.secret not in repr(made)
    async with connection() as conn:
        rows = await conn.fetch("SELECT * FROM webhook_endpoints")
        audited = await conn.fetch("SELECT * FROM audit_entries")
    letters = made.secret.removeprefix("whsec_")
    assert letters not in str([dict(row) for row in rows])
    assert letters not in str([dict(row) for row in audited])


async def test_each_hears_of_its_own_orders_and_what_it_asked_for(sender: Recorder) -> None:
    ann, bob = await make.buyer(), await make.buyer()
    house = await make.operator("*")
    all_events = [name for name in webhooks.EVENTS if name.startswith("order.")]
    wishes = {
        "https://ann.test/all": (may_write(ann), EndpointWish("https://ann.test/all", all_events)),
        "https://ann.test/paid": (
            may_write(ann),
            EndpointWish("https://ann.test/paid", ["order.paid"]),
        ),
        "https://bob.test/all": (may_write(bob), EndpointWish("https://bob.test/all", all_events)),
        "https://house.test": (
            house,
            EndpointWish("https://house.test", ["order.paid"], all_orders=True),
        ),
        "https://house.test/own": (
            house,
            EndpointWish("https://house.test/own", ["order.paid"]),
        ),
    }
    for actor, wish in wishes.values():
        await webhooks.create_endpoint(actor, wish)
    gone = await webhooks.create_endpoint(may_write(ann), EndpointWish(URL, all_events))
    await webhooks.disable_endpoint(may_write(ann), gone.endpoint.id)
    orders = {"ann": await order_of(ann), "bob": await order_of(bob)}
    assert await tell()
    assert not await WebhookDelivery.filter(endpoint_id=gone.endpoint.id).exists()
    await deliver_at(clock.now())
    heard: dict[str, set[tuple[str, str]]] = {}
    for url, _, body in sender.sent:
        event = json.loads(body)
        heard.setdefault(url, set()).add((event["type"], event["data"]["number"]))
    paid = {name: ("order.paid", placed.order.number) for name, placed in orders.items()}
    assert heard.keys() == wishes.keys() - {"https://house.test/own"}
    assert heard["https://ann.test/paid"] == {paid["ann"]}
    assert heard["https://house.test"] == set(paid.values())
    for name in ("ann", "bob"):
        own = heard[f"https://{name}.test/all"]
        assert {number for _, number in own} == {orders[name].order.number}
        assert {paid[name], ("order.delivered", orders[name].order.number)} <= own


async def test_what_is_the_houses_is_heard_by_staff_with_its_scope_alone(
    sender: Recorder,
) -> None:
    """Not by buyers, not by other staff, and not by who has lost the scope or the login since."""
    buyer = may_write(await make.buyer())
    events = ["card_pool.low", "payment.suspended"]
    refusal = await refusal_of(buyer, EndpointWish(URL, events))
    assert refusal.code == "EVENT_UNKNOWN"
    assert not set(events) & set(getattr(refusal, "known", ()))
    cashier = await make.operator("webhooks:write", "payments:read")
    assert isinstance(await refusal_of(cashier, EndpointWish(URL, events)), Forbidden)
    both = await make.operator("webhooks:write", "payments:read", "cards:read")
    made = {
        "cashier": await webhooks.create_endpoint(cashier, EndpointWish(URL, events[1:])),
        "both": await webhooks.create_endpoint(both, EndpointWish(URL, events)),
        "lost": await webhooks.create_endpoint(
            await make.operator("webhooks:write", "cards:read"), EndpointWish(URL, events[:1])
        ),
    }
    names = {each.endpoint.id: name for name, each in made.items()}
    async with transaction() as conn:
        lost = made["lost"].endpoint.owner_id
        await conn.execute("UPDATE users SET scopes = '{webhooks:write}' WHERE id = $1", lost)
        await record_events(conn, [Event(name, new_id(), 1, {"a": 1}) for name in events])
    await tell()
    heard = {
        (names[each.endpoint_id], json.loads(each.body)["type"])  # type: ignore[attr-defined]
        for each in await WebhookDelivery.all()
    }
    assert heard == {("cashier", events[1]), ("both", events[0]), ("both", events[1])}
    async with transaction() as conn:
        await conn.execute("UPDATE users SET disabled_at = now() WHERE id = $1", both.user_id)
        await record_events(conn, [Event("card_pool.low", new_id(), 1, {"a": 2})])
    assert await tell() == []


async def test_a_user_hears_of_the_own_wallet_and_never_the_operators_note(
    sender: Recorder,
) -> None:
    ann, bob = await make.buyer(0), await make.buyer(0)
    wish = EndpointWish(URL, ["wallet.topped_up"])
    for each in (ann, bob):
        await webhooks.create_endpoint(may_write(each), wish)
    house = await make.operator("webhooks:write", "webhooks:all_orders", "users:read")
    await webhooks.create_endpoint(house, replace(wish, all_orders=True))
    await webhooks.create_endpoint(house, wish)  # of the own wallet, which nobody tops up
    assert ann.user_id is not None
    await make.top_up(ann.user_id, make.yuan(5))
    assert len(await tell()) == 2
    bodies = [json.loads(each.body) for each in await WebhookDelivery.all()]
    public = encode_id(Prefix.USER, ann.user_id)
    assert [each["data"]["userId"] for each in bodies] == [public, public]
    assert all("note" not in each["data"] for each in bodies)


async def test_an_order_is_told_of_from_its_placing_to_its_end(sender: Recorder) -> None:
    buyer = await make.buyer()
    events = [name for name in webhooks.EVENTS if name.startswith("order.")]
    await webhooks.create_endpoint(may_write(buyer), EndpointWish(URL, events))
    variant = await make.variant(cards=1)
    purchase = Purchase((LineWish(variant.sku, 1),), "key", by_channel=True)
    placed = await checkout.place_order(buyer, purchase)
    await checkout.cancel_order(buyer, placed.order.id)
    await tell()
    await deliver_at(clock.now())
    assert sender.told() == ["order.placed", "order.cancelled"]


async def test_the_same_events_make_the_same_deliveries_once(sender: Recorder) -> None:
    buyer = await make.buyer()
    await make.webhook_endpoint(buyer, URL)
    await order_of(buyer)
    assert len(await tell()) == 2
    assert await tell() == []
    assert await WebhookDelivery.all().count() == 2


async def test_what_is_sent_is_signed_and_tells_no_secret(sender: Recorder) -> None:
    buyer = await make.buyer()
    endpoint = await make.webhook_endpoint(buyer, URL)
    placed = await order_of(buyer)
    (first, _) = sorted(await tell())
    await webhooks.deliver(first)
    assert sender.told() == ["order.paid", "order.delivered"]
    for url, headers, body in sender.sent:
        assert url == URL
        event = Webhook(endpoint.secret).verify(body, headers)
        assert event["data"]["orderId"] == encode_id(Prefix.ORDER, placed.order.id)
        assert event["data"]["total"] == "49.00"
        assert "CODE-" not in body
        assert "CODE-" not in str(headers)
        assert headers["webhook-api-version"] == rules.API_VERSION
        with pytest.raises(WebhookVerificationError):
            Webhook(endpoint.secret).verify(body + " ", headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(rules.new_secret()).verify(body, headers)
    ids = [decode_id(Prefix.EVENT, headers["webhook-id"]) for _, headers, _ in sender.sent]
    assert len(set(ids)) == 2


async def test_a_failure_is_tried_again_by_the_schedule_until_it_is_dead(sender: Recorder) -> None:
    endpoint, delivery_id = await paid_and_told(sender)
    tries = len(rules.RETRY_AFTER_SECONDS) + 1
    failures = [Receipt(500, "no"), Receipt(302), Receipt(None, fault=SendFault.TIMEOUT)]
    sender.answers = [failures[number % 3] for number in range(tries)]
    for number in range(tries):
        delivery = await webhooks.find_delivery(delivery_id)
        assert delivery.state is DeliveryState.PENDING
        assert delivery.attempts == number
        due = delivery.next_attempt_at
        assert due is not None
        await deliver_at(due - timedelta(milliseconds=1))
        assert len(sender.sent) == number, "never before it is due"
        await deliver_at(due)
        assert len(sender.sent) == number + 1
    dead = await webhooks.find_delivery(delivery_id)
    assert (dead.state, dead.attempts, dead.next_attempt_at) == (DeliveryState.DEAD, tries, None)
    assert dead.finished_at is not None
    await deliver_at(clock.now() + timedelta(days=30))
    assert len(sender.sent) == tries
    assert len({body for _, _, body in sender.sent}) == 1
    assert len({headers["webhook-id"] for _, headers, _ in sender.sent}) == 1
    assert len({headers["webhook-timestamp"] for _, headers, _ in sender.sent}) == tries
    assert [int(h["webhook-attempt"]) for _, h, _ in sender.sent] == list(range(1, tries + 1))
    signatures = {headers["webhook-signature"] for _, headers, _ in sender.sent}
    assert len(signatures) == tries, "each try is signed for its own time"
    assert endpoint.secret not in str(sender.sent)


async def test_what_came_back_is_kept_short(sender: Recorder) -> None:
    _, delivery_id = await paid_and_told(sender)
    sender.answers = [Receipt(503, "名\0" * 5_000, retry_after_seconds=600)]
    before = clock.now()
    await webhooks.deliver(delivery_id)
    kept = await webhooks.find_delivery(delivery_id)
    assert (kept.last_status, kept.state) == (503, DeliveryState.PENDING)
    assert kept.last_answer is not None
    assert 0 < len(kept.last_answer) <= rules.MAX_ANSWER_LETTERS
    assert "\0" not in kept.last_answer
    assert kept.next_attempt_at is not None
    assert kept.next_attempt_at >= before + timedelta(seconds=600), "Retry-After is honoured"
    await deliver_at(kept.next_attempt_at)
    done = await webhooks.find_delivery(delivery_id)
    assert (done.state, done.last_status) == (DeliveryState.SUCCEEDED, 204)


async def test_gone_switches_the_endpoint_off_and_says_so(sender: Recorder) -> None:
    endpoint, delivery_id = await paid_and_told(sender)
    sender.answers = [Receipt(410)]
    await webhooks.deliver(delivery_id)
    found = await webhooks.WebhookEndpoint.get(id=endpoint.endpoint.id)
    assert (found.enabled, found.disabled_because) == (False, "gone")
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT payload->>'reason' AS reason FROM outbox_events"
            " WHERE type = 'webhook_endpoint.failing'"
        )
    assert [row["reason"] for row in told] == ["gone"]
    assert (await webhooks.find_delivery(delivery_id)).state is DeliveryState.DEAD


async def test_days_of_failures_switch_it_off_and_a_success_forgives(sender: Recorder) -> None:
    endpoint, first = await paid_and_told(sender)
    owner = may_write(owner_of(endpoint))
    begun = clock.now()
    sender.answers = [Receipt(500), OK, Receipt(500), Receipt(500)]
    await webhooks.deliver(first)
    assert (await webhooks.WebhookEndpoint.get(id=endpoint.endpoint.id)).failing_since is not None
    await deliver_at(begun + timedelta(hours=1))
    assert (await webhooks.WebhookEndpoint.get(id=endpoint.endpoint.id)).failing_since is None
    again = begun + timedelta(days=1)
    for moment in (again, again + rules.DISABLE_AFTER + timedelta(minutes=1)):
        assert (await webhooks.WebhookEndpoint.get(id=endpoint.endpoint.id)).enabled
        with clock.fixed(lambda moment=moment: moment):  # type: ignore[misc]
            await webhooks.redeliver(owner, first)
        await deliver_at(moment)
    found = await webhooks.WebhookEndpoint.get(id=endpoint.endpoint.id)
    assert (found.enabled, found.disabled_because) == (False, "failing")


async def test_of_one_order_each_hears_in_order(sender: Recorder) -> None:
    buyer = await make.buyer()
    wish = EndpointWish(URL, ["order.paid", "order.line_refunded", "order.delivery_failed"])
    await webhooks.create_endpoint(may_write(buyer), wish)
    stuck, free = await order_of(buyer), await order_of(buyer)
    assert len(await tell()) == 2
    later = await happens(stuck.order.id, "order.line_refunded", 90)
    last = await happens(stuck.order.id, "order.delivery_failed", 91)
    first = (await WebhookDelivery.get(subject=stuck.order.id, sequence=1)).id
    sender.answers = [Receipt(500)]
    await webhooks.deliver(first)
    await webhooks.deliver(later)
    await webhooks.deliver(last)
    assert sender.told() == ["order.paid"], "those behind it wait"
    assert later not in await webhooks.list_due(100)
    await deliver_at(clock.now())
    assert [subject_of_sent(each) for each in sender.sent[1:]] == [
        encode_id(Prefix.ORDER, free.order.id)
    ], "another order's events pass"
    await deliver_at(clock.now() + timedelta(minutes=1))
    assert sender.told()[2:] == ["order.paid", "order.line_refunded", "order.delivery_failed"]


def subject_of_sent(sent: tuple[str, dict[str, str], str]) -> str:
    return str(json.loads(sent[2])["data"]["orderId"])


async def test_a_dead_one_lets_the_next_pass(sender: Recorder) -> None:
    endpoint, first = await paid_and_told(sender)
    delivery = await webhooks.find_delivery(first)
    later = await happens_for(endpoint, delivery.subject)
    await WebhookDelivery.filter(id=first).update(attempts=len(rules.RETRY_AFTER_SECONDS))
    sender.answers = [Receipt(500)]
    await webhooks.deliver(first)
    states = [(await webhooks.find_delivery(each)).state for each in (first, later)]
    assert states == [DeliveryState.DEAD, DeliveryState.SUCCEEDED]


async def happens_for(endpoint: webhooks.NewEndpoint, order_id: UUID) -> UUID:
    """A second event of an order that its endpoint wants."""
    return await happens(order_id, endpoint.endpoint.events[0], 99)


async def test_two_jobs_at_once_send_once(sender: Recorder) -> None:
    _, delivery_id = await paid_and_told(sender)
    sender.pause = 0.1
    await asyncio.gather(*(webhooks.deliver(delivery_id) for _ in range(8)))
    assert len(sender.sent) == 1


async def test_a_lost_job_is_tried_again_after_its_lease(
    sender: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await paid_and_told(sender)

    async def die(*_: object) -> Receipt:
        raise ConnectionAbortedError

    with monkeypatch.context() as broken:
        broken.setattr(sender, "send", die)
        with pytest.raises(ConnectionAbortedError):
            await webhooks.deliver(delivery_id)
    assert await webhooks.list_due(10) == []
    await deliver_at(clock.now() + rules.LEASE)
    assert (await webhooks.find_delivery(delivery_id)).state is DeliveryState.SUCCEEDED


async def test_redelivery_is_the_owners_and_keeps_the_id(sender: Recorder) -> None:
    endpoint, delivery_id = await paid_and_told(sender)
    await webhooks.deliver(delivery_id)
    stranger = may_write(await make.buyer())
    with pytest.raises(Refused) as refused:
        await webhooks.redeliver(stranger, delivery_id)
    assert isinstance(refused.value.refusals[0], NotFound)
    assert await webhooks.list_due(10) == []
    owner = may_write(owner_of(endpoint))
    await webhooks.redeliver(owner, delivery_id)
    await deliver_at(clock.now())
    first, second = sender.sent
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    assert first[2] == second[2]


async def test_strangers_see_and_stop_nothing(sender: Recorder) -> None:
    endpoint, _ = await paid_and_told(sender)
    stranger = may_write(await make.buyer())
    page = page_request("webhookDeliveries", 10, None)
    assert await webhooks.list_endpoints(stranger) == []
    with pytest.raises(Refused):
        await webhooks.list_deliveries(stranger, endpoint.endpoint.id, page)
    with pytest.raises(Refused):
        await webhooks.disable_endpoint(stranger, endpoint.endpoint.id)
    assert (await webhooks.WebhookEndpoint.get(id=endpoint.endpoint.id)).enabled
