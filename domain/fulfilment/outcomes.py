"""How an attempt ends in the books, whatever it was to bring."""

from domain import ledger
from domain.fulfilment.models import AttemptStatus, FulfilmentAttempt
from domain.kernel import Connection, clock
from domain.ledger import AccountKind, Posting, TransferKind, account_id


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
