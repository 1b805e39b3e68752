"""Lines that an operator delivers by hand: claimed, then handed over or given up (row A1).

Each use case locks the order and its lines first, so of two operators one comes second and is
refused; the price goes to revenue or back to the buyer in the same transaction.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain import audit, orders
from domain.catalog import DeliveryKind
from domain.fulfilment.models import ManualTask
from domain.fulfilment.refusals import LineClosed, LineNotClaimed, LineTaken
from domain.fulfilment.sale import book_refund, book_sale
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refused,
    claim_key,
    clock,
    connection,
    input_hash,
    is_text,
    page_of,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import LineStatus, events

SCOPE = "orders:fulfil"
MAX_NOTE_LETTERS = 2_000
MAX_TEXT_LETTERS = 500
FAILED = "MANUAL_FAILED"

_OPEN = """
SELECT l.id, l.order_id, o.number, l.sku, l.quantity, l.status, o.placed_at, l.due_at, l.account,
    l.account_sealed,
    l.type_id, l.type_version, t.claimed_by, t.claimed_at
FROM order_lines l JOIN orders o ON o.id = l.order_id LEFT JOIN manual_tasks t ON t.line_id = l.id
WHERE l.delivery_kind = 'MANUAL' AND l.status IN ('QUEUED', 'DELIVERING')
    AND ($1::uuid IS NULL OR l.id > $1) ORDER BY l.id LIMIT $2
"""
_NEXT_SEQUENCE = "SELECT coalesce(max(sequence), 0) + 1 FROM outbox_events WHERE subject = $1"


@dataclass(frozen=True, slots=True)
class ManualLine:
    """A line that waits for a hand, with what its buyer filled in."""

    id: UUID
    order_id: UUID
    order_number: str
    sku: str
    quantity: int
    status: LineStatus
    placed_at: datetime
    due_at: datetime
    type_id: UUID
    type_version: int
    account: dict[str, Any] = field(repr=False)
    claimed_by: UUID | None
    claimed_at: datetime | None


@dataclass(frozen=True, slots=True)
class HandOver:
    """What an operator hands over for a line; `cost` in units is what all of it cost us."""

    line_id: UUID
    note: str = field(repr=False)
    evidence: str
    cost: int
    idempotency_key: str


async def manual_lines(actor: Actor, page: PageRequest) -> Page[ManualLine]:
    """The lines that wait for an operator, oldest first. Needs `orders:fulfil`."""
    actor.require_scope(SCOPE)
    after = UUID(page.after[0]) if page.after else None
    async with connection() as conn:
        rows = await conn.fetch(_OPEN, after, page.first + 1)
    return page_of(page, [await _shown(row) for row in rows], lambda line: (line.id,))


async def claim_line(actor: Actor, line_id: UUID, *, take_over: bool = False) -> orders.OrderLine:
    """Begin to work on a manual line, so that no other operator does. Audited.

    Needs `orders:fulfil`. Refuses a line that is not manual (NOT_FOUND), that is closed
    (LINE_CLOSED), or that another operator has claimed (LINE_TAKEN) unless it is taken over.
    """
    operator = _operator(actor)
    async with transaction() as conn:
        line = await _lock(conn, line_id)
        task = await ManualTask.filter(line_id=line_id).first()
        if task is not None and task.claimed_by == operator:
            return await orders.get_line(line_id)
        if task is not None and not take_over:
            raise Refused(LineTaken(field=("lineId",)))
        before = task.claimed_by if task else None
        task = task or ManualTask(line_id=line_id)
        task.claimed_by, task.claimed_at = operator, clock.now()
        await task.save(force_create=before is None)
        if line.status is LineStatus.QUEUED:
            await orders.line_delivering(conn, line, clock.now() + orders.MANUAL_DUE)
        details = {"takenFrom": str(before) if before else None}
        await audit.record(conn, actor, "line.claim", line_id, details)
    wake_relay()
    return await orders.get_line(line_id)


async def deliver_line(actor: Actor, wish: HandOver) -> orders.OrderLine:
    """Hand a claimed line over: the note is its buyer's, the price becomes revenue. Audited.

    The same `idempotency_key` again changes nothing. Needs `orders:fulfil`. Refuses an empty or
    long text, a cost below zero, a closed line (LINE_CLOSED), and one that the operator has not
    claimed (LINE_NOT_CLAIMED).
    """
    operator = _operator(actor)
    refuse_unless(
        is_text(wish.note, MAX_NOTE_LETTERS), Invalid(reason="manual_note", field=("note",))
    )
    fits = len(wish.evidence) <= MAX_TEXT_LETTERS and wish.evidence.isprintable()
    refuse_unless(fits, Invalid(reason="text_too_long", field=("evidence",)))
    refuse_unless(wish.cost >= 0, Invalid(reason="manual_cost", field=("cost",)))
    hashed = input_hash([str(wish.line_id), wish.note, wish.evidence, wish.cost])
    async with transaction() as conn:
        key = ("lineDeliver", wish.idempotency_key)
        if await _is_replay(conn, operator, key, hashed, wish.line_id):
            return await orders.get_line(wish.line_id)
        line = await _lock(conn, wish.line_id)
        await _end(operator, line, delivered=True, evidence=wish.evidence)
        await book_sale(conn, line, wish.cost, None, note=wish.note.strip())
        details = {"evidence": wish.evidence, "cost": wish.cost}
        await audit.record(conn, actor, "line.deliver", line.id, details)
    wake_relay()
    return await orders.get_line(wish.line_id)


async def fail_line(
    actor: Actor, line_id: UUID, reason: str, idempotency_key: str
) -> orders.OrderLine:
    """Give a claimed line up: its price goes back to the buyer. Audited.

    The same `idempotency_key` again changes nothing. Refuses as `deliver_line` does, and an empty
    or long reason.
    """
    operator = _operator(actor)
    reason = reason.strip()
    fits = 0 < len(reason) <= MAX_TEXT_LETTERS and reason.isprintable()
    refuse_unless(fits, Invalid(reason="review_reason", field=("reason",)))
    hashed = input_hash([str(line_id), reason])
    async with transaction() as conn:
        if await _is_replay(conn, operator, ("lineFail", idempotency_key), hashed, line_id):
            return await orders.get_line(line_id)
        line = await _lock(conn, line_id)
        await _end(operator, line, delivered=False, reason=reason)
        await book_refund(conn, line, FAILED)
        await audit.record(conn, actor, "line.fail", line.id, {"reason": reason})
    wake_relay()
    return await orders.get_line(line_id)


async def still_by_hand(conn: Connection, line: orders.LockedLine) -> None:
    """A manual line that nobody has handed over in time is told, and looked at again later."""
    moment = clock.now()
    if line.due_at is None or line.due_at > moment:
        return
    await orders.look_again(conn, line, moment + orders.MANUAL_DUE)
    sequence = await conn.fetchval(_NEXT_SEQUENCE, line.id)
    told = events.manual_event(events.MANUAL_OVERDUE, sequence, line.order_id, line)
    await record_events(conn, [told])


def _operator(actor: Actor) -> UUID:
    actor.require_scope(SCOPE)
    return actor.require_user()


async def _lock(conn: Connection, line_id: UUID) -> orders.LockedLine:
    try:
        line = await orders.lock_line(conn, line_id)
    except Refused:
        raise Refused(NotFound(what="order line", field=("lineId",))) from None
    if line.delivery_kind is not DeliveryKind.MANUAL:
        raise Refused(NotFound(what="order line", field=("lineId",)))
    if line.status not in orders.OPEN_LINES:
        raise Refused(LineClosed(status=line.status.value, field=("lineId",)))
    return line


async def _is_replay(
    conn: Connection, operator: UUID, key: tuple[str, str], hashed: bytes, line_id: UUID
) -> bool:
    return await claim_key(conn, operator, *key, hashed, line_id) is not None


async def _end(
    operator: UUID,
    line: orders.LockedLine,
    *,
    delivered: bool,
    evidence: str = "",
    reason: str = "",
) -> None:
    task = await ManualTask.filter(line_id=line.id, claimed_by=operator).first()
    if task is None:
        raise Refused(LineNotClaimed(field=("lineId",)))
    task.done_at, task.delivered = clock.now(), delivered
    task.evidence, task.reason = evidence, reason
    await task.save(force_update=True)


async def _shown(row: Any) -> ManualLine:
    account = orjson.loads(row["account"]) if row["account"] else {}
    account = account or await orders.opened_account(row["id"], row["account_sealed"])
    return ManualLine(
        id=row["id"],
        order_id=row["order_id"],
        order_number=row["number"],
        sku=row["sku"],
        quantity=row["quantity"],
        status=LineStatus(row["status"]),
        placed_at=row["placed_at"],
        due_at=row["due_at"],
        type_id=row["type_id"],
        type_version=row["type_version"],
        account=account,
        claimed_by=row["claimed_by"],
        claimed_at=row["claimed_at"],
    )
