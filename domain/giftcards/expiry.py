"""Cards whose time is over: what is left on them stays owed, or becomes income by their terms.

A card is not good from that moment on, whether or not this has run: it only books what is so.
"""

from typing import Any

from domain import ledger
from domain.giftcards.events import moved
from domain.giftcards.models import Breakage, GiftCardStatus
from domain.kernel import Connection, clock, crash_point, record_events, transaction, wake_relay
from domain.ledger import AccountKind, Posting, TransferKind, account_id

BATCH = 500

_DUE = """
SELECT g.card_id, g.number, g.status, g.version, g.balance_units, g.currency, p.breakage
FROM gift_cards g JOIN gift_card_programs p ON p.id = g.program_id
WHERE g.status IN ('active', 'frozen') AND g.expires_at <= $1
ORDER BY g.expires_at LIMIT $2 FOR NO KEY UPDATE OF g SKIP LOCKED
"""
_EXPIRE = """
UPDATE gift_cards g SET status = 'expired', version = g.version + 1, moved_by = NULL,
    moved_because = 'expired', moved_at = $2,
    balance_units = CASE WHEN p.breakage = 'income' THEN 0 ELSE g.balance_units END,
    uses_left = CASE WHEN p.breakage = 'income' THEN 0 ELSE g.uses_left END
FROM gift_card_programs p WHERE g.card_id = ANY($1) AND p.id = g.program_id
"""


async def expire_due() -> int:
    """Expire a batch of cards whose time is over; how many. Does nothing twice."""
    async with transaction() as conn:
        moment = clock.now()
        rows = await conn.fetch(_DUE, moment, BATCH)
        if not rows:
            return 0
        await conn.execute(_EXPIRE, [row["card_id"] for row in rows], moment)
        await _book_breakage(conn, rows)
        await record_events(conn, [moved(row, GiftCardStatus.EXPIRED, "expired") for row in rows])
        crash_point("giftcards.expiry_written")
    wake_relay()
    return len(rows)


async def _book_breakage(conn: Connection, rows: list[Any]) -> None:
    """The one rule by which a rest becomes income: the terms say so, and the time is over."""
    postings = [
        Posting(
            TransferKind.GIFT_CARD_BREAKAGE,
            row["card_id"],
            row["currency"],
            [
                (account_id(AccountKind.GIFT_CARD, None, row["currency"]), -row["balance_units"]),
                (account_id(AccountKind.REVENUE, None, row["currency"]), row["balance_units"]),
            ],
            row["number"],
        )
        for row in rows
        if row["breakage"] == Breakage.INCOME and row["balance_units"]
    ]
    if postings:
        await ledger.post(conn, postings)
