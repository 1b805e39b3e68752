"""Buying a line upstream: one attempt at a time, failover on a sure rejection only (rows D1 to D6).

Transaction 1 opens an attempt; the supplier is called outside any transaction; transaction 2 books
what came. An attempt whose outcome is unknown is queried until it is known, and never bought again,
neither there nor anywhere else (invariant I9).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import cards, orders, routing, suppliers
from domain.catalog import DeliveryKind
from domain.fulfilment.arriving import end_line, goods_came, goods_came_late, rest_came
from domain.fulfilment.attempts import (
    attempts_of_line,
    insert_attempt,
    locked_attempt,
    save_attempt,
)
from domain.fulfilment.events import tell_incident, tell_rerouted, tell_uncertain
from domain.fulfilment.going_on import Seen, Step, go_on, look, need_of
from domain.fulfilment.manual import still_by_hand
from domain.fulfilment.models import (
    OPEN,
    AttemptStatus,
    Doubt,
    FulfilmentAttempt,
    IncidentKind,
    SupplyIncident,
)
from domain.fulfilment.outcomes import finish, heard_of, open_attempts
from domain.fulfilment.rules import (
    FORGOTTEN_PAUSE,
    INCIDENT_AFTER,
    LINE_LEASE,
    QUERY_LEASE,
    VALID_FOR,
    WITHHELD_PAUSE,
    asked_from,
    is_final_not_found,
    is_forgotten,
    is_withheld,
    may_still_ask,
    next_query_in,
    not_found_counts_from,
    recheck_in,
)
from domain.kernel import (
    Connection,
    clock,
    crash_point,
    transaction,
    wake_relay,
)
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    Delivery,
    NotFound,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    Uncertain,
)

NO_SUPPLIER = "NO_SUPPLIER"
MOST_COUNTED = 1_000
UNREADABLE = "ACCOUNT_UNREADABLE"

_CLAIM_QUERY = """
UPDATE fulfilment_attempts SET next_query_at = $2, queries = queries + 1
WHERE id = $1 AND next_query_at <= $3 RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class DueWork:
    """What somebody must look at now."""

    lines: list[UUID]
    attempts: list[UUID]


async def fulfil_line(line_id: UUID) -> None:
    """Buy a line upstream: the next offer, and on a sure rejection the next one at once.

    Does nothing when the line is closed or an attempt of it is open, so it may be called any number
    of times. Gives the price back when nobody is left to ask.
    """
    account = await orders.account_of(line_id)
    step = await _open_attempt(line_id, readable=account is not None)
    while step is not None:
        crash_point("fulfilment.attempt_committed")
        result = await _submit(step, account or {})
        crash_point("fulfilment.supplier_answered")
        again, step = await _book_and_go_on(step, result)
        crash_point("fulfilment.outcome_committed")
        if again and step is None:
            step = await _open_attempt(line_id, readable=account is not None)


async def query_attempt(attempt_id: UUID) -> None:
    """Ask what became of an open attempt, when it is due; a rejection goes on to the next offer."""
    moment = clock.now()
    async with transaction() as conn:
        if not await conn.fetchval(_CLAIM_QUERY, attempt_id, moment + QUERY_LEASE, moment):
            return  # finished meanwhile, or somebody else asks
    attempt = await FulfilmentAttempt.get(id=attempt_id)
    if await _is_no_use(attempt):
        return
    result = await ask(attempt)
    crash_point("fulfilment.query_answered")
    if await book(attempt, result):
        await fulfil_line(attempt.line_id)


async def _is_no_use(attempt: FulfilmentAttempt) -> bool:
    """Whether its supplier can tell nothing of an open attempt now: not yet, and it is asked when
    it can; or no more, and then it is a matter for people, who are told."""
    capabilities = await capabilities_at(attempt.supplier_id)
    moment, early = clock.now(), asked_from(capabilities, attempt.opened_at)
    forgotten = is_forgotten(capabilities, attempt.opened_at, moment)
    if not forgotten and moment >= early:
        return False
    async with transaction() as conn:
        line, stored = await lock_attempt(conn, attempt)
        if stored.status in OPEN:
            stored.next_query_at = moment + FORGOTTEN_PAUSE if forgotten else early
            await save_attempt(conn, stored)
            about = {"attempt_id": stored.id, "kind": IncidentKind.FORGOTTEN, "resolution": None}
            if forgotten and not await SupplyIncident.filter(**about).exists():
                await tell_incident(conn, stored, line, IncidentKind.FORGOTTEN)
    wake_relay()
    return True


async def capabilities_at(supplier_id: UUID) -> suppliers.Capabilities:
    """What the connection of a supplier can do."""
    adapter, connection = await suppliers.connection_of(supplier_id)
    return suppliers.port_of(adapter).capabilities_of(connection)


async def ask_again(attempt_id: UUID) -> None:
    """Ask the supplier about any attempt now, also one that was given up: goods that it has
    delivered after all become stock, and are told (mission row F5)."""
    attempt = await FulfilmentAttempt.get(id=attempt_id)
    if await book(attempt, await ask(attempt)):
        await fulfil_line(attempt.line_id)


async def look_at(attempt_id: UUID) -> QueryResult | None:
    """What the supplier says today of an attempt that is over: nothing is booked of it.

    None when it cannot be asked: it knows no number of the attempt, or forgets orders so old. Never
    call it inside a transaction.
    """
    attempt = await FulfilmentAttempt.get(id=attempt_id)
    capabilities = await capabilities_at(attempt.supplier_id)
    if not may_still_ask(capabilities, attempt.upstream_id, attempt.opened_at, clock.now()):
        return None
    return await ask(attempt)


async def ask(attempt: FulfilmentAttempt) -> QueryResult:
    """What its supplier says of an attempt now; books nothing."""
    adapter, connection = await suppliers.connection_of(attempt.supplier_id)
    port = suppliers.port_of(adapter)
    taken = attempt.status is AttemptStatus.ACCEPTED
    if taken and port.capabilities_of(connection).delivery is Delivery.FETCH:
        return await port.fetch_codes(connection, submission_of(attempt))
    return await port.query(connection, submission_of(attempt))


async def book(attempt: FulfilmentAttempt, result: SubmitResult | QueryResult) -> bool:
    """Book what a supplier said of an attempt; True when the next offer may be tried."""
    fresh = await cards.fresh_key() if isinstance(result, Completed) else None
    async with transaction() as conn:
        line, stored = await lock_attempt(conn, attempt)
        again = await book_locked(conn, line, stored, result, fresh)
    wake_relay()
    return again


async def _submit(step: Step, account: Mapping[str, str | int | float]) -> SubmitResult:
    """Place a committed attempt with its supplier. What the buyer filled in is kept with the line
    alone."""
    way = step.way or await suppliers.way_of(step.attempt.offer_id)
    submission = submission_of(step.attempt, way.account_for(account) if account else {})
    return await suppliers.port_of(way.adapter).submit(way.connection, submission)


async def _book_and_go_on(step: Step, result: SubmitResult) -> tuple[bool, Step | None]:
    """`book`, and where a sure rejection leads simply to the next offer, the attempt for it, in the
    same transaction: one commit between a no and the next order."""
    if not isinstance(result, Rejected):
        return await book(step.attempt, result), None
    async with transaction() as conn:
        line = await orders.lock_line(conn, step.attempt.line_id)
        seen = await look(conn, line, step)
        known = seen is not None and not _says_of_next(seen, result)
        following = await go_on(conn, seen, step, result) if seen and known else None
        again = following is not None
        if following is None:
            stored = seen.own if seen else await locked_attempt(conn, step.attempt.id)
            again = await book_locked(conn, line, stored, result, None)
    wake_relay()
    return again, following


def _says_of_next(seen: Seen, said: Rejected) -> bool:
    """Whether this no tells something of the next offers, too, which were read before it: it is of
    their supplier."""
    if routing.fault_of(said.category) not in (routing.Fault.SUPPLIERS, routing.Fault.PACE):
        return False
    known = (suppliers.candidate_in(row["candidate"]) for row in seen.rows if row["candidate"])
    return any(each.supplier_id == seen.own.supplier_id for each in known)


async def _leave_due(conn: Connection, line: orders.LockedLine) -> None:
    """Should this process die now, the sweeper goes on from here."""
    if line.status in orders.OPEN_LINES:
        await orders.line_delivering(conn, line, clock.now() + LINE_LEASE)


async def lock_attempt(
    conn: Connection, attempt: FulfilmentAttempt
) -> tuple[orders.LockedLine, FulfilmentAttempt]:
    """Lock the order of an attempt, its lines, and the attempt itself, as it stands now."""
    line = await orders.lock_line(conn, attempt.line_id)
    return line, await locked_attempt(conn, attempt.id)


async def book_locked(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: SubmitResult | QueryResult,
    fresh: cards.FreshKey | None,
) -> bool:
    """`book`, in the caller's transaction, which has locked line and attempt. `fresh` was made
    before it, where there are goods. The caller wakes the relay after its commit."""
    before = attempt.status
    again = await _booked(conn, line, attempt, result, fresh)
    if again and attempt.status is AttemptStatus.REJECTED:
        await _leave_due(conn, line)
    if (heard := heard_of(before, attempt, result, more=again)) is not None:
        await routing.learn(conn, heard)
    return again


async def _open_attempt(line_id: UUID, *, readable: bool = True) -> Step | None:
    """Commit the next attempt; None when there is nothing (more) to do for the line.

    What its buyer filled in is not `readable` any more: its price goes back.
    """
    async with transaction() as conn:
        line = await orders.lock_line(conn, line_id)
        if line.status not in orders.OPEN_LINES:
            return None
        if line.delivery_kind is DeliveryKind.MANUAL:
            await still_by_hand(conn, line)
            return None
        before = await attempts_of_line(conn, line_id)
        if any(attempt.status in OPEN for attempt in before):
            await _look_again(conn, line, before[-1])
            return None
        if not readable:
            await end_line(conn, line, UNREADABLE)
            return None
        # Only an earlier attempt can have brought something that waits.
        need = need_of(line, before, await cards.ready_pieces(conn, line_id) if before else 0)
        choice = await routing.choose(conn, need, open_attempts)
        chosen = choice.candidate
        if choice.wait_until is not None:
            await orders.look_again(conn, line, choice.wait_until)
        elif chosen is None:
            await end_line(conn, line, _failure_of(before))
        else:
            attempt = await _opened(conn, line, need, choice)
    wake_relay()
    if chosen is None or choice.course is None:
        return None
    return Step(attempt, choice.course, {*need.tried, attempt.offer_id})


async def _opened(
    conn: Connection, line: orders.LockedLine, need: routing.Need, choice: routing.Choice
) -> FulfilmentAttempt:
    """The attempt for an offer that was chosen, and its line under way."""
    attempt = await insert_attempt(conn, line, choice, need)
    await orders.line_delivering(conn, line, attempt.opened_at + INCIDENT_AFTER)
    if need.number > 1:
        await tell_rerouted(conn, attempt, line)
    return attempt


async def _look_again(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt
) -> None:
    """A line whose attempt has been open for very long is a matter for people."""
    if clock.now() - attempt.opened_at < INCIDENT_AFTER:
        return
    await orders.line_delivering(conn, line, clock.now() + INCIDENT_AFTER)
    await tell_incident(conn, attempt, line, IncidentKind.OPEN_TOO_LONG)


def _failure_of(attempts: list[FulfilmentAttempt]) -> str:
    """Why the last one said no, as the buyer sees it."""
    category = attempts[-1].category if attempts else None
    return category.upper() if category else NO_SUPPLIER


def submission_of(
    attempt: FulfilmentAttempt, account: Mapping[str, str | int | float] | None = None
) -> Submission:
    """An attempt as its supplier is told of it."""
    return Submission(
        reference=attempt.reference,
        item=attempt.item,
        quantity=attempt.quantity * attempt.units,
        max_unit_cost=attempt.max_unit_cost // attempt.units,
        currency=attempt.currency,
        valid_until=attempt.opened_at + VALID_FOR,
        account=account or {},
        upstream_id=attempt.upstream_id,
    )


async def _booked(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: SubmitResult | QueryResult,
    fresh: cards.FreshKey | None,
) -> bool:
    if attempt.status not in OPEN:
        if isinstance(result, Completed) and attempt.status is AttemptStatus.REJECTED:
            await goods_came_late(conn, line, attempt, result, fresh)
        elif isinstance(result, Completed) and fresh is not None:
            await rest_came(conn, line, attempt, result, fresh)
        return False
    match result:
        case Completed():
            assert fresh is not None, "made before the transaction"
            return await goods_came(conn, line, attempt, result, fresh)
        case Rejected(category=category):
            return await _rejected(conn, attempt, category)
        case NotFound():
            return await _not_found(conn, line, attempt)
        case Accepted(upstream_id=upstream_id, withheld=withheld):
            attempt.upstream_id = upstream_id or attempt.upstream_id
            attempt.not_found_answers = 0
            _note_withheld(attempt, withheld=withheld)
            await _stay_open(conn, line, attempt, AttemptStatus.ACCEPTED)
            await _tell_withheld(conn, line, attempt)
        case Uncertain(category=category):
            attempt.category = category.value
            attempt.not_found_answers = 0
            await _stay_open(conn, line, attempt, AttemptStatus.UNCERTAIN, answered=False)
    return False


async def _rejected(conn: Connection, attempt: FulfilmentAttempt, category: Category) -> bool:
    attempt.category = category.value
    await finish(conn, attempt, AttemptStatus.REJECTED, None, attempt.upstream_id)
    return True


async def _not_found(conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt) -> bool:
    """Give up what the supplier surely does not have; never an order that it once said it took."""
    capabilities = await capabilities_at(attempt.supplier_id)
    if attempt.status is AttemptStatus.ACCEPTED:
        await _stay_open(conn, line, attempt, AttemptStatus.UNCERTAIN)
        return False
    counts_from = not_found_counts_from(capabilities, attempt.opened_at)
    if counts_from is None or clock.now() < counts_from:
        await _stay_open(conn, line, attempt, AttemptStatus.UNCERTAIN, latest=counts_from)
        return False
    attempt.not_found_answers += 1
    if is_final_not_found(capabilities, attempt.not_found_answers):
        attempt.doubt, attempt.recheck_at = Doubt.NOT_FOUND, clock.now() + recheck_in(0)
        return await _rejected(conn, attempt, Category.PROVIDER_DOWN)
    await _stay_open(conn, line, attempt, AttemptStatus.UNCERTAIN, attempt.not_found_answers)
    return False


def _note_withheld(attempt: FulfilmentAttempt, *, withheld: bool) -> None:
    """Count how often a supplier says that it is done and shows nothing."""
    if withheld:
        attempt.withheld_since = attempt.withheld_since or clock.now()
        attempt.withheld_answers = min(attempt.withheld_answers + 1, MOST_COUNTED)
    else:
        attempt.withheld_since, attempt.withheld_answers = None, 0


async def _tell_withheld(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt
) -> None:
    """Once a supplier has said often and long enough that it is done and shown nothing, people are
    told, once of each attempt."""
    since = attempt.withheld_since
    if since is None or not is_withheld(attempt.withheld_answers, since, clock.now()):
        return
    about = {"attempt_id": attempt.id, "kind": IncidentKind.WITHHELD}
    if not await SupplyIncident.filter(**about).exists():
        await tell_incident(conn, attempt, line, IncidentKind.WITHHELD)


async def _stay_open(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    status: AttemptStatus,
    asked: int | None = None,
    latest: datetime | None = None,
    *,
    answered: bool = True,
) -> None:
    """Ask again later, and not after `latest`. What a supplier once took is taken, whatever a later
    query cannot tell."""
    if attempt.status is AttemptStatus.SUBMITTING and status is AttemptStatus.UNCERTAIN:
        await tell_uncertain(conn, attempt, line)
    if attempt.status is not AttemptStatus.ACCEPTED:
        attempt.status = status
    moment, since = clock.now(), attempt.withheld_since
    asked = attempt.queries if asked is None else asked
    again = moment + next_query_in(asked, moment - attempt.opened_at, answered=answered)
    if since is not None and is_withheld(attempt.withheld_answers, since, moment):
        again = moment + WITHHELD_PAUSE
    attempt.next_query_at = again if latest is None else min(again, latest)
    await save_attempt(conn, attempt)
