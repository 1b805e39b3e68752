"""Cases of payouts: opened by what finds them, and ended here when they end by themselves.

`cases.py` is what people do about them. The payout is locked before its cases.
"""

from domain.kernel import Connection, clock, new_id
from domain.payouts import events
from domain.payouts.models import CaseKind, Payout

_OPEN = """
INSERT INTO payout_cases (id, payout_id, kind, state, opened_at, note)
VALUES ($1, $2, $3, 'OPEN', $4, '') ON CONFLICT DO NOTHING RETURNING id
"""
# Whoever had a word in it is in the audit log; the case itself was nobody's in the end.
_OVER = """
UPDATE payout_cases SET state = 'CLOSED', closed_at = $2, verdict = NULL, asked_by = NULL,
    asked_at = NULL WHERE payout_id = $1 AND kind = 'UNKNOWN' AND state <> 'CLOSED'
"""


async def open_case(conn: Connection, payout: Payout, kind: CaseKind) -> bool:
    """Open a case of a locked payout, which the caller saves, and tell of it; False when one of
    the kind is open already."""
    made = await conn.fetchval(_OPEN, new_id(), payout.id, kind.value, clock.now())
    if made is None:
        return False
    event = events.STUCK if kind is CaseKind.UNKNOWN else events.CONTRADICTED
    await events.announce(conn, event, payout)
    return True


async def over(conn: Connection, payout: Payout) -> None:
    """A locked payout has ended: nobody need ask about it any more."""
    await conn.execute(_OVER, payout.id, clock.now())
