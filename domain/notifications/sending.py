"""Sending messages, each at most once unless a person decides otherwise (mission row C7).

A message's row is made in the transaction that carries its event, under a unique key. Its try is
counted and committed before anything leaves. What surely did not leave is tried again; what may
have left is *uncertain* and stays so, because a second text message costs money and a second mail
looks like fraud. Whoever dies in between leaves an uncertain one, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from domain import cards, catalog, claims, orders, sites
from domain.claims import CHALLENGED
from domain.giftcards import REDEEMED
from domain.kernel import (
    SYSTEM,
    Connection,
    Money,
    Prefix,
    Refused,
    clock,
    connection,
    crash_point,
    decode_id,
    encode_id,
    parse_units,
    plain,
    transaction,
)
from domain.notifications import statements
from domain.notifications.models import Medium, NotificationState
from domain.notifications.of_agents import EVENTS as OF_AGENTS
from domain.notifications.of_agents import fan_out_to_agents, of_case
from domain.notifications.ports import MessageSender, OutgoingMessage, SendReport, SendResult
from domain.notifications.rules import (
    EACH_TIME,
    LEASE,
    Text,
    filled,
    next_try_in,
    placeholders,
    spoken,
)
from domain.notifications.service import opened_address, settings_of
from domain.notifications.texts import OUTCOMES, WAYS, own_text
from domain.orders import Contact, ContactKind, OrderLine, events, unsealed_contact

MEDIA = {ContactKind.EMAIL: Medium.EMAIL, ContactKind.PHONE: Medium.SMS}
MAX_REASON_LETTERS = 64
# Which statement makes the messages of an event, and what it is told besides.
_FAN_OUT_OF = {
    **dict.fromkeys(EACH_TIME, statements.FAN_OUT_EACH_TIME),
    CHALLENGED: statements.FAN_OUT_CODES,
    REDEEMED: statements.FAN_OUT_REDEMPTIONS,
}
_ABOUT: dict[str, list[str] | str] = {
    statements.FAN_OUT_ORDERS: list(EACH_TIME),
    statements.FAN_OUT_EACH_TIME: list(EACH_TIME),
    statements.FAN_OUT_CODES: CHALLENGED,
    statements.FAN_OUT_REDEMPTIONS: REDEEMED,
}


class CannotSend(Exception):
    """The message cannot be put together; nothing was sent. Carries a stable reason."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A message that is ours to send, once."""

    id: UUID
    subject: UUID
    order_id: UUID | None  # None: it tells an agent of its case
    site_id: UUID
    event: str
    medium: str
    language: str
    attempts: int
    created_at: datetime
    channel_id: UUID
    address_sealed: bytes = field(repr=False)
    enabled: bool

    @property
    def order(self) -> UUID:
        """The order that it tells of, which is what most messages do."""
        if self.order_id is None:
            raise LookupError("a message to an agent has no order")
        return self.order_id


# What one message costs, by medium, in units of the house's currency; set once by the wiring.
message_prices: dict[str, int] = {}
_sender: MessageSender | None = None


def register_sender(sender: MessageSender) -> None:
    """Say who sends; called by the wiring of the worker."""
    global _sender
    _sender = sender


async def fan_out(conn: Connection, told: Mapping[UUID, str]) -> list[UUID]:
    """Make the messages of some events, ids with their types, in the caller's transaction; a second
    time makes none. Nothing is asked about types that are not among them."""
    moment = clock.now()
    made: list[UUID] = []
    of_agents = [event_id for event_id, type_ in told.items() if type_ in OF_AGENTS]
    by_kind: dict[str, list[UUID]] = {}
    for event_id, type_ in told.items():
        if type_ not in OF_AGENTS:
            kind = _FAN_OUT_OF.get(type_, statements.FAN_OUT_ORDERS)
            by_kind.setdefault(kind, []).append(event_id)
    for statement, ids in by_kind.items():
        rows = await conn.fetch(statement, ids, sites.MAIN_ID, moment, _ABOUT[statement])
        made += [row["id"] for row in rows]
    return made + (await fan_out_to_agents(conn, of_agents) if of_agents else [])


async def reaches(site_id: UUID, kind: ContactKind) -> bool:
    """Whether one-time codes can be sent to such a contact: the port that claim links ask."""
    async with connection() as conn:
        found: bool = await conn.fetchval(
            statements.REACHES, site_id, sites.MAIN_ID, MEDIA[kind], CHALLENGED
        )
    return found


async def list_due(limit: int) -> list[UUID]:
    """Messages that somebody must send now; those whose sender died become uncertain."""
    moment = clock.now()
    async with transaction() as conn:
        prices = orjson.dumps(message_prices).decode()
        await conn.fetch(statements.LOST, moment, limit, prices)
        return [row["id"] for row in await conn.fetch(statements.DUE, moment, limit)]


async def send(notification_id: UUID) -> None:
    """Try a message once. Does nothing when it is not due, or somebody else has it."""
    moment = clock.now()
    async with transaction() as conn:
        row = await conn.fetchrow(statements.CLAIM, notification_id, moment + LEASE, moment)
    if row is None:
        return
    claimed = _Claimed(**{**row, "language": spoken(row["language"])})
    crash_point("notification.claimed")
    try:
        message = await _composed(claimed)
    except CannotSend as error:
        await _book(claimed, SendReport(SendResult.REJECTED, str(error)))
        return
    except Exception as error:
        # Nothing has left yet, so it is tried again; the fault itself is told by the worker.
        await _book(claimed, SendReport(SendResult.NOT_SENT, f"fault:{type(error).__name__}"))
        raise
    if _sender is None:
        raise RuntimeError("nobody is registered to send messages")
    report = await _sender.send(message)
    crash_point("notification.sent")
    await _book(claimed, report)
    crash_point("notification.booked")


async def _book(claimed: _Claimed, report: SendReport) -> None:
    moment = clock.now()
    pause = next_try_in(claimed.attempts) if report.result is SendResult.NOT_SENT else None
    state = {
        SendResult.SENT: NotificationState.SENT,
        SendResult.REJECTED: NotificationState.FAILED,
        SendResult.NOT_SENT: NotificationState.PENDING if pause else NotificationState.FAILED,
        SendResult.UNCERTAIN: NotificationState.UNCERTAIN,
    }[report.result]
    left = report.result in (SendResult.SENT, SendResult.UNCERTAIN)
    async with transaction() as conn:
        await conn.execute(
            statements.BOOK,
            claimed.id,
            claimed.attempts,
            state.value,
            moment + pause if pause else None,
            report.reason[:MAX_REASON_LETTERS] or None,
            report.reference[:128] if report.reference else None,
            None if pause else moment,
            message_prices.get(claimed.medium, 0) if left else 0,
        )


async def _composed(claimed: _Claimed) -> OutgoingMessage:
    if not claimed.enabled:
        raise CannotSend("channel_off")
    medium = Medium(claimed.medium)
    recipient: Contact | None
    if claimed.event == CHALLENGED:
        recipient, values = await _of_code(claimed)
    elif claimed.event == REDEEMED:
        recipient, values = await _of_redemption(claimed)
    elif claimed.event in OF_AGENTS:
        case = (claimed.subject, claimed.event, medium, claimed.language)
        recipient, values = await of_case(*case)
    else:
        recipient, values = await _of_order(claimed, medium)
    template = await _template(claimed, medium, bool(values.get("cards")))
    more = await _on_demand(claimed, placeholders(template))
    site = await sites.get_site(claimed.site_id)
    name = site.name_zh if claimed.language == "zh" else site.name_en
    text = filled(template, {**values, **more, "site": name})
    return OutgoingMessage(
        id=encode_id(Prefix.NOTIFICATION, claimed.id),
        medium=medium,
        channel=opened_address(claimed.channel_id, claimed.address_sealed),
        recipient=recipient.value if recipient else "",
        subject=text.subject,
        body=text.body,
    )


async def _template(claimed: _Claimed, medium: Medium, has_cards: bool) -> Text:
    places = [claimed.site_id, sites.MAIN_ID]
    async with connection() as conn:
        row = await conn.fetchrow(
            statements.TEMPLATE, places, claimed.event, medium, claimed.language, claimed.site_id
        )
    if row:
        return Text(row["subject"], row["body"])
    return own_text(claimed.event, medium, claimed.language, has_cards=has_cards)


async def _of_code(claimed: _Claimed) -> tuple[Contact, dict[str, str]]:
    """A one-time code: derived now, and good for some minutes yet."""
    found = await claims.code_of(claimed.subject)
    if found is None:
        raise CannotSend("code_expired")
    link, code, ends = found
    if link.recipient_kind is None or link.recipient_sealed is None:
        raise CannotSend("recipient_gone")
    recipient = unsealed_contact(link.recipient_kind, link.recipient_sealed, link.id)
    minutes = max(1, round((ends - clock.now()).total_seconds() / 60))
    return recipient, {"code": code, "minutes": str(minutes)}


async def _of_order(claimed: _Claimed, medium: Medium) -> tuple[Contact | None, dict[str, str]]:
    async with connection() as conn:
        row = await conn.fetchrow(statements.ORDER, claimed.order)
    recipient = None if medium is Medium.GROUP else _recipient(row, claimed)
    lines = (await orders.lines_of([claimed.order]))[claimed.order]
    news = await _of_news(claimed) if claimed.event in EACH_TIME else {}
    return recipient, {
        **news,
        "number": row["number"],
        "total": _money(Money(row["total"], row["currency"])),
        "products": await _products(lines, claimed.language),
        "cards": await _masked(lines),
    }


async def _of_news(claimed: _Claimed) -> dict[str, str]:
    """How much went back this time, and whereto; or how a case ended."""
    async with connection() as conn:
        told = await conn.fetchval(statements.TOLD, claimed.subject)
    if told is None:
        raise CannotSend("event_gone")  # sent again so late that nobody knows the event any more
    payload = orjson.loads(told)
    if claimed.event == events.DISPUTE_DECIDED:
        return {"outcome": OUTCOMES[payload["dispute"]["state"], claimed.language]}
    refund = payload["refund"]
    refund_id = decode_id(Prefix.REFUND, refund["refundId"])
    paid = (await orders.given_back([refund_id])).get(refund_id)
    amount = paid or Money(parse_units(refund["amount"]), refund["currency"])
    return {"amount": _money(amount), "way": WAYS[refund["destination"], claimed.language]}


async def _of_redemption(claimed: _Claimed) -> tuple[Contact, dict[str, str]]:
    """A gift card was written off, wholly or in part: its buyer hears of it."""
    async with connection() as conn:
        row = await conn.fetchrow(statements.REDEMPTION, claimed.subject)
        order = await conn.fetchrow(statements.ORDER, claimed.order)
    counted, zh = row["uses"] > 0, claimed.language == "zh"

    def worth(uses: int, units: int) -> str:
        if not counted:
            return _money(Money(units, row["currency"]))
        return f"{uses} 次" if zh else f"{uses} use{'' if uses == 1 else 's'}"

    return _recipient(order, claimed), {
        "number": row["number"],
        "amount": worth(row["uses"], row["units"]),
        "left": worth(row["uses_after"], row["balance_after"]),
    }


def _recipient(order: Any, claimed: _Claimed) -> Contact:
    if order["kind"] is None:
        raise CannotSend("recipient_gone")  # forgotten since
    return unsealed_contact(ContactKind(order["kind"]), order["contact_sealed"], claimed.order)


async def _on_demand(claimed: _Claimed, asked: set[str]) -> dict[str, str]:
    """What opens the goods is made only for a template that asks for it."""
    values: dict[str, str] = {}
    if not asked & {"link", "secrets"}:
        return values
    settings = await settings_of(claimed.site_id)
    if "link" in asked:
        ends = clock.now() + timedelta(days=settings.link_days)
        made = await claims.link_for_message(claimed.order, claimed.id, ends, claimed.language)
        values["link"] = made.url if made else sites.base_of(await sites.get_site(claimed.site_id))
    if "secrets" in asked:
        if not settings.notify_codes:
            raise CannotSend("codes_not_allowed")
        values["secrets"] = await _secrets(claimed)
    return values


async def _secrets(claimed: _Claimed) -> str:
    """The codes, by the audited path; they leave with the message and stay nowhere."""
    details = {"by": "message", "notificationId": str(claimed.id)}
    try:
        opened = await orders.reveal_found(SYSTEM, claimed.order, None, details)
    except Refused as refused:
        raise CannotSend(f"codes:{refused.refusals[0].code}") from refused
    return "\n".join(" ".join(filter(None, (card.number, card.secret))) for card in opened)


async def _products(lines: Sequence[OrderLine], language: str) -> str:
    wanted = [line for line in lines if line.delivered_quantity] or list(lines)
    variants = await catalog.variants_by_id([line.variant_id for line in wanted], language)
    ids = list({each.product_id for each in variants.values()})
    products = await catalog.products_by_id(ids, language)
    rows: list[str] = []
    for line in wanted:
        variant = variants[line.variant_id]
        quantity = line.delivered_quantity or line.quantity
        rows.append(f"{products[variant.product_id].name} {variant.name} × {quantity}")
    return "\n".join(rows)


async def _masked(lines: Sequence[OrderLine]) -> str:
    found = await cards.cards_of_lines([line.id for line in lines])
    return ", ".join(card.masked for line in lines for card in found[line.id])


def _money(money: Money) -> str:
    sign = "¥" if money.currency == "CNY" else f"{money.currency} "
    return f"{sign}{plain(money.units)}"
