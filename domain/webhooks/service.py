"""Webhooks after the Standard Webhooks convention (mission rows F1 to F4, invariant I16).

An event becomes one delivery for each endpoint that wants it, with its body fixed. Of one subject
an endpoint hears in order: a delivery waits until the earlier ones are through or dead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from domain import audit
from domain.kernel import (
    Actor,
    ActorKind,
    Connection,
    Event,
    NotFound,
    OutboxRow,
    Prefix,
    Refused,
    clock,
    connection,
    crash_point,
    decode_id,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    seal_small,
    transaction,
    unseal_small,
    wake_relay,
)
from domain.webhooks import statements
from domain.webhooks.audiences import EVENTS, Whose, audible_to
from domain.webhooks.models import WebhookEndpoint
from domain.webhooks.ports import Receipt, WebhookSender
from domain.webhooks.refusals import EventUnknown, WebhookUrlInvalid
from domain.webhooks.rules import (
    API_VERSION,
    DISABLE_AFTER,
    GONE,
    LEASE,
    MAX_ANSWER_LETTERS,
    is_url,
    new_secret,
    next_try_in,
)

SECRET_PURPOSE = "webhook-secret"
FAILING = "webhook_endpoint.failing"


@dataclass(frozen=True, slots=True)
class EndpointWish:
    """Where events shall go. `all_orders` is for the back office only."""

    url: str
    events: Sequence[str]
    all_orders: bool = False


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint with its secret, shown this once."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A delivery that is ours for a while."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    subject: UUID
    sequence: int
    body: str = field(repr=False)
    attempts: int
    url: str
    secret_sealed: bytes = field(repr=False)
    api_version: str
    failing_since: datetime | None


_sender: WebhookSender | None = None


def register_sender(sender: WebhookSender) -> None:
    """Say who sends; called by the wiring."""
    global _sender
    _sender = sender


async def create_endpoint(actor: Actor, wish: EndpointWish) -> NewEndpoint:
    """Tell events to an address from now on; the signing secret is shown this once.

    Needs `webhooks:write`; `webhooks:all_orders` for everybody's orders; for what belongs to the
    house, or to other users, the scope that audiences.py names. Refuses an address that is none
    (WEBHOOK_URL_INVALID) and events that the caller may not hear of (EVENT_UNKNOWN).
    """
    actor.require_scope("webhooks:write")
    if wish.all_orders:
        actor.require_scope("webhooks:all_orders")
    refuse_unless(is_url(wish.url), WebhookUrlInvalid(field=("url",)))
    wanted = tuple(dict.fromkeys(wish.events))
    audible = audible_to(staff=actor.kind is ActorKind.OPERATOR)
    known = bool(wanted) and set(audible).issuperset(wanted)
    refuse_unless(known, EventUnknown(known=audible, field=("events",)))
    for hearers in (EVENTS[name] for name in wanted):
        if wish.all_orders or hearers.whose is Whose.NOBODY:
            actor.require_scope(hearers.scope)
    secret, endpoint_id = new_secret(), new_id()
    async with transaction() as conn:
        endpoint = await WebhookEndpoint.create(
            id=endpoint_id,
            owner_id=actor.require_user(),
            site_id=actor.site_id,
            all_orders=wish.all_orders,
            url=wish.url,
            events=list(wanted),
            secret_sealed=seal_small(SECRET_PURPOSE, secret, str(endpoint_id)),
            api_version=API_VERSION,
            created_at=clock.now(),
        )
        details = {"url": wish.url, "events": list(wanted)}
        await audit.record(conn, actor, "webhook_endpoint.create", endpoint_id, details)
    return NewEndpoint(endpoint, secret)


async def disable_endpoint(actor: Actor, endpoint_id: UUID) -> WebhookEndpoint:
    """Stop telling an address. Needs `webhooks:write`; another's sounds like none."""
    actor.require_scope("webhooks:write")
    async with transaction() as conn:
        found = WebhookEndpoint.filter(id=endpoint_id, owner_id=actor.require_user())
        endpoint = await found.select_for_update().first()
        if endpoint is None:
            raise Refused(NotFound(what="webhook endpoint", field=("id",)))
        endpoint.enabled, endpoint.disabled_because = False, "owner"
        await endpoint.save()
        await audit.record(conn, actor, "webhook_endpoint.disable", endpoint_id, {})
    return endpoint


async def redeliver(actor: Actor, delivery_id: UUID) -> UUID:
    """Try a delivery again from the start, under its old id. Needs `webhooks:write`."""
    actor.require_scope("webhooks:write")
    any_ = "*" in actor.scopes
    async with transaction() as conn:
        found = await conn.fetchval(
            statements.REDELIVER, delivery_id, clock.now(), actor.require_user(), any_
        )
        if found is None:
            raise Refused(NotFound(what="webhook delivery", field=("id",)))
        await audit.record(conn, actor, "webhook_delivery.redeliver", delivery_id, {})
    return delivery_id


async def fan_out(conn: Connection, events: Sequence[OutboxRow]) -> list[UUID]:
    """Make the deliveries of some events, in the caller's transaction; a second time makes none.

    An endpoint hears what belongs to its owner, and, while its owner is an operator with the
    event's scope, what belongs to the house or, if it asked so, to everybody.
    """
    told = [(event, EVENTS[event.type]) for event in events if event.type in EVENTS]
    if not told:
        return []
    rows = await conn.fetch(
        statements.FAN_OUT,
        [event.id for event, _ in told],
        clock.now(),
        [_order_of(event) if each.whose is Whose.BUYER else None for event, each in told],
        [_user_of(event) if each.whose is Whose.USER else None for event, each in told],
        [each.scope for _, each in told],
    )
    return [row["id"] for row in rows]


def _order_of(event: OutboxRow) -> UUID:
    """The order that an event tells of: its subject, or the one that it names."""
    if event.type.startswith("order."):
        return event.subject
    return decode_id(Prefix.ORDER, event.payload["orderId"])


def _user_of(event: OutboxRow) -> UUID:
    return decode_id(Prefix.USER, event.payload["userId"])


async def supersede(
    conn: Connection, endpoint_ids: Sequence[UUID], subject: UUID, keep: int
) -> None:
    """Give up what was told of a subject to endpoints and is still on its way, but for the `keep`
    newest of each: for what is only a reason to look. In the caller's transaction."""
    told = (list(endpoint_ids), subject, clock.now(), keep)
    await conn.execute(statements.SUPERSEDE, *told)


async def list_due(limit: int) -> list[UUID]:
    """Deliveries that somebody must try now."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(statements.DUE, clock.now(), limit)]


async def deliver(delivery_id: UUID) -> None:
    """Try a delivery, and after a success the next ones of the same subject.

    Does nothing when it is done, not due, or an earlier one is still on its way.
    """
    following: UUID | None = delivery_id
    while following is not None:
        claimed = await _claim(following)
        if claimed is None:
            return
        crash_point("webhook.claimed")
        started = perf_counter()
        receipt = await _send(claimed)
        crash_point("webhook.answered")
        elapsed_ms = int((perf_counter() - started) * 1000)
        following = await _book(claimed, receipt, elapsed_ms)
        crash_point("webhook.booked")


async def _claim(delivery_id: UUID) -> _Claimed | None:
    moment = clock.now()
    async with transaction() as conn:
        row = await conn.fetchrow(statements.CLAIM, delivery_id, moment + LEASE, moment)
    return _Claimed(**row) if row else None


async def _send(claimed: _Claimed) -> Receipt:
    if _sender is None:
        raise RuntimeError("nobody is registered to send webhooks")
    secret = unseal_small(SECRET_PURPOSE, claimed.secret_sealed, str(claimed.endpoint_id))
    event_id, moment = encode_id(Prefix.EVENT, claimed.event_id), clock.now()
    signature = Webhook(secret).sign(msg_id=event_id, timestamp=moment, data=claimed.body)
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
        "webhook-api-version": claimed.api_version,
        "webhook-attempt": str(claimed.attempts),
    }
    return await _sender.send(claimed.url, headers, claimed.body)


async def _book(claimed: _Claimed, receipt: Receipt, elapsed_ms: int) -> UUID | None:
    """Write what came; the next delivery of the subject when this one went through."""
    moment = clock.now()
    good = receipt.status is not None and 200 <= receipt.status < 300
    pause = None if good else next_try_in(claimed.attempts, receipt.retry_after_seconds)
    pending = not good and pause is not None and receipt.status != GONE
    async with transaction() as conn:
        await conn.execute(
            statements.BOOK,
            claimed.id,
            "pending" if pending else "succeeded" if good else "dead",
            moment + pause if pending and pause else None,
            receipt.status,
            receipt.fault.value if receipt.fault else None,
            receipt.text[:MAX_ANSWER_LETTERS].replace("\0", ""),
            elapsed_ms,
            None if pending else moment,
        )
        await _note_health(conn, claimed, receipt, moment, good)
        if pending:
            return None
        following: UUID | None = await conn.fetchval(
            statements.NEXT_OF_SUBJECT, claimed.endpoint_id, claimed.subject, moment
        )
    wake_relay()
    return following


async def _note_health(
    conn: Connection, claimed: _Claimed, receipt: Receipt, moment: datetime, good: bool
) -> None:
    """An endpoint that is gone, or has failed for days, is told no more."""
    changes: dict[str, Any] = {}
    if good and claimed.failing_since is not None:
        changes = {"failing_since": None}
    elif not good and claimed.failing_since is None:
        changes = {"failing_since": moment}
    since = claimed.failing_since or moment
    why = "gone" if receipt.status == GONE else "failing" if moment - since > DISABLE_AFTER else ""
    if not good and why:
        changes |= {"enabled": False, "disabled_because": why}
        payload = {
            "endpointId": encode_id(Prefix.WEBHOOK_ENDPOINT, claimed.endpoint_id),
            "reason": why,
        }
        await record_events(conn, [Event(FAILING, new_id(), 1, payload)])
    if changes:
        await WebhookEndpoint.filter(id=claimed.endpoint_id).update(**changes)
