"""How an attempt ends in the books, and in what is remembered of its supplier."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from domain import ledger
from domain.fulfilment.attempts import save_attempt
from domain.fulfilment.models import (
    OPEN,
    AttemptStatus,
    FulfilmentAttempt,
    IncidentKind,
    Resolution,
    SupplyIncident,
)
from domain.fulfilment.rules import INCIDENT_AFTER
from domain.fulfilment.sale import above
from domain.kernel import Connection, clock
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.routing import Heard
from domain.suppliers import (
    Category,
    Completed,
    NotFound,
    QueryResult,
    Rejected,
    SubmitResult,
    Uncertain,
)

# They end by themselves when the attempt does.
OF_OPEN_ATTEMPTS = (IncidentKind.OPEN_TOO_LONG, IncidentKind.WITHHELD, IncidentKind.FORGOTTEN)

_HOLD = "LOCK TABLE fulfilment_attempts IN EXCLUSIVE MODE"

_OPEN_AT = """
SELECT supplier_id, count(*) FROM fulfilment_attempts
WHERE supplier_id = ANY($1) AND status IN ('submitting', 'accepted', 'uncertain')
GROUP BY supplier_id
"""

_SPENT = """
SELECT supplier_id, sum(cost)::bigint AS spent FROM fulfilment_attempts
WHERE supplier_id = ANY($1) AND status = 'succeeded' AND finished_at >= $2 AND cost > 0
GROUP BY supplier_id
"""


async def post_supply(
    conn: Connection,
    attempt: FulfilmentAttempt,
    *,
    inventory: int,
    lost: int,
    to: AccountKind = AccountKind.COST,
) -> None:
    """Owe the supplier for goods that are not the line's: what is on the shelf is inventory, and
    what was charged without a card to show for it is lost."""
    if inventory + lost == 0:
        return
    legs = [
        (account_id(AccountKind.INVENTORY, None, attempt.currency), -inventory),
        (account_id(to, None, attempt.currency), -lost),
        (account_id(AccountKind.SUPPLIER, attempt.supplier_id, attempt.currency), inventory + lost),
    ]
    await ledger.post(conn, [Posting(TransferKind.SUPPLY, attempt.id, attempt.currency, legs)])


async def finish(
    conn: Connection,
    attempt: FulfilmentAttempt,
    status: AttemptStatus,
    cost: int | None,
    upstream_id: str | None,
) -> None:
    """The attempt is over: what it cost, and how the supplier calls it."""
    moment = end(attempt, status, cost, upstream_id)
    await save_attempt(conn, attempt)
    if may_have_been_told(attempt, moment):
        told = SupplyIncident.filter(attempt_id=attempt.id, resolution=None)
        over = {"resolution": Resolution.OVER, "resolved_at": moment}
        await told.filter(kind__in=OF_OPEN_ATTEMPTS).update(**over)


def end(
    attempt: FulfilmentAttempt, status: AttemptStatus, cost: int | None, upstream_id: str | None
) -> datetime:
    """`finish`, for the caller to write; when it ended."""
    moment = clock.now()
    attempt.status, attempt.cost, attempt.upstream_id = status, cost, upstream_id
    attempt.next_query_at, attempt.finished_at = None, moment
    return moment


def may_have_been_told(attempt: FulfilmentAttempt, moment: datetime) -> bool:
    """Whether an attempt may have an incident that ends with it."""
    return attempt.opened_at + INCIDENT_AFTER <= moment or attempt.withheld_since is not None


async def open_attempts(conn: Connection, supplier_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many attempts without an outcome suppliers have, purchases for stock among them; whoever
    has none is left out."""
    rows = await conn.fetch(_OPEN_AT, list(supplier_ids))
    found = {row["supplier_id"]: int(row["count"]) for row in rows}
    if above.open_elsewhere is not None:
        for supplier_id, number in (await above.open_elsewhere(conn, supplier_ids)).items():
            found[supplier_id] = found.get(supplier_id, 0) + number
    return found


async def hold_attempts(conn: Connection) -> None:
    """Until the caller's transaction ends nobody opens an attempt, nor looks by which way the next
    one would go: whoever does waits for its end (`going_on.look` locks attempts as it reads ways;
    all others read theirs after the commit)."""
    await conn.execute(_HOLD)


async def spent_since(
    conn: Connection, supplier_ids: Sequence[UUID], since: datetime
) -> dict[UUID, int]:
    """What was bought at suppliers since a moment, in units; whoever has none is left out."""
    rows = await conn.fetch(_SPENT, list(supplier_ids), since)
    return {row["supplier_id"]: row["spent"] for row in rows}


def heard_of(
    before: AttemptStatus,
    attempt: FulfilmentAttempt,
    result: SubmitResult | QueryResult,
    *,
    more: bool,
) -> Heard | None:
    """What a booked answer says of its supplier; None when it says nothing new. `more`: its line
    needs more than it brought."""
    first = before is AttemptStatus.SUBMITTING
    final = attempt.status not in OPEN
    learned = final or (first and not isinstance(result, NotFound))
    if before not in OPEN or not learned:
        return None
    category: Category | None = None
    parked = attempt.parked and not attempt.for_case  # what a case ordered passes through the stock
    short = isinstance(result, Completed) and len(result.codes) < attempt.quantity
    if parked or (attempt.part and more) or (attempt.for_case and short):
        category = Category.OUT_OF_STOCK
    elif attempt.status is AttemptStatus.REJECTED and attempt.category:
        category = Category(attempt.category)
    elif isinstance(result, Rejected | Uncertain):
        category = result.category
    took = clock.now() - attempt.opened_at if final else None
    return Heard(attempt.supplier_id, attempt.offer_id, category, first, final, took)
