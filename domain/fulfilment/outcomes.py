"""How an attempt ends in the books, and in what is remembered of its supplier."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain import ledger
from domain.fulfilment.models import OPEN, AttemptStatus, FulfilmentAttempt
from domain.kernel import Connection, clock
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.routing import Heard
from domain.suppliers import Category, NotFound, QueryResult, Rejected, SubmitResult, Uncertain

_OPEN_AT = """
SELECT supplier_id, count(*) FROM fulfilment_attempts
WHERE supplier_id = ANY($1) AND status IN ('submitting', 'accepted', 'uncertain')
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
    attempt: FulfilmentAttempt, status: AttemptStatus, cost: int | None, upstream_id: str | None
) -> None:
    """The attempt is over: what it cost, and how the supplier calls it."""
    attempt.status, attempt.cost, attempt.upstream_id = status, cost, upstream_id
    attempt.next_query_at, attempt.finished_at = None, clock.now()
    await attempt.save()


async def open_attempts(conn: Connection, supplier_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many attempts without an outcome suppliers have; whoever has none is left out."""
    rows = await conn.fetch(_OPEN_AT, list(supplier_ids))
    return {row["supplier_id"]: row["count"] for row in rows}


def heard_of(
    before: AttemptStatus, attempt: FulfilmentAttempt, result: SubmitResult | QueryResult
) -> Heard | None:
    """What a booked answer says of its supplier; None when it says nothing new."""
    first = before is AttemptStatus.SUBMITTING
    final = attempt.status not in OPEN
    learned = final or (first and not isinstance(result, NotFound))
    if before not in OPEN or not learned:
        return None
    category: Category | None = None
    if attempt.parked:  # less came than was asked for
        category = Category.OUT_OF_STOCK
    elif attempt.status is AttemptStatus.REJECTED and attempt.category:
        category = Category(attempt.category)
    elif isinstance(result, Rejected | Uncertain):
        category = result.category
    took = clock.now() - attempt.opened_at if final else None
    return Heard(attempt.supplier_id, attempt.offer_id, category, first, final, took)
