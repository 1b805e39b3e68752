"""Asking suppliers how they are, and what follows from it (mission rows D11, D13).

A poll calls outside any transaction; what came is noted in one, under the lock of the supplier's
gate: the reading, the balance, the score, and at most one event for each line that was crossed.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain import audit, cards, suppliers
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
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.routing.events import (
    BALANCE_LOW,
    BALANCE_RECOVERED,
    TOP_UP_REMINDER,
    tell_balance,
    tell_health,
)
from domain.routing.models import Demotion, Reach, SupplierGate, SupplierReading
from domain.routing.queries import READ_SCOPE
from domain.routing.rules import Standing, success_now
from domain.routing.scoring import (
    REMIND_AFTER,
    WEEK,
    HealthFacts,
    demotion_of,
    low_line,
    score_of,
    suggested_top_up,
)
from domain.suppliers import HealthState

WRITE_SCOPE = "suppliers:write"
POLL_LEASE = timedelta(seconds=60)
KEPT, FORGET_BATCH = timedelta(days=90), 5_000
_REACH = {
    HealthState.UP: Reach.UP,
    HealthState.DOWN: Reach.DOWN,
    HealthState.UNKNOWN: Reach.UNKNOWN,
}

_DUE = """
SELECT s.id FROM suppliers s LEFT JOIN supplier_gates g ON g.supplier_id = s.id
WHERE s.state = 'active' AND coalesce(g.next_poll_at, '-infinity') <= $1
ORDER BY g.next_poll_at NULLS FIRST LIMIT $2
"""
_OPEN_GATE = "INSERT INTO supplier_gates (supplier_id) VALUES ($1) ON CONFLICT DO NOTHING"
_CLAIM = """
UPDATE supplier_gates SET next_poll_at = $2
WHERE supplier_id = $1 AND coalesce(next_poll_at, '-infinity') <= $3 RETURNING 1
"""
_FORGET = """
DELETE FROM supplier_readings WHERE id = ANY (ARRAY(
    SELECT id FROM supplier_readings WHERE at < $1 LIMIT $2))
"""

# Of some suppliers, since a moment: what was spent there, in units; whoever has none is left out.
CountSpent = Callable[[Connection, Sequence[UUID], datetime], Awaitable[dict[UUID, int]]]
# Of some suppliers: hours until bad cards were made good; whoever never had to is left out.
CountHours = Callable[[Connection, Sequence[UUID]], Awaitable[dict[UUID, int]]]


@dataclass(slots=True)
class Sources:
    """What contexts above know of suppliers, and how often they are asked; set once by the
    wiring."""

    every: timedelta = timedelta(minutes=5)
    spent: CountSpent | None = None
    refund_hours: CountHours | None = None


sources = Sources()


@dataclass(frozen=True, slots=True)
class SupplierHealth:
    """How a supplier stands. Amounts in units, rates and `score` in 1/10000; `cover_hours` is how
    long the balance lasts as it was used in a week, None when nothing was."""

    score: int
    success: int
    latency_ms: int
    invalid_rate: int
    refund_hours: int | None
    demoted_at: datetime | None
    demotion: Demotion | None
    balance: int | None
    balance_at: datetime | None
    balance_low: bool
    low_line: int
    spent_in_a_week: int

    @property
    def cover_hours(self) -> int | None:
        """How long the balance lasts."""
        if self.balance is None or self.spent_in_a_week <= 0:
            return None
        return max(0, self.balance) * 7 * 24 // self.spent_in_a_week


async def due_polls(limit: int) -> list[UUID]:
    """Suppliers that are to be asked how they are now, those that waited longest first."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def poll_supplier(supplier_id: UUID) -> None:
    """Ask a supplier how it is and what we have left there, when it is due."""
    moment = clock.now()
    async with transaction() as conn:
        await conn.execute(_OPEN_GATE, supplier_id)
        if not await conn.fetchval(_CLAIM, supplier_id, moment + POLL_LEASE, moment):
            return
    found = await suppliers.find_connection(supplier_id)
    if found is None:
        return
    port, reached = suppliers.port_of(found[0]), found[1]
    started = time.monotonic()
    balance: int | None = None
    if port.capabilities_of(reached).balance:
        balance = await port.balance(reached)
        reach = Reach.DOWN if balance is None else Reach.UP
    else:
        reach = _REACH[(await port.health(reached)).state]
    took_ms = int((time.monotonic() - started) * 1000)
    crash_point("routing.poll_answered")
    async with transaction() as conn:
        await _note(conn, supplier_id, reach, balance, took_ms)
    wake_relay()


async def set_low_balance(actor: Actor, supplier_code: str, line: int | None) -> UUID:
    """Set below which a supplier's balance is low, in units; None: what two days use. The supplier.

    Needs `suppliers:write`; audited. Refuses an unknown supplier and a line below zero.
    """
    actor.require_scope(WRITE_SCOPE)
    refuse_unless((line or 0) >= 0, Invalid(reason="low_balance", field=("lowBalance",)))
    async with transaction() as conn:
        supplier = await suppliers.Supplier.filter(code=supplier_code).first()
        if supplier is None:
            raise Refused(NotFound(what="supplier", field=("supplierCode",)))
        await conn.execute(_OPEN_GATE, supplier.id)
        gate = await SupplierGate.filter(supplier_id=supplier.id).select_for_update().get()
        gate.low_balance, gate.next_poll_at = line, clock.now()
        await gate.save()
        await audit.record(conn, actor, "supplier.low_balance", supplier.id, {"line": line})
    return supplier.id


async def health_of(supplier_ids: Sequence[UUID]) -> dict[UUID, SupplierHealth | None]:
    """How suppliers stand, for the back office; two statements for all."""
    moment, ids = clock.now(), list(supplier_ids)
    gates = {gate.supplier_id: gate for gate in await SupplierGate.filter(supplier_id__in=ids)}
    async with connection() as conn:
        spent = await _spent(conn, ids, moment)
    return {
        each: _shown(gates.get(each) or SupplierGate(supplier_id=each), spent.get(each, 0), moment)
        for each in ids
    }


async def list_readings(
    actor: Actor, page: PageRequest, supplier_id: UUID
) -> Page[SupplierReading]:
    """What a supplier told each time, newest first; needs `suppliers:read`."""
    actor.require_scope(READ_SCOPE)
    rows = SupplierReading.filter(supplier_id=supplier_id)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows.order_by("-id").limit(page.first + 1), lambda each: (each.id,))


async def forget_readings() -> int:
    """Delete a batch of old readings; how many went."""
    async with transaction() as conn:
        done = await conn.execute(_FORGET, clock.now() - KEPT, FORGET_BATCH)
    return int(done.rpartition(" ")[2])


async def _note(
    conn: Connection, supplier_id: UUID, reach: Reach, balance: int | None, took_ms: int
) -> None:
    """Write what came; the gate's lock lets nobody else count its events meanwhile."""
    moment = clock.now()
    quality = (await cards.quality_of_suppliers([supplier_id])).get(supplier_id)
    hours = await sources.refund_hours(conn, [supplier_id]) if sources.refund_hours else {}
    spent = (await _spent(conn, [supplier_id], moment)).get(supplier_id, 0)
    gate = await SupplierGate.filter(supplier_id=supplier_id).select_for_update().get()
    facts = HealthFacts(
        success_now(_standing(gate), moment),
        gate.latency_ms,
        max(quality.delivered, quality.checked) if quality else 0,
        quality.invalid if quality else 0,
        hours.get(supplier_id),
    )
    gate.next_poll_at = moment + sources.every
    gate.downs = gate.downs + 1 if reach is Reach.DOWN else 0
    gate.invalid_rate, gate.refund_hours = facts.invalid_rate, facts.refund_hours
    gate.score = score_of(facts)
    if balance is not None:
        gate.balance, gate.balance_at = balance, moment
        await _watch_balance(conn, gate, balance, spent, moment)
    await _watch_score(conn, gate, moment)
    await gate.save()
    await SupplierReading.create(
        supplier_id=supplier_id,
        at=moment,
        reach=reach,
        took_ms=took_ms,
        balance=balance,
        score=gate.score,
    )


async def _watch_balance(
    conn: Connection, gate: SupplierGate, balance: int, spent: int, moment: datetime
) -> None:
    """Tell once that the balance fell below its line, each day that it is still there, and once
    that it is above it again."""
    line = low_line(gate.low_balance, spent)
    low = balance < line
    event = None
    if low and not gate.balance_low:
        event = BALANCE_LOW
    elif low and (gate.reminded_at is None or moment - gate.reminded_at >= REMIND_AFTER):
        event = TOP_UP_REMINDER
    elif gate.balance_low and not low:
        event = BALANCE_RECOVERED
    gate.balance_low = low
    gate.reminded_at = moment if low and event else (gate.reminded_at if low else None)
    if event is not None:
        suggested = suggested_top_up(balance, line, spent) if low else 0
        amounts = {"balance": balance, "line": line, "suggested": suggested}
        facts = {name: plain(units) for name, units in amounts.items()}
        await tell_balance(conn, event, gate.supplier_id, facts)


async def _watch_score(conn: Connection, gate: SupplierGate, moment: datetime) -> None:
    """Demote a supplier that does badly, and restore one that does well again."""
    demotion = demotion_of(gate.score, gate.downs, gate.demotion)
    if (demotion is None) != (gate.demotion is None):
        await tell_health(conn, gate.supplier_id, gate.score, demotion)
        gate.demoted_at = moment if demotion else None
    gate.demotion = demotion


async def _spent(conn: Connection, ids: Sequence[UUID], moment: datetime) -> dict[UUID, int]:
    return await sources.spent(conn, ids, moment - WEEK) if sources.spent else {}


def _standing(gate: SupplierGate) -> Standing:
    return Standing(success=gate.success, measured_at=gate.measured_at)


def _shown(gate: SupplierGate, spent: int, moment: datetime) -> SupplierHealth:
    return SupplierHealth(
        score=gate.score,
        success=success_now(_standing(gate), moment),
        latency_ms=gate.latency_ms,
        invalid_rate=gate.invalid_rate,
        refund_hours=gate.refund_hours,
        demoted_at=gate.demoted_at,
        demotion=gate.demotion,
        balance=gate.balance,
        balance_at=gate.balance_at,
        balance_low=gate.balance_low,
        low_line=low_line(gate.low_balance, spent),
        spent_in_a_week=spent,
    )
