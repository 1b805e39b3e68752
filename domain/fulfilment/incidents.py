"""Incidents: goods or money of suppliers that are not where they should be (design, attempt rules 4
and 5). They are opened by what finds them (`events.tell_incident`) and ended here, by a person.

Each resolution is one transaction: what it moves, the incident's end and the audit row. The order
is locked first, then the attempt, then the incident.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit, cards, ledger, orders
from domain.catalog import CARD_KINDS
from domain.fulfilment.arriving import deliver_ready
from domain.fulfilment.models import (
    OPEN,
    AttemptStatus,
    FulfilmentAttempt,
    IncidentKind,
    Resolution,
    SupplyIncident,
)
from domain.fulfilment.outcomes import OF_OPEN_ATTEMPTS
from domain.fulfilment.refusals import IncidentClosed, LineClosed, ResolutionUnusable
from domain.fulfilment.rules import times
from domain.fulfilment.uncertain import give_up_locked
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    connection,
    crash_point,
    page_of,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id

READ_SCOPE, RESOLVE_SCOPE = "suppliers:read", "supply:resolve"
MAX_NOTE_LETTERS = 500
# Where money that came back may end an incident; of a surplus and of a dear purchase the buyer has
# the goods, and what comes back for them is told by an amount.
_WHOLE = {
    IncidentKind.CAME_LATE,
    IncidentKind.NOT_WHOLE,
    IncidentKind.TAKEN_BACK,
    IncidentKind.CONTRADICTED,
}
_STANDING = """
SELECT i.id, i.kind, a.status, a.parked, a.cost, a.max_unit_cost * a.quantity AS amount,
    l.status AS line, l.delivery_kind,
    (SELECT coalesce(sum(g.amount), 0)::bigint FROM supply_incidents g WHERE g.attempt_id = a.id)
        AS given_back,
    EXISTS (SELECT FROM attempt_verdicts v WHERE v.attempt_id = a.id AND v.state = 'asked') AS asked
FROM supply_incidents i JOIN fulfilment_attempts a ON a.id = i.attempt_id
JOIN order_lines l ON l.id = i.line_id
WHERE i.id = ANY($1) AND i.resolution IS NULL
"""
_GIVEN_BACK = """
SELECT coalesce(sum(amount), 0)::bigint FROM supply_incidents WHERE attempt_id = $1
"""


@dataclass(frozen=True, slots=True)
class ResolveWish:
    """How an incident shall end. `amount` in units: what the supplier gave back, while the goods
    stay; None: all that the attempt had cost, and goods that nobody bought go back with it."""

    incident_id: UUID
    resolution: Resolution
    note: str = ""
    amount: int | None = None


async def list_incidents(
    actor: Actor, page: PageRequest, *, resolved: bool = False, supplier_id: UUID | None = None
) -> Page[SupplyIncident]:
    """The queue of incidents, oldest first, or those that ended, newest first. Needs
    `suppliers:read`."""
    actor.require_scope(READ_SCOPE)
    rows = SupplyIncident.filter(resolution__isnull=not resolved)
    if supplier_id is not None:
        rows = rows.filter(supplier_id=supplier_id)
    if page.after:
        before = UUID(page.after[0])
        rows = rows.filter(id__lt=before) if resolved else rows.filter(id__gt=before)
    rows = rows.order_by("-id" if resolved else "id").limit(page.first + 1)
    return page_of(page, await rows, lambda each: (each.id,))


async def ends_of(incident_ids: Sequence[UUID]) -> dict[UUID, list[Resolution]]:
    """How incidents may be ended now, by one operator: what `resolve_incident` would not refuse for
    what they are. None of those that ended. For the back office."""
    async with connection() as conn:
        rows = await conn.fetch(_STANDING, list(incident_ids))
    return {row["id"]: _ends(row) for row in rows}


def _ends(row: Mapping[str, Any]) -> list[Resolution]:
    came = row["status"] == AttemptStatus.SUCCEEDED
    shelved = came and row["delivery_kind"] in CARD_KINDS
    surplus = row["kind"] == IncidentKind.SURPLUS
    waits = row["status"] in OPEN and row["kind"] in OF_OPEN_ATTEMPTS and not row["asked"]
    alone = waits and row["amount"] <= times.alone_units
    fits = {
        Resolution.KEPT_AS_STOCK: shelved and (row["parked"] or surplus),
        Resolution.REFUNDED_UPSTREAM: came and (row["cost"] or 0) > row["given_back"],
        Resolution.DELIVERED: shelved and row["parked"] and row["line"] in orders.OPEN_LINES,
        Resolution.GONE_ON: alone,
        Resolution.LINE_REFUNDED: alone,
        Resolution.CLOSED: True,
    }
    return [each for each, fit in fits.items() if fit]


async def resolve_incident(actor: Actor, wish: ResolveWish) -> SupplyIncident:
    """End an incident, once. Needs `supply:resolve`; audited.

    KEPT_AS_STOCK: goods that were parked stay on the shelf. REFUNDED_UPSTREAM: the supplier gave
    our money back, and is owed less; goods that nobody bought leave the stock with it.
    DELIVERED: parked goods become the delivery of their line, which must be open. GONE_ON: of an
    attempt without an end: it is given up, and the next offer is tried. LINE_REFUNDED: it is given
    up, and the price of what is not here goes back. CLOSED: by a note alone, which is needed then.

    Refuses an incident that ended before (INCIDENT_CLOSED), a resolution that does not fit it
    (RESOLUTION_UNUSABLE, with the reason), and a line that is closed (LINE_CLOSED).
    """
    actor.require_scope(RESOLVE_SCOPE)
    note = wish.note.strip()
    fits = len(note) <= MAX_NOTE_LETTERS and note.isprintable()
    told = bool(note) or wish.resolution is not Resolution.CLOSED
    refuse_unless(fits and told, Invalid(reason="incident_note", field=("note",)))
    async with transaction() as conn:
        incident, attempt, line = await _lock(conn, wish.incident_id)
        refuse_unless(incident.resolution is None, IncidentClosed(field=("id",)))
        match wish.resolution:
            case Resolution.KEPT_AS_STOCK:
                _refuse_unless_stock(attempt, line, incident.kind)
            case Resolution.REFUNDED_UPSTREAM:
                incident.amount = await _refunded(conn, actor, incident, attempt, wish.amount)
            case Resolution.DELIVERED:
                await _deliver(conn, attempt, line)
            case Resolution.OVER:
                raise Refused(ResolutionUnusable(reason="not_by_hand", field=("resolution",)))
        incident.resolution, incident.note = wish.resolution, note
        incident.resolved_by, incident.resolved_at = actor.require_user(), clock.now()
        await incident.save()
        details = {
            "kind": incident.kind.value,
            "resolution": wish.resolution.value,
            "amount": incident.amount,
            "note": note,
        }
        await audit.record(conn, actor, "supply_incident.resolve", incident.id, details)
        if wish.resolution in (Resolution.GONE_ON, Resolution.LINE_REFUNDED):
            # Last: an attempt that ends would end its incident, too.
            on = wish.resolution is Resolution.GONE_ON
            await _give_up(conn, actor, line, attempt, incident, go_on=on)
        crash_point("fulfilment.incident_written")
    wake_relay()
    return incident


async def _lock(
    conn: Connection, incident_id: UUID
) -> tuple[SupplyIncident, FulfilmentAttempt, orders.LockedLine]:
    known = await SupplyIncident.filter(id=incident_id).first()
    if known is None:
        raise Refused(NotFound(what="incident", field=("id",)))
    line = await orders.lock_line(conn, known.line_id)
    attempt = await FulfilmentAttempt.filter(id=known.attempt_id).select_for_update().get()
    return await SupplyIncident.filter(id=incident_id).select_for_update().get(), attempt, line


async def _give_up(
    conn: Connection,
    actor: Actor,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    incident: SupplyIncident,
    *,
    go_on: bool,
) -> None:
    """End an attempt whose supplier tells no end, as one operator may (`uncertain.give_up`)."""
    fits = incident.kind in OF_OPEN_ATTEMPTS
    refuse_unless(fits, ResolutionUnusable(reason="attempt_over", field=("resolution",)))
    reason = incident.note or incident.kind.value
    await give_up_locked(conn, actor, line, attempt, reason, go_on=go_on)


def _refuse_unless_stock(
    attempt: FulfilmentAttempt, line: orders.LockedLine, kind: IncidentKind
) -> None:
    """Only cards that were parked, or that nobody ordered, are on the shelf."""
    there = attempt.status is AttemptStatus.SUCCEEDED and line.delivery_kind in CARD_KINDS
    there = there and (attempt.parked or kind is IncidentKind.SURPLUS)
    refuse_unless(there, ResolutionUnusable(reason="no_stock", field=("resolution",)))


async def _refunded(
    conn: Connection,
    actor: Actor,
    incident: SupplyIncident,
    attempt: FulfilmentAttempt,
    amount: int | None,
) -> int:
    """Owe the supplier less; how much money came back, goods that went back with it included."""
    left = (attempt.cost or 0) - await conn.fetchval(_GIVEN_BACK, attempt.id)
    paid = attempt.status is AttemptStatus.SUCCEEDED and left > 0
    refuse_unless(paid, ResolutionUnusable(reason="nothing_paid", field=("resolution",)))
    worth: int | None = 0
    if amount is None:
        whole = incident.kind in _WHOLE and not attempt.part  # a part is its line's
        refuse_unless(whole, ResolutionUnusable(reason="amount_needed", field=("amount",)))
        amount = left
        if attempt.parked:
            worth = await cards.return_purchased(conn, actor, attempt.id, "refunded upstream")
    if worth is None:
        raise Refused(ResolutionUnusable(reason="goods_sold", field=("amount",)))
    refuse_unless(0 < amount <= left, Invalid(reason="incident_amount", field=("amount",)))
    if amount > worth:
        currency, supplier = attempt.currency, attempt.supplier_id
        legs = [
            (account_id(AccountKind.SUPPLIER, supplier, currency), worth - amount),
            (account_id(AccountKind.LOSS, None, currency), amount - worth),
        ]
        posting = Posting(TransferKind.SUPPLY_REFUND, incident.id, currency, legs)
        await ledger.post(conn, [posting])
    return amount


async def _deliver(conn: Connection, attempt: FulfilmentAttempt, line: orders.LockedLine) -> None:
    """What was parked becomes the line's delivery, out of the stock."""
    closed = LineClosed(status=line.status.value, field=("id",))
    refuse_unless(line.status in orders.OPEN_LINES, closed)
    parked = attempt.parked and line.delivery_kind in CARD_KINDS
    refuse_unless(parked, ResolutionUnusable(reason="no_stock", field=("resolution",)))
    missing = line.quantity - await cards.ready_pieces(conn, line.id)
    if not await cards.keep_purchased(conn, attempt.id, line.id, missing):
        raise Refused(ResolutionUnusable(reason="goods_short", field=("resolution",)))
    await deliver_ready(conn, line)
