"""Messages on real PostgreSQL (row C7): made once, sent at most once, and never with a code in them
unless the site allows it."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import aftersale, checkout, claims, giftcards, notifications, orders, refunds, sites
from domain.aftersale import AppealWish, Decision, DecisionWish, DisputeReason, DisputeWish
from domain.cards.models import Card
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import (
    ANONYMOUS,
    Actor,
    ActorKind,
    Refused,
    clock,
    connection,
    in_a_transaction,
    transaction,
)
from domain.notifications import (
    ChannelWish,
    Medium,
    Notification,
    NotificationState,
    OutgoingMessage,
    SendReport,
    SendResult,
    TemplateWish,
    Text,
    sending,
)
from domain.notifications.rules import known_placeholders
from domain.orders import Contact, ContactKind, Order
from jobs.relay import BATCH
from tests import make

pytestmark = pytest.mark.usefixtures("db")
MAIL = Contact(ContactKind.EMAIL, "lan@example.com")
PHONE = Contact(ContactKind.PHONE, "+8613800138000")
SMS_SECRET = "0123456789abcdef"
DELIVERED = "order.delivered"


@dataclass
class Provider:
    """A sender that answers as it is told, and remembers what it was given."""

    result: SendResult = SendResult.SENT
    sent: list[OutgoingMessage] = field(default_factory=list)

    async def send(self, message: OutgoingMessage) -> SendReport:
        assert not in_a_transaction()
        self.sent.append(message)
        return SendReport(self.result, "" if self.result is SendResult.SENT else "because", "ref-1")


@pytest.fixture(autouse=True)
def provider() -> Iterator[Provider]:
    made, before = Provider(), sending._sender
    notifications.register_sender(made)
    claims.places.reach = notifications.reaches
    yield made
    sending._sender = before


async def channel(medium: Medium = Medium.EMAIL, code: str = "", **more: Any) -> None:
    url = {
        Medium.EMAIL: "mailtos://u:p@smtp.example.com?from=shop@example.com",
        Medium.SMS: "https://sms.example.com/send",
        Medium.GROUP: "wecombot://abcdef123456",
    }[medium]
    events = more.pop("events", [DELIVERED, claims.CHALLENGED])
    secret = SMS_SECRET if medium is Medium.SMS else None
    wish = ChannelWish(code or medium.value, medium, events, url, secret, **more)
    await notifications.save_channel(await make.operator("notifications:write"), wish)


async def allower() -> Actor:
    return await make.operator("notifications:codes")


async def bought(contact: Contact | None = MAIL, language: str = "en") -> tuple[Actor, Order]:
    variant = await make.variant(cards=1)
    keepsake = await orders.keepsake_of(contact, None, language)
    buyer = await make.buyer()
    wish = Purchase((LineWish(variant.sku, 1),), "key", keepsake=keepsake)
    return buyer, (await checkout.place_order(buyer, wish)).order


async def relayed() -> list[UUID]:
    """What the relay makes of all events, each time anew."""
    async with transaction() as conn:
        rows = await conn.fetch("SELECT id, type FROM outbox_events ORDER BY id LIMIT $1", BATCH)
        return await notifications.fan_out(conn, {row["id"]: row["type"] for row in rows})


async def only() -> Notification:
    (found,) = await Notification.all()
    return found


async def secret_of(order: Order) -> str:
    async with connection() as conn:
        buyer = await conn.fetchval("SELECT buyer_id FROM orders WHERE id = $1", order.id)
    opened = await orders.reveal_cards(Actor(kind=ActorKind.USER, user_id=buyer), order.id, None)
    return opened[0].secret


async def test_a_delivered_order_is_told_once_with_a_link_that_opens(provider: Provider) -> None:
    await channel()
    _, order = await bought()
    (message_id,) = await relayed()
    assert await relayed() == [], "an event that is carried again makes nothing"
    for _ in range(3):
        await notifications.send(message_id)
    (sent,) = provider.sent
    assert sent.recipient == "lan@example.com"
    assert f"order {order.number} is delivered" in sent.subject
    token = sent.body.partition("#")[2].split()[0]
    row = await only()
    assert (row.state, row.attempts, row.provider_reference) == (NotificationState.SENT, 1, "ref-1")
    assert row.recipient_masked == "l•••@example.com"
    (card,) = await claims.redeem(ANONYMOUS, token, "k" * 20)
    assert card.secret not in sent.body
    assert card.secret == await secret_of(order)


async def test_nothing_of_a_message_is_stored(provider: Provider) -> None:
    await channel()
    await bought()
    (message_id,) = await relayed()
    await notifications.send(message_id)
    token = provider.sent[0].body.partition("#")[2].split()[0]
    async with connection() as conn:
        rows = [
            str(await conn.fetch(f"SELECT t::text FROM {table} t"))
            for table in (
                "notifications",
                "notification_channels",
                "claim_links",
                "outbox_events",
                "audit_entries",
                "order_keepsakes",
            )
        ]
    for secret in ("lan@example.com", token, "u:p@"):
        assert secret not in "".join(rows)


async def test_an_order_without_contact_tells_the_group_alone(provider: Provider) -> None:
    await channel()
    await channel(Medium.SMS)
    await channel(Medium.GROUP)
    await channel(Medium.GROUP, "second")
    await bought(None)
    for message_id in await relayed():
        await notifications.send(message_id)
    assert [each.medium for each in provider.sent] == [Medium.GROUP] * 2
    assert all("#" not in each.body and each.recipient == "" for each in provider.sent)


async def test_a_phone_gets_a_short_text_in_its_language(provider: Provider) -> None:
    await channel()
    await channel(Medium.SMS)
    _, order = await bought(PHONE, "zh")
    (message_id,) = await relayed()
    await notifications.send(message_id)
    (sent,) = provider.sent
    assert (sent.medium, sent.recipient) == (Medium.SMS, "+8613800138000")
    assert f"订单 {order.number} 已发货" in sent.body
    assert sent.channel == f"https://sms.example.com/send\n{SMS_SECRET}"


async def test_what_may_be_on_its_way_is_not_repeated(provider: Provider) -> None:
    await channel()
    await bought()
    (message_id,) = await relayed()
    provider.result = SendResult.UNCERTAIN
    await notifications.send(message_id)
    assert (await only()).state is NotificationState.UNCERTAIN
    later = clock.now() + timedelta(days=3)
    with clock.fixed(lambda: later):
        assert await notifications.list_due(10) == []
        await notifications.send(message_id)
    assert len(provider.sent) == 1
    provider.result = SendResult.SENT
    await notifications.retry(make.OPERATOR, message_id)
    await notifications.send(message_id)
    row = await only()
    assert (row.state, row.attempts, len(provider.sent)) == (NotificationState.SENT, 2, 2)
    assert provider.sent[0].id == provider.sent[1].id
    assert provider.sent[0].body == provider.sent[1].body, "the same link"


async def test_what_surely_did_not_leave_is_tried_again_and_given_up(provider: Provider) -> None:
    await channel()
    await bought()
    (message_id,) = await relayed()
    provider.result = SendResult.NOT_SENT
    moment = clock.now()
    for attempt in range(1, 8):
        with clock.fixed(lambda at=moment: at):
            for due in await notifications.list_due(10):
                await notifications.send(due)
            await notifications.send(message_id)  # not due: nothing happens
        moment += timedelta(hours=3)
        assert len(provider.sent) == min(attempt, 6)
    row = await only()
    assert (row.state, row.attempts, row.last_error) == (NotificationState.FAILED, 6, "because")


async def test_what_is_refused_for_good_is_not_tried_again(provider: Provider) -> None:
    await channel()
    await bought()
    (message_id,) = await relayed()
    provider.result = SendResult.REJECTED
    await notifications.send(message_id)
    assert (await only()).state is NotificationState.FAILED
    assert await notifications.list_due(10) == []


async def test_of_workers_at_once_one_sends(provider: Provider) -> None:
    await channel()
    await bought()
    (message_id,) = await relayed()
    await asyncio.gather(*(notifications.send(message_id) for _ in range(8)))
    assert len(provider.sent) == 1


async def test_without_the_count_before_it_every_worker_sends(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: a claim that only reads lets each of them send."""
    await channel(Medium.SMS)
    await bought(PHONE)
    (message_id,) = await relayed()
    looks = (
        "SELECT n.id, n.subject, n.order_id, n.site_id, n.event, n.medium, n.language,"
        " n.attempts, n.created_at, n.channel_id, ch.address_sealed, ch.enabled"
        " FROM notifications n JOIN notification_channels ch ON ch.id = n.channel_id"
        " WHERE n.id = $1 AND n.state = 'pending' AND n.next_attempt_at <= $3"
        " AND $2::timestamptz IS NOT NULL"
    )
    monkeypatch.setattr("domain.notifications.statements.CLAIM", looks)
    await asyncio.gather(*(notifications.send(message_id) for _ in range(4)))
    assert len(provider.sent) == 4


class Died(BaseException):
    """What a power cut looks like from inside."""


@pytest.mark.parametrize(
    ("point", "sent", "state"),
    [
        ("notification.claimed", 0, NotificationState.UNCERTAIN),
        ("notification.sent", 1, NotificationState.UNCERTAIN),
        ("notification.booked", 1, NotificationState.SENT),
    ],
)
async def test_whoever_dies_sends_no_second_message(
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    sent: int,
    state: NotificationState,
) -> None:
    await channel()
    await bought()
    (message_id,) = await relayed()

    def die(name: str) -> None:
        if name == point:
            raise Died

    monkeypatch.setattr(sending, "crash_point", die)
    with pytest.raises(Died):
        await notifications.send(message_id)
    monkeypatch.setattr(sending, "crash_point", lambda name: None)
    moment = clock.now()
    for _ in range(3):
        moment += timedelta(minutes=3)
        with clock.fixed(lambda at=moment: at):
            for due in await notifications.list_due(10):
                await notifications.send(due)
            await notifications.send(message_id)
    row = await only()
    assert (len(provider.sent), row.state, row.attempts) == (sent, state, 1)


async def test_a_fault_before_anything_left_is_tried_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await channel()
    await bought()
    (message_id,) = await relayed()

    async def broken(*_: Any) -> str:
        raise LookupError("a detail")

    monkeypatch.setattr(sending, "_products", broken)
    with pytest.raises(LookupError):
        await notifications.send(message_id)
    row = await only()
    assert (row.state, row.last_error) == (NotificationState.PENDING, "fault:LookupError")
    monkeypatch.undo()
    notifications.register_sender(provider)
    later = clock.now() + timedelta(minutes=1)
    with clock.fixed(lambda: later):
        await notifications.send(message_id)
    assert (await only()).state is NotificationState.SENT


async def test_a_one_time_code_is_sent_and_opens_the_link(provider: Provider) -> None:
    await channel(Medium.SMS)
    buyer, order = await bought(None)
    wish = claims.LinkWish(order.id, None, clock.now() + timedelta(days=1), recipient=PHONE)
    made = await claims.create_link(buyer, wish, "link", "zh")
    token = made.url.partition("#")[2]
    await claims.challenge(ANONYMOUS, token)
    for message_id in await relayed():
        await notifications.send(message_id)
    (sent,) = provider.sent
    assert sent.recipient == PHONE.value
    (code,) = re.findall("[0-9]{6}", sent.body)
    assert len(await claims.redeem(ANONYMOUS, token, "k" * 20, code)) == 1
    mail = claims.LinkWish(order.id, None, clock.now() + timedelta(days=1), recipient=MAIL)
    with pytest.raises(Refused) as refused:
        await claims.create_link(buyer, mail, "mail", "zh")
    assert isinstance(refused.value.refusals[0], claims.RecipientUnreachable)


async def test_a_late_one_time_code_is_not_sent(provider: Provider) -> None:
    await channel(Medium.SMS)
    buyer, order = await bought(None)
    wish = claims.LinkWish(order.id, None, clock.now() + timedelta(days=1), recipient=PHONE)
    made = await claims.create_link(buyer, wish, "link", "zh")
    await claims.challenge(ANONYMOUS, made.url.partition("#")[2])
    (message_id,) = await relayed()
    later = clock.now() + timedelta(minutes=11)
    with clock.fixed(lambda: later):
        await notifications.send(message_id)
    row = await only()
    assert (row.state, row.last_error) == (NotificationState.FAILED, "code_expired")
    assert provider.sent == []


def template(body: str, **more: Any) -> TemplateWish:
    values = {"event": DELIVERED, "medium": Medium.EMAIL, "language": "en", **more}
    return TemplateWish(text=Text("Order {number}", body), **values)


async def test_codes_leave_only_where_a_site_allows_it(provider: Provider) -> None:
    await channel()
    with pytest.raises(Refused) as refused:
        await notifications.save_template(make.OPERATOR, template("{secrets}"))
    assert isinstance(refused.value.refusals[0], notifications.CodesNotAllowed)
    await notifications.save_settings(await allower(), sites.MAIN_ID, True, 7)
    await notifications.save_template(make.OPERATOR, template("Your code:\n{secrets}"))
    _, order = await bought()
    (message_id,) = await relayed()
    await notifications.send(message_id)
    async with connection() as conn:
        looks = await conn.fetch(
            "SELECT actor_kind, details ->> 'by' AS by FROM audit_entries"
            " WHERE action = 'card.reveal'"
        )
        stored = str(await conn.fetch("SELECT n::text FROM notifications n"))
    assert [(row["actor_kind"], row["by"]) for row in looks] == [("system", "message")]
    secret = await secret_of(order)
    assert secret in provider.sent[0].body
    assert secret not in stored
    assert "#" not in provider.sent[0].body, "no link that nobody asked for"


async def test_codes_stay_when_the_site_has_changed_its_mind(provider: Provider) -> None:
    await channel()
    await notifications.save_settings(await allower(), sites.MAIN_ID, True, 7)
    await notifications.save_template(make.OPERATOR, template("{secrets}"))
    await notifications.save_settings(await allower(), sites.MAIN_ID, False, 7)
    await bought()
    (message_id,) = await relayed()
    await notifications.send(message_id)
    row = await only()
    assert (row.last_error, provider.sent) == ("codes_not_allowed", [])
    async with connection() as conn:
        looks = "SELECT count(*) FROM audit_entries WHERE action = 'card.reveal'"
        assert await conn.fetchval(looks) == 0


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (template("{number.__class__}"), "PLACEHOLDER_UNKNOWN"),
        (template("{code}"), "PLACEHOLDER_UNKNOWN"),
        (template("{link}", medium=Medium.GROUP), "PLACEHOLDER_UNKNOWN"),
        (template("{"), "PLACEHOLDER_UNKNOWN"),
        (template(" "), "INVALID"),
        (template("x" * 4_001), "INVALID"),
        (template("x", event="order.paid"), "INVALID"),
        (template("x", language="fr"), "INVALID"),
    ],
)
async def test_an_unsafe_template_is_refused(wish: TemplateWish, code: str) -> None:
    for work in (notifications.save_template, notifications.preview_template):
        with pytest.raises(Refused) as refused:
            await work(make.OPERATOR, wish)
        assert refused.value.refusals[0].code == code
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM notification_templates") == 0


async def test_the_database_keeps_what_opens_out_of_groups() -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with transaction() as conn:
            await conn.execute(
                "INSERT INTO notification_templates (id, site_id, event, medium, language, subject,"
                " body, version, updated_at) VALUES (uuidv7(), $1, 'order.delivered', 'group',"
                " 'en', 's', 'see {link}', 1, now())",
                sites.MAIN_ID,
            )
    assert refused.value.constraint_name == "template_of_a_group_opens_nothing"


async def test_a_site_has_one_channel_to_its_buyers_by_mail() -> None:
    await channel()
    with pytest.raises(Refused) as refused:
        await channel(code="other")
    assert isinstance(refused.value.refusals[0], notifications.ChannelTaken)
    await channel(enabled=False)
    await channel(code="other")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE notifications SET state = 'sent'",
        "UPDATE notifications SET state = 'sending', next_attempt_at = NULL, lease_ends_at = now()",
        "UPDATE notifications SET attempts = attempts + 1",
        "UPDATE notifications SET recipient_digest = 'x'",
        "DELETE FROM notifications",
        "INSERT INTO notifications SELECT (n).* FROM (SELECT n FROM notifications n) x",
    ],
)
async def test_the_database_lets_no_message_jump_or_double(change: str) -> None:
    await channel()
    await bought()
    await relayed()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with transaction() as conn:
            await conn.execute(change)


async def test_who_may_not_write_changes_nothing() -> None:
    reader = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"notifications:read"}))
    writer = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"notifications:write"}))
    wish = ChannelWish("mail", Medium.EMAIL, [DELIVERED], "mailtos://u:p@smtp.example.com")
    for work in (
        notifications.save_channel(reader, wish),
        notifications.save_template(reader, template("x")),
        notifications.save_settings(writer, sites.MAIN_ID, True, 7),
        notifications.retry(reader, sites.MAIN_ID),
    ):
        with pytest.raises(Refused) as refused:
            await work
        assert refused.value.refusals[0].code == "FORBIDDEN"


async def test_an_order_without_cards_is_told_without_a_claim_link(provider: Provider) -> None:
    await channel(events=["order.delivery_failed"])
    await notifications.save_template(
        make.OPERATOR, template("{products} {link}", event="order.delivery_failed")
    )
    variant = await make.variant(price=make.yuan(100))
    await make.offer(variant, make.yuan(80))
    keepsake = await orders.keepsake_of(MAIL, None, "en")
    wish = Purchase((LineWish(variant.sku, 1),), "key", keepsake=keepsake)
    order = (await checkout.place_order(await make.buyer(), wish)).order
    lines = (await orders.lines_of([order.id]))[order.id]
    async with transaction() as conn:
        line = await orders.lock_line(conn, lines[0].id)
        await orders.line_refunded(conn, line, "NO_SUPPLIER")
    (message_id,) = await relayed()
    await notifications.send(message_id)
    assert provider.sent[0].body.endswith(sites.addresses.public)
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM claim_links") == 0


async def test_who_bought_a_gift_card_hears_of_each_use(provider: Provider) -> None:
    """Written off, and told (rows C7 and K1): once a use, and never the code."""
    await channel(Medium.SMS, events=["gift_card.redeemed"])
    program = await make.gift_program(cards=1)
    sku = (await Variant.get(id=program.variant_id)).sku
    keepsake = await orders.keepsake_of(PHONE, None, "zh")
    buyer = await make.buyer()
    purchase = Purchase((LineWish(sku, 1),), "key", keepsake=keepsake)
    order = (await checkout.place_order(buyer, purchase)).order
    code = await secret_of(order)
    for amount in (30, 70):
        await giftcards.redeem(buyer, code, make.money(amount), f"use{amount}")
    assert len(await relayed()) == 2
    assert await relayed() == []
    for due in await notifications.list_due(10):
        await notifications.send(due)
    first, second = (each.body for each in provider.sent)
    assert "已核销 ¥30.00，剩余 ¥70.00" in first
    assert "已核销 ¥70.00，剩余 ¥0.00" in second
    assert code not in first + second


async def test_who_is_forgotten_is_not_written_to(provider: Provider) -> None:
    await channel()
    buyer, order = await bought()
    (message_id,) = await relayed()
    await orders.forget_keepsake(buyer, order.id)
    await notifications.send(message_id)
    row = await only()
    assert (row.state, row.last_error) == (NotificationState.FAILED, "recipient_gone")
    assert provider.sent == []


async def test_where_messages_go_needs_a_second_factor() -> None:
    url = "mailtos://u:p@smtp.example.com"
    scopes = ("notifications:write", "notifications:codes")
    operator = await make.operator(*scopes, stepped_up=False)
    wish = ChannelWish("mail", Medium.EMAIL, [DELIVERED], url)
    for work in (
        notifications.save_channel(operator, wish),
        notifications.save_settings(operator, sites.MAIN_ID, True, 7),
    ):
        with pytest.raises(Refused) as refused:
            await work
        assert refused.value.refusals[0].code == "STEP_UP_REQUIRED"
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM notification_channels") == 0
        assert await conn.fetchval("SELECT count(*) FROM notification_settings") == 0
    await channel()
    off = ChannelWish("email", Medium.EMAIL, [DELIVERED], enabled=False)
    assert (await notifications.save_channel(operator, off)).enabled is False, (
        "switched off at once"
    )


async def test_each_refund_of_an_order_is_told_once_with_what_went_back(
    provider: Provider,
) -> None:
    await channel(events=["order.refunded"])
    _, order = await bought()
    line = (await orders.lines_of([order.id]))[order.id][0]
    for key, amount in (("a", make.yuan(9)), ("b", None)):
        wish = refunds.RefundWish(
            order.id,
            refunds.RefundReason.GOODWILL,
            refunds.RefundDestination.CHANNEL,
            lines={line.id: amount},
        )
        await refunds.refund_order(make.OPERATOR, wish, key)
    made = await relayed()
    assert len(made) == 2
    assert await relayed() == [], "an event that is carried again makes nothing"
    for message_id in made:
        await notifications.send(message_id)
    assert sorted(each.body for each in provider.sent) == [
        f"Main site: ¥40.00 of order {order.number} was refunded to your balance.",
        f"Main site: ¥9.00 of order {order.number} was refunded to your balance.",
    ]


async def test_each_decided_case_is_told_once_and_without_anybody_s_words(
    provider: Provider,
) -> None:
    await channel(events=["order.dispute_decided"])
    buyer, order = await bought()
    card = (await Card.filter(sold_at__isnull=False))[0]
    wish = DisputeWish((card.id,), DisputeReason.OTHER, "my code is canary", "open")
    (dispute,) = await aftersale.open_disputes(buyer, order.id, wish)
    rejected = DecisionWish(dispute.id, Decision.REJECT, "it is good", "reject")
    await aftersale.decide(make.OPERATOR, rejected)
    await aftersale.appeal(buyer, AppealWish(dispute.id, "canary", "appeal"))
    somebody_else = replace(make.OPERATOR, user_id=UUID(int=2))
    await aftersale.decide(
        somebody_else, DecisionWish(dispute.id, Decision.REFUND, "canary after all", "refund")
    )
    made = await relayed()
    assert len(made) == 2
    assert await relayed() == [], "an event that is carried again makes nothing"
    for message_id in made:
        await notifications.send(message_id)
    begin = f"Main site: your complaint about order {order.number}:"
    assert sorted(each.body for each in provider.sent) == [
        f"{begin} it was refunded.",
        f"{begin} it was rejected; you may appeal for some days.",
    ]


async def test_every_placeholder_of_every_event_can_be_previewed() -> None:
    for event in notifications.EVENTS:
        names = known_placeholders(event, Medium.EMAIL)
        body = " ".join(f"{{{name}}}" for name in names if name != "secrets")
        wish = TemplateWish(event, Medium.EMAIL, "en", Text("Hello", body))
        shown = await notifications.preview_template(make.OPERATOR, wish)
        assert "{" not in shown.body


@pytest.mark.parametrize(
    ("result", "cost"),
    [
        (SendResult.SENT, 450),
        (SendResult.UNCERTAIN, 450),
        (SendResult.REJECTED, 0),
        (SendResult.NOT_SENT, 0),
    ],
)
async def test_a_message_that_left_or_perhaps_did_costs_its_price(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, result: SendResult, cost: int
) -> None:
    monkeypatch.setitem(sending.message_prices, "sms", 450)
    await channel(Medium.SMS)
    _, order = await bought(PHONE)
    (message_id,) = await relayed()
    provider.result = result
    await notifications.send(message_id)
    assert (await only()).cost == cost
    assert await notifications.costs_of([order.id]) == {order.id: cost}


async def test_a_message_whose_sender_died_perhaps_left_and_costs_once(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sending.message_prices, "sms", 450)
    await channel(Medium.SMS)
    _, order = await bought(PHONE)
    (message_id,) = await relayed()
    async with transaction() as conn:
        await conn.execute(
            "UPDATE notifications SET state = 'sending', attempts = 1, next_attempt_at = NULL,"
            " lease_ends_at = now() - interval '1 hour' WHERE id = $1",
            message_id,
        )
    await notifications.list_due(10)
    assert (await only()).state is NotificationState.UNCERTAIN
    assert await notifications.costs_of([order.id]) == {order.id: 450}
