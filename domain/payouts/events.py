"""What the outside hears of payouts: ids and amounts; never an account or a name."""

from uuid import UUID

from domain.kernel import Connection, Event, Prefix, encode_id, plain, record_events
from domain.payouts.models import Payout, PayoutStatus

REQUESTED, APPROVED, SUBMITTED = "payout.requested", "payout.approved", "payout.submitted"
WAITING, SUCCEEDED, FAILED = "payout.waiting", "payout.succeeded", "payout.failed"
RETURNED, REFUSED, CANCELLED = "payout.returned", "payout.refused", "payout.cancelled"
STUCK, CONTRADICTED = "payout.stuck", "payout.contradicted"
OF_STATUS = {
    PayoutStatus.SUCCEEDED: SUCCEEDED,
    PayoutStatus.FAILED: FAILED,
    PayoutStatus.RETURNED: RETURNED,
    PayoutStatus.REFUSED: REFUSED,
    PayoutStatus.CANCELLED: CANCELLED,
}
_OWNERS = "SELECT id, user_id FROM agents WHERE id = ANY($1::uuid[])"


async def announce(conn: Connection, event: str, *payouts: Payout) -> None:
    """Write an event of each payout, in the caller's transaction; the caller saves them after."""
    rows = await conn.fetch(_OWNERS, list({payout.agent_id for payout in payouts}))
    owners: dict[UUID, UUID] = {row["id"]: row["user_id"] for row in rows}
    events = []
    for payout in payouts:
        payout.event_count += 1
        payload = {
            "payoutId": encode_id(Prefix.PAYOUT, payout.id),
            "agentId": encode_id(Prefix.AGENT, payout.agent_id),
            "userId": encode_id(Prefix.USER, owners[payout.agent_id]),
            "amount": plain(payout.amount),
            "fee": plain(payout.fee),
            "tax": plain(payout.tax),
            "currency": payout.currency,
            "status": payout.status.value,
            "why": payout.why,
        }
        events.append(Event(event, payout.id, payout.event_count, payload))
    await record_events(conn, events)
