"""The relay loses nothing and doubles no effect, whoever dies and however many there are."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from domain import checkout, webhooks
from domain.checkout import LineWish, Placed, Purchase
from domain.kernel import Event, Prefix, connection, encode_id, new_id, record_events, transaction
from domain.webhooks import Receipt, WebhookDelivery
from jobs.relay import LONG_QUEUE
from tests import make

pytestmark = pytest.mark.usefixtures("db")


class Crash(BaseException):
    """The process ends here; nothing catches it."""


@pytest.fixture
def relay(queue: RedisBroker) -> Any:
    from jobs import relay

    return relay


class Messages:
    """What lies in the queue."""

    def __init__(self, broker: RedisBroker) -> None:
        self.broker = broker

    def of(self, queue: str) -> list[str]:
        """The ids that the messages of a queue carry."""
        found: Any = self.broker.client.hvals(f"{self.broker.namespace}:{queue}.msgs")
        messages: list[Message[Any]] = [Message.decode(each) for each in found]
        return sorted(argument for message in messages for argument in message.args)


@pytest.fixture
def messages(queue: RedisBroker) -> Messages:
    return Messages(queue)


class Recorder:
    """Everything goes through; keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, url: str, headers: Mapping[str, str], body: str) -> Receipt:
        self.sent.append(headers["webhook-id"])
        return Receipt(204)


async def queued_order() -> Placed:
    """A paid order whose one line waits for a supplier, heard of by one endpoint."""
    variant = await make.variant()
    await make.offer(variant, make.yuan(40))
    buyer = await make.buyer()
    await make.webhook_endpoint(buyer, "https://shop.test/hook")
    return await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))


async def unpublished() -> int:
    async with connection() as conn:
        return int(
            await conn.fetchval("SELECT count(*) FROM outbox_events WHERE published_at IS NULL")
        )


async def carry_all(relay: Any) -> None:
    for _ in range(20):
        if not await relay.run_once():
            return
    pytest.fail("the relay carries the same events again and again")


async def test_a_paid_order_becomes_a_job_and_a_delivery(relay: Any, messages: Messages) -> None:
    placed = await queued_order()
    assert await unpublished() >= 1
    await carry_all(relay)
    assert await unpublished() == 0
    assert messages.of("fulfilment") == [str(placed.lines[0].id)]
    deliveries = await WebhookDelivery.all()
    assert messages.of("webhooks") == [str(each.id) for each in deliveries]
    assert len(deliveries) == 1
    assert await relay.run_once() == 0
    assert len(messages.of("fulfilment")) == 1


async def test_own_stock_needs_no_job(relay: Any, messages: Messages) -> None:
    variant = await make.variant(cards=1)
    await checkout.place_order(await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key"))
    await carry_all(relay)
    assert await unpublished() == 0
    assert messages.of("fulfilment") == []


async def test_who_dies_before_marking_is_followed_by_one_who_sends_again(
    relay: Any, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = await queued_order()

    def die(point: str) -> None:
        if point == "relay.sent":
            raise Crash

    with monkeypatch.context() as dying:
        dying.setattr(relay, "crash_point", die)
        with pytest.raises(Crash):
            await relay.run_once()
    waiting = await unpublished()
    assert waiting > 0
    assert await WebhookDelivery.all().count() == 1
    await carry_all(relay)
    assert await unpublished() == 0
    line = str(placed.lines[0].id)
    assert messages.of("fulfilment") == [line, line], "the message comes twice, its effect must not"
    assert await WebhookDelivery.all().count() == 1
    recorder = Recorder()
    webhooks.register_sender(recorder)
    (delivery,) = messages.of("webhooks")
    await asyncio.gather(*(webhooks.deliver(UUID(delivery)) for _ in range(2)))
    assert len(recorder.sent) == 1


async def test_who_cannot_send_marks_nothing(
    relay: Any, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued_order()
    waiting = await unpublished()

    def fail(_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(relay, "_send", fail)
        with pytest.raises(ConnectionError):
            await relay.run_once()
    assert await unpublished() == waiting
    await carry_all(relay)
    assert await unpublished() == 0
    assert len(messages.of("fulfilment")) == 1


async def test_nothing_is_sent_inside_a_transaction(
    relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While messages go out over the network, no row is locked."""
    await queued_order()
    locked: list[int] = []

    async def look(_: object) -> None:
        async with transaction() as conn:
            free = await conn.fetch(
                "SELECT id FROM outbox_events WHERE published_at IS NULL FOR UPDATE SKIP LOCKED"
            )
            total = await conn.fetchval(
                "SELECT count(*) FROM outbox_events WHERE published_at IS NULL"
            )
            locked.append(total - len(free))

    monkeypatch.setattr(relay, "enqueue", look)
    await relay.run_once()
    assert locked == [0]


async def test_two_relays_at_once_make_each_effect_once(relay: Any, messages: Messages) -> None:
    placed = [await queued_order() for _ in range(5)]
    await asyncio.gather(*(carry_all(relay) for _ in range(4)))
    assert await unpublished() == 0
    assert set(messages.of("fulfilment")) == {str(each.lines[0].id) for each in placed}
    deliveries = await WebhookDelivery.all()
    assert len(deliveries) == len(placed)
    recorder = Recorder()
    webhooks.register_sender(recorder)
    await asyncio.gather(*(webhooks.deliver(UUID(each)) for each in messages.of("webhooks")))
    assert len(recorder.sent) == len(set(recorder.sent)) == len(placed)


async def test_events_are_marked_once(relay: Any) -> None:
    await queued_order()
    await carry_all(relay)
    async with connection() as conn:
        before = await conn.fetch("SELECT id, published_at FROM outbox_events ORDER BY id")
    await carry_all(relay)
    async with connection() as conn:
        assert await conn.fetch("SELECT id, published_at FROM outbox_events ORDER BY id") == before


async def test_more_than_a_batch_is_carried_oldest_first(
    relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 3)
    subject = new_id()
    async with transaction() as conn:
        await record_events(conn, [Event("order.delivering", subject, n, {}) for n in range(8)])
    sizes, carried = [], []
    while size := await relay.run_once():
        sizes.append(size)
        async with connection() as conn:
            rows = await conn.fetch(
                "SELECT sequence FROM outbox_events WHERE subject = $1"
                " AND published_at IS NOT NULL ORDER BY sequence",
                subject,
            )
        carried = [row["sequence"] for row in rows]
        assert carried == list(range(len(carried)))
    assert carried == list(range(8))
    assert max(sizes) == 3


@pytest.mark.parametrize(
    "payload",
    [{}, {"lines": [{}]}, {"lines": [{"id": "lin_nonsense", "status": "QUEUED"}]}, {"lines": None}],
)
async def test_an_event_that_cannot_be_read_holds_up_no_other(
    relay: Any, messages: Messages, payload: dict[str, Any]
) -> None:
    async with transaction() as conn:
        await record_events(conn, [Event("order.paid", new_id(), 1, payload)])
    placed = await queued_order()
    await carry_all(relay)
    assert await unpublished() == 0
    assert messages.of("fulfilment") == [str(placed.lines[0].id)]


async def test_the_sweep_sends_lost_work_again(
    relay: Any, messages: Messages, queue: RedisBroker
) -> None:
    """Valkey has lost everything: the database knows what is left to do."""
    from jobs import schedule

    placed = await queued_order()
    await carry_all(relay)
    queue.flush_all()
    assert messages.of("webhooks") == []
    await schedule.sweep()
    (delivery,) = await WebhookDelivery.all()
    assert messages.of("webhooks") == [str(delivery.id)]
    async with transaction() as conn:
        await conn.execute("UPDATE order_lines SET due_at = now() - interval '1 second'")
    await schedule.sweep()
    assert str(placed.lines[0].id) in messages.of("fulfilment")


async def test_the_sweep_does_not_bury_a_long_queue_under_repetitions(
    relay: Any, messages: Messages, queue: RedisBroker
) -> None:
    """430 lines waited, and 21,000 messages of them (chaos run of seed 7): new work came last."""
    from jobs import fulfilment as jobs
    from jobs import schedule

    placed = await queued_order()
    line = str(placed.lines[0].id)
    await carry_all(relay)
    queue.flush_all()
    async with transaction() as conn:
        await conn.execute("UPDATE order_lines SET due_at = now() - interval '1 second'")
    for _ in range(LONG_QUEUE):
        queue.enqueue(jobs.fulfil_line.message("another"))
    await schedule.sweep()
    assert line not in messages.of("fulfilment")
    assert len(messages.of("webhooks")) == 1  # each queue for itself
    queue.flush_all()
    for _ in range(3):
        await schedule.sweep()
    assert messages.of("fulfilment").count(line) == 3


async def test_messages_carry_ids_only(relay: Any, queue: RedisBroker) -> None:
    placed = await queued_order()
    await carry_all(relay)
    found: Any = queue.client.hvals(f"{queue.namespace}:fulfilment.msgs")
    messages: list[Message[Any]] = [Message.decode(each) for each in found]
    (message,) = messages
    assert (message.args, message.kwargs) == ((str(placed.lines[0].id),), {})
    assert encode_id(Prefix.ORDER, placed.order.id) not in str(message)
