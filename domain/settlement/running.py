"""Runs of settlement: started once for a period, counted in slices, frozen when the sums agree.

Each slice is a transaction that also moves the run's cursor: a run that dies goes on where it
stood, and two that work at one run take turns at its row. Nothing of a dry run is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from domain import audit, commissions
from domain.kernel import (
    Actor,
    Connection,
    Event,
    NotFound,
    Prefix,
    Refused,
    clock,
    connection,
    crash_point,
    encode_id,
    new_id,
    plain,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.settlement.counting import (
    NOBODY,
    Span,
    add_slice,
    border_at,
    moved_in_ledger,
    write_slice,
)
from domain.settlement.models import RunState, SettlementRun
from domain.settlement.refusals import (
    SettlementOutOfOrder,
    SettlementTooEarly,
    SettlementUnfinished,
)
from domain.settlement.rules import Period, period_of
from domain.settlement.sums import Totals

READ_SCOPE, WRITE_SCOPE = "settlements:read", "settlements:write"
FROZEN = "settlement.frozen"
SETTLE = timedelta(seconds=120)  # no transaction lives as long
STEPS = 100  # of a job's progress
_ONE_AT_A_TIME = "LOCK TABLE settlement_runs IN SHARE ROW EXCLUSIVE MODE"
_AGENTS = "SELECT count(*)::int FROM accounts WHERE kind = 'commission' AND currency = $1"
_LOCK = "SELECT * FROM settlement_runs WHERE id = $1 FOR UPDATE"
_GO_ON = "UPDATE settlement_runs SET looked = looked + $2, cursor = $3 WHERE id = $1"
_FREEZE = "UPDATE settlement_runs SET state = 'FROZEN', frozen_at = $2 WHERE id = $1"
_SUM = """
SELECT count(*)::int AS statements, coalesce(sum(closing_pending + closing_available - closing_owed
    - opening_pending - opening_available + opening_owed), 0)::bigint AS gained
FROM settlement_statements WHERE run_id = $1
"""
Told = Callable[[int, int], None]  # agents looked at, of how many


def quiet(looked: int, agents: int) -> None:
    """For whoever tells nobody."""


@dataclass(slots=True)
class Started:
    """A run, and whether an earlier call had started it."""

    run: SettlementRun
    replayed: bool


async def start_run(actor: Actor, period: str, currency: str) -> Started:
    """Begin the settlement of a period that is over (`2026-11`, `2026-W47`, `2026-11-25`).

    Needs `settlements:write`; audited. The same period again is the run of then. Refuses a period
    that is not over (SETTLEMENT_TOO_EARLY), and one that does not begin where the last one ended
    (SETTLEMENT_OUT_OF_ORDER), or before that one is frozen (SETTLEMENT_UNFINISHED).
    """
    actor.require_scope(WRITE_SCOPE)
    wanted = period_of(period, commissions.calendar.utc_offset)
    ready_at = wanted.ends_at + SETTLE
    refuse_unless(clock.now() >= ready_at, SettlementTooEarly(ready_at=ready_at))
    async with transaction() as conn:
        await conn.execute(_ONE_AT_A_TIME)
        earlier = await SettlementRun.filter(period=period, currency=currency).first()
        if earlier is not None:
            return Started(earlier, replayed=True)
        last = await SettlementRun.filter(currency=currency).order_by("-ends_at").first()
        span = await _span_after(conn, last, wanted, currency)
        run = await SettlementRun.create(
            id=new_id(),
            period=wanted.name,
            currency=currency,
            starts_at=wanted.starts_at,
            ends_at=wanted.ends_at,
            follows=span.follows,
            from_entry=span.from_entry,
            up_to_entry=span.up_to_entry,
            state=RunState.COUNTING,
            agents=await conn.fetchval(_AGENTS, currency),
            cursor=NOBODY,
            started_by=actor.user_id,
            started_at=clock.now(),
        )
        details = {"period": wanted.name, "currency": currency}
        await audit.record(conn, actor, "settlement.start", run.id, details)
    return Started(run, replayed=False)


def check_period(period: str) -> None:
    """Refuses what is no period (INVALID), before anybody waits for a job of it."""
    period_of(period, commissions.calendar.utc_offset)


async def count_run(run_id: UUID, told: Told = quiet) -> SettlementRun:
    """Write what is left of a run's statements, and freeze it. Does nothing to a frozen one."""
    while await _count_slice(run_id, told):
        crash_point("settlement.slice_committed")
    run = await SettlementRun.get(id=run_id)
    if run.state is RunState.COUNTING:
        span = Span(run.currency, run.follows, run.from_entry, run.up_to_entry)
        await _freeze(run_id, await moved_in_ledger(span))
        wake_relay()
    return await SettlementRun.get(id=run_id)


async def dry_run(actor: Actor, period: str, currency: str, told: Told = quiet) -> Totals:
    """What a run of this period would come to, or would by now when it is not over; writes nothing.

    Needs `settlements:write`. It follows the run that ended where it begins, if there is one.
    """
    actor.require_scope(WRITE_SCOPE)
    wanted = period_of(period, commissions.calendar.utc_offset)
    until = min(wanted.ends_at, clock.now() - SETTLE)
    before = SettlementRun.filter(currency=currency, ends_at=wanted.starts_at)
    last = await before.filter(state=RunState.FROZEN).first()
    async with connection() as conn:
        begin = last.up_to_entry if last else await border_at(conn, wanted.starts_at)
        end = max(begin, await border_at(conn, until))
        agents = await conn.fetchval(_AGENTS, currency)
    span = Span(currency, last.id if last else None, begin, end)
    totals, looked, cursor = Totals(currency), 0, NOBODY
    while True:
        async with connection() as conn:
            row = await add_slice(conn, span, cursor)
        if row["last"] is None:
            return totals
        totals.add(row)
        looked, cursor = looked + row["looked"], row["last"]
        told(looked, agents)


async def _span_after(
    conn: Connection, last: SettlementRun | None, wanted: Period, currency: str
) -> Span:
    """The entries of a period: from where the last run ended, which must be where it begins."""
    if last is None:
        begin = await border_at(conn, wanted.starts_at)
    else:
        follows = last.ends_at == wanted.starts_at
        next_from = last.ends_at.astimezone(wanted.starts_at.tzinfo)
        refuse_unless(follows, SettlementOutOfOrder(next_from=next_from, field=("period",)))
        frozen = last.state is RunState.FROZEN
        refuse_unless(frozen, SettlementUnfinished(period=last.period))
        begin = last.up_to_entry
    end = max(begin, await border_at(conn, wanted.ends_at))
    return Span(currency, last.id if last else None, begin, end)


async def _count_slice(run_id: UUID, told: Told) -> bool:
    """Write one slice; False when none is left."""
    async with transaction() as conn:
        run = await conn.fetchrow(_LOCK, run_id)
        if run is None:
            raise Refused(NotFound(what="settlement run"))
        if run["state"] != RunState.COUNTING:
            return False
        span = Span(run["currency"], run["follows"], run["from_entry"], run["up_to_entry"])
        row = await write_slice(conn, run_id, span, run["cursor"])
        if row["last"] is None:
            return False
        crash_point("settlement.slice_written")
        await conn.execute(_GO_ON, run_id, row["looked"], row["last"])
        told(run["looked"] + row["looked"], run["agents"])
    return True


async def _freeze(run_id: UUID, booked: int) -> None:
    """What the statements gained must be what the ledger did, to the last unit."""
    async with transaction() as conn:
        run = await conn.fetchrow(_LOCK, run_id)
        if run["state"] != RunState.COUNTING:
            return
        row = await conn.fetchrow(_SUM, run_id)
        if row["gained"] != booked:
            raise RuntimeError(f"statements gained {row['gained']}, the ledger {booked}")
        await conn.execute(_FREEZE, run_id, clock.now())
        payload = {
            "runId": encode_id(Prefix.SETTLEMENT_RUN, run_id),
            "period": run["period"],
            "currency": run["currency"],
            "statements": row["statements"],
            "gained": plain(row["gained"]),
        }
        await record_events(conn, [Event(FROZEN, run_id, 1, payload)])
