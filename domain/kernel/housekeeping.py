"""Rows whose time has passed. What proves something (ledger, audit, orders) is never among them."""

from datetime import timedelta

from domain.kernel import clock
from domain.kernel.database import transaction

# Table, the column that tells its age, and how long it is kept.
KEPT = (
    ("idempotency_keys", "created_at", timedelta(days=30)),  # promised: 24 hours at least
    ("spent_nonces", "spent_at", timedelta(hours=1)),  # a signature is good for five minutes
    ("gift_card_guards", "changed_at", timedelta(days=7)),  # forgotten after a day without a try
    ("outbox_events", "published_at", timedelta(days=30)),
)
BATCH = 5_000
_FORGET = [
    (
        f"DELETE FROM {table} WHERE id = ANY (ARRAY"  # noqa: S608 - words of this house
        f" (SELECT id FROM {table} WHERE {column} < $1 LIMIT {BATCH}))",
        age,
    )
    for table, column, age in KEPT
]


async def forget_old_rows() -> int:
    """Delete a batch of each kind; how many rows went."""
    gone = 0
    for statement, age in _FORGET:
        async with transaction() as conn:
            done = await conn.execute(statement, clock.now() - age)
        gone += int(done.rpartition(" ")[2])
    return gone
