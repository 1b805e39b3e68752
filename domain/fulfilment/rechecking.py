"""Asking again about attempts that are over (design, attempt rules 3 to 5).

An attempt is given up when its supplier has told often enough that it knows nothing of it, and the
next supplier is asked. Should the order turn up later it was bought all the same: so the first one
is asked again for some days. And whoever calls back the contrary of what we know is asked whether
it is so. And who brought less than was ordered may bring the rest, which was bought elsewhere
meanwhile. What is found then moves no delivery: late goods become stock, and a person is told.
"""

from uuid import UUID

from domain import orders
from domain.fulfilment.events import tell_incident
from domain.fulfilment.models import AttemptStatus, Doubt, FulfilmentAttempt, IncidentKind
from domain.fulfilment.rules import (
    QUERY_LEASE,
    asked_from,
    is_forgotten,
    next_recheck,
)
from domain.fulfilment.service import ask, book, capabilities_at
from domain.kernel import clock, connection, crash_point, transaction, wake_relay
from domain.suppliers import Completed, Rejected, Uncertain

_DUE = """
SELECT id FROM fulfilment_attempts WHERE recheck_at <= $1 ORDER BY recheck_at LIMIT $2
"""
_CLAIM = """
UPDATE fulfilment_attempts SET recheck_at = $2
WHERE id = $1 AND recheck_at <= $3 RETURNING 1
"""


async def list_doubted(limit: int) -> list[UUID]:
    """Attempts that are over, and whose supplier is to be asked again now."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def recheck_attempt(attempt_id: UUID) -> None:
    """Ask once more what became of an attempt that is over, when it is due."""
    moment = clock.now()
    async with transaction() as conn:
        if not await conn.fetchval(_CLAIM, attempt_id, moment + QUERY_LEASE, moment):
            return
    attempt = await FulfilmentAttempt.get(id=attempt_id)
    capabilities = await capabilities_at(attempt.supplier_id)
    if is_forgotten(capabilities, attempt.opened_at, moment):
        await _end(attempt)
        return
    early = asked_from(capabilities, attempt.opened_at)
    if moment < early:
        async with transaction():
            await FulfilmentAttempt.filter(id=attempt.id).update(recheck_at=early)
        return
    result = await ask(attempt)
    crash_point("fulfilment.recheck_answered")
    if isinstance(result, Completed) and attempt.status is AttemptStatus.REJECTED:
        await book(attempt, result)  # it came late: parked, and told
        if (await FulfilmentAttempt.get(id=attempt_id)).doubt is not Doubt.SHORT:
            await _settle(attempt_id)
    elif isinstance(result, Completed) and attempt.doubt is Doubt.SHORT:
        await book(attempt, result)  # what it had not brought before: parked, and told
        if len(result.codes) < attempt.quantity:
            await _again(attempt, answered=True)
        else:
            await _settle(attempt_id)
    elif isinstance(result, Rejected) and attempt.status is AttemptStatus.SUCCEEDED:
        await _settle(attempt_id, IncidentKind.TAKEN_BACK)
    elif isinstance(result, Completed | Rejected):
        await _settle(attempt_id)  # it is as we know it
    else:
        await _again(attempt, answered=not isinstance(result, Uncertain))


async def _again(attempt: FulfilmentAttempt, *, answered: bool) -> None:
    """Nothing definite: ask later, and at the end leave a contradiction to a person. A question
    that nobody answered, or whose asker died, is not one of those that are asked."""
    moment = clock.now()
    asked, pause = next_recheck(attempt.rechecks, moment - attempt.opened_at, answered=answered)
    if pause is None:
        await _end(attempt)
        return
    async with transaction():
        later = {"rechecks": asked, "recheck_at": moment + pause}
        await FulfilmentAttempt.filter(id=attempt.id).update(**later)


async def _end(attempt: FulfilmentAttempt) -> None:
    """Nobody will tell: a contradiction is left to a person, all else stays as we know it."""
    contradicted = attempt.doubt is Doubt.CALLED_BACK
    await _settle(attempt.id, IncidentKind.CONTRADICTED if contradicted else None)


async def _settle(attempt_id: UUID, why: IncidentKind | None = None) -> None:
    """No more questions; with `why` it is a matter for a person."""
    async with transaction() as conn:
        line_id = await conn.fetchval(
            "SELECT line_id FROM fulfilment_attempts WHERE id = $1", attempt_id
        )
        line = await orders.lock_line(conn, line_id)
        attempt = await FulfilmentAttempt.filter(id=attempt_id).select_for_update().get()
        attempt.recheck_at = None
        await attempt.save()
        if why is not None:
            await tell_incident(conn, attempt, line, why)
    wake_relay()
