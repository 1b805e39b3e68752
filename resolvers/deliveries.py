"""How what a buyer filled in, and what was delivered for it, are answered.

What was filled in is its buyer's matter: whole to the buyer, to who has proved to be the buyer, and
to an operator who may read orders; masked to anybody else. An operator's note is the buyer's alone.
What is pushed shows neither to anybody: a screen may lie open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from strawberry import Parent

from domain import catalog, orders
from domain.catalog import DeliveryKind
from domain.kernel import ActorKind
from domain.orders import LineStatus
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info
from resolvers.orders import DeliveredCard


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One field that was filled in."""

    key: str
    label: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardDelivery:
    """Cards, links or gift cards were delivered."""

    kind: DeliveryKind
    delivered_at: datetime
    line_id: UUID


@dataclass(frozen=True, slots=True)
class TopupDelivery:
    """The account that was filled in was topped up."""

    kind: DeliveryKind
    delivered_at: datetime
    receipt: str


@dataclass(frozen=True, slots=True)
class ManualDelivery:
    """An operator handed something over."""

    kind: DeliveryKind
    delivered_at: datetime
    note: str | None = field(repr=False)


Delivery = CardDelivery | TopupDelivery | ManualDelivery


async def account_of_line(line: Parent[orders.OrderLine], info: Info) -> list[AccountEntry]:
    """What the buyer filled in for a line."""
    version = line.type_id, line.type_version
    if await _is_theirs(line, info) or _may_read_orders(info):
        return await entries_of(info, version, await orders.account_in(line))
    return await entries_of(info, version, orders.masked_in(line))


async def entries_of(
    info: Info, version: tuple[UUID, int], account: Mapping[str, Any]
) -> list[AccountEntry]:
    """The values in the order of their fields, with the labels that the buyer saw."""
    if not account:
        return []
    rows = await info.context.loaders.type_versions.load(version)
    label = "label_zh" if info.context.language == "zh" else "label_en"
    return [
        AccountEntry(row["key"], row[label], catalog.as_text(account[row["key"]]))
        for row in rows
        if row["key"] in account
    ]


async def delivery_of_line(line: Parent[orders.OrderLine], info: Info) -> Delivery | None:
    """What was delivered, by kind; null until it is, and for a line that was refunded."""
    if line.status is not LineStatus.DELIVERED or line.delivered_at is None:
        return None
    kind, moment = line.delivery_kind, line.delivered_at
    if kind is DeliveryKind.DIRECT_TOPUP:
        return TopupDelivery(kind, moment, line.receipt or "")
    if kind is DeliveryKind.MANUAL:
        note = orders.note_of(line) if await _is_theirs(line, info) else None
        return ManualDelivery(kind, moment, note)
    return CardDelivery(kind, moment, line.id)


def cards_of_delivery(
    delivery: Parent[CardDelivery], info: Info
) -> AtOnceOrLater[Sequence[DeliveredCard]]:
    """The delivered cards, masked."""
    return info.context.loaders.cards.get(delivery.line_id)


async def _is_theirs(line: orders.OrderLine, info: Info) -> bool:
    if info.context.pushed:
        return False
    order_id: UUID = line.order_id  # type: ignore[attr-defined]
    if order_id in info.context.proved_orders:
        return True
    buyer = await info.context.loaders.buyers.load(order_id)
    return buyer is not None and buyer == info.context.actor.user_id


def _may_read_orders(info: Info) -> bool:
    """An operator; a key that reads orders reads its owner's only."""
    if info.context.pushed:
        return False
    actor = info.context.actor
    return actor.kind is ActorKind.OPERATOR and bool({"orders:read", "*"} & actor.scopes)
